# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where swanctl and our vici calls meet: the same configuration by both ways must be one and the same to charon."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.swanctl import render_section
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import Tree, ViciCharon
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]
Swanctl = Callable[..., str]

BERLIN: dict[str, Any] = {
    "version": "2",
    "local_addrs": ["192.0.2.1"],
    "remote_addrs": ["192.0.2.2"],
    "proposals": ["aes256-sha256-curve25519"],
    "rekey_time": "14400",
    "over_time": "1440",
    "dpd_delay": "30",
    "mobike": "no",
    "if_id_in": "42",
    "if_id_out": "42",
    "local": {"auth": "psk", "id": "fqdn:gw1.example.org"},
    "remote": {"auth": "psk", "id": "fqdn:gw2.example.org"},
    "children": {
        "lan": {
            "local_ts": ["10.1.0.0/24"],
            "remote_ts": ["10.2.0.0/24", "10.3.0.0/24"],
            "esp_proposals": ["aes256gcm16"],
            "start_action": "trap",
            "rekey_time": "3240",
            "life_time": "3600",
        }
    },
}
SECRET = 'ike-berlin { id-1 = "fqdn:gw1.example.org"\n id-2 = "%any"\n secret = "0sczNjcmV0" }'


def text(connections: dict[str, Any] | None = None, secrets: str = "") -> str:
    rendered = "\n".join(render_section("connections", connections or {}))
    return f"{rendered}\nsecrets {{ {secrets} }}\n"


def with_ike(**changes: Any) -> dict[str, Any]:
    return {**BERLIN, **changes}


def with_child(**changes: Any) -> dict[str, Any]:
    return {**BERLIN, "children": {"lan": {**BERLIN["children"]["lan"], **changes}}}


class Log:
    """What charon says it does with connections, from now on."""

    def __init__(self, process: CharonProcess) -> None:
        self.process = process
        self.start = process.mark()

    def reloads(self) -> list[str]:
        """Return the words for what became of a loaded connection and of its trap policies, in order."""
        lines = [line for line in self.process.log(self.start).splitlines() if "[CFG] " in line]
        # 6.0 puts "vici" before what it does with traps.
        said = [line.partition("] ")[2].removeprefix("vici ") for line in lines]
        words = ("added vici", "updated vici", "replaced vici", "installing '", "uninstalling '")
        return [word.split()[0] for line in said for word in words if line.startswith(word)]


def test_loading_by_vici_what_swanctl_loaded_reruns_nothing(
    charon_daemon: CharonProcess, charon: ViciCharon, swanctl: Swanctl
) -> None:
    swanctl(text({"berlin": BERLIN}), "--load-conns")
    log = Log(charon_daemon)
    charon.load_connection("berlin", BERLIN)
    assert log.reloads() == ["updated"]
    assert "1 connections, 0 unloaded" in swanctl(text({"berlin": BERLIN}), "--load-conns")
    assert log.reloads() == ["updated", "updated"]


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        pytest.param(with_ike(mobike="false"), ["updated"], id="no and false are one"),
        pytest.param(with_ike(dpd_delay="30s", rekey_time="4h"), ["updated"], id="units"),
        pytest.param(with_ike(if_id_in="0x2a"), ["updated"], id="hexadecimal if_id"),
        pytest.param(
            with_ike(local={"auth": "psk", "id": "gw1.example.org"}), ["updated"], id="an FQDN with or without its type"
        ),
        pytest.param(with_child(local_ts=["10.1.0.9/24"]), ["updated"], id="host bits"),
        pytest.param(with_child(dpd_action="none", close_action="none"), ["updated"], id="a default written out"),
        pytest.param(with_ike(dpd_timeout="5"), ["updated"], id="dpd_timeout alone is ignored"),
        pytest.param(
            with_child(remote_ts=["10.3.0.0/24", "10.2.0.0/24"]), ["updated", "uninstalling", "installing"], id="order"
        ),
        pytest.param(with_child(life_time="3601"), ["updated", "uninstalling", "installing"], id="a child"),
        pytest.param(with_ike(if_id_in="43"), ["replaced", "uninstalling", "installing"], id="if_id"),
        pytest.param(with_ike(keyingtries="0"), ["replaced", "uninstalling", "installing"], id="an IKE value"),
    ],
)
def test_which_differences_count_as_a_change(
    *, charon_daemon: CharonProcess, charon: ViciCharon, tree: Tree, said: list[str]
) -> None:
    charon.load_connection("berlin", BERLIN)
    log = Log(charon_daemon)
    charon.load_connection("berlin", tree)
    assert log.reloads() == said


def test_a_tunnel_stays_up_when_the_same_is_loaded_by_the_other_way(
    charon_pair: tuple[CharonProcess, CharonProcess], tmp_path: Path
) -> None:
    near, far = charon_pair
    ours = {key: value for key, value in BERLIN.items() if key not in ("if_id_in", "if_id_out")}
    ours["children"] = {
        "lan": {**BERLIN["children"]["lan"], "remote_ts": ["10.2.0.0/24"], "start_action": "trap|start"}
    }
    child = {"local_ts": ["10.2.0.0/24"], "remote_ts": ["10.1.0.0/24"], "esp_proposals": ["aes256gcm16"]}
    theirs = {
        "version": "2",
        "proposals": BERLIN["proposals"],
        "local": BERLIN["remote"],
        "remote": BERLIN["local"],
        "children": {"lan": child},
    }
    with near.client() as here, far.client() as there:
        there.load_shared(id="ike-berlin", kind="ike", owners=[], data=b"s3cret")
        there.load_connection("peer", theirs)
        rises = [end.session.listen(["child-updown"], timeout=10) for end in (here, there)]
        (tmp_path / "swanctl.conf").write_text(text({"berlin": ours}, SECRET))
        near.swanctl(tmp_path, "--load-all", "--noprompt")
        assert [next(each)[1]["up"] for each in rises] == ["yes", "yes"]
        [(_name, before)] = here.sas()

        here.load_shared(id="ike-berlin", kind="ike", owners=["fqdn:gw1.example.org", "%any"], data=b"s3cret")
        here.load_connection("berlin", ours)
        near.swanctl(tmp_path, "--load-all", "--noprompt")

        [(_name, after)] = here.sas()
        assert (after["uniqueid"], list(after["child-sas"])) == (before["uniqueid"], list(before["child-sas"]))
        for end in (here, there):
            assert list(end.session.listen(["child-updown"], timeout=0)) == []


def test_a_secret_has_the_same_id_by_both_ways(charon: ViciCharon, swanctl: Swanctl) -> None:
    swanctl(text(secrets=SECRET), "--load-creds", "--noprompt")
    assert charon.shared_ids() == ["ike-berlin"]
    charon.load_shared(id="ike-berlin", kind="ike", owners=["fqdn:gw1.example.org", "%any"], data=b"s3cret")
    assert charon.shared_ids() == ["ike-berlin"]


def test_both_ways_tell_charon_the_same_about_a_secret(
    charon_daemon: CharonProcess, charon: ViciCharon, swanctl: Swanctl
) -> None:
    def loaded() -> list[str]:
        return [line.partition("] ")[2] for line in charon_daemon.log().splitlines() if "loaded IKE shared key" in line]

    swanctl(text(secrets=SECRET), "--load-creds", "--noprompt")
    by_swanctl = loaded()[-1]
    charon.load_shared(id="ike-berlin", kind="ike", owners=["fqdn:gw1.example.org", "%any"], data=b"s3cret")
    assert loaded()[-1] == by_swanctl == "loaded IKE shared key with id 'ike-berlin' for: 'gw1.example.org', '%any'"


def test_load_all_keeps_what_the_files_have_and_drops_the_rest(charon: ViciCharon, swanctl: Swanctl) -> None:
    for name in ("berlin", "other"):
        charon.load_connection(name, {})
        charon.load_shared(id=f"ike-{name}", kind="ike", owners=[], data=b"s3cret")
    swanctl(text({"berlin": BERLIN}, SECRET))
    assert (charon.connection_names(), charon.shared_ids()) == (["berlin"], ["ike-berlin"])


def test_a_broken_file_unloads_every_connection_and_swanctl_calls_it_success(
    charon: ViciCharon, swanctl: Swanctl
) -> None:
    charon.load_connection("berlin", BERLIN)
    said = swanctl("connections { berlin {", "--load-all", "--noprompt")
    assert "invalid config file" in said
    assert "no connections found, 1 unloaded" in said
    assert charon.connection_names() == []


def test_a_connection_is_taken_even_if_its_trap_cannot_be_installed(
    charon_daemon: CharonProcess, charon: ViciCharon
) -> None:
    # Towards anybody there can be no trap. load-conn does not tell; only list-policies shows it.
    charon.load_connection("berlin", with_ike(remote_addrs=["%any"]))
    assert charon.connection_names() == ["berlin"]
    assert list(charon.session.stream("list-policies", "list-policy", {"trap": "yes"})) == []
    assert "installing trap failed, remote address unknown" in charon_daemon.log()
