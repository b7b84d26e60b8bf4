# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts in the grammar of swanctl.conf, whole ones and broken ones, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

# What a quoted or an escaped character may be, bytes that are no UTF-8 among them.
ALPHABET = "\"\\\n\r\t#{}=.,:;%$'` abcnrt0sx" + "äé\u20ac\U0001f512\udc80\udcff\x01\x1b\x7f"
# What a mutation puts in. No "%": libstrongswan takes the name of a reference for a format of printf(3).
MUTATIONS = [
    *'"\\\n\r\t#{}=.,: a\udcff\x0c',
    "include ",
    "include x\n",
    '""',
    " : a ",
    "{}",
    "= ",
    "\\\n",
    "a = b\n",
    "# c\n",
]
NAMES = ["a", "b", "c", "local", "children", "include", "in-clude_2", "x%y", "ä", "\udc80", "k\\", "'", "/", "0"]
# References go from a section of the first row to those of the second, so that none runs in a circle.
REFERRING, REFERRED = ["a", "b", "q"], ["t1", "t2"]
GAPS = ["", " ", "\t", "\n", "  ", "\r\n", " # note\n", "#\n", "\n\n", "# a = b\n", " # a \r", "# {\r}\n"]


class Texts:
    """A seeded source of texts."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311  # the same texts in every run

    def whole(self) -> str:
        """Return a text that is likely to be read."""
        return "".join(self._statements(depth=0))

    def broken(self) -> str:
        """Return a text with a few mutations, or cut off."""
        text = self.whole()
        for _number in range(self._chance.choice((1, 1, 1, 2, 3))):
            at = self._chance.randrange(len(text) + 1)
            kind = self._chance.randrange(5)
            put = "" if kind < 2 else self._chance.choice(MUTATIONS)
            upto = at + (kind in (0, 3)) + (kind == 1) * self._chance.randrange(1, 6)
            text = text[:at] if kind == 4 and not self._chance.randrange(4) else text[:at] + put + text[upto:]
        return text

    def value(self, longest: int = 40) -> str:
        """Return any value that a file can hold."""
        return "".join(self._chance.choices(ALPHABET, k=self._chance.randrange(longest)))

    def choice(self, options: list[str]) -> str:
        """Return one of a few."""
        return self._chance.choice(options)

    def _gap(self) -> str:
        return "".join(self._chance.choices(GAPS, k=self._chance.randrange(3)))

    def _statements(self, depth: int) -> Iterator[str]:
        for _number in range(self._chance.randrange(6 - depth)):
            yield self._gap()
            kind = self._chance.randrange(10)
            if kind < 6:
                yield from (self.choice(NAMES), self._gap(), "=", self._written_value())
            elif depth < 3:
                yield from self._section(depth)
        yield self._gap()

    def _section(self, depth: int) -> Iterator[str]:
        name = self.choice(NAMES)
        if depth == 0:
            name = self.choice([*REFERRING, *REFERRED])
        yield from (name, self._gap())
        if name in REFERRING and self._chance.randrange(2):
            names = self._chance.choices([*REFERRED, "t1.a", "t2.c.b", "nothing"], k=self._chance.randrange(1, 4))
            yield from (":", self._gap(), f"{self._gap()},{self._gap()}".join(names), self._gap())
        yield "{"
        yield from self._statements(depth + 1)
        yield "}"

    def _written_value(self) -> str:
        parts = [self._part() for _number in range(self._chance.choice((0, 1, 1, 1, 2, 3)))]
        blanks = self.choice(["", " ", "\t ", "\r"])
        return (
            blanks
            + self.choice([" ", "\t", "\r"]).join(parts)
            + self.choice(["\n", "\n", "\n", " # c\n", "\r\n", "#\n"])
        )

    def _part(self) -> str:
        if self._chance.randrange(2):
            return self.choice(
                ["b", "1,2", "aes256-sha256", "a{b", "=", "x:y", "0sYQ==", "\\", "%any", "ä\udcff", "include"]
            )
        inner = [self.choice(["\\", ""]) + each for each in self.value(12)]
        text = "".join(each if each[-1] not in '"\\' or len(each) > 1 else "\\" + each for each in inner)
        return f'"{text}"'
