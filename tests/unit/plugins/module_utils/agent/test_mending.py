# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the engine looks at the host: soon where something happened, less and less often where that is in vain."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.mending import EVERY_S, Mending
from ansible_collections.swanfleet.ipsec.tests.simulation.world import gaps


def looked(mending: Mending, now: float, *failures: str, changed: bool = False) -> list[str]:
    return mending.done(now, changed=changed, failures=failures)[0]


def test_it_looks_at_once_and_then_every_half_minute() -> None:
    mending = Mending()
    assert mending.due <= 0
    looked(mending, 100.0, changed=True)
    assert mending.due == 100.0 + EVERY_S


def test_news_are_looked_at_soon_but_together() -> None:
    mending = Mending()
    looked(mending, 100.0)
    mending.heard(110.0)
    mending.heard(110.05)
    assert mending.due == pytest.approx(110.1)


def test_what_is_wanted_waits_for_nothing() -> None:
    mending = Mending()
    looked(mending, 100.0)
    mending.wanted(100.01)
    assert mending.due == 100.01


def test_a_link_that_moves_is_looked_at_at_once_but_not_twice_within_a_second() -> None:
    mending = Mending()
    for now in (100.0, 101.0):
        mending.heard(now)
        looked(mending, now)
    mending.moved(101.2)
    assert mending.due == 102.0
    mending.moved(110.0)
    assert mending.due == 102.0
    looked(mending, 102.0)
    mending.moved(110.0)
    assert mending.due == 110.0
    looked(mending, 110.0, "no room")
    looked(mending, 111.0, "no room")
    mending.moved(111.2)
    assert mending.due == 112.0


def test_news_in_vain_are_looked_at_less_and_less_often() -> None:
    mending, now, looks = Mending(), 0.0, 0
    looked(mending, now)
    while now < 600:
        # Containers come and go all the time.
        now += 0.05
        mending.heard(now)
        if now >= mending.due:
            looked(mending, now)
            looks += 1
    assert looks < 600 / EVERY_S + 8
    looked(mending, now, changed=True)
    mending.heard(now + 5)
    assert mending.due == pytest.approx(now + 5.1)


def test_what_fails_all_the_time_is_hastened_less_and_less_often() -> None:
    mending, now, looks = Mending(), 0.0, 0
    looked(mending, now, "no room")
    while now < 600:
        now += 0.05
        # What it does put in place each time is news as well.
        mending.heard(now)
        if now >= mending.due:
            looked(mending, now, "no room", changed=True)
            looks += 1
    assert looks < 600 / EVERY_S + 8


def test_news_are_looked_at_soon_though_something_else_fails() -> None:
    mending = Mending()
    for turn in range(10):
        looked(mending, EVERY_S * turn, "no room")
    now = EVERY_S * 9 + 5
    mending.heard(now)
    assert mending.due == pytest.approx(now + 0.1)


def test_a_failure_is_told_once_and_tried_again_after_longer_and_longer() -> None:
    mending, now, pauses = Mending(), 0.0, []
    assert looked(mending, now, "no room") == ["no room"]
    for _attempt in range(7):
        pauses.append(mending.due - now)
        now = mending.due
        assert looked(mending, now, "no room") == []
    assert pauses == [1, 2, 4, 8, 16, EVERY_S, EVERY_S]
    assert looked(mending, now, "no room", "no route") == ["no route"]
    assert mending.done(now, changed=True, failures=[]) == ([], True)
    assert mending.done(now, changed=False, failures=[]) == ([], False)
    assert looked(mending, now, "no room") == ["no room"]


def test_what_fails_for_days_is_tried_every_half_minute() -> None:
    mending = Mending()
    for turn in range(3000):
        looked(mending, turn * EVERY_S, "no")
        assert mending.due <= (turn + 1) * EVERY_S
    assert mending.due == 3000 * EVERY_S


def test_what_nobody_waits_for_gives_way_to_a_decision_for_a_few_seconds() -> None:
    mending, now, put_off = Mending(), 100.0, []
    looked(mending, now)
    mending.heard(101.0)
    while mending.due < 120:
        now = mending.due
        if not mending.gives_way(now, near=lambda: True):
            break
        put_off.append(now)
    assert 5.0 <= now - 101.1 <= 5.3
    assert max(gaps(put_off)) < 0.3
    looked(mending, now)
    # Another one gives way anew, and none where nothing is about to be decided.
    mending.heard(now + 1)
    assert mending.gives_way(mending.due, near=lambda: True)
    assert not mending.gives_way(mending.due, near=lambda: False)


@pytest.mark.parametrize("wanted", [Mending.wanted, Mending.moved])
def test_what_somebody_waits_for_gives_way_to_nothing(wanted: Callable[[Mending, float], None]) -> None:
    mending = Mending()
    assert not mending.gives_way(0.0, near=lambda: True)
    looked(mending, 100.0)
    mending.heard(100.5)
    wanted(mending, 102.0)
    assert not mending.gives_way(102.0, near=lambda: True)


def test_news_of_what_may_be_gone_give_way_to_nothing() -> None:
    mending = Mending()
    looked(mending, 100.0)
    mending.heard(102.0)
    mending.heard(102.05, urgent=True)
    assert not mending.gives_way(mending.due, near=lambda: True)


def test_what_was_waited_for_and_has_failed_is_waited_for() -> None:
    mending = Mending()
    looked(mending, 100.0)
    mending.wanted(101.0)
    looked(mending, 101.0, "no room")
    assert not mending.gives_way(mending.due, near=lambda: True)
    looked(mending, 102.0)
    assert mending.gives_way(mending.due, near=lambda: True)


def ran(mending: Mending, *, near: bool = False) -> float:
    """Return when a look is not put off any more, if a decision is `near` all the time, or none is."""
    while mending.gives_way(mending.due, near=lambda: near):
        pass
    return mending.due


def test_news_after_a_switch_wait_for_the_next_one() -> None:
    mending = Mending()
    looked(mending, 100.0, changed=True)
    mending.switched(100.0)
    mending.heard(100.2)
    assert 105.0 <= ran(mending) <= 105.2
    looked(mending, 105.1)
    mending.switched(110.0)
    mending.heard(110.1)
    mending.heard(110.5, urgent=True)
    assert ran(mending) == pytest.approx(110.2)
    looked(mending, 110.2)
    mending.heard(116.0)
    assert ran(mending) == pytest.approx(116.1)


def test_a_look_that_was_put_off_for_a_switch_waits_for_the_next_one_too() -> None:
    """Of what failed with the same line nothing is known yet at that moment."""
    mending = Mending()
    looked(mending, 100.0)
    assert mending.gives_way(130.0, near=lambda: True)
    mending.rerouted(130.1, owing=False)
    mending.switched(130.1)
    assert 134.0 <= ran(mending) <= 135.2


def test_switches_all_the_time_put_off_no_look_for_longer_than_one_does() -> None:
    mending = Mending()
    looked(mending, 100.0)
    now = mending.due
    mending.switched(now)
    while mending.gives_way(now, near=lambda: False):
        now = mending.due
        mending.switched(now)
    assert 135.0 <= now <= 135.3


@pytest.mark.parametrize(
    ("owing", "due", "put_off", "latest"), [(False, 115.0, 117.0, 120.0), (True, 112.0, 112.0, 113.0)]
)
def test_what_a_switch_by_routes_owes_waits_for_nothing_but_a_decision_that_is_near(
    owing: bool, due: float, put_off: float, latest: float
) -> None:
    found = []
    for near in (False, True):
        mending = Mending()
        looked(mending, 100.0)
        for moment, owes in ((110.0, False), (112.0, owing)):
            mending.rerouted(moment, owing=owes)
            mending.switched(moment)
        assert mending.due == due
        found.append(ran(mending, near=near))
    assert put_off <= found[0] <= put_off + 0.2
    assert latest <= found[1] <= latest + 0.2


def test_cold_switches_one_after_the_other_put_off_no_look_for_longer_than_one_does() -> None:
    mending = Mending()
    looked(mending, 100.0)
    now = 110.0
    mending.rerouted(now, owing=True)
    mending.switched(now)
    while mending.gives_way(now, near=lambda: True):
        now = max(now + 0.1, mending.due)
        mending.rerouted(now, owing=True)
        mending.switched(now)
    assert 111.0 <= now <= 111.3


def test_news_of_routes_that_a_switch_has_moved_make_no_others_wait() -> None:
    mending, now = Mending(), 0.0
    for _switch in range(10):
        now += 40
        mending.rerouted(now, owing=False)
        mending.heard(now + 0.1)
        now = mending.due
        looked(mending, now)
    mending.heard(now + 2, urgent=True)
    assert mending.due == pytest.approx(now + 2.1)


@pytest.mark.parametrize(("failures", "waits"), [((), 1.1), (("no room",), EVERY_S)])
def test_looking_for_a_tunnel_that_came_is_in_vain_only_where_something_fails(
    failures: tuple[str, ...], waits: float
) -> None:
    mending = Mending()
    for now in range(0, 1000, 100):
        mending.heard(now, ours=True)
        looked(mending, now, *failures)
        mending.heard(now + 1, ours=True)
    assert mending.due == pytest.approx(now + waits)


def test_a_lock_that_is_held_is_tried_again_soon() -> None:
    mending = Mending()
    mending.locked(50.0)
    assert 50.0 < mending.due < 51.0
