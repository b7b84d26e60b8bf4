# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module's program with a clock around `AnsibleModule.__init__`: probe.py WHERE-TO-TELL PROGRAM.

The program is the very one that is measured otherwise; only the import of ansible.module_utils.basic is watched.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import runpy
import sys
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

STARTED = time.perf_counter()
_found: dict[str, float] = {}


class _Loader(importlib.abc.Loader):
    """Load as another loader does, then put the clock around the constructor."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._inner.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        self._inner.exec_module(module)
        cls: Any = module.AnsibleModule
        original = cls.__init__

        def constructed(*arguments: Any, **named: Any) -> None:
            began = time.perf_counter()
            original(*arguments, **named)
            ended = time.perf_counter()
            _found.update(imports_s=began - STARTED, argument_spec_s=ended - began, constructed_s=ended)

        cls.__init__ = constructed


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "ansible.module_utils.basic":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


def main() -> None:
    told, program = sys.argv[1:]
    sys.meta_path.insert(0, _Finder())
    sys.argv = [program]
    try:
        runpy.run_path(program, run_name="__main__")
    finally:
        _found["engine_s"] = time.perf_counter() - _found.pop("constructed_s")
        Path(told).write_text(json.dumps(_found), encoding="utf-8")


if __name__ == "__main__":
    main()
