# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option of every object is among what is generated, so that a new one is tried on a real charon from the first day."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    TYPES,
    Config,
    check_gateway,
    parse_gateway,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import Kind, option, options_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.generators.objects import (
    OPTION_CLASSES,
    made_gateway,
    made_object,
    right,
)

NEW = Kind("str", lambda value: value)


@dataclass(frozen=True)
class Newer:
    """An object with an option of a kind that nothing is made for."""

    knob: str | None = option(NEW, "A new option.")


def classes_below(cls: type) -> set[type]:
    """Return the classes of objects that a class's options hold, at every depth."""
    inner = {
        kind.of for each in options_of(cls) for kind in (each.kind, each.kind.item) if kind is not None and kind.of
    }
    return inner.union(*(classes_below(each) for each in inner)) if inner else set()


def test_every_class_of_objects_is_generated() -> None:
    assert set(OPTION_CLASSES) == classes_below(Config)
    assert {kind.cls for kind in TYPES} <= set(OPTION_CLASSES)


def test_something_is_made_for_every_option() -> None:
    for cls in OPTION_CLASSES:
        for each in options_of(cls):
            right(cls, each, random.Random(0), {})  # noqa: S311  # the same in every run


def test_an_option_that_nothing_is_made_for_is_named() -> None:
    with pytest.raises(LookupError, match=r"nothing is made for Newer\.knob: add its kind to MAKERS"):
        right(Newer, options_of(Newer)[0], random.Random(0), {})  # noqa: S311  # the same in every run


def written(config: dict[str, Any]) -> list[str]:
    """Name the options that a configuration has, "class.option", those of objects in objects too."""
    return [name for kind in TYPES for item in config[kind.plural] for name in _written(kind.cls, item)]


def _written(cls: type, item: dict[str, Any]) -> list[str]:
    found = []
    for each in options_of(cls):
        value = item.get(each.name)
        if value is not None:
            found.append(f"{cls.__name__}.{each.name}")
            inner = (each.kind.item or each.kind).of
            if inner is not None:
                entries = value if isinstance(value, list) else [value]
                found += [name for entry in entries for name in _written(inner, entry)]
    return found


def test_every_option_is_often_in_what_validation_takes() -> None:
    count: Counter[str] = Counter()
    for number in range(1200):
        config = made_gateway(number)
        try:
            check_gateway(parse_gateway(config))
        except ValidationError:
            continue
        count.update(written(config))
    rare = {
        name for cls in OPTION_CLASSES for each in options_of(cls) if count[name := f"{cls.__name__}.{each.name}"] < 10
    }
    assert rare == set()


def test_a_number_makes_the_same_gateway_each_time() -> None:
    assert [made_gateway(number) for number in range(20)] == [made_gateway(number) for number in range(20)]
    assert made_object(OPTION_CLASSES[0], random.Random(1), name="a")["name"] == "a"  # noqa: S311  # the same in every run
