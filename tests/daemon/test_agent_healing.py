# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent puts back what has gone, finds peers that are dead, and does not end by what it cannot do."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.agents import LINES, AgentHost, answer, gateway, two_lines

pytestmark = [pytest.mark.charon, pytest.mark.root]


@pytest.fixture
def host(release: str) -> Iterator[AgentHost]:
    """Return a gateway with two route-based tunnels that are up, and an agent that watches over them."""
    with tempfile.TemporaryDirectory(prefix="swf-", dir="/tmp") as root, two_lines(Path(root), release=release) as made:
        answer(made.there)
        made.apply(gateway({}, hot=True))
        made.start()
        made.awaits(lambda: made.up() == ["lyon", "paris"])
        yield made


def test_what_is_deleted_in_the_kernel_is_put_back(host: AgentHost) -> None:
    whole = host.routes()
    for command in ("link delete dev xparis", "route flush proto 83", "link set xlyon down", "address flush dev xlyon"):
        host.here.inside("ip", *command.split())
        host.awaits(lambda: host.routes() == whole)
    assert "10.255.1.1/30" in host.here.inside("ip", "address", "show", "dev", "xlyon")


def test_a_connection_that_somebody_unloads_is_loaded_again(host: AgentHost) -> None:
    with host.here.client() as charon:
        charon.unload_connection("lyon")
        host.ask_to_look()
        host.awaits(lambda: "lyon" in charon.connection_names())


def test_a_charon_that_crashed_has_its_tunnels_again(host: AgentHost) -> None:
    host.here.kill()
    host.here.start()
    host.awaits(lambda: host.up() == ["lyon", "paris"], timeout=40)


def test_what_cannot_be_done_is_told_once_and_done_when_it_can_be(host: AgentHost) -> None:
    host.here.inside("ip", "link", "delete", "dev", "xparis")
    host.here.inside("ip", "link", "add", "dev", "xparis", "type", "bridge")
    host.ask_to_look()
    host.awaits(lambda: "that is not ours" in host.said() or "no XFRM interface" in host.said())
    said = host.said().count("xfrm_interface xparis")
    # Nothing to await: that it tries again, and does not say so again.
    time.sleep(4)
    assert host.said().count("xfrm_interface xparis") == said
    host.here.inside("ip", "link", "delete", "dev", "xparis")
    host.awaits(lambda: "what could not be put in place before is in place now" in host.said(), timeout=40)
    assert host.way() == "xparis"


def test_there_is_only_one_agent(host: AgentHost) -> None:
    said = host.run("agent", status=1)
    assert "swanfleet agent, since" in said
    assert "holds" in said


def test_it_ends_when_it_is_asked_to_and_leaves_tunnels_as_they_are(host: AgentHost) -> None:
    before = host.spis(), host.routes()
    host.stop()
    assert (host.spis(), host.routes()) == before


def test_a_state_that_makes_no_sense_is_begun_anew(host: AgentHost) -> None:
    host.stop()
    for name in ("run/swanfleet/agent.json", "run/swanfleet/roles.json", "var/lib/swanfleet/overrides.json"):
        (host.root / name).write_bytes(b"\xff{]")
    host.start()
    host.awaits(lambda: host.in_use() == "paris")
    assert host.up() == ["lyon", "paris"]


@each_release.EACH
@pytest.mark.parametrize("action", ["restart", "none", "on_demand"])
@pytest.mark.proves("S30", option="phase1.dpd")
def test_a_silent_peer_is_dead_within_delay_and_timeout_with_ikev2(release: str, action: str) -> None:
    delay, timeout = 2, 6
    dpd = {"enabled": True, "delay": delay, "timeout": timeout, "action": action}
    with tempfile.TemporaryDirectory(prefix="swf-", dir="/tmp") as root, two_lines(Path(root), release=release) as host:
        answer(host.there)
        host.apply(gateway(None, dpd=dpd, init_type="start" if action == "restart" else None))
        host.start()
        host.awaits(lambda: "paris" in host.up())
        host.there.freeze()
        began = time.time()
        try:
            kind = {"restart": "restart", "none": "terminate", "on_demand": "trap"}[action]
            host.awaits(lambda: [kind] == [each["kind"] for each in host.explained("paris")], timeout=40)
            # Asking for it takes a while, where others have the processors.
            took = host.explained("paris")[0]["at"] - began
            assert timeout - delay - 2 < took < delay + timeout + 2
        finally:
            host.there.thaw()
        if action == "restart":
            host.awaits(lambda: "paris" in host.up())


@each_release.EACH
@pytest.mark.parametrize("what", [{"ike": "paris"}, {"child": "lan"}])
def test_a_peer_that_falls_silent_while_keys_are_renewed_is_dead_as_soon(release: str, what: dict[str, Any]) -> None:
    """charon repeats that request for 165 s, and sends no check meanwhile."""
    delay, timeout = 5, 6
    dpd = {"enabled": True, "delay": delay, "timeout": timeout, "action": "none"}
    with tempfile.TemporaryDirectory(prefix="swf-", dir="/tmp") as root, two_lines(Path(root), release=release) as host:
        answer(host.there)
        host.apply(gateway(None, dpd=dpd, init_type="start"))
        host.start()
        host.awaits(lambda: "paris" in host.up())
        # A sign of life: for `delay` seconds from now charon sends no check, which would be what is not answered.
        before = host.spis()["paris"]
        with host.here.client() as charon:
            charon.rekey(ike="paris", child="lan")
        host.awaits(lambda: len(host.spis()["paris"]) == 1 and host.spis()["paris"] != before)
        host.cut("paris")
        began = time.time()
        with host.here.client() as charon:
            charon.rekey(**what)
        host.awaits(lambda: [each["kind"] for each in host.explained("paris")] == ["terminate"], timeout=40)
        [decided] = host.explained("paris")
        assert timeout - 1 < decided["at"] - began < delay + timeout + 2
        assert "has not answered a request for 6 s" in decided["reason"]


def test_a_generation_that_cannot_be_read_forgets_nothing(host: AgentHost) -> None:
    objects = (
        host.root / f"var/lib/swanfleet/generations/{(host.root / 'var/lib/swanfleet/generations/current').readlink()}"
    )
    host.stop()
    kept = (objects / "objects.json").read_bytes()
    (host.root / "run/swanfleet/roles.json").write_text('{"site": "lyon"}')
    (host.root / "run/swanfleet/agent.json").unlink()
    (objects / "objects.json").write_bytes(b"{")
    host.start()
    host.awaits(lambda: "is no valid JSON" in host.said())
    (objects / "objects.json").write_bytes(kept)
    host.ask_to_look()
    host.awaits(lambda: host.way() == "xlyon")
    assert host.in_use() == "lyon"


def test_signals_are_no_end(host: AgentHost) -> None:
    assert host.agent is not None
    for _number in range(3):
        os.kill(host.agent.pid, signal.SIGHUP)
    host.awaits(lambda: host.agent is not None and host.agent.poll() is None and host.up() == ["lyon", "paris"])


@each_release.EACH
@pytest.mark.parametrize("starts", [True, False])
@pytest.mark.proves("S24", option="phase1.rekey")
def test_an_ike_sa_that_nobody_renews_ends_after_its_lifetime(release: str, *, starts: bool) -> None:
    """The shortest lifetime that there is; of two tunnels the peer renews one, in time."""
    with tempfile.TemporaryDirectory(prefix="swf-", dir="/tmp") as root, two_lines(Path(root), release=release) as host:
        answer(host.there)
        host.apply(gateway(None, rekey=False, lifetime=60, init_type="start" if starts else "none"))
        if not starts:
            with host.here.client() as charon:
                for name in LINES:
                    charon.initiate(ike=name, child="lan", timeout_ms=5000)
        host.start()
        host.awaits(lambda: host.up() == ["lyon", "paris"])
        began, before = time.monotonic() - host.age("paris"), dict(host.ike_sas())
        # The peer renews the other one in the middle of its time.
        host.awaits(lambda: host.age("lyon") >= 30, timeout=40)
        with host.there.client() as peer:
            assert peer.rekey(ike="lyon") == 1
        host.awaits(lambda: dict(host.ike_sas()).get("paris") != before["paris"], timeout=50)
        # charon tells ages in whole seconds.
        assert 57 < time.monotonic() - began < 66
        kind = "restart" if starts else "end"
        assert [each["kind"] for each in host.explained("paris")] == [kind]
        assert host.explained("lyon") == []
        host.awaits(lambda: host.up() == (["lyon", "paris"] if starts else ["lyon"]))
