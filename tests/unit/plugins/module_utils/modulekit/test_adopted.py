# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`ipsec_gateway` on a host that was set up by hand: `adopted`, and what `gathered` tells before it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.tests.fakes.by_hand import MAIN, ROME_FILE, by_hand
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost

pytest.importorskip("ansible.module_utils.basic", reason="modules need Ansible")

from ansible.module_utils.testing import patch_module_args
from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit import doors

Call = Callable[..., dict[str, Any]]
SECRETS = ("s3cret", "another", "czNjcmV0", "YW5vdGhlcg")
LISTS = (
    "phase1 phase2 xfrm_interfaces pools authorities firewall shunts private_keys fallbacks schedules uplinks".split()
)
NOTHING: dict[str, Any] = {name: [] for name in LISTS}


@pytest.fixture
def host() -> FakeHost:
    return by_hand()


@pytest.fixture
def call(host: FakeHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs `ipsec_gateway` and returns its result; no secret may be in it."""

    def run(*, check: bool = False, diff: bool = False, **parameters: Any) -> dict[str, Any]:
        monkeypatch.setattr(doors, "local_host", lambda _paths: host.host)
        arguments = {**parameters, "_ansible_check_mode": check, "_ansible_diff": diff}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            doors.run_door("ipsec_gateway")
        written = capsys.readouterr().out
        assert [secret for secret in SECRETS if secret in written] == []
        result: dict[str, Any] = json.loads(written)
        return result

    return run


def names(config: dict[str, Any]) -> list[list[str]]:
    return [[each["name"] for each in config[kind]] for kind in ("phase1", "phase2", "xfrm_interfaces")]


def test_adopted_tells_what_was_taken_over_and_where_the_files_are(call: Call) -> None:
    planned = call(state="adopted", check=True)
    assert "kept_in" not in planned
    found = call(state="adopted", diff=True)
    assert (found["changed"], found["plan"], found["adopted"]) == (True, planned["plan"], planned["adopted"])
    assert names(found["adopted"]) == [["paris", "rome"], ["lan", "lan"], ["to-paris"]]
    assert found["kept_in"] == "/var/lib/swanfleet/taken-over/1"
    assert "install_routes is false" in str(found["warnings"])
    assert "psk: ***" in found["diff"]["after"]
    again = call(state="adopted")
    assert (again["changed"], again["adopted"], "kept_in" in again) == (False, NOTHING, False)
    assert names(call(state="gathered")["gathered"]) == names(found["adopted"])


def test_only_takes_some(call: Call) -> None:
    assert names(call(state="adopted", only=["rome"])["adopted"]) == [["rome"], ["lan"], []]
    told = call(state="gathered")
    assert (names(told["gathered"])[0], names(told["by_hand"]["config"])[0]) == (["rome"], ["paris"])


@pytest.mark.parametrize("state", ["merged", "overridden"])
def test_keys_may_stay_on_the_host_while_config_says_the_rest(call: Call, host: FakeHost, state: str) -> None:
    call(state="adopted")
    config = call(state="gathered")["gathered"]
    assert call(state=state, config=config, keep_secrets=True)["changed"] is False
    config["phase1"][1]["lifetime"] = "4h"
    config["phase1"][0]["psk"] = "from a vault, at last"
    found = call(state=state, config=config, keep_secrets=True)
    assert found["changed"]
    keys = [data for _kind, _owners, data in host.charon.secrets.values()]
    assert sorted(keys) == [b"another", b"from a vault, at last"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"config": {"phase1": [{"name": "lima", "remote_endpoints": ["198.51.100.7"]}]}, "keep_secrets": True},
            "phase1 lima: psk: is required: keep_secrets keeps what the host has, and it has none",
        ),
        ({"config": {"phase1": [{"name": "paris", "remote_endpoints": ["198.51.100.7"]}]}}, "paris: psk: is required"),
        ({"state": "deleted", "everything": True, "keep_secrets": True}, "it belongs to state merged or overridden"),
        ({"state": "deleted", "everything": True, "only": ["paris"]}, "it belongs to state adopted"),
        ({"state": "adopted", "config": {"phase1": []}}, "leave config and everything out"),
        ({"state": "adopted", "everything": True}, "leave config and everything out"),
        ({"state": "merged", "only": ["paris"], "config": {}}, "it belongs to state adopted"),
        ({"state": "adopted", "only": ["lima"]}, "the files have no connection of this name; they have paris, rome"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Call, parameters: dict[str, Any], message: str) -> None:
    found = call(**parameters)
    assert found["failed"]
    assert message in found["msg"]


def test_gathered_tells_what_stands_by_hand_and_changes_nothing(call: Call, host: FakeHost) -> None:
    told = call(state="gathered")
    assert told["gathered"] == NOTHING
    assert names(told["by_hand"]["config"]) == [["paris", "rome"], ["lan", "lan"], ["to-paris"]]
    assert told["by_hand"]["refused"] == {}
    assert host.calls == []
    call(state="adopted")
    assert "by_hand" not in call(state="gathered")


def test_gathered_tells_why_a_connection_could_not_be_adopted(call: Call, host: FakeHost) -> None:
    text = host.files.files[ROME_FILE].content.replace(b"remote_addrs", b"colour = green\n  remote_addrs")
    host.files.replace(ROME_FILE, text, 0o600)
    told = call(state="gathered")["by_hand"]
    assert names(told["config"])[0] == ["paris"]
    assert told["refused"] == {
        "rome": [f"{ROME_FILE}:2: connections.rome.colour: no option stands for this key yet"],
    }
    host.files.replace(MAIN, b"connections {", 0o600)
    broken = call(state="gathered")
    assert "by_hand" not in broken
    assert "never closed" in str(broken["warnings"])


def test_gathered_without_the_link_blames_the_connection(call: Call, host: FakeHost) -> None:
    del host.kernel.links["to-paris"]
    told = call(state="gathered")["by_hand"]
    assert names(told["config"])[0] == ["rome"]
    assert "no XFRM interface with this number" in told["refused"]["paris"][0]
