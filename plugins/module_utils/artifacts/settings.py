# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of swanctl.conf: from tokens to sections and values, accepting what libstrongswan accepts, and no more.

Source: strongSwan, src/libstrongswan/settings: settings_parser.y and settings_types.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .tokens import END, PLAIN, Buffer, Include, Lexer, Place, SettingsError

DEEPEST_SECTION = 100


class Value(NamedTuple):
    """What a key is set to; None after an empty assignment, which also hides what a referenced section says."""

    text: str | None
    file: str
    line: int

    @property
    def place(self) -> Place:
        """Return where the key stands."""
        return Place(self.file, self.line)


class Span(NamedTuple):
    """Where a section stands in a file, from its name to its "}", as positions in the text; it may end in another file."""

    file: str
    begin: int
    end: int | None


class Section:
    """A section: values and sections in the order in which they first came, and the names of sections referred to.

    `spans` are all the places where it stands.
    """

    __slots__ = ("place", "references", "sections", "spans", "values")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.spans: list[Span] = []
        self.values: dict[str, Value] = {}
        self.sections: dict[str, Section] = {}
        self.references: list[str] = []


def no_include(_pattern: str) -> Sequence[tuple[str, str]]:
    """Find no file, whatever the pattern."""
    return ()


def parse_settings(text: str, *, file: str, directory: str = "", include: Include = no_include) -> Section:
    """Read a text as libstrongswan does and return its root section; sections that stand twice are one.

    `file` is the text's name in messages, `directory` is where its relative includes begin; those of an included file
    begin where that file lies. Raises `SettingsError`. Refused beyond what libstrongswan refuses is only what would
    crash or fool it: a NUL character, a "%" in a reference, which becomes a format of printf(3), a file that includes
    itself, sections nested deeper than `DEEPEST_SECTION`.
    """
    return _Parser(Lexer(file, directory, text, include)).parse()


class _Parser:
    """Sections from tokens."""

    def __init__(self, lexer: Lexer) -> None:
        self._lexer = lexer
        self._open = [Section(lexer.place)]
        self._begun: list[tuple[Buffer, int]] = []

    def parse(self) -> Section:
        lexer, stack = self._lexer, self._open
        while True:
            buffer = lexer.buffer
            plain = PLAIN.match(buffer.text, buffer.position)
            if plain is not None and plain[1] != "include":
                text = plain[3] if plain[2] is None else plain[2]
                stack[-1].values[plain[1]] = Value(text, buffer.file, buffer.line_of(plain.start(1)))
                buffer.position = plain.end()
                continue
            kind, name = lexer.code()
            if kind == "name":
                self._statement(name)
            elif kind == "}" and len(stack) > 1:
                self._leave(stack.pop())
            elif kind == END and len(stack) == 1:
                return stack[0]
            else:
                raise SettingsError(*self._misplaced(kind))

    def _statement(self, name: str) -> None:
        place, begin = self._lexer.place, (self._lexer.buffer, self._lexer.start)
        kind, _name = self._lexer.code()
        if kind == "=":
            self._open[-1].values[name] = Value(self._lexer.value(), *place)
        elif kind in ("{", ":"):
            self._enter(name, place, self._references() if kind == ":" else ())
            self._begun.append(begin)
        else:
            raise SettingsError(
                place,
                "a name stands here alone: '= value' or '{ … }' must follow (a value with a line break needs quotes)",
            )

    def _references(self) -> list[str]:
        names: list[str] = []
        separator = True
        while True:
            kind, name = self._lexer.reference()
            if kind == "name" and separator:
                if "%" in name:
                    raise SettingsError(self._lexer.place, "a name without '%' is needed in a reference")
                names.append(name)
            elif kind != "," or separator:
                break
            separator = kind == ","
        if separator or kind == "name" or self._lexer.code()[0] != "{":
            raise SettingsError(
                self._lexer.place, "after ':' the names of sections are needed, separated by commas, and then '{'"
            )
        return names

    def _enter(self, name: str, place: Place, references: Sequence[str]) -> None:
        if len(self._open) > DEEPEST_SECTION:
            raise SettingsError(place, f"at most {DEEPEST_SECTION} sections one in another are possible")
        section = self._open[-1].sections.get(name)
        if section is None:
            section = self._open[-1].sections[name] = Section(place)
        section.references += [each for each in dict.fromkeys(references) if each not in section.references]
        self._open.append(section)

    def _leave(self, section: Section) -> None:
        buffer, begin = self._begun.pop()
        there = self._lexer.buffer
        section.spans.append(Span(buffer.file, begin, there.position if there is buffer else None))

    def _misplaced(self, kind: str) -> tuple[Place, str]:
        if kind == END:
            return self._open[-1].place, "this section is never closed by a '}'"
        if kind == "}":
            return self._lexer.place, "there is no open section that this '}' could close"
        if kind == '"':
            return self._lexer.place, "a name is needed here; quotes are for values only"
        return (
            self._lexer.place,
            f"a name is needed before '{kind}'; names have none of # {{ }} : . , = \" and no blanks",
        )
