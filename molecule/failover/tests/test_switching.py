# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The uplink of all primaries is cut without a trace: how long no traffic passes, and that the return costs none.

Nothing leaves in the clear meanwhile; test_healing.py has the control.

A switch takes as long as its failure may take to be noticed, and what follows. The lab's own noise is in the figures; how much
that is shows the longest time between two answers while nothing happens. An emulated computer takes its time for what follows;
how much longer than this one is measured.
"""

from __future__ import annotations

import os

import pytest

ROUNDS = int(os.environ.get("SWANFLEET_FAILOVERS", "1"))
# Seconds until a failure is known, at most: checks of 100 ms x 3, and of 1 s x 3.
KNOWN = {"fast": 0.4, "second": 4.0, "cold": 4.0}
# Seconds for what follows, on a computer that is not emulated: routes move, or a tunnel is set up.
SWITCHED = {"fast": 0.3, "second": 0.5, "cold": 2.5}
HOT = ("fast", "second")


@pytest.fixture(scope="module")
def noise(settled, stream, until, figures):
    """Return the longest time between two answers while nothing happens, by fallback, beyond that between two requests."""
    settled()
    with stream() as traffic:
        until("half a minute of traffic", traffic.goes_on(600), seconds=120)
    found = {name: each.gap - 0.05 for name, each in traffic.answers().items()}
    for name, each in found.items():
        figures(f"{name}: nothing happens, longest time between two answers", each)
    return found


@pytest.fixture
def cut(lab, until, stream, in_use, figures):
    """Return a function that cuts the first uplink, awaits the switch, and returns how long no traffic passed."""

    def away():
        with stream() as traffic:
            until("traffic before", traffic.steady, seconds=60)
            lab.link("berlin", "wan0", "silent")
            until("the others are used", lambda: in_use("2"), seconds=60)
            until("traffic is back", traffic.steady, seconds=60)
        gaps = {name: each.gap for name, each in traffic.answers().items()}
        for name, gap in gaps.items():
            figures(f"{name}: primary cut, no traffic", gap)
        return gaps

    return away


@pytest.fixture
def back(lab, until, stream, in_use):
    """Return a function that mends the uplink, awaits that the primaries are used again, and returns how many packets were lost."""

    def home():
        with stream() as traffic:
            until("traffic before", traffic.steady, seconds=60)
            lab.link("berlin", "wan0", "up")
            until("the primaries are used", lambda: in_use("1"), seconds=90)
            until("traffic afterwards", traffic.goes_on(40), seconds=60)
        return {name: each.lost for name, each in traffic.answers().items()}

    yield home
    lab.link("berlin", "wan0", "up")


@pytest.mark.proves("S32", "S33", "S34", "S35", releases=("12", "13"))
@pytest.mark.proves("S40", releases=("12", "13"))
@pytest.mark.parametrize("turn", range(ROUNDS))
def test_traffic_goes_another_way_and_returns(lab, settled, cut, back, noise, slowness, figures, turn):  # noqa: ARG001  # `turn` only has it run again
    settled()
    with lab.capture(sites=("berlin", "paris")) as capture:
        gaps = cut()
        lost = back()
    print(gaps, lost)
    assert capture.report.faults() == []
    assert capture.report.clear == 0, capture.report.to_text()
    assert capture.report.esp > 1000, capture.report.to_text()
    figures("cold: return, lost packets of 20 a second", lost["cold"])
    assert {name: lost[name] for name in HOT} == dict.fromkeys(HOT, 0)
    longest = {name: KNOWN[name] + noise[name] + SWITCHED[name] * slowness for name in gaps}
    assert {name: gap for name, gap in gaps.items() if gap > longest[name]} == {}, longest
