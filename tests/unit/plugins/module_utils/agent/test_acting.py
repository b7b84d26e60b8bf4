# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon is told, once for each tunnel; and of IKE SAs whose time is over that those end, and no others."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.acting import Acting, still_to_do, still_wanted
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import (
    END,
    INITIATE,
    NOTE,
    PROBE,
    REKEY,
    RESTART,
    SWITCH,
    TERMINATE,
    TRAP,
    Action,
    View,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.charon import FakeCharon
from ansible_collections.swanfleet.ipsec.tests.fakes.echoes import FakeEchoes
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost

HOUR = 3600
CHILD = {"lan": {"local_ts": ["10.1.0.0/24"], "remote_ts": ["10.2.0.0/24"], "start_action": "none"}}


class Aged(FakeCharon):
    """A charon whose IKE SAs have these ages, in the order in which they were made."""

    ages: tuple[int, ...] = ()

    def sas(self, names: Any = None) -> list[Any]:
        found = super().sas(names)
        return [(name, {**sa, "established": str(self.ages[index])}) for index, (name, sa) in enumerate(found)]


@pytest.fixture
def charon() -> Aged:
    made = Aged()
    made.load_connection("paris", {"children": CHILD})
    return made


def told(charon: Aged, kind: str, *ages: int, older_than: float = HOUR) -> list[str]:
    """Have an action carried out where IKE SAs have these ages; returns the numbers of those that were there and are gone."""
    for _age in range(len(ages) - len(charon.sas())):
        charon.initiate(ike="paris", child="lan", timeout_ms=0)
    charon.ages = ages
    before = [sa["uniqueid"] for _name, sa in charon.sas()]
    host = FakeHost(charon=charon)
    action = Action(kind, "paris", "its time is over", older_than=older_than)
    assert Acting(host.host, charon, FakeEchoes({}, "")).tell_charon(action) == ""
    charon.ages = (0,) * 9
    after = [sa["uniqueid"] for _name, sa in charon.sas()]
    return [each for each in before if each not in after]


def test_one_whose_time_is_over_ends(charon: Aged) -> None:
    assert len(told(charon, END, HOUR)) == 1
    assert charon.sas() == []


def test_one_that_starts_is_there_again(charon: Aged) -> None:
    assert len(told(charon, RESTART, HOUR + 1)) == 1
    assert len(charon.sas()) == 1


@pytest.mark.parametrize("kind", [END, RESTART])
def test_one_that_was_renewed_at_the_last_moment_stays(charon: Aged, kind: str) -> None:
    assert told(charon, kind, 1) == []
    assert "terminate" not in charon.commands


def test_what_was_ended_before_a_kill_is_set_up_after_it(charon: Aged) -> None:
    assert told(charon, RESTART) == []
    charon.ages = (0,)
    assert len(charon.sas()) == 1


@pytest.mark.parametrize("there", [True, False])
def test_keys_are_renewed_and_nothing_ends(charon: Aged, there: bool) -> None:
    assert told(charon, REKEY, *[5] * there, older_than=0) == []
    assert charon.commands["rekey"] == 1
    assert len(charon.sas()) == int(there)


def act(kind: str, tunnel: str = "rome", **more: Any) -> Action:
    return Action(kind, tunnel, "because", **more)


@pytest.mark.parametrize(
    ("pending", "actions", "left"),
    [
        pytest.param(
            [act(TERMINATE, "paris")], [act(INITIATE)], [act(TERMINATE, "paris"), act(INITIATE)], id="of others"
        ),
        pytest.param([act(INITIATE)], [act(INITIATE), act(INITIATE)], [act(INITIATE)], id="the same"),
        pytest.param([act(INITIATE)], [act(TERMINATE)], [act(TERMINATE)], id="the last one counts"),
        pytest.param([act(TERMINATE)], [act(INITIATE)], [act(RESTART)], id="ended, and set up anew"),
        pytest.param([act(RESTART)], [act(INITIATE)], [act(RESTART)], id="anew stays anew"),
        pytest.param([act(REKEY)], [act(INITIATE)], [act(INITIATE)], id="set up, which renews it too"),
        pytest.param([act(TERMINATE)], [act(REKEY)], [act(TERMINATE)], id="nothing to renew"),
        pytest.param([], [act(REKEY)], [act(REKEY)], id="keys to be renewed"),
        pytest.param([act(TERMINATE, carries=True)], [act(SWITCH)], [], id="in use again"),
        pytest.param([act(TERMINATE)], [act(NOTE), act(PROBE)], [act(TERMINATE)], id="nothing to do"),
    ],
)
def test_what_waits_is_one_thing_for_each_tunnel(
    pending: list[Action], actions: list[Action], left: list[Action]
) -> None:
    assert still_to_do(pending, actions) == tuple(left)


@pytest.mark.parametrize("kind", [TERMINATE, RESTART, TRAP])
def test_a_peer_that_owes_nothing_any_more_is_not_dead(kind: str) -> None:
    action = Action(kind, "p", "its peer is silent", owed=True)
    well, owes = View(up=True), (View(up=True, check_pending=True), View(up=True, request_pending=True))
    assert still_wanted([action], {"p": well}) == ()
    for view in (*owes, View()):
        assert still_wanted([action], {"p": view}) == (action,)
    # Nobody has looked yet.
    assert still_wanted([action], {}) == (action,)


def test_what_was_decided_for_other_reasons_holds() -> None:
    kept = tuple(Action(kind, "p", "why") for kind in (TERMINATE, RESTART, TRAP, END, INITIATE, REKEY))
    assert still_wanted(kept, {"p": View(up=True)}) == kept
