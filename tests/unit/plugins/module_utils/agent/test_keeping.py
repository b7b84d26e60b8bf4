# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent keeps: it comes back as it was, and what makes no sense is no memory."""

from __future__ import annotations

import json

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.decide import State
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.health import Health, Round
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.standing import Standing, fresh
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import INITIATE, Action, Decision
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import Check, Group, Wanted
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.keeping import (
    Memory,
    dump_memory,
    load_memory,
    read_memory,
    read_overrides,
    taken_up,
    write_override,
    write_roles,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileTrouble
from ansible_collections.swanfleet.ipsec.tests.fakes.host import wan_host

GROUP = Group("site", "a", ("b", "c"), check=Check(("192.0.2.2",), interval=1.0))
HEALTH = Health(5.0, 3, 9.0, (Round(3, 9.0),), 0, True)
ACTION = Action(INITIATE, "b", "why", "site", addresses=("192.0.2.2",))
STATE = State("seed", {"site": Standing(GROUP, "b", 60.0, HEALTH, left=8.0)}, decisions=(Decision(8.0, ACTION),))


def test_it_comes_back_but_for_rounds_that_nobody_has_listened_to() -> None:
    memory = load_memory(dump_memory(Memory(STATE, (ACTION,), {"a": 7.0}), 10.0), 20.0)
    assert memory is not None
    assert (memory.pending, memory.down, memory.state.decisions) == ((ACTION,), {"a": 7.0}, STATE.decisions)
    standing = memory.state.groups["site"]
    assert (standing.active, standing.left) == ("b", 8.0)
    assert standing.health == Health(5.0, 3, 9.0, (), 0, True)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff", b'{"state": {}, "saved": 1, "pending": [], "down": {}}']
)
def test_what_makes_no_sense_is_no_memory(content: bytes) -> None:
    assert load_memory(content, 20.0) is None


def test_a_memory_of_another_boot_is_none() -> None:
    assert load_memory(dump_memory(Memory(STATE), 1000.0), 20.0) is None


def test_without_a_memory_it_begins_anew_with_moments_of_its_own() -> None:
    one, other = wan_host().host, wan_host().host
    for host, key in ((one, b"1"), (other, b"2")):
        host.files.replace(host.paths.host_key, key, 0o600)
    assert read_memory(one).state.groups == {}
    assert read_memory(one).state.seed != read_memory(other).state.seed


def test_without_a_memory_tunnels_stay_in_use_as_the_engine_has_them() -> None:
    wanted = Wanted({"site": GROUP, "other": Group("other", "d", ("e",))})
    state = taken_up(State("seed"), wanted, {"site": "c", "other": "gone", "third": "x"}, 5.0)
    assert {name: (each.active, each.left) for name, each in state.groups.items()} == {"site": ("c", 5.0)}
    known = State("seed", {"site": fresh(GROUP, "seed", 0.0)})
    assert taken_up(known, wanted, {"site": "c"}, 5.0) == known


def test_roles_are_written_where_they_are_others() -> None:
    host = wan_host().host
    assert not write_roles(host, State("seed"))
    assert host.files.read(host.paths.roles) is None
    assert write_roles(host, STATE)
    assert not write_roles(host, STATE)
    found = host.files.read(host.paths.roles)
    assert found is not None
    assert json.loads(found.content) == {"site": "b"}
    assert write_roles(host, State("seed"))


def test_a_decision_of_people_is_kept_until_they_take_it_back() -> None:
    host = wan_host().host
    write_override(host, "site", "fallback")
    write_override(host, "other", "primary")
    assert read_overrides(host) == {"site": "fallback", "other": "primary"}
    write_override(host, "site", "auto")
    write_override(host, "other", "auto")
    assert (read_overrides(host), host.files.read(host.paths.overrides)) == ({}, None)


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"site": "sideways"}', b'{"site": ["primary"]}'])
def test_what_is_no_decision_is_passed_over(content: bytes) -> None:
    host = wan_host().host
    host.files.replace(host.paths.overrides, content, 0o644)
    assert read_overrides(host) == {}


def test_a_decision_of_people_is_written_again_where_a_run_has_tidied_it_away(monkeypatch: pytest.MonkeyPatch) -> None:
    made = wan_host()
    replace, troubles = made.files.replace, [FileTrouble("it is gone")]

    def struck(path: str, content: bytes, mode: int) -> None:
        if troubles:
            raise troubles.pop()
        replace(path, content, mode)

    monkeypatch.setattr(made.files, "replace", struck)
    write_override(made.host, "site", "fallback")
    assert read_overrides(made.host) == {"site": "fallback"}
