# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's defaults are those that its argument specs document: Ansible applies the first and shows the second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml


def differences(specs: dict[str, Any], defaults: dict[str, Any]) -> list[str]:
    """Name every option whose documented default is not the one that applies.

    A default that is computed from other variables is a template; its specs say in words what it is, and give no value.
    """
    found = [f"{name} is in no argument specs" for name in sorted(defaults.keys() - specs.keys())]
    for name, spec in specs.items():
        if spec.get("required"):
            if name in defaults or "default" in spec:
                found.append(f"{name} is required and has a default")
        elif name not in defaults:
            found.append(f"{name} has no default")
        elif "{{" in str(defaults[name]):
            if "default" in spec:
                found.append(f"{name} is computed and has a documented value")
        elif "default" not in spec or (type(spec["default"]), spec["default"]) != (
            type(defaults[name]),
            defaults[name],
        ):
            found.append(f"{name} is {defaults[name]!r}, documented as {spec.get('default')!r}")
    return found


def test_role_defaults_are_as_documented(checkout: Path) -> None:
    roles = sorted(folder for folder in (checkout / "roles").iterdir() if folder.is_dir())
    assert roles
    for role in roles:
        specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
        assert differences(specs, yaml.safe_load((role / "defaults/main.yml").read_text())) == [], role.name


def test_the_names_of_a_role_begin_with_its_own(checkout: Path) -> None:
    for file in sorted((checkout / "roles").glob("*/defaults/main.yml")):
        names = yaml.safe_load(file.read_text())
        assert [name for name in names if not name.startswith(file.parent.parent.name + "_")] == []


def test_files_of_the_gateway_arrive_whole(checkout: Path) -> None:
    """Each that is placed as it stands is named with its last line's end, which the lookup would else take away."""
    role = checkout / "roles/gateway"
    values = yaml.safe_load((role / "vars/main.yml").read_text())
    looked_up = [each["content"] for each in values["gateway_files"] if "lookup(" in each["content"]]
    names = sorted(str(file.relative_to(role / "files")) for file in (role / "files").rglob("*") if file.is_file())
    whole = [f"{{{{ lookup('ansible.builtin.file', '{name}', rstrip=false) }}}}" for name in names]
    assert sorted(looked_up) == sorted(whole)


@pytest.mark.parametrize(
    ("spec", "defaults", "complaint"),
    [
        pytest.param({"default": 1}, {"a": 1}, [], id="equal"),
        pytest.param({"required": True}, {}, [], id="required"),
        pytest.param({}, {"a": "{{ b }}"}, [], id="computed"),
        pytest.param({"default": 1}, {"a": 2}, ["a is 2, documented as 1"], id="other value"),
        pytest.param({"default": True}, {"a": 1}, ["a is 1, documented as True"], id="other type"),
        pytest.param({"default": 1}, {}, ["a has no default"], id="only documented"),
        pytest.param({}, {"a": 1}, ["a is 1, documented as None"], id="undocumented value"),
        pytest.param({"required": True}, {"a": 1}, ["a is required and has a default"], id="required with a default"),
        pytest.param(
            {"default": 1}, {"a": 1, "b": 2}, ["b is in no argument specs"], id="variable that nothing documents"
        ),
    ],
)
def test_a_difference_is_named(spec: dict[str, Any], defaults: dict[str, Any], complaint: list[str]) -> None:
    assert differences({"a": spec}, defaults) == complaint
