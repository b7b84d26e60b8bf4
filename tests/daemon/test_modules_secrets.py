# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret that is easy to find, after playbook runs that tell all they can: it stands in 0600 files of the target only."""

from __future__ import annotations

import base64
import json
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.tests.daemon.module_programs import COLLECTIONS_PATH, TARGET_PYTHON
from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import Sandbox, opened

pytestmark = [pytest.mark.charon, pytest.mark.root]

CANARY = "canary-0d9e-never-shown"
SECOND = "canary-4b1f-never-shown"
BYHAND = """rome {
    version = 2\n proposals = aes256-sha256-modp2048\n rekey_time = 25920\n over_time = 2880\n remote_addrs = 198.51.100.3
    local { auth = psk }\n remote { auth = psk }
}"""
TRACES = [CANARY, SECOND, *(base64.b64encode(each.encode()).decode() for each in (CANARY, SECOND))]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with opened() as opened_once:
        yield opened_once


def task(module: str, arguments: dict[str, Any], *, fails: bool = False, **more: Any) -> dict[str, Any]:
    """Return a task that registers its result, and one more that asserts whether it failed."""
    block: list[dict[str, Any]] = [
        {f"swanfleet.ipsec.{module}": arguments, "register": "told", "ignore_errors": True, **more},
        {"ansible.builtin.assert": {"that": "told is failed" if fails else "told is not failed"}},
    ]
    return {"block": block}


def play(sandbox: Sandbox, *options: str) -> str:
    """Run a playbook with all our ways of taking a secret, and return all that it printed."""
    one = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": "{{ first }}", "init_type": "none"}
    config = {"phase1": [{**one, "psk": "{{ second }}"}], "phase2": [{"name": "lan", "phase1": "paris"}]}
    wrong = [
        {**one, "name": "a b"},
        {**one, "psk": "{{ first }}\nx"},
        {**one, "psk": ["{{ first }}"], "lifetime": "1x"},
    ]
    text = "connections {{ {} }} secrets {{ ike-1 {{ secret = {} }} }}".format
    texts = [
        text("", '"{{ first }}'),
        text("", "0s{{ first | b64encode }}"),
        text("", "x}{{ first }}=y {"),
        {"secrets": {"ike": "{{ first }}"}},
    ]
    tasks = [
        task("ipsec_phase1", one),
        task("ipsec_gateway", {"config": config, "state": "overridden"}),
        task("ipsec_gateway", {"config": config, "state": "overridden"}),
        task("ipsec_gateway", {"config": config, "state": "rendered"}),
        task("ipsec_gateway", {"state": "gathered"}),
        task("ipsec_gateway", {"state": "parsed", "running_config": text(BYHAND, '"{{ first }}"')}),
        *(task("ipsec_gateway", {"state": "parsed", "running_config": each}, fails=True) for each in texts),
        task("ipsec_info", {}),
        *(task("ipsec_phase1", each, fails=True) for each in wrong),
        *(task("ipsec_gateway", {"config": {"phase1": [each]}}, fails=True) for each in wrong),
        task("ipsec_gateway", {"config": {"phase1": {"psk": "{{ first }}"}}}, fails=True),
        task("ipsec_gateway", {"config": {"phase1": [{**one, "pskk": "{{ first }}"}]}}, fails=True),
        task("ipsec_gateway", {"config": config, "state": "deleted"}),
    ]
    path = sandbox.directory / "play.json"
    path.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    secrets = sandbox.directory / "controller.json"
    secrets.touch(0o600)
    secrets.write_text(json.dumps({"first": CANARY, "second": SECOND}), encoding="utf-8")
    done = sandbox.run(
        [
            str(Path(sys.executable).parent / "ansible-playbook"),
            *("-i", "target,", "-c", "local", "-e", f"ansible_python_interpreter={TARGET_PYTHON}", "-e", f"@{secrets}"),
            *options,
            str(path),
        ],
        timeout=180,
        environment={"ANSIBLE_COLLECTIONS_PATH": COLLECTIONS_PATH, "LC_ALL": "C.UTF-8"},
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed[-3000:]
    return printed


def test_a_secret_is_in_no_output_and_only_in_private_files(sandbox: Sandbox) -> None:
    printed = play(sandbox, "-vvv", "--diff")
    assert "psk: ***" in printed, "the diff does not show that a secret changes"
    assert [line for line in printed.splitlines() if any(trace in line for trace in TRACES)] == []
    holding = [
        path
        for path in sandbox.directory.rglob("*")
        if path.is_file() and any(trace.encode() in path.read_bytes() for trace in TRACES)
    ]
    assert sandbox.directory / "controller.json" in holding, "the search does not find what is there"
    assert any(sandbox.state in path.parents for path in holding), "no generation holds the secret"
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in holding} == {"0o600"}


def test_a_secret_is_in_no_output_of_a_check(sandbox: Sandbox) -> None:
    sandbox.fresh()
    printed = play(sandbox, "-vvv", "--diff", "--check")
    assert [line for line in printed.splitlines() if any(trace in line for trace in TRACES)] == []
