# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fallbacks as objects: what they cannot be, and what the agent is told of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.reading import wanted_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.standing import Standing
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import (
    Check,
    DeadPeer,
    Group,
    Tunnel,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.fallback import (
    Fallback,
    calendars,
    fallback_problems,
    milliseconds,
    parse_interval,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import (
    dump_object,
    load_object,
    parse_object,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.roles import resting
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.schedule import Schedule
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import Problem

PING: dict[str, Any] = {"ping_check": True, "ping_address": ["198.51.100.2"]}
INSIDE: dict[str, Any] = {"ping_check": True, "ping_address": ["10.2.0.1"]}


def gateway(**paris: Any) -> Gateway:
    """Return a gateway with three tunnels to one site."""
    tunnels = [
        {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": "x", **paris},
        {"name": "paris-2", "remote_endpoints": ["203.0.113.2"], "psk": "x", "xfrm_interface": "ipsec-2"},
        {"name": "paris-lte", "remote_endpoints": ["203.0.113.9"], "psk": "x", "xfrm_interface": "ipsec-lte"},
    ]
    children = [
        {"name": "lan", "phase1": each["name"], "local_networks": ["10.1.0.0/16"], "remote_networks": ["10.2.0.0/16"]}
        for each in tunnels
    ]
    return parse_gateway({"phase1": tunnels, "phase2": children})


def written(**options: Any) -> tuple[Fallback | None, list[Problem]]:
    """Return what somebody wrote, and what is wrong about it alone."""
    problems: list[Problem] = []
    raw = {"name": "site", "primary": "paris", "fallbacks": ["paris-2"], **options}
    item = parse_object(Fallback, raw, where="fallback site", problems=problems)
    return item, [*problems, *(item.problems() if item else ())]


def complaints(host: Gateway, *several: dict[str, Any]) -> list[str]:
    """Return what is wrong with fallbacks on a gateway."""
    found = {}
    for options in several:
        item, problems = written(**options)
        assert item is not None, problems
        assert problems == []
        found[item.name] = item
    return [str(each) for each in fallback_problems(found, host.phase1, host.phase2, host.schedules)]


@pytest.mark.parametrize(
    ("value", "canonical", "as_number"),
    [
        (5, "5m", 300000), ("5", "5m", 300000), ("120", "2h", 7200000), ("90s", "90s", 90000), ("60s", "1m", 60000),
        ("500ms", "500ms", 500), ("2000ms", "2s", 2000), ("50ms", "50ms", 50), ("24h", "24h", 86400000),
    ],
)  # fmt: skip
def test_an_interval_is_minutes_or_says_its_unit(value: Any, canonical: str, as_number: int) -> None:
    assert parse_interval(value) == canonical
    assert parse_interval(canonical) == canonical
    assert milliseconds(canonical) == as_number


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        *((each, "a time is needed: minutes, or a number with ms, s, m or h, such as 5, 500ms or 1s")
          for each in ("", "1d", "1.5s", "-1", True, [5], "5 m", "ms")),
        *((each, "from 50ms to 24h are possible") for each in (0, "49ms", "25h", "86401s")),
    ],
)  # fmt: skip
def test_what_is_no_interval_says_what_would_be(value: Any, wanted: str) -> None:
    with pytest.raises(ValueError, match="^" + wanted + "$"):
        parse_interval(value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"primary": None}, "primary: is required"),
        ({"fallbacks": []}, "fallbacks is []: at least one phase 1 is needed"),
        ({"fallbacks": ["paris"]}, "fallbacks[0] is 'paris': each phase 1 once, the primary among them"),
        ({"fallbacks": ["a", "b", "a"]}, "fallbacks[2] is 'a': each phase 1 once, the primary among them"),
        ({"mode": "warm"}, "mode is 'warm': one of cold, hot is needed"),
        ({"ping_check": True}, "ping_address: is required with ping_check: true"),
        (
            {"ping_address": ["192.0.2.1"]},
            "ping_address is ['192.0.2.1']: it belongs to ping_check: true; leave it out, or set that",
        ),
        (
            {**PING, "ping_quorum": 2},
            "ping_quorum is 2: at most 1 can answer, which is how many ping_address has",
        ),
        (
            {**PING, "ping_address": ["198.51.100.2", "198.51.100.2"]},
            "ping_address is ['198.51.100.2', '198.51.100.2']: each address once",
        ),
        (
            {**PING, "ping_source": "2001:db8::1"},
            ("ping_source is '2001:db8::1': an IPv4 address is needed, or none, as the addresses that are asked have another "
             "family"),
        ),
        ({"hold_down": "2h"}, "hold_down is 7200: at most hold_down_max is possible, 3600"),
    ],
)  # fmt: skip
def test_what_is_wrong_about_one_alone_is_told(options: dict[str, Any], message: str) -> None:
    assert [str(each) for each in written(**options)[1]] == [f"fallback site: {message}"]


def test_what_is_right_has_nothing_to_tell() -> None:
    assert complaints(gateway(), {}) == []
    assert complaints(gateway(), {**PING, "ping_fallback": True, "ping_source": "192.0.2.1"}) == []
    assert complaints(gateway(), INSIDE) == []
    assert complaints(gateway(xfrm_interface="ipsec-1"), {**INSIDE, "ping_fallback": True, "mode": "hot"}) == []


def test_a_phase_1_that_is_not_there_is_told() -> None:
    assert complaints(gateway(), {"primary": "pari"}, {"name": "z", "fallbacks": ["rome"]}) == [
        "fallback site: primary is 'pari': there is no phase 1 of this name; did you mean paris?",
        "fallback z: fallbacks[0] is 'rome': there is no phase 1 of this name; there are paris, paris-2, paris-lte",
    ]


def test_a_phase_1_stands_in_one_fallback_only() -> None:
    other = {"name": "z", "primary": "paris-lte"}
    assert complaints(gateway(), {}, other) == [
        "fallback z: fallbacks[0] is 'paris-2': it stands in fallback site; each phase 1 once in all"
    ]
    assert complaints(gateway(), {}, {**other, "primary": "paris-2", "fallbacks": ["paris-lte"]}) == [
        "fallback z: primary is 'paris-2': it stands in fallback site; each phase 1 once in all"
    ]


def test_hot_needs_an_xfrm_interface_for_each() -> None:
    assert complaints(gateway(), {"mode": "hot"}) == [
        (
            "fallback site: mode is 'hot': cold is needed, as phase1 paris has no XFRM interface, and of two tunnels for the same "
            "networks one wins"
        )
    ]
    assert complaints(gateway(xfrm_interface="ipsec-2"), {"mode": "hot"}) == [
        (
            "fallback site: mode is 'hot': cold is needed, as phase1 paris and phase1 paris-2 share ipsec-2, and no route can tell "
            "them apart"
        )
    ]


def test_an_address_that_says_nothing_about_the_tunnel_is_refused() -> None:
    assert complaints(gateway(), {**PING, "ping_address": ["8.8.8.8"]}) == [
        (
            "fallback site: ping_address[0] is '8.8.8.8': an address of the peer is needed, or one in remote_networks of the "
            "phase 2s of phase1 paris: the way to any other says nothing about the tunnel"
        )
    ]
    # Behind a fallback is not behind the primary.
    assert len(complaints(gateway(), {**PING, "ping_address": ["203.0.113.2"]})) == 1


def test_where_the_address_of_the_peer_is_not_known_any_may_be_it() -> None:
    for endpoints in (["gw.example.com"], ["198.51.100.2", "0.0.0.0"]):  # noqa: S104  # the word for any peer
        assert complaints(gateway(remote_endpoints=endpoints), {**PING, "ping_address": ["192.0.2.77"]}) == []


def test_addresses_of_the_peer_and_behind_it_are_not_mixed() -> None:
    assert complaints(gateway(), {**PING, "ping_address": ["198.51.100.2", "10.2.0.1"]}) == [
        (
            "fallback site: ping_address is ['198.51.100.2', '10.2.0.1']: either addresses of the peer are needed, or such in "
            "remote_networks of phase1 paris: what they need differs"
        )
    ]


def test_a_policy_based_primary_that_is_checked_from_inside_cannot_return() -> None:
    [told] = complaints(gateway(), {**INSIDE, "ping_fallback": True})
    assert told.startswith(
        "fallback site: ping_fallback is True: false is needed, or an XFRM interface for phase1 paris"
    )
    assert "answer while the primary is down" in told


@pytest.mark.parametrize(
    ("network", "inside"),
    [("10.2.0.0/16", True), ("0.0.0.0/0", True), ("10.2.0.0/16[icmp/8]", True), ("10.2.0.0/16[tcp]", False),
     ("10.2.0.0/16[any/53]", False), ("10.3.0.0/16", False), ("dynamic", False)],
)  # fmt: skip
def test_an_address_is_behind_the_tunnel_where_a_phase_2_takes_its_echoes(network: str, inside: bool) -> None:
    config = {
        "phase1": [{"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": "x"},
                   {"name": "paris-2", "remote_endpoints": ["203.0.113.2"], "psk": "x"}],
        "phase2": [{"name": "lan", "phase1": "paris", "remote_networks": [network]}],
    }  # fmt: skip
    host = parse_gateway(config)
    assert (complaints(host, INSIDE) == []) is inside
    assert complaints(host, PING) == []


def test_it_is_stored_and_read_back_as_it_was() -> None:
    item, problems = written(**PING, ping_interval=5, retry_interval="1500ms", hold_down="2m", mode="hot")
    assert problems == []
    raw = dump_object(item, with_secrets=False, with_defaults=False)
    assert raw["retry_interval"] == "1500ms"
    assert load_object(Fallback, raw, where="x", problems=problems) == item


@pytest.mark.parametrize(
    ("options", "seconds"),
    [({}, 60), (PING, 902), ({**PING, "ping_interval": "1s"}, 60), ({**PING, "ping_retries": 0}, 60),
     ({**PING, "ping_retries": 1}, 302),
     ({**PING, "ping_interval": "10m", "retry_interval": "1m"}, 722), ({**PING, "ping_interval": "24h"}, 3600),
     ({**PING, "hold_down": 5}, 5)],
)  # fmt: skip
def test_a_hold_is_as_long_as_a_failure_takes_to_be_noticed(options: dict[str, Any], seconds: int) -> None:
    item, problems = written(**options)
    assert item is not None
    assert problems == []
    assert wanted_of({"site": item}, gateway().phase1, gateway().phase2).groups["site"].hold_down == seconds


def test_the_agent_is_told_what_is_wanted() -> None:
    item, _problems = written(
        **{**INSIDE, "ping_address": ["10.2.0.1", "10.2.0.2"]}, ping_quorum=2, ping_interval="1s", retry_interval="200ms",
        fallbacks=["paris-2", "paris-lte"], mode="hot", ping_fallback=True, hold_down=90, rise=5,
    )  # fmt: skip
    assert item is not None
    host = gateway(responder_only=True, dpd={"delay": 5, "timeout": 20})
    wanted = wanted_of({"site": item}, host.phase1, host.phase2)
    check = Check(("10.2.0.1", "10.2.0.2"), 2, 1.0, 3, 0.2, 5, inside=True)
    group = Group("site", "paris", ("paris-2", "paris-lte"), True, check, True, 90.0, 3600.0)
    assert wanted.groups == {"site": group}
    assert wanted.tunnel("paris") == Tunnel(responder_only=True, dead_peer=DeadPeer(5.0, 20.0, "none"))


def test_a_calendar_takes_the_place_of_the_interval() -> None:
    item, _problems = written(**PING, ping_schedule="nightly")
    assert item is not None
    check = wanted_of({"site": item}, gateway().phase1, gateway().phase2).groups["site"].check
    assert check is not None
    assert (check.interval, check.again, check.budget) == (None, None, None)
    nightly = Schedule("nightly", "03:00")
    assert calendars({"site": item}, {"nightly": nightly}) == {"site": "03:00"}
    assert calendars({"site": dataclasses.replace(item, ping_schedule="hourly")}, {"nightly": nightly}) == {
        "site": "hourly"
    }
    assert calendars({"site": dataclasses.replace(item, ping_retries=0)}, {"nightly": nightly}) == {}


def test_a_tunnel_follows_another_way_where_that_is_wanted() -> None:
    host = gateway(restart_on_gateway_change=True)
    assert wanted_of({}, host.phase1, host.phase2).tunnel("paris").restart_on_gateway_change


@pytest.mark.parametrize(
    "options",
    [{}, {"mode": "hot"}, {**INSIDE, "ping_fallback": True}, INSIDE, {**PING, "ping_fallback": True}],
    ids=["cold", "hot", "asked inside", "asked inside, cannot return", "asked outside"],
)
@pytest.mark.parametrize("active", ["paris", "paris-2"])
def test_the_agent_keeps_up_what_the_engine_has_ready(options: dict[str, Any], active: str) -> None:
    item, _problems = written(**{"fallbacks": ["paris-2", "paris-lte"], **options})
    assert item is not None
    host = dataclasses.replace(gateway(xfrm_interface="ipsec-1"), fallbacks={"site": item})
    group = wanted_of(host.fallbacks, host.phase1, host.phase2).groups["site"]
    roles = resting(host, Situation(b"", in_use={"site": active}))
    told = {name: "standby" if role.standby else "ready" for name, role in roles.items()}
    assert Standing(group, active, 60.0).roles == {**told, active: "active"}


@pytest.mark.parametrize(
    ("settings", "name", "starts"),
    [
        ({"remote_endpoints": ["192.0.2.2"]}, "", False),
        ({"remote_endpoints": ["gw.example.net"]}, "gw.example.net", True),
        ({"remote_endpoints": ["192.0.2.0/24", "gw.example.net"], "init_type": "on_demand"}, "gw.example.net", False),
        # charon goes to the first that is an address or a name.
        ({"remote_endpoints": ["192.0.2.2", "gw.example.net"]}, "", False),
        # Whoever only responds has nobody to go to.
        ({"remote_endpoints": ["gw.example.net"], "responder_only": True}, "", False),
    ],
)
def test_a_name_is_followed_where_this_end_goes_to_it(settings: dict[str, Any], name: str, *, starts: bool) -> None:
    host = gateway(**settings)
    tunnel = wanted_of({}, host.phase1, host.phase2).tunnel("paris")
    assert (tunnel.name, tunnel.starts) == (name, starts)


@pytest.mark.parametrize(
    ("settings", "lifetime", "starts"),
    [
        ({"lifetime": 3600}, None, False),
        ({"rekey": False, "lifetime": 3600}, 3600.0, True),
        ({"rekey": False, "lifetime": 3600, "init_type": "start"}, 3600.0, True),
        ({"rekey": False, "lifetime": 3600, "init_type": "on_demand"}, 3600.0, False),
        ({"rekey": False, "lifetime": 3600, "responder_only": True}, 3600.0, False),
    ],
)
def test_an_ike_sa_that_charon_knows_no_end_of_is_the_agents(
    settings: dict[str, Any], lifetime: float | None, *, starts: bool
) -> None:
    host = gateway(**settings)
    tunnel = wanted_of({}, host.phase1, host.phase2).tunnel("paris")
    assert (tunnel.lifetime, tunnel.starts) == (lifetime, starts)


@pytest.mark.parametrize(
    ("settings", "peer"),
    [
        ({"dpd": {"delay": 5, "timeout": 20, "action": "restart"}}, DeadPeer(5.0, 20.0, "restart")),
        ({"init_type": "start"}, DeadPeer(30.0, 150.0, "restart")),
        ({"dpd": {"timeout": 0}}, None),
        ({"dpd": {"enabled": False}}, None),
        ({"ike_version": 1}, None),
    ],
)
def test_a_dead_peer_is_the_agents_where_charon_has_no_time_for_it(
    settings: dict[str, Any], peer: DeadPeer | None
) -> None:
    host = gateway(**settings)
    assert wanted_of({}, host.phase1, host.phase2).tunnel("paris").dead_peer == peer


@pytest.mark.parametrize(
    ("options", "returns"), [({}, True), (PING, False), ({**PING, "ping_fallback": True}, True)],
)  # fmt: skip
def test_a_primary_that_is_checked_returns_where_that_is_wanted(options: dict[str, Any], returns: bool) -> None:
    item, _problems = written(**options)
    assert item is not None
    group = wanted_of({"site": item}, gateway().phase1, gateway().phase2).groups["site"]
    assert group.returns is returns
    assert (group.check is None) is not item.checked


@pytest.mark.parametrize(("ip_type", "family"), [("ipv4", 4), ("ipv6", 6), ("any", 0)])
def test_a_name_is_followed_within_the_family_that_charon_goes_by(ip_type: str, family: int) -> None:
    host = gateway(ip_type=ip_type, remote_endpoints=("paris.example.net",))
    wanted = wanted_of({}, host.phase1, host.phase2)
    assert (wanted.tunnel("paris").name, wanted.tunnel("paris").family) == ("paris.example.net", family)
    # One with an address asks for nothing.
    assert wanted.tunnel("paris-2").family == 0
