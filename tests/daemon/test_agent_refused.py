# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tunnel that this end sets up comes up when its peer no longer refuses it, although charon itself tries no more."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.agents import LINES, AgentHost, answer, gateway, two_lines

pytestmark = [pytest.mark.charon, pytest.mark.root]
# Seconds: the first repetition comes after 10 at most a quarter later, and the second after twice that.
AGAIN, SECOND = 12.5, 25.0


def sas(host: AgentHost) -> list[str]:
    """Return the tunnels of which charon has anything."""
    with host.here.client() as charon:
        return sorted(name for name, _tree in charon.sas())


@each_release.EACH
@pytest.mark.parametrize("first", ["tunnel", "agent"])
def test_who_was_refused_comes_up_when_the_peer_is_ready(release: str, first: str) -> None:
    """The peer knows nothing of the tunnels yet, and refuses; it does not matter who was there first."""
    with tempfile.TemporaryDirectory(prefix="swf-", dir="/tmp") as root, two_lines(Path(root), release=release) as host:
        if first == "agent":
            host.start()
        host.apply(gateway(None, init_type="start"))
        if first == "tunnel":
            host.awaits(lambda: sas(host) == [])
            host.start()
        host.awaits(lambda: len(host.explained("paris")) == 1)
        # It is explained when it begins; the peer may not have said no yet.
        host.awaits(lambda: sas(host) == [])
        answer(host.there)
        began = time.monotonic()
        host.awaits(lambda: host.up() == sorted(LINES), timeout=SECOND + 5)
        assert time.monotonic() - began < SECOND + 2
        told = host.explained("paris")
        assert {each["kind"] for each in told} == {"initiate"}
        assert "an attempt to set it up has failed" in told[0]["reason"]


@each_release.EACH
def test_what_people_have_ended_is_left_alone(release: str) -> None:
    """Nobody was setting it up when it ended, so that nothing was refused."""
    with tempfile.TemporaryDirectory(prefix="swf-", dir="/tmp") as root, two_lines(Path(root), release=release) as host:
        answer(host.there)
        host.apply(gateway(None, init_type="start"))
        host.start()
        host.awaits(lambda: host.up() == sorted(LINES))
        # What is down when the agent begins to listen shall come up.
        time.sleep(2.5)  # it looks each second, and tells nobody that it has
        before = host.spis()
        with host.here.client() as charon:
            charon.terminate(ike="paris", timeout_ms=5000)
        host.awaits(lambda: host.up() == ["lyon"])
        host.ask_to_look()
        time.sleep(AGAIN + 2)  # nothing tells that nothing happens: a repetition would have come by then
        assert (host.up(), host.explained("paris")) == (["lyon"], [])
        assert host.spis()["lyon"] == before["lyon"]
