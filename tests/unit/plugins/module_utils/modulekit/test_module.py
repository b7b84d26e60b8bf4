# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module tells of its parameters, and which secrets have to be looked for in a result."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("ansible.module_utils.basic", reason="modules need Ansible")

from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit.module import (
    hidden,
    occurring,
    shown_arguments,
    told_arguments,
)

SPEC: dict[str, Any] = {
    "name": {"type": "str"},
    "psk": {"type": "str", "no_log": True},
    "config": {
        "type": "dict",
        "options": {"phase1": {"type": "list", "elements": "dict", "options": {"psk": {"no_log": True}, "name": {}}}},
    },
    "state": {"type": "str"},
}
HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


@pytest.mark.parametrize(
    ("result", "found"),
    [
        pytest.param({"msg": "the key is hunter2, it says"}, {"hunter2"}, id="inside a text"),
        pytest.param({"plan": [{"object": "hunter2"}]}, {"hunter2"}, id="deep in lists and dictionaries"),
        pytest.param({"hunter2": 1}, {"hunter2"}, id="as a key"),
        pytest.param({"count": 120345}, {"2034"}, id="inside a number"),
        pytest.param(["first", {"second": ("two\nlines",)}], {"two\nlines"}, id="over two lines"),
        pytest.param({"msg": 'a "quoted\\" text'}, {'"quoted\\"'}, id="with characters that JSON escapes"),
        pytest.param({"plan": [], "changed": False}, set(), id="nowhere"),
    ],
)
def test_only_secrets_that_occur_are_left_to_be_replaced(result: Any, found: set[str]) -> None:
    secrets = {"hunter2", "2034", "two\nlines", '"quoted\\"', "never seen"}
    assert occurring(secrets, result) == found


def test_objects_are_told_by_their_number() -> None:
    params = {"config": {"phase1": [{"psk": "hunter2"}], "phase2": None}, "state": "merged"}
    assert told_arguments(params, SPEC) == {"config": {"phase1": 1}, "state": "merged"}


@pytest.mark.parametrize("config", ["hunter2", ["hunter2"], None])
def test_a_config_of_the_wrong_type_is_not_told(config: Any) -> None:
    assert told_arguments({"config": config}, SPEC) == {"config": {}}


@pytest.mark.parametrize(
    ("params", "shown"),
    [
        pytest.param({"name": "paris", "psk": "hunter2"}, {"name": "paris", "psk": HIDDEN}, id="a secret"),
        pytest.param({"psk": "['hun\\\\ter2']"}, {"psk": HIDDEN}, id="a secret that was a list"),
        pytest.param({"psk": None}, {"psk": None}, id="no secret"),
        pytest.param({"pskk": "hunter2"}, {"pskk": HIDDEN}, id="a secret under a mistyped name"),
        pytest.param(
            {"config": {"phase1": [{"name": "paris", "psk": "hunter2"}], "phase3": ["hunter2"]}},
            {"config": {"phase1": [{"name": "paris", "psk": HIDDEN}], "phase3": HIDDEN}},
            id="secrets of objects",
        ),
        pytest.param({"config": "hunter2"}, {"config": HIDDEN}, id="a text in the place of objects"),
    ],
)
def test_parameters_are_shown_without_secrets(params: dict[str, Any], shown: dict[str, Any]) -> None:
    assert shown_arguments(params, SPEC) == shown


@pytest.mark.parametrize(
    ("secret", "replaced"),
    [
        pytest.param("hunter2-hunter2", True, id="a secret that by mistake stands in a result"),
        pytest.param("lan", False, id="a short one, which stands in many words"),
        pytest.param("berlin-paris", False, id="one that is a name among the parameters"),
        pytest.param("51.100.2", False, id="one that is a part of an address among the parameters"),
    ],
)
def test_a_secret_that_stands_there_as_something_else_is_not_replaced(secret: str, *, replaced: bool) -> None:
    shown = {"name": "berlin-paris", "psk": HIDDEN, "remote_endpoints": ["198.51.100.2"]}
    assert hidden({secret}, shown) == ({secret} if replaced else set())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("gw.example.org", "gw.example.org", id="a name"),
        pytest.param("x" * 128, "x" * 128, id="the longest"),
        pytest.param("x" * 129, "(129 characters)", id="longer"),
        pytest.param("two\nlines", "(9 characters)", id="two lines"),
        pytest.param(["a", "b\nc"], ["a", "(3 characters)"], id="in a list"),
        pytest.param(7, 7, id="a number"),
    ],
)
def test_of_a_long_text_the_length_is_shown(value: Any, shown: Any) -> None:
    assert shown_arguments({"name": value}, SPEC) == {"name": shown}
