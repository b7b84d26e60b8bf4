# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules refuse: one clear error each, and a host that is as before."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.tests.daemon.module_programs import ModulePrograms
from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import Sandbox, opened

pytestmark = [pytest.mark.charon, pytest.mark.root]

CANARY = "canary-51c2-never-shown"
PHASE1: dict[str, Any] = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": CANARY, "init_type": "none"}
PHASE2: dict[str, Any] = {"name": "lan", "phase1": "paris", "remote_networks": ["10.2.0.0/24"]}
GATEWAY: dict[str, Any] = {"config": {"phase1": [PHASE1], "phase2": [PHASE2]}}
# As systemd 252 answers `systemctl show` for a unit that is not there, and for one that is stopped.
NOT_FOUND = "LoadState=not-found\nActiveState=inactive\nSubState=dead\n"
STOPPED = "LoadState=loaded\nActiveState=inactive\nSubState=dead\n"


@pytest.fixture(scope="module")
def modules() -> Iterator[ModulePrograms]:
    """Return modules on a gateway with one tunnel, which every test leaves as it is."""
    with opened() as sandbox, ModulePrograms(sandbox) as programs:
        assert programs.run("ipsec_gateway", **GATEWAY)["changed"]
        yield programs


@pytest.fixture
def sandbox(modules: ModulePrograms) -> Sandbox:
    return modules.sandbox


def refused(result: dict[str, Any]) -> str:
    """Return the message of a refusal that is one, and only that."""
    assert result.get("failed"), result
    assert not result.get("changed"), result
    assert "Traceback" not in result["printed"]
    assert "exception" not in result
    assert CANARY not in result["printed"]
    return str(result["msg"])


def gateway(*, phase1: Any = (), phase2: Any = (), interfaces: Any = ()) -> dict[str, Any]:
    return {"config": {"phase1": list(phase1), "phase2": list(phase2), "xfrm_interfaces": list(interfaces)}}


@pytest.mark.parametrize(
    ("module", "arguments", "message"),
    [
        pytest.param(
            "ipsec_phase1",
            {**PHASE1, "name": "paris; reboot"},
            r"phase1 paris; reboot: name is 'paris; reboot': a name of letters, digits",
            id="an unsafe name",
        ),
        pytest.param(
            "ipsec_phase1",
            {**PHASE1, "name": "../../etc/passwd"},
            r"name is '\.\./\.\./etc/passwd': a name of letters, digits",
            id="a name that is a path",
        ),
        pytest.param(
            "ipsec_phase1",
            {**PHASE1, "local_id": "fqdn:gw.example.com\n    auth = pubkey"},
            r"phase1 paris: local_id is .*: an identity is needed",
            id="a line break in a value",
        ),
        pytest.param(
            "ipsec_phase1",
            {**PHASE1, "psk": CANARY + "\nid = %any"},
            r"phase1 paris: psk is \*\*\*: it must not contain a line break",
            id="a line break in a secret",
        ),
        pytest.param(
            "ipsec_phase1",
            {**PHASE1, "remote_endpoints": ["2001:db8::2"]},
            r"phase1 paris: remote_endpoints\[0\] is '2001:db8::2': an IPv4 address is needed, as ip_type is ipv4",
            id="an address of the wrong family",
        ),
        pytest.param(
            "ipsec_gateway",
            gateway(phase1=[PHASE1, {**PHASE1, "remote_endpoints": ["198.51.100.3"]}]),
            r"phase1 paris: name is 'paris': it stands twice among phase1; each name once",
            id="two phase 1 with one name",
        ),
        pytest.param(
            "ipsec_phase2",
            {**PHASE2, "phase1": "pariss"},
            r"phase2 pariss/lan: phase1 is 'pariss': there is no phase 1 of this name; did you mean paris\?",
            id="a phase 2 without its phase 1",
        ),
        pytest.param(
            "xfrm_interface",
            {"name": "ipsec-to-paris-1"},
            r"xfrm_interface ipsec-to-paris-1: name is .*at most 15 characters; this has 16",
            id="an interface name over 15 characters",
        ),
        pytest.param(
            "ipsec_gateway",
            {**gateway(), "state": "overridden"},
            r"an empty config would remove every tunnel",
            id="nothing at all is wanted",
        ),
    ],
)
def test_a_wrong_value_gets_one_clear_error_and_nothing_changes(
    modules: ModulePrograms, module: str, arguments: dict[str, Any], message: str
) -> None:
    before = modules.sandbox.digest()
    found = refused(modules.run(module, **arguments))
    assert re.search(message, found), found
    assert len(found.splitlines()) == 1, found
    assert modules.sandbox.digest() == before


def test_all_wrong_values_of_a_call_are_told_together(modules: ModulePrograms) -> None:
    wrong = gateway(
        phase1=[{**PHASE1, "name": "a b"}, {**PHASE1, "remote_endpoints": ["2001:db8::2"]}],
        interfaces=[{"name": "ipsec-to-paris-1"}],
    )
    before = modules.sandbox.digest()
    assert len(refused(modules.run("ipsec_gateway", **wrong)).splitlines()) == 3
    assert modules.sandbox.digest() == before


@pytest.fixture
def without_charon(sandbox: Sandbox) -> Iterator[Sandbox]:
    sandbox.stop_charon()
    yield sandbox
    sandbox.start_charon()
    sandbox.run(["swanctl", "--load-all", "--noprompt"])


@pytest.fixture
def systemctl(sandbox: Sandbox) -> Iterator[Path]:
    """Return the file that systemctl prints inside, where no systemd runs."""
    answer = sandbox.directory / "systemctl-says"
    program = shutil.which("systemctl", path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert program, "systemctl is not installed"
    sandbox.cover(program, f'#!/bin/sh\nexec cat "{answer}"\n')
    yield answer
    sandbox.uncover(program)


CHANGED: dict[str, Any] = {"config": {"phase1": [{**PHASE1, "lifetime": "4h"}]}}


def test_charon_that_does_not_run_is_an_error_that_says_how_to_start_it(
    modules: ModulePrograms, without_charon: Sandbox
) -> None:
    before = without_charon.digest()
    for arguments in (GATEWAY, CHANGED):
        found = refused(modules.run("ipsec_gateway", **arguments))
        assert re.search(r"charon .*systemctl start strongswan", found), found
    assert without_charon.digest() == before


def test_a_stopped_unit_is_named(modules: ModulePrograms, without_charon: Sandbox, systemctl: Path) -> None:
    systemctl.write_text(STOPPED, encoding="utf-8")
    before = without_charon.digest()
    found = refused(modules.run("ipsec_gateway", **CHANGED))
    assert "strongswan.service is inactive (dead)" in found
    assert without_charon.digest() == before


def test_strongswan_that_is_not_installed_is_an_error_that_names_the_role(
    modules: ModulePrograms, without_charon: Sandbox, systemctl: Path
) -> None:
    systemctl.write_text(NOT_FOUND, encoding="utf-8")
    before = without_charon.digest()
    found = refused(modules.run("ipsec_gateway", **CHANGED))
    assert re.search(r"strongSwan .* is not installed on this host: apply the role swanfleet\.ipsec\.gateway", found)
    assert without_charon.digest() == before


def old_python(directory: Path) -> str:
    """Return a Python 3.8 of this computer, or else one that says that it is 3.8."""
    candidates = [shutil.which("python3.8"), *Path("~/.pyenv/versions").expanduser().glob("3.8.*/bin/python3.8")]
    for found in candidates:
        if found is not None and "shims" not in str(found):
            return str(found)
    pretended = directory / "python3.8"
    pretended.write_text(
        "#!/usr/bin/python3\nimport runpy, sys\nsys.version_info = (3, 8, 20, 'final', 0)\n"
        "sys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')\n",
        encoding="utf-8",
    )
    pretended.chmod(0o755)
    return str(pretended)


def test_a_python_that_is_too_old_is_an_error_that_says_so(modules: ModulePrograms, sandbox: Sandbox) -> None:
    before = sandbox.digest()
    for module, arguments in (("ipsec_gateway", CHANGED), ("ipsec_phase1", PHASE1), ("ipsec_info", {})):
        found = refused(modules.run(module, python=old_python(sandbox.directory), **arguments))
        assert re.search(r"needs Python 3\.9 or newer on the target, and .* is 3\.8", found), found
    assert sandbox.digest() == before
