# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fields of the page are to two gateways that the engine has configured, read from the SAs that they make."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host, run
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import config

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]
proves = pytest.mark.proves
Change = dict[str, Any]
Sa = dict[str, Any]


class Ends:
    """Two gateways that reach each other, by number; each setting of one end is mirrored at the other where it must be."""

    def __init__(self, pair: Pair, directory: Path) -> None:
        self.pair = pair
        self.hosts = {
            number: engine_host(directory / str(number), process.uri) for number, process in enumerate(pair, start=1)
        }

    def apply(
        self,
        number: int,
        phase1: Change | None = None,
        phase2: Change | None = None,
        interfaces: list[Change] | None = None,
    ) -> None:
        """Make one end a gateway with one tunnel to the other."""
        other = 3 - number
        one = {
            "name": "t", "interfaces": [f"192.0.2.{number}"], "remote_endpoints": [f"192.0.2.{other}"], "psk": "s3cret",
            "init_type": "none", "proposals": ["aes256-sha256-curve25519"], **(phase1 or {}),
        }  # fmt: skip
        two = {
            "name": "lan", "phase1": "t", "local_networks": [f"10.{number}.0.0/24"],
            "remote_networks": [f"10.{other}.0.0/24"], "proposals": ["aes256gcm16"], **(phase2 or {}),
        }  # fmt: skip
        Path(self.hosts[number].paths.root).mkdir(exist_ok=True)
        run(self.hosts[number], config([one], [two], interfaces))

    def both(self, phase1: Change | None = None, phase2: Change | None = None) -> None:
        for number in (1, 2):
            self.apply(number, phase1, phase2)

    def up(self, initiator: int = 1) -> tuple[Sa, Sa]:
        """Bring the tunnel up from one end; return the IKE_SA and the CHILD_SA as that end shows them."""
        self.hosts[initiator].charon.initiate(ike="t", child="lan", timeout_ms=5000)
        return self.shown(initiator)

    def shown(self, number: int) -> tuple[Sa, Sa]:
        [(_name, ike)] = self.hosts[number].charon.sas()
        [child] = ike["child-sas"].values()
        return ike, child

    def comes_up(self, number: int = 1, *, within_s: float = 5.0) -> bool:
        """Say whether the tunnel comes up without anybody asking for it."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if any(sa["child-sas"] for _name, sa in self.hosts[number].charon.sas()):
                return True
            time.sleep(0.02)
        return False


@pytest.fixture
def ends(charon_pair: Pair, tmp_path: Path) -> Iterator[Ends]:
    made = Ends(charon_pair, tmp_path)
    yield made
    for host in made.hosts.values():
        host.charon.close()


@proves("S06", key="connections.<conn>.children.<child>.mode")
@proves("S08", key="connections.<conn>.children.<child>.esp_proposals", option="phase2.proposals")
@proves("S13", key="secrets.ike<suffix>.secret", option="phase1.psk")
@proves(key="connections.<conn>.local<suffix>.auth", option="phase1.auth_method")
@proves(key="connections.<conn>.remote<suffix>.auth", option="phase1.auth_method")
@proves(key="connections.<conn>.children.<child>.local_ts", option="phase2.local_networks")
@proves(key="connections.<conn>.children.<child>.remote_ts", option="phase2.remote_networks")
@pytest.mark.parametrize("initiator", [1, 2])
def test_a_tunnel_with_a_key_comes_up_from_either_end(ends: Ends, initiator: int) -> None:
    ends.both()
    _ike, child = ends.up(initiator)
    assert (child["mode"], child["protocol"], child["encr-alg"], child["encr-keysize"]) == (
        "TUNNEL", "ESP", "AES_GCM_16", "256",
    )  # fmt: skip
    assert (child["local-ts"], child["remote-ts"]) == ([f"10.{initiator}.0.0/24"], [f"10.{3 - initiator}.0.0/24"])
    here, there = f"10.{initiator}.0.1", f"10.{3 - initiator}.0.1"
    ends.pair[initiator - 1].inside("ping", "-c", "3", "-i", "0.02", "-W", "2", "-I", here, there)
    assert ends.shown(initiator)[1]["packets-out"] == "3"


@proves("S05", key="connections.<conn>.version", option="phase1.ike_version")
@pytest.mark.parametrize("version", [1, 2])
def test_the_version_of_ike(ends: Ends, version: int) -> None:
    ends.both({"ike_version": version})
    assert ends.up()[0]["version"] == str(version)
    ends.apply(2, {"ike_version": 3 - version})
    ends.hosts[1].charon.terminate(ike="t", timeout_ms=2000)
    with pytest.raises(DaemonRefused):
        ends.up()


@proves("S01", key="connections.<conn>.local_addrs", option="phase1.interfaces")
@pytest.mark.parametrize(
    ("interfaces", "shown"), [(["192.0.2.1"], ["192.0.2.1"]), (["wan0"], ["192.0.2.1"]), (["any"], ["%any"])]
)
def test_interfaces_are_the_addresses_that_we_send_from(ends: Ends, interfaces: list[str], shown: list[str]) -> None:
    ends.both()
    ends.apply(1, {"interfaces": interfaces})
    assert ends.hosts[1].charon.connections()["t"]["local_addrs"] == shown
    assert ends.up()[0]["local-host"] == "192.0.2.1"


@proves("S12", key="connections.<conn>.remote_addrs", option="phase1.remote_endpoints")
@pytest.mark.parametrize(
    ("endpoints", "answers"),
    [
        (["192.0.2.1"], True), (["192.0.2.0/30"], True), (["192.0.2.1-192.0.2.9"], True), (["0.0.0.0"], True),  # noqa: S104
        (["198.51.100.7", "192.0.2.1"], True), (["192.0.2.8/30"], False), (["192.0.2.2-192.0.2.9"], False),
    ],
)  # fmt: skip
def test_only_peers_among_the_endpoints_are_answered(ends: Ends, endpoints: list[str], *, answers: bool) -> None:
    ends.both()
    ends.apply(2, {"remote_endpoints": endpoints, "remote_id": "any"})
    if answers:
        assert ends.up()[0]["remote-host"] == "192.0.2.2"
    else:
        with pytest.raises(DaemonRefused):
            ends.up()


@proves("S12", option="phase1.remote_endpoints")
def test_a_name_is_looked_up_at_each_attempt_whoever_begins(ends: Ends) -> None:
    """The peer has two addresses, and its name (DynDNS) none at first, then the one, then the other."""
    here, there = ends.pair
    there.inside("ip", "address", "replace", "192.0.2.12/24", "dev", "wan")
    here.know({})
    ends.apply(1, {"remote_endpoints": ["gw2.example.net"], "remote_id": "fqdn:gw2.example.net"})
    with pytest.raises(DaemonRefused):
        ends.up()
    for address, other in (("192.0.2.2", "192.0.2.12"), ("192.0.2.12", "192.0.2.2")):
        ends.apply(2, {"interfaces": [address], "local_id": "fqdn:gw2.example.net"})
        here.know({"gw2.example.net": address})
        for initiator in (1, 2):
            assert ends.up(initiator)[0]["remote-host"] == (address if initiator == 1 else "192.0.2.1")
            # What is up stays up wherever the name moves.
            here.know({"gw2.example.net": other})
            assert ends.shown(1)[0]["remote-host"] == address
            here.know({"gw2.example.net": address})
            ends.hosts[1].charon.terminate(ike="t", timeout_ms=2000)
            assert awaited(lambda: not any(host.charon.sas() for host in ends.hosts.values()))
        here.know({"gw2.example.net": other})
        with pytest.raises(DaemonRefused):
            ends.up(2)


IDENTITIES = [
    ("my_address", "192.0.2.1"), ("192.0.2.77", "192.0.2.77"), ("fqdn:gw.example.com", "gw.example.com"),
    ("email:gw@example.com", "gw@example.com"), ("keyid:branch-7", "branch-7"), ("dn:C=DE, CN=gw", "C=DE, CN=gw"),
]  # fmt: skip


@proves("S18", key="connections.<conn>.local<suffix>.id", option="phase1.local_id")
@proves("S19", key="connections.<conn>.remote<suffix>.id", option="phase1.remote_id")
@proves(key="secrets.ike<suffix>.id<suffix>", option="phase1.psk")
@pytest.mark.parametrize(("identity", "shown"), IDENTITIES)
def test_who_we_are_and_who_the_peer_must_be(ends: Ends, identity: str, shown: str) -> None:
    ends.apply(1, {"local_id": identity})
    ends.apply(2, {"remote_id": "peer_address" if identity == "my_address" else identity})
    assert ends.up()[0]["local-id"] == shown
    assert ends.shown(2)[0]["remote-id"] == shown
    ends.hosts[1].charon.terminate(ike="t", timeout_ms=2000)

    ends.apply(2, {"remote_id": "fqdn:somebody.else.example.com"})
    with pytest.raises(DaemonRefused):
        ends.up()


@proves("S19", option="phase1.remote_id")
def test_any_peer_that_has_the_key_may_be_anybody(ends: Ends) -> None:
    ends.apply(1, {"local_id": "fqdn:whoever.example.com"})
    ends.apply(2, {"remote_id": "any"})
    assert ends.up()[0]["local-id"] == "whoever.example.com"


@proves("S21", key="connections.<conn>.proposals", option="phase1.proposals")
def test_the_first_combination_that_both_have_is_taken(ends: Ends) -> None:
    ends.apply(1, {"proposals": ["aes256-sha512-modp2048", "aes128-sha256-ecp256"]})
    ends.apply(2, {"proposals": ["aes256-sha256-curve25519", "aes128-sha256-ecp256"]})
    ike, _child = ends.up()
    assert [ike[key] for key in ("encr-alg", "encr-keysize", "integ-alg", "dh-group")] == [
        "AES_CBC", "128", "HMAC_SHA2_256_128", "ECP_256",
    ]  # fmt: skip


@proves("S39", option="phase1.proposals")
@proves("S39", option="phase2.proposals")
def test_the_algorithms_of_whoever_names_none(ends: Ends) -> None:
    for number in (1, 2):
        ends.apply(number, {"proposals": None}, {"proposals": None})
    ike, child = ends.up()
    assert [ike[key] for key in ("encr-alg", "encr-keysize", "integ-alg", "dh-group")] == [
        "AES_CBC", "256", "HMAC_SHA2_256_128", "CURVE_25519",
    ]  # fmt: skip
    assert (child["encr-alg"], child["encr-keysize"]) == ("AES_GCM_16", "256")


@proves("S22", key="connections.<conn>.children.<child>.life_time", option="phase2.lifetime")
@proves(key="connections.<conn>.rekey_time", option="phase1.lifetime")
@proves(key="connections.<conn>.children.<child>.rekey_time", option="phase2.lifetime")
def test_lifetimes_are_hard_limits_and_rekeying_comes_before(ends: Ends) -> None:
    ends.both({"lifetime": "2h"}, {"lifetime": "30m"})
    ike, child = ends.up()
    assert 0 < int(ike["rekey-time"]) <= 6480
    assert 1795 <= int(child["life-time"]) + int(child["install-time"]) <= 1800
    assert 0 < int(child["rekey-time"]) <= 1620


@proves("S10", key="connections.<conn>.children.<child>.start_action", option="phase1.init_type")
@pytest.mark.parametrize(
    ("init_type", "traps", "up"),
    [("start", 0, True), ("start_on_demand", 1, True), ("on_demand", 1, False), ("none", 0, False)],
)
def test_what_starts_a_tunnel(ends: Ends, init_type: str, traps: int, *, up: bool) -> None:
    ends.apply(2)
    ends.apply(1, {"init_type": init_type})
    assert len(ends.hosts[1].charon.traps()) == traps
    assert ends.comes_up(within_s=5.0 if up else 0.3) is up


@proves(key="connections.<conn>.if_id_in", option="phase1.xfrm_interface")
@proves(key="connections.<conn>.if_id_out", option="phase1.xfrm_interface")
def test_the_sas_of_an_interface_carry_its_number(ends: Ends) -> None:
    ends.apply(2)
    ends.apply(1, {"xfrm_interface": "ipsec-t"}, interfaces=[{"name": "ipsec-t", "if_id": 4711}])
    _ike, child = ends.up()
    assert (child["if-id-in"], child["if-id-out"]) == ("00001267", "00001267")
    assert "if-id-in" not in ends.shown(2)[1]
