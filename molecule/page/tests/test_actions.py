# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tunnel on demand never lets a packet out unencrypted, and the same look finds packets when it is not there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

PACKETS, TEARS = 1000, 20


# Tears the SA down when it is up, until that has happened $1 times.
TEAR = """
torn=0
while [ $torn -lt $1 ]; do
    swanctl --list-sas --ike demand | grep -q INSTALLED && swanctl --terminate --ike demand --force >/dev/null 2>&1 &&
        torn=$((torn + 1))
    sleep 0.5
done
"""


@pytest.mark.proves("S10", option="phase1.init_type", releases=("12", "13"))
def test_on_demand_nothing_leaves_in_the_clear_while_the_sa_is_torn_down(lab, traffic):
    sent = answered = 0
    with lab.capture(sites=("berlin", "paris")) as capture, ThreadPoolExecutor(1) as pool:
        tearing = pool.submit(lab.run, "berlin", ["sh", "-c", TEAR, "tear", str(TEARS)], timeout=240)
        while not tearing.done() or sent < PACKETS:
            batch = traffic("lan-berlin", "10.1.0.26", "10.2.0.26", 200, interval="0.05")
            sent, answered = sent + batch.sent, answered + batch.answered
        tearing.result()
    print(f"{sent} sent, {answered} answered", capture.report.to_text(), sep="\n")
    capture.report.require(expected={"berlin": answered, "paris": answered})
    assert capture.report.clear == 0, capture.report.to_text()
    # The tunnel came back again and again by itself: otherwise there was nothing to be protected.
    assert answered > sent // 4


def test_the_same_look_finds_them_without_encryption(lab, traffic):
    lab.run("berlin", ["swanctl", "--uninstall", "--ike", "demand", "--child", "lan"])
    lab.run("berlin", ["swanctl", "--terminate", "--ike", "demand", "--force"], check=False)
    try:
        with lab.capture(sites=("berlin",)) as capture:
            assert traffic("lan-berlin", "10.1.0.26", "10.2.0.26", 100).answered == 0
        assert capture.report.clear >= 100, capture.report.to_text()
    finally:
        lab.run("berlin", ["swanctl", "--install", "--ike", "demand", "--child", "lan"])
