# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of primaries as echo requests: by which way they go, and which answer belongs to which."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..desired.check_sources import check_sources
from ..desired.fallback import Fallback, checked_inside, children_of
from ..desired.gateway import Gateway
from ..desired.phase1 import Phase1, address_family
from ..desired.phase2 import Phase2
from ..drivers.echoes import EchoReply, EchoRequest
from .decision.values import Action, Answer

_SEQUENCES = 1 << 32


@dataclass(frozen=True)
class Way:
    """By which interface and from which address a group's checks go; empty is whatever the routes say.

    `inside` are the addresses that those go from which ask an address behind the tunnel, by the address that is asked.
    """

    interface: str = ""
    source: str = ""
    inside: Mapping[str, str] = field(default_factory=dict)


def ways_of(
    gateway: Gateway,
    sources: Mapping[str, str],
    own: Mapping[str, Sequence[str]],
    primaries: Collection[str] | None = None,
) -> dict[str, Way]:
    """Return the way of each group's checks, or of the groups of some primaries: the primary's, and no other.

    From inside it is the primary's XFRM interface, and an address of ours that the tunnel takes. From outside it is the
    interface that the primary has, or, where it has an address in that place, that address; `sources` are those that the
    IKE SAs have, and `own` those that the host has, by interface.
    """
    checked = {
        name: each
        for name, each in gateway.fallbacks.items()
        if each.checked and (primaries is None or each.primary in primaries)
    }
    children = children_of({each.primary for each in checked.values()}, gateway.phase2)
    return {
        name: _way(each, gateway.phase1[each.primary], children[each.primary], sources.get(each.primary, ""), own)
        for name, each in checked.items()
    }


def _way(each: Fallback, primary: Phase1, children: list[Phase2], source: str, own: Mapping[str, Sequence[str]]) -> Way:
    given = each.ping_source or ""
    if checked_inside(each, primary, children):
        inside = check_sources(each, primary, children, own, source)
        return Way(primary.xfrm_interface or "", given, {asked: found for asked, found in inside.items() if found})
    named = [entry for entry in primary.interfaces if entry != "any"]
    addresses = [entry for entry in named if address_family(entry) is not None]
    links = [entry for entry in named if address_family(entry) is None]
    if len(named) == 1 and links:
        return Way(links[0], given)
    bound = source if source in addresses else next(iter(addresses), "")
    return Way("", given or (bound if len(addresses) == len(named) else ""))


class Asked:
    """Which group's which round a token is of: the groups get numbers, and a token is a number and a round."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._groups: list[str] = []

    def requests(self, actions: Iterable[Action], ways: Mapping[str, Way]) -> list[EchoRequest]:
        """Return the requests of rounds that begin now."""
        found = []
        for action in actions:
            way = ways.get(action.group, Way())
            number = self._numbers.get(action.group)
            if number is None:
                number = self._numbers[action.group] = len(self._groups)
                self._groups.append(action.group)
            token = number * _SEQUENCES + action.sequence % _SEQUENCES
            found += [
                EchoRequest(address, token, way.interface, way.inside.get(address, way.source))
                for address in action.addresses
            ]
        return found

    def answers(self, replies: Iterable[EchoReply]) -> tuple[Answer, ...]:
        """Return what the replies answer."""
        told = []
        for reply in replies:
            number, sequence = divmod(reply.token, _SEQUENCES)
            if number < len(self._groups):
                told.append(Answer(self._groups[number], sequence, reply.address))
        return tuple(told)
