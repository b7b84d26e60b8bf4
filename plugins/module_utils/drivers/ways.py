# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way packets to an address would take now, by the kernel's own rules and routes."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from subprocess import CompletedProcess
from typing import Any, Protocol

from .programs import ask

_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Way:
    """An interface, the next hop or nothing where the address is on the link, and the address of ours that packets get."""

    interface: str
    gateway: str
    source: str


# Where packets go, and the address of ours that they have already, or nothing where the way decides.
Asked = tuple[str, str]


class Ways(Protocol):
    """The ways out of the host."""

    def to(self, asked: Collection[Asked]) -> dict[Asked, Way]:
        """Return the ways that there are now; what is not there has none."""


class KernelWays:
    """The ways out of this host through ip(8): one process for all, which goes on after each that has no way (-force)."""

    def to(self, asked: Collection[Asked]) -> dict[Asked, Way]:
        plain = {each: _plain(each) for each in asked}
        questions = sorted({each for each in plain.values() if each is not None})
        if not questions:
            return {}
        lines = "".join(f"route get {address}{source and f' from {source}'}\n" for address, source in questions)
        done = ask(["ip", "-j", "-force", "-batch", "-"], timeout=_TIMEOUT_S, given=lines)
        # Only standard error tells of those without a way, so that an answer is known by what it says, not by its place.
        routes = {_plain((str(one.get("dst", "")), _from(one))): one for one in _shown(done)}
        ways = {each: _way(routes.get(one, {}), each[1]) for each, one in plain.items() if one is not None}
        return {each: way for each, way in ways.items() if way is not None}


def _plain(asked: Asked) -> Asked | None:
    """Return a question as the kernel writes its addresses; None for what ip(8) takes for a mistake, and ends its batch."""
    try:
        address, *sources = (ipaddress.ip_address(each) for each in asked if each)
    except ValueError:
        return None
    if any("%" in each for each in asked) or any(each.version != address.version for each in sources):
        return None
    return str(address), "".join(map(str, sources))


def _shown(done: CompletedProcess[str] | None) -> Iterator[dict[str, Any]]:
    """Yield the routes that a batch has shown, each in a list of its own."""
    said, decoder = "" if done is None else done.stdout.strip(), json.JSONDecoder()
    while said:
        try:
            found, end = decoder.raw_decode(said)
        except ValueError:
            return
        said = said[end:].lstrip()
        yield from found


def _from(route: Mapping[str, Any]) -> str:
    # With IPv6 one that was asked without a source is from nowhere.
    source = str(route.get("from", ""))
    return "" if source == "::" else source


def _way(route: Mapping[str, Any], source: str) -> Way | None:
    if "dev" not in route or route.get("type", "unicast") not in ("unicast", "local"):
        return None
    gateway = str(route.get("gateway") or (route.get("via") or {}).get("host", ""))
    return Way(str(route["dev"]), gateway, source or str(route.get("prefsrc", "")))
