# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page's settings do in a real charon, against a peer that was configured by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused, ViciCharon
from ansible_collections.swanfleet.ipsec.tests.daemon import charon_process, each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.taken import load, taken
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]

IKE, ESP = "aes256-sha256-curve25519", "aes256gcm16"
# Two repetitions within half a second: an exchange without an answer is given up as early.
IMPATIENT = "retransmit_tries = 1\n    retransmit_timeout = 0.2"


def ours(number: int = 0, **options: Any) -> dict[str, Any]:
    """Return a phase 1 to the peer's identity `number` that never initiates unless told so."""
    return {
        "name": f"t{number}", "interfaces": ["192.0.2.1"], "remote_endpoints": ["192.0.2.2"], "psk": "s3cret",
        "local_id": "gw1.example.org", "remote_id": f"gw2-{number}.example.org", "proposals": [IKE], "init_type": "none",
        **options,
    }  # fmt: skip


def configured(*phase1: dict[str, Any]) -> dict[str, Any]:
    """Return a gateway with a phase 2 for each phase 1, whose name ends in its number."""
    children = [
        {"name": "lan", "phase1": each["name"], "local_networks": [f"10.1.{each['name'][1:]}.0/24"],
         "remote_networks": [f"10.2.{each['name'][1:]}.0/24"], "proposals": [ESP]}
        for each in phase1
    ]  # fmt: skip
    return {"phase1": list(phase1), "phase2": children}


def theirs(number: int = 0, **keys: Any) -> dict[str, Any]:
    """Return the peer's connection, as somebody might write it."""
    child = {"local_ts": [f"10.2.{number}.0/24"], "remote_ts": [f"10.1.{number}.0/24"], "esp_proposals": [ESP]}
    return {
        "version": "0", "local_addrs": ["192.0.2.2"], "remote_addrs": ["192.0.2.1"], "proposals": [IKE], "children": {"lan": child},
        "local": {"auth": "psk", "id": f"fqdn:gw2-{number}.example.org"}, "remote": {"auth": "psk"}, **keys,
    }  # fmt: skip


def sa(charon: ViciCharon, name: str = "t0") -> Any:
    """Return the only IKE_SA of a connection; None if there is none."""
    found = [tree for _name, tree in charon.sas([name])]
    assert len(found) <= 1, found
    return found[0] if found else None


def children(charon: ViciCharon, name: str = "t0") -> list[Any]:
    tree = sa(charon, name)
    return [each for each in tree["child-sas"].values() if each["state"] == "INSTALLED"] if tree else []


def trapped(charon: ViciCharon) -> list[str]:
    """Return the connections that have a trap."""
    listed = charon.session.stream("list-policies", "list-policy", {"trap": "yes"})
    return sorted({each["ike"] for message in listed for each in message.values()})


Ends = tuple[ViciCharon, ViciCharon]


@pytest.fixture
def ends(charon_pair: Pair) -> Iterator[Ends]:
    with charon_pair[0].client() as here, charon_pair[1].client() as there:
        there.load_shared(id="any", kind="ike", owners=[], data=b"s3cret")
        yield here, there


def begun(ends: Ends, options: dict[str, Any], keys: dict[str, Any] | None = None) -> Any:
    """Load both ends, let the peer initiate, and return our IKE_SA."""
    here, there = ends
    load(here, taken(configured(ours(**options)), starting=True))
    there.load_connection("t", theirs(**(keys or {})))
    there.initiate(ike="t", child="lan", timeout_ms=5000)
    return sa(here)


@pytest.mark.proves("S25", option="phase1.responder_only")
def test_a_responder_only_waits_and_answers(ends: Ends) -> None:
    here, _there = ends
    found = begun(ends, {"responder_only": True, "init_type": None})
    assert (found["state"], found.get("initiator"), len(children(here))) == ("ESTABLISHED", None, 1)
    assert trapped(here) == []


@pytest.mark.proves("S26", key="connections.<conn>.children.<child>.close_action", option="phase1.close_action")
@pytest.mark.parametrize(
    ("close_action", "up_again", "traps"),
    [("none", False, []), ("connect", True, []), ("on_demand", False, ["t0"]), ("connect_on_demand", True, ["t0"])],
)
def test_what_follows_when_the_peer_closes(ends: Ends, *, close_action: str, up_again: bool, traps: list[str]) -> None:
    here, there = ends
    begun(ends, {"close_action": close_action})
    [old] = children(here)
    assert there.terminate(child="lan", timeout_ms=2000) == 1
    assert awaited(lambda: trapped(here) == traps)
    assert awaited(lambda: len(children(here)) == up_again)
    assert old["uniqueid"] not in {each["uniqueid"] for each in children(here)}


@pytest.mark.proves("S24", option="phase1.rekey")
def test_without_rekeying_nothing_is_scheduled_and_the_child_sa_still_ends(ends: Ends) -> None:
    here, _there = ends
    found = begun(ends, {"rekey": False})
    [child] = children(here)
    assert ("rekey-time" in found, "rekey-time" in child) == (False, False)
    assert 3500 < int(child["life-time"]) <= 3600


@pytest.mark.proves("S24", option="phase1.rekey")
def test_with_rekeying_both_are_scheduled_in_time(ends: Ends) -> None:
    here, _there = ends
    found = begun(ends, {"lifetime": "1h"})
    [child] = children(here)
    # charon takes off up to a tenth, so that not all tunnels are renewed at once.
    assert 3240 - 361 <= int(found["rekey-time"]) <= 3240
    assert 3240 - 361 <= int(child["rekey-time"]) <= 3240


@pytest.mark.proves("S27", key="connections.<conn>.encap", option="phase1.nat_traversal")
@pytest.mark.parametrize(("nat_traversal", "encap"), [("auto", "0"), ("force", "1")])
def test_nat_traversal_by_force(ends: Ends, charon_pair: Pair, nat_traversal: str, encap: str) -> None:
    # ESP in user space is always in UDP, so charon is asked what it has understood; the lab sees it on the wire.
    start = charon_pair[0].mark()
    assert begun(ends, {"nat_traversal": nat_traversal})["state"] == "ESTABLISHED"
    assert f"  encap = {encap}\n" in charon_pair[0].log(start)


@pytest.mark.proves("S28", key="connections.<conn>.mobike", option="phase1.mobike")
@pytest.mark.parametrize("mobike", [True, False])
def test_mobike_is_said_to_be_supported_or_not(ends: Ends, charon_pair: Pair, *, mobike: bool) -> None:
    start = charon_pair[0].mark()
    begun(ends, {"mobike": mobike})
    answers = [line for line in charon_pair[0].log(start).splitlines() if "generating IKE_AUTH response" in line]
    assert ["MOBIKE_SUP" in line for line in answers] == [mobike]


@pytest.mark.proves(key="connections.<conn>.aggressive", option="phase1.aggressive")
def test_aggressive_mode(ends: Ends, charon_pair: Pair) -> None:
    start = charon_pair[1].mark()
    found = begun(ends, {"ike_version": 1, "aggressive": True}, {"version": "1", "aggressive": "yes"})
    assert (found["state"], found["version"]) == ("ESTABLISHED", "1")
    assert "initiating Aggressive Mode IKE_SA" in charon_pair[1].log(start)


def test_aggressive_mode_is_not_answered_where_nobody_asked_for_it(ends: Ends) -> None:
    with pytest.raises(DaemonRefused):
        begun(ends, {"ike_version": 1}, {"version": "1", "aggressive": "yes"})


DEAD: Sequence[tuple[str, bool, bool]] = (
    # action, whether it connects again, whether it has a trap
    ("none", False, False), ("restart", True, False), ("on_demand", False, True), ("restart_on_demand", True, True),
)  # fmt: skip


@pytest.mark.proves("S30", key="connections.<conn>.dpd_delay", option="phase1.dpd")
@pytest.mark.proves(key="connections.<conn>.dpd_timeout", option="phase1.dpd")
@pytest.mark.proves("S31", key="connections.<conn>.children.<child>.dpd_action", option="phase1.dpd")
@pytest.mark.parametrize(("ike_version", "rows"), [(1, DEAD[1:2]), (2, DEAD)])
def test_what_follows_when_the_peer_is_dead(
    release: str, ike_version: int, rows: Sequence[tuple[str, bool, bool]]
) -> None:
    with charon_process.wired(IMPATIENT, release=release, networks=len(rows)) as (near, far):
        with near.client() as here, far.client() as there:
            _all_up(here, there, ike_version, [action for action, _again, _trap in rows])
            far.freeze()
            # A second without a sign of life, then a timeout of two, or the repetitions, which take less here.
            again = {f"t{number}" for number, row in enumerate(rows) if row[1]}
            assert awaited(
                lambda: {(name, tree["state"]) for name, tree in here.sas()} == {(n, "CONNECTING") for n in again}
            )
            assert trapped(here) == [f"t{number}" for number, row in enumerate(rows) if row[2]]
        far.thaw()


def _all_up(here: ViciCharon, there: ViciCharon, ike_version: int, actions: Sequence[str]) -> None:
    there.load_shared(id="any", kind="ike", owners=[], data=b"s3cret")
    phase1 = [
        ours(number, ike_version=ike_version, dpd={"delay": 1, "timeout": 2, "action": action})
        for number, action in enumerate(actions)
    ]
    load(here, taken(configured(*phase1), starting=True))
    for number in range(len(actions)):
        there.load_connection(f"t{number}", theirs(number))
        here.initiate(ike=f"t{number}", child="lan", timeout_ms=5000)
