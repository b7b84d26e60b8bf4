# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The situation of a host: what decides about its artifacts beside what is wanted, such as addresses and allotted numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Any

from ..errors import Problem
from .allotting import allot
from .gateway import Gateway
from .phase1 import Phase1, address_family
from .shunt import Shunt
from .uplink import Uplink

FIRST_ALLOTTED_IF_ID = 0x5F000001


@dataclass(frozen=True)
class Situation:
    """What the host is like while artifacts are computed.

    `addresses`: usable addresses by interface name (global scope; no tentative or failed ones), in the kernel's order; an
    interface that has none now keeps those that it had, see `after`. `default_interface`: name of the default route's
    interface by family (4, 6). `connected`: networks that the host itself is in. `mtus`: of interfaces by name. `names`:
    addresses of the host names that the firewall lets in or a guard leaves alone, as they were last told; `names_complete`:
    somebody keeps looking, so that those which it lets in have no others. `if_ids`: allotted numbers by XFRM interface name,
    `tables` by uplink. `own`: every address by interface that the host can send from now, none of one link alone.
    `host_key`: this host's own key for hashes of secrets. `interfaces`: those that the host has at this moment; None where
    nobody has looked. `present`: every address that the host can send from now, of interfaces that are up; None the same.
    `in_use`: the phase 1 that carries the traffic of a fallback, by the fallback's name, as the agent says; where it says
    nothing, that is the primary (desired/roles.py).
    """

    host_key: bytes
    addresses: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    default_interface: Mapping[int, str | None] = dataclasses.field(default_factory=dict)
    if_ids: Mapping[str, int] = dataclasses.field(default_factory=dict)
    tables: Mapping[str, int] = dataclasses.field(default_factory=dict)
    own: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    mtus: Mapping[str, int] = dataclasses.field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    names_complete: bool = False
    connected: tuple[str, ...] = ()
    interfaces: frozenset[str] | None = None
    present: frozenset[str] | None = None
    in_use: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def with_links_of(self, gateway: Gateway) -> Situation:
        """Return this situation with the addresses that XFRM interfaces get before a connection is loaded."""
        wanted = {
            name: tuple(
                str(own.ip) for own in map(ip_interface, each.addresses) if own.version == 4 or not own.is_link_local
            )
            for name, each in gateway.xfrm_interfaces.items()
        }
        if not wanted:
            return self
        present = None if self.present is None else self.present.union(*wanted.values())
        return dataclasses.replace(self, addresses={**self.addresses, **wanted}, present=present)

    def after(self, before: Situation) -> Situation:
        """Return this situation with what an interface, or a family of addresses, had `before` and lacks now.

        A line that is down for a moment, or not up yet at boot, is no reason to make another connection of one whose
        addresses it has; nor is a default route that is not there yet.
        """
        names = [*before.addresses, *(name for name in self.addresses if name not in before.addresses)]
        addresses = {
            name: tuple(_lasting(self.addresses.get(name, ()), before.addresses.get(name, ()))) for name in names
        }
        default = {
            family: self.default_interface.get(family) or before.default_interface.get(family)
            for family in before.default_interface.keys() | self.default_interface.keys()
        }
        return dataclasses.replace(
            self,
            addresses=addresses,
            default_interface=default,
            mtus={**before.mtus, **self.mtus},
            names={**before.names, **self.names},
        )


def _lasting(now: Iterable[str], before: Iterable[str]) -> Iterator[str]:
    """Yield the addresses of each family as they are, else as they were; IPv4 first, as the kernel lists them.

    The same ones in another order are as they were: which of several comes first depends on when they came.
    """
    for family in (4, 6):
        own, had = ([each for each in many if address_family(each) == family] for many in (now, before))
        yield from had if not own or set(own) == set(had) else own


def dump_situation(gateway: Gateway, situation: Situation) -> dict[str, Any]:
    """Return what a generation keeps of the situation: the addresses of the interfaces that its connections name."""
    named = {entry for each in gateway.phase1.values() for entry in each.interfaces}
    return {
        "addresses": {name: list(situation.addresses[name]) for name in sorted(named & situation.addresses.keys())},
        "default_interface": {str(family): name for family, name in sorted(situation.default_interface.items())},
        **({"present": held} if (held := sorted(_held(gateway, situation))) else {}),
        **_kept_for_rules(named | set(situation.default_interface.values()), gateway, situation),
    }


def _held(gateway: Gateway, situation: Situation) -> Set[str]:
    """Return the addresses that connections are written with and that the host has."""
    written = {entry for each in gateway.phase1.values() for entry in each.interfaces if address_family(entry)}
    return written & (situation.present or frozenset())


def _kept_for_rules(uplinks: Set[str | None], gateway: Gateway, situation: Situation) -> dict[str, Any]:
    """Return what rules of the firewall were made of, where there are any."""
    mtus = {name: mtu for name, mtu in sorted(situation.mtus.items()) if name in uplinks}
    told = {name: list(addresses) for name, addresses in sorted(situation.names.items())}
    clamped = any(each.mss is not None for each in gateway.phase2.values())
    guarded = any(each.plaintext_guard for each in gateway.phase2.values())
    return {
        **({"mtus": mtus} if clamped else {}),
        **({"names": told} if told else {}),
        **({"connected": list(situation.connected)} if guarded else {}),
    }


def load_situation(stored: Mapping[str, Any]) -> Situation:
    """Read back what `dump_situation` wrote."""
    return Situation(
        host_key=b"",
        addresses={str(name): tuple(map(str, each)) for name, each in stored.get("addresses", {}).items()},
        default_interface={int(family): name for family, name in stored.get("default_interface", {}).items()},
        present=frozenset(map(str, stored["present"])) if "present" in stored else None,
        mtus={str(name): int(mtu) for name, mtu in stored.get("mtus", {}).items()},
        names={str(name): tuple(map(str, each)) for name, each in stored.get("names", {}).items()},
        connected=tuple(map(str, stored.get("connected", ()))),
    )


def interface_problems(gateway: Gateway, before: Gateway, situation: Situation) -> Iterator[Problem]:
    """Yield a problem for each name that is no interface of the host.

    What a connection of the gateway in force names has been an interface once, and may come back. XFRM interfaces of the
    gateway are there when its connections are loaded.
    """
    there = situation.addresses.keys() | gateway.xfrm_interfaces.keys()
    for name, connection in sorted(gateway.phase1.items()):
        earlier = before.phase1.get(name)
        accepted = earlier.interfaces if earlier is not None else ()
        for index, entry in enumerate(connection.interfaces):
            if entry == "any" or entry in accepted or address_family(entry) or entry in there:
                continue
            yield Problem(connection.where, f"interfaces[{index}]", entry, _no_interface(there))
    for name, shunt in without_interface(gateway, situation).items():
        if name not in before.shunts or before.shunts[name].interface != shunt.interface:
            yield Problem(shunt.where, "interface", shunt.interface, _no_interface(there))
    for name in sorted(gateway.uplinks.keys() - before.uplinks.keys() - there):
        yield Problem(gateway.uplinks[name].where, "interface", name, _no_interface(there))


def _no_interface(there: Iterable[str]) -> str:
    return f"this host has no such interface; it has {', '.join(sorted(there)) or 'none'}"


def without_interface(gateway: Gateway, situation: Situation) -> dict[str, Shunt]:
    """Return the shunts whose interface the host does not have now; charon would take any interface for one that is not there."""
    there = situation.interfaces
    return {
        name: shunt
        for name, shunt in sorted(gateway.shunts.items())
        if there is not None and shunt.interface is not None and shunt.interface not in there
    }


def without_link(gateway: Gateway, situation: Situation) -> list[Uplink]:
    """Return the uplinks whose interface the host does not have now."""
    there = situation.interfaces
    return [each for name, each in sorted(gateway.uplinks.items()) if there is not None and name not in there]


def allot_if_ids(gateway: Gateway, previous: Mapping[str, int], taken: Set[int]) -> dict[str, int]:
    """Return the `if_id` of every XFRM interface: as written, else as allotted before, else the lowest free number.

    `taken` are the numbers of links on the host that are not ours.
    """
    written = {name: item.if_id for name, item in gateway.xfrm_interfaces.items()}
    return allot(written, previous, {*taken, *_by_hand(gateway)}, first=FIRST_ALLOTTED_IF_ID)


def _by_hand(gateway: Gateway) -> Iterator[int]:
    """Yield the numbers that connections and CHILD_SAs have of links that somebody else makes."""
    numbers = [(each.if_id_in, each.if_id_out) for each in gateway.phase1.values()]
    numbers += [(each.if_id_in, each.if_id_out) for each in gateway.phase2.values()]
    yield from (int(number) for both in numbers if any(both) for number in both if number and number.isdigit())


def local_addresses(connection: Phase1, situation: Situation) -> tuple[str, ...] | None:
    """Return the addresses that `interfaces` of a phase 1 stand for; empty means whatever the routes say ("any").

    None where they have none of the family, and never had: then nothing can be sent, and the connection has to wait.
    """
    if "any" in connection.interfaces:
        return ()
    families = connection.families
    found: dict[str, None] = {}
    default = next(filter(None, (situation.default_interface.get(family) for family in families)), None)
    for _index, entry in sorted(enumerate(connection.interfaces), key=lambda pair: (pair[1] != default, pair[0])):
        if address_family(entry) is not None:
            found[entry] = None
        else:
            own = situation.addresses.get(entry, ())
            found.update(dict.fromkeys(each for each in own if address_family(each) in families))
    return tuple(found) or None


def differs(gateway: Gateway, one: Situation, other: Situation) -> bool:
    """Say whether some connection has other addresses, or a written one is there or not, in one situation and the other."""
    return _held(gateway, one) != _held(gateway, other) or any(
        local_addresses(each, one) != local_addresses(each, other) for each in gateway.phase1.values()
    )


def waiting(gateway: Gateway, situation: Situation) -> dict[str, str]:
    """Return the connections that no address can be given to, with why, in a sentence's part."""
    return {
        name: f"none of its interfaces ({', '.join(connection.interfaces)}) has an {_family_word(connection)} address now"
        for name, connection in sorted(gateway.phase1.items())
        if local_addresses(connection, situation) is None
    }


def vanished(gateway: Gateway, situation: Situation) -> dict[str, list[str]]:
    """Return the interfaces that the host does not have now, each with the phase 1s whose addresses it had."""
    if situation.interfaces is None:
        return {}
    there = situation.interfaces | gateway.xfrm_interfaces.keys() | {"any"}
    found: dict[str, list[str]] = {}
    for name, connection in sorted(gateway.phase1.items()):
        for entry in connection.interfaces:
            if entry not in there and address_family(entry) is None and situation.addresses.get(entry):
                found.setdefault(entry, []).append(name)
    return found


def _family_word(connection: Phase1) -> str:
    return {"ipv4": "IPv4", "ipv6": "IPv6"}.get(connection.ip_type, "IPv4 or IPv6")
