# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorities as charon takes them (swanctl.conf, section authorities), and back.

charon shows of an authority where it asks, and of its certificate the subject alone. So the name of the section ends in
a digest of all that it says: another certificate is another section, which is loaded before the old one goes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..desired.authority import Authority
from ..desired.gateway import AUTHORITIES, Gateway, parse_one
from ..errors import Problem
from .credentials import AUTHORITIES as DIRECTORY
from .inverse_problems import no_value_here, not_known
from .pools import tree_digest
from .rounds import certificate_file
from .settings import Section
from .values import Tree

_OURS = re.compile(r"swanfleet-(.+)-[0-9a-f]{24}")
_TOKEN = ("handle", "slot", "module", "file")
_URIS = ("crl_uris", "ocsp_uris")
_KEYS = ("cacert", *_TOKEN, *_URIS, "cert_uri_base")


def authority_trees(gateway: Gateway) -> dict[str, Tree]:
    """Return the tree of every authority by the name of its section, as swanctl.conf writes it."""
    trees = ((name, _tree(gateway, each)) for name, each in sorted(gateway.authorities.items()))
    return {f"swanfleet-{name}-{tree_digest(tree)}": tree for name, tree in trees}


def _tree(gateway: Gateway, authority: Authority) -> Tree:
    tree: dict[str, Any] = {}
    if authority.ca_certificate is not None:
        tree["cacert"] = certificate_file(gateway, authority.ca_certificate)
    token = authority.token_ca_certificate
    tree.update((key, str(getattr(token, key))) for key in _TOKEN if getattr(token, key, None) is not None)
    tree.update((key, list(getattr(authority, key))) for key in _URIS if getattr(authority, key))
    if authority.cert_uri_base is not None:
        tree["cert_uri_base"] = authority.cert_uri_base
    return tree


def authority_name(section: str) -> str:
    """Return what people call the authority of a section; empty for one that is not ours."""
    found = _OURS.fullmatch(section)
    return found[1] if found is not None else ""


def for_vici(tree: Tree, contents: Mapping[str, str]) -> Tree:
    """Return the tree as vici takes it: the certificate in the place of its file, which swanctl reads itself."""
    return {**tree, "cacert": contents[f"{DIRECTORY}/{tree['cacert']}"]} if "cacert" in tree else tree


def says(tree: Tree, shown: Mapping[str, Any]) -> bool:
    """Say whether a tree says what `list-authorities` shows of its section, as far as that can be seen."""
    uris = all(list(tree.get(key, ())) == list(shown.get(key, ())) for key in _URIS)
    return uris and tree.get("cert_uri_base") == shown.get("cert_uri_base")


def read_authorities(section: Section, directory: str, problems: list[Problem]) -> dict[str, Authority]:
    """Return the authorities that a text describes; what options cannot say of them is added to `problems`.

    `directory` is where swanctl's files lie.
    """
    problems += no_value_here(section, "authorities")
    found: dict[str, Authority] = {}
    for title, inner in section.sections.items():
        name, path = authority_name(title) or title, f"authorities.{title}"
        problems += (not_known(each, f"{path}.{key}", ()) for key, each in inner.sections.items())
        own: list[Problem] = []
        options = _options(name, path, directory, inner, problems)
        authority = parse_one(AUTHORITIES, options, where=f"authority {name}", problems=own)
        problems += (Problem(f"{inner.place}: {each.where}", each.option, each.value, each.wanted) for each in own)
        if authority is not None:
            found[name] = authority
    return found


def _options(name: str, path: str, directory: str, section: Section, problems: list[Problem]) -> dict[str, Any]:
    options: dict[str, Any] = {"name": name}
    token: dict[str, str] = {}
    for key, value in section.values.items():
        if value.text is None:
            continue
        if key == "cacert":
            options["ca_certificate"] = (
                value.text if value.text.startswith("/") else f"{directory}/{DIRECTORY}/{value.text}"
            )
        elif key in _TOKEN:
            token[key] = value.text
        elif key in _URIS:
            items = [item.strip(" ") for item in value.text.split(",")]
            options[key] = [item for item in items if item]
        elif key in _KEYS:
            options[key] = value.text
        else:
            problems.append(not_known(value, f"{path}.{key}", _KEYS))
    return {**options, "token_ca_certificate": token} if token else options
