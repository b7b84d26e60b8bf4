# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Golden files: a configuration and a situation in, the exact text of swanctl's files, links and rules out.

SWANFLEET_WRITE_GOLDEN=1 writes them anew; the difference is then read in review, as what users get.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.nft import commands
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import (
    CONNECTIONS_FILE,
    SECRETS_FILE,
    Artifacts,
    Bound,
    Link,
    UplinkRouting,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import check_gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation, allot_if_ids
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.uplink import allot_tables
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.uplinks import plan_uplinks

yaml = pytest.importorskip("yaml", reason="golden files are YAML")

GOLDEN = Path(__file__).resolve().parents[3] / "golden"
CASES = sorted(GOLDEN.glob("*.yml"))
ENDINGS = ("connections.conf", "secrets.conf", "links.json", "firewall.json")


def computed(case: Path) -> Artifacts:
    document: dict[str, Any] = yaml.safe_load(case.read_text("utf-8"))
    gateway = parse_gateway(document["config"])
    check_gateway(gateway)
    read = document["situation"]
    return artifacts(
        gateway,
        Situation(
            host_key=b"k" * 32,
            addresses={name: tuple(found) for name, found in read.get("addresses", {}).items()},
            default_interface=read.get("default_interface", {}),
            mtus=read.get("mtus", {}),
            names={name: tuple(found) for name, found in read.get("names", {}).items()},
            if_ids=allot_if_ids(gateway, {}, set()),
            present=frozenset(read["present"]) if "present" in read else None,
            in_use=read.get("in_use", {}),
            own={name: tuple(each) for name, each in read.get("own", {}).items()},
            tables=allot_tables(gateway.uplinks, {}, gateway.xfrm_interfaces),
        ),
    )


def texts(found: Artifacts) -> dict[str, str]:
    links = [_shown(link) for link in found.links.values()]
    told: dict[str, Any] = {"links": links, "warnings": list(found.warnings)}
    if found.uplinks.routes:
        told["uplinks"] = [str(step) for step in plan_uplinks(found.uplinks, UplinkRouting())[0]]
    stopping = {"routes": sorted(found.guard.routes), "blocks": sorted(found.guard.blocks)}
    rules = commands(found.firewall.table) if found.firewall.table else []
    return {
        "connections.conf": found.files[CONNECTIONS_FILE].text,
        "secrets.conf": found.files[SECRETS_FILE].text,
        "links.json": json.dumps(told, indent=2) + "\n",
        "firewall.json": _lines({"hooks": list(found.firewall.hooks), "guard": stopping}, rules),
    }


def _shown(link: Link) -> dict[str, Any]:
    """Return a link without what a plan finds out, and what follows its tunnels only where it does."""
    told = dataclasses.asdict(link)
    without = ("up",) if link.bound != Bound() else ("up", "bound")
    return {key: value for key, value in told.items() if key not in without}


def _lines(first: object, rules: list[Any]) -> str:
    """Return JSON with a line for each command of nft, as one reads rules."""
    return "\n".join(json.dumps(each) for each in [first, *rules]) + "\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.stem))
def test_the_output_is_exactly(case: Path) -> None:
    for name, text in texts(computed(case)).items():
        file = case.with_suffix(f".{name}")
        if os.environ.get("SWANFLEET_WRITE_GOLDEN"):
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text("utf-8")


def test_every_expected_file_has_its_case() -> None:
    expected = {f"{case.stem}.{name}" for case in CASES for name in ENDINGS}
    assert {file.name for file in GOLDEN.iterdir() if file.suffix != ".yml"} == expected
    assert len(CASES) >= 5


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.stem))
def test_a_file_that_says_nothing_need_not_exist(case: Path) -> None:
    found = computed(case)
    assert found.files[CONNECTIONS_FILE].needed == bool(found.connections)
    assert found.files[SECRETS_FILE].needed == bool(found.shared)
    assert {file.mode for file in found.files.values()} == {0o600}
