# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a swanctl.conf that options cannot say: file, line and key; values only of keys that are known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence

from ..errors import Problem
from .settings import Section, Value

_TOLD_AT_MOST = 50


def not_known(item: Value | Section, path: str, known: Iterable[str]) -> Problem:
    """Tell of a key or a section that no option stands for; never its value, which may be anything, a password too."""
    what = "section" if isinstance(item, Section) else "key"
    close = difflib.get_close_matches(path.rpartition(".")[2], list(known), n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return Problem(str(item.place), path, None, f"no option stands for this {what} yet{hint}")


def no_value_here(section: Section, path: str) -> Iterator[Problem]:
    """Tell of values where only sections stand; not of their keys, which may be the rest of a secret that had a brace."""
    for value in section.values.values():
        if value.text is not None:
            yield Problem(str(value.place), path, None, "a value stands here, and only sections can")


def not_kept(value: Value, path: str, hint: str, would: str | None) -> Problem:
    """Tell of a value, or of a missing one, that no option can keep: what to write instead, or what it would become."""
    begin = "no option can keep it" if value.text is not None else "is not given, and no option can say so"
    end = "only charon's default is possible" if would is None else f"it would become {would!r}"
    return Problem(str(value.place), path, value.text, f"{begin}; {hint or end}")


def told(problems: Sequence[Problem]) -> list[Problem]:
    """Return the first problems, and how many more there are: a file of thousands of connections may repeat one."""
    rest = len(problems) - _TOLD_AT_MOST
    if rest <= 0:
        return list(problems)
    more = Problem("and", f"{rest} more", None, "mend these first, they are often the same again")
    return [*problems[:_TOLD_AT_MOST], more]
