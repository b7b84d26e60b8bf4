# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes: whatever is put in, the same points are in what comes out, and none of them twice."""

from __future__ import annotations

import itertools
import random
import time

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.boxes import Box, Range, disjoint, taken_out


def points(boxes: tuple[Box, ...] | list[Box]) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for box in boxes:
        sides = [[part] if isinstance(part, str) else range(part[0], part[1] + 1) for part in box]
        found.extend(itertools.product(*sides))
    return found


def some_range(chance: random.Random) -> Range:
    low = chance.randrange(6)
    return low, chance.randrange(low, 7)


@pytest.mark.parametrize("fields", [1, 2, 3])
@pytest.mark.parametrize("named", [False, True])
def test_boxes_hold_the_same_points_each_once(fields: int, named: bool) -> None:
    chance = random.Random(fields)  # noqa: S311  # the same examples every time
    for _each in range(400):
        boxes: list[Box] = []
        for _box in range(chance.randrange(6)):
            ranges = tuple(some_range(chance) for _field in range(fields))
            boxes.append((chance.choice("ab"), *ranges) if named else ranges)
        found = points(disjoint(boxes))
        assert len(found) == len(set(found))
        assert set(found) == set(points(boxes))


def test_ranges_that_touch_are_one() -> None:
    assert disjoint([((1, 2),), ((3, 4),), ((6, 6),)]) == (((1, 4),), ((6, 6),))


def test_what_is_taken_out_of_ranges_is_gone_and_nothing_else() -> None:
    chance = random.Random(7)  # noqa: S311  # the same examples every time
    for _each in range(400):
        ranges, others = ([some_range(chance) for _r in range(chance.randrange(5))] for _side in "ab")
        left = taken_out(ranges, others)
        wanted = {n for low, high in ranges for n in range(low, high + 1)}
        wanted -= {n for low, high in others for n in range(low, high + 1)}
        assert [n for low, high in left for n in range(low, high + 1)] == sorted(wanted)


def test_the_largest_box_stays_whole_and_what_lies_in_it_vanishes() -> None:
    large, small = ((0, 9), (0, 9)), ((0, 2), (3, 4))
    assert disjoint([small, large]) == (large,)
    assert disjoint([large, ((8, 12), (0, 0))]) == (large, ((10, 12), (0, 0)))


def hub(spokes: int, wide: int) -> list[Box]:
    """Return pairs of a network that holds all of them and each spoke, and of some networks and everything, that cross these."""
    pairs: list[Box] = [((0, 2**24), (spoke * 512, spoke * 512 + 255)) for spoke in range(spokes)]
    return pairs + [((each * 512, each * 512 + 255), (0, 2**32)) for each in range(wide)]


@pytest.mark.parametrize(("spokes", "wide"), [(1, 0), (100, 0), (100, 1), (100, 5)])
def test_spokes_are_cut_by_what_crosses_them_alone(spokes: int, wide: int) -> None:
    # The first of the wide ones begins where the spokes do, and takes nothing but an end off them.
    assert len(disjoint(hub(spokes, wide))) == wide + spokes * max(wide, 1)


@pytest.mark.timed
def test_a_thousand_spokes_that_five_others_cross_take_no_seconds() -> None:
    pairs = hub(1000, 5)
    began = time.process_time()
    disjoint(pairs)
    assert time.process_time() - began < 2
