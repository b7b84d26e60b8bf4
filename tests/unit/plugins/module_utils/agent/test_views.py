# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent makes of charon's SAs, and from when on a tunnel counts as down."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import View
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.views import (
    NO_LIFE,
    Happened,
    Life,
    known_down,
    lives_of,
    remembered,
    view_of,
)

NOW = 1000.0


def sa(state: str = "ESTABLISHED", child: str = "INSTALLED", task: str = "", **more: Any) -> dict[str, Any]:
    children = {"lan-1": {"name": "lan", "uniqueid": "1", "state": child, "packets-in": "7"}} if child else {}
    return {
        "uniqueid": "1", "state": state, "initiator": "yes", "local-host": "192.0.2.1", "remote-host": "192.0.2.2",
        "responder-spi": "01", "established": "12", "child-sas": children, **({"tasks-active": [task]} if task else {}), **more,
    }  # fmt: skip


UP = Life(up=True, received=7, source="192.0.2.1", peer="192.0.2.2", age=12.0)


@pytest.mark.parametrize(
    ("trees", "life"),
    [
        pytest.param([sa()], UP, id="up"),
        pytest.param([sa(child="REKEYING")], UP, id="up while its keys are renewed"),
        pytest.param([sa(), sa("CONNECTING", "")], UP, id="up beside another that is being set up"),
        pytest.param(
            [sa(child="")],
            Life(source="192.0.2.1", peer="192.0.2.2", age=12.0),
            id="without a CHILD_SA it carries nothing",
        ),
        pytest.param(
            [sa("CONNECTING", "")],
            Life(connecting=True, trying=True, source="192.0.2.1", peer="192.0.2.2"),
            id="set up by this end",
        ),
        pytest.param(
            [sa("CONNECTING", "", initiator="no")],
            Life(connecting=True, source="192.0.2.1", peer="192.0.2.2"),
            id="set up by its peer",
        ),
        pytest.param(
            [sa(child="", task="CHILD_CREATE")],
            Life(connecting=True, trying=True, request_pending=True, source="192.0.2.1", peer="192.0.2.2", age=12.0),
            id="its CHILD_SA is being set up",
        ),
    ],
)
def test_what_charon_shows_of_a_tunnel(trees: list[dict[str, Any]], life: Life) -> None:
    assert lives_of([("t", tree) for tree in trees]) == {"t": life}


@pytest.mark.parametrize("state", ["DELETING", "REKEYED", "DESTROYING"])
def test_what_is_ending_is_not_there(state: str) -> None:
    assert lives_of([("t", sa(state))]) == {}


@pytest.mark.parametrize(
    ("trees", "unanswered"),
    [
        ([sa()], False),
        ([sa(task="IKE_MOBIKE")], True),
        ([sa(task="CHILD_REKEY")], True),
        # It may carry the traffic, whatever is beside it.
        ([sa(task="IKE_DPD"), sa()], True),
        ([sa(child=""), sa(task="IKE_DPD")], True),
        # This one carries none.
        ([sa(child="", task="IKE_DPD"), sa()], False),
        ([sa("CONNECTING", "", task="IKE_AUTH")], False),
    ],
)
@pytest.mark.parametrize("heard", [True, False])
def test_one_that_carries_traffic_may_be_given_up_while_it_waits(
    trees: list[dict[str, Any]], unanswered: bool, heard: bool
) -> None:
    life = lives_of([("t", tree) for tree in trees])["t"]
    assert view_of(life, None, NOW, Happened(heard=heard), usable=True, starts=False).unanswered == unanswered


def test_of_one_that_renews_its_keys_charon_tells_no_age() -> None:
    tree = {name: value for name, value in sa("REKEYING").items() if name != "established"}
    life = lives_of([("t", tree)])["t"]
    assert (life.up, life.age) == (True, None)
    assert view_of(life, None, NOW, usable=True, starts=False).born is None


CHECK, REQUEST, NOTHING = (True, False), (False, True), (False, False)


@pytest.mark.parametrize(
    ("trees", "pending"),
    [
        ([sa(task="IKE_DPD")], CHECK),
        ([sa(task="IKE_MOBIKE")], CHECK),
        *(([sa(task=f"CHILD_{each}")], REQUEST) for each in ("CREATE", "REKEY", "DELETE")),
        ([sa("REKEYING", task="IKE_REKEY")], REQUEST),
        ([sa(task="CHILD_REKEY"), sa(task="IKE_DPD")], CHECK),
        # One of two that answers is enough.
        ([sa(task="IKE_DPD"), sa()], NOTHING),
        ([sa(task="CHILD_REKEY"), sa()], NOTHING),
        ([sa("CONNECTING", "", task="IKE_DPD")], NOTHING),
        ([sa("CONNECTING", "", task="IKE_AUTH")], NOTHING),
    ],
)
def test_what_waits_for_the_peer_is_seen(trees: list[dict[str, Any]], pending: tuple[bool, bool]) -> None:
    life = lives_of([("t", tree) for tree in trees])["t"]
    assert (life.check_pending, life.request_pending) == pending
    view = view_of(life, None, NOW, usable=True, starts=False)
    assert (view.check_pending, view.request_pending) == pending
    # It has answered, and what waits is the next one.
    heard = view_of(life, view, NOW, Happened(heard=True), usable=True, starts=False)
    assert (heard.check_pending, heard.request_pending) == NOTHING


TRYING = Life(connecting=True, trying=True)
DOWN = View(down_since=900.0)


@pytest.mark.parametrize(
    ("life", "before", "happened", "starts", "since"),
    [
        pytest.param(UP, DOWN, Happened(), True, None, id="up"),
        pytest.param(NO_LIFE, View(up=True), Happened(), False, None, id="lost, and nobody sets it up"),
        pytest.param(NO_LIFE, View(up=True), Happened(), True, NOW, id="lost, and it shall be up"),
        pytest.param(TRYING, None, Happened(), False, NOW, id="being set up"),
        pytest.param(TRYING, DOWN, Happened(), False, 900.0, id="being set up for long"),
        pytest.param(NO_LIFE, DOWN, Happened(), False, 900.0, id="given up, and not wanted by anybody else"),
        pytest.param(NO_LIFE, View(up=True), Happened(given_up=True), False, NOW, id="its peer is dead"),
        pytest.param(NO_LIFE, DOWN, Happened(ended=True), False, None, id="we have ended it"),
        pytest.param(NO_LIFE, DOWN, Happened(given_up=True, ended=True), False, 900.0, id="ended as its peer is dead"),
        pytest.param(Life(connecting=True), None, Happened(), False, None, id="its peer sets it up"),
    ],
)
def test_since_when_it_is_down(
    life: Life, before: View | None, happened: Happened, starts: bool, since: float | None
) -> None:
    assert view_of(life, before, NOW, happened, usable=True, starts=starts).down_since == since


def test_a_tunnel_is_as_old_as_the_oldest_of_its_ike_sas() -> None:
    trees = [sa(), sa(established="300"), sa("CONNECTING", "", established="900")]
    life = lives_of([("t", tree) for tree in trees])["t"]
    view = view_of(life, None, NOW, usable=True, starts=False)
    assert (view.born, view.peer) == (NOW - 300, "192.0.2.2")
    assert view_of(NO_LIFE, None, NOW, usable=True, starts=False).born is None


def test_what_is_known_of_a_tunnel_that_is_down_outlives_the_agent() -> None:
    views = {"a": DOWN, "b": View(up=True)}
    assert known_down(views) == {"a": 900.0}
    assert remembered(["a", "b"], known_down(views)) == {"a": DOWN}
