# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules as the programs that Ansible sends to a target, built by Ansible's own code, for runs without a controller."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.config.manager import ConfigManager
from ansible.executor.module_common import modify_module
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, module_loader
from ansible.template import Templar
from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import Sandbox

TARGET_PYTHON = "/usr/bin/python3"
# What ansible-playbook adds to a module's arguments at its defaults (plugins/action, _update_module_args).
_ADDED = {
    "_ansible_check_mode": False,
    "_ansible_diff": False,
    "_ansible_no_log": False,
    "_ansible_debug": False,
    "_ansible_verbosity": 0,
    "_ansible_syslog_facility": "LOG_USER",
    "_ansible_selinux_special_fs": ["fuse", "nfs", "vboxsf", "ramfs", "9p", "vfat"],
    "_ansible_shell_executable": "/bin/sh",
    "_ansible_keep_remote_files": False,
    "_ansible_ignore_unknown_opts": False,
    "_ansible_tracebacks_for": [],
}


@functools.cache
def _find(name: str) -> tuple[str, str]:
    """Return a module's path and full name."""
    init_plugin_loader(os.environ.get("ANSIBLE_COLLECTIONS_PATH", "").split(":"))
    found = module_loader.find_plugin_with_context(name, collection_list=[])
    assert found.resolved, f"Ansible does not find the module {name}"
    return found.plugin_resolved_path, found.resolved_fqcn


def build(
    name: str, arguments: Mapping[str, Any], path: Path, *, check: bool = False, diff: bool = False, verbosity: int = 0
) -> Path:
    """Write the program that Ansible would send for a module with these arguments; it holds them, so the mode is 0600."""
    module_path, full_name = _find(name)
    added = {
        **_ADDED,
        "_ansible_check_mode": check,
        "_ansible_diff": diff,
        "_ansible_verbosity": verbosity,
        "_ansible_module_name": full_name,
        "_ansible_remote_tmp": str(path.parent),
    }
    built = modify_module(
        module_name=full_name,
        module_path=module_path,
        module_args={**arguments, **added},
        templar=Templar(loader=DataLoader(), variables={}),
        task_vars={"ansible_python_interpreter": TARGET_PYTHON},
        module_compression=ConfigManager().get_config_value("DEFAULT_MODULE_COMPRESSION"),
    )
    path.touch(0o600)
    path.write_bytes(built.b_module_data)
    return path


def run_module(
    sandbox: Sandbox,
    name: str,
    arguments: Mapping[str, Any],
    *,
    check: bool = False,
    diff: bool = False,
    verbosity: int = 0,
    python: str = TARGET_PYTHON,
) -> dict[str, Any]:
    """Run a module inside and return its result, with all that it printed as `printed`."""
    path = build(name, arguments, sandbox.directory / "module.py", check=check, diff=diff, verbosity=verbosity)
    done = sandbox.run([python, str(path)], timeout=120)
    printed = done.stdout + done.stderr
    assert done.stdout.lstrip().startswith("{"), printed
    return {**json.loads(done.stdout), "printed": printed}
