# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of the guard against plaintext that are the kernel's: routes that lead nowhere, policies that block."""

from __future__ import annotations

from collections.abc import Iterable

from ..artifacts.links import MAIN_TABLE
from ..artifacts.values import Guard
from ..desired.xfrm_interface import GUARD_METRIC, GUARD_PRIORITY, GUARD_SOURCES, ROUTE_PROTOCOL
from ..observed.values import ObservedGuard
from .steps import GUARD, Step

_ROUTE = ("table", str(MAIN_TABLE), "metric", str(GUARD_METRIC), "proto", str(ROUTE_PROTOCOL))


def plan_guard(wanted: Guard, found: ObservedGuard) -> tuple[list[Step], list[Step]]:
    """Return the steps that stop more, which come before all others, and those that stop less, which come after them."""
    blocks = found.blocks if found.blocks is not None else wanted.blocks
    first = [_route("add", network) for network in _sorted(wanted.routes - found.routes)]
    first += [_block("add", network) for network in _sorted(wanted.blocks - blocks)]
    last = [_block("delete", network) for network in _sorted(blocks - wanted.blocks)]
    return first, last + [_route("delete", network) for network in _sorted(found.routes - wanted.routes)]


def _sorted(networks: Iterable[str]) -> list[str]:
    return sorted(networks)


def _route(verb: str, network: str) -> Step:
    return _step(verb, f"unreachable {network}", ("route", verb, "unreachable", network, *_ROUTE))


def _block(verb: str, network: str) -> Step:
    selector = ("dir", "out", "src", GUARD_SOURCES[6 if ":" in network else 4], "dst", network)
    more = ("action", "block", "priority", str(GUARD_PRIORITY)) if verb == "add" else ()
    return _step(verb, f"block {network}", ("xfrm", "policy", verb, *selector, *more))


def _step(verb: str, name: str, command: tuple[str, ...]) -> Step:
    return Step("remove" if verb == "delete" else verb, GUARD, name, commands=(command,))
