# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools as charon takes them (swanctl.conf, section pools), and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

from ..desired.gateway import POOLS, Gateway, parse_one
from ..desired.pool import ATTRIBUTES, Pool
from ..errors import Problem
from .inverse_problems import no_value_here, not_known
from .settings import Section
from .values import Tree


def pool_trees(gateway: Gateway) -> dict[str, Tree]:
    """Return the tree of every pool by name, as vici's `load-pool` takes it and swanctl.conf writes it."""
    return {name: _tree(pool) for name, pool in sorted(gateway.pools.items())}


def _tree(pool: Pool) -> Tree:
    tree: dict[str, Any] = {"addrs": pool.addrs}
    tree.update((name, list(getattr(pool, name))) for name in ATTRIBUTES if getattr(pool, name))
    tree.update((str(each.number), list(each.values)) for each in pool.attributes or () if each.values)
    return tree


def tree_digest(tree: Tree) -> str:
    """Return the identity of what charon is told of an object without sections, such as a pool."""
    plain = {key: value if isinstance(value, str) else ",".join(value) for key, value in tree.items()}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def pools_in_text(text: str) -> dict[str, str]:
    """Return the digest of every pool in the text of a swanctl file of ours; raises `SettingsError`."""
    from .references import resolved
    from .settings import parse_settings

    found = resolved(parse_settings(text, file="swanctl.conf")).sections.get("pools")
    sections = found.sections if found is not None else {}
    return {
        name: tree_digest({key: value.text for key, value in section.values.items() if value.text is not None})
        for name, section in sections.items()
    }


def read_pools(section: Section, problems: list[Problem], *, only: Collection[str] | None = None) -> dict[str, Pool]:
    """Return the pools that a text describes, or `only` some; what options cannot say of them is added to `problems`."""
    if only is None:
        problems += no_value_here(section, "pools")
    found: dict[str, Pool] = {}
    for name, inner in section.sections.items():
        if only is not None and name not in only:
            continue
        path = f"pools.{name}"
        problems += (not_known(each, f"{path}.{key}", ()) for key, each in inner.sections.items())
        own: list[Problem] = []
        pool = parse_one(POOLS, _options(name, path, inner, problems), where=f"pool {name}", problems=own)
        problems += (Problem(f"{inner.place}: {each.where}", each.option, each.value, each.wanted) for each in own)
        if pool is not None:
            found[name] = pool
    return found


def _options(name: str, path: str, section: Section, problems: list[Problem]) -> dict[str, Any]:
    options: dict[str, Any] = {"name": name}
    numbered = []
    for key, value in section.values.items():
        if value.text is None:
            continue
        items = [item.strip(" ") for item in value.text.split(",")]
        values = [item for item in items if item]
        if key == "addrs":
            options[key] = value.text.strip()
        elif key in ATTRIBUTES:
            options[key] = values
        elif key.isdigit():
            numbered.append({"number": int(key), "values": values})
        else:
            problems.append(not_known(value, f"{path}.{key}", ("addrs", *ATTRIBUTES)))
    return {**options, "attributes": numbered} if numbered else options


def pools_named(trees: Mapping[str, Tree]) -> dict[str, str]:
    """Return the digests of pools by name."""
    return {name: tree_digest(tree) for name, tree in trees.items()}
