# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uplinks in a run: tables that stay, addresses that move, what others have, what is put back, and what is left at the end."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.iproute2 import KernelRefused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError, ValidationError
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import ONE, apply, steps, to
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host
from ansible_collections.swanfleet.ipsec.tests.fakes.kernel import FakeLink, FakeRoute

WAN1: dict[str, Any] = {"interface": "wan1", "gateways": ["203.0.113.1"]}
FOREIGN = (4, 100, 7, "192.0.2.77", "", "", 4)
NEW = [
    "add uplink 0.0.0.0/0 via 203.0.113.1 dev wan1 table 8300",
    "add uplink 0.0.0.0/0 unreachable table 8300",
    "add uplink rule for IPv4 bound to wan1: table main, but no default route",
    "add uplink rule for 203.0.113.2: table main, but no default route",
    "add uplink rule for IPv4 bound to wan1: table 8300",
    "add uplink rule for 203.0.113.2: table 8300",
]


def with_second() -> FakeHost:
    host = wan_host()
    host.kernel.links["wan1"] = FakeLink("veth", up=True, addresses=["203.0.113.2/25", "fe80::2/64"])
    host.kernel.rules_there.all.add(FOREIGN)
    return host


def out(*uplinks: dict[str, Any]) -> dict[str, Any]:
    return {**ONE, "uplinks": list(uplinks)}


def test_they_come_after_links_and_go_last() -> None:
    host = with_second()
    apply(host, ONE)
    before = host.state()
    assert steps(apply(host, out(WAN1))) == NEW
    assert steps(apply(host, out(WAN1))) == []
    assert [each.replace("remove", "add") for each in reversed(steps(apply(host, ONE)))] == NEW
    assert {**host.state(), "generation": None} == {**before, "generation": None}
    assert host.kernel.rules_there.all == {FOREIGN}


def test_all_of_it_is_one_batch() -> None:
    host = with_second()
    apply(host, ONE)
    host.reset()
    apply(host, out(WAN1))
    assert [len(batch) for batch in host.kernel.batches] == [len(NEW)]


def test_a_check_changes_nothing_and_tells_all() -> None:
    host = with_second()
    apply(host, ONE)
    before = host.state()
    assert steps(apply(host, out(WAN1), check=True)) == NEW
    assert host.state() == before


def test_rules_are_read_only_where_there_may_be_some(monkeypatch: pytest.MonkeyPatch) -> None:
    host = with_second()
    asked: list[int] = []
    shown = host.kernel.rules

    def counted(protocol: int) -> list[dict[str, Any]]:
        asked.append(protocol)
        return shown(protocol)

    monkeypatch.setattr(host.kernel, "rules", counted)
    for wanted in (ONE, ONE):
        apply(host, wanted)
    assert asked == []
    for wanted in (out(WAN1), out(WAN1), ONE):
        before = len(asked)
        apply(host, wanted)
        assert set(asked[before:]) == {83}
    before = len(asked)
    apply(host, ONE)
    assert asked[before:] == []


def test_a_table_stays_whatever_comes_before_it() -> None:
    host = with_second()
    host.kernel.links["lte0"] = FakeLink("veth", up=True, addresses=["10.64.0.2/24"])
    apply(host, out(WAN1))
    found = steps(apply(host, out({"interface": "lte0", "gateways": ["10.64.0.1"]}, WAN1)))
    assert {each.rpartition(" ")[2] for each in found if "no default" not in each} == {"8301"}


def test_an_address_that_moves_takes_its_rules_along_and_none_is_no_failure() -> None:
    host = with_second()
    apply(host, out(WAN1))
    wan1 = host.kernel.links["wan1"]
    wan1.addresses = ["203.0.113.77/25"]
    assert [str(each) for each in restore(host.host, with_daemon=True).steps] == [
        "add uplink rule for 203.0.113.77: table main, but no default route",
        "add uplink rule for 203.0.113.77: table 8300",
        "remove uplink rule for 203.0.113.2: table 8300",
        "remove uplink rule for 203.0.113.2: table main, but no default route",
    ]
    wan1.addresses = []
    done = restore(host.host, with_daemon=True)
    assert (len(done.steps), done.failures) == (len(NEW), ())
    assert host.kernel.rules_there.all == {FOREIGN}
    assert not host.kernel.dead_ends
    wan1.addresses = ["203.0.113.2/25"]
    assert [str(each) for each in restore(host.host, with_daemon=True).steps] == NEW


def test_an_interface_that_goes_is_told_and_nothing_fails() -> None:
    host = with_second()
    apply(host, out(WAN1))
    del host.kernel.links["wan1"]
    done = restore(host.host, with_daemon=True)
    assert done.failures == ()
    assert done.notes == ("uplink wan1 waits: this host has no such interface now, and nothing is sent by it",)
    assert steps(apply(host, out(WAN1))) == []
    with pytest.raises(ValidationError, match="uplink lte0: interface is 'lte0': this host has no such interface"):
        apply(host, out(WAN1, {"interface": "lte0", "gateways": ["10.64.0.1"]}))


@pytest.mark.parametrize("with_daemon", [True, False])
def test_what_is_lost_comes_back(with_daemon: bool) -> None:
    host = with_second()
    apply(host, out(WAN1))
    whole = host.state()
    ours = sorted(host.kernel.rules_there.all - {FOREIGN})
    host.kernel.rules_there.all -= {ours[0], ours[-1]}
    host.kernel.links["wan1"].routes.clear()
    host.kernel.dead_ends.clear()
    assert [str(each) for each in restore(host.host, with_daemon=with_daemon).steps] == [NEW[0], NEW[1], NEW[3], NEW[4]]
    assert host.state() == whole


def test_a_route_of_others_in_the_table_is_never_overwritten() -> None:
    host = with_second()
    apply(host, ONE)
    theirs = FakeRoute("0.0.0.0/0", table=7, metric=4294967294, protocol=4, gateway="203.0.113.9")
    host.kernel.links["wan1"].routes.append(theirs)
    before = host.state()
    with pytest.raises(ApplyError, match="File exists"):
        apply(host, out({**WAN1, "table": 7}))
    assert host.state() == before


def test_what_fails_of_a_restoring_keeps_nothing_else_from_coming_back() -> None:
    host = with_second()
    apply(host, out(WAN1))
    ours = sorted(host.kernel.rules_there.all - {FOREIGN})
    host.kernel.rules_there.all -= set(ours)
    host.kernel.links["wan1"].routes.clear()
    host.kernel.links["lte0"] = FakeLink("veth", up=True)
    host.kernel.links["lte0"].routes.append(FakeRoute("0.0.0.0/0", table=8300, metric=4294967294, protocol=4))
    done = restore(host.host, with_daemon=True)
    assert len(done.failures) == 1
    assert "File exists" in done.failures[0]
    assert [str(each) for each in done.steps] == NEW[2:]


def test_rules_that_cannot_be_read_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    host = with_second()
    apply(host, out(WAN1))

    def refused(_protocol: int) -> list[dict[str, Any]]:
        raise KernelRefused("ip rule show: no memory")

    monkeypatch.setattr(host.kernel, "rules", refused)
    assert "ip rule show: no memory" in restore(host.host, with_daemon=True).failures
    with pytest.raises(KernelRefused):
        run_transaction(host.host, to(out(WAN1)), check=False)
