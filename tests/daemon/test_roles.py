# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cold fallbacks and addresses of another node at a real charon: standby starts nothing, a switch moves one tunnel only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import Charon, ViciCharon
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.roles import encode_roles
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host, run, swanctl_all
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import Config, config, steps

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]

REMOTE = {"fibre": "10.2.0.0/24", "lte": "10.2.0.0/24", "rome": "10.3.0.0/24"}
IKE, ESP = "aes256-sha256-curve25519", "aes256gcm16"
VIP = "192.0.2.100"


def gateway(**options: Any) -> Config:
    """Return two tunnels to one site with a fallback, and one to another site."""
    phase1 = [
        {
            "name": name, "interfaces": ["192.0.2.1"], "remote_endpoints": ["192.0.2.2"], "psk": "s3cret",
            "remote_id": f"{name}.example.org", "proposals": [IKE], **options,
        }
        for name in REMOTE
    ]  # fmt: skip
    phase2 = [
        {
            "name": "lan", "phase1": name, "local_networks": ["10.1.0.0/24"], "remote_networks": [network],
            "proposals": [ESP],
        }
        for name, network in REMOTE.items()
    ]  # fmt: skip
    return {
        **config(phase1, phase2),
        "fallbacks": [{"name": "paris", "primary": "fibre", "fallbacks": ["lte"]}],
    }


@pytest.fixture
def peer(charon_pair: tuple[CharonProcess, CharonProcess]) -> Iterator[ViciCharon]:
    """Return the other end of all of them, which initiates nothing by itself."""
    # kernel-libipsec wants an address of its own inside of each network; wired() gives it one for the first.
    charon_pair[1].inside("ip", "address", "replace", "10.3.0.1/32", "dev", "lo")
    with charon_pair[1].client() as there:
        there.load_shared(id="any", kind="ike", owners=[], data=b"s3cret")
        for name, network in REMOTE.items():
            child = {"local_ts": [network], "remote_ts": ["10.1.0.0/24"], "esp_proposals": [ESP]}
            there.load_connection(
                name,
                {
                    "version": "2", "proposals": [IKE], "local_addrs": ["192.0.2.2"], "remote_addrs": ["192.0.2.1", VIP],
                    "local": {"auth": "psk", "id": f"fqdn:{name}.example.org"}, "remote": {"auth": "psk"},
                    "children": {"lan": child},
                },
            )  # fmt: skip
        yield there


@pytest.fixture
def host(charon_pair: tuple[CharonProcess, CharonProcess], peer: ViciCharon, tmp_path: Path) -> Iterator[Host]:
    assert peer.sas() == []
    made = engine_host(tmp_path, charon_pair[0].uri)
    yield made
    made.charon.close()


def in_use(host: Host, name: str) -> None:
    """Do what the agent does when it has decided which tunnel of the fallback is used."""
    host.files.replace(host.paths.roles, encode_roles({"paris": name}), 0o644)


def up(charon: Charon) -> dict[str, str]:
    """Return the tunnels that carry traffic, each with its inbound SPI."""
    return {
        ike: child["spi-in"]
        for ike, sa in charon.sas()
        for child in sa["child-sas"].values()
        if child["state"] == "INSTALLED"
    }


def trapped(host: Host) -> set[str]:
    """Return which of our tunnels have a trap; this charon may have kept one of another test."""
    return {name for name, _child in host.charon.traps()} & REMOTE.keys()


def switch(host: Host, name: str) -> list[str]:
    in_use(host, name)
    done = restore(host, with_daemon=True)
    assert not done.failures
    return [str(step) for step in done.steps]


def test_a_switch_moves_the_traffic_of_a_cold_fallback_and_touches_no_other_tunnel(
    host: Host, peer: ViciCharon, charon_pair: tuple[CharonProcess, CharonProcess]
) -> None:
    run(host, gateway())
    assert awaited(lambda: up(host.charon).keys() == {"fibre", "rome"}), "the primary and the other tunnel are up"
    assert trapped(host) == {"fibre", "rome"}
    assert up(peer).keys() == {"fibre", "rome"}, "what is on standby is loaded, and has not called"
    assert "lte" in host.charon.connections()
    rome = up(host.charon)["rome"]

    assert switch(host, "lte") == [
        "write file connections", "reload connection fibre", "end sa fibre", "reload connection lte",
    ]  # fmt: skip
    assert awaited(lambda: up(host.charon).keys() == {"lte", "rome"}), "the fallback is up, and the primary is not"
    assert awaited(lambda: up(peer).keys() == {"lte", "rome"}), "the peer knows"
    assert trapped(host) == {"lte", "rome"}
    assert steps(run(host, gateway())) == []
    assert up(host.charon)["rome"] == rome

    swanctl_all(charon_pair[0], host)
    assert up(host.charon).keys() == {"lte", "rome"}

    in_use(host, "fibre")
    told = run(host, gateway(), check=True)
    assert told.disruption == {"fibre": "none", "lte": "end"}
    assert run(host, gateway()).disruption == told.disruption
    assert awaited(lambda: up(host.charon).keys() == {"fibre", "rome"}), "the primary has its place back"
    assert awaited(lambda: up(peer).keys() == {"fibre", "rome"}), "the peer knows"
    assert (up(host.charon)["rome"], trapped(host)) == (rome, {"fibre", "rome"})


def test_a_fallback_that_was_set_up_beforehand_takes_over_without_a_gap(host: Host) -> None:
    run(host, gateway())
    assert awaited(lambda: up(host.charon).keys() == {"fibre", "rome"}), "the primary and the other tunnel are up"
    host.charon.initiate(ike="lte", child="lan", timeout_ms=5000)
    assert steps(run(host, gateway())) == []
    in_use(host, "lte")
    assert run(host, gateway(), check=True).disruption == {"fibre": "end", "lte": "rekey"}
    run(host, gateway())
    assert awaited(lambda: up(host.charon).keys() == {"lte", "rome"}), "the fallback is up, and the primary is not"


def test_what_is_on_standby_answers_its_peer_and_starts_nothing_when_that_goes(host: Host, peer: ViciCharon) -> None:
    wanted = gateway(init_type="start", close_action="connect", dpd={"action": "restart"})
    run(host, wanted)
    assert awaited(lambda: up(host.charon).keys() == {"fibre", "rome"}), "the primary and the other tunnel are up"
    peer.initiate(ike="lte", child="lan", timeout_ms=5000)
    assert up(host.charon).keys() == {"fibre", "lte", "rome"}
    assert steps(run(host, wanted)) == []
    peer.terminate(ike="lte", child="lan", timeout_ms=5000)
    assert awaited(lambda: up(host.charon).keys() == {"fibre", "rome"}), "the peer has ended it"
    peer.terminate(ike="rome", child="lan", timeout_ms=5000)
    assert awaited(lambda: "rome" in up(host.charon)), "the one in use connects again when the peer has closed it"
    assert "lte" not in up(host.charon)


def test_an_address_of_the_other_node_is_called_from_only_when_it_is_here(
    host: Host, charon_pair: tuple[CharonProcess, CharonProcess]
) -> None:
    wanted = config(
        [{**gateway()["phase1"][0], "interfaces": [VIP]}],
        [each for each in gateway()["phase2"] if each["phase1"] == "fibre"],
    )
    run(host, wanted)
    assert (up(host.charon), trapped(host)) == ({}, set())
    assert "fibre" in host.charon.connections()

    charon_pair[0].inside("ip", "address", "add", f"{VIP}/32", "dev", "wan")
    host.kernel.run([("address", "replace", f"{VIP}/32", "dev", "wan0")])
    assert not restore(host, with_daemon=True).failures
    assert awaited(lambda: "fibre" in up(host.charon)), "it is up at once"
    assert trapped(host) == {"fibre"}

    charon_pair[0].inside("ip", "address", "delete", f"{VIP}/32", "dev", "wan")
    host.kernel.run([("address", "flush", "dev", "wan0", "to", VIP)])
    before = host.clock.elapsed()
    assert not restore(host, with_daemon=True).failures
    assert host.clock.elapsed() - before < 2.0
    assert (list(host.charon.sas()), trapped(host)) == ([], set())
