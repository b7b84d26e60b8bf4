# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""charon tells of every way in which a tunnel comes and goes, so that its link follows at once; of a rekeying no link moves."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.following import Following
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon_news import CHANGED, ViciNews
from ansible_collections.swanfleet.ipsec.tests.daemon import charon_process, each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.test_charon_news import connection
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, config

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]
Ends = tuple[CharonProcess, CharonProcess]


def gateway(state: str) -> Gateway:
    """Return the tunnel's objects, as far as they matter to its link."""
    tunnel = {**PARIS, "name": "t", "init_type": "none", "xfrm_interface": "x"}
    return parse_gateway(config([tunnel], [{**PARIS_LAN, "phase1": "t"}], [{"name": "x", "link_state": state}]))


@pytest.fixture
def ends(release: str) -> Iterator[Ends]:
    """Return two charons that know each other."""
    with charon_process.wired(release=release) as pair:
        for number, process in enumerate(pair, start=1):
            with process.client() as charon:
                charon.load_shared(id="any", kind="ike", owners=[], data=b"s3cret")
                charon.load_connection("t", connection(number))
        yield pair


@pytest.fixture
def news(ends: Ends) -> Iterator[ViciNews]:
    """Return what listens to the first charon."""
    listening = ViciNews(ends[0].uri)
    listening.heard()
    yield listening
    listening.stop()


def heard(news: ViciNews, following: Following) -> list[str]:
    """Wait a moment for news, and hand them on as the agent does; returns of which tunnels they are."""
    descriptor = news.descriptor()
    if descriptor is not None:
        select.select([descriptor], [], [], 0.2)
    found = [each.connection for each in news.heard() if each.kind == CHANGED]
    for name in found:
        following.heard(name)
    return found


def moves(news: ViciNews, following: Following) -> Callable[[], bool]:
    """Return a condition: news have come by which the link is to be another than before."""

    def moved() -> bool:
        heard(news, following)
        return following.moved()

    return moved


@pytest.mark.parametrize("state", ["follow", "sa"])
def test_a_link_moves_with_its_tunnel_whoever_sets_it_up_and_ends_it(ends: Ends, news: ViciNews, state: str) -> None:
    with ends[0].client() as here, ends[1].client() as there:
        following = Following(here)
        following.read(gateway(state))
        assert following.moved()
        moved = moves(news, following)
        for begins, finishes in ((here, here), (there, there), (here, there)):
            begins.initiate(ike="t", child="lan", timeout_ms=5000)
            assert awaited(moved), "set up"
            finishes.terminate(ike="t", timeout_ms=5000)
            assert awaited(moved), "ended"
        assert here.sas() == []


def test_a_rekeying_moves_nothing(ends: Ends, news: ViciNews) -> None:
    with ends[0].client() as here:
        following = Following(here)
        following.read(gateway("sa"))
        here.initiate(ike="t", child="lan", timeout_ms=5000)
        moved = moves(news, following)
        assert awaited(moved)
        before = {child["uniqueid"] for _name, sa in here.sas() for child in sa["child-sas"].values()}
        here.rekey(ike="t", child="lan")

        def renewed() -> bool:
            now = {child["uniqueid"] for _name, sa in here.sas() for child in sa["child-sas"].values()}
            assert not moved()
            return not now & before

        assert awaited(renewed)


def test_a_trap_holds_a_link_that_follows_and_no_other(ends: Ends) -> None:
    with ends[0].client() as here:
        for state, holds in {"follow": True, "sa": False}.items():
            following = Following(here)
            following.read(gateway(state))
            assert following.moved()
            here.install(ike="t", child="lan")
            following.heard("t")
            assert following.moved() is holds
            here.uninstall(ike="t", child="lan")
            following.heard("t")
            assert following.moved() is holds
