# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that are followed: when each is looked up, and which addresses it has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set

from ..drivers.resolver import Lookups
from .decision.values import Resolved

EVERY_S = 30.0
# While a tunnel waits for its name. After a minute without an answer it is asked less often, up to EVERY_S.
_AWAITED_S, _HASTY = 5.0, 12
# Each look-up is a process, so that of very many names each is looked up less often.
_MOST_A_SECOND = 10.0
# An answer is looked for so soon while one is awaited.
_SOON_S = 0.2
# The firewall lets in what a name had within this time: answers that take turns are all of them the peer's.
_HELD_S = 120.0


class Naming:
    """The names that tunnels and the firewall follow; nothing here waits for an answer."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._next: dict[str, float] = {}
        self._failed: dict[str, int] = {}
        self._seen: dict[str, dict[str, float]] = {}
        # When the first of them is due.
        self._soonest = 0.0
        self.answers: dict[str, Resolved] = {}

    def look(self, now: float, names: Set[str], awaited: Mapping[str, Set[int]]) -> bool:
        """Take answers that have come, and ask for what is due; returns whether the firewall shall let in somebody else.

        Tunnels that are down wait for the `awaited` ones among `names`, for addresses of these families (`Resolved.of_family`).
        """
        told = self._lookups.told() if self._lookups.under_way else {}
        if not told and names == self._next.keys() and now < self._soonest:
            return False
        before = self.held()
        for name, addresses in told.items():
            if name in names:
                self._take(name, addresses, now, awaited.get(name, ()))
        for name in self._next.keys() - names:
            for kept in (self._next, self._failed, self._seen, self.answers):
                kept.pop(name, None)
        for name in sorted(names - self._next.keys()):
            self._next[name] = now
        for name in sorted(names, key=lambda each: self._next[each]):
            if self._next[name] > now or not self._lookups.ask(name):
                break
            self._next[name] = now + self._pause(name, hasty=name in awaited)
        for name, seen in self._seen.items():
            last = max(seen.values())
            self._seen[name] = {each: at for each, at in seen.items() if now - at < _HELD_S or at == last}
        self._soonest = min(self._next.values(), default=now + EVERY_S)
        return self.held() != before

    def due(self, now: float) -> float:
        """Return when to look again."""
        if self._lookups.under_way:
            return now + _SOON_S
        # What could not be asked is asked a little later.
        return max(self._soonest, now + _SOON_S)

    def held(self) -> Mapping[str, tuple[str, ...]]:
        """Return the addresses that each name has, or had a short time ago; without those of which none is known."""
        return {name: tuple(sorted(seen)) for name, seen in self._seen.items() if seen}

    def _take(self, name: str, addresses: tuple[str, ...], now: float, families: Collection[int]) -> None:
        answer = self.answers[name] = Resolved(addresses, now)
        lacking = not addresses or not all(answer.of_family(family).addresses for family in families)
        self._failed[name] = self._failed.get(name, 0) + 1 if lacking else 0
        if addresses:
            self._seen.setdefault(name, {}).update(dict.fromkeys(addresses, now))
        self._next[name] = now + self._pause(name, hasty=bool(families))

    def _pause(self, name: str, *, hasty: bool) -> float:
        failed = self._failed.get(name, 0)
        pause = EVERY_S
        if hasty and failed:
            pause = min(_AWAITED_S * 2.0 ** max(0, min(failed - _HASTY, 8)), EVERY_S)
        return max(pause, len(self._next) / _MOST_A_SECOND)
