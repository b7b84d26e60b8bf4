# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read for links that follow their tunnels, and no more than that."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Bound
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.following import observe_carrying
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import Carrying
from ansible_collections.swanfleet.ipsec.tests.fakes.charon import FakeCharon


def tree(start_action: str) -> dict[str, Any]:
    child = {"local_ts": ["10.1.0.0/24"], "remote_ts": ["10.2.0.0/24"], "start_action": start_action}
    return {
        "version": "2", "remote_addrs": ["198.51.100.2"], "local": {"auth": "psk"}, "remote": {"auth": "psk"},
        "children": {"lan": child},
    }  # fmt: skip


@pytest.fixture
def charon() -> FakeCharon:
    """Return a charon with a tunnel of each kind: one that is up, one with a trap, one that waits for its peer."""
    made = FakeCharon()
    for name, start_action in {"up": "none", "trap": "trap", "idle": "none"}.items():
        made.load_connection(name, tree(start_action))
    made.initiate(ike="up", child="lan", timeout_ms=0)
    made.commands.clear()
    return made


UP, TRAP = frozenset({"up"}), frozenset({"trap"})


@pytest.mark.parametrize(
    ("ties", "found", "asked"),
    [
        pytest.param([], Carrying(), {}, id="no link"),
        pytest.param([Bound(), Bound("down", ("up",))], Carrying(), {}, id="none that follows"),
        pytest.param([Bound("follow")], Carrying(), {}, id="nobody goes by it"),
        pytest.param([Bound("follow", ("up", "idle"))], Carrying(UP), {"list-sas": 1}, id="its SA decides"),
        pytest.param([Bound("follow", ("idle",))], Carrying(traps=TRAP), {"list-sas": 1, "list-policies": 1},
                     id="a trap may be there"),
        pytest.param([Bound("follow", ("idle",), trapped=True)], Carrying(), {"list-sas": 1}, id="a trap is to be there"),
        pytest.param([Bound("sa", ("trap",))], Carrying(), {"list-sas": 1}, id="a trap counts for nothing"),
        pytest.param([Bound("follow", ("idle",)), Bound("sa", ("up",))], Carrying(UP, TRAP),
                     {"list-sas": 1, "list-policies": 1}, id="two links"),
        pytest.param([Bound("follow"), Bound("sa", ("idle",))], Carrying(), {"list-sas": 1},
                     id="an empty one beside it"),
    ],
)  # fmt: skip
def test_what_is_read(charon: FakeCharon, ties: list[Bound], found: Carrying, asked: dict[str, int]) -> None:
    assert observe_carrying(charon, ties) == found
    assert charon.commands == asked


@pytest.mark.parametrize(("state", "carries"), [("INSTALLED", True), ("REKEYING", True), ("INSTALLING", False)])
def test_a_child_sa_that_is_only_being_set_up_carries_nothing(
    charon: FakeCharon, monkeypatch: pytest.MonkeyPatch, state: str, *, carries: bool
) -> None:
    children = {"lan-1": {"name": "lan", "uniqueid": "1", "state": state}}
    monkeypatch.setattr(charon, "sas", lambda _names: [("idle", {"state": "ESTABLISHED", "child-sas": children})])
    assert bool(observe_carrying(charon, [Bound("sa", ("idle",))]).sas) is carries
