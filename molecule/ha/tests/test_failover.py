# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever ends the node that has the shared addresses, the other one takes them, the tunnels and the traffic over."""

from __future__ import annotations

import os

import pytest

NODES = ("berlin", "rome")
ROUNDS = int(os.environ.get("SWANFLEET_FAILOVERS", "1"))
# A computer that starts again takes minutes where it is emulated.
POWER_CUTS = 6
# Seconds; how many addresses the nodes share, and how many packets at least are sent each way in a test.
BACK, SAS_GONE, SHARED, REQUESTS = 6.0, 2.0, 4, 40


def killed(lab, node: str) -> None:
    """Kill keepalived with all its processes, so that it has no moment to put anything away."""
    lab.run(node, ["systemctl", "kill", "--kill-whom=all", "--signal=KILL", "keepalived"])


def cut(lab, node: str) -> None:
    """Pull the cable of the uplink."""
    lab.link(node, "wan0", "down")


@pytest.fixture
def moved(lab, until, settled, others, stream, watching, holder, answering, hardware, figures):
    """Return a function that ends a node's service, awaits that the other has taken over, and notes how long it took.

    Nodes are on and plugged in afterwards, whatever a test has come to.
    """

    def taken_over(traffic, new):
        until("the other node has the addresses", lambda: holder() == new, seconds=30)
        until("traffic is back", traffic.steady, seconds=60)

    def ended(traffic, end, old, new):
        with watching(old) as watch:
            end(lab, old)
            taken_over(traffic, new)
            seen = watch.seen()
        assert len(seen.addresses) >= SHARED, seen.texts
        assert seen.sas, seen.texts
        return max(seen.sas) - min(seen.addresses)

    def fail(name, end, *, heard=True):
        old = settled()
        new = others(old)
        # What both nodes send goes by the same wire.
        with lab.capture(sites=("berlin",)) as capture, stream() as traffic:
            until("traffic before", traffic.steady, seconds=30)
            if heard:
                gone = ended(traffic, end, old, new)
                figures(f"{name}: SAs of the old node gone, after it lost the addresses", gone)
                assert gone <= SAS_GONE
            else:
                end(lab, old)
                taken_over(traffic, new)
        gaps = {path: each.gap for path, each in traffic.answers().items()}
        for path, gap in gaps.items():
            figures(f"{name}: no traffic, {path}", gap)
        assert answering() == hardware(new)
        assert max(gaps.values()) <= BACK, gaps
        assert capture.report.faults() == []
        assert capture.report.clear == 0, capture.report.to_text()
        assert capture.report.esp > 2 * REQUESTS, capture.report.to_text()
        return old, new

    yield fail
    for node in NODES:
        if lab.run(node, ["true"], check=False).returncode != 0:
            lab.start(node)
        lab.link(node, "wan0", "up")


@pytest.fixture
def stays(until, holder, stream, spis):
    """Return a function that shows that addresses, SAs and traffic stay where they are while something returns."""

    def look(returning, new):
        before = spis(new)
        with stream() as traffic:
            returning()
            # Longer than it takes to miss a master, had one been lost.
            until("ten seconds of traffic", traffic.goes_on(200), seconds=60)
        assert holder() == new
        assert spis(new) == before
        assert [each.lost for each in traffic.answers().values()] == [0, 0]

    return look


@pytest.mark.proves("S02", "S41", releases=("12", "13"))
@pytest.mark.parametrize("turn", range(ROUNDS))
def test_the_other_node_takes_over_when_keepalived_is_killed(lab, moved, stays, until, spis, turn):  # noqa: ARG001  # `turn` only has it run again
    old, new = moved("keepalived killed", killed)

    def again():
        argv = ["systemctl", "is-active", "keepalived"]
        until("it runs again", lambda: lab.run(old, argv, check=False).stdout == "active\n", seconds=30)

    stays(again, new)
    assert not spis(old)


@pytest.mark.proves("S02", "S41", releases=("12", "13"))
@pytest.mark.parametrize("turn", range(ROUNDS))
def test_the_other_node_takes_over_when_the_uplink_is_cut(lab, moved, stays, spis, turn):  # noqa: ARG001  # `turn` only has it run again
    old, new = moved("uplink cut", cut)
    assert not spis(old)
    stays(lambda: lab.link(old, "wan0", "up"), new)
    assert not spis(old)


@pytest.mark.proves("S02", "S41", releases=("12", "13"))
@pytest.mark.parametrize("turn", range(min(ROUNDS, POWER_CUTS)))
def test_the_other_node_takes_over_when_the_power_is_cut(lab, moved, stays, spis, turn):  # noqa: ARG001  # `turn` only has it run again
    old, new = moved("power cut", lambda lab, node: lab.stop(node, kill=True), heard=False)
    stays(lambda: lab.start(old), new)
    assert not spis(old)


def test_without_the_guard_the_same_capture_finds_packets(lab, settled, stream, until):
    """The control: what the guard would stop goes another way by a route of somebody else's."""
    node = settled()
    astray = ["10.2.0.10/32", "via", "192.0.2.1", "dev", "wan0"]
    lab.run(node, ["systemctl", "stop", "swanfleet-agent"])
    try:
        lab.run(node, ["nft", "flush", "chain", "inet", "swanfleet", "guard"])
        with lab.capture(sites=("berlin",)) as capture, stream() as traffic:
            until("traffic before", traffic.steady, seconds=30)
            lab.run(node, ["ip", "route", "add", *astray])
            answered = len(traffic.answers()["IPv6, policy-based"].times)
            until(
                "two seconds of traffic",
                lambda: len(traffic.answers()["IPv6, policy-based"].times) >= answered + REQUESTS,
                seconds=60,
            )
            lab.run(node, ["ip", "route", "delete", *astray])
            until("traffic afterwards", traffic.steady, seconds=60)
    finally:
        lab.run(node, ["systemctl", "start", "swanfleet-agent"])
    assert capture.report.faults() == []
    assert capture.report.clear > REQUESTS / 2, capture.report.to_text()
    settled()
