# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard in a run: first to come, last to go, refused where it would cut off who manages the host, and back at boot."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.rules import followed_names
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.running import RunOptions
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.management import Session
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.firewall import parse_ruleset
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import (
    INTERFACE,
    PARIS,
    PARIS_LAN,
    ROME,
    ROME_LAN,
    apply,
    config,
    steps,
    to,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host

ON = {"plaintext_guard": True}
STRICT = config([PARIS, ROME], [{**PARIS_LAN, **ON}, {**ROME_LAN, **ON}], [INTERFACE])
BY_DEFAULT = config([PARIS], [PARIS_LAN], [INTERFACE])
NOTHING = config([], [])
WRITE = "write firewall table inet swanfleet"


def test_the_guard_is_the_first_to_come_and_the_last_to_go() -> None:
    host = wan_host()
    assert steps(apply(host, STRICT))[:6] == [
        WRITE,
        "write file secrets",
        "write file connections",
        "add guard unreachable 10.2.0.0/24",
        "add guard block 10.3.0.0/24",
        "add link ipsec-paris",
    ]
    assert steps(apply(host, NOTHING))[-3:] == [
        "remove guard block 10.3.0.0/24",
        "remove guard unreachable 10.2.0.0/24",
        "remove firewall table inet swanfleet",
    ]
    assert not host.kernel.unreachable
    assert not host.kernel.blocks


def test_a_guard_by_default_needs_no_nftables_and_no_more_reading() -> None:
    host = wan_host()
    host.firewall.missing = "the program 'nft' is missing"
    assert steps(apply(host, BY_DEFAULT))[2] == "add guard unreachable 10.2.0.0/24"
    assert steps(apply(host, BY_DEFAULT)) == []


def test_a_guard_by_default_never_asks_who_manages_the_host() -> None:
    host = wan_host()
    host.managers = (Session("10.2.0.7", 51234, "10.1.0.1", 22),)
    apply(host, BY_DEFAULT)


def test_a_guard_that_would_cut_off_who_manages_the_host_is_refused_before_anything_is_touched() -> None:
    host = wan_host()
    host.managers = (Session("10.3.0.7", 51234, "10.1.0.1", 22),)
    before = host.state()
    with pytest.raises(ValidationError, match=r"phase2 rome/lan: .* managed from 10\.3\.0\.7"):
        apply(host, STRICT)
    assert host.state() == before
    run_transaction(host.host, to(STRICT), check=False, demands=RunOptions(management=()))
    # What is in force already was accepted.
    apply(host, STRICT)


@pytest.mark.parametrize(
    ("client", "refused"),
    [
        pytest.param("10.1.0.5", False, id="this end's network"),
        pytest.param("10.1.1.5", True, id="beside it"),
        # The host of this test is in it.
        pytest.param("192.0.2.9", False, id="a network that the host is in"),
    ],
)
def test_who_manages_the_host_from_what_a_guard_leaves_out_is_not_cut_off(client: str, refused: bool) -> None:
    host = wan_host()
    host.managers = (Session(client, 51234, "10.1.0.1", 22),)
    child = {**ROME_LAN, **ON, "remote_networks": ["10.0.0.0/8", "192.0.0.0/16"]}
    if not refused:
        assert "add guard block 10.0.0.0/16" in steps(apply(host, config([ROME], [child])))
        return
    with pytest.raises(ValidationError, match=rf"managed from {client}, which lies in 10\.0\.0\.0/8"):
        apply(host, config([ROME], [child]))


def blocked(host: FakeHost, address: str) -> bool:
    return any(ip_address(address) in ip_network(network) for _source, network, _priority in host.kernel.blocks)


NAMED = config(
    [{**PARIS, "remote_endpoints": ["gw.example.com"], "remote_id": "gw.example.com"}, ROME],
    [PARIS_LAN, {**ROME_LAN, **ON}],
    [INTERFACE],
)


def test_a_peer_with_a_name_is_never_stopped_wherever_it_is() -> None:
    host = wan_host()
    for addresses in (("10.3.0.7",), ("10.3.0.8", "10.3.0.9")):
        host.names.known = {"gw.example.com": addresses}
        apply(host, NAMED)
        assert blocked(host, "10.3.0.6")
        assert [address for address in ("10.3.0.7", "10.3.0.8", "10.3.0.9") if not blocked(host, address)] == [
            *addresses
        ]
        # What it was told last counts while nobody answers, at boot too.
        host.names.known = {}
        assert steps(apply(host, NAMED)) == []
        assert restore(host.host, with_daemon=False).steps == ()


def test_a_name_that_moves_while_no_playbook_runs_takes_the_guard_along() -> None:
    host = wan_host()
    host.names.known = {"gw.example.com": ("10.3.0.7",)}
    apply(host, NAMED)
    restored = restore(host.host, with_daemon=True, names={"gw.example.com": ("10.3.0.8",)})
    assert restored.failures == ()
    assert (blocked(host, "10.3.0.7"), blocked(host, "10.3.0.8")) == (True, False)


def test_a_name_that_only_a_guard_follows_keeps_nobody_let_in() -> None:
    host = wan_host()
    named = {**ROME, "name": "oslo", "remote_endpoints": ["oslo.example.com"], "firewall_rule": True}
    wanted = {**NAMED, "phase1": [*NAMED["phase1"], named]}
    host.names.known = {"oslo.example.com": ("198.51.100.7",)}
    apply(host, wanted)
    restore(host.host, with_daemon=True, names={"oslo.example.com": ("198.51.100.8",)})
    found = parse_ruleset(host.firewall.ruleset()).table
    assert found is not None
    [each] = [each for name, each in found.sets.items() if name.startswith("names")]
    assert [str(ip_address(int(box[0][0]))) for box in each.boxes] == ["198.51.100.8"]


@pytest.mark.parametrize(("guarded", "asked"), [(True, ["gw.example.com"]), (None, []), (False, [])])
def test_names_are_followed_where_a_guard_may_stop_them(guarded: bool | None, asked: list[str]) -> None:
    gateway = parse_gateway({**NAMED, "phase2": [PARIS_LAN, {**ROME_LAN, "plaintext_guard": guarded}]})
    assert sorted(followed_names(gateway)) == asked


def test_who_manages_the_host_can_be_told() -> None:
    host = wan_host()
    with pytest.raises(ValidationError, match=r"managed from 10\.3\.0\.0/28"):
        run_transaction(host.host, to(STRICT), check=True, demands=RunOptions(management=("10.3.0.0/28",)))


def test_what_is_lost_of_the_guard_comes_back() -> None:
    host = wan_host()
    apply(host, STRICT)
    whole = host.state()
    host.kernel.unreachable.clear()
    host.kernel.blocks.clear()
    host.firewall.flush()
    assert [str(each) for each in restore(host.host, with_daemon=False).steps] == [
        WRITE,
        "add guard unreachable 10.2.0.0/24",
        "add guard block 10.3.0.0/24",
    ]
    assert host.state() == whole
