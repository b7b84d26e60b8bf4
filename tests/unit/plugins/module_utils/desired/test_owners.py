# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose the keys are, and which of them charon would confuse; tests/daemon/test_keys.py asks charon itself."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import check_gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.owners import confused_keys, key_problems, owners
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

Config = dict[str, Any]

PEER, OTHER = "198.51.100.2", "198.51.100.3"
ANYONE = {"init_type": "none", "remote_endpoints": ["0.0.0.0"]}  # noqa: S104  # the page's word for any peer
V1 = {"ike_version": 1}


def connection(name: str, **options: Any) -> Config:
    return {"name": name, "remote_endpoints": [PEER], "psk": f"key of {name}", **options}


@pytest.mark.parametrize(
    ("options", "owned_by"),
    [
        ({}, (PEER,)),
        ({"interfaces": ["192.0.2.1"]}, (PEER,)),
        ({"interfaces": ["192.0.2.1"], "remote_id": "any"}, ("192.0.2.1", "%any")),
        ({"interfaces": ["wan0"]}, (PEER,)),
        ({"local_id": "gw"}, (PEER,)),
        ({"remote_id": "10.0.0.1"}, ("10.0.0.1",)),
        ({"remote_id": "any"}, ("%any",)),
        ({"remote_endpoints": [PEER, OTHER, "gw", "198.51.100.0/24"]}, (PEER, OTHER, "%any")),
        ({"remote_endpoints": ["gw"], "local_id": "a@b"}, ("email:a@b", "%any")),
        ({"remote_endpoints": [PEER, OTHER], "remote_id": "gw"}, ("fqdn:gw",)),
        (ANYONE, ("%any",)),
        ({**ANYONE, "remote_id": "*.example.org"}, ("fqdn:*.example.org",)),
        (V1, (PEER,)),
        ({**V1, "remote_id": "gw"}, ("fqdn:gw", PEER)),
        ({**V1, "remote_id": "10.0.0.1"}, ("10.0.0.1", PEER)),
        ({**V1, "remote_id": "gw", "local_id": "a"}, ("fqdn:gw",)),
        ({**V1, "remote_id": "any"}, (PEER, "%any")),
    ],
)
def test_owners(options: Config, owned_by: tuple[str, ...]) -> None:
    [found] = parse_gateway({"phase1": [connection("paris", **options)]}).phase1.values()
    assert owners(found) == owned_by


def confused(one: Config, other: Config) -> list[str]:
    """Name the connections about which something is said, of one named a and another named b."""
    gateway = parse_gateway({"phase1": [connection("a", **one), connection("b", **other)]})
    return [problem.where for problem in confused_keys(gateway.phase1)]


SEVERAL = {"remote_endpoints": [PEER, OTHER]}
SAME = {"psk": "one key"}


@pytest.mark.parametrize(
    ("one", "other", "named"),
    [
        pytest.param({}, {"remote_endpoints": [OTHER]}, [], id="two peers"),
        pytest.param({}, ANYONE, [], id="a peer, and anyone"),
        pytest.param({"remote_endpoints": ["gw.example.org"]}, {}, [], id="a name, and a peer"),
        pytest.param({"remote_id": "a.example"}, {"remote_id": "b.example"}, [], id="two names of one address"),
        pytest.param({**ANYONE, "local_id": "a"}, {**ANYONE, "local_id": "b"}, [], id="anyone, two names of ours"),
        pytest.param({**ANYONE, "interfaces": ["192.0.2.1"]}, {**ANYONE, "interfaces": ["192.0.2.2"]}, [],
                     id="anyone, two addresses of ours"),
        pytest.param({"remote_id": "keyid:A"}, {"remote_id": "keyid:a"}, [], id="two key ids"),
        pytest.param({**ANYONE, **SAME}, {**ANYONE, **SAME}, [], id="one key"),
        pytest.param({**SAME, **V1}, {**SAME, **V1, "local_id": "x"}, [], id="one key in version 1"),
        pytest.param(ANYONE, ANYONE, ["a"], id="anyone twice"),
        pytest.param({"remote_endpoints": ["a.example"]}, {"remote_endpoints": ["b.example"]}, ["a"], id="two host names"),
        pytest.param(SEVERAL, {"remote_endpoints": ["c"]}, ["a"], id="several, and a host name"),
        pytest.param({**ANYONE, "local_id": "gw"}, {"remote_endpoints": ["c"]}, ["b"], id="only one knows who we are"),
        pytest.param({}, {"remote_endpoints": [PEER, "c"]}, ["a"], id="a peer, and several with it"),
        pytest.param({}, {}, ["a"], id="one peer twice"),
        pytest.param({"local_id": "gw"}, {}, ["a"], id="one peer, a name of ours in one"),
        pytest.param({"local_id": "a"}, {"local_id": "b"}, ["a"], id="one peer, two names of ours"),
        pytest.param({**ANYONE, "local_id": "gw"}, {**ANYONE, "local_id": "GW"}, ["a"], id="names have no case"),
        pytest.param({"remote_id": "C=DE,CN=a"}, {"remote_id": "dn:/c=de/cn=a"}, ["a"], id="one distinguished name"),
        pytest.param({**ANYONE, "remote_id": "*.a.b"}, {**ANYONE, "remote_id": "*.b"}, ["a"], id="a domain in a domain"),
        pytest.param({**ANYONE, "remote_id": "*.a.b"}, {**ANYONE, "remote_id": "*.c.b"}, [], id="two domains"),
        pytest.param({**V1, "local_id": "x", "remote_id": "y"}, {**V1, "local_id": "v", "remote_id": "w"}, ["b"],
                     id="version 1 goes by addresses"),
        pytest.param({**V1, "local_id": "x", "remote_id": "y", "interfaces": ["wan0"]},
                     {**V1, "local_id": "v", "remote_id": "w", "interfaces": ["wan1"]}, [], id="of both ends"),
        pytest.param({**V1, **ANYONE, "local_id": "x", "remote_id": "y"},
                     {**V1, **ANYONE, "ip_type": "ipv6", "remote_endpoints": ["::"], "local_id": "v", "remote_id": "w"}, [],
                     id="of one family"),
        pytest.param({**V1, "local_id": "x", "remote_id": "y"}, {"local_id": "v", "remote_id": "w"}, [], id="version 1 alone"),
        pytest.param({**V1, "remote_id": "y"}, {"remote_id": PEER}, ["a"], id="a key for the address of a peer"),
    ],
)  # fmt: skip
def test_confused(one: Config, other: Config, named: list[str]) -> None:
    assert confused(one, other) == [f"phase1 {name}" for name in named]


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        pytest.param(
            {"remote_endpoints": ["a.example"]}, ANYONE,
            "phase1 a: psk: charon finds a key by the two identities, and phase1 b has another one that it may take for a peer "
            "whose identity is not known beforehand; set remote_id (or local_id) of each so that charon can tell them apart, or "
            "use one key for both", id="any peer",
        ),
        pytest.param(
            {}, {},
            "phase1 a: psk: charon finds a key by the two identities, and phase1 b has another one that it may take for peer "
            "198.51.100.2; set another remote_id for each so that charon can tell them apart, or use one key for both",
            id="one peer",
        ),
        pytest.param(
            {**V1, "local_id": "x", "remote_id": "y"}, {**V1, "local_id": "v", "remote_id": "w"},
            "phase1 b: psk: phase1 a has another one for the same addresses, and in IKEv1 a key can only be found by the "
            "addresses (RFC 2409, section 5.4); use ike_version: 2, or one key for both", id="version 1",
        ),
    ],
)  # fmt: skip
def test_the_message_names_both_and_shows_no_key(one: Config, other: Config, message: str) -> None:
    gateway = parse_gateway({"phase1": [connection("a", **one), connection("b", **other)]})
    with pytest.raises(ValidationError) as refused:
        check_gateway(gateway)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        pytest.param({**V1, "remote_id": "gw", "remote_endpoints": [PEER, "gw"]}, True, id="a peer of a name"),
        pytest.param({**V1, **ANYONE, "remote_id": "gw"}, True, id="anyone"),
        pytest.param({**V1, **ANYONE, "remote_id": "gw", "interfaces": ["192.0.2.1"]}, False, id="our address"),
        pytest.param({**V1, **ANYONE, "remote_id": "gw", "local_id": "a"}, False, id="our name"),
        pytest.param({**V1, **ANYONE}, False, id="no identity of the peer"),
        pytest.param({**V1, "remote_id": "gw"}, False, id="an address of the peer"),
        pytest.param({**ANYONE, "remote_id": "gw"}, False, id="version 2"),
    ],
)
def test_version_1_must_find_the_key(*, options: Config, refused: bool) -> None:
    gateway = parse_gateway({"phase1": [connection("a", **options)]})
    wanted = (
        "phase1 a: local_id is 'my_address': in IKEv1 the key is needed before the peer shows its identity, and its address is "
        "not known; set our own identity, by which charon finds the connection and its key"
    )
    assert [str(problem) for problem in key_problems(gateway.phase1)] == ([wanted] if refused else [])


def test_each_of_many_is_named_once() -> None:
    many = [connection(name, **ANYONE) for name in "abcd"] + [connection("e", **ANYONE, psk="key of a")]
    problems = list(confused_keys(parse_gateway({"phase1": many}).phase1))
    assert [problem.where for problem in problems] == [f"phase1 {name}" for name in "acde"]
    assert "phase1 b has another" in problems[0].wanted


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"local_id": "gw"}, id="one name of ours"),
        pytest.param({"local_id": "gw", "remote_id": "any", "psk": "one key"}, id="one key"),
        pytest.param({**V1, "remote_id": "x", "psk": "one key"}, id="version 1"),
    ],
)
def test_ten_thousand_are_compared_in_no_time(options: Config) -> None:
    many = [
        connection(f"n{number}", **{"remote_endpoints": [f"10.{number // 250}.{number % 250}.1"], **options})
        for number in range(10_000)
    ]
    assert list(confused_keys(parse_gateway({"phase1": many}).phase1)) == []


def test_two_postquantum_keys_of_one_name_are_refused() -> None:
    one, two = ({"ppk_id": name, "ppk": key} for name, key in (("fleet", "one"), ("Fleet", "two")))
    gateway = parse_gateway({"phase1": [connection("a", remote_id="a", **one), connection("b", remote_id="b", **two)]})
    assert [str(each) for each in key_problems(gateway.phase1)] == [
        "phase1 b: ppk: charon finds it by ppk_id, and phase1 a has another one of this name; give them names of their own"
    ]
    same = parse_gateway({"phase1": [connection(name, remote_id=name, **one) for name in "ab"]})
    assert list(key_problems(same.phase1)) == []


def test_a_postquantum_key_is_compared_with_others_and_not_with_none() -> None:
    one, two = {"ppk_id": "fleet", "ppk": "one"}, {"ppk_id": "fleet"}
    for first, second in (one, two), (two, one):
        connections = [connection("a", remote_id="a", **first), connection("b", remote_id="b", **second)]
        same = parse_gateway({"phase1": connections})
        assert list(key_problems(same.phase1)) == []
