# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When names are looked up, and which of their addresses the firewall lets in."""

from __future__ import annotations

from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.naming import EVERY_S, Naming
from ansible_collections.swanfleet.ipsec.tests.fakes.surroundings import FakeLookups
from ansible_collections.swanfleet.ipsec.tests.simulation.world import gaps

NAME = "gw.example.com"
NAMES = frozenset({NAME})


def moments(lookups: FakeLookups, seconds: int, *, awaited: bool, family: int = 0) -> list[float]:
    """Return when the name is looked up; a tunnel waits for an address of this family, or none does."""
    naming = Naming(lookups)
    found: list[float] = []
    for now in range(seconds):
        before = len(lookups.asked)
        naming.look(float(now), NAMES, {NAME: {family}} if awaited else {})
        found += [now] * (len(lookups.asked) - before)
    return found


def test_a_name_is_looked_up_at_once_and_every_half_minute() -> None:
    between = gaps(moments(FakeLookups({NAME: ("192.0.2.1",)}), 3600, awaited=True))
    assert {EVERY_S, EVERY_S + 1} >= set(between)


def test_a_name_without_an_address_that_a_tunnel_waits_for_is_looked_up_more_often_at_first() -> None:
    between = gaps(moments(FakeLookups(), 600, awaited=True))
    # An answer comes with the next look, a second later.
    assert set(between[1:11]) == {6}
    assert between[-1] == 31
    assert between[1:] == sorted(between[1:])
    assert set(gaps(moments(FakeLookups(), 600, awaited=False))[1:]) == {31}


def test_addresses_that_no_waiting_tunnel_can_use_are_none() -> None:
    lookups = FakeLookups({NAME: ("2001:db8::2",)})
    assert set(gaps(moments(lookups, 60, awaited=True, family=4))[1:]) == {6}
    assert min(gaps(moments(lookups, 120, awaited=True, family=6))) >= EVERY_S


def test_an_answer_is_looked_for_soon_and_silence_holds_nobody_up() -> None:
    lookups = FakeLookups({"a": ("192.0.2.1",)}, silent={"b"})
    naming = Naming(lookups)
    naming.look(0.0, {"a", "b"}, {})
    assert naming.due(0.0) < 1
    assert naming.look(0.2, {"a", "b"}, {})
    assert naming.held() == {"a": ("192.0.2.1",)}
    assert naming.answers["a"].at == 0.2
    assert "b" not in naming.answers


def test_what_a_name_had_a_short_time_ago_is_let_in_and_its_last_address_for_good() -> None:
    lookups = FakeLookups({NAME: ("192.0.2.1",)})
    naming = Naming(lookups)
    held = {}
    for now in range(400):
        if now == 100:
            lookups.known = {NAME: ("192.0.2.2",)}
        if now == 300:
            lookups.known = {}
        naming.look(float(now), NAMES, {})
        held[now] = naming.held().get(NAME)
    assert held[0] is None
    assert held[90] == ("192.0.2.1",)
    assert held[130] == ("192.0.2.1", "192.0.2.2")
    assert held[260] == held[399] == ("192.0.2.2",)


def test_answers_that_take_turns_are_no_news_for_the_firewall() -> None:
    lookups = FakeLookups()
    naming = Naming(lookups)
    news = []
    for now in range(3600):
        lookups.known = {NAME: (f"192.0.2.{now // 31 % 3}",)}
        if naming.look(float(now), NAMES, {}):
            news.append(now)
    assert len(news) == 3


def test_very_many_names_are_looked_up_less_often() -> None:
    names = frozenset(f"gw{number}.example.com" for number in range(1000))
    lookups = FakeLookups()
    naming = Naming(lookups)
    for step in range(2500):
        naming.look(step / 5, names, {name: {0} for name in names})
    assert 3500 < len(lookups.asked) < 5500
    assert {*lookups.asked} == names


def test_a_name_that_nobody_follows_any_more_is_forgotten() -> None:
    lookups = FakeLookups({NAME: ("192.0.2.1",)})
    naming = Naming(lookups)
    for now in (0.0, 1.0):
        naming.look(now, NAMES, {})
    assert naming.answers
    assert naming.look(2.0, frozenset(), {})
    assert (naming.answers, naming.held()) == ({}, {})
    assert not naming.look(3.0, frozenset(), {})
    assert len(lookups.asked) == 1
