# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The identity of a connection's parts: what counts as another IKE_SA, another CHILD_SA, or neither."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.parts import parts_from_data, parts_of

CHILD: dict[str, Any] = {"remote_ts": ["10.2.0.0/24", "10.3.0.0/24"], "life_time": "3600", "start_action": "trap"}
TREE: dict[str, Any] = {
    "version": "2",
    "keyingtries": "0",
    "local": {"auth": "psk", "id": "a"},
    "children": {"lan": CHILD, "dmz": CHILD},
}


def with_lan(**changes: Any) -> dict[str, Any]:
    return {**TREE, "children": {**TREE["children"], "lan": {**CHILD, **changes}}}


@pytest.mark.parametrize(
    ("tree", "whole", "ike", "lan"),
    [
        pytest.param(TREE, False, False, False, id="the same"),
        pytest.param(dict(reversed(TREE.items())), False, False, False, id="in another order"),
        pytest.param(with_lan(remote_ts="10.2.0.0/24,10.3.0.0/24"), False, False, False, id="as the file has it"),
        pytest.param({**TREE, "version": "1"}, True, True, False, id="IKE"),
        pytest.param({**TREE, "local": {"auth": "psk", "id": "b"}}, True, True, False, id="a round of authentication"),
        pytest.param(with_lan(life_time="60"), True, False, True, id="a child"),
        pytest.param(with_lan(remote_ts=["10.3.0.0/24", "10.2.0.0/24"]), True, False, True, id="a child's order"),
        pytest.param(with_lan(start_action="none"), True, False, False, id="a start action"),
    ],
)
def test_what_counts_as_another(*, tree: Any, whole: bool, ike: bool, lan: bool) -> None:
    was, becomes = parts_of(TREE), parts_of(tree)
    assert (was.whole != becomes.whole, was.ike != becomes.ike) == (whole, ike)
    assert (was.children["lan"].digest != becomes.children["lan"].digest) == lan
    assert was.children["dmz"] == becomes.children["dmz"]


@pytest.mark.parametrize(
    ("action", "starts"), [("none", False), ("trap", False), ("start", True), ("trap|start", True)]
)
def test_what_charon_starts_by_itself(*, action: str, starts: bool) -> None:
    only = {**TREE, "children": {"lan": {**CHILD, "start_action": action}}}
    assert parts_of(only).starts is parts_of(only).children["lan"].starts is starts
    assert not parts_of({**TREE, "children": {}}).starts


UNSEEN_TREES = [{**TREE, "dscp": "101110"}, {**TREE, "dpd_timeout": "9"}, with_lan(label_mode="simple")]


@pytest.mark.parametrize("tree", UNSEEN_TREES, ids=["dscp", "dpd_timeout", "label_mode"])
def test_what_charon_passes_over_counts_by_itself(tree: Any) -> None:
    was, becomes = parts_of(TREE), parts_of(tree)
    assert (was.unseen, was.ike) == ("", becomes.ike)
    assert becomes.unseen not in ("", parts_of({**tree, "dscp": "000001"}).unseen)
    assert becomes.whole != was.whole


@pytest.mark.parametrize("tree", [TREE, *UNSEEN_TREES])
def test_parts_come_back_from_json(tree: Any) -> None:
    assert parts_from_data(json.loads(json.dumps(parts_of(tree).as_data()))) == parts_of(tree)


def test_a_record_of_an_earlier_release_is_read() -> None:
    data = parts_of(TREE).as_data()
    assert len(data) == 3
    assert parts_from_data(data) == parts_of(TREE)


@pytest.mark.parametrize(
    "data", [None, 1, "abc", [], ["a", "b", "c"], ["a", "b", {"lan": "x"}], ["a", "b", {"lan": ["x"]}]]
)
def test_other_data_is_no_parts(data: Any) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError)):
        parts_from_data(data)
