# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments get the types that Ansible itself would give them, found by asking Ansible's own validator."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("ansible.module_utils.basic", reason="modules need Ansible")

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit.arguments import accepted, secrets_given
from hypothesis import given
from hypothesis import strategies as st

SPEC: dict[str, Any] = {
    "name": {"type": "str"},
    "number": {"type": "int"},
    "truth": {"type": "bool"},
    "words": {"type": "list", "elements": "str"},
    "numbers": {"type": "list", "elements": "int"},
    "key": {"type": "str", "no_log": True},
    "inner": {"type": "dict", "options": {"number": {"type": "int"}, "key": {"type": "str", "no_log": True}}},
    "items": {
        "type": "list",
        "elements": "dict",
        "options": {"truth": {"type": "bool"}, "keys": {"type": "list", "elements": "str", "no_log": True}},
    },
}

numbers = st.integers(-5, 10**6)
truths = st.sampled_from([True, False, "yes", "no", "True", "off", "1", 0, 1])
words = st.one_of(st.sampled_from(["a", "a,b", "", " x", "7"]), numbers)
given_arguments = st.fixed_dictionaries(
    {},
    optional={
        "name": words,
        "number": st.one_of(numbers, numbers.map(str)),
        "truth": truths,
        "words": st.one_of(st.lists(words, max_size=3), words),
        "numbers": st.lists(st.one_of(numbers, numbers.map(str)), max_size=3),
        "key": words,
        "inner": st.one_of(
            st.fixed_dictionaries({}, optional={"number": st.one_of(numbers, numbers.map(str)), "key": words}),
            st.sampled_from(['{"number": "3"}', "number=4"]),
        ),
        "items": st.lists(
            st.fixed_dictionaries({}, optional={"truth": truths, "keys": st.lists(words, max_size=2)}), max_size=2
        ),
    },
)


def _given_only(value: Any, written: Any) -> Any:
    """Return what Ansible's validator made of what was written, without the options that it added."""
    if isinstance(value, dict) and isinstance(written, dict):
        return {name: _given_only(each, written[name]) for name, each in value.items() if name in written}
    if isinstance(value, list) and isinstance(written, list):
        return [_given_only(each, other) for each, other in zip(value, written, strict=True)]
    return value


@given(given_arguments)
def test_types_are_those_that_ansible_gives(arguments: dict[str, Any]) -> None:
    theirs = ArgumentSpecValidator(SPEC).validate(arguments)
    assert theirs.error_messages == []
    found = accepted(arguments, SPEC)
    expected = _given_only(theirs.validated_parameters, arguments)
    if isinstance(arguments.get("inner"), str):
        expected["inner"] = {name: each for name, each in expected["inner"].items() if each is not None}
    assert found == expected
    assert repr(found) == repr({name: expected[name] for name in found})


@given(given_arguments)
def test_secrets_are_those_that_ansible_would_hide(arguments: dict[str, Any]) -> None:
    theirs = ArgumentSpecValidator(SPEC).validate(arguments)
    assert set(secrets_given(arguments, SPEC)) >= {each for each in theirs._no_log_values if each}


@pytest.mark.parametrize(
    "arguments",
    [
        {"number": "many"},
        {"truth": "perhaps"},
        {"words": {"a": 1}},
        {"inner": "x"},
        {"items": [5]},
        {"other": 1},
        {"name": None},
    ],
)
def test_what_cannot_be_converted_is_left_to_the_engine(arguments: dict[str, Any]) -> None:
    assert accepted(arguments, SPEC) == arguments
