# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/defaults.md lists every default there is, with the value that the code has, and a reason."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.firewall import Allow
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import TYPES
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import options_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.page_settings import Dpd
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.pool import PoolAttribute
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.running import RunOptions
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.spec import plain_default
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.xfrm_interface import Route
from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit.doors import DOORS
from ansible_collections.swanfleet.ipsec.tests.specs import BESIDE

Defaults = dict[tuple[str, str], Any]
_ROW = re.compile(r"^\| (\w+) \| (\w+) \| (?:`(.+?)`|-) \| (.*) \|$", re.MULTILINE)


def documented(text: str) -> tuple[Defaults, list[tuple[str, str]]]:
    """Return the defaults in the tables of a document, and the rows that lack a reason."""
    found: Defaults = {}
    unreasoned = []
    for where, name, value, reason in _ROW.findall(text):
        assert (where, name) not in found, f"{where} {name} stands twice"
        found[where, name] = yaml.safe_load(value) if value else None
        if not reason.strip():
            unreasoned.append((where, name))
    return found, unreasoned


def declared(checkout: Path) -> Defaults:
    """Return the defaults that the code has: of objects, of modules beside them, of roles."""
    found: Defaults = {}
    for name, cls in [
        *((kind.singular, kind.cls) for kind in TYPES),
        ("route", Route),
        ("dpd", Dpd),
        ("attribute", PoolAttribute),
        ("allow", Allow),
    ]:
        found.update(((name, opt.name), plain_default(opt)) for opt in options_of(cls) if not opt.required)
    for name, door in DOORS.items():
        known = ("state", "everything", *(opt.name for opt in options_of(RunOptions)))
        found.update(((name, option), door.spec[option].get("default")) for option in known if option in door.spec)
    for name, spec in BESIDE.items():
        found.update(((name, key), option["default"]) for key, option in spec.items() if not option.get("required"))
    for file in sorted((checkout / "roles").glob("*/defaults/main.yml")):
        values = yaml.safe_load(file.read_text())
        role = file.parent.parent.name
        found.update(((role, name), value) for name, value in values.items() if "{{" not in str(value))
    return found


def test_the_tables_of_defaults_say_what_the_code_does(checkout: Path) -> None:
    told, unreasoned = documented((checkout / "docs/defaults.md").read_text())
    real = declared(checkout)
    assert len(real) > 20
    assert unreasoned == []
    assert sorted(real.keys() - told.keys()) == [], "without a row"
    assert sorted(told.keys() - real.keys()) == [], "no such option"
    assert {key: (told[key], real[key]) for key in real if repr(told[key]) != repr(real[key])} == {}


@pytest.mark.parametrize(
    ("row", "value", "unreasoned"),
    [
        ("| phase1 | ike_version | `2` | Newer. |", {("phase1", "ike_version"): 2}, []),
        ("| phase1 | interfaces | `[any]` | All. |", {("phase1", "interfaces"): ["any"]}, []),
        ("| phase1 | psk | - |  |", {("phase1", "psk"): None}, [("phase1", "psk")]),
        ("| not a row |", {}, []),
    ],
)
def test_a_row_is_read(row: str, value: Defaults, unreasoned: list[tuple[str, str]]) -> None:
    assert documented(row) == (value, unreasoned)
