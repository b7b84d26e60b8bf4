# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules on a host in trouble: one clear error in bounded time, and a host that is as before."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.tests.daemon.module_programs import ModulePrograms
from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import Sandbox, opened

pytestmark = [pytest.mark.charon, pytest.mark.root]

CANARY = "canary-1ba9-never-shown"
PARIS: dict[str, Any] = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": CANARY, "init_type": "none"}
ROME: dict[str, Any] = {**PARIS, "name": "rome", "remote_endpoints": ["198.51.100.3"]}
LAN: dict[str, Any] = {"name": "lan", "phase1": "paris", "remote_networks": ["10.2.0.0/24"]}
GATEWAY: dict[str, Any] = {"phase1": [PARIS], "phase2": [LAN]}
OTHER: dict[str, Any] = {"phase1": [{**PARIS, "lifetime": "4h", "psk": CANARY + "-2"}, ROME], "phase2": [LAN]}
CONF, STORE = "/etc/swanctl/conf.d", "/var/lib/swanfleet"
# A module's own start and Ansible's wrapping are most of it.
SOON_S = 8.0
# What a charon that hangs is waited for (drivers/charon.py).
PATIENCE_S = 10.0


@pytest.fixture(scope="module")
def modules_once() -> Iterator[ModulePrograms]:
    with opened() as sandbox, ModulePrograms(sandbox) as programs:
        yield programs


@pytest.fixture(params=["a gateway", "nothing yet"])
def modules(modules_once: ModulePrograms, request: pytest.FixtureRequest) -> ModulePrograms:
    """Return modules on a host with a gateway, and on one without."""
    modules_once.sandbox.fresh()
    if request.param == "a gateway":
        assert modules_once.run("ipsec_gateway", config=GATEWAY)["changed"]
    return modules_once


def changed(modules: ModulePrograms) -> dict[str, Any]:
    """Run a change, and return its result with the seconds that it took."""
    started = time.monotonic()
    result = modules.run("ipsec_gateway", config=OTHER, state="overridden")
    return {**result, "took": time.monotonic() - started}


def refused(result: dict[str, Any], *, within: float = SOON_S) -> dict[str, Any]:
    """Return the result of a change that must be refused: one sentence, in time, without a traceback or a secret."""
    assert result.get("failed"), result
    assert not result.get("changed"), result
    assert len(str(result["msg"]).splitlines()) == 1, result["msg"]
    assert "Traceback" not in result["printed"]
    assert CANARY not in result["printed"]
    assert result["took"] < within, f"{result['took']:.1f} s: {result['msg']}"
    return result


def completes(modules: ModulePrograms) -> None:
    """Run the change once more, now that the trouble is over."""
    assert modules.run("ipsec_gateway", config=OTHER, state="overridden")["changed"]
    again = modules.run("ipsec_gateway", config=OTHER, state="overridden")
    assert (again["changed"], again["plan"]) == (False, [])


@contextmanager
def down(sandbox: Sandbox) -> Iterator[None]:
    sandbox.stop_charon()
    yield
    charon_starts(sandbox)


@contextmanager
def without_socket(sandbox: Sandbox) -> Iterator[None]:
    sandbox.run(["rm", "/run/charon.vici"])
    yield
    sandbox.stop_charon()
    charon_starts(sandbox)


@contextmanager
def without_run(sandbox: Sandbox) -> Iterator[None]:
    sandbox.run(["sh", "-c", "rm -rf /run/*"])
    yield
    sandbox.stop_charon()
    charon_starts(sandbox)


@contextmanager
def frozen(sandbox: Sandbox) -> Iterator[None]:
    sandbox.freeze_charon()
    yield
    sandbox.thaw_charon()


def charon_starts(sandbox: Sandbox) -> None:
    sandbox.start_charon()
    sandbox.run(["swanctl", "--load-all", "--noprompt"])


Trouble = Callable[[Sandbox], Any]


@pytest.mark.parametrize(
    ("trouble", "message", "within"),
    [
        pytest.param(down, r"charon .*: start it with 'systemctl start strongswan'$", SOON_S, id="down"),
        pytest.param(without_socket, r"does not listen on /run/charon\.vici: start it", SOON_S, id="socket missing"),
        pytest.param(without_run, r"does not listen on /run/charon\.vici: start it", SOON_S, id="run wiped"),
        pytest.param(
            frozen, r"did not answer 'version' on /run/charon\.vici within 10 s: it hangs.* restart it with",
            PATIENCE_S + SOON_S, id="hung",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("modules", ["a gateway"], indirect=True)
def test_a_charon_that_cannot_be_asked_is_one_error_before_anything_is_touched(
    modules: ModulePrograms, trouble: Trouble, message: str, within: float, record_property: Any
) -> None:
    before, files = modules.sandbox.digest(), modules.sandbox.digest(loaded=False)
    with trouble(modules.sandbox):
        result = refused(changed(modules), within=within)
        assert re.search(message, result["msg"]), result["msg"]
        assert modules.sandbox.digest(loaded=False) == files
    record_property("seconds", round(result["took"], 1))
    assert modules.sandbox.digest() == before
    completes(modules)


@pytest.fixture
def unit(modules: ModulePrograms) -> Iterator[Path]:
    """Return the file that systemctl prints inside, where no systemd runs."""
    sandbox = modules.sandbox
    answer = sandbox.directory / "systemctl-says"
    program = shutil.which("systemctl", path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert program, "systemctl is not installed"
    sandbox.cover(program, f'#!/bin/sh\nexec cat "{answer}"\n')
    yield answer
    sandbox.uncover(program)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            "active running",
            r"though strongswan.service is active \(running\): its socket was removed.* restart it with",
        ),
        ("activating start", r"charon is just being started, .* is activating \(start\): run again when it is up"),
        (
            "failed failed",
            r"charon is not running, strongswan.service is failed \(failed\): start it .* see 'journalctl",
        ),
    ],
)
@pytest.mark.parametrize("modules", ["a gateway"], indirect=True)
def test_systemd_is_asked_why(modules: ModulePrograms, unit: Path, state: str, message: str) -> None:
    active, sub = state.split()
    unit.write_text(f"LoadState=loaded\nActiveState={active}\nSubState={sub}\n", encoding="utf-8")
    with without_socket(modules.sandbox):
        for daemon in ("required", "optional") if active != "failed" else ("required",):
            result = modules.run("ipsec_gateway", config=OTHER, daemon=daemon)
            assert re.search(message, result["msg"]), result["msg"]


@pytest.mark.parametrize(
    ("path", "refusals"), [(CONF, 1), (STORE, 3), ("/run/swanfleet", 1)], ids=["files", "store", "journal"]
)  # fmt: skip
def test_a_full_disk_leaves_everything_as_before(
    modules: ModulePrograms, path: str, refusals: int, record_property: Any
) -> None:
    """Give it one page more each time, so that every file that a run writes is the first without room once."""
    sandbox, took = modules.sandbox, []
    for spare in range(8):
        sandbox.shrink(path, spare=spare)
        try:
            before = sandbox.digest()
            result = changed(modules)
            if not result.get("failed"):
                break
            took.append(refused(result)["took"])
            assert re.search(
                rf"cannot (write|make directory|lock) {path}\S*: No space left on device: make room", result["msg"]
            )
            assert sandbox.digest() == before, f"{spare} pages to spare: {result['msg']}"
        finally:
            sandbox.uncover(path)
    assert len(took) >= refusals
    record_property("seconds", [round(each, 1) for each in took])
    sandbox.fresh()
    completes(modules)


@pytest.mark.parametrize("path", ["/etc/swanctl", "/var/lib"])
def test_a_read_only_directory_leaves_everything_as_before(
    modules: ModulePrograms, path: str, record_property: Any
) -> None:
    sandbox = modules.sandbox
    before = sandbox.digest()
    sandbox.protect(path)
    try:
        result = refused(changed(modules))
        assert re.search(rf"cannot \w[\w ]* {path}\S*: Read-only file system: mount it writable", result["msg"])
    finally:
        sandbox.uncover(path)
    assert sandbox.digest() == before
    record_property("seconds", round(result["took"], 1))
    completes(modules)
