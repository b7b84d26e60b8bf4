# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules from parameters to result, on a host in memory: what is told, and that no secret ever is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonAbsent, DaemonUnavailable
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import (
    INTERFACE,
    ONE,
    PARIS,
    PARIS_LAN,
    ROME,
    TWO,
    Config,
    apply,
    config,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host

pytest.importorskip("ansible.module_utils.basic", reason="modules need Ansible")

from ansible.module_utils.testing import patch_module_args
from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit import doors

Call = Callable[..., dict[str, Any]]
SECRET = "s3cret-of-paris"
PARIS_SECRET: Config = {**PARIS, "psk": SECRET}


@pytest.fixture
def host() -> FakeHost:
    return wan_host()


@pytest.fixture
def call(host: FakeHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs one module and returns its result."""

    def run(module: str, /, *, check: bool = False, **parameters: Any) -> dict[str, Any]:
        monkeypatch.setattr(doors, "local_host", lambda _paths: host.host)
        host.charon.commands.clear()
        arguments = {**parameters, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(arguments), pytest.raises(SystemExit) as ended:
            doors.run_door(module)
        written = capsys.readouterr().out
        assert SECRET not in written
        result: dict[str, Any] = json.loads(written)
        assert bool(result.get("failed")) == bool(ended.value.code)
        return result

    return run


def told(result: dict[str, Any]) -> list[str]:
    return [f"{step['action']} {step['layer']} {step['object']}" for step in result["plan"]]


def test_a_gateway_is_made_then_left_alone(call: Call, host: FakeHost) -> None:
    wanted = config([PARIS_SECRET], [PARIS_LAN], [INTERFACE])
    planned = call("ipsec_gateway", config=wanted, check=True)
    assert (planned["changed"], host.charon.loaded) == (True, {})
    made = call("ipsec_gateway", config=wanted)
    assert (made["changed"], made["plan"]) == (True, planned["plan"])
    assert told(made)[-2:] == ["load secret ike-paris", "load connection paris"]
    again = call("ipsec_gateway", config=wanted)
    assert (again["changed"], again["plan"], again["diff"]["before"], again["diff"]["after"]) == (False, [], "", "")


@pytest.mark.parametrize(
    ("state", "left"), [pytest.param("merged", ["paris", "rome"]), pytest.param("overridden", ["rome"])]
)
def test_merged_adds_and_overridden_replaces(call: Call, host: FakeHost, state: str, left: list[str]) -> None:
    apply(host, ONE)
    call("ipsec_gateway", config=config([ROME], []), state=state)
    assert sorted(host.charon.loaded) == left


def test_the_echo_counts_the_objects(call: Call) -> None:
    result = call("ipsec_gateway", config=TWO)
    echoed = result["invocation"]["module_args"]
    assert {name: value for name, value in echoed.items() if value} == {
        "config": {"phase1": 2, "phase2": 2, "xfrm_interfaces": 1},
        "state": "merged",
        "daemon": "required",
        "agent": "required",
        "allow_disruption": True,
        "diff_limit": 200,
    }
    refused = call("ipsec_gateway", config=config([{**PARIS_SECRET, "lifetime": "x"}], []))
    assert refused["invocation"]["module_args"]["config"] == {"phase1": 1, "phase2": 0, "xfrm_interfaces": 0}


def test_objects_one_by_one(call: Call, host: FakeHost) -> None:
    steps = [
        call("xfrm_interface", **INTERFACE),
        call("ipsec_phase1", **PARIS_SECRET),
        call("ipsec_phase2", **PARIS_LAN),
        call("ipsec_phase2", **PARIS_LAN),
    ]
    assert [result["changed"] for result in steps] == [True, True, True, False]
    whole = wan_host()
    apply(whole, config([PARIS_SECRET], [PARIS_LAN], [INTERFACE]))
    assert host.state() == whole.state()

    gone = call("ipsec_phase2", name="lan", phase1="paris", state="absent")
    assert told(gone) == [
        "write file connections",
        "remove route 10.2.0.0/24 by ipsec-paris",
        "reload connection paris",
        "end sa paris",
        "remove guard unreachable 10.2.0.0/24",
    ]
    assert call("ipsec_phase1", name="paris", state="absent")["changed"]
    assert call("xfrm_interface", name="ipsec-paris", state="absent")["changed"]
    assert not call("ipsec_phase1", name="paris", state="absent")["changed"]
    assert (host.charon.loaded, host.charon.secrets, list(host.kernel.links)) == ({}, {}, ["lo", "wan0"])


def test_an_object_is_set_as_a_whole(call: Call) -> None:
    plain = {**PARIS_SECRET, "xfrm_interface": None}
    call("ipsec_phase1", **{**plain, "lifetime": "4h"})
    diff = call("ipsec_phase1", **plain)["diff"]
    assert (diff["before"], diff["after"]) == (
        "phase1 paris:\n  lifetime: 14400\n",
        "phase1 paris:\n  lifetime: 28800\n",
    )


@pytest.mark.parametrize(
    ("module", "parameters", "message"),
    [
        pytest.param(
            "ipsec_phase1", {"name": "paris"},
            "state is present but all of the following are missing: remote_endpoints", id="required",
        ),
        pytest.param(
            "ipsec_phase1", {**PARIS_SECRET, "name": "a b"},
            "phase1 a b: name is 'a b': a name of letters", id="name",
        ),
        pytest.param(
            "ipsec_gateway", {"config": config([], [PARIS_LAN])},
            "phase2 paris/lan: phase1 is 'paris': there is no phase 1 of this name", id="reference",
        ),
        pytest.param(
            "xfrm_interface", {"name": "x", "mtu": 1},
            "xfrm_interface x: mtu is 1: a whole number from 576", id="value",
        ),
        pytest.param(
            "ipsec_gateway", {"config": {}, "state": "overridden"},
            "an empty config would remove every tunnel", id="empty",
        ),
        pytest.param(
            "ipsec_gateway", {"config": config([{**PARIS_SECRET, "ike_version": "two"}], [])},
            "ike_version", id="a type that Ansible refuses",
        ),
        pytest.param(
            "ipsec_gateway", {"config": config([PARIS_SECRET, PARIS_SECRET], [])},
            "it stands twice among phase1", id="twice",
        ),
        pytest.param(
            "ipsec_gateway", {"config": config([{**PARIS_SECRET, "psk": SECRET + "\n"}], [])},
            "psk is ***: it must not contain", id="a secret with a line break",
        ),
    ],
)  # fmt: skip
def test_a_refusal_is_one_message_and_changes_nothing(
    *, call: Call, host: FakeHost, module: str, parameters: dict[str, Any], message: str
) -> None:
    for check in (True, False):
        result = call(module, check=check, **parameters)
        assert result["failed"]
        assert message in result["msg"]
    assert host.calls == []
    assert host.files.files == {}


def test_a_failed_step_is_told_with_what_became_of_the_host(call: Call, host: FakeHost) -> None:
    host.charon.refuse["load-conn", "paris"] = "it is full"
    result = call("ipsec_gateway", config=config([PARIS_SECRET], [PARIS_LAN], [INTERFACE]))
    assert (result["step"], result["restored"]) == ("load connection paris", True)
    assert "it is full; the host is as before the run" in result["msg"]


def test_without_charon_a_check_warns_and_a_run_fails(call: Call, host: FakeHost) -> None:
    host.charon.unavailable = DaemonUnavailable("it hangs")
    checked = call("ipsec_gateway", config=ONE, check=True)
    assert told(checked) == [
        "write file secrets", "write file connections", "add guard unreachable 10.2.0.0/24", "add link ipsec-paris",
        "add address 10.255.0.1/30 on ipsec-paris", "add route 10.2.0.0/24 by ipsec-paris",
    ]  # fmt: skip
    assert "it hangs. The plan leaves out what charon would be told" in json.dumps(checked["warnings"])
    assert call("ipsec_gateway", config=ONE)["msg"] == "it hangs"
    assert call("ipsec_info", gather=["objects"])["objects"]["phase1"] == []
    assert call("ipsec_info")["failed"]


@pytest.mark.parametrize(
    ("module", "parameters"),
    [
        pytest.param("ipsec_gateway", {"config": TWO}),
        pytest.param("ipsec_phase1", PARIS),
        pytest.param("ipsec_phase2", PARIS_LAN),
        pytest.param("xfrm_interface", {**INTERFACE, "mtu": 1400}),
    ],
)
def test_every_module_can_do_without_charon(
    call: Call, host: FakeHost, module: str, parameters: dict[str, Any]
) -> None:
    apply(host, config([{**PARIS, "lifetime": "1h"}], [], [INTERFACE]))
    host.charon.unavailable = DaemonAbsent("nobody listens")
    host.units.without_systemd = True
    assert call(module, **parameters)["msg"] == "nobody listens"
    checked = call(module, **parameters, daemon="optional", check=True)
    done = call(module, **parameters, daemon="optional")
    assert (checked["plan"], checked["warnings"]) == (done["plan"], done["warnings"])
    assert done["changed"]
    assert {step["layer"] for step in done["plan"]} <= {"file", "guard", "link", "address", "route"}
    told_why = "nobody listens. charon is not told what this run changes, and loads it when it starts"
    assert told_why in json.dumps(done["warnings"]), done["warnings"]
    assert not call(module, **parameters, daemon="optional")["changed"]


def test_info_tells_objects_connections_sas_and_the_daemon(call: Call, host: FakeHost) -> None:
    apply(host, config([PARIS_SECRET], [PARIS_LAN], [INTERFACE]))
    host.calls.clear()
    result = call("ipsec_info", check=True)
    assert [item["name"] for item in result["objects"]["phase1"]] == ["paris"]
    assert "psk" not in result["objects"]["phase1"][0]
    assert list(result["connections"]) == ["paris"]
    assert [(sa["name"], sa["state"], sa["children"][0]["name"]) for sa in result["sas"]] == [
        ("paris", "ESTABLISHED", "lan")
    ]
    assert (result["daemon"]["version"], result["changed"], host.calls) == ("5.9.8", False, [])
    assert set(call("ipsec_info", gather=["sas"])) & {"objects", "connections", "daemon"} == set()


def test_a_check_of_one_object_assumes_what_other_tasks_will_make(call: Call, host: FakeHost) -> None:
    result = call("ipsec_phase2", check=True, **PARIS_LAN)
    assert (result["changed"], result["plan"]) == (True, [])
    warnings = json.dumps(result["warnings"])
    assert "phase2 paris/lan: phase1 is 'paris': there is no phase 1 of this name" in warnings
    assert "This check assumes that an earlier task makes it, and its plan leaves this object out" in warnings
    assert "there is no XFRM interface" in str(call("ipsec_phase1", check=True, **PARIS_SECRET)["warnings"])
    assert call("ipsec_phase2", **PARIS_LAN)["failed"]
    assert host.calls == []
