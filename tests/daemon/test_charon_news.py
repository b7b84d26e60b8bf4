# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon tells by itself: the words of its log that the agent goes by are those of each release."""

from __future__ import annotations

import select
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon_news import (
    CAME,
    CHANGED,
    CHECKED,
    GAVE_UP,
    HEARD,
    WENT,
    News,
    ViciNews,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.vici_session import DaemonHung
from ansible_collections.swanfleet.ipsec.tests.daemon import charon_process, each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]
# It gives a peer up within a second.
IMPATIENT = "retransmit_tries = 2\nretransmit_timeout = 0.2\nretransmit_base = 1"


@pytest.fixture
def ends(release: str) -> Iterator[tuple[CharonProcess, CharonProcess]]:
    """Return two charons of their own, since one of them is stopped and killed; they know each other."""
    with charon_process.wired(IMPATIENT, release=release) as pair:
        for number, process in enumerate(pair, start=1):
            with process.client() as charon:
                charon.load_shared(id="any", kind="ike", owners=[], data=b"s3cret")
                charon.load_connection("t", connection(number))
        yield pair


def connection(number: int, **more: Any) -> dict[str, Any]:
    child = {
        "local_ts": [f"10.{number}.0.0/24"],
        "remote_ts": [f"10.{3 - number}.0.0/24"],
        "esp_proposals": ["aes256gcm16"],
    }
    return {
        "version": "2", "local_addrs": [f"192.0.2.{number}"], "remote_addrs": [f"192.0.2.{3 - number}"], "mobike": "no",
        "proposals": ["aes256-sha256-curve25519"], "local": {"auth": "psk"}, "remote": {"auth": "psk"},
        "dpd_delay": "1s" if number == 1 else "0s", "children": {"lan": child}, **more,
    }  # fmt: skip


def told(news: ViciNews, wanted: News) -> list[News]:
    """Return all that was told until something was."""
    found: list[News] = []

    def came() -> bool:
        descriptor = news.descriptor()
        if descriptor is not None:
            select.select([descriptor], [], [], 0.2)
        found.extend(news.heard())
        return wanted in found

    assert awaited(came), f"{wanted} was not told, but {found}"
    return found


def test_it_tells_what_becomes_of_a_tunnel(ends: tuple[CharonProcess, CharonProcess]) -> None:
    one, two = ends
    news = ViciNews(one.uri)
    assert news.descriptor() is None
    assert news.heard() == [News(CAME)]
    assert news.descriptor() is not None
    with one.client() as charon:
        charon.initiate(ike="t", child="lan", timeout_ms=5000)
        told(news, News(CHANGED, "t"))
        # A peer that is there is heard again for each check.
        checked = told(news, News(CHECKED, "t"))
        if News(HEARD, "t") not in checked[checked.index(News(CHECKED, "t")) :]:
            told(news, News(HEARD, "t"))
        two.freeze()
        silent = told(news, News(GAVE_UP, "t"))
        assert News(HEARD, "t") not in silent[silent.index(News(CHECKED, "t")) + 1 :]
        two.thaw()
        # Nobody answers this one, as the other end has it no more.
        with two.client() as other:
            other.unload_connection("t")
        charon.initiate(ike="t", child="lan", timeout_ms=-1)
        told(news, News(CHANGED, "t"))
    news.stop()


@pytest.mark.parametrize("what", [{"ike": "t"}, {"child": "lan"}])
def test_any_request_is_told_as_a_check_is(ends: tuple[CharonProcess, CharonProcess], what: dict[str, Any]) -> None:
    _one, two = ends
    news = ViciNews(two.uri)
    # This end sends no checks.
    with two.client() as charon:
        news.heard()
        charon.initiate(ike="t", child="lan", timeout_ms=5000)
        told(news, News(CHANGED, "t"))
        news.heard()
        charon.rekey(**what)
        # The request for new keys, before its answer; then comes another one, to delete what is old.
        found = told(news, News(HEARD, "t"))
        assert News(CHECKED, "t") in found[: found.index(News(HEARD, "t"))]
    news.stop()


def test_it_tells_that_a_peer_is_dead_with_ikev1_too(ends: tuple[CharonProcess, CharonProcess]) -> None:
    one, two = ends
    for number, process in enumerate(ends, start=1):
        with process.client() as charon:
            charon.load_connection("old", connection(number, version="1", dpd_timeout="2s"))
            charon.unload_connection("t")
    news = ViciNews(one.uri)
    news.heard()
    with one.client() as charon:
        charon.initiate(ike="old", child="lan", timeout_ms=5000)
    told(news, News(CHECKED, "old"))
    two.freeze()
    try:
        told(news, News(GAVE_UP, "old"))
    finally:
        two.thaw()
        news.stop()


def test_it_tells_that_it_went_and_that_it_is_back(ends: tuple[CharonProcess, CharonProcess]) -> None:
    one, _two = ends
    news = ViciNews(one.uri)
    news.heard()
    one.kill()
    told(news, News(WENT))
    assert (news.descriptor(), news.heard()) == (None, [])
    one.start()
    told(news, News(CAME))
    news.stop()


def test_one_that_hangs_is_not_waited_for_long(ends: tuple[CharonProcess, CharonProcess]) -> None:
    one, _two = ends
    one.freeze()
    news = ViciNews(one.uri, timeout=0.3)
    try:
        with pytest.raises(DaemonHung):
            news.heard()
        assert news.descriptor() is None
    finally:
        one.thaw()
    told(news, News(CAME))
    news.stop()
