# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each reason why a tunnel is not up, made with two real charons and told as ipsec_info tells it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.probe import Probed, probe
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import ViciCharon
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit.info import gather
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.read import read_stored
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.tunnels import look
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.why import why_down
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release, engine_host
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import Config, config

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]
Told = list[tuple[Any, ...]]

PARIS: Config = {
    "name": "paris", "interfaces": ["192.0.2.1"], "remote_endpoints": ["192.0.2.2"], "psk": "s3cret",
    "init_type": "on_demand", "proposals": ["aes256-sha256-curve25519"],
}  # fmt: skip
LAN: Config = {
    "name": "lan", "phase1": "paris", "local_networks": ["10.1.0.0/24"], "remote_networks": ["10.2.0.0/24"],
    "proposals": ["aes256gcm16"],
}  # fmt: skip
PEER: dict[str, Any] = {
    "version": "2", "local_addrs": ["192.0.2.2"], "remote_addrs": ["192.0.2.1"],
    "proposals": ["aes256-sha256-curve25519"], "local": {"auth": "psk", "id": "192.0.2.2"},
    "remote": {"auth": "psk", "id": "192.0.2.1"},
    "children": {
        "lan": {"local_ts": ["10.2.0.0/24"], "remote_ts": ["10.1.0.0/24"], "esp_proposals": ["aes256gcm16"]}
    },
}  # fmt: skip


Change = dict[str, Any]


class Ends:
    """Our end, run by the engine, and a peer that is set up by hand over vici."""

    def __init__(self, host: Host, peer: ViciCharon) -> None:
        self.host, self.peer = host, peer
        self.trouble = ""
        self.messages: list[str] = []

    def ours(self, *more: Config, phase1: Change | None = None, phase2: Change | None = None) -> None:
        engine_host.run(self.host, config([{**PARIS, **(phase1 or {})}], [{**LAN, **(phase2 or {})}, *more]))

    def theirs(self, change: Change | None = None, *, key: bytes = b"s3cret") -> None:
        self.peer.load_shared(id="k", kind="ike", owners=["192.0.2.1"], data=key)
        self.peer.load_connection("p", {**PEER, **(change or {})})

    def told(self, *, probe_s: float = 0.0, listen_s: float = 0.0) -> Told:
        """Return what ipsec_info tells, after a probe of at most so many seconds, or after listening for so many."""
        gateway = read_stored(self.host).gateway
        found = Probed(look(self.host, gateway))
        if probe_s or listen_s:
            found = probe(self.host, gateway, found.sight, seconds=probe_s + listen_s, initiate=probe_s > 0)
        self.trouble = found.trouble
        told = [each.as_data() for each in why_down(gateway, found.sight)]
        self.messages = [each["message"] for each in told]
        assert {each["phase1"] for each in told} <= {"paris"}
        return [(each["phase2"], each["state"], each["reason"], each["source"]) for each in told]


@pytest.fixture
def ends(charon_pair: tuple[CharonProcess, CharonProcess], tmp_path: Path) -> Iterator[Ends]:
    one, two = charon_pair
    host = engine_host.engine_host(tmp_path, one.uri, alerts=one.alerts)
    with two.client() as peer:
        yield Ends(host, peer)
    host.charon.close()


def both(state: str, reason: str, source: str) -> Told:
    """Return what is told where the phase 1 is not up, and its phase 2 for the same reason."""
    return [(None, state, reason, source), ("lan", state, reason, source)]


OTHER_IKE = ["aes128-sha256-modp2048"]
ELSEWHERE = {"remote_networks": ["10.3.0.0/24"]}
V1 = {"ike_version": 1}
# Ours and the peer's change of phase 1, ours of phase 2, the peer's key; what a probe tells, and a part of its message.
FAILURES: dict[str, tuple[Change, Change, Change, bytes, Told, str]] = {
    "another-key": (
        {}, {}, {}, b"other", both("down", "authentication_refused", "error-notify"), "local authentication failed"
    ),
    "another-identity": (
        {"local_id": "fqdn:x.example.org"}, {}, {}, b"s3cret", both("down", "authentication_refused", "error-notify"),
        "local authentication failed",
    ),
    "another-peer-than-expected": (
        {"remote_id": "fqdn:x.example.org"}, {}, {}, b"s3cret",
        both("down", "authentication_refused", "error-notify"), "x.example.org",
    ),
    "no-ike-proposal-in-common": (
        {"proposals": OTHER_IKE}, {}, {}, b"s3cret", both("down", "no_proposal", "error-notify"), "AES_CBC_128"
    ),
    "no-esp-proposal-in-common": (
        {}, {}, {"proposals": ["aes128gcm16"]}, b"s3cret", [("lan", "down", "no_proposal", "error-notify")],
        "AES_GCM_16_128",
    ),
    "other-networks": ({}, {}, ELSEWHERE, b"s3cret", [("lan", "down", "selectors", "log event")], "TS_UNACCEPTABLE"),
    "another-ike-version": (V1, {}, {}, b"s3cret", both("down", "no_proposal", "log event"), "NO_PROPOSAL_CHOSEN"),
    "a-name-without-address": (
        {"remote_endpoints": ["nowhere.invalid"]}, {}, {}, b"s3cret", both("down", "name_unresolved", "error-notify"),
        "failed to resolve",
    ),
    "nobody-there": (
        {"remote_endpoints": ["192.0.2.77"]}, {}, {}, b"s3cret", both("down", "peer_silent", "list-sas"), "no answer"
    ),
    "v1-another-key": (
        V1, {"version": "1"}, {}, b"other", both("down", "authentication_failed", "error-notify"), "parsing IKE message"
    ),
    "v1-no-ike-proposal-in-common": (
        {**V1, "proposals": OTHER_IKE}, {"version": "1"}, {}, b"s3cret", both("down", "no_proposal", "log event"),
        "NO_PROPOSAL_CHOSEN",
    ),
    "v1-no-esp-proposal-in-common": (
        V1, {"version": "1"}, {"proposals": ["aes128gcm16"]}, b"s3cret", [("lan", "down", "no_proposal", "log event")],
        "NO_PROPOSAL_CHOSEN",
    ),
    "v1-other-networks": (
        V1, {"version": "1"}, ELSEWHERE, b"s3cret", [("lan", "down", "selectors", "log event")], "INVALID_ID_INFORMATION"
    ),
}  # fmt: skip


@pytest.mark.proves("S21", option="phase1.proposals")
@pytest.mark.parametrize(("phase1", "peer", "phase2", "key", "wanted", "said"), FAILURES.values(), ids=FAILURES)
def test_a_probe_tells_why_it_fails_and_leaves_nothing(
    ends: Ends, phase1: Change, peer: Change, phase2: Change, key: bytes, wanted: Told, said: str
) -> None:
    ends.theirs(peer, key=key)
    ends.ours(phase1=phase1, phase2=phase2)

    assert ends.told(probe_s=0.6) == wanted
    assert all(said in message for message in ends.messages), ends.messages
    assert ends.trouble == ""
    assert [sa for _name, sa in ends.host.charon.sas() if sa["state"] != "DELETING"] == []


@pytest.mark.parametrize(
    ("split", "source", "child_sa"),
    [
        pytest.param(True, "log event", "up", id="a CHILD_SA each"),
        pytest.param(False, "list-sas", "two", id="a CHILD_SA that the peer has narrowed to the other"),
    ],
)
def test_of_two_phase_2_each_has_its_own_reason(ends: Ends, split: bool, source: str, child_sa: str) -> None:
    ends.theirs()
    both_others = ({**LAN, "name": "two", **ELSEWHERE}, {**LAN, "name": "up"})
    ends.ours(*both_others, phase1={"split_connections": split}, phase2={"proposals": ["aes128gcm16"]})

    assert ends.told(probe_s=5) == [
        ("lan", "down", "no_proposal", "error-notify"),
        ("two", "down", "selectors", source),
    ]
    [(_name, sa)] = ends.host.charon.sas()
    assert [child["name"] for child in sa["child-sas"].values()] == [child_sa]


@pytest.mark.proves("S06", "S08")
@pytest.mark.proves("S13", option="phase1.psk")
@pytest.mark.proves("S10", option="phase1.init_type")
def test_a_probe_brings_up_what_can_come_up_and_says_that_it_did(ends: Ends) -> None:
    ends.theirs()
    ends.ours()
    params = {"gather": ["why_down", "sas"], "probe": True, "probe_timeout": 5}

    result, warnings = gather(ends.host, params)

    assert (result["changed"], result["why_down"], warnings) == (True, [], [])
    assert [child["state"] for sa in result["sas"] for child in sa["children"]] == ["INSTALLED"]
    assert gather(ends.host, params)[0]["changed"] is False


@pytest.mark.proves("S10", option="phase1.init_type")
def test_a_check_and_a_responder_only_listen(ends: Ends, charon_pair: tuple[CharonProcess, CharonProcess]) -> None:
    ends.theirs(key=b"other")
    ends.ours()
    with charon_pair[1].client() as peer:
        calling = threading.Timer(0.2, peer.initiate, kwargs={"ike": "p", "child": "lan", "timeout_ms": -1})
        calling.start()
        assert ends.told(listen_s=0.6) == both("down", "authentication_failed", "error-notify")
        calling.join()
    assert ends.host.charon.commands["initiate"] == 0

    ends.ours(phase1={"init_type": "none"})
    assert ends.told(probe_s=0.2) == both("waiting", "waiting_for_peer", "objects")
    assert ends.host.charon.commands["initiate"] == 0


def test_a_peer_that_no_tunnel_expects_is_told_by_its_address(
    ends: Ends, charon_pair: tuple[CharonProcess, CharonProcess]
) -> None:
    ends.theirs({"local": {"auth": "psk", "id": "stranger.example.org"}})
    ends.ours(phase1={"init_type": "none"})
    with charon_pair[1].client() as peer:
        calling = threading.Timer(0.2, peer.initiate, kwargs={"ike": "p", "child": "lan", "timeout_ms": -1})
        calling.start()
        assert ends.told(probe_s=0.6) == both("down", "authentication_failed", "error-notify")
        calling.join()
    assert "stranger.example.org" in ends.messages[0]


def test_without_a_probe_it_tells_what_can_be_seen(ends: Ends) -> None:
    ends.theirs()
    ends.ours()
    assert ends.told() == both("waiting", "waiting_for_traffic", "list-policies")

    ends.ours(phase1={"init_type": "none"})
    assert ends.told() == both("waiting", "waiting_for_peer", "objects")

    ends.ours(phase1={"remote_endpoints": ["nowhere.invalid"]})
    assert ends.told() == both("down", "name_unresolved", "name service")

    ends.ours(phase1={"interfaces": ["192.0.2.9"]})
    assert ends.told() == both("standby", "standby", "addresses")

    ends.host.charon.unload_connection("paris")
    assert ends.told() == both("down", "not_loaded", "list-conns")


def test_a_peer_that_is_called_and_silent_is_told_without_a_probe(ends: Ends) -> None:
    ends.ours(phase1={"remote_endpoints": ["192.0.2.77"], "init_type": "start"})
    assert ends.told() == both("down", "peer_silent", "list-sas")


def test_what_was_started_once_and_failed_is_told_without_a_probe(ends: Ends) -> None:
    ends.theirs(key=b"other")
    ends.ours(phase1={"init_type": "start"})
    deadline = time.monotonic() + 5
    while ends.host.charon.sas() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ends.told() == both("down", "not_tried", "list-sas")


def test_without_the_plugin_the_peers_own_answers_are_told_with_a_warning(
    ends: Ends, charon_pair: tuple[CharonProcess, CharonProcess], tmp_path: Path
) -> None:
    ends.theirs(key=b"other")
    ends.ours()
    deaf = Ends(engine_host.engine_host(tmp_path, charon_pair[0].uri), ends.peer)

    assert deaf.told(probe_s=2) == both("down", "authentication_refused", "log event")
    assert "libcharon-extra-plugins" in deaf.trouble
    deaf.host.charon.close()


def test_without_a_daemon_every_tunnel_is_down(ends: Ends, tmp_path: Path) -> None:
    ends.ours()
    away = Ends(engine_host.engine_host(tmp_path, "unix:///nonexistent/vici"), ends.peer)
    assert away.told(probe_s=5) == both("down", "daemon_down", "vici")
