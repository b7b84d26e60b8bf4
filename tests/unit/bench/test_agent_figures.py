# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A figure of the agent that is beyond its bound fails the measurement, and says which it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.bench.agent_figures import BOUNDS, main, summary

Figures = dict[str, Any]


def measured(name: str, factor: float, *, of: str = "") -> Figures:
    """Return figures at so much of their bounds, or one of them."""
    bounds = {what: bound * (factor if of in ("", what) else 0.1) for what, bound in BOUNDS[name].items()}
    if name in ("many", "idle"):
        return bounds
    # One of thirty is the slow one.
    return {what: summary([bound / 2] * 29 + [bound]) for what, bound in bounds.items()}


def run(tmp_path: Path, figures: dict[str, Figures]) -> int:
    known: dict[str, Callable[[], Figures]] = {name: partial(dict, each) for name, each in figures.items()}
    return main([], tmp_path / "results", known)


def test_figures_within_their_bounds_are_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(tmp_path, {**{name: measured(name, 0.99) for name in BOUNDS}, "noise": {"10 ms late by": {"max": 9.0}}})
        == 0
    )
    assert capsys.readouterr().err == ""
    assert json.loads((tmp_path / "results/agent.json").read_text()).keys() == {*BOUNDS, "noise"}


@pytest.mark.parametrize(("name", "what"), [(name, what) for name, bounds in BOUNDS.items() for what in bounds])
def test_one_beyond_its_bound_fails_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, what: str
) -> None:
    figures = {each: measured(each, 0.5) for each in BOUNDS}
    assert run(tmp_path, {**figures, name: measured(name, 1.01, of=what)}) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert told[0].startswith(f"{name}: {what} is ")
    assert told[0].endswith(f"and {BOUNDS[name][what]:g} is the bound")
    # All others are measured all the same.
    assert json.loads((tmp_path / "results/agent.json").read_text()).keys() == BOUNDS.keys()


def test_what_nobody_measures_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["warm"], tmp_path) == 2
    assert "hot-100ms hot-1s cold-100ms cold-1s many idle noise" in capsys.readouterr().err
