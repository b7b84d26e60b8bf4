# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tunnel does when its peer closes it, is silent, or may not be called."""

from __future__ import annotations

import time

import pytest


@pytest.mark.proves("S26", option="phase1.close_action", releases=("12", "13"))
def test_a_tunnel_that_the_peer_closes_is_connected_again(lab, sas, initiate, until):
    initiate("close")
    before = {spi for sa in sas("berlin", "close") for spi in sa.spis}
    lab.run("paris", ["swanctl", "--terminate", "--ike", "close", "--child", "lan"])
    until(
        "another CHILD_SA",
        lambda: {spi for sa in sas("berlin", "close") for spi in sa.spis} - before,
        seconds=60,
    )


@pytest.mark.proves("S25", option="phase1.responder_only", releases=("13",))
def test_who_only_answers_never_begins(traffic, sas, initiate):
    assert traffic("lan-paris", "10.2.0.18", "10.1.0.18", 10).answered == 0
    assert sas("paris", "answers") == []
    initiate("answers")
    assert traffic("lan-paris", "10.2.0.18", "10.1.0.18", 10).answered == 10


@pytest.mark.proves("S30", "S31", key="connections.<conn>.dpd_timeout", option="phase1.dpd", releases=("12",))
def test_a_peer_whose_daemon_is_stopped_is_found_dead(lab, sas, initiate, until):
    initiate("main")
    (before,) = [sa for sa in sas("berlin", "main") if sa.spis]
    lab.run("paris", ["sh", "-c", "kill -STOP $(pidof charon-systemd)"])
    try:
        began = time.monotonic()
        until(
            "the dead SA is gone", lambda: before.number not in [sa.number for sa in sas("berlin", "main")], seconds=60
        )
        took = time.monotonic() - began
    finally:
        lab.run("paris", ["sh", "-c", "kill -CONT $(pidof charon-systemd)"])
    print(f"found dead after {took:.1f} s")
    # Delay and timeout are 13 seconds together; what is more is the emulation's.
    assert took < 30
    until("it is connected again", lambda: [sa for sa in sas("berlin", "main") if sa.spis], seconds=90)
