# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who carries traffic: what follows from the tunnel that a fallback uses, and from the addresses that the host has."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.links import links
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.roles import Resting, resting, tunnel_in_use
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation, allot_if_ids

PING: dict[str, Any] = {"ping_check": True, "ping_address": ["10.2.0.1"], "ping_fallback": True}


def gateway(*, links_of: dict[str, str] | None = None, **fallback: Any) -> Gateway:
    """Return three tunnels to one site in a fallback, and one that stands in none."""
    names = ("fibre", "lte", "dsl", "rome")
    found = links_of if links_of is not None else {name: name for name in names}
    return parse_gateway(
        {
            "phase1": [
                {"name": name, "remote_endpoints": ["198.51.100.2"], "psk": "x", "xfrm_interface": found.get(name)}
                for name in names
            ],
            "phase2": [
                {"name": "lan", "phase1": name, "local_networks": ["10.1.0.0/24"], "remote_networks": ["10.2.0.0/24"]}
                for name in names
            ],
            "xfrm_interfaces": [
                {"name": name, "routes": [{"destination": "10.9.0.0/24", "metric": 4294967295}]}
                for name in dict.fromkeys(found.values())
            ],
            "fallbacks": [{"name": "paris", "primary": "fibre", "fallbacks": ["lte", "dsl"], **fallback}],
        }
    )


def told(wanted: Gateway, in_use: str | None = None, **more: Any) -> dict[str, tuple[bool, int]]:
    """Return of each connection that rests whether it is on standby, and its place."""
    chosen = {} if in_use is None else {"paris": in_use}
    roles = resting(wanted, Situation(b"", in_use=chosen, **more))
    return {name: (role.standby, role.place) for name, role in roles.items()}


@pytest.mark.parametrize(
    ("options", "in_use", "expected"),
    [
        ({}, None, {"lte": (True, 2), "dsl": (True, 3)}),
        ({}, "fibre", {"lte": (True, 2), "dsl": (True, 3)}),
        ({}, "rome", {"lte": (True, 2), "dsl": (True, 3)}),
        ({}, "dsl", {"fibre": (True, 1), "lte": (True, 2)}),
        ({"mode": "hot"}, "lte", {"fibre": (False, 1), "dsl": (False, 3)}),
        (PING, None, {"lte": (True, 2), "dsl": (True, 3)}),
        (PING, "lte", {"fibre": (False, 1), "dsl": (True, 3)}),
        ({**PING, "ping_fallback": False}, "lte", {"fibre": (True, 1), "dsl": (True, 3)}),
        ({**PING, "ping_retries": 0}, "lte", {"fibre": (True, 1), "dsl": (True, 3)}),
        ({**PING, "ping_address": ["198.51.100.2"]}, "lte", {"fibre": (True, 1), "dsl": (True, 3)}),
    ],
    ids=[
        "nobody has said", "the primary", "one of others", "the last", "hot", "asked inside", "asked inside, must be up",
        "asked inside, never comes back", "not asked", "asked outside",
    ],
)  # fmt: skip
def test_what_a_fallback_does_not_use_rests(
    options: dict[str, Any], in_use: str | None, expected: dict[str, tuple[bool, int]]
) -> None:
    assert told(gateway(**options), in_use) == expected


def test_the_reason_names_what_is_used() -> None:
    roles = resting(gateway(), Situation(b"", in_use={"paris": "dsl"}))
    assert roles["fibre"].why == "fallback paris uses dsl"
    assert tunnel_in_use(gateway().fallbacks["paris"], {"paris": "nothing", "rome": "dsl"}) == "fibre"


def addressed(*interfaces: str, ip_type: str = "ipv4") -> Gateway:
    peer = "2001:db8::2" if ip_type == "ipv6" else "198.51.100.2"
    return parse_gateway(
        {
            "phase1": [
                {
                    "name": "paris", "interfaces": list(interfaces), "ip_type": ip_type, "remote_endpoints": [peer],
                    "psk": "x",
                }
            ]
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("interfaces", "ip_type", "absent"),
    [
        (["192.0.2.100"], "ipv4", ("192.0.2.100",)),
        (["2001:0DB8::64"], "ipv6", ("2001:db8::64",)),
        (["wan0", "192.0.2.100"], "ipv4", ("192.0.2.100",)),
        (["192.0.2.100", "192.0.2.101"], "ipv4", ("192.0.2.100", "192.0.2.101")),
        (["192.0.2.100", "192.0.2.1"], "ipv4", None),
        (["2001:db8::1"], "ipv6", None),
        (["wan9"], "ipv4", None),
        (["any"], "ipv4", None),
    ],
)
def test_without_any_of_its_addresses_a_connection_is_on_standby(
    interfaces: list[str], ip_type: str, absent: tuple[str, ...] | None
) -> None:
    wanted = addressed(*interfaces, ip_type=ip_type)
    roles = resting(wanted, Situation(b"", present=frozenset({"192.0.2.1", "2001:db8::1"})))
    assert roles == ({"paris": Resting(standby=True, absent=absent)} if absent else {})
    assert resting(wanted, Situation(b"")) == {}, "nobody has looked"


def test_the_reason_names_the_addresses() -> None:
    roles = resting(addressed("192.0.2.100", "192.0.2.101"), Situation(b"", present=frozenset()))
    assert roles["paris"].why == "no interface of this host that is up has 192.0.2.100 or 192.0.2.101"


def test_a_tunnel_in_use_without_its_address_is_on_standby_all_the_same() -> None:
    wanted = gateway(mode="hot")
    bound = dict(wanted.phase1)
    bound["fibre"] = parse_gateway(
        {"phase1": [{"name": "fibre", "interfaces": ["192.0.2.9"], "remote_endpoints": ["198.51.100.2"], "psk": "x"}]}
    ).phase1["fibre"]
    there = Gateway(phase1=bound, phase2=wanted.phase2, fallbacks=wanted.fallbacks)
    assert told(there, present=frozenset())["fibre"] == (True, 0)


# links
def metrics(wanted: Gateway, in_use: str) -> dict[str, list[tuple[str, int]]]:
    found, _warnings = links(wanted, Situation(b"", if_ids=allot_if_ids(wanted, {}, set()), in_use={"paris": in_use}))
    return {name: [(route.destination, route.metric) for route in link.routes] for name, link in found.items()}


def test_routes_of_ready_tunnels_are_worse_each_by_its_place_and_better_than_the_guard() -> None:
    assert metrics(gateway(mode="hot"), "lte") == {
        "fibre": [("10.2.0.0/24", 1_000_000), ("10.9.0.0/24", 4294967294)],
        "lte": [("10.2.0.0/24", 0), ("10.9.0.0/24", 4294967295)],
        "dsl": [("10.2.0.0/24", 3_000_000), ("10.9.0.0/24", 4294967294)],
        "rome": [("10.2.0.0/24", 0), ("10.9.0.0/24", 4294967295)],
    }


def test_the_routes_of_a_link_go_when_no_connection_of_it_is_used() -> None:
    shared = gateway(links_of={"lte": "both", "dsl": "both", "fibre": "fibre", "rome": "fibre"})
    routes = metrics(shared, "fibre")
    assert routes["both"] == []
    assert ("10.9.0.0/24", 4294967295) in metrics(shared, "lte")["both"]
    assert ("10.9.0.0/24", 4294967295) in metrics(shared, "lte")["fibre"], "rome uses it"
