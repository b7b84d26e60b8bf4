# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects by themselves and among each other: what is wrong about them, named so that it can be mended."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import check_gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

Config = dict[str, Any]

LISTS = (
    "phase1, phase2, xfrm_interfaces, pools, authorities, firewall, shunts, private_keys, fallbacks, schedules, uplinks"
)
ANYONE = "0.0.0.0"  # noqa: S104  # the page's word for any peer
P1: Config = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": "s3cret"}
P2: Config = {"name": "lan", "phase1": "paris", "local_networks": ["10.1.0.0/24"], "remote_networks": ["10.2.0.0/24"]}
X: Config = {"name": "ipsec0"}


def phase1(**changes: Any) -> Config:
    return {"phase1": [{**P1, **changes}]}


def phase2(**changes: Any) -> Config:
    return {"phase1": [P1], "phase2": [{**P2, **changes}]}


def xfrm(**changes: Any) -> Config:
    return {"xfrm_interfaces": [{**X, **changes}]}


def refused(config: Config) -> list[str]:
    with pytest.raises(ValidationError) as failed:
        check_gateway(parse_gateway(config))
    return str(failed.value).splitlines()


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"phase1": None},
        phase1(),
        phase2(),
        xfrm(),
        phase1(remote_endpoints="198.51.100.2"),
        phase1(interfaces=None, lifetime=None, xfrm_interface=None),
        phase1(ip_type="ipv6", remote_endpoints=["2001:db8::2"]),
        phase1(ip_type="ipv6", remote_endpoints=["gw.example.org"]),
        phase1(init_type="none", remote_endpoints=[ANYONE]),
        phase1(remote_endpoints=["198.51.100.2", ANYONE]),
        phase1(remote_endpoints=["198.51.100.0/24", "gw.example.org"]),
        phase2(local_networks=["dynamic"], remote_networks=["2001:db8::/64"]),
        phase2(local_networks=["10.1.0.0/24", "2001:db8:1::/64"]),
        phase2(local_networks=[f"10.{number}.0.0/24" for number in range(254)]),
        phase1(init_type="none", remote_id="*.example.org"),
        phase1(interfaces=["192.0.2.1-"]),
        phase1(remote_endpoints=["192.0.2.1-2.example"]),
        xfrm(if_id=2**32 - 3),
        xfrm(mtu=1280, addresses=["2001:db8::1/64"]),
        xfrm(mtu=576, addresses=["10.255.0.1/30"]),
        xfrm(
            routes=[{"destination": "10.0.0.0/8"}, {"destination": "10.0.0.0/8", "metric": 5}, {"destination": "::/0"}]
        ),
    ],
)
def test_accepted(config: Config) -> None:
    check_gateway(parse_gateway(config))


V4 = "an IPv4 address is needed, as ip_type is ipv4"


@pytest.mark.parametrize(
    ("config", "messages"),
    [
        pytest.param(phase1(psk=None), ["phase1 paris: psk: is required, as auth_method is psk"], id="no psk"),
        pytest.param(
            phase1(psk="a\n"),
            [
                (
                    "phase1 paris: psk is ***: it must not contain a line break or NUL (a file's last "
                    "newline? use the trim filter)"
                )
            ],
            id="a psk is not shown",
        ),
        pytest.param(phase1(name=None), ["phase1[0]: name: is required"], id="no name"),
        pytest.param(phase1(remote_endpoints=None), ["phase1 paris: remote_endpoints: is required"], id="no endpoint"),
        pytest.param(
            phase1(remote_endpoints=["2001:db8::2"]),
            [f"phase1 paris: remote_endpoints[0] is '2001:db8::2': {V4}"],
            id="endpoint of the other family",
        ),
        pytest.param(
            phase1(remote_endpoints=["gw", "2001:db8::/64"], interfaces=["wan0", "2001:db8::1"]),
            [
                f"phase1 paris: remote_endpoints[1] is '2001:db8::/64': {V4}",
                f"phase1 paris: interfaces[1] is '2001:db8::1': {V4}",
            ],
            id="a subnet and an interface of the other family",
        ),
        pytest.param(
            phase1(remote_endpoints=["198.51.100.0/24"]),
            [
                (
                    "phase1 paris: remote_endpoints is ['198.51.100.0/24']: init_type start_on_demand initiates, so an address or "
                    "a host name is needed among them; or set init_type: none"
                )
            ],
            id="nobody to initiate to",
        ),
        pytest.param(
            phase1(init_type="start", remote_endpoints=[ANYONE, "198.51.100.2"]),
            [
                (
                    "phase1 paris: remote_endpoints[0] is '0.0.0.0': the peer that we initiate to must come first, 'anyone' after "
                    "it"
                )
            ],
            id="anyone first",
        ),
        pytest.param(
            phase1(interfaces=[], remote_endpoints=[], proposals=[]),
            [
                "phase1 paris: interfaces is []: 'any', an interface or an address of this host is needed",
                "phase1 paris: remote_endpoints is []: an endpoint, or 0.0.0.0 or :: for anyone, is needed",
                "phase1 paris: proposals is []: a proposal is needed",
            ],
            id="empty lists",
        ),
        pytest.param(
            phase1(init_type="on_demand", remote_id="*@example.org"),
            [
                (
                    "phase1 paris: remote_id is 'email:*@example.org': init_type on_demand initiates, and the key is chosen before "
                    "the peer shows itself, so its identity is needed in full; or set init_type: none"
                )
            ],
            id="a pattern for whom we initiate to",
        ),
        pytest.param(
            phase1(lifetime="59s"), ["phase1 paris: lifetime is 59: at least 60 seconds are needed"], id="lifetime"
        ),
        pytest.param(
            phase1(ike_version=3, init_type="now"),
            [
                "phase1 paris: ike_version is 3: one of 1, 2 is needed",
                "phase1 paris: init_type is 'now': one of start_on_demand, on_demand, start, none is needed",
            ],
            id="all wrong values of an object together",
        ),
        pytest.param(
            {**phase1(remote_endpoint=["gw"]), **xfrm(zzz=1)},
            [
                "phase1 paris: remote_endpoint: there is no such option; did you mean remote_endpoints?",
                (
                    "xfrm_interface ipsec0: zzz: there is no such option; the options are name, if_id, parent, addresses, mtu, "
                    "routes, link_state, allow"
                ),
            ],
            id="options that do not exist",
        ),
        pytest.param(
            phase2(local_networks=[]),
            ["phase2 paris/lan: local_networks is []: at least one network, or 'dynamic', is needed"],
            id="no network",
        ),
        pytest.param(
            phase2(local_networks=[f"10.{number}.0.0/24" for number in range(255)], proposals=[]),
            [
                "phase2 paris/lan: local_networks is 255: at most 254 fit into one negotiation; make two phase 2",
                "phase2 paris/lan: proposals is []: a proposal is needed",
            ],
            id="too many networks, and no proposal",
        ),
        pytest.param(
            phase2(remote_networks=["10.2.0.0/24", "10.2.0.0/255.255.255.0"]),
            ["phase2 paris/lan: remote_networks is ['10.2.0.0/24', '10.2.0.0/24']: each network once"],
            id="a network twice",
        ),
        pytest.param(
            phase2(remote_networks=["2001:db8::/64"]),
            [
                (
                    "phase2 paris/lan: remote_networks is ['2001:db8::/64']: a network of the family of local_networks is needed "
                    "(IPv4): both sides of a selector have one family"
                )
            ],
            id="selectors of two families",
        ),
        pytest.param(
            phase2(lifetime=59, install_routes="yes"),
            ["phase2 paris/lan: install_routes is 'yes': true or false is needed"],
            id="a text for a boolean",
        ),
        pytest.param(
            phase2(phase1="pariss"),
            ["phase2 pariss/lan: phase1 is 'pariss': there is no phase 1 of this name; did you mean paris?"],
            id="no phase 1",
        ),
        pytest.param(
            {"phase2": [P2]},
            ["phase2 paris/lan: phase1 is 'paris': there is no phase 1 of this name; add the phase 1 too, or first"],
            id="no phase 1 at all",
        ),
        pytest.param(
            {**phase1(xfrm_interface="other"), **xfrm()},
            ["phase1 paris: xfrm_interface is 'other': there is no XFRM interface of this name; there are ipsec0"],
            id="no XFRM interface",
        ),
        pytest.param(
            xfrm(name="ipsec-frankfurt0"),
            [
                (
                    "xfrm_interface ipsec-frankfurt0: name is 'ipsec-frankfurt0': an interface name of letters, digits, '_', '-' "
                    "and '.' is needed, at most 15 characters; this has 16"
                )
            ],
            id="a name of 16 characters",
        ),
        pytest.param(
            xfrm(mtu=1279, addresses=["2001:db8::1/64", "2001:db8::1/64"]),
            [
                "xfrm_interface ipsec0: mtu is 1279: at least 1280 is needed for IPv6 (RFC 8200, section 5)",
                "xfrm_interface ipsec0: addresses is ['2001:db8::1/64', '2001:db8::1/64']: each address once",
            ],
            id="link",
        ),
        pytest.param(
            xfrm(routes=[{"destination": "10.0.0.0/8"}, {"destination": "10.0.0.0/8", "source": "2001:db8::1"}]),
            [
                "xfrm_interface ipsec0: routes[1] is '10.0.0.0/8': each destination once for a metric and a table",
                (
                    "xfrm_interface ipsec0: routes[1].source is '2001:db8::1': an IPv4 address is needed, as the destination is "
                    "10.0.0.0/8"
                ),
            ],
            id="routes",
        ),
        pytest.param(
            xfrm(routes=[{"metric": 0}, "10.0.0.0/8"]),
            [
                "xfrm_interface ipsec0: routes[0].destination: is required",
                "xfrm_interface ipsec0: routes[0].metric is 0: a whole number from 1 to 4294967295 is needed",
                "xfrm_interface ipsec0: routes[1]: a dictionary is needed, this is a text",
            ],
            id="values inside of routes",
        ),
        pytest.param(
            xfrm(if_id=2**32 - 2),
            ["xfrm_interface ipsec0: if_id is 4294967294: a whole number from 1 to 4294967293 is needed"],
            id="a number that has a meaning to charon",
        ),
        pytest.param(
            {"xfrm_interfaces": [{"name": "b", "if_id": 7}, {"name": "a", "if_id": "0x7"}]},
            ["xfrm_interface b: if_id is 7: it is the number of a already; each number once, or leave it out"],
            id="if_id twice",
        ),
        pytest.param(
            {"phase1": [P1, {**P1, "psk": "x"}]},
            ["phase1 paris: name is 'paris': it stands twice among phase1; each name once"],
            id="two phase 1 with one name",
        ),
        pytest.param(
            {"phase1": [P1], "phase2": [P2, P2]},
            ["phase2 paris/lan: name is 'lan': it stands twice among phase2; each name once"],
            id="two phase 2 with one name",
        ),
        pytest.param(
            {"phase1": "paris", "tunnels": []},
            [
                f"config: tunnels: there is no such list; there are {LISTS}",
                "config: phase1: a list is needed, this is a text",
            ],
            id="config",
        ),
        pytest.param(
            {"phase1": ["paris"]}, ["config: phase1[0]: a dictionary is needed, this is a text"], id="an item"
        ),
        pytest.param(
            {"phase1": [{**P1, "psk": None}], "xfrm_interfaces": [{"name": "a/b"}]},
            [
                "phase1 paris: psk: is required, as auth_method is psk",
                (
                    "xfrm_interface a/b: name is 'a/b': an interface name of letters, digits, '_', '-' and '.' is needed, at most "
                    "15 characters"
                ),
            ],
            id="all problems of a call together",
        ),
    ],
)
def test_refused(config: Config, messages: list[str]) -> None:
    assert refused(config) == messages


def pair(local: str, remote: str, *, shared: bool = True) -> Config:
    """Return two connections with one phase 2 each, of which the second has these selectors."""
    other = {**P1, "name": "rome", "xfrm_interface": "ipsec0" if shared else "ipsec1"}
    return {
        "phase1": [{**P1, "xfrm_interface": "ipsec0"}, other],
        "phase2": [P2, {**P2, "phase1": "rome", "local_networks": [local], "remote_networks": [remote]}],
        "xfrm_interfaces": [X, {"name": "ipsec1"}],
    }


@pytest.mark.parametrize(
    ("local", "remote", "overlap"),
    [
        ("10.1.0.0/24", "10.2.0.0/24", True),
        ("10.1.0.0/16", "10.2.0.128/25", True),
        ("10.0.0.0/8", "0.0.0.0/0", True),
        ("10.1.0.0/24", "10.2.1.0/24", False),
        ("10.1.1.0/24", "10.2.0.0/24", False),
        ("::/0", "::/0", False),
        ("dynamic", "10.2.0.0/24", False),
    ],
)
def test_selectors_overlap_on_one_xfrm_interface_only(local: str, remote: str, overlap: bool) -> None:
    check_gateway(parse_gateway(pair(local, remote, shared=False)))
    if not overlap:
        check_gateway(parse_gateway(pair(local, remote)))
        return
    [message] = refused(pair(local, remote))
    for part in ("paris/lan", "rome/lan", "10.1.0.0/24 === 10.2.0.0/24", f"{local} === {remote}", "interface ipsec0"):
        assert part in message


def test_pairs_of_one_phase_2_may_overlap() -> None:
    config = pair("10.9.0.0/24", "10.9.1.0/24")
    config["phase2"][0] = {**P2, "remote_networks": ["10.2.0.0/24", "10.2.0.0/16"]}
    check_gateway(parse_gateway(config))


def test_a_thousand_pairs_are_compared_in_no_time() -> None:
    config = pair("10.1.0.0/24", "10.255.255.0/24")
    config["phase2"] += [
        {**P2, "name": f"n{number}", "remote_networks": [f"10.{3 + number // 250}.{number % 250}.0/24"]}
        for number in range(1000)
    ]
    check_gateway(parse_gateway(config))
    config["phase2"].append({**P2, "phase1": "rome", "name": "late", "remote_networks": ["10.6.249.0/25"]})
    assert "n999" in refused(config)[0]
