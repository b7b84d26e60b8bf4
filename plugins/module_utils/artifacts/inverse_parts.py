# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections whose values were read: what their keys mean, and what of them no option can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Problem
from .inverse_problems import not_known
from .keys import Key, value_of
from .settings import Section, Value


@dataclass(frozen=True)
class Part:
    """A section whose values have been read: where it is for people, itself, its values, and their meanings by key."""

    path: str
    section: Section
    given: dict[str, Any]
    keys: Mapping[str, Key]

    def __getitem__(self, key: str) -> Any:
        return value_of(self.keys, key, self.given)


def read_leaf(section: Section, path: str, keys: Mapping[str, Key], problems: list[Problem]) -> Part:
    """Return a section that has no sections in it; what cannot be said is added to `problems`."""
    problems += (not_known(inner, f"{path}.{name}", ()) for name, inner in section.sections.items())
    return read_part(section, path, keys, problems)


def read_part(section: Section, path: str, keys: Mapping[str, Key], problems: list[Problem]) -> Part:
    """Return a section by its values alone; what cannot be said of them is added to `problems`."""
    given: dict[str, Any] = {}
    for name, value in section.values.items():
        if value.text is None:
            continue
        if name not in keys:
            problems.append(not_known(value, f"{path}.{name}", keys))
            continue
        try:
            given[name] = keys[name].read(value.text)
        except ValueError as error:
            problems.append(Problem(str(value.place), f"{path}.{name}", value.text, str(error)))
    for name, key in keys.items():
        value = section.values.get(name, Value(None, *section.place))
        if key.needed and value.text is None and not (name == "esp_proposals" and given.get("ah_proposals")):
            problems.append(Problem(str(value.place), f"{path}.{name}", None, f"is not given; {key.needed}"))
    return Part(path, section, given, keys)
