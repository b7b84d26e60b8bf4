# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links, addresses, routes and rules in memory, changed by commands of ip(8) and shown as its JSON.

tests/contract/test_kernel.py holds it to the real thing: what vanishes with an address or a link that goes down, and
the words of a refusal.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.iproute2 import KernelRefused
from ansible_collections.swanfleet.ipsec.tests.fakes.rules import FakeRules

_MAIN = 254
_SMALLEST_MTU = 68
_DEFAULT_MTU = 1500
_FOREVER = 4294967295


@dataclass
class FakeRoute:
    """One route; `metric` as the kernel keeps it, 1024 for an IPv6 route that was given none."""

    destination: str
    table: int = _MAIN
    metric: int = 0
    protocol: int = 3
    source: str | None = None
    gateway: str | None = None

    @property
    def family(self) -> int:
        return ipaddress.ip_network(self.destination).version

    @property
    def key(self) -> tuple[int, str, int]:
        return self.table, self.destination, self.metric


@dataclass
class FakeLink:
    """One link with its addresses ("address/prefix length", first added first) and the routes through it."""

    kind: str
    if_id: int = 0
    parent: str | None = None
    mtu: int = _DEFAULT_MTU
    alias: str | None = None
    up: bool = False
    addresses: list[str] = field(default_factory=list)
    routes: list[FakeRoute] = field(default_factory=list)

    def told(self) -> str:
        """Return all about the link, whatever the order in which it came to be so."""
        return repr(replace(self, addresses=sorted(self.addresses), routes=sorted(self.routes, key=repr)))

    def drop_routes(self, family: int) -> None:
        self.routes = [route for route in self.routes if route.family != family]

    def drop_address(self, address: str) -> None:
        """Remove an address with all that the kernel takes along."""
        gone = _secondaries(self, address) if _family(address) == 4 else [address]
        self.addresses = [each for each in self.addresses if each not in gone]
        sources = {each.partition("/")[0] for each in gone}
        if _family(address) == 6:
            for route in self.routes:
                route.source = None if route.source in sources else route.source
            return
        self.routes = [route for route in self.routes if route.source not in sources]
        if not any(_family(each) == 4 for each in self.addresses):
            self.drop_routes(4)


def _family(address: str) -> int:
    return ipaddress.ip_interface(address).version


class _Refusal(Exception):
    """What ip(8) writes to its standard error."""


class FakeKernel:
    """Takes the place of `IpRoute2`; `links` may be set up by a test, `batches` are the commands that were run."""

    def __init__(self, links: Mapping[str, FakeLink] | None = None) -> None:
        self.links = {"lo": FakeLink("", mtu=65536, up=True, addresses=["127.0.0.1/8", "::1/128"]), **(links or {})}
        self.batches: list[list[str]] = []
        # Routes of ours that lead nowhere, by network, metric and protocol; and policies by source, network and priority.
        self.unreachable: set[tuple[str, int, int]] = set()
        self.blocks: set[tuple[str, str, int]] = set()
        # The same in tables of their own, by network, metric, protocol and table.
        self.dead_ends: set[tuple[str, int, int, int]] = set()
        self.rules_there = FakeRules()

    def interfaces(self) -> list[dict[str, Any]]:
        return [_shown_link(index, name, link) for index, (name, link) in enumerate(self.links.items(), start=1)]

    def routes(self, protocol: int) -> list[dict[str, Any]]:
        return [
            _shown_route(name, route)
            for family in (4, 6)
            for name, link in self.links.items()
            for route in link.routes
            if route.protocol == protocol and route.family == family
        ] + [
            _shown_nowhere(network, metric, table)
            for network, metric, of, table in sorted({*self.dead_ends, *((*each, _MAIN) for each in self.unreachable)})
            if of == protocol
        ]

    def rules(self, protocol: int) -> list[dict[str, Any]]:
        return self.rules_there.shown(protocol)

    def blocked(self, priority: int, sources: Collection[str]) -> list[str]:
        return sorted(network for source, network, of in self.blocks if of == priority and source in sources)

    def default_routes(self) -> list[dict[str, Any]]:
        return [
            _shown_route(name, route)
            for family in (4, 6)
            for name, link in self.links.items()
            for route in link.routes
            if route.table == _MAIN and route.destination in ("0.0.0.0/0", "::/0") and route.family == family
        ]

    def run(self, commands: Sequence[Sequence[str]]) -> None:
        self.batches.append([" ".join(command) for command in commands])
        for number, command in enumerate(commands):
            try:
                if command[0] == "-6":
                    self._run_rule(command[2], list(command[3:]), 6)
                else:
                    self._run(command[0], command[1], list(command[2:]))
            except _Refusal as refusal:
                raise KernelRefused(f"ip {' '.join(command)}: {refusal}", number) from None

    def _run(self, layer: str, verb: str, rest: list[str]) -> None:
        if layer == "link":
            assert rest[0] == "dev", rest
            self._run_link(verb, rest[1], rest[2:])
        elif layer == "address":
            self._run_address(verb, _options(rest if verb == "flush" else ["address", *rest]))
        elif layer == "route" and rest[0] == "unreachable":
            self._run_nowhere(verb, rest[1], _options(rest[2:]))
        elif layer == "rule":
            self._run_rule(verb, rest, 4)
        elif layer == "xfrm":
            self._run_policy(rest[0], _options(rest[1:]))
        elif layer == "route":
            self._run_route(verb, rest[0], _options(rest[1:]))
        else:
            raise AssertionError(f"no command of the engine begins with {layer}")

    def _run_rule(self, verb: str, words: list[str], family: int) -> None:
        refusal = self.rules_there.run(verb, words, family)
        if refusal:
            raise _Refusal(refusal)

    def _run_nowhere(self, verb: str, network: str, options: dict[str, str]) -> None:
        entry = (network, int(options["metric"]), int(options["proto"]))
        table = int(options["table"])
        if table != _MAIN:
            if ((*entry, table) in self.dead_ends) == (verb == "add"):
                raise _Refusal(f"RTNETLINK answers: {'File exists' if verb == 'add' else 'No such process'}")
            self.dead_ends ^= {(*entry, table)}
            return
        if (entry in self.unreachable) == (verb == "add"):
            raise _Refusal(f"RTNETLINK answers: {'File exists' if verb == 'add' else 'No such process'}")
        self.unreachable ^= {entry}

    def _run_policy(self, verb: str, options: dict[str, str]) -> None:
        selector = (options["src"], options["dst"])
        there = [entry for entry in self.blocks if entry[:2] == selector]
        if bool(there) == (verb == "add"):
            raise _Refusal(f"RTNETLINK answers: {'File exists' if verb == 'add' else 'No such file or directory'}")
        self.blocks ^= {(*selector, int(options["priority"]))} if verb == "add" else set(there)

    def _run_link(self, verb: str, name: str, rest: list[str]) -> None:
        if verb == "add":
            self._add_link(name, _options(rest))
            return
        link = self._link(name)
        if verb == "delete":
            del self.links[name]
        elif rest == ["up"]:
            link.up = True
        elif rest == ["down"]:
            # Without keep_addr_on_down the IPv6 addresses go too; an XFRM interface's routes go in silence.
            link.up, link.routes = False, []
            link.addresses = [address for address in link.addresses if _family(address) == 4]
        elif rest[0] == "alias":
            link.alias = rest[1] or None
        elif rest[0] == "mtu":
            if int(rest[1]) < _SMALLEST_MTU:
                raise _Refusal("Error: mtu less than device minimum.")
            link.mtu = int(rest[1])
            if link.mtu < 1280:
                link.addresses = [address for address in link.addresses if _family(address) == 4]
                link.drop_routes(6)
        else:
            raise AssertionError(f"link {verb} {rest}")

    def _add_link(self, name: str, options: dict[str, str]) -> None:
        parent = options.get("dev")
        if parent is not None:
            self._link(parent)
        if_id = int(options.get("if_id", "0"))
        numbers = {link.if_id for link in self.links.values() if link.kind == "xfrm"}
        if name in self.links or (options["type"] == "xfrm" and if_id in numbers):
            raise _Refusal("RTNETLINK answers: File exists")
        self.links[name] = FakeLink(options["type"], if_id=if_id, parent=parent)

    def _run_address(self, verb: str, options: dict[str, str]) -> None:
        link = self._link(options["dev"])
        if verb == "flush":
            for each in list(link.addresses):
                if each.partition("/")[0] == options["to"] and each in link.addresses:
                    link.drop_address(each)
            return
        address = options["address"]
        family = _family(address)
        if verb == "replace":
            if family == 6 and link.mtu < 1280:
                raise _Refusal("Error: IPv6 is disabled on this device.")
            if address not in link.addresses:
                link.addresses.append(address)
            return
        assert verb == "delete", verb
        if address not in link.addresses:
            raise _Refusal(f"Error: ipv{family}: {'Address' if family == 4 else 'address'} not found.")
        link.drop_address(address)

    def _run_route(self, verb: str, destination: str, options: dict[str, str]) -> None:
        link = self._link(options["dev"])
        default = 1024 if ipaddress.ip_network(destination).version == 6 else 0
        route = FakeRoute(
            destination,
            table=int(options.get("table", _MAIN)),
            metric=int(options.get("metric", "0")) or default,
            protocol=int(options.get("proto", "3")),
            source=options.get("src"),
            gateway=options.get("via"),
        )
        kept = [each for each in link.routes if each.key != route.key]
        if verb == "delete":
            if len(kept) == len(link.routes):
                raise _Refusal("RTNETLINK answers: No such process")
            link.routes = kept
            return
        assert verb in ("add", "replace"), verb
        if verb == "add" and any(each.key == route.key for other in self.links.values() for each in other.routes):
            raise _Refusal("RTNETLINK answers: File exists")
        if not link.up:
            v4 = route.family == 4
            raise _Refusal("Error: Device for nexthop is not up." if v4 else "Error: Nexthop device is not up.")
        held = {each.partition("/")[0] for other in self.links.values() for each in other.addresses}
        if route.source is not None and route.source not in held:
            raise _Refusal(f"Error: Invalid {'prefsrc' if route.family == 4 else 'source'} address.")
        for other in self.links.values():
            other.routes = [each for each in other.routes if each.key != route.key]
        link.routes = [*(each for each in link.routes if each.key != route.key), route]

    def _link(self, name: str) -> FakeLink:
        if name not in self.links:
            raise _Refusal(f'Cannot find device "{name}"')
        return self.links[name]


def _options(words: list[str]) -> dict[str, str]:
    """Read "dev x metric 3 nodad" into a dictionary; nodad and onlink have no value."""
    pairs = [word for word in words if word not in ("nodad", "onlink")]
    return {pairs[at]: pairs[at + 1] for at in range(0, len(pairs), 2)}


def _secondaries(link: FakeLink, address: str) -> list[str]:
    """List what goes with an IPv4 address: the first of a subnet takes the later ones along (promote_secondaries=0)."""
    network = ipaddress.ip_interface(address).network
    together = [each for each in link.addresses if ipaddress.ip_interface(each).network == network]
    return together if together[0] == address else [address]


def _shown_link(index: int, name: str, link: FakeLink) -> dict[str, Any]:
    flags = ["LOOPBACK"] if name == "lo" else ["NOARP"] if link.kind == "xfrm" else ["BROADCAST", "MULTICAST"]
    shown: dict[str, Any] = {
        "ifindex": index,
        "ifname": name,
        "flags": flags + (["UP", "LOWER_UP"] if link.up else []),
        "mtu": link.mtu,
        "addr_info": [_shown_address(address) for address in sorted(link.addresses, key=_family)],
    }
    if link.kind:
        shown["linkinfo"] = {"info_kind": link.kind}
    if link.kind == "xfrm":
        shown["linkinfo"]["info_data"] = {"if_id": hex(link.if_id)}
        shown["link"] = link.parent
    if link.alias is not None:
        shown["ifalias"] = link.alias
    return shown


def _shown_address(address: str) -> dict[str, Any]:
    parsed = ipaddress.ip_interface(address)
    scope = "host" if parsed.ip.is_loopback else "link" if parsed.version == 6 and parsed.ip.is_link_local else "global"
    return {
        "family": "inet" if parsed.version == 4 else "inet6",
        "local": str(parsed.ip),
        "prefixlen": parsed.network.prefixlen,
        "scope": scope,
        "valid_life_time": _FOREVER,
        "preferred_life_time": _FOREVER,
    }


def _shown_nowhere(network: str, metric: int, table: int) -> dict[str, Any]:
    shown: dict[str, Any] = _shown_route("lo", FakeRoute(network, metric=metric, table=table))
    if shown["family"] == 4:
        del shown["dev"]
    return {"type": "7", **shown}


def _shown_route(name: str, route: FakeRoute) -> dict[str, Any]:
    network = ipaddress.ip_network(route.destination)
    host = network.prefixlen == network.max_prefixlen
    shown: dict[str, Any] = {
        "dst": "default" if network.prefixlen == 0 else str(network.network_address) if host else str(network),
        "dev": name,
        "flags": [] if route.gateway is None else ["onlink"],
        "family": route.family,
    }
    if route.gateway is not None:
        shown["gateway"] = route.gateway
    if route.table != _MAIN:
        shown["table"] = str(route.table)
    if route.metric:
        shown["metric"] = route.metric
    if route.source is not None:
        shown["prefsrc"] = route.source
    return shown
