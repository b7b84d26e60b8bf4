# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent knows of its gateway between two looks: what is wanted, what people have decided, how tunnels are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Set

from ..desired.gateway import Gateway
from ..desired.situation import Situation, local_addresses
from ..drivers.charon import Charon, DaemonHung, DaemonUnavailable
from ..drivers.host import Host
from ..observed.kernel import parse_addresses, parse_own
from ..observed.read import read_stored
from .decision.decide import State
from .decision.reading import wanted_of
from .decision.standing import ACTIVE
from .decision.values import View
from .decision.wanted import Wanted
from .keeping import read_overrides
from .probing import Way, ways_of
from .views import NO_LIFE, Happened, lives_of, view_of

_NOTHING = Happened()


class Scene:
    """The gateway in force and its tunnels. Reading it again is up to whoever has it."""

    def __init__(self, host: Host, charon: Charon, views: Mapping[str, View]) -> None:
        self._host = host
        self._charon = charon
        self._number: int | None = None
        self._usable: Mapping[str, bool] = {}
        self.gateway = Gateway()
        self.wanted = Wanted()
        self.overrides: Mapping[str, str] = {}
        self.views: dict[str, View] = dict(views)
        self.ways: Mapping[str, Way] = {}
        # The tunnels that the agent has anything to do with.
        self.names: Set[str] = frozenset()

    def read_overrides(self) -> bool:
        """Read what people have decided; returns whether that is anything new."""
        before, self.overrides = self.overrides, read_overrides(self._host)
        return before != self.overrides

    def changed(self) -> bool:
        """Say whether another generation is in force than the one that was read."""
        return self._host.generations.current_number() != self._number

    def read(self) -> None:
        """Read the generation in force, if it is another one, and the host's addresses. Raises `IpsecError`."""
        if self.changed():
            stored = read_stored(self._host)
            wanted = wanted_of(stored.gateway.fallbacks, stored.gateway.phase1, stored.gateway.phase2)
            self.gateway, self.wanted, self._number = stored.gateway, wanted, stored.number
            members = {member for group in wanted.groups.values() for member in group.members}
            self.names = members | wanted.tunnels.keys()
            self.views = {name: self.views.get(name, View()) for name in sorted(self.names)}
            self._find_ways()
        self.read_addresses()

    def read_addresses(self) -> bool:
        """Find out which tunnels have an address of their own on this host now; returns whether that has changed.

        Raises `IpsecError`.
        """
        before = self._usable
        bound = [name for name, each in self.gateway.phase1.items() if "any" not in each.interfaces]
        usable = dict.fromkeys(self.gateway.phase1, True)
        if bound:
            interfaces = self._host.kernel.interfaces()
            situation = Situation(host_key=b"", addresses=parse_addresses(interfaces))
            own = parse_own(interfaces)
            for name in bound:
                usable[name] = not own.isdisjoint(local_addresses(self.gateway.phase1[name], situation) or ())
        self._usable = usable
        for name, view in self.views.items():
            if view.usable != usable.get(name, view.usable):
                self.views[name] = dataclasses.replace(view, usable=usable[name])
        return usable != before

    def refresh(
        self, names: Iterable[str] | None, state: State, now: float, happened: Mapping[str, Happened] | None = None
    ) -> None:
        """Read how tunnels are, all or some; where charon is not there none is up. Raises `DaemonHung`, `ProtocolError`."""
        chosen = sorted(self.names if names is None else self.names & set(names))
        if not chosen:
            return
        try:
            lives = lives_of(self._charon.sas(None if len(chosen) == len(self.names) else chosen))
        except DaemonHung:
            raise
        except DaemonUnavailable:
            lives = {}
        roles = state.roles
        for name in chosen:
            self.views[name] = view_of(
                lives.get(name, NO_LIFE), self.views.get(name), now, (happened or {}).get(name, _NOTHING),
                usable=self._usable.get(name, True),
                starts=roles.get(name, ACTIVE) == ACTIVE and "start" in self.gateway.phase1[name].start_type.split("_"),
            )  # fmt: skip
        if names is None:
            self._find_ways()

    def _find_ways(self) -> None:
        sources = {name: view.source for name, view in self.views.items()}
        self.ways = ways_of(self.gateway, self.gateway.fallbacks, sources) if self.wanted.groups else {}
