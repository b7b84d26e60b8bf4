# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store of generations: what is wanted, version by version, and the link to the one in force."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import IpsecError
from .files import Files
from .paths import Paths

_OBJECTS, _SECRETS, _CURRENT = "objects.json", "secrets.json", "current"
_KEPT = 5


class GenerationBroken(IpsecError):
    """A stored generation cannot be read; the message names the file and what to do."""


@dataclass(frozen=True)
class Generation:
    """One stored generation: its number, and the documents as they were written."""

    number: int
    objects: Mapping[str, Any]
    secrets: Mapping[str, Any]


class GenerationStore:
    """Generations as directories `N/` with `objects.json` and a 0600 `secrets.json`, and a link `current`."""

    def __init__(self, files: Files, paths: Paths) -> None:
        self._files = files
        self._root = paths.generations

    def numbers(self) -> list[int]:
        """Return the numbers of all stored generations, committed or not, in order."""
        return sorted(int(name) for name in self._files.names(self._root) if name.isdigit())

    def current_number(self) -> int | None:
        """Return the number of the generation in force; None on a host that has none yet."""
        target = self._files.target(f"{self._root}/{_CURRENT}")
        return int(target) if target is not None and target.isdigit() else None

    def read(self, number: int) -> Generation:
        """Return one generation; raises `GenerationBroken`."""
        return Generation(number, self._document(number, _OBJECTS), self._document(number, _SECRETS))

    def unfinished(self) -> list[int]:
        """Return the numbers above the current one: generations whose run never reached its commit point."""
        current = self.current_number() or 0
        return [number for number in self.numbers() if number > current]

    def write(self, objects: Mapping[str, Any], secrets: Mapping[str, Any]) -> int:
        """Store a new generation, not yet in force, and return its number."""
        number = max([*self.numbers(), self.current_number() or 0], default=0) + 1
        directory = f"{self._root}/{number}"
        self._files.make_directory(self._root, 0o700)
        try:
            self._files.make_directory(directory, 0o700)
            self._files.replace(f"{directory}/{_SECRETS}", _encode(secrets), 0o600)
            self._files.replace(f"{directory}/{_OBJECTS}", _encode(objects), 0o600)
        except IpsecError:
            with contextlib.suppress(IpsecError):
                self._files.remove(directory)
            raise
        return number

    def amend(self, number: int, part: Mapping[str, Any]) -> None:
        """Replace some entries of a stored generation's objects, at once; raises `GenerationBroken`."""
        objects = {**self._document(number, _OBJECTS), **part}
        self._files.replace(f"{self._root}/{number}/{_OBJECTS}", _encode(objects), 0o600)

    def commit(self, number: int) -> None:
        """Put a stored generation in force: the commit point of a run. Those passed over were never in force, and go."""
        passed_over = [each for each in self.unfinished() if each < number]
        try:
            self._files.point(f"{self._root}/{_CURRENT}", str(number))
        except IpsecError:
            # It may have failed only after the link had moved; then the new state is in force.
            if self.current_number() != number:
                raise
        for each in passed_over:
            with contextlib.suppress(IpsecError):
                self._files.remove(f"{self._root}/{each}")

    def prune(self) -> None:
        """Remove what was never committed, and all but the last few of what was."""
        current = self.current_number() or 0
        committed = [number for number in self.numbers() if number <= current]
        for number in [*self.unfinished(), *committed[:-_KEPT]]:
            self._files.remove(f"{self._root}/{number}")

    @property
    def _remedy(self) -> str:
        return (
            f"restore it from a backup, or remove {self._root} as a whole and run the play with the whole configuration"
        )

    def _document(self, number: int, name: str) -> dict[str, Any]:
        path = f"{self._root}/{number}/{name}"
        found = self._files.read(path)
        if found is None:
            raise GenerationBroken(f"{path} is missing: {self._remedy}")
        try:
            document = json.loads(found.content.decode("utf-8", "surrogateescape"))
        except ValueError as error:
            raise GenerationBroken(f"{path} is no valid JSON ({error}): {self._remedy}") from None
        if not isinstance(document, dict):
            raise GenerationBroken(f"{path} holds no JSON object: {self._remedy}")
        return document


def _encode(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode(
        "utf-8", "surrogateescape"
    )
