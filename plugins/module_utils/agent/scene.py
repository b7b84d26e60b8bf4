# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent knows of its gateway between two looks: what is wanted, what people have decided, how tunnels are."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Set

from ..apply.stranded import Addresses
from ..desired.check_sources import chooses_sources
from ..desired.fallback import calendars
from ..desired.gateway import Gateway
from ..desired.phase1 import Phase1, address_family
from ..desired.roles import absent_addresses
from ..desired.rules import followed_names, uses_firewall
from ..desired.situation import Situation, local_addresses
from ..drivers.charon import Charon, DaemonHung, DaemonUnavailable
from ..drivers.host import Host
from ..drivers.ways import Asked, Ways
from ..drivers.ways import Way as OutWay
from ..observed.kernel import parse_addresses, parse_own
from ..observed.read import read_stored
from ..observed.uplinks import parse_sources
from ..observed.values import Stored
from .decision.decide import State
from .decision.reading import wanted_of
from .decision.standing import ACTIVE
from .decision.values import Path, View
from .decision.wanted import Wanted
from .following import Following
from .keeping import read_overrides
from .probing import Way, ways_of
from .views import NO_LIFE, Happened, lives_of, view_of

_NOTHING = Happened()


class Scene:
    """The gateway in force and its tunnels. Reading it again is up to whoever has it."""

    def __init__(self, host: Host, charon: Charon, routing: Ways, views: Mapping[str, View]) -> None:
        self._host = host
        self._routing = routing
        self._paths: dict[str, Path | None] = {}
        self._peers: dict[str, str] = {}
        self._charon = charon
        self._number: int | None = None
        self._usable: Mapping[str, bool] = {}
        self._own: Mapping[str, tuple[str, ...]] = {}
        self._chooses = False
        # Those that this host can send from are present in it where a tunnel has lost or got its own, until the engine knows.
        self.addresses = Addresses()
        self.gateway = Gateway()
        self.stored: Stored | None = None
        self.wanted = Wanted()
        self.overrides: Mapping[str, str] = {}
        self.views: dict[str, View] = dict(views)
        self.ways: dict[str, Way] = {}
        self.calendars: Mapping[str, str] = {}
        # The tunnels that the agent has anything to do with.
        self.names: Set[str] = frozenset()
        # Those of them that only an attempt of this end's brings up.
        self.persisting: Set[str] = frozenset()
        # The links that go up and down with their tunnels, be these among those or not.
        self.following = Following(charon)
        # The host names whose addresses matter, to those or to the firewall.
        self.hosts: Set[str] = frozenset()
        # Whether anything in nftables matters.
        self.uses_firewall = False

    def read_overrides(self) -> bool:
        """Read what people have decided; returns whether that is anything new."""
        before, self.overrides = self.overrides, read_overrides(self._host)
        return before != self.overrides

    @property
    def listens(self) -> bool:
        """Say whether what charon tells matters."""
        return bool(self.names) or bool(self.following)

    def changed(self) -> bool:
        """Say whether another generation is in force than the one that was read."""
        return self._host.generations.current_number() != self._number

    def adopt(self, stored: Stored | None) -> None:
        """Go by what the engine has read, so that a large gateway is in memory once; None is what must be read anew."""
        if stored is not None and stored.number == self._number:
            self.gateway = stored.gateway
        self.stored = stored

    def read(self) -> None:
        """Read the generation in force, if it is another one, and the host's addresses. Raises `IpsecError`."""
        number = self._host.generations.current_number()
        if number != self._number:
            stored = (
                self.stored if self.stored is not None and self.stored.number == number else read_stored(self._host)
            )
            self.stored = stored
            wanted = wanted_of(stored.gateway.fallbacks, stored.gateway.phase1, stored.gateway.phase2)
            self.gateway, self.wanted, self._number = stored.gateway, wanted, stored.number
            known = self.names
            members = {member for group in wanted.groups.values() for member in group.members}
            self.names = members | wanted.tunnels.keys()
            self.hosts = followed_names(stored.gateway) | {each.name for each in wanted.named.values()}
            self.persisting = wanted.persisting.keys()
            # Of what is new here nobody has heard how its first attempt went.
            self.views = {
                name: dataclasses.replace(self.views.get(name, View()), tried=name in self.persisting)
                if name not in known
                else self.views[name]
                for name in sorted(self.names)
            }
            self.calendars = calendars(stored.gateway.fallbacks, stored.gateway.schedules)
            self.uses_firewall = uses_firewall(stored.gateway)
            self.following.read(stored.gateway)
            self._chooses = chooses_sources(stored.gateway)
            self.ways = {}
            self._find_ways()
        self.read_addresses()
        self.read_paths()

    def awaited(self) -> Mapping[str, Set[int]]:
        """Return the host names that a tunnel which is down would go to, with the families whose addresses it needs."""
        found: dict[str, set[int]] = {}
        for name, each in self.wanted.named.items():
            if not self.views[name].up:
                found.setdefault(each.name, set()).add(each.family)
        return found

    def read_addresses(self) -> None:
        """Find out which tunnels have an address of their own on this host now, and whether any that was known has moved.

        Checks go from other addresses then. Raises `IpsecError`.
        """
        before = self._usable
        bound = [name for name, each in self.gateway.phase1.items() if "any" not in each.interfaces]
        usable = dict.fromkeys(self.gateway.phase1, True)
        own: frozenset[str] | None = None
        if bound or self._chooses:
            interfaces = self._host.kernel.interfaces()
            own_before, self._own = self._own, parse_sources(interfaces)
            if self._own != own_before:
                self._find_ways()
            situation = Situation(host_key=b"", addresses=parse_addresses(interfaces))
            own = parse_own(interfaces)
            for name in bound:
                usable[name] = not own.isdisjoint(local_addresses(self.gateway.phase1[name], situation) or ())
            # Whoever names an interface as well is on standby all the same without the address of its own.
            usable.update(dict.fromkeys(absent_addresses(self.gateway, own), False))
        self._usable = usable
        self.addresses.latest = own
        if any(before.get(name, there) != there for name, there in usable.items()):
            self.addresses.present = own
        for name, view in self.views.items():
            if view.usable != usable.get(name, view.usable):
                self.views[name] = dataclasses.replace(view, usable=usable[name])

    def read_paths(self) -> None:
        """Find out which way those tunnels would take that follow it."""
        asked = {name: self._asked(self.gateway.phase1[name]) for name in self.wanted.following}
        ways = self._routing.to({each for each in asked.values() if each[0]}) if asked else {}
        self._paths = {name: _path(ways.get(each)) for name, each in asked.items()}
        for name, path in self._paths.items():
            if self.views[name].path != path:
                self.views[name] = dataclasses.replace(self.views[name], path=path)

    def _asked(self, connection: Phase1) -> Asked:
        """Return where a tunnel goes and from which address of ours, if it is bound to one; empty is what nobody knows."""
        peer = connection.first_address() or ""
        # A name is looked up by charon, for each attempt; until then nobody knows which way to go.
        address = peer if address_family(peer) is not None else self._peers.get(connection.name, "")
        written = [entry for entry in connection.interfaces if address_family(entry) is not None]
        return address, written[0] if len(written) == len(connection.interfaces) == 1 else ""

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
        before = {name: self.views[name].source for name in chosen if name in self.views}
        for name in chosen:
            life = lives.get(name, NO_LIFE)
            if life.up:
                self._peers[name] = life.peer
            active = roles.get(name, ACTIVE) == ACTIVE
            self.views[name] = view_of(
                life,
                self.views.get(name),
                now,
                (happened or {}).get(name, _NOTHING),
                usable=self._usable.get(name, True),
                starts=active and "start" in self.gateway.phase1[name].start_type.split("_"),
                path=self._paths.get(name),
            )
        moved = {name for name, source in before.items() if source != self.views[name].source}
        if moved:
            self._find_ways(moved)

    def _find_ways(self, primaries: Collection[str] | None = None) -> None:
        """Find out by which ways checks go, all or those of some primaries: what these depend on has changed."""
        sources = {name: view.source for name, view in self.views.items()}
        self.ways.update(ways_of(self.gateway, sources, self._own, primaries))


def _path(way: OutWay | None) -> Path | None:
    return None if way is None else Path(way.interface, way.gateway, way.source)
