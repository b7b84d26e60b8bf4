# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which networks a guard against plaintext can be for, and why not for the others.

A guard stops what would go to a protected network in the clear. It must never stop the tunnel's own packets, nor what has
nothing to do with tunnels.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Callable

from ..errors import Problem
from .phase1 import ANYONE, Phase1, address_family
from .phase2 import Phase2
from .selectors import Selector, selector_of


class Endpoints:
    """The addresses of all peers of a gateway, to be asked whether one of them lies in a network.

    Names have none here: nobody is asked for what they stand for before a run, see `followed_names`.
    """

    def __init__(self, phase1: Mapping[str, Phase1]) -> None:
        listed = {
            endpoint
            for each in phase1.values()
            for endpoint in each.remote_endpoints
            if endpoint not in ANYONE and address_family(endpoint) is not None
        }
        spans = sorted((each.family, each.low, each.high) for each in map(selector_of, listed))
        self._starts = [span[:2] for span in spans]
        self._spans = spans
        # The farthest end of all that begin no later, so that a long span before short ones is not overlooked.
        self._reach: list[int] = []
        for family, _low, high in spans:
            before = self._reach[-1] if self._reach and spans[len(self._reach) - 1][0] == family else -1
            self._reach.append(max(before, high))

    def within(self, network: Selector) -> bool:
        """Say whether a peer is, or may be, at an address of a network."""
        at = bisect_right(self._starts, (network.family, network.high)) - 1
        return at >= 0 and self._spans[at][0] == network.family and self._reach[at] >= network.low


def guarded_networks(child: Phase2, parent: Phase1, endpoints: Endpoints) -> Iterator[Selector]:
    """Yield the networks of a phase 2 that are guarded.

    Without a word from the user these are the ones that get a route through an XFRM interface: it wins wherever it is.
    """
    if child.plaintext_guard is False or parent.connection_type == "transport":
        return
    if child.plaintext_guard is None and (parent.xfrm_interface is None or not child.install_routes):
        return
    for each in map(selector_of, child.remote_networks):
        if not _unfit(each) and not endpoints.within(each):
            yield each


def _unfit(network: Selector) -> str:
    if not network.family:
        return "it is the peer's own address, which its tunnel is made through"
    if network.limited:
        return "a guard knows no protocols and ports: what the tunnel does not take would be lost"
    if any(not each.prefixlen for each in network.networks()):
        return "it is everything, and with it the way to the peer, and to whoever manages the host"
    return ""


def guard_problems(phase1: Mapping[str, Phase1], phase2: Mapping[str, Phase2]) -> Iterator[Problem]:
    """Yield why a guard that somebody asks for cannot be."""
    asked = {key: child for key, child in sorted(phase2.items()) if child.plaintext_guard and child.phase1 in phase1}
    endpoints = Endpoints(phase1) if asked else None
    for child in asked.values():
        parent = phase1[child.phase1]
        if parent.connection_type == "transport":
            wanted = f"false is needed, as {parent.where} has connection_type: transport and protects the endpoints themselves"
            yield Problem(child.where, "plaintext_guard", True, wanted)
            continue
        for network in child.remote_networks:
            selector = selector_of(network)
            why = _unfit(selector)
            if not why and endpoints is not None and endpoints.within(selector):
                why = "the endpoint of a peer lies in it, whose IKE and ESP have to leave as they are"
            if why:
                yield Problem(child.where, "plaintext_guard", True, f"false is needed, as of {network}: {why}")


def managed_from(
    addresses: tuple[str, ...],
    phase1: Mapping[str, Phase1],
    phase2: Mapping[str, Phase2],
    stopped: Callable[[Selector], Iterable[tuple[int, int]]],
) -> Iterator[Problem]:
    """Yield the guards that would stop answers to those who manage the host; `stopped` tells what is, of a guarded network."""
    spots = [selector_of(each) for each in addresses]
    endpoints = Endpoints(phase1)
    for _key, child in sorted(phase2.items()):
        if not child.plaintext_guard:
            continue
        for network in guarded_networks(child, phase1[child.phase1], endpoints):
            inside = [(address, spot) for address, spot in zip(addresses, spots) if spot.overlaps(network)]
            left = list(stopped(network)) if inside else []
            for address, spot in inside:
                if any(low <= spot.high and spot.low <= high for low, high in left):
                    yield Problem(
                        child.where,
                        "plaintext_guard",
                        True,
                        f"this host is managed from {address}, which lies in {network.networks()[0]}: without the tunnel its "
                        "answers would be stopped. Manage it from elsewhere, set plaintext_guard: false, or say with "
                        "management: [] that it is reached in another way",
                    )
