# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shunts by the module `ipsec_gateway`, in all its states."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.tests.fakes.by_hand import MAIN, by_hand
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host

pytest.importorskip("ansible.module_utils.basic", reason="modules need Ansible")

from ansible.module_utils.testing import patch_module_args
from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit import doors

Call = Callable[..., dict[str, Any]]
SSH: dict[str, Any] = {
    "name": "ssh", "type": "pass", "local_networks": ["dynamic[tcp/22]"], "remote_networks": ["192.0.2.0/24"],
}  # fmt: skip
NOBODY: dict[str, Any] = {
    "name": "nobody", "type": "drop", "local_networks": ["0.0.0.0/0"], "remote_networks": ["0.0.0.0/0"],
}  # fmt: skip
# As they are read back.
SSH_BACK = {**SSH, "local_networks": ["dynamic[6/22]"]}
BY_HAND = """\
connections { exemptions { remote_addrs = 127.0.0.1
  children { ssh { mode = pass
    local_ts = dynamic[tcp/22]
    remote_ts = 192.0.2.0/24
    start_action = trap } } } }
include conf.d/*.conf
"""


@pytest.fixture
def host() -> FakeHost:
    made = wan_host()
    # At its console: whoever comes by a network is not let cut himself off.
    made.managers = ()
    return made


@pytest.fixture
def call(host: FakeHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs `ipsec_gateway` and returns its result."""

    def run(on: FakeHost = host, *, check: bool = False, **parameters: Any) -> dict[str, Any]:
        monkeypatch.setattr(doors, "local_host", lambda _paths: on.host)
        arguments = {**parameters, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            doors.run_door("ipsec_gateway")
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


def steps(result: dict[str, Any]) -> list[str]:
    return [f"{each['action']} {each['layer']} {each['object']}" for each in result["plan"]]


def test_a_check_plans_what_a_run_does_and_the_diff_shows_the_objects(call: Call) -> None:
    planned = call(config={"shunts": [SSH, NOBODY]}, check=True)
    ran = call(config={"shunts": [SSH, NOBODY]})
    assert steps(planned) == steps(ran) == ["write file connections", "load shunt ssh", "load shunt nobody"]
    assert ran["diff"]["after"] == (
        'shunt nobody:\n  name: "nobody"\n  type: "drop"\n  local_networks: ["0.0.0.0/0"]\n  remote_networks: ["0.0.0.0/0"]\n'
        'shunt ssh:\n  name: "ssh"\n  type: "pass"\n  local_networks: ["dynamic[6/22]"]\n  remote_networks: ["192.0.2.0/24"]\n'
    )
    assert (ran["disruption"], call(config={"shunts": [SSH, NOBODY]})["changed"]) == ({}, False)
    changed = call(config={"shunts": [{**NOBODY, "remote_networks": ["10.0.0.0/8"]}]})["diff"]
    assert (changed["before"], changed["after"]) == (
        'shunt nobody:\n  remote_networks: ["0.0.0.0/0"]\n', 'shunt nobody:\n  remote_networks: ["10.0.0.0/8"]\n',
    )  # fmt: skip


def test_who_may_lock_himself_out_is_warned_in_a_check_already(call: Call) -> None:
    # Ansible tells warnings of all modules that one process has run, each once.
    told = [json.dumps(each) for each in call(config={"shunts": [NOBODY]}, check=True)["warnings"]]
    [warning] = [each for each in told if "shunt nobody" in each]
    assert "shunt nobody: it drops what anybody sends to ssh of 0.0.0.0/0" in warning


def test_what_is_not_named_goes_with_overridden_and_what_is_named_with_deleted(call: Call, host: FakeHost) -> None:
    call(config={"shunts": [SSH, NOBODY]})
    assert "unload shunt nobody" in steps(call(config={"shunts": [SSH]}, state="overridden"))
    assert call(state="gathered")["gathered"]["shunts"] == [SSH_BACK]
    assert steps(call(config={"shunts": [{"name": "ssh"}, {"name": "none"}]}, state="deleted")) == [
        "remove file connections", "unload shunt ssh",
    ]  # fmt: skip
    assert host.charon.loaded == {}


def test_a_text_is_read_and_written(call: Call) -> None:
    parsed = call(state="parsed", running_config=BY_HAND.replace("include conf.d/*.conf\n", ""))["parsed"]
    assert parsed["shunts"] == [SSH_BACK]
    [(path, text)] = call(state="rendered", config=parsed)["rendered"].items()
    assert path == "/etc/swanctl/conf.d/swanfleet.conf"
    assert call(state="parsed", running_config=text)["parsed"] == parsed


def test_one_that_stands_by_hand_is_told_and_taken_over(call: Call) -> None:
    hand = by_hand({MAIN: BY_HAND}, links=False)
    told = call(hand, state="gathered")["by_hand"]
    assert ({name: each for name, each in told["config"].items() if each}, told["refused"]) == (
        {"shunts": [SSH_BACK]},
        {},
    )
    adopted = call(hand, state="adopted")
    assert adopted["adopted"]["shunts"] == [SSH_BACK]
    assert steps(adopted) == [
        "write file connections", f"edit file {MAIN}", "load shunt ssh", "unload shunt exemptions",
    ]  # fmt: skip
    assert [child for (_connection, child) in hand.charon.held_shunts()] == ["ssh"]


def test_one_that_cannot_be_taken_over_is_told_by_its_connection(call: Call) -> None:
    hand = by_hand({MAIN: BY_HAND.replace("mode = pass", "mode = pass\n    hw_offload = yes")}, links=False)
    told = call(hand, state="gathered")["by_hand"]
    assert list(told["refused"]) == ["exemptions"]
    [why] = told["refused"]["exemptions"]
    assert why.startswith(f"{MAIN}:3: connections.exemptions.children.ssh.hw_offload is 'crypto': charon 6.0.1 never")
