# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers of objects for which nobody has written one: each is given once and kept."""

from __future__ import annotations

from collections.abc import Mapping, Set


def allot(
    written: Mapping[str, int | None], previous: Mapping[str, int], taken: Set[int | None], *, first: int
) -> dict[str, int]:
    """Return the number of every object, by name: as written, else as allotted before, else the lowest free one from `first` on.

    `taken` are the numbers of others, which nobody is allotted.
    """
    allotted = {name: number for name, number in written.items() if number is not None}
    used: set[int | None] = {*allotted.values(), *taken}
    for name in sorted(written.keys() - allotted.keys()):
        before = previous.get(name)
        if before is not None and before not in used:
            allotted[name] = before
            used.add(before)
    candidate = first
    for name in sorted(written.keys() - allotted.keys()):
        while candidate in used:
            candidate += 1
        allotted[name] = candidate
        used.add(candidate)
    return allotted
