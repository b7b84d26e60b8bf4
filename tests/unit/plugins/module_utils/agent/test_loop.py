# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's loop in simulated time: it switches and returns, goes on after a kill, and no failure ends it or makes it spin."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonHung
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon_news import CAME, CHANGED, News
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.echoes import EchoUnavailable
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileTrouble
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.netlink import (
    ADDRESS,
    FIREWALL,
    LINK,
    ROUTE,
    RULE,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.waking import LOOK
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import IpsecError
from ansible_collections.swanfleet.ipsec.tests.fakes.echoes import FakeEchoes, FakeWay
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, ROME, ROME_LAN, apply, config
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host, with_program
from ansible_collections.swanfleet.ipsec.tests.fakes.surroundings import FakeLife, Killed

SITE: dict[str, Any] = {
    "name": "site", "primary": "paris", "fallbacks": ["rome"], "ping_check": True, "ping_address": ["198.51.100.2"],
    "ping_interval": "1s", "ping_fallback": True, "hold_down": 5,
}  # fmt: skip
CUT_AT = 10.0
KNOWN_WITHIN_S = 4.2


def wanted(fallback: dict[str, Any]) -> dict[str, Any]:
    """Return two tunnels to one site with a fallback of the two."""
    children = [PARIS_LAN, {**ROME_LAN, "remote_networks": ["10.2.0.0/24"]}]
    return {**config([PARIS, ROME], children, [{"name": "ipsec-paris"}]), "fallbacks": [fallback]}


@pytest.fixture
def life() -> FakeLife:
    """Return a gateway whose primary is up and answers its checks."""
    host = with_program(wan_host())
    apply(host, wanted(SITE))
    way = FakeWay(frozenset({"192.0.2.1"}), frozenset({"198.51.100.2"}))
    return FakeLife(host, echoes=FakeEchoes({"wan0": way}, "wan0"))


def cut(life: FakeLife, *, at: float = CUT_AT, until: float = 1e9) -> None:
    """Have the primary's line lose everything for a while."""
    life.at(at, lambda: setattr(life.echoes.ways["wan0"], "cut", True))
    life.at(until, lambda: setattr(life.echoes.ways["wan0"], "cut", False))


def kill() -> None:
    raise Killed


def in_use(host: FakeHost) -> str:
    found = host.files.read(host.paths.roles)
    return "" if found is None else str(json.loads(found.content).get("site", ""))


def test_it_switches_when_the_primary_is_silent_and_returns_when_it_answers(life: FakeLife) -> None:
    cut(life, until=20.0)
    used: list[tuple[float, str]] = []
    for moment in (CUT_AT, CUT_AT + KNOWN_WITHIN_S, 20.0, 40.0):
        life.at(moment, lambda moment=moment: used.append((moment, in_use(life.host))))  # type: ignore[misc]  # mypy cannot infer a default
    life.run()
    assert used == [(CUT_AT, "paris"), (CUT_AT + KNOWN_WITHIN_S, "rome"), (20.0, "rome"), (40.0, "paris")]
    assert life.notified == ["ready", "stopping"]
    assert sorted(name for name, _tree in life.host.charon.sas()) == ["paris"]


def test_where_nothing_happens_it_looks_as_often_as_its_checks_need(life: FakeLife) -> None:
    life.run()
    assert life.waits < 60 * 6
    # Each second one request, and nothing is told.
    assert len(life.echoes.asked) in (59, 60, 61)
    assert life.said == []


@pytest.mark.parametrize("call", range(0, 60, 3))
def test_killed_at_any_call_the_next_agent_ends_what_it_had_begun(life: FakeLife, call: int) -> None:
    cut(life)
    life.at(CUT_AT, life.host.calls.clear)
    life.at(CUT_AT, lambda: setattr(life.host, "fail_at", (call, Killed())))
    try:
        life.run()
    except Killed:
        life.host.files.locked_by = None
        life.host.fail_at = None
        life.until = life.host.clock.time + 60
        life.run()
    assert in_use(life.host) == "rome"
    assert sorted(name for name, _tree in life.host.charon.sas()) == ["rome"]


def test_a_switch_is_made_when_a_run_has_let_go_of_the_lock(life: FakeLife) -> None:
    cut(life)
    life.at(CUT_AT + 1, lambda: setattr(life.host.files, "locked_by", "process 7, ipsec_gateway"))
    life.at(30.0, lambda: setattr(life.host.files, "locked_by", None))
    life.run()
    assert in_use(life.host) == "rome"
    assert sorted(name for name, _tree in life.host.charon.sas()) == ["rome"]
    assert not any("lock" in text for text in life.said)


@pytest.mark.parametrize("locked", [False, True])
def test_the_fallback_that_works_ends_after_its_traffic_has_gone_elsewhere(life: FakeLife, locked: bool) -> None:
    """The primary returns while a run holds the lock, so that the routes do not move yet."""
    up: list[list[str]] = []
    cut(life, until=20.0)
    if locked:
        life.at(22.0, lambda: setattr(life.host.files, "locked_by", "process 7, ipsec_gateway"))
        life.at(50.0, lambda: setattr(life.host.files, "locked_by", None))
    for moment in (21.0, 40.0, 55.0):
        life.at(moment, lambda: up.append(sorted(name for name, _tree in life.host.charon.sas())))
    life.run()
    assert up == [["rome"], ["paris", "rome"] if locked else ["paris"], ["paris"]]
    assert in_use(life.host) == "paris"


def test_a_tunnel_that_carries_traffic_does_not_end_as_long_as_nobody_can_write_which_one_does(life: FakeLife) -> None:
    """The primary returns while there is no room for the roles, and the engine leaves the routes where they are."""
    up: list[list[str]] = []
    replace = life.host.files.replace

    def no_room(path: str, content: bytes, mode: int) -> None:
        if path == life.host.paths.roles:
            raise FileTrouble(f"cannot write {path}: No space left on device")
        replace(path, content, mode)

    cut(life, until=20.0)
    life.at(19.0, lambda: setattr(life.host.files, "replace", no_room))
    life.at(45.0, lambda: setattr(life.host.files, "replace", replace))
    for moment in (44.0, 50.0):
        life.at(moment, lambda: up.append(sorted(name for name, _tree in life.host.charon.sas())))
    life.run()
    assert up == [["paris", "rome"], ["paris"]]
    assert in_use(life.host) == "paris"


def test_no_look_holds_up_a_decision_that_is_near(life: FakeLife, looks: list[float]) -> None:
    """A large gateway's takes longer than checks have time; what came up meanwhile is looked at afterwards."""
    life.at(CUT_AT, looks.clear)
    cut(life)
    # The first answer is missing.
    for moment in (CUT_AT + 2.2, CUT_AT + 20):
        life.at(moment, lambda: life.kernel.add(RULE))
    life.run()
    # The look that has it carried out is the first one, and news are heeded as ever when nothing is missing any more.
    assert CUT_AT + 3 <= looks[0] <= CUT_AT + KNOWN_WITHIN_S
    assert any(CUT_AT + 20 < moment < CUT_AT + 22 for moment in looks)


def test_news_of_a_switch_hold_up_no_other_one(life: FakeLife, looks: list[float]) -> None:
    cut(life)
    switched = CUT_AT + KNOWN_WITHIN_S
    life.at(switched, looks.clear)
    life.at(switched + 0.1, lambda: life.kernel.add(ROUTE))
    life.run()
    assert CUT_AT + 8 < looks[0] < switched + 5.2


def test_a_switch_that_the_whole_engine_has_made_is_not_made_twice(life: FakeLife, looks: list[float]) -> None:
    life.at(CUT_AT, looks.clear)
    cut(life)
    life.until = CUT_AT + KNOWN_WITHIN_S + 3
    life.run()
    assert in_use(life.host) == "rome"
    assert len(looks) == 1


@pytest.mark.parametrize("kind", [ADDRESS, FIREWALL, LINK])
def test_what_the_kernel_tells_of_links_addresses_and_rules_waits_for_no_decision(
    life: FakeLife, looks: list[float], kind: str
) -> None:
    life.at(CUT_AT, looks.clear)
    cut(life)
    life.at(CUT_AT + 2.2, lambda: life.kernel.add(kind))
    life.run()
    assert looks[0] < CUT_AT + 2.5


def test_a_charon_that_comes_and_goes_while_runs_fail_is_looked_at_less_and_less_often(
    life: FakeLife, looks: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_arguments: Any) -> Any:
        raise IpsecError("no rules to be had")

    monkeypatch.setattr(restore, "with_rules", unreadable)
    for second in range(1, 240):
        life.at(second / 2, lambda: life.charon.append(News(CAME, "paris")))
    life.until = 120
    life.run()
    assert len(looks) < 25


def test_what_is_killed_while_a_run_holds_the_lock_ends_no_tunnel_that_carries_traffic(life: FakeLife) -> None:
    cut(life, until=20.0)
    life.at(22.0, lambda: setattr(life.host.files, "locked_by", "process 7, ipsec_gateway"))
    life.at(40.0, kill)
    with pytest.raises(Killed):
        life.run()
    assert sorted(name for name, _tree in life.host.charon.sas()) == ["paris", "rome"]
    life.run()
    assert sorted(name for name, _tree in life.host.charon.sas()) == ["paris", "rome"]
    life.host.files.locked_by = None
    life.run()
    assert sorted(name for name, _tree in life.host.charon.sas()) == ["paris"]


def test_what_fails_is_told_once_and_does_not_spin(life: FakeLife, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []

    def refused(*_arguments: Any, **_named: Any) -> None:
        tried.append(life.host.clock.time)
        raise IpsecError("no such luck")

    monkeypatch.setattr("ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.acting.restore", refused)
    life.run()
    assert life.said.count("no such luck") == 1
    assert len(tried) < 10


def test_a_fault_of_the_program_is_told_in_full_and_does_not_end_it(
    life: FakeLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: Any, **_named: Any) -> None:
        raise KeyError("oops")

    monkeypatch.setattr("ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.acting.restore", broken)
    cut(life)
    life.run()
    assert [text for text in life.said if "Traceback" in text and "KeyError: 'oops'" in text]
    assert in_use(life.host) == "rome"


def test_without_the_right_to_ask_it_says_so_once_and_switches_nothing(
    life: FakeLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unable(_requests: Any) -> None:
        raise EchoUnavailable("this process may open no raw socket")

    monkeypatch.setattr(life.echoes, "ask", unable)
    life.run()
    assert life.said == ["this process may open no raw socket"]
    assert in_use(life.host) == "paris"


def test_a_charon_that_hangs_is_asked_seldom_and_told_of_once(life: FakeLife) -> None:
    life.at(5.0, lambda: setattr(life.host.charon, "unavailable", DaemonHung("it hangs")))
    life.at(6.0, lambda: life.charon.append(News(CHANGED, "paris")))
    life.run()
    assert life.said.count("it hangs") <= 2
    assert life.host.charon.commands["list-sas"] < 30


def test_what_is_gone_is_put_back_when_the_kernel_tells(life: FakeLife) -> None:
    def gone() -> None:
        del life.host.kernel.links["ipsec-paris"]
        life.kernel.add(LINK)

    back: list[bool] = []
    life.at(5.0, gone)
    life.at(6.0, lambda: back.append("ipsec-paris" in life.host.kernel.links))
    life.run()
    assert back == [True]
    assert any(text.startswith("put in place: add link ipsec-paris") for text in life.said)


def test_a_signal_has_it_look_at_everything(life: FakeLife) -> None:
    def gone() -> None:
        del life.host.kernel.links["ipsec-paris"]
        life.signals.add(LOOK)

    back: list[bool] = []
    life.at(5.0, gone)
    life.at(5.5, lambda: back.append("ipsec-paris" in life.host.kernel.links))
    life.run()
    assert back == [True]
    assert life.notified == ["ready", "reloading", "ready", "stopping"]


def test_it_ends_when_there_is_a_newer_program(life: FakeLife) -> None:
    life.at(5.0, lambda: setattr(life, "newer", True))
    life.run()
    assert life.host.clock.time < 8
    assert life.notified == ["ready", "stopping"]


def test_a_new_generation_is_taken_up_within_a_second(life: FakeLife) -> None:
    turned = {**SITE, "primary": "rome", "fallbacks": ["paris"], "ping_address": ["198.51.100.3"]}
    life.echoes.ways["wan0"].peers |= {"198.51.100.3"}
    life.at(5.0, lambda: apply(life.host, wanted(turned)))
    asked: list[int] = []
    life.at(5.01, lambda: asked.append(len(life.echoes.asked)))
    life.until = 9.0
    life.run()
    assert {each.address for each in life.echoes.asked[: asked[0]]} == {"198.51.100.2"}
    later = [each.address for each in life.echoes.asked[asked[0] :]]
    assert later[-2:] == ["198.51.100.3"] * 2


def test_a_calendar_without_an_answer_is_told_of_once_and_checks_begin_with_its_answer(
    life: FakeLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_calendar = {name: value for name, value in SITE.items() if name != "ping_interval"}
    apply(life.host, wanted({**by_calendar, "ping_schedule": "*:*:00"}))
    minutes: list[float] = []

    def each_minute(expressions: Iterable[str]) -> dict[str, float]:
        return {each: (life.host.clock.epoch() // 60 + 1) * 60 for each in expressions if minutes}

    monkeypatch.setattr(life, "next", each_minute)
    life.at(70.0, lambda: minutes.append(70.0))
    asked: list[int] = []
    life.at(100.0, lambda: asked.append(len(life.echoes.asked)))
    life.until = 400.0
    life.run()
    assert len(life.said) == 1
    assert "systemd-analyze calendar does not say when '*:*:00' comes round next" in life.said[0]
    # With the third time it is asked, two minutes after the first.
    assert (asked, len(life.echoes.asked)) == ([0], 4)


@pytest.mark.parametrize("step", range(13))
def test_a_failure_is_known_in_time_where_a_look_takes_so_long_that_each_rest_is_the_longest(
    life: FakeLife, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """100 ms x 3, and 30 ms for each round that is sent: a whole rest after each of them would make it 0.5 s and more."""
    apply(life.host, wanted({**SITE, "ping_interval": "100ms"}))
    ask, clock = life.echoes.ask, life.host.clock
    said: list[tuple[float, str]] = []

    def slowly(requests: Any) -> Any:
        clock.time += 0.03
        return ask(requests)

    monkeypatch.setattr(life.echoes, "ask", slowly)
    monkeypatch.setattr(life, "say", lambda text, *_args, **_named: said.append((clock.time, text)))
    at = CUT_AT + 0.01 * step
    cut(life, at=at)
    life.until = at + 2
    life.run()
    known = next(moment for moment, text in said if "initiate rome" in text)
    assert 0.25 < known - at < 0.46
