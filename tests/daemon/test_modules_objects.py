# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules as Ansible runs them, on a real charon: what they make, what they say, and when they do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.tests.daemon.module_programs import ModulePrograms
from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import opened

pytestmark = [pytest.mark.charon, pytest.mark.root]

CANARY = "canary-7f3a-never-shown"
PHASE1: dict[str, Any] = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": CANARY, "init_type": "none"}
PHASE2: dict[str, Any] = {
    "name": "lan",
    "phase1": "paris",
    "local_networks": ["10.1.0.0/24"],
    "remote_networks": ["10.2.0.0/24"],
}
ROME: dict[str, Any] = {"name": "rome", "remote_endpoints": ["198.51.100.3"], "psk": CANARY + "-2", "init_type": "none"}
CONFIG: dict[str, Any] = {"phase1": [PHASE1], "phase2": [PHASE2]}
CHECK = {"check_mode": True, "diff": True}


@pytest.fixture(scope="module")
def modules_once() -> Iterator[ModulePrograms]:
    with opened() as sandbox, ModulePrograms(sandbox) as programs:
        yield programs


@pytest.fixture
def modules(modules_once: ModulePrograms) -> ModulePrograms:
    """Return modules on a gateway that has nothing yet."""
    modules_once.sandbox.fresh()
    return modules_once


def steps(result: dict[str, Any]) -> list[str]:
    return [f"{step['action']} {step['layer']} {step['object']}" for step in result["plan"]]


def loaded(modules: ModulePrograms) -> str:
    return modules.sandbox.run(["swanctl", "--list-conns"]).stdout


def test_object_modules_and_the_gateway_make_the_same(modules: ModulePrograms) -> None:
    assert modules.run("ipsec_phase1", **PHASE1)["changed"]
    assert modules.run("ipsec_phase2", **PHASE2)["changed"]
    by_objects = loaded(modules)
    assert "10.1.0.0/24" in by_objects
    same = modules.run("ipsec_gateway", config=CONFIG, state="overridden")
    assert (same["changed"], same["plan"]) == (False, [])
    assert loaded(modules) == by_objects


def test_objects_that_the_gateway_made_are_found_unchanged_by_their_modules(modules: ModulePrograms) -> None:
    assert modules.run("ipsec_gateway", config=CONFIG)["changed"]
    for module, arguments in (("ipsec_phase1", PHASE1), ("ipsec_phase2", PHASE2)):
        before = modules.sandbox.digest()
        result = modules.run(module, **arguments)
        assert (result["changed"], result["plan"]) == (False, []), module
        assert modules.sandbox.digest() == before


def test_swanctl_finds_nothing_to_do_after_a_run(modules: ModulePrograms) -> None:
    modules.run("ipsec_gateway", config=CONFIG)
    before = loaded(modules)
    told = modules.sandbox.run(["swanctl", "--load-all", "--noprompt"])
    assert told.returncode == 0, told.stderr
    assert "loaded 1 connections, 0 unloaded" in told.stdout
    assert loaded(modules) == before


def test_a_check_changes_nothing_and_its_plan_is_the_one_that_runs(modules: ModulePrograms) -> None:
    changed = {"phase1": [PHASE1, ROME], "phase2": [{**PHASE2, "lifetime": "2h"}]}
    seen: list[list[str]] = []
    for config in (CONFIG, changed, {"phase1": [ROME]}):
        before = modules.sandbox.digest()
        checked = modules.run("ipsec_gateway", config=config, state="overridden", special=CHECK)
        assert modules.sandbox.digest() == before
        ran = modules.run("ipsec_gateway", config=config, state="overridden", special={"diff": True})
        assert checked["changed"]
        assert (checked["plan"], checked["diff"]) == (ran["plan"], ran["diff"])
        assert modules.sandbox.digest() != before
        assert not modules.run("ipsec_gateway", config=config, state="overridden", special=CHECK)["changed"]
        seen.append(steps(ran))
    assert [plan for plan in seen if "load connection rome" in plan] == [seen[1]]
    assert "unload connection paris" in seen[2]


def test_a_removed_phase1_takes_its_phase2_and_its_secret_along(modules: ModulePrograms) -> None:
    modules.run("ipsec_gateway", config={"phase1": [PHASE1, ROME], "phase2": [PHASE2]})
    assert modules.run("ipsec_phase1", name="paris", state="absent")["changed"]
    assert "paris" not in loaded(modules)
    assert "rome" in loaded(modules)
    objects = modules.run("ipsec_info", gather=["objects"])["objects"]
    assert [item["name"] for item in objects["phase1"]] == ["rome"]
    assert objects["phase2"] == []
    assert not modules.run("ipsec_phase1", name="paris", state="absent")["changed"]


def test_info_has_what_it_documents_and_no_secret(modules: ModulePrograms) -> None:
    modules.run("ipsec_gateway", config=CONFIG)
    before = modules.sandbox.digest()
    told = modules.run("ipsec_info", special={"verbosity": 3, "diff": True})
    assert CANARY not in told["printed"]
    assert not told["changed"]
    assert [item["name"] for item in told["objects"]["phase1"]] == ["paris"]
    assert "psk" not in told["objects"]["phase1"][0]
    assert told["objects"]["phase2"][0]["remote_networks"] == ["10.2.0.0/24"]
    assert told["objects"]["xfrm_interfaces"] == []
    assert told["connections"]["paris"]["children"]["lan"]["local-ts"] == ["10.1.0.0/24"]
    assert told["sas"] == []
    assert told["daemon"]["name"] == "charon-systemd"
    assert "vici" in told["daemon"]["plugins"]
    assert modules.sandbox.digest() == before


def test_a_probe_hears_charon_as_the_package_configures_it(modules: ModulePrograms) -> None:
    away = {**PHASE1, "remote_endpoints": ["nowhere.invalid"], "init_type": "on_demand"}
    modules.run("ipsec_gateway", config={"phase1": [away], "phase2": [PHASE2]})
    told = modules.run("ipsec_info", gather=["why_down"], probe=True)
    assert (told["changed"], told.get("warnings")) == (False, None)
    assert [(each["phase2"], each["reason"], each["source"]) for each in told["why_down"]] == [
        (None, "name_unresolved", "error-notify"),
        ("lan", "name_unresolved", "error-notify"),
    ]
    refused = modules.run("ipsec_info", gather=["why_down"], probe=True, probe_timeout=0)
    assert "probe_timeout is 0: a number of seconds from 1 to 300 is needed" in refused["msg"]


def test_a_foreign_connection_is_left_alone_and_told(modules: ModulePrograms) -> None:
    mine = modules.sandbox.swanctl / "conf.d" / "mine.conf"
    mine.write_text("connections { byhand { remote_addrs = 203.0.113.9 } }\n", encoding="utf-8")
    modules.sandbox.run(["swanctl", "--load-all", "--noprompt"])
    modules.run("ipsec_gateway", config=CONFIG, state="overridden")
    assert "byhand" in loaded(modules)
    refused = modules.run("ipsec_phase1", **{**PHASE1, "name": "byhand"})
    assert refused["failed"]
    assert "not ours" in refused["msg"]
    assert "byhand" in modules.run("ipsec_info", gather=["connections"])["connections"]
