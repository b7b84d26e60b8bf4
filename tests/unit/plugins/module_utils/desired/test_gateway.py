# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The value of a gateway: merged, taken from, stored and read back, and the numbers that it is given."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    PHASE1,
    PHASE2,
    TYPES,
    XFRM_INTERFACES,
    Gateway,
    dump_all_defaults,
    dump_gateway,
    dump_secrets,
    load_gateway,
    parse_gateway,
    parse_names,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import (
    FIRST_ALLOTTED_IF_ID,
    Situation,
    allot_if_ids,
    local_addresses,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import ONE, PARIS, PARIS_LAN, ROME, TWO, config
from hypothesis import given
from hypothesis import strategies as st

LISTS = (
    "phase1, phase2, xfrm_interfaces, pools, authorities, firewall, shunts, private_keys, fallbacks, schedules, uplinks"
)
ANYONE = "0.0.0.0"  # noqa: S104  # the page's word for any peer
F = FIRST_ALLOTTED_IF_ID


def keys(gateway: Gateway) -> list[str]:
    return [*gateway.phase1, *gateway.phase2, *gateway.xfrm_interfaces]


def test_merging_adds_and_replaces_whole_objects() -> None:
    more = parse_gateway(config([{**ROME, "lifetime": "2h"}], [PARIS_LAN | {"name": "dmz"}]))
    merged = parse_gateway(TWO).merged(more)
    assert keys(merged) == ["paris", "rome", "paris/lan", "rome/lan", "paris/dmz", "ipsec-paris"]
    assert (merged.phase1["rome"].lifetime, merged.phase1["rome"].init_type) == (7200, "on_demand")
    replaced = merged.with_object(PHASE1, parse_gateway(config([{**ROME, "init_type": "none"}], [])).phase1["rome"])
    assert (replaced.phase1["rome"].lifetime, replaced.phase1["rome"].init_type) == (28800, "none")
    assert merged.merged(Gateway()) == merged


@pytest.mark.parametrize(
    ("kind", "key", "left"),
    [
        pytest.param(PHASE1, "rome", ["paris", "paris/lan", "ipsec-paris"], id="a phase 1 takes its phase 2s along"),
        pytest.param(PHASE2, "rome/lan", ["paris", "rome", "paris/lan", "ipsec-paris"], id="a phase 2 goes alone"),
        pytest.param(XFRM_INTERFACES, "ipsec-paris", ["paris", "rome", "paris/lan", "rome/lan"], id="an interface too"),
        pytest.param(PHASE1, "oslo", keys(parse_gateway(TWO)), id="what is not there is no error"),
    ],
)
def test_taking_away(kind: Any, key: str, left: list[str]) -> None:
    before = parse_gateway(TWO)
    assert keys(before.without(kind, key)) == left
    assert before == parse_gateway(TWO)


def test_taking_many_away_at_once() -> None:
    gone = {"phase1": ["rome", "oslo"], "xfrm_interfaces": ["ipsec-paris"]}
    assert keys(parse_gateway(TWO).without_all(gone)) == ["paris", "paris/lan"]
    assert parse_gateway(TWO).without_all({}) == parse_gateway(TWO)


def test_secrets_are_left_out_of_a_copy() -> None:
    gateway = parse_gateway(TWO)
    without = gateway.secrets_left_out()
    assert dump_gateway(without) == dump_gateway(gateway)
    assert {each["psk"] for each in dump_secrets(without)["phase1"].values()} == {"*** left out ***"}
    assert {each["psk"] for each in dump_secrets(gateway)["phase1"].values()} == {"s3cret", "another"}


def test_names_are_read_of_objects_that_are_not_whole() -> None:
    named = {
        "phase1": [{"name": "paris", "lifetime": "x"}],
        "phase2": [{"name": 7, "phase1": "rome"}],
        "xfrm_interfaces": None,
    }
    assert parse_names(named) == {"phase1": ["paris"], "phase2": ["rome/7"]}
    assert parse_names(TWO) == {kind.plural: list(parse_gateway(TWO).of(kind)) for kind in TYPES if kind.plural in TWO}
    assert parse_names({"phase1": []}) == {}


def test_names_that_are_wrong_are_told_together() -> None:
    with pytest.raises(ValidationError) as refused:
        parse_names({"phase1": [{"name": "a b"}, {}, 7], "phase2": [{"name": "lan"}], "tunnels": []})
    assert str(refused.value).splitlines() == [
        f"config: tunnels: there is no such list; there are {LISTS}",
        "phase1 a b: name is 'a b': a name of letters, digits, '_' and '-' is needed, at most 100 characters",
        "phase1[1]: name: is required",
        "config: phase1[2]: a dictionary is needed, this is a number",
        "phase2 lan: phase1: is required",
    ]


def test_an_empty_gateway_is_empty() -> None:
    assert Gateway().empty
    assert parse_gateway({"phase1": None, "phase2": []}).empty
    assert not parse_gateway(ONE).empty


names = st.text("abcXYZ019_-", min_size=1, max_size=20)
secrets = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=30)
v4 = st.ip_addresses(v=4).map(str)
ours = v4.filter(lambda address: address != ANYONE)
networks = st.builds(lambda a, b: f"10.{a}.{b}.0/24", st.integers(0, 255), st.integers(0, 255))
identities = st.sampled_from(["gw.example.org", "a@b", "keyid:x y: z", "dn:C=DE, CN=gw", "192.0.2.1", "address:::1"])
phase1s = st.fixed_dictionaries(
    {
        "name": names,
        "psk": secrets,
        "init_type": st.just("none"),
        "remote_endpoints": st.lists(
            st.one_of(v4, networks, st.sampled_from([ANYONE, "gw-1.example.org", "192.0.2.1-192.0.2.9"])), min_size=1
        ),
    },
    optional={
        "interfaces": st.lists(st.one_of(ours, st.sampled_from(["any", "wan0", "eth0.5"])), min_size=1, max_size=3),
        "local_id": identities,
        "remote_id": st.one_of(identities, st.just("any")),
        "lifetime": st.integers(60, 10**6),
        "ike_version": st.sampled_from([1, 2]),
        "xfrm_interface": st.just("ipsec0"),
    },
)
phase2s = st.fixed_dictionaries(
    {"name": names, "phase1": names},
    optional={"remote_networks": st.lists(networks, min_size=1, unique=True), "install_routes": st.booleans()},
)
routes = st.fixed_dictionaries(
    {"destination": networks}, optional={"metric": st.integers(1, 99), "table": st.integers(1, 2**32 - 1), "source": v4}
)
interfaces = st.fixed_dictionaries(
    {"name": st.text("abc019-.", min_size=3, max_size=15)},
    optional={
        "if_id": st.integers(1, 2**32 - 3),
        "mtu": st.integers(576, 65535),
        "routes": st.lists(
            routes, max_size=2, unique_by=lambda route: (route["destination"], route.get("metric"), route.get("table"))
        ),
        "addresses": st.lists(st.builds(lambda a: f"{a}/30", v4), unique=True, max_size=2),
    },
)


@given(
    st.lists(phase1s, unique_by=lambda item: item["name"], max_size=3),
    st.lists(phase2s, unique_by=lambda item: (item["name"], item["phase1"]), max_size=3),
    st.lists(interfaces, unique_by=lambda item: item["name"], max_size=3),
)
def test_what_is_stored_is_read_back(one: list[Any], two: list[Any], three: list[Any]) -> None:
    gateway = parse_gateway({"phase1": one, "phase2": two, "xfrm_interfaces": three})
    objects = json.loads(json.dumps(dump_gateway(gateway)))
    held = json.loads(json.dumps(dump_secrets(gateway)))
    assert load_gateway(objects, held, dump_all_defaults()) == gateway
    assert all("psk" not in item for item in objects["phase1"])
    assert {name: each["psk"] for name, each in held.get("phase1", {}).items()} == {i["name"]: i["psk"] for i in one}


@pytest.mark.parametrize(
    ("interfaces", "previous", "taken", "given_numbers"),
    [
        pytest.param(["b", "a"], {}, set(), {"a": F, "b": F + 1}, id="the lowest free, by name"),
        pytest.param(["b", "a"], {"b": F}, set(), {"a": F + 1, "b": F}, id="kept"),
        pytest.param(["a"], {"gone": F}, set(), {"a": F}, id="a number of what is gone is free"),
        pytest.param(["a", "b"], {}, {F, F + 2}, {"a": F + 1, "b": F + 3}, id="not those of others"),
        pytest.param(["a"], {"a": F}, {F}, {"a": F + 1}, id="another one when somebody took it"),
        pytest.param([("a", F), "b"], {"b": F}, set(), {"a": F, "b": F + 1}, id="what is written wins"),
        pytest.param([("a", 7), "b"], {"a": F}, set(), {"a": 7, "b": F}, id="written, before it was allotted"),
        pytest.param(["a", "b"], {"a": F, "b": F}, set(), {"a": F, "b": F + 1}, id="never one twice"),
    ],
)
def test_if_ids(
    *, interfaces: list[Any], previous: dict[str, int], taken: set[int], given_numbers: dict[str, int]
) -> None:
    items = [{"name": item} if isinstance(item, str) else {"name": item[0], "if_id": item[1]} for item in interfaces]
    assert allot_if_ids(parse_gateway({"xfrm_interfaces": items}), previous, taken) == given_numbers


HOST = {"lo": (), "wan0": ("192.0.2.1", "2001:db8::1"), "wan1": ("203.0.113.1", "203.0.113.2"), "off": ()}


@pytest.mark.parametrize(
    ("interfaces", "ip_type", "found"),
    [
        (["any"], "ipv4", ()),
        (["wan0", "any"], "ipv4", ()),
        (["wan0"], "ipv4", ("192.0.2.1",)),
        (["wan0"], "ipv6", ("2001:db8::1",)),
        (["198.51.100.7"], "ipv4", ("198.51.100.7",)),
        (["wan0", "wan1"], "ipv4", ("203.0.113.1", "203.0.113.2", "192.0.2.1")),
        (["off", "wan0", "192.0.2.1"], "ipv4", ("192.0.2.1",)),
        (["off"], "ipv4", None),
        (["wan1"], "ipv6", None),
        (["gone"], "ipv4", None),
        (["off", "gone", "wan0"], "ipv4", ("192.0.2.1",)),
    ],
)
def test_interfaces_stand_for_addresses(interfaces: list[str], ip_type: str, found: Any) -> None:
    peer = "198.51.100.2" if ip_type == "ipv4" else "2001:db8::2"
    raw = {**PARIS, "interfaces": interfaces, "ip_type": ip_type, "remote_endpoints": [peer]}
    connection = parse_gateway(config([raw], [])).phase1["paris"]
    situation = Situation(b"", HOST, {4: "wan1", 6: "wan0"})
    assert local_addresses(connection, situation) == found
