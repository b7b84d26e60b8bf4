# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References between sections (`paris : defaults { … }`): what a program sees that enumerates values and sections.

Source: strongSwan, src/libstrongswan/settings/settings.c: find_sections_buffered, resolve_reference and the enumerators.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .settings import Section
from .tokens import SettingsError

# One section is looked up in so many steps at most; real files need a handful.
_STEPS_AT_MOST = 10_000
_DEEPEST = 100


def resolved(root: Section) -> Section:
    """Return the sections with what they refer to put in; the result has no references left.

    The own value of a section comes before that of a section it refers to, an earlier reference before a later one, and
    an empty assignment hides what would come after it. A reference to nothing adds nothing, as in charon. Raises
    `SettingsError` for references that run in a circle: libstrongswan would never come back from them.
    """
    return _Resolver(root).section((), root) if next(referred(root), None) is not None else root


def referred(section: Section) -> Iterator[str]:
    """Yield the names of the sections that anything in a section refers to."""
    yield from section.references
    for inner in section.sections.values():
        yield from referred(inner)


class _Resolver:
    """The lookup of sections by path, from the root on each time, since every section on the way may have references."""

    def __init__(self, root: Section) -> None:
        self._root = root
        self._steps = 0
        self._asked = root

    def section(self, path: tuple[str, ...], own: Section) -> Section:
        self._steps, self._asked = 0, own
        found: list[Section] = []
        self._find(self._root, path or ("",), found, depth=0)
        merged = Section(own.place)
        for each in found:
            for key, value in each.values.items():
                merged.values.setdefault(key, value)
        first: dict[str, Section] = {}
        for each in found:
            for name, inner in each.sections.items():
                first.setdefault(name, inner)
        for name, inner in first.items():
            merged.sections[name] = self.section((*path, name), inner)
        return merged

    def _find(
        self, section: Section, path: Sequence[str], found: list[Section], *, depth: int, references: bool = True
    ) -> None:
        """Add every section that a path names to `found`, those referred to after the one that stands there itself."""
        self._count(depth)
        inner = section if path[0] == "" else section.sections.get(path[0])
        if inner is not None and len(path) > 1:
            self._find(inner, path[1:], found, depth=depth + 1)
        elif inner is not None and not any(each is inner for each in found):
            found.append(inner)
            for name in inner.references:
                self._find(self._root, name.split("."), found, depth=depth + 1)
        if references and section is not inner:
            for target in self._targets(section, depth):
                self._find(target, path, found, depth=depth + 1, references=False)

    def _targets(self, section: Section, depth: int) -> Iterator[Section]:
        for name in section.references:
            targets: list[Section] = []
            self._find(self._root, name.split("."), targets, depth=depth + 1)
            yield from targets

    def _count(self, depth: int) -> None:
        self._steps += 1
        if depth > _DEEPEST or self._steps > _STEPS_AT_MOST:
            raise SettingsError(
                self._asked.place, "the references of this section run in a circle, or there are far too many of them"
            )
