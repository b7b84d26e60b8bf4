# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide's play that takes the collection off a host takes off all that the role and the engine put there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.compiled import CACHE
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.paths import Paths
from ansible_collections.swanfleet.ipsec.tests.architecture.examples import blocks_of, parsed

SYSTEMD, FILE = "ansible.builtin.systemd_service", "ansible.builtin.file"


@pytest.fixture
def tasks(checkout: Path) -> list[dict[str, Any]]:
    """Return the tasks of the play."""
    [play] = [
        play
        for block in blocks_of(checkout / "docs/guide.md")
        for document in parsed(block)
        if isinstance(document, list)
        for play in document
        if play.get("hosts") == "old_gateway"
    ]
    found: list[dict[str, Any]] = play["tasks"]
    return found


def every(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield tasks, and those of blocks."""
    for each in tasks:
        yield from every(each["block"]) if "block" in each else (each,)


def put_there(checkout: Path) -> set[str]:
    """Return the files that the role writes, and the files and directories of the engine, below which nothing else is."""
    role = checkout / "roles/gateway"
    values = yaml.safe_load((role / "vars/main.yml").read_text())
    written = {
        arguments.get("dest") or arguments["path"]
        for task in every(yaml.safe_load((role / "tasks/main.yml").read_text()))
        for module, arguments in task.items()
        if module in ("ansible.builtin.copy", "ansible.builtin.template")
        or (module == FILE and arguments["state"] != "directory")
    }
    written |= {file["path"] for file in values["gateway_files"]}
    paths = Paths()
    engine = {*paths.managed.values(), paths.state, str(PurePosixPath(paths.lock).parent), CACHE}
    # A path is written out, or the whole value of a variable.
    return {values.get(path.strip("{ }"), path) for path in written} | engine


def test_all_files_go(checkout: Path, tasks: list[dict[str, Any]]) -> None:
    [taking] = [task for task in tasks if FILE in task]
    assert taking[FILE] == {"path": "{{ item }}", "state": "absent"}
    assert sorted(taking["loop"]) == sorted(put_there(checkout))


def test_units_are_stopped_and_switched_off_while_their_files_are_there(
    checkout: Path, tasks: list[dict[str, Any]]
) -> None:
    units = sorted(file.name for file in (checkout / "roles/gateway/files").glob("*.service"))
    off = [task for task in tasks if task.get(SYSTEMD, {}).get("enabled") is False]
    assert [(sorted(task["loop"]), task[SYSTEMD]["state"]) for task in off] == [(units, "stopped")]
    reloading = [task for task in tasks if task.get(SYSTEMD, {}).get("daemon_reload")]
    [taking] = [task for task in tasks if FILE in task]
    assert tasks.index(off[0]) < tasks.index(taking) < tasks.index(reloading[-1])
