# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is killed or deleted under traffic is put back, without harm to anything else, and nothing leaves in the clear."""

from __future__ import annotations

import os
import random
import re
import time

import pytest

KILLS = int(os.environ.get("SWANFLEET_HARMS", "5"))
# Seconds: the next full look, and what it does where a computer is not emulated.
LOOK, DONE = 30.0, 5.0
HARMS = {
    "agent killed": "systemctl kill --signal=KILL swanfleet-agent",
    "charon killed": "systemctl kill --signal=KILL strongswan",
    "link deleted": "ip link delete ipsec-fast",
    "link down": "ip link set ipsec-second down",
    "route deleted": "ip route delete 10.2.0.80/28 dev ipsec-second",
    "uplink's rule deleted": "ip rule delete from 203.0.113.2 lookup 8300",
    "all rules flushed": "nft flush ruleset",
    "guard deleted": "nft delete table inet swanfleet",
    "agent killed, link deleted": "systemctl kill --signal=KILL swanfleet-agent; ip link delete ipsec-second2",
    "agent killed, rules flushed": "systemctl kill --signal=KILL swanfleet-agent; nft flush ruleset",
    "charon and agent killed": "systemctl kill --signal=KILL strongswan swanfleet-agent",
}


def drawn(number):
    """Return harms in random order, each as often as the others."""
    chance = random.Random(20)  # noqa: S311  # the same order every time
    rounds = (chance.sample(sorted(HARMS), len(HARMS)) for _round in range(number // len(HARMS) + 1))
    return [name for each in rounds for name in each][:number]


@pytest.fixture(scope="module")
def whole(settled, consists_of):
    """Return what the gateway consists of while all is well."""
    settled()
    found = consists_of("berlin")
    assert found["agent"] == ["active", "active"]
    assert min(map(len, found.values())) > 1, found
    return found


@pytest.fixture(scope="module")
def held(lab):
    """Return a function that tells the SPIs of the SAs that Berlin's charon has."""

    def look():
        told = lab.run("berlin", ["swanctl", "--list-sas", "--raw"]).stdout
        return {f"0x{each}" for each in re.findall(r"spi-(?:in|out)=([0-9a-f]{8})", told)}

    return look


@pytest.fixture
def mended(until, consists_of, whole):
    """Return a function that awaits that the gateway is whole again, and returns how long that took."""

    def lacking(now):
        # A tunnel that its peer had refused comes up when charon begins anew.
        return now != {**whole, "tunnels": now["tunnels"]} or not set(whole["tunnels"]) <= set(now["tunnels"])

    def wait(what):
        began = time.monotonic()
        until(what, lambda: not lacking(consists_of("berlin")), seconds=4 * LOOK)
        return time.monotonic() - began

    return wait


def test_what_is_killed_or_deleted_is_put_back(lab, settled, stream, until, spis, held, mended, slowness, figures):
    longest = LOOK + max(DONE, slowness)
    with lab.capture(sites=("berlin",)) as capture, stream() as traffic:
        for harm in drawn(KILLS):
            # The kernel has those as well that wait for charon, after it was killed, and go soon.
            before = spis("berlin") & held()
            assert before
            until("traffic before", traffic.steady, seconds=60)
            lab.run("berlin", ["sh", "-c", HARMS[harm]])
            took = mended(harm)
            figures(f"{harm}: all as before", took)
            assert took <= longest, harm
            assert "charon" in harm or before <= spis("berlin"), harm
    settled()
    assert capture.report.faults() == []
    assert capture.report.clear == 0, capture.report.to_text()
    assert capture.report.esp > 100 * KILLS, capture.report.to_text()


def test_what_a_killed_charon_leaves_in_the_kernel_goes_before_the_next_one_comes(
    lab, settled, spis, held, until, mended
):
    """It would know nothing of these SAs, and what traffic is to set up would send by one of them as long as that lives."""

    settled()
    before = spis("berlin")
    lab.run("berlin", ["sh", "-c", HARMS["charon killed"]])
    mended("charon is back")
    # One that waits for charon's answer goes by itself.
    until("no SA but charon's", lambda: held() and spis("berlin") <= held(), seconds=15)
    assert before.isdisjoint(spis("berlin"))


def test_without_agent_and_guard_the_same_capture_finds_packets(lab, settled, stream, until, mended):
    settled()
    lab.run("berlin", ["systemctl", "stop", "swanfleet-agent"])
    try:
        lab.run("berlin", ["nft", "flush", "ruleset"])
        with lab.capture(sites=("berlin",)) as capture, stream() as traffic:
            until("traffic before", traffic.steady, seconds=60)
            lab.run("berlin", ["ip", "route", "add", "10.2.0.66/32", "via", "192.0.2.1", "dev", "wan0"])
            others = traffic.goes_on(40)
            lab.run("berlin", ["ip", "route", "delete", "10.2.0.66/32"])
            until("traffic by the others", others, seconds=60)
    finally:
        lab.run("berlin", ["systemctl", "start", "swanfleet-agent"])
    assert capture.report.faults() == []
    assert capture.report.clear > 0, capture.report.to_text()
    mended("the agent is back")
