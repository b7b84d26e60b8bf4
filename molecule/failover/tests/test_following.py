# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A link that follows its two tunnels, and the routes through it: they come and go with them, whatever else happens."""

from __future__ import annotations

import json
import time

import pytest

LINK = "ipsec-follow"
# By phase 1: from a host of Berlin's to one of Paris'.
FOLLOWERS = {"follow": ("10.1.0.162", "10.2.0.162"), "follow-2": ("10.1.0.178", "10.2.0.178")}
NETWORKS = ["10.2.0.160/28", "10.2.0.176/28"]
# Seconds: the full look that the program takes anyway may be half a minute away.
LONGEST = 15.0

proves = pytest.mark.proves("S11", option="xfrm_interface.link_state", releases=("12",))


@pytest.fixture
def link(lab):
    """Return a function that tells whether Berlin's link is up, and which networks are reached by it; None without it."""

    def look():
        line = f"ip -j link show dev {LINK} && echo == && ip -j route show dev {LINK} proto 83"
        shown, both, routes = lab.run("berlin", ["sh", "-c", line], check=False).stdout.partition("==")
        if not both or not routes.strip():
            return None
        [shown], routes = json.loads(shown), json.loads(routes)
        return "UP" in shown["flags"], sorted(route["dst"] for route in routes)

    return look


@pytest.fixture
def initiate(lab):
    """Return a function that sets a tunnel up from Berlin."""

    def begin(name):
        lab.run("berlin", ["swanctl", "--initiate", "--ike", name, "--child", "lan", "--timeout", "30"], timeout=60)

    return begin


@pytest.fixture
def terminate(lab):
    """Return a function that ends a tunnel from Berlin, if it is there."""

    def end(name):
        lab.run("berlin", ["swanctl", "--terminate", "--ike", name, "--timeout", "30"], timeout=60, check=False)

    return end


@pytest.fixture
def up(link):
    """Return a condition: the link is up, and so are the routes through it."""
    return lambda: link() == (True, NETWORKS)


@pytest.fixture
def down(link):
    """Return a condition: the link is there and down, and no route leads by it."""
    return lambda: link() == (False, [])


@pytest.fixture(autouse=True)
def as_it_was(settled, until, terminate, down):
    """Begin and end with the link down and the other tunnels used."""
    settled()
    until("nothing is up, and so the link is not", down, seconds=60)
    yield
    for name in FOLLOWERS:
        terminate(name)
    until("nothing is up any more", down, seconds=60)
    settled()


@pytest.fixture
def timed(until, figures):
    """Return a function that awaits a condition, and says that it came to be so in time."""

    def wait(what, condition):
        began = time.monotonic()
        until(what, condition, seconds=60)
        took = time.monotonic() - began
        figures(what, took)
        assert took <= LONGEST

    return wait


@proves
def test_link_and_routes_come_and_go_with_the_tunnel(initiate, terminate, stream, until, timed, up, down):
    initiate("follow")
    timed("follow: tunnel up to link and routes", up)
    with stream({"follow": FOLLOWERS["follow"]}) as traffic:
        until("traffic passes", traffic.steady, seconds=60)
    terminate("follow")
    timed("follow: tunnel gone to link down", down)


@proves
def test_the_last_of_two_tunnels_takes_the_link_down(initiate, terminate, stream, until, timed, up, down):
    for name in FOLLOWERS:
        initiate(name)
    timed("follow: two tunnels up to link and routes", up)
    with stream(FOLLOWERS) as both:
        until("traffic by both", both.steady, seconds=60)
    with stream({"follow-2": FOLLOWERS["follow-2"]}) as traffic:
        until("traffic before", traffic.steady, seconds=60)
        terminate("follow")
        # As long as the program may take to find out.
        until("traffic by the other one goes on", traffic.goes_on(100), seconds=120)
        assert up()
    assert traffic.answers()["follow-2"].lost == 0
    terminate("follow-2")
    timed("follow: the last of two gone to link down", down)


@proves
def test_a_deleted_link_comes_back_up_while_its_tunnel_is(lab, initiate, stream, until, timed, spis, up):
    initiate("follow")
    timed("follow: tunnel up to link and routes", up)
    before = spis("berlin")
    lab.run("berlin", ["ip", "link", "delete", LINK])
    timed("follow: link deleted to link and routes", up)
    with stream({"follow": FOLLOWERS["follow"]}) as traffic:
        until("traffic passes", traffic.steady, seconds=60)
    assert before <= spis("berlin")


@proves
def test_after_a_restart_of_the_daemon_the_link_waits_for_its_tunnel(
    lab, initiate, stream, settled, until, timed, up, down
):
    initiate("follow")
    timed("follow: tunnel up to link and routes", up)
    lab.run("berlin", ["systemctl", "restart", "strongswan"], timeout=120)
    timed("follow: charon restarted to link down", down)
    settled()
    assert down()
    initiate("follow")
    timed("follow: tunnel up to link and routes", up)
    with stream({"follow": FOLLOWERS["follow"]}) as traffic:
        until("traffic passes", traffic.steady, seconds=60)


@pytest.fixture
def networkd(lab):
    """Return a function that starts networkd anew, which the lab's gateways otherwise do without."""

    def restart():
        lab.run("berlin", ["sh", "-c", "systemctl unmask -q systemd-networkd && systemctl restart systemd-networkd"])

    yield restart
    lab.run("berlin", ["sh", "-c", "systemctl stop systemd-networkd; systemctl mask -q systemd-networkd"])


@proves
@pytest.mark.parametrize("is_up", [True, False], ids=["up", "down"])
def test_a_restart_of_networkd_changes_nothing(networkd, initiate, stream, until, timed, link, spis, up, is_up):
    if is_up:
        initiate("follow")
        timed("follow: tunnel up to link and routes", up)
    way = {"follow": FOLLOWERS["follow"]} if is_up else {"fast": ("10.1.0.66", "10.2.0.66")}
    before = link(), spis("berlin")
    with stream(way) as traffic:
        until("traffic before", traffic.steady, seconds=60)
        networkd()
        until("some seconds of traffic", traffic.goes_on(100), seconds=120)
    assert link() == before[0]
    assert before[1] <= spis("berlin")


@proves
def test_a_trap_has_the_link_up_and_gets_its_packets_by_it(lab, stream, until, up):
    lab.run("berlin", ["swanctl", "--install", "--ike", "follow", "--child", "lan"])
    try:
        # charon tells nobody of a trap; the next full look would find it as well.
        lab.run("berlin", ["systemctl", "reload", "swanfleet-agent"])
        until("the link is up for the trap", up, seconds=60)
        with stream({"follow": FOLLOWERS["follow"]}) as traffic:
            until("traffic sets the tunnel up", traffic.steady, seconds=60)
    finally:
        lab.run("berlin", ["swanctl", "--uninstall", "--ike", "follow", "--child", "lan"])
