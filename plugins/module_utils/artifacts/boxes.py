# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Elements of nftables' sets as boxes: a range of numbers, or a text, for each field; and sets in which none overlap.

The kernel refuses a set with intervals whose elements overlap, and with it the whole transaction, though to a packet it
makes no difference whether one element or two have it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Union

Range = tuple[int, int]
# A number is a range from it to itself; names of interfaces are texts.
Part = Union[Range, str]
Box = tuple[Part, ...]


def disjoint(boxes: Iterable[Box]) -> tuple[Box, ...]:
    """Return boxes that hold what these hold, sorted, none of which overlap; of one field none of which touch either."""
    wanted = sorted(set(boxes), key=_order)
    if all(len(box) == 1 for box in wanted):
        return _merged(wanted)
    found: list[Box] = []
    left = [wanted]
    while left:
        for group in _apart(left.pop()):
            # The largest stays whole, and what lies in it vanishes. What is left of the others may be apart without it.
            largest = max(range(len(group)), key=lambda at: _size(group[at]))
            found.append(group[largest])
            others = group[:largest] + group[largest + 1 :]
            left.append([piece for box in others for piece in _without(box, group[largest])])
    return in_order(found)


def in_order(boxes: Iterable[Box]) -> tuple[Box, ...]:
    """Return boxes as they are, each once, sorted as `disjoint` does."""
    return tuple(sorted(set(boxes), key=_order))


def _apart(boxes: list[Box]) -> Iterator[list[Box]]:
    """Yield boxes in groups of which no two meet; nearly always groups of one, whatever field it is that tells them apart."""
    left = [(boxes, 0, 0)] if boxes else []
    while left:
        group, index, tried = left.pop()
        width = len(group[0])
        if len(group) == 1 or tried == width:
            yield group
            continue
        parts = _split(group, index)
        left += ((part, (index + 1) % width, 1 if len(parts) > 1 else tried + 1) for part in parts)


def _split(boxes: list[Box], index: int) -> list[list[Box]]:
    """Return boxes in groups that do not meet in one field."""
    groups: list[list[Box]] = []
    last: Part = ""
    for box in sorted(boxes, key=lambda each: _order((each[index],))):
        part = box[index]
        if groups and _reaches(last, part):
            groups[-1].append(box)
            last = part if isinstance(part, str) or isinstance(last, str) else (last[0], max(last[1], part[1]))
        else:
            groups.append([box])
            last = part
    return groups


def _order(box: Box) -> list[tuple[str, int, int]]:
    return [(part, 0, 0) if isinstance(part, str) else ("", *part) for part in box]


def _size(box: Box) -> int:
    return math.prod(part[1] - part[0] + 1 for part in box if not isinstance(part, str))


def _reaches(part: Part, later: Part) -> bool:
    if isinstance(part, str) or isinstance(later, str):
        return part == later
    return part[1] >= later[0]


def _merged(boxes: list[Box]) -> tuple[Box, ...]:
    found: list[Box] = []
    for box in boxes:
        part, last = box[0], found[-1][0] if found else ""
        if isinstance(part, str) or isinstance(last, str) or last[1] + 1 < part[0]:
            found.append(box)
        else:
            found[-1] = ((last[0], max(last[1], part[1])),)
    return tuple(found)


def _without(whole: Box, other: Box) -> list[Box]:
    """Return what is left of a box when another is taken out of it."""
    if not all(_meet(mine, theirs) for mine, theirs in zip(whole, other)):
        return [whole]
    pieces, rest = [], list(whole)
    for index, (mine, theirs) in enumerate(zip(whole, other)):
        if isinstance(mine, str) or isinstance(theirs, str):
            continue
        for low, high in ((mine[0], theirs[0] - 1), (theirs[1] + 1, mine[1])):
            if low <= high:
                pieces.append((*rest[:index], (low, high), *rest[index + 1 :]))
        rest[index] = (max(mine[0], theirs[0]), min(mine[1], theirs[1]))
    return pieces


def _meet(one: Part, other: Part) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return one[0] <= other[1] and other[0] <= one[1]


def taken_out(ranges: Iterable[Range], others: Iterable[Range]) -> list[Range]:
    """Return what is left of ranges when others are taken out of them, sorted, none touching another."""
    found: list[Range] = []
    holes = _spans(others)
    at = 0
    for low, high in _spans(ranges):
        while at < len(holes) and holes[at][1] < low:
            at += 1
        left, here = low, at
        while here < len(holes) and holes[here][0] <= high:
            if left < holes[here][0]:
                found.append((left, holes[here][0] - 1))
            left = holes[here][1] + 1
            here += 1
        if left <= high:
            found.append((left, high))
    return found


def _spans(ranges: Iterable[Range]) -> list[Range]:
    return [part for (part,) in disjoint((each,) for each in ranges) if not isinstance(part, str)]
