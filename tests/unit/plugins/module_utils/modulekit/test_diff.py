# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Diffs that people read, from gateways to text."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit.diff import object_diff
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.steps import Plan, Step
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import INTERFACE, PARIS, PARIS_LAN, ROME, config

NOTHING = Gateway()
ALONE = {"name": "rome", "remote_endpoints": ["198.51.100.3"], "psk": "another"}


def gateway(*phase1: dict[str, Any]) -> Gateway:
    return parse_gateway(config(list(phase1), []))


def lines(before: Gateway, after: Gateway, *steps: Step) -> tuple[list[str], list[str]]:
    diff = object_diff(before, after, Plan(steps), limit=200)
    return diff["before"].splitlines(), diff["after"].splitlines()


GIVEN = ["phase1 rome:", '  name: "rome"', '  remote_endpoints: ["198.51.100.3"]', "  psk: ***"]


@pytest.mark.parametrize(
    ("before", "after", "old", "new"),
    [
        pytest.param(gateway(ALONE), gateway(ALONE), [], [], id="nothing changed"),
        pytest.param(NOTHING, gateway(ALONE), [], GIVEN, id="a new object is shown without defaults"),
        pytest.param(gateway(ALONE), NOTHING, GIVEN, [], id="so is one that goes"),
        pytest.param(
            gateway(ALONE), gateway({**ALONE, "lifetime": "4h"}),
            ["phase1 rome:", "  lifetime: 28800"], ["phase1 rome:", "  lifetime: 14400"], id="of a change what changed",
        ),
        pytest.param(
            gateway(ALONE), gateway({**ALONE, "psk": "new"}),
            ["phase1 rome:", "  psk: *** (old value)"], ["phase1 rome:", "  psk: *** (new value)"], id="a secret",
        ),
    ],
)  # fmt: skip
def test_objects(*, before: Gateway, after: Gateway, old: list[str], new: list[str]) -> None:
    assert lines(before, after) == (old, new)


def test_drift_is_told_by_its_steps() -> None:
    assert lines(gateway(ALONE), gateway(ALONE), Step("load", "connection", "rome")) == (
        [], ["the host differs from what is wanted, and is mended by:", "  load connection rome"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "shown", "last"), [(200, 200, "... and 50 more objects"), (0, 0, "... and 250 more objects")]
)
def test_beyond_the_limit_objects_are_counted(*, limit: int, shown: int, last: str) -> None:
    many = gateway(*({**ALONE, "name": f"n{number}"} for number in range(250)))
    new = object_diff(NOTHING, many, Plan(), limit=limit)["after"].splitlines()
    assert (len(new), new[-1]) == (shown * len(GIVEN) + 1, last)
    assert object_diff(NOTHING, many, Plan(), limit=250)["after"].splitlines()[-1] == GIVEN[-1]


def test_beyond_the_limit_steps_are_counted() -> None:
    steps = tuple(Step("load", "connection", f"n{number}") for number in range(3))
    shown = object_diff(gateway(ALONE), gateway(ALONE), Plan(steps), limit=2)["after"].splitlines()
    assert shown[1:] == ["  load connection n0", "  load connection n1", "... and 1 more steps"]


def test_no_secret_is_ever_shown() -> None:
    one = parse_gateway(config([{**PARIS, "psk": "qqqq"}, {**ROME, "psk": "wwww"}], [PARIS_LAN], [INTERFACE]))
    two = parse_gateway(config([{**PARIS, "psk": "eeee"}], [PARIS_LAN], [INTERFACE]))
    for before, after in ((NOTHING, one), (one, two), (two, one), (one, NOTHING)):
        shown = str(object_diff(before, after, Plan(), limit=200))
        assert not [secret for secret in ("qqqq", "wwww", "eeee") if secret in shown]
        assert "***" in shown
