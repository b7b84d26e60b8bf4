# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real tunnel between two charons on this computer, driven as the engine drives it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused, ViciCharon
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]
Ends = tuple[ViciCharon, ViciCharon]


def connection(*, local: int, remote: int) -> dict[str, Any]:
    return {
        "version": "2",
        "local_addrs": [f"192.0.2.{local}"],
        "remote_addrs": [f"192.0.2.{remote}"],
        "proposals": ["aes256-sha256-curve25519"],
        "local": {"auth": "psk", "id": f"fqdn:gw{local}.example.org"},
        "remote": {"auth": "psk", "id": f"fqdn:gw{remote}.example.org"},
        "children": {
            "lan": {
                "local_ts": [f"10.{local}.0.0/24"],
                "remote_ts": [f"10.{remote}.0.0/24"],
                "esp_proposals": ["aes256gcm16"],
            }
        },
    }


@pytest.fixture
def ends(charon_pair: tuple[CharonProcess, CharonProcess]) -> Iterator[Ends]:
    with charon_pair[0].client() as one, charon_pair[1].client() as two:
        for number, end in ((1, one), (2, two)):
            other = 3 - number
            end.load_shared(id="ike-t", kind="ike", owners=[f"fqdn:gw{n}.example.org" for n in (1, 2)], data=b"s3cret")
            end.load_connection("t", connection(local=number, remote=other))
        yield one, two


def test_a_psk_tunnel_comes_up_and_carries_a_ping(charon_pair: tuple[CharonProcess, CharonProcess], ends: Ends) -> None:
    one, two = ends
    one.initiate(ike="t", child="lan", timeout_ms=5000)

    charon_pair[0].inside("ping", "-c", "3", "-i", "0.05", "-W", "2", "-I", "10.1.0.1", "10.2.0.1")

    for end in (one, two):
        [(name, sa)] = end.sas()
        [child] = sa["child-sas"].values()
        assert (name, sa["state"], child["name"], child["state"]) == ("t", "ESTABLISHED", "lan", "INSTALLED")
        assert (child["packets-in"], child["packets-out"]) == ("3", "3")
        assert end.state().ike_sas == 1


def test_without_the_tunnel_the_ping_does_not_pass(
    charon_pair: tuple[CharonProcess, CharonProcess], ends: Ends
) -> None:
    assert [end.sas() for end in ends] == [[], []]
    with pytest.raises(AssertionError, match=r"unreachable|100% packet loss"):
        charon_pair[0].inside("ping", "-c", "1", "-W", "1", "-I", "10.1.0.1", "10.2.0.1")


def test_a_wrong_key_refuses_the_initiation_with_the_daemons_reason(ends: Ends) -> None:
    one, two = ends
    two.load_shared(id="ike-t", kind="ike", owners=["fqdn:gw1.example.org"], data=b"another")
    with pytest.raises(DaemonRefused, match="establishing CHILD_SA 'lan' failed") as refused:
        one.initiate(ike="t", child="lan", timeout_ms=5000)
    assert (refused.value.command, refused.value.subject) == ("initiate", "t/lan")


def test_terminate_ends_what_matches_and_says_how_many(ends: Ends) -> None:
    one, _two = ends
    one.initiate(ike="t", child="lan", timeout_ms=5000)
    assert one.terminate(ike="other", timeout_ms=2000) == 0
    assert one.terminate(ike="t", timeout_ms=2000) == 1
    assert [end.sas() for end in ends] == [[], []]


def test_terminate_of_a_child_keeps_the_ike_sa(ends: Ends) -> None:
    one, _two = ends
    one.initiate(ike="t", child="lan", timeout_ms=5000)
    assert one.terminate(child="lan", timeout_ms=2000) == 1
    [(_name, sa)] = one.sas()
    assert (sa["state"], sa["child-sas"]) == ("ESTABLISHED", {})


def test_rekey_replaces_the_child_sa_and_counts_what_matched(ends: Ends) -> None:
    one, _two = ends
    one.initiate(ike="t", child="lan", timeout_ms=5000)
    before = {child["spi-in"] for child in one.sas()[0][1]["child-sas"].values()}
    watching = one.session.listen(["child-rekey"], timeout=5)
    assert one.rekey(ike="other") == 0
    assert one.rekey(child="lan") == 1
    event, message = next(watching)
    assert event == "child-rekey"
    assert message["t"]["child-sas"]
    after = {child["spi-in"] for child in one.sas()[0][1]["child-sas"].values() if child["state"] == "INSTALLED"}
    assert after
    assert not before & after


def test_unloading_a_connection_keeps_its_sa(ends: Ends) -> None:
    one, _two = ends
    one.initiate(ike="t", child="lan", timeout_ms=5000)
    one.unload_connection("t")
    assert one.connections() == {}
    assert [name for name, _sa in one.sas()] == ["t"]
