# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that builds modules by Ansible's own code: a JSON request on each line of its input, a JSON answer for each.

A process of its own, because Ansible's loader of collections only sees those that nobody has imported before it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import ansible.constants
from ansible.executor.module_common import modify_module
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, module_loader
from ansible.template import Templar

# What ansible-playbook adds to a module's arguments at its defaults (plugins/action, _update_module_args).
_ADDED: dict[str, Any] = {
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


def build(*, module: str, arguments: dict[str, Any], special: dict[str, Any], path: str, python: str) -> None:
    """Write the program that Ansible would send for a module with these arguments; it holds them, so the mode is 0600."""
    found = module_loader.find_plugin_with_context(module, collection_list=[])
    if not found.resolved or found.resolved_fqcn is None:
        raise LookupError(f"Ansible does not find the module {module}")
    added = {
        **_ADDED,
        "_ansible_module_name": found.resolved_fqcn,
        "_ansible_remote_tmp": str(Path(path).parent),
        **special,
    }
    built = modify_module(
        module_name=found.resolved_fqcn,
        module_path=found.plugin_resolved_path,
        module_args={**arguments, **added},
        templar=Templar(loader=DataLoader(), variables={}),
        task_vars={"ansible_python_interpreter": python},
        module_compression=ansible.constants.config.get_config_value("DEFAULT_MODULE_COMPRESSION"),
    )
    target = Path(path)
    target.touch(0o600)
    target.write_bytes(built.b_module_data)


def main() -> None:
    init_plugin_loader(os.environ["ANSIBLE_COLLECTIONS_PATH"].split(":"))
    for line in sys.stdin:
        try:
            build(**json.loads(line))
        except Exception as error:  # told to the one who asked, whatever it is
            print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
        else:
            print(json.dumps({}), flush=True)


if __name__ == "__main__":
    main()
