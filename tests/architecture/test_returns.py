# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RETURN of the modules: fragments cannot carry it, so that the same text stands in several; it must stay the same."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit.doors import DOORS

SHARED = ("plan", "disruption", "step", "restored")
# States of ipsec_gateway that only tell add to when a plan is returned.
MAY_DIFFER = {("ipsec_gateway", "plan", "returned"), ("ipsec_gateway", "disruption", "returned")}


def returned(checkout: Path, module: str) -> dict[str, Any]:
    tree = ast.parse((checkout / "plugins" / "modules" / f"{module}.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "RETURN":
            found: dict[str, Any] = yaml.safe_load(ast.literal_eval(node.value))
            return found
    raise AssertionError(f"{module} has no RETURN")


@pytest.mark.parametrize("key", SHARED)
def test_what_all_changing_modules_return_is_told_alike(checkout: Path, key: str) -> None:
    told = {module: returned(checkout, module)[key] for module in DOORS}
    first = told["ipsec_phase1"]
    for module, text in told.items():
        differing = {name for name in {*text, *first} if text.get(name) != first.get(name)}
        assert {(module, key, name) for name in differing} <= MAY_DIFFER
