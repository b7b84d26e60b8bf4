# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default route moves to the other uplink: a tunnel that shall follow does, and no refresh of a route disturbs it."""

from __future__ import annotations

import os
import re

import pytest

ROUNDS = min(int(os.environ.get("SWANFLEET_FAILOVERS", "1")), 20)
WAY = {"roam": ("10.1.0.114", "10.2.0.114")}
BY_FIRST, BY_SECOND = "default via 192.0.2.1 dev wan0", "default via 203.0.113.1 dev wan1"
ADDRESSES = {BY_FIRST: "192.0.2.2", BY_SECOND: "203.0.113.2"}
# Seconds.
LONGEST = 5.0


@pytest.fixture
def route(lab):
    """Return a function that sets Berlin's default route, and have it as it was afterwards."""

    def change(line):
        lab.run("berlin", ["ip", "route", "replace", *line.split()])

    yield change
    change(BY_FIRST)


@pytest.fixture
def roams(lab):
    """Return a function that tells from which address Berlin's tunnel is up, and by which SPIs."""

    def look():
        told = lab.run("berlin", ["swanctl", "--list-sas", "--ike", "roam"]).stdout
        ends = re.findall(r"^ +local +'.*' @ (\S+)\[", told, re.MULTILINE)
        return ends, re.findall(r"^ +(?:in|out) +([0-9a-f]+)", told, re.MULTILINE)

    return look


@pytest.mark.proves("S37", releases=("12",))
@pytest.mark.parametrize("turn", range(ROUNDS))
def test_the_tunnel_follows_the_default_route(lab, route, roams, stream, until, figures, turn):  # noqa: ARG001  # `turn` only has it run again
    for before, line in ((BY_FIRST, BY_SECOND), (BY_SECOND, BY_FIRST)):
        with stream(WAY) as traffic:
            until("traffic before", traffic.steady, seconds=60)
            assert roams()[0] == [ADDRESSES[before]]
            route(line)
            until("it is up by the other one", lambda line=line: roams()[0] == [ADDRESSES[line]], seconds=60)
            until("traffic is back", traffic.steady, seconds=60)
        gap = traffic.answers()["roam"].gap
        figures("the default route moves, no traffic", gap)
        assert gap <= LONGEST


def test_a_hundred_refreshes_of_the_route_change_nothing(lab, roams, stream, until):
    refreshed = f"for n in $(seq 100); do ip route replace {BY_FIRST} mtu $((1400 + n % 2 * 100)); done"
    with stream(WAY) as traffic:
        until("traffic before", traffic.steady, seconds=60)
        before = roams()
        assert before[0] == [ADDRESSES[BY_FIRST]]
        lab.run("berlin", ["sh", "-c", refreshed], timeout=120)
        # A change counts once it has lasted for a second.
        until("five seconds of traffic", traffic.goes_on(100), seconds=60)
    assert roams() == before
    assert traffic.answers()["roam"].lost == 0
