# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What connections ask of charon that not every one has: keys and values by the release they came with, and plugins.

Source: the releases' own swanctl.conf(5), as far as they are newer than 5.9.8, the oldest that this collection is for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import cast

from ..desired.pool import BACKENDS
from ..errors import Problem
from .values import Credential, TokenKey, Tree

# Of a key, or of one of its values.
SINCE: dict[str, str] = {"ocsp": "5.9.14", "childless=prefer": "5.9.10"}
SINCE_OF_CHILD: dict[str, str] = {"per_cpu_sas": "6.0.2", "icmp": "6.0.5", "hw_offload=packet": "5.9.10"}
PLUGIN_OF_CHILD: dict[str, str] = {"updown": "updown"}
# Of a way to authenticate: the plugin that charon has it from, and the package of Debian that has the plugin.
PLUGIN_OF_METHOD: dict[str, tuple[str, str]] = {
    **{
        method: (method, "libcharon-extra-plugins")
        for method in ("eap-aka", "eap-gtc", "eap-md5", "eap-radius", "eap-tls", "eap-ttls", "xauth-eap", "xauth-pam")
    },
    "eap-mschapv2": ("eap-mschapv2", "libcharon-extauth-plugins"),
    **dict.fromkeys(("xauth", "xauth-generic"), ("xauth-generic", "libcharon-extauth-plugins")),
}
# Of something on a token, given by a slot or a module, or by its handle alone.
_TOKENS = {True: ("pkcs11",), False: ("pkcs11", "tpm")}
# By the beginning of a URI: the plugins that charon may fetch it with.
PLUGINS_OF_URI: dict[str, tuple[str, ...]] = {
    "file": ("files", "curl"),
    "ftp": ("curl",),
    **dict.fromkeys(("http", "https"), ("curl", "soup")),
    **dict.fromkeys(("ldap", "ldaps"), ("ldap",)),
}
_ASKS_FOR_NAMES = ("eap-identity", "libcharon-extra-plugins")

_NO_PLUGIN = "it needs charon's plugin {}, which is not loaded on this host"
_ON_HOST = "charon on this host is"
_NUMBERS = re.compile(r"[0-9]+")


def too_new(connections: Mapping[str, Tree], *, version: str, whose: str = _ON_HOST) -> list[Problem]:
    """Return a problem for all that a charon of this version would refuse or pass over; `whose` says what it is."""
    found: list[Problem] = []
    for name, tree in connections.items():
        found += _too_new(f"phase1 {name}", tree, SINCE, version, whose)
        for child, inner in cast("Mapping[str, Tree]", tree["children"]).items():
            found += _too_new(f"phase2 {name}/{child}", inner, SINCE_OF_CHILD, version, whose)
    return found


def unmet(connections: Mapping[str, Tree], *, version: str, plugins: Collection[str]) -> list[Problem]:
    """Return a problem for all that the host's charon, of this version and with these plugins, would refuse or pass over."""
    found = too_new(connections, version=version)
    for name, tree in connections.items():
        found += _without_method(f"phase1 {name}", tree, plugins)
        for pool in map(str, tree.get("pools", ())):
            if pool in BACKENDS and BACKENDS[pool] not in plugins:
                found.append(Problem(f"phase1 {name}", "pools", pool, _NO_PLUGIN.format(BACKENDS[pool])))
        for child, inner in cast("Mapping[str, Tree]", tree["children"]).items():
            found += _without_plugin(f"phase2 {name}/{child}", inner, plugins)
    return found


def unmet_by_authorities(authorities: Mapping[str, Tree], *, plugins: Collection[str]) -> list[Problem]:
    """Return a problem for every URI, of authorities by their names, that charon could not ask with these plugins.

    It would pass over them, and take certificates that are revoked, or none where a certificate's status must be known.
    """
    found = []
    for name, tree in authorities.items():
        for key in ("crl_uris", "ocsp_uris"):
            for index, uri in enumerate(map(str, tree.get(key, ()))):
                able = PLUGINS_OF_URI[uri.partition(":")[0]]
                if not set(able) & set(plugins):
                    found.append(Problem(f"authority {name}", f"{key}[{index}]", uri, _one_needed(able)))
        found += _without_token(f"authority {name}", "token_ca_certificate", tree, plugins)
    return found


def unmet_by_keys(
    held: Mapping[str, Credential], tokens: Mapping[str, TokenKey], *, plugins: Collection[str]
) -> list[Problem]:
    """Return a problem for every private key that could not be opened with these plugins, or not be reached on its token.

    What opens a file is swanctl at charon's start, which has the same plugins.
    """
    found = []
    for each in held.values():
        for able in sorted(each.lock.plugins) if each.lock is not None else ():
            if each.lock is not None and not set(able) & set(plugins):
                wanted = _one_needed(able, "libstrongswan or libstrongswan-standard-plugins")
                found.append(Problem(each.lock.owner, each.lock.option, None, wanted))
    for token in tokens.values():
        found += _without_token(f"private_key {token.name}", "handle", token.place, plugins)
    return found


def _one_needed(able: Sequence[str], package: str = "libstrongswan-extra-plugins") -> str:
    return (
        f"it needs charon's plugin {' or '.join(able)}, which is not loaded on this host: on Debian it is in the "
        f"package {package}, and charon loads it when it starts"
    )


def _without_token(where: str, option: str, place: Mapping[str, object], plugins: Collection[str]) -> Iterator[Problem]:
    if "handle" in place:
        able = _TOKENS["slot" in place or "module" in place]
        if not set(able) & set(plugins):
            yield Problem(where, option, place["handle"], _one_needed(able))


def _too_new(where: str, tree: Tree, since: Mapping[str, str], version: str, whose: str) -> Iterator[Problem]:
    for what, release in since.items():
        key, _equals, value = what.partition("=")
        if key in tree and value in ("", tree[key]) and _release(version) < _release(release):
            wanted = f"it needs strongSwan {release} or newer, and {whose} {version}"
            yield Problem(where, key, tree[key], wanted)


def _without_plugin(where: str, tree: Tree, plugins: Collection[str]) -> Iterator[Problem]:
    for key, plugin in PLUGIN_OF_CHILD.items():
        if key in tree and plugin not in plugins:
            yield Problem(where, key, tree[key], _NO_PLUGIN.format(plugin))


def _without_method(where: str, tree: Tree, plugins: Collection[str]) -> Iterator[Problem]:
    for key, section in tree.items():
        if isinstance(section, Mapping) and key.startswith(("local", "remote")):
            method = str(section.get("auth", "")).partition(":")[0]
            needed = [PLUGIN_OF_METHOD[method]] if method in PLUGIN_OF_METHOD else []
            needed += [_ASKS_FOR_NAMES] if section.get("eap_id") == "%any" else []
            for plugin, package in needed:
                if plugin not in plugins:
                    yield Problem(where, f"{key}.auth", method, _one_needed((plugin,), package))
            for name, inner in section.items():
                if isinstance(inner, Mapping):
                    yield from _without_token(where, f"{key}.{name}.handle", inner, plugins)


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, so that they compare; "6.0.0beta6" counts as 6.0.0."""
    return tuple(int(number) for number in _NUMBERS.findall(version.partition("beta")[0].partition("rc")[0])[:3])
