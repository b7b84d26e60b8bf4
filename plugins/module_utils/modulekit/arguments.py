# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types that Ansible gives to arguments, for those that are given: what a template made a text is a number again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible.module_utils.common.validation import (
    check_type_bool,
    check_type_dict,
    check_type_int,
    check_type_list,
    check_type_str,
)

# What most values are already, and how Ansible makes others so.
_TYPES: dict[str, tuple[type, Callable[[Any], Any]]] = {
    "str": (str, check_type_str),
    "int": (int, check_type_int),
    "bool": (bool, check_type_bool),
    "list": (list, check_type_list),
    "dict": (dict, check_type_dict),
}


def accepted(given: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with the types that an argument spec demands, as Ansible would convert them.

    What it cannot convert, and what has no option, stays as it is: the engine says what would be right. So do a list
    and a dictionary where a text is wanted: as texts they would show the secrets in them.
    """
    return {
        name: value if value is None or name not in options else _accepted(value, options[name])
        for name, value in given.items()
    }


def _accepted(value: Any, argument: Mapping[str, Any]) -> Any:
    typed = _typed(value, argument["type"])
    if isinstance(typed, list):
        element = {**argument, "type": argument.get("elements", "str")}
        return [each if each is None else _accepted(each, element) for each in typed]
    if isinstance(typed, dict) and "options" in argument:
        return accepted(typed, argument["options"])
    return typed


def _typed(value: Any, name: str) -> Any:
    exact, convert = _TYPES[name]
    if value.__class__ is exact or (exact is str and isinstance(value, (dict, list))):
        return value
    try:
        return convert(value)
    except (TypeError, ValueError):
        return value


def secrets_given(given: Any, options: Mapping[str, Any]) -> Iterator[str]:
    """Yield every text that stands where an argument spec says `no_log`."""
    if isinstance(given, (list, tuple)):
        for each in given:
            yield from secrets_given(each, options)
    elif isinstance(given, Mapping):
        for name, value in given.items():
            argument = options.get(name, {})
            if argument.get("no_log"):
                yield from (str(each) for each in (value if isinstance(value, (list, tuple)) else [value]) if each)
            elif "options" in argument:
                yield from secrets_given(value, argument["options"])
