# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools: a peer gets an address and what goes along; changes reach charon, and those that it cannot make are refused before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import READING_COMMANDS, ViciCharon
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.each_release import EACH
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host, run
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import steps
from ansible_collections.swanfleet.ipsec.tests.proofs import proving

pytestmark = [pytest.mark.charon, pytest.mark.root, EACH]

OFFICE: dict[str, Any] = {"name": "office", "addrs": "10.9.0.0/24", "dns": ["10.9.255.1"]}
PROVEN = {
    "connections.<conn>.pools": "phase1.pools",
    "connections.<conn>.vips": "phase1.vips",
    "pools.<name>.addrs": "pool.addrs",
    "pools.<name>.<attr>": "pool.dns",
}


def gateway(*pools: dict[str, Any], **options: Any) -> dict[str, Any]:
    phase1 = {
        "name": "road", "interfaces": ["192.0.2.1"], "remote_endpoints": ["192.0.2.2"], "psk": "s3cret of the road",
        "proposals": ["aes256-sha256-curve25519"], "init_type": "none",
    }  # fmt: skip
    child = {
        "name": "lan", "phase1": "road", "local_networks": ["10.1.0.0/24"], "proposals": ["aes256gcm16"],
    }  # fmt: skip
    return {"phase1": [{**phase1, **options}], "phase2": [child], "xfrm_interfaces": [], "pools": list(pools)}


@pytest.fixture
def peer(charon_pair: Pair) -> Iterator[ViciCharon]:
    """Return a peer that asks for an address."""
    with charon_pair[1].client() as there:
        there.load_shared(id="any", kind="ike", owners=[], data=b"s3cret of the road")
        there.load_connection(
            "road",
            {
                "version": "2", "remote_addrs": ["192.0.2.1"], "proposals": ["aes256-sha256-curve25519"],
                "vips": ["0.0.0.0"],  # noqa: S104  # any address
                "local": {"auth": "psk", "id": "192.0.2.2"}, "remote": {"auth": "psk"},
                "children": {"lan": {"remote_ts": ["10.1.0.0/24"], "esp_proposals": ["aes256gcm16"]}},
            },
        )  # fmt: skip
        yield there


@pytest.fixture
def host(charon_pair: Pair, peer: ViciCharon, tmp_path: Path) -> Iterator[Host]:
    assert peer.sas() == []
    made = engine_host(tmp_path, charon_pair[0].uri)
    yield made
    made.charon.close()


@proving([pytest.mark.proves(key=key, option=option) for key, option in PROVEN.items()])
def test_a_peer_gets_an_address_of_the_pool(host: Host, peer: ViciCharon) -> None:
    outcome = run(host, gateway(OFFICE, pools=["office"]))
    assert [each for each in steps(outcome) if "pool" in each] == ["load pool office"]
    peer.initiate(ike="road", child="lan", timeout_ms=5000)
    [(_name, mine)] = host.charon.sas()
    [(_name, theirs)] = peer.sas()
    assert (mine["remote-vips"], theirs["local-vips"]) == (["10.9.0.1"], ["10.9.0.1"])
    assert host.charon.pools()["office"]["online"] == "1"
    # Nothing of it can be taken away from the peer unnoticed.
    with pytest.raises(ValidationError, match=r"cannot change the addresses of a pool .* and 1 do"):
        run(host, gateway({**OFFICE, "addrs": "10.8.0.0/24"}, pools=["office"]))
    assert steps(run(host, gateway({**OFFICE, "dns": ["10.9.255.2"]}, pools=["office"]))) == [
        "write file connections", "load pool office",
    ]  # fmt: skip
    assert len(peer.sas()) == 1
    # With the tunnel goes the last lease, and then the pool can go.
    outcome = run(host, {"phase1": [], "phase2": [], "xfrm_interfaces": []})
    assert steps(outcome)[-1] == "unload pool office"
    assert host.charon.pools() == {}


@proving(
    [pytest.mark.proves(key="pools.<name>.<attr>", option=f"pool.{each}") for each in ("dns", "subnet", "attributes")]
)
def test_attributes_are_sent_along(charon_pair: Pair, host: Host, peer: ViciCharon) -> None:
    start = charon_pair[1].mark()
    more = {"attributes": [{"number": 20000, "values": ["welcome"]}], "subnet": ["10.1.0.0/24"], "nbns": ["10.9.255.3"]}
    run(host, gateway({**OFFICE, **more}, pools=["office"]))
    peer.initiate(ike="road", child="lan", timeout_ms=5000)
    said = charon_pair[1].log(start)
    # The peer has no use for them, and says so of each by its name or number.
    for attribute in ("INTERNAL_IP4_DNS", "INTERNAL_IP4_NBNS", "INTERNAL_IP4_SUBNET", "(20000)"):
        assert f"handling {attribute} attribute failed" in said


def test_an_unchanged_pool_is_only_read(host: Host) -> None:
    wanted = gateway(OFFICE, {"name": "late", "addrs": "10.7.0.1-10.7.0.9"}, pools=["office", "late"])
    run(host, wanted)
    assert sorted(host.charon.pools()) == ["late", "office"]
    outcome = run(host, wanted)
    assert not outcome.changed
    assert set(host.charon.commands) <= READING_COMMANDS
    # What is not proven any more is loaded again, which changes nothing.
    host.files.remove(host.paths.pools_record)
    assert steps(run(host, wanted)) == ["load pool late", "load pool office"]
    assert not run(host, wanted).changed


def test_a_pool_that_somebody_took_away_comes_back(host: Host) -> None:
    run(host, gateway(OFFICE, pools=["office"]))
    host.charon.unload_pool("office")
    assert steps(run(host, gateway(OFFICE, pools=["office"]))) == ["load pool office"]


def test_a_pool_of_others_is_left_alone(host: Host) -> None:
    host.charon.load_pool("office", {"addrs": "10.6.0.0/24"})
    with pytest.raises(ValidationError, match="charon has a pool of this name that is not ours"):
        run(host, gateway(OFFICE, pools=["office"]))
    run(host, gateway({**OFFICE, "name": "ours"}, pools=["ours"]))
    run(host, gateway())
    assert sorted(host.charon.pools()) == ["office"]
