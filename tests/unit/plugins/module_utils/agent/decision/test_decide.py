# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent remembers, forgets, and tells: settings that change, decisions that are kept, looks that are spared."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.decide import (
    REMEMBERED,
    Decided,
    State,
    decide,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.health import Health, Round
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.standing import Standing, Trial, fresh
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import (
    FALLBACK,
    PROBE,
    RESTART,
    SWITCH,
    TERMINATE,
    Observation,
    Path,
    Resolved,
    View,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import (
    Check,
    DeadPeer,
    Group,
    Tunnel,
    Wanted,
)
from ansible_collections.swanfleet.ipsec.tests.simulation.rules import one_group
from ansible_collections.swanfleet.ipsec.tests.simulation.world import World, gaps

OUTSIDE = Check(("192.0.2.1",), interval=1.0)


def test_what_is_in_use_stays_in_use_when_settings_change() -> None:
    world = one_group(check=OUTSIDE)
    world.run(100)
    world.change("p", works=False)
    world.run(10)
    group = dataclasses.replace(world.wanted.groups["g"], hold_down=5.0, fallbacks=("other", "f"))
    world.lines["other"], world.sas["other"] = (
        dataclasses.replace(world.lines["f"]),
        dataclasses.replace(world.sas["p"]),
    )
    world.wish(group)
    assert world.active("g") == "f"
    assert world.state.groups["g"].health is not None
    assert world.state.groups["g"].health.failed
    world.change("p", works=True)
    world.run(10)
    assert world.active("g") == "p"


def test_another_check_begins_anew() -> None:
    world = one_group(check=OUTSIDE)
    world.run(100)
    world.change("p", works=False)
    world.run(10)
    other = dataclasses.replace(OUTSIDE, addresses=("192.0.2.2",))
    world.wish(dataclasses.replace(world.wanted.groups["g"], check=other))
    health = world.state.groups["g"].health
    assert health is not None
    assert not health.failed
    assert world.active("g") == "f"


def test_a_group_whose_tunnel_in_use_goes_begins_with_its_primary() -> None:
    world = one_group(check=OUTSIDE, fallbacks=("f1", "f2"))
    world.run(100)
    world.change("p", works=False)
    world.run(10)
    assert world.active("g") == "f1"
    world.wish(dataclasses.replace(world.wanted.groups["g"], fallbacks=("f2",)))
    assert world.active("g") == "p"
    world.wish()
    assert world.state.roles == {}


def test_a_tunnel_stands_in_one_group_only() -> None:
    with pytest.raises(ValueError, match="in two places"):
        Wanted({"a": Group("a", "p", ("f",)), "b": Group("b", "f", ("q",))})
    with pytest.raises(ValueError, match="in two places"):
        Wanted({"a": Group("a", "p", ("p",))})


def test_the_last_decisions_are_kept_with_their_times_and_checks_are_none() -> None:
    world = one_group(check=Check(("192.0.2.1",), interval=10.0))
    world.run(100)
    assert not world.state.decisions
    world.change("p", works=False)
    world.change("f", works=False)
    world.run(20000)
    assert len(world.done) > REMEMBERED
    kept = [(each.at, each.action) for each in world.state.decisions]
    assert kept == world.done[-REMEMBERED:]


def test_first_checks_of_many_groups_are_spread_over_the_interval() -> None:
    moments: list[float] = []

    def watch(world: World, _seen: Observation, decided: Decided) -> None:
        moments.extend(world.now - 1000 for action in decided.actions if action.kind == PROBE and action.sequence == 1)

    groups = {f"g{number}": Group(f"g{number}", f"p{number}", (f"f{number}",), check=OUTSIDE) for number in range(100)}
    World(Wanted(groups), watch=watch).run(1.0)
    assert len(moments) == 100
    assert max(gaps(moments)) < 0.1


def test_a_group_of_which_nothing_is_new_is_not_looked_at() -> None:
    looked_at: list[set[str]] = []

    def watch(world: World, _seen: Observation, decided: Decided) -> None:
        before, after = world.state.groups, decided.state.groups
        looked_at.append({name for name in after if after[name] is not before.get(name)})

    groups = [Group(f"g{number}", f"p{number}", (f"f{number}",), check=OUTSIDE) for number in range(50)]
    world = World(Wanted({group.name: group for group in groups}), watch=watch)
    world.run(10)
    assert len(looked_at[0]) == len(groups)
    assert len(looked_at) > 900
    assert all(len(names) <= 1 for names in looked_at[1:])
    world.override("g7", FALLBACK)
    assert looked_at[-1] == {"g7"}
    world.change("p9", address=False)
    assert looked_at[-1] == {"g9"}


def test_a_tunnel_that_nothing_is_seen_of_is_not_there() -> None:
    wanted = Wanted({"g": Group("g", "p", ("f",))})
    decided = decide(State("a"), Observation(wanted, {"f": View(up=True)}), 5.0)
    assert [(action.kind, action.tunnel, action.reason) for action in decided.actions] == [
        (SWITCH, "f", "p has no address of its own now")
    ]


def test_a_tunnel_that_a_group_acts_on_is_not_set_up_anew_for_another_reason() -> None:
    follows = Tunnel(dead_peer=DeadPeer(1.0, 5.0, "restart"), restart_on_gateway_change=True)
    group = Group("g", "p", ("f",), check=Check(("192.0.2.1",), interval=1.0, retries=1))
    wanted = Wanted({"g": group}, {"p": follows})
    state = State("a")
    kinds: list[str] = []
    for step in range(200):
        path = Path("wan0") if step < 5 else Path("wan1")
        views = {"p": View(up=True, source="192.0.2.9", path=path, check_pending=True), "f": View(up=True)}
        before = len(kinds)
        state, actions, _wake = decide(state, Observation(wanted, views), 100.0 + step / 10)
        kinds += [action.kind for action in actions if action.tunnel == "p" and action.kind != PROBE]
        assert len(kinds) <= before + 1
    assert kinds[0] == TERMINATE


def test_tunnels_with_names_are_looked_up_among_all_groups_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each cold fallback it matters whether it is on standby, and each is down all the time."""
    many = 50
    groups = {f"g{number}": Group(f"g{number}", f"p{number}", (f"f{number}",)) for number in range(many)}
    named = Tunnel(starts=True, name="paris.example.net")
    wanted = Wanted(groups, {f"{kind}{number}": named for kind in "pf" for number in range(many)})
    tunnels = {name: View(up=name.startswith("p"), peer="192.0.2.1") for name in wanted.tunnels}
    seen = Observation(wanted, tunnels, names={named.name: Resolved(("192.0.2.1",), 0.0)})
    state = decide(State("a"), seen, 0.0).state
    asked: list[Standing] = []
    roles = vars(Standing)["roles"].fget

    def counted(standing: Standing) -> dict[str, str]:
        asked.append(standing)
        found: dict[str, str] = roles(standing)
        return found

    monkeypatch.setattr(Standing, "roles", property(counted))
    assert decide(state, seen, 1.0).actions == ()
    assert 0 < len(asked) <= many


def test_what_was_seen_before_charon_hung_decides_about_no_single_tunnel() -> None:
    wanted = Wanted({}, {"p": Tunnel(dead_peer=DeadPeer(5.0, 10.0, "restart"))})
    owes = Observation(wanted, {"p": View(up=True, check_pending=True)})
    state = decide(State("a"), owes, 0.0).state
    blind = dataclasses.replace(owes, blind=True)
    for second in range(1, 60):
        state, actions, _wake = decide(state, blind, float(second))
        assert actions == ()
    assert state.suspicions.keys() == {"p"}
    assert [each.kind for each in decide(state, owes, 60.0).actions] == [RESTART]
    well = Observation(wanted, {"p": View(up=True)})
    assert decide(state, well, 60.0).actions == ()


def test_who_is_doubted_or_has_a_successor_under_way_is_undecided() -> None:
    standing = fresh(Group("g", "p", ("f",), check=OUTSIDE), "a", 0.0)
    asked = dataclasses.replace(Health(0.0), sent=10.0, rounds=(Round(1, 10.0),))
    waits = dataclasses.replace(standing, health=asked)
    failed = dataclasses.replace(standing, health=dataclasses.replace(asked, failed=True))
    tried = dataclasses.replace(failed, trial=Trial("f", 30.0))
    late = 10.0 + OUTSIDE.answer_within
    found = [(each.undecided(10.1), each.undecided(late)) for each in (standing, waits, failed, tried)]
    assert found == [(False, False), (False, True), (False, False), (True, True)]


def test_nothing_is_near_where_it_takes_long_to_be_known() -> None:
    slow = dataclasses.replace(OUTSIDE, interval=300.0)
    missing = Health(0.0, sent=10.0, rounds=(Round(1, 10.0),))
    assert missing.doubted(dataclasses.replace(slow, retry_interval=1.0), 1000.0)
    assert not missing.doubted(slow, 1000.0)
    assert not missing.doubted(dataclasses.replace(slow, interval=None), 1000.0)
