# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools through the engine: order of steps, what is proven at every moment, going back, and starts of charon."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError, ValidationError
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import ROME, apply, steps
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host

OFFICE: dict[str, Any] = {"name": "office", "addrs": "10.9.0.0/24"}
LATE: dict[str, Any] = {"name": "late", "addrs": "10.8.0.0/24"}


def gateway(*pools: dict[str, Any], **options: Any) -> dict[str, Any]:
    named = [pool["name"] for pool in pools]
    return {"phase1": [{**ROME, "pools": named, **options}], "pools": list(pools)}


def host_with(*pools: dict[str, Any]) -> FakeHost:
    host = wan_host()
    apply(host, gateway(*pools))
    host.reset()
    return host


def test_pools_come_before_what_uses_them_and_go_after_it() -> None:
    host = wan_host()
    assert steps(apply(host, gateway(OFFICE)))[-3:] == [
        "load secret ike-rome",
        "load pool office",
        "load connection rome",
    ]
    assert steps(apply(host, gateway(LATE))) == [
        "write file connections", "load pool late", "reload connection rome", "unload pool office",
    ]  # fmt: skip
    assert sorted(host.charon.held_pools) == ["late"]
    assert not apply(host, gateway(LATE)).changed


def test_another_attribute_is_another_pool_and_no_other_connection() -> None:
    host = host_with(OFFICE)
    outcome = apply(host, gateway({**OFFICE, "dns": ["10.9.0.1"]}))
    assert steps(outcome) == ["write file connections", "load pool office"]
    assert outcome.disruption == {}


def test_addresses_that_are_in_use_are_not_changed() -> None:
    host = host_with(OFFICE)
    host.charon.leases["office"] = 3
    before = host.state()
    with pytest.raises(
        ValidationError, match="cannot change the addresses of a pool while peers have some of them, and 3 do"
    ):
        apply(host, gateway({**OFFICE, "addrs": "10.7.0.0/24"}))
    assert host.state() == before
    assert steps(apply(host, gateway({**OFFICE, "dns": ["10.9.0.1"]}))) == [
        "write file connections",
        "load pool office",
    ]


def test_a_run_that_fails_behind_them_brings_the_old_ones_back() -> None:
    host = host_with(OFFICE)
    host.charon.refuse["load-pool", "late"] = "it does not want to"
    with pytest.raises(ApplyError) as failed:
        apply(host, gateway({**OFFICE, "dns": ["10.9.0.1"]}, LATE))
    assert failed.value.restored
    assert host.charon.held_pools == {"office": {"addrs": "10.9.0.0/24"}}
    assert not apply(host, gateway(OFFICE)).changed


def test_one_that_cannot_be_removed_yet_fails_the_run() -> None:
    host = host_with(OFFICE, LATE)
    host.charon.leases["late"] = 1
    with pytest.raises(ApplyError, match=r"unload pool late: .*online leases") as failed:
        apply(host, gateway(OFFICE))
    assert failed.value.restored
    assert sorted(host.charon.held_pools) == ["late", "office"]


def test_what_a_record_does_not_tell_is_loaded_again() -> None:
    host = host_with(OFFICE)
    host.files.remove(host.paths.pools_record)
    assert steps(apply(host, gateway(OFFICE))) == ["load pool office"]
    assert not apply(host, gateway(OFFICE)).changed
    host.files.replace(host.paths.pools_record, b"{", 0o600)
    assert steps(apply(host, gateway(OFFICE))) == ["load pool office"]


def test_a_gateway_without_pools_leaves_no_record() -> None:
    host = host_with(OFFICE)
    assert host.files.read(host.paths.pools_record) is not None
    apply(host, gateway())
    assert host.files.read(host.paths.pools_record) is None
