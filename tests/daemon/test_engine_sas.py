# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does to live SAs: no old parameters stay, no other tunnel suffers, what is removed is down at both ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import Charon, ViciCharon
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host, run
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import Config, config, steps

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]


def tunnel(number: int, init_type: str, *, lifetime: str = "1h", **changes: Any) -> Config:
    """Return a gateway with one tunnel; the lifetime of its child tells old parameters from new ones."""
    name = f"t{number}"
    phase1 = {
        "name": name, "interfaces": ["192.0.2.1"], "remote_endpoints": ["192.0.2.2"], "psk": "s3cret",
        "remote_id": f"gw{number}.example.org", "proposals": ["aes256-sha256-curve25519"], "init_type": init_type,
    }  # fmt: skip
    phase2 = {
        "name": "lan", "phase1": name, "local_networks": ["10.1.0.0/24"], "lifetime": lifetime,
        "remote_networks": [f"10.{number}.0.0/24"], "proposals": ["aes256gcm16"],
    }  # fmt: skip
    return config([{**phase1, **changes}], [phase2])


def both(one: Config, other: Config) -> Config:
    return {key: [*one[key], *other[key]] for key in one}


@pytest.fixture
def peer(charon_pair: tuple[CharonProcess, CharonProcess]) -> Iterator[ViciCharon]:
    """Return the other end, which answers t2 and t3."""
    # kernel-libipsec wants an address of its own inside of each network; wired() gives it one for the first.
    charon_pair[1].inside("ip", "address", "replace", "10.3.0.1/32", "dev", "lo")
    with charon_pair[1].client() as there:
        there.load_shared(id="any", kind="ike", owners=[], data=b"s3cret")
        for number in (2, 3):
            child = {
                "local_ts": [f"10.{number}.0.0/24"],
                "remote_ts": ["10.1.0.0/24"],
                "esp_proposals": ["aes256gcm16"],
            }
            there.load_connection(
                f"t{number}",
                {
                    "version": "2",
                    "proposals": ["aes256-sha256-curve25519"],
                    "local": {"auth": "psk", "id": f"fqdn:gw{number}.example.org"},
                    "remote": {"auth": "psk"},
                    "children": {"lan": child},
                },
            )
        yield there


@pytest.fixture
def host(charon_pair: tuple[CharonProcess, CharonProcess], peer: ViciCharon, tmp_path: Path) -> Iterator[Host]:
    assert peer.sas() == []
    made = engine_host(tmp_path, charon_pair[0].uri)
    yield made
    made.charon.close()


def children(charon: Charon, name: str) -> list[tuple[int, str]]:
    """Return the CHILD_SAs of a connection that are installed: seconds of their whole life, inbound SPI."""
    return [
        (int(child["life-time"]) + int(child["install-time"]), child["spi-in"])
        for ike, sa in charon.sas()
        if ike == name
        for child in sa["child-sas"].values()
        if child["state"] == "INSTALLED"
    ]


def ike_sas(charon: Charon) -> list[str]:
    return sorted(name for name, _sa in charon.sas())


def up(host: Host, name: str = "t2") -> bool:
    return awaited(lambda: len(children(host.charon, name)) == 1)


@pytest.mark.parametrize("what", ["the child", "child and IKE", "the key"])
@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("on_demand", "on_demand", "rekey"),
        ("none", "none", "rekey"),
        ("on_demand", "start_on_demand", "rekey"),
        ("none", "start", "rekey"),
        ("start_on_demand", "start_on_demand", "reestablish"),
        ("start", "start_on_demand", "reestablish"),
        ("start_on_demand", "on_demand", "reestablish"),
        ("start", "none", "reestablish"),
    ],
)
def test_no_old_parameters_stay(*, host: Host, peer: ViciCharon, before: str, after: str, told: str, what: str) -> None:
    run(host, tunnel(2, before))
    if "start" not in before:
        host.charon.initiate(ike="t2", child="lan", timeout_ms=5000)
    assert up(host)
    [(_seconds, old)] = children(host.charon, "t2")

    more = {"child and IKE": {"lifetime": "4h"}, "the key": {"psk": "another"}}.get(what, {})
    if what == "the key":
        told = "reestablish"
        peer.unload_shared("any")
        peer.load_shared(id="other", kind="ike", owners=[], data=b"another")
    if (before, after, what) == ("none", "none", "child and IKE"):
        told = "reestablish"
    wanted = tunnel(2, after, lifetime="1h" if what == "the key" else "2h")
    outcome = run(host, {**wanted, "phase1": [{**wanted["phase1"][0], **more}]})

    assert (outcome.disruption, outcome.warnings) == ({"t2": told}, ())
    # Who may initiate has the tunnel up again when the run is over; nobody else brings it back, but for a rekeyed one.
    again = after != "none" or told == "rekey"
    expected = ["t2"] if again else []
    now = children(host.charon, "t2")
    assert len(now) == len(expected)
    assert old not in [spi for _seconds, spi in now]
    assert all(seconds > 7000 for seconds, _spi in now) or what == "the key"
    assert awaited(lambda: ike_sas(host.charon) == expected == ike_sas(peer)), (host.charon.sas(), peer.sas())


@pytest.mark.parametrize("init_type", ["start_on_demand", "on_demand"])
def test_a_changed_tunnel_and_a_removed_one_touch_no_other(host: Host, init_type: str) -> None:
    run(host, both(tunnel(2, init_type), tunnel(3, init_type)))
    for name in ("t2", "t3"):
        if init_type == "on_demand":
            host.charon.initiate(ike=name, child="lan", timeout_ms=5000)
        assert up(host, name)
    kept = children(host.charon, "t3")[0][1]
    run(host, both(tunnel(2, init_type, lifetime="2h"), tunnel(3, init_type)))
    assert [spi for _seconds, spi in children(host.charon, "t3")] == [kept]
    run(host, tunnel(3, init_type))
    assert [spi for _seconds, spi in children(host.charon, "t3")] == [kept]


@pytest.mark.parametrize("init_type", ["start_on_demand", "on_demand", "start", "none"])
def test_a_removed_tunnel_is_down_at_both_ends(host: Host, peer: ViciCharon, init_type: str) -> None:
    run(host, tunnel(2, init_type))
    if "start" not in init_type:
        host.charon.initiate(ike="t2", child="lan", timeout_ms=5000)
    assert up(host)
    outcome = run(host, config([], []))
    assert "end sa t2" in steps(outcome)
    assert ike_sas(host.charon) == []
    assert awaited(lambda: ike_sas(peer) == [])


@pytest.mark.parametrize("init_type", ["start_on_demand", "on_demand"])
def test_a_removed_phase_2_leaves_no_child(host: Host, init_type: str) -> None:
    run(host, tunnel(2, init_type))
    if init_type == "on_demand":
        host.charon.initiate(ike="t2", child="lan", timeout_ms=5000)
    assert up(host)
    run(host, {**tunnel(2, init_type), "phase2": []})
    assert awaited(lambda: children(host.charon, "t2") == [], timeout=3)
