# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway is a value: nothing in the pure layers can be changed once it is made."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils import artifacts, desired, plan


def dataclasses_of_pure_layers() -> Iterator[type]:
    for package in (desired, artifacts, plan):
        for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            module = importlib.import_module(found.name)
            yield from (
                value
                for value in vars(module).values()
                if isinstance(value, type) and value.__module__ == found.name and dataclasses.is_dataclass(value)
            )


@pytest.mark.parametrize("cls", sorted(dataclasses_of_pure_layers(), key=str), ids=lambda cls: cls.__name__)
def test_a_value_stays_what_it_is(cls: type) -> None:
    name = dataclasses.fields(cls)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(object.__new__(cls), name, None)
