# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tunnels whose link is made anew under them, or goes down: their SAs stay, their traffic does not; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from ..artifacts.values import Artifacts
from ..observed.values import LiveSas, ObservedDaemon, ObservedLink
from .disruption import END, NONE, REESTABLISH
from .steps import Step


def renewed_numbers(build: Iterable[Step], present: Mapping[str, ObservedLink]) -> frozenset[str]:
    """Return the numbers of the links that go before others are made, in the text that charon's `if_id_in` has."""
    return frozenset(str(present[step.name].if_id) for step in build if (step.verb, step.layer) == ("remove", "link"))


def tunnels_of(numbers: Set[str], wanted: Artifacts, daemon: ObservedDaemon) -> tuple[str, ...]:
    """Return the connections of charon that go through links of these numbers and shall go on to."""
    if not numbers:
        return ()
    return tuple(
        name
        for name, tree in wanted.connections.items()
        if tree.get("if_id_in") in numbers and name in daemon.connections
    )


def with_links(
    touched: Iterable[str], silent: Set[str], disruption: Mapping[str, str], live: LiveSas
) -> dict[str, str]:
    """Return what happens to the traffic of tunnels whose link is made anew, or for the `silent` ones goes down for good.

    `disruption` is what a plan for charon alone tells. A link that goes down by itself does so when nothing is up.
    """
    found = {}
    for name in touched:
        up = any(child.up for sa in live.get(name, ()) for child in sa.children)
        told = disruption.get(name, NONE)
        found[name] = (END if name in silent or told == END else REESTABLISH) if up else told
    return found
