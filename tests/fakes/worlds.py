# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Worlds for runs that are struck: a host in its old state, what it may be afterwards, and what must hold at any moment."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.planning import with_numbers
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import Restored, restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import (
    Change,
    Outcome,
    host_key_of,
    run_transaction,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.parts import parts_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Parts, Tree
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.daemon import loaded_parts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.read import observe
from ansible_collections.swanfleet.ipsec.tests.fakes.faults import Place, Strike, Wires
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import (
    CHANGED,
    INTERFACE,
    ONE,
    PARIS,
    PARIS_LAN,
    ROME,
    ROME_LAN,
    TWO,
    Config,
    config,
    to,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host, with_program


def _many(numbers: range, *, lifetime: str, links: int, first_route: int) -> Config:
    """Return tunnels of all kinds, two on a link: starting ones, traps, ones that wait."""
    kinds = ("start_on_demand", "on_demand", "start", "none")
    names = {number: f"peer{number}" for number in numbers}
    return config(
        [
            {
                **PARIS, "name": name, "remote_endpoints": [f"198.51.100.{number + 10}"],
                "psk": f"{name} {lifetime}" if number % 3 else name,
                "init_type": kinds[number % 4], "xfrm_interface": f"x{number % 4}" if number % 5 else None,
                "lifetime": lifetime if number % 2 else "8h",
            }
            for number, name in names.items()
        ],
        [{**PARIS_LAN, "phase1": name, "remote_networks": [f"10.{n + 10}.0.0/24"]} for n, name in names.items()],
        [
            {
                "name": f"x{n}", "addresses": [f"10.255.{n}.1/30"],
                "routes": [{"destination": f"10.99.{first_route + n}.0/24"}],
            }
            for n in range(links)
        ],
    )  # fmt: skip


def _routed(*links: tuple[str, list[str]]) -> Config:
    """Return a tunnel over links with routes of their own."""
    routed = [
        {"name": name, "routes": [{"destination": each} for each in destinations]} for name, destinations in links
    ]
    return config([PARIS], [PARIS_LAN], [INTERFACE, *routed])


SLOWER = config([{**PARIS, "lifetime": "4h"}, {**ROME, "lifetime": "4h", "psk": "new"}], *list(TWO.values())[1:])
ELSEWHERE = config(
    [{**PARIS, "name": "lima", "xfrm_interface": "lima"}, {**ROME, "init_type": "start", "psk": "new"}],
    [{**PARIS_LAN, "phase1": "lima"}, ROME_LAN],
    [{"name": "lima", "addresses": ["10.255.0.1/30"], "mtu": 1400}],
)
# Tunnels that the host's firewall lets in, and whose traffic it lets through; a change of both.
OPENED = config(
    [{**PARIS, "firewall_rule": True}, {**ROME, "firewall_rule": True}],
    [{**PARIS_LAN, "allow": [{"protocol": "tcp", "ports": [443]}]}, {**ROME_LAN, "nat_exemption": True, "mss": "auto"}],
    [INTERFACE],
)
REOPENED = config(
    [{**PARIS, "firewall_rule": True, "lifetime": "4h"}, {**ROME, "name": "oslo", "firewall_rule": True}],
    [{**PARIS_LAN, "allow": [{"protocol": "icmp"}]}, {**ROME_LAN, "phase1": "oslo", "mss": 1300}],
    [INTERFACE],
)
SSH = {"name": "ssh", "type": "pass", "local_networks": ["dynamic[tcp/22]"], "remote_networks": ["192.0.2.0/24"]}
NOT_OUT = {"name": "not-out", "type": "drop", "local_networks": ["10.1.0.0/16"], "remote_networks": ["0.0.0.0/0"]}
FILTERED = {**TWO, "shunts": [SSH, NOT_OUT]}
OTHERWISE = {**SLOWER, "shunts": [{**SSH, "remote_networks": ["192.0.2.9/32"]}, {**NOT_OUT, "name": "never-out"}]}
# What rome was for paris, paris is for rome: one goes on standby, and the other is used.
STANDING_IN = {**TWO, "fallbacks": [{"name": "south", "primary": "paris", "fallbacks": ["rome"]}]}
THE_OTHER_WAY = {**TWO, "fallbacks": [{"name": "north", "primary": "rome", "fallbacks": ["paris"]}]}
# What leaves by an uplink: by another gateway, in another table, and with the uplink's next hop of IPv6 gone.
SECOND = {**ONE, "uplinks": [{"interface": "wan0", "gateways": ["192.0.2.254", "fe80::1"]}]}
ELSEWHERE_OUT = {**ONE, "uplinks": [{"interface": "wan0", "gateways": ["192.0.2.253"]}]}
BY_ANOTHER_TABLE = {**ONE, "uplinks": [{"interface": "wan0", "gateways": ["192.0.2.253"], "table": 100}]}
# What was there, and what is wanted.
PLANS: dict[str, tuple[Config | None, Config]] = {
    "first apply": (None, TWO),
    "add": (ONE, TWO),
    "change": (TWO, SLOWER),
    "change of all sorts": (TWO, CHANGED),
    "route to another link": (
        _routed(("here", ["10.9.0.0/24", "2001:db8:9::/48"]), ("there", ["10.8.0.0/24"])),
        _routed(("here", []), ("there", ["10.8.0.0/24", "10.9.0.0/24", "2001:db8:9::/48"])),
    ),
    "removal": (TWO, ONE),
    "mixed large": (
        _many(range(16), lifetime="4h", links=4, first_route=0),
        _many(range(6, 22), lifetime="2h", links=5, first_route=2),
    ),
    "everything other": (TWO, ELSEWHERE),
    "first rules": (ONE, OPENED),
    "other rules": (OPENED, REOPENED),
    "rules away": (OPENED, TWO),
    "first shunts": (TWO, FILTERED),
    "other shunts": (FILTERED, OTHERWISE),
    "shunts go": (FILTERED, ONE),
    "a fallback": (TWO, STANDING_IN),
    "places change": (STANDING_IN, THE_OTHER_WAY),
    "an uplink": (ONE, SECOND),
    "another gateway": (SECOND, ELSEWHERE_OUT),
    "another table": (ELSEWHERE_OUT, BY_ANOTHER_TABLE),
    "no uplink": (SECOND, ONE),
}


# What a run that was struck twice may leave for the next one to sweep.
_LITTER = ("unfinished", "half written")


@dataclass
class World:
    """A plan, the host before it, and the two states that a run of it may leave."""

    change: Change
    start: FakeHost
    old: dict[str, Any]
    new: dict[str, Any]
    places: list[Place]
    _texts: dict[str, dict[str, Parts]] = field(default_factory=dict)
    _untouched: frozenset[str] = frozenset()

    def host(self) -> FakeHost:
        """Return a host in the old state, with an SA for each tunnel."""
        return copy.deepcopy(self.start)

    def run(self, host: FakeHost, strike: Strike | None = None) -> Outcome:
        """Run the plan, with a strike if one is given."""
        return run_transaction(Wires(raw(host), strike).host, self.change, check=False)

    def restore(self, host: FakeHost, *, with_daemon: bool = True) -> Restored:
        """Restore as the program on the gateway does."""
        return restore(raw(host), with_daemon=with_daemon)

    def state(self, host: FakeHost, *, litter: bool = True) -> str:
        """Tell which state a host is in: old or new, whole and, if asked, without litter; anything else in words."""
        found = seen(host)
        if not litter:
            found.update({key: self.old[key] for key in _LITTER})
        for name, state in (("old", self.old), ("new", self.new)):
            if state == found or (not litter and {**state, **{key: self.old[key] for key in _LITTER}} == found):
                return name
        parts = {
            key: "/".join(name for name in ("old", "new") if getattr(self, name)[key] == found[key]) for key in found
        }
        return "neither: " + ", ".join(f"{key} {kept or 'neither'}" for key, kept in parts.items() if kept != "old/new")

    def lies(self, host: FakeHost) -> list[str]:
        """Return what record and journal claim and is not so, of what is loaded now or of what charon's next start loads."""
        record, file, journal = map(
            host.files.read, (host.paths.loaded_record, host.paths.connections_file, host.paths.journal)
        )
        now = DaemonState("charon-systemd", "5.9.8", (), "", 0, start_id=host.charon.start_id)
        loaded = {name: parts_of(cast(Tree, tree)) for name, tree in host.charon.loaded.items()}
        claims = loaded_parts(now, record, file, journal)
        found = [f"{name} is not loaded so" for name in claims if name in loaded and loaded[name] != claims[name]]
        stands = self._texts[file.content.decode() if file is not None else ""]
        claims = loaded_parts(dataclasses.replace(now, start_id="later", started=4e9), record, file, journal)
        return found + [f"{name} does not stand in the file so" for name in claims if stands.get(name) != claims[name]]

    def disturbed(self, host: FakeHost) -> list[str]:
        """Return the tunnels that the plan does not touch and whose SAs are not the ones from before."""
        kept, now = sas(self.start), sas(host)
        return [name for name in sorted(self._untouched) if kept.get(name) != now.get(name)]

    def power_cut(self, host: FakeHost) -> None:
        """Take away what a power cut takes: links of ours, what charon holds, its process, the lock."""
        for name in [name for name, link in host.kernel.links.items() if link.kind == "xfrm"]:
            del host.kernel.links[name]
        host.charon.restart()
        host.firewall.flush()
        host.kernel.unreachable.clear()
        host.kernel.blocks.clear()
        host.files.remove("/run")

    def charon_starts(self, host: FakeHost) -> None:
        """Have charon load what its unit loads: the files, which must be whole ones of the generation in force."""
        observed = observe(raw(host), host_key=host_key_of(raw(host)))
        gateway = observed.stored.gateway
        wanted = artifacts(gateway, with_numbers(observed, gateway))
        for role, file in wanted.files.items():
            there = host.files.read(host.paths.managed[role])
            assert (there and there.content) == (file.encoded if file.needed else None), f"{role} is of another state"
        for key, secret in wanted.shared.items():
            data = secret.value.reveal().encode("utf-8", "surrogateescape")
            host.charon.load_shared(id=key, kind=secret.kind, owners=secret.owners, data=data)
        for name, tree in {**wanted.shunts, **wanted.connections}.items():
            host.charon.load_connection(name, cast(Any, tree))


def world(name: str) -> World:
    """Set up a world and find all places of its run by running it once."""
    before, wanted = PLANS[name]
    start = with_program(wan_host())
    if before is not None:
        run_transaction(raw(start), to(before), check=False)
    for tunnel, tree in start.charon.loaded.items():
        for child, what in cast(Mapping[str, Any], tree["children"]).items():
            if what["mode"] in ("pass", "drop"):
                continue
            start.charon.initiate(ike=tunnel, child=child, timeout_ms=1000)
    done = copy.deepcopy(start)
    wires = Wires(raw(done))
    run_transaction(wires.host, to(wanted), check=False)
    loaded = {kind: host.charon.loaded for kind, host in (("old", start), ("new", done))}
    texts = {_text(host): _parts(host) for host in (start, done)}
    same = {each for each, tree in loaded["old"].items() if loaded["new"].get(each) == tree}
    untouched = frozenset(each for each in same if _psk(before, each) == _psk(wanted, each))
    return World(to(wanted), start, seen(start), seen(done), wires.places, {"": {}, **texts}, untouched)


def raw(host: FakeHost) -> Host:
    """Return the drivers of a host without any wire."""
    drivers = host.files, host.kernel, host.charon, host.units, host.paths, host, host.clock
    return Host(*drivers, names=host.names, firewall=host.firewall, management=host)


def seen(host: FakeHost) -> dict[str, Any]:
    """Return all that a run may change, and what it must not leave behind."""
    current = host.files.links.get(f"{host.paths.generations}/current", "0")
    stored = [path.split("/")[5] for path in (*host.files.files, *host.files.directories) if _below(host, path)]
    starting = {
        name
        for name, tree in host.charon.loaded.items()
        if any("start" in str(child["start_action"]) for child in cast(Mapping[str, Any], tree["children"]).values())
    }
    running = {name for name, _sa in host.charon._sas}
    return {
        **host.state(),
        "ids of secrets": sorted(key[:-16] for key in host.charon.secrets),
        "unfinished": sorted({each for each in stored if each.isdigit() and int(each) > int(current)}),
        "half written": [path for path in host.files.files if path.endswith(".swanfleet")],
        "started without an SA": starting - running,
        "SAs of what is gone": running - set(host.charon.loaded),
        "SAs with other parameters": {
            name
            for name, sa in host.charon._sas
            if host.charon._made_of[sa["uniqueid"]]
            != {key: value for key, value in host.charon.loaded.get(name, {}).items() if key != "children"}
        },
        "locked": host.files.locked_by,
    }


def sas(host: FakeHost) -> dict[str, Any]:
    """Return the SAs by connection, with the numbers that tell one from its successor."""
    return {name: (sa["uniqueid"], sorted(sa["child-sas"])) for name, sa in host.charon._sas}


def _below(host: FakeHost, path: str) -> bool:
    return path.startswith(host.paths.generations + "/")


def _text(host: FakeHost) -> str:
    file = host.files.files.get(host.paths.connections_file)
    return file.content.decode() if file is not None else ""


def _parts(host: FakeHost) -> dict[str, Parts]:
    return {name: parts_of(cast(Tree, tree)) for name, tree in host.charon.loaded.items()}


def _psk(wanted: Config | None, name: str) -> Any:
    return next((each["psk"] for each in (wanted or {"phase1": []})["phase1"] if each["name"] == name), None)
