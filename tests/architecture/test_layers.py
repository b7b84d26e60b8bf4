# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layer rules hold in plugins/, and the checker sees each kind of breach."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.tests.architecture.layers import MAY_IMPORT, violations

DRIVER = """
from dataclasses import dataclass
from typing import Protocol
from ..errors import IpsecError
from .wire import Refused
Argv = tuple[str, ...]
class Files(Protocol): ...
class LocalFiles: ...
class NoSuchFile(IpsecError): ...
@dataclass(frozen=True)
class FileState: ...
def local_files(): ...
"""
FULL = "ansible_collections.swanfleet.ipsec.plugins"


def complaints(root: Path, path: str, text: str) -> list[str]:
    """Return what is found in a tree that has a driver and one more file."""
    for name, content in {
        "module_utils/drivers/files.py": DRIVER,
        "module_utils/drivers/wire.py": "class Refused(Exception): ...\nclass Socket: ...\n",
        path: text,
    }.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text if name == path else content)
    return [violation.what for violation in violations(root)]


def test_no_layer_knows_what_it_must_not(checkout: Path) -> None:
    found = [str(violation) for violation in violations(checkout / "plugins")]
    assert not found, "\n".join(found)


def test_the_tree_that_is_looked_at_is_the_real_one(checkout: Path) -> None:
    present = {folder.name for folder in (checkout / "plugins/module_utils").iterdir() if any(folder.glob("*.py"))}
    assert {"desired", "artifacts", "drivers", "observed", "plan", "apply", "modulekit"} <= present
    assert present - {"__pycache__"} <= set(MAY_IMPORT)


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        pytest.param(
            "module_utils/desired/a.py",
            "from ..drivers.files import Files",
            "desired imports drivers",
            id="relative import upwards",
        ),
        pytest.param(
            "module_utils/desired/a.py", "from .. import plan", "desired imports plan", id="layer imported as a name"
        ),
        pytest.param(
            "module_utils/artifacts/a/b.py",
            "from ...observed.values import Link",
            "artifacts imports observed",
            id="from a deeper package",
        ),
        pytest.param(
            "module_utils/artifacts/a.py",
            f"def f():\n    import {FULL}.module_utils.apply.engine",
            "artifacts imports apply",
            id="absolute import inside a function",
        ),
        pytest.param(
            "module_utils/drivers/a.py",
            "from ..desired.gateway import Gateway",
            "drivers imports desired",
            id="driver knows what is wanted",
        ),
        pytest.param(
            "module_utils/plan/a.py",
            "from ..observed.read import observe",
            "plan imports observed.read: of observed, only its values",
            id="plan reads the host",
        ),
        pytest.param(
            "module_utils/apply/a.py",
            "from ..drivers.files import LocalFiles",
            "apply imports LocalFiles of drivers, which acts: only protocols, values and errors",
            id="apply makes its own driver",
        ),
        pytest.param(
            "module_utils/observed/a.py",
            "from ..drivers.files import local_files",
            "observed imports local_files of drivers, which acts: only protocols, values and errors",
            id="observed calls a driver's factory",
        ),
        pytest.param(
            "module_utils/observed/a.py",
            "from ..drivers import files",
            "observed imports files of drivers, which acts: only protocols, values and errors",
            id="observed takes a whole driver",
        ),
        pytest.param(
            "module_utils/agent/a.py",
            "from ..modulekit.run import run",
            "agent imports modulekit",
            id="agent knows modules",
        ),
        pytest.param(
            "module_utils/agent/a.py",
            "from ansible.module_utils.basic import AnsibleModule",
            "agent imports ansible.module_utils.basic",
            id="agent knows ansible",
        ),
        pytest.param(
            "module_utils/agent/decision/a.py",
            "from ...observed.values import Link",
            "agent/decision imports observed",
            id="decision knows a host",
        ),
        pytest.param(
            "module_utils/agent/decision/a.py",
            "from ...drivers.files import Files",
            "agent/decision imports drivers",
            id="decision has a driver",
        ),
        pytest.param(
            "module_utils/agent/decision/a.py",
            "from ..cli import main",
            "agent/decision imports agent",
            id="decision knows the loop around it",
        ),
        pytest.param(
            "module_utils/agent/decision/a.py",
            "import random",
            "agent/decision imports random: that is for drivers",
            id="decision by chance",
        ),
        pytest.param(
            "module_utils/desired/a.py",
            "from ..agent.decision.wanted import Group",
            "desired imports agent/decision",
            id="what is wanted knows who decides",
        ),
        pytest.param(
            "module_utils/modulekit/a.py",
            "import ansible.errors",
            "modulekit imports ansible.errors",
            id="modulekit takes controller code",
        ),
        pytest.param(
            "modules/a.py",
            f"from {FULL}.module_utils.desired.gateway import Gateway",
            "modules imports desired",
            id="module goes past modulekit",
        ),
        pytest.param(
            "modules/a.py",
            "from ansible.module_utils.basic import AnsibleModule",
            "modules imports ansible.module_utils.basic",
            id="module makes its own AnsibleModule",
        ),
        pytest.param(
            "module_utils/plan/a.py", "import netaddr", "plan imports netaddr", id="library that targets lack"
        ),
        pytest.param(
            "plugin_utils/a.py",
            f"from {FULL}.module_utils.apply.x import y",
            "plugin_utils imports apply",
            id="controller applies",
        ),
        pytest.param(
            "filter/a.py",
            f"from {FULL}.module_utils.observed.values import Link",
            "filter imports observed",
            id="filter knows a host",
        ),
        pytest.param(
            "action/a.py",
            f"from {FULL}.module_utils.artifacts.x import y",
            "action imports artifacts",
            id="action computes what the target must",
        ),
        pytest.param(
            "module_utils/plan/a.py", "import subprocess", "plan imports subprocess: that is for drivers", id="process"
        ),
        pytest.param(
            "module_utils/desired/a.py", "import socket", "desired imports socket: that is for drivers", id="socket"
        ),
        pytest.param(
            "module_utils/observed/a.py",
            "from time import monotonic",
            "observed imports time: that is for drivers",
            id="clock",
        ),
        pytest.param(
            "module_utils/plan/a.py",
            "import os.path",
            "plan imports os.path: that is for drivers",
            id="operating system",
        ),
        pytest.param(
            "module_utils/apply/a.py", "x = open('a')", "apply calls open(): that is for drivers", id="file opened"
        ),
        pytest.param(
            "module_utils/agent/a.py",
            "import datetime\nx = datetime.datetime.now()",
            "agent calls .now(): that is for drivers",
            id="date asked",
        ),
        pytest.param(
            "module_utils/artifacts/a.py",
            "from pathlib import Path",
            "artifacts imports a path that acts: PurePosixPath does not",
            id="path that acts",
        ),
        pytest.param(
            "module_utils/helpers/a.py",
            "X = 1",
            "is in no layer: name it in tests/architecture/layers.py",
            id="new package",
        ),
    ],
)
def test_a_breach_is_named(tmp_path: Path, path: str, text: str, complaint: str) -> None:
    assert complaints(tmp_path, path, text) == [complaint]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param(
            "module_utils/desired/a.py", "import ipaddress\nfrom ..errors import Problem", id="errors and library"
        ),
        pytest.param(
            "module_utils/observed/a.py", "from ..drivers.files import Files, FileState, NoSuchFile", id="protocol"
        ),
        pytest.param("module_utils/observed/a.py", "from ..drivers.files import Refused", id="error of another driver"),
        pytest.param("module_utils/apply/a.py", "from ..drivers.files import Argv", id="name of a type"),
        pytest.param("module_utils/plan/a.py", "from ..observed.values import Link", id="observed values"),
        pytest.param("module_utils/artifacts/a.py", "from pathlib import PurePosixPath", id="path as a value"),
        pytest.param(
            "module_utils/modulekit/a.py", "from ansible.module_utils.basic import AnsibleModule", id="modulekit"
        ),
        pytest.param("module_utils/modulekit/a.py", "from ..drivers.files import LocalFiles", id="where all is wired"),
        pytest.param("module_utils/agent/a.py", "from .decision.decide import decide", id="loop around a decision"),
        pytest.param(
            "module_utils/agent/decision/a.py",
            "import hashlib\nfrom ...desired.phase1 import Phase1\nfrom .values import View",
            id="decision",
        ),
        pytest.param("modules/a.py", f"from {FULL}.module_utils.modulekit import run", id="module"),
        pytest.param("filter/a.py", f"from {FULL}.module_utils.artifacts.x import y", id="filter renders"),
        pytest.param("plugin_utils/a.py", f"from {FULL}.module_utils.artifacts.x import y", id="controller computes"),
        pytest.param("plugin_utils/a.py", "import jinja2, netaddr\nX = open('a')", id="controller"),
        pytest.param("module_utils/drivers/a.py", "import os, time, socket, subprocess", id="driver"),
        pytest.param("module_utils/__init__.py", "", id="empty package"),
    ],
)
def test_what_is_allowed_passes(tmp_path: Path, path: str, text: str) -> None:
    assert complaints(tmp_path, path, text) == []
