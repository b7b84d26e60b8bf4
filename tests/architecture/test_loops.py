# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our own loops carry a label: Ansible prints the whole item of one that does not, with whatever secret it holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml


def tasks_in(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every task, block and play of a parsed file, at whatever depth."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from tasks_in(each)


def unlabelled(text: str) -> list[str]:
    """Return the names of tasks that loop without a label."""
    found = []
    for task in tasks_in(yaml.safe_load(text)):
        loops = any(key == "loop" or key.startswith("with_") for key in task)
        if loops and "label" not in (task.get("loop_control") or {}):
            found.append(str(task.get("name", task)))
    return found


def test_loops_of_roles_and_playbooks_have_a_label(checkout: Path) -> None:
    files = [file for part in ("roles", "playbooks") for file in sorted((checkout / part).rglob("*.yml"))]
    assert len(files) > 3
    assert {str(file.relative_to(checkout)): unlabelled(file.read_text(encoding="utf-8")) for file in files} == {
        str(file.relative_to(checkout)): [] for file in files
    }


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("- {name: a, ping: {}}", []),
        ("- {name: a, ping: {}, loop: [1]}", ["a"]),
        ("- {name: a, ping: {}, with_items: [1], loop_control: {loop_var: x}}", ["a"]),
        ("- {name: a, ping: {}, loop: [1], loop_control: {label: x}}", []),
        ("- {hosts: all, tasks: [{block: [{name: a, ping: {}, loop: [1]}]}]}", ["a"]),
    ],
)
def test_a_loop_without_a_label_is_seen(text: str, names: list[str]) -> None:
    assert unlabelled(text) == names
