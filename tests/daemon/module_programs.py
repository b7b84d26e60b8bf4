# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules as the programs that Ansible sends to a target, run in the sandbox without a controller."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import Sandbox

TARGET_PYTHON = "/usr/bin/python3"
_BUILDER = Path(__file__).parent / "module_builder.py"
# The directory that holds ansible_collections, by the path that this file was imported from.
COLLECTIONS_PATH = str(Path(__file__).parents[5])


class ModulePrograms:
    """Builds modules with Ansible's own code, in a process that lives as long as this is open."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._builder = subprocess.Popen(
            [sys.executable, str(_BUILDER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **sandbox.environment(), "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS_PATH},
        )

    def __enter__(self) -> ModulePrograms:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._builder.communicate(timeout=30)

    def build(self, module: str, arguments: Mapping[str, Any], name: str = "module.py", **special: Any) -> Path:
        """Write the program of a module; `special` are Ansible's own arguments, such as check_mode, diff or verbosity."""
        path = self.sandbox.directory / name
        request = {
            "module": module,
            "arguments": dict(arguments),
            "special": {f"_ansible_{key}": value for key, value in special.items()},
            "path": str(path),
            "python": TARGET_PYTHON,
        }
        assert self._builder.stdin is not None
        assert self._builder.stdout is not None
        self._builder.stdin.write(json.dumps(request) + "\n")
        self._builder.stdin.flush()
        answer = json.loads(self._builder.stdout.readline() or '{"error": "the builder has ended"}')
        assert "error" not in answer, answer["error"]
        return path

    def run(
        self,
        module: str,
        *,
        python: str = TARGET_PYTHON,
        special: Mapping[str, Any] | None = None,
        umask: int = 0o022,
        **arguments: Any,
    ) -> dict[str, Any]:
        """Run one of our modules inside, and return its result with all that it printed as `printed`."""
        path = self.build(f"swanfleet.ipsec.{module}", arguments, **(special or {}))
        argv = ["sh", "-c", f'umask {umask:o} && exec "$@"', "sh", python, str(path)]
        done = self.sandbox.run(argv, timeout=120)
        printed = done.stdout + done.stderr
        assert done.stdout.lstrip().startswith("{"), printed
        return {**json.loads(done.stdout), "printed": printed}
