# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fallbacks by their own module, and by `ipsec_gateway` in all its states."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.roles import encode_roles
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import ROME, ROME_LAN
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host, with_program

pytest.importorskip("ansible.module_utils.basic", reason="modules need Ansible")

from ansible.module_utils.testing import patch_module_args
from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit import doors

Call = Callable[..., dict[str, Any]]
OSLO: dict[str, Any] = {**ROME, "name": "oslo", "remote_endpoints": ["198.51.100.4"], "interfaces": ["any"]}
TUNNELS: dict[str, Any] = {"phase1": [ROME, OSLO], "phase2": [ROME_LAN, {**ROME_LAN, "phase1": "oslo"}]}
SOUTH: dict[str, Any] = {"name": "south", "primary": "rome", "fallbacks": ["oslo"]}
# As it is read back.
SOUTH_BACK = {**SOUTH, "ping_check": True, "ping_address": ["198.51.100.3"], "ping_schedule": "nightly"}
NIGHTLY = {"name": "nightly", "calendar": "03:00"}


@pytest.fixture
def host() -> FakeHost:
    return with_program(wan_host())


@pytest.fixture
def call(host: FakeHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs a module and returns its result."""

    def run(module: str, *, check: bool = False, **parameters: Any) -> dict[str, Any]:
        monkeypatch.setattr(doors, "local_host", lambda _paths: host.host)
        arguments = {**parameters, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            doors.run_door(module)
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


def told(result: dict[str, Any]) -> list[str]:
    return [f"{step['action']} {step['layer']} {step['object']}" for step in result["plan"]]


def test_it_comes_stays_and_goes(call: Call, host: FakeHost) -> None:
    call("ipsec_gateway", config=TUNNELS)
    came = call("ipsec_fallback", **SOUTH)
    assert told(came) == ["write file connections", "reload connection oslo"]
    assert came["disruption"] == {"oslo": "none"}
    assert "south" in came["diff"]["after"]
    assert call("ipsec_fallback", **SOUTH)["changed"] is False
    host.files.replace(host.paths.roles, encode_roles({"south": "oslo"}), 0o644)
    assert told(call("ipsec_fallback", check=True, **SOUTH)) == [
        "write file connections", "reload connection oslo", "reload connection rome",
    ]  # fmt: skip
    gone = call("ipsec_fallback", name="south", state="absent")
    assert told(gone) == ["write file connections", "reload connection oslo"]
    assert call("ipsec_fallback", name="south", state="absent")["changed"] is False


def test_what_it_names_cannot_go_before_it(call: Call) -> None:
    call("ipsec_gateway", config={**TUNNELS, "fallbacks": [SOUTH]})
    for gone in (
        call("ipsec_phase1", name="rome", state="absent"),
        call("ipsec_gateway", config={"phase1": [{"name": "rome"}]}, state="deleted"),
    ):
        assert gone["msg"].startswith("fallback south: primary is 'rome': there is no phase 1 of this name")
    assert call(
        "ipsec_gateway", config={"phase1": [{"name": "rome"}], "fallbacks": [{"name": "south"}]}, state="deleted"
    )["changed"]


def test_a_check_assumes_what_other_tasks_will_make(call: Call, host: FakeHost) -> None:
    result = call("ipsec_fallback", check=True, **SOUTH)
    assert (result["changed"], result["plan"]) == (True, [])
    assert "fallback south: primary is 'rome': there is no phase 1 of this name" in json.dumps(result["warnings"])
    assert call("ipsec_fallback", **SOUTH)["failed"]
    assert host.calls == []


def test_a_schedule_is_stored_gathered_and_not_removed_under_a_fallback(call: Call) -> None:
    wanted = {**TUNNELS, "fallbacks": [SOUTH_BACK], "schedules": [NIGHTLY]}
    assert call("ipsec_gateway", config=wanted)["changed"]
    gathered = call("ipsec_gateway", state="gathered")["gathered"]
    assert (gathered["fallbacks"], gathered["schedules"]) == ([SOUTH_BACK], [NIGHTLY])
    assert call("ipsec_gateway", config={**gathered, "phase1": [ROME, OSLO]}, state="overridden")["changed"] is False
    refused = call("ipsec_gateway", config={"schedules": [{"name": "nightly"}]}, state="deleted")
    assert refused["msg"].startswith("fallback south: ping_schedule is 'nightly': there is no schedule of this name")


def test_what_is_rendered_is_on_standby_as_it_would_be(call: Call) -> None:
    bound = {**TUNNELS, "phase1": [{**ROME, "interfaces": ["192.0.2.100"]}, OSLO], "fallbacks": [SOUTH]}
    [text] = [
        text
        for path, text in call("ipsec_gateway", config=bound, state="rendered")["rendered"].items()
        if path.endswith("swanfleet.conf")
    ]
    before_rome, _rome, after = text.partition("  rome {")
    assert 'start_action = "none"' in before_rome
    assert 'start_action = "trap"' in after, "it says what is wanted, wherever the address is"


def test_without_the_program_it_is_refused_or_warned_of(call: Call, host: FakeHost) -> None:
    call("ipsec_gateway", config=TUNNELS)
    host.files.remove(host.paths.program)
    refused = call("ipsec_fallback", **SOUTH)
    assert refused["msg"].startswith("fallback south needs the program on the gateway, of release 0.1.0 or newer")
    assert call("ipsec_fallback", check=True, **SOUTH)["msg"] == refused["msg"]
    done = call("ipsec_fallback", agent="optional", **SOUTH)
    assert done["changed"]
    assert "Nothing comes of that before the role swanfleet.ipsec.gateway installs it" in json.dumps(done["warnings"])
