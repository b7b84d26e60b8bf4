# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which wanted children take over the traffic of live ones; pure.

Names do not tell: phase 2s that share a side are one CHILD_SA with the name of the first of them, so that a phase 2 which
comes, goes or changes can give another child the traffic of one that is up. What a CHILD_SA carries is what its ends have
agreed on; a peer may have narrowed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..artifacts.values import ChildPart
from ..desired.selectors import Selector, selector_of
from ..observed.values import LiveChild

Pair = tuple[str, str]


@dataclass(frozen=True)
class Heirs:
    """The children that take over what live ones carry, in order, and whether all of it is taken over."""

    names: tuple[str, ...]
    complete: bool


def heirs_of(
    live: Iterable[LiveChild],
    loaded: Mapping[str, ChildPart],
    wanted: Mapping[str, ChildPart],
    renamed: Mapping[str, str],
) -> Heirs:
    """Return who takes over from live children.

    The child of the same name comes first, which may carry other networks now, as long as they overlap with those before.
    What it does not carry is taken over by children that are new or have changed: one that stays as it is carries
    nothing more than before. `renamed` are the new names of children that differ in nothing else.
    """
    changed = {name: part for name, part in wanted.items() if name not in loaded or loaded[name].digest != part.digest}
    found: set[str] = set()
    complete = True
    for child in live:
        name = renamed.get(child.name, child.name)
        same = wanted.get(name)
        if same is not None:
            found.add(name)
        pairs = [(local, remote) for local in child.local for remote in child.remote]
        if not pairs:
            complete &= same is not None
        rest = [pair for pair in pairs if same is None or not _holds(same, pair)]
        others = {other: part for other, part in changed.items() if other != name} if rest else {}
        for pair in rest:
            whole = {other for other, part in others.items() if _holds(part, pair)}
            found |= whole or {other for other, part in others.items() if _meets(part, pair)}
            complete &= bool(whole) or (same is not None and _meets(same, pair))
    return Heirs(tuple(sorted(found)), complete)


def _holds(part: ChildPart, pair: Pair) -> bool:
    """Say whether a child carries all traffic of a pair."""
    return all(
        shown in wanted or any(_inside(selector, _read(each)) for each in wanted)
        for shown, wanted, selector in _sides(part, pair)
    )


def _meets(part: ChildPart, pair: Pair) -> bool:
    """Say whether a child carries some traffic of a pair."""
    return all(
        any(not _read(each).family or selector.overlaps(_read(each)) for each in wanted)
        for _shown, wanted, selector in _sides(part, pair)
    )


def _sides(part: ChildPart, pair: Pair) -> tuple[tuple[str, Sequence[str], Selector], ...]:
    local, remote = pair
    return (local, part.local, _read(local)), (remote, part.remote, _read(remote))


def _inside(selector: Selector, other: Selector) -> bool:
    """Say whether `selector` has nothing that `other` has not; what is dynamic has the address that was agreed on."""
    somewhere = not other.family or (
        selector.family == other.family and other.low <= selector.low <= selector.high <= other.high
    )
    ports = other.ports == selector.ports or other.ports[0] <= selector.ports[0] <= selector.ports[1] <= other.ports[1]
    return somewhere and other.protocol in (0, selector.protocol) and ports


def _read(text: str) -> Selector:
    """Return a selector as charon shows it: a range has two dots; services by names of its host are left out."""
    text = text.replace("..", "-")
    try:
        return selector_of(text)
    except ValueError:
        return selector_of(text.partition("[")[0])
