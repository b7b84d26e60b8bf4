# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules with `daemon: optional` while charon is down, and what a real charon makes of it when it starts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.tests.daemon.module_programs import ModulePrograms
from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import Sandbox, opened

pytestmark = [pytest.mark.charon, pytest.mark.root]

PARIS: dict[str, Any] = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": "one", "init_type": "none"}
LAN: dict[str, Any] = {"name": "lan", "phase1": "paris", "remote_networks": ["10.2.0.0/24"]}
ROME: dict[str, Any] = {**PARIS, "name": "rome", "remote_endpoints": ["198.51.100.3"], "psk": "two"}
OSLO: dict[str, Any] = {**PARIS, "name": "oslo", "remote_endpoints": ["198.51.100.4"], "psk": "three"}
CONFIG: dict[str, Any] = {"phase1": [PARIS, ROME], "phase2": [LAN]}
# Another key and lifetime for paris, rome gone, oslo new.
OTHER: dict[str, Any] = {"phase1": [{**PARIS, "psk": "four", "lifetime": "4h"}, OSLO], "phase2": [LAN]}


@pytest.fixture(scope="module")
def modules_once() -> Iterator[ModulePrograms]:
    with opened() as sandbox, ModulePrograms(sandbox) as programs:
        yield programs


@pytest.fixture
def modules(modules_once: ModulePrograms) -> Iterator[ModulePrograms]:
    """Return modules on a gateway that has nothing yet, and whose charon is down."""
    modules_once.sandbox.fresh()
    modules_once.sandbox.stop_charon()
    yield modules_once
    modules_once.sandbox.stop_charon()


def start(sandbox: Sandbox) -> None:
    """Start charon as its unit does, with the files that are there; they are older than its process."""
    written = max(path.stat().st_mtime for path in (sandbox.swanctl / "conf.d").iterdir())
    while time.time() < written + 0.1:
        time.sleep(0.01)
    sandbox.start_charon()
    told = sandbox.run(["swanctl", "--load-all", "--noprompt"])
    assert told.returncode == 0, told.stderr


def gateway(modules: ModulePrograms, config: dict[str, Any], **more: Any) -> dict[str, Any]:
    result = modules.run("ipsec_gateway", config=config, state="overridden", **more)
    assert not result.get("failed"), result
    return result


def listed(sandbox: Sandbox, what: str) -> str:
    return sandbox.run(["swanctl", what]).stdout


def told_nothing(result: dict[str, Any]) -> bool:
    return "charon is not told what this run changes, and loads it when it starts" in result["printed"]


def test_what_was_applied_comes_alive_at_the_start_and_the_next_run_changes_nothing(modules: ModulePrograms) -> None:
    applied = gateway(modules, CONFIG, daemon="optional")
    assert applied["changed"]
    assert told_nothing(applied)
    assert {step["layer"] for step in applied["plan"]} == {"file"}
    assert not gateway(modules, CONFIG, daemon="optional")["changed"]

    start(modules.sandbox)
    loaded = listed(modules.sandbox, "--list-conns")
    assert all(f"{name}: IKEv2" in loaded for name in ("paris", "rome"))
    required = gateway(modules, CONFIG)
    assert (required["changed"], required["plan"]) == (False, [])
    assert listed(modules.sandbox, "--list-conns") == loaded


def test_what_changed_and_went_while_charon_was_down_has_changed_and_gone_at_its_start(modules: ModulePrograms) -> None:
    sandbox = modules.sandbox
    sandbox.start_charon()
    gateway(modules, CONFIG)
    sandbox.stop_charon()
    assert gateway(modules, OTHER, daemon="optional")["changed"]
    assert modules.run("ipsec_phase1", name="oslo", state="absent", daemon="optional")["changed"]
    assert modules.run("ipsec_phase1", **OSLO, daemon="optional")["changed"]

    start(sandbox)
    loaded = listed(sandbox, "--list-conns")
    assert "rekeying every 12960s" in loaded
    assert "oslo" in loaded
    assert "rome" not in loaded
    required = gateway(modules, OTHER)
    assert (required["changed"], required["plan"]) == (False, [])
    assert listed(sandbox, "--list-conns") == loaded
    # What a run with charon makes of it is the same.
    sandbox.fresh()
    gateway(modules, OTHER)
    assert listed(sandbox, "--list-conns") == loaded


def test_where_charon_runs_it_is_told(modules: ModulePrograms) -> None:
    modules.sandbox.start_charon()
    applied = gateway(modules, CONFIG, daemon="optional")
    assert not told_nothing(applied)
    assert {step["layer"] for step in applied["plan"]} == {"file", "secret", "connection"}
    loaded = listed(modules.sandbox, "--list-conns")
    assert all(f"{name}: IKEv2" in loaded for name in ("paris", "rome"))
