# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tokens of swanctl.conf, from a text and the files that it includes, as libstrongswan finds them.

Source: strongSwan, src/libstrongswan/settings/settings_lexer.l, and utils/parser_helper.c for what is included.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import Callable, NamedTuple

from ..errors import IpsecError

# From the pattern of an `include` to the files that it names, in order: name and text of each. It may raise `ValueError`
# that says what would be right.
Include = Callable[[str], Sequence["tuple[str, str]"]]

DEEPEST_INCLUDE = 50


class Place(NamedTuple):
    """Where something stands: the file as people know it, and the line, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class SettingsError(IpsecError):
    """Refuse a text: the message names file and line and what would be right, and never quotes what may be a secret."""

    def __init__(self, place: Place, wanted: str) -> None:
        self.place = place
        super().__init__(f"{place}: {wanted}")


_NAME = r"[^#{}:.,=\"\r\n\t ]+"
_SKIPPED = r"(?P<skip>[\t ]+#[^\r\n]*|[\t\r ]+|\n)|(?P<comment>#[^\r\n]*)"
_CODE = re.compile(rf"{_SKIPPED}|(?P<include>include[\t ]+(?=[^=]))|(?P<name>{_NAME})|(?P<mark>[{{}}=:.,\"])")
_REFERENCE = re.compile(rf"{_SKIPPED}|(?P<comma>,)|(?P<name>{_NAME}(?:\.{_NAME})*)")
_VALUE = re.compile(r"(?P<skip>[\t\r ]+)|(?P<word>[^#}\"\r\n\t ]+)|(?P<quote>\")")
_PATTERN = re.compile(r"(?P<skip>\r)|(?P<quote>\")|\\(?P<escaped>[\"#} ])|(?P<text>\\|[^\"\\#}\r\n\t ]+)")
_QUOTED = re.compile(r"[^\"\\]*(?:\\[\s\S][^\"\\]*)*\"")
_ESCAPE = re.compile(r"\\(\r?\n|[\s\S])|\r")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\n": "", "\r\n": ""}
# A line that says nothing but one plain value: nearly all lines of most files.
PLAIN = re.compile(
    rf"[\t ]*({_NAME})[\t ]*=[\t ]*(?:\"([^\"\\\r]*)\"|([^#}}\"\r\n\t ]+))[\t ]*\n",
)

END = ""


class Buffer:
    """A text that is being read, and how far."""

    __slots__ = ("counted", "directory", "file", "last_newline", "line", "parent", "position", "text")

    def __init__(self, file: str, directory: str, text: str, parent: Buffer | None) -> None:
        self.file, self.directory, self.text, self.parent = file, directory, text, parent
        self.position, self.counted, self.line = 0, 0, 1
        self.last_newline = text.rfind("\n")

    def step_over(self, found: re.Match[str]) -> None:
        """Go on behind a token. A comment ends with its line; one after blanks, or in the last line, at a carriage return."""
        if found.lastgroup == "comment" and found.start() < self.last_newline:
            self.position = self.text.index("\n", found.start()) + 1
        else:
            self.position = found.end()

    def line_of(self, position: int) -> int:
        """Return the line of a position; they are asked for in order."""
        self.line += self.text.count("\n", self.counted, position)
        self.counted = max(self.counted, position)
        return self.line

    def place(self, position: int) -> Place:
        """Return the place of a position; they are asked for in order."""
        return Place(self.file, self.line_of(position))


class Lexer:
    """Tokens from a text and the files that it includes: an included file stands where its `include` does."""

    def __init__(self, file: str, directory: str, text: str, include: Include) -> None:
        self._include = include
        self._rest: list[Buffer] = []
        self.buffer = Buffer(file, directory, text, None)
        self._refuse_nul(self.buffer)
        self.start = 0

    @property
    def place(self) -> Place:
        """Return where the last token began."""
        return self.buffer.place(self.start)

    def code(self) -> tuple[str, str]:
        """Return the next token outside of values: ("name", it), (one of "{}=:.,", ""), or (END, "")."""
        while True:
            buffer = self.buffer
            self.start = buffer.position
            found = _CODE.match(buffer.text, self.start)
            if found is None:
                if not self._rest:
                    return END, ""
                self.buffer = self._rest.pop()
                continue
            buffer.step_over(found)
            kind = found.lastgroup
            if kind == "name":
                return "name", found[0]
            if kind == "mark":
                return found[0], ""
            if kind == "include":
                self._include_files()

    def reference(self) -> tuple[str, str]:
        """Return the next token of a list of references: ("name", it), (",", "") or ("", "") for what ends the list."""
        while True:
            buffer = self.buffer
            self.start = buffer.position
            found = _REFERENCE.match(buffer.text, self.start)
            if found is None:
                if self.start < len(buffer.text) or not self._rest:
                    return END, ""
                self.buffer = self._rest.pop()
                continue
            buffer.step_over(found)
            if found.lastgroup in ("name", "comma"):
                return ("name", found[0]) if found.lastgroup == "name" else (",", "")

    def value(self) -> str | None:
        """Return what stands after a "=": the parts of a value joined by one blank, None if there is none."""
        buffer = self.buffer
        parts: list[str] = []
        while True:
            found = _VALUE.match(buffer.text, buffer.position)
            if found is None:
                return " ".join(parts) if parts else None
            buffer.position = found.end()
            if found.lastgroup == "word":
                parts.append(found[0])
            elif found.lastgroup == "quote":
                parts.append(self._string())

    def _string(self) -> str:
        """Return the rest of a quoted string, after its first quote."""
        buffer = self.buffer
        found = _QUOTED.match(buffer.text, buffer.position)
        if found is None:
            raise SettingsError(
                buffer.place(buffer.position - 1), 'a quoted text begins here and is never closed by a "'
            )
        buffer.position = found.end()
        return _ESCAPE.sub(_unescaped, found[0][:-1])

    def _include_files(self) -> None:
        buffer = self.buffer
        place = self.place
        pattern = ""
        while True:
            found = _PATTERN.match(buffer.text, buffer.position)
            if found is None:
                buffer.position += buffer.text[buffer.position : buffer.position + 1] in ("\t", " ")
                break
            buffer.position = found.end()
            if found.lastgroup == "quote":
                pattern += self._string()
                break
            pattern += found["escaped"] or found["text"] or ""
        if pattern:
            self._open(posixpath.join(buffer.directory, pattern), place)

    def _open(self, pattern: str, place: Place) -> None:
        above = 0
        ancestors = set()
        each: Buffer | None = self.buffer
        while each is not None:
            above += 1
            ancestors.add(each.file)
            each = each.parent
        opened = []
        try:
            files = self._include(pattern)
        except ValueError as error:
            raise SettingsError(place, f"include {pattern}: {error}") from None
        for file, text in files:
            if file in ancestors or above > DEEPEST_INCLUDE:
                raise SettingsError(
                    place, f"{file} is included by itself, or by {DEEPEST_INCLUDE} files one in another"
                )
            opened.append(Buffer(file, posixpath.dirname(file), text, self.buffer))
            self._refuse_nul(opened[-1])
        if opened:
            self._rest += [self.buffer, *reversed(opened[1:])]
            self.buffer = opened[0]

    @staticmethod
    def _refuse_nul(buffer: Buffer) -> None:
        nul = buffer.text.find("\0")
        if nul >= 0:
            raise SettingsError(buffer.place(nul), "a NUL character stands here, and text is needed")


def _unescaped(found: re.Match[str]) -> str:
    # A bare carriage return inside quotes is left out.
    character = found[1]
    return "" if character is None else _ESCAPED.get(character, character)
