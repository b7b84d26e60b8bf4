# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file system in memory with what the engine uses of a real one; tests/contract/test_files.py holds it to that."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileState, FileTrouble, NewFile
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import LockBusy

DIRECTORY_MODE = 0o755


def _matches(path: str, pattern: str) -> bool:
    """Say whether a pattern matches a path: nothing special matches a slash, or a dot that begins a name."""
    names, parts = path.split("/"), pattern.split("/")
    return len(names) == len(parts) and all(
        fnmatch.fnmatchcase(names[index], part) and (part[:1] == "." or names[index][:1] != ".")
        for index, part in enumerate(parts)
    )


@dataclass
class FakeFiles:
    """Takes the place of `LocalFiles`.

    `now` is the time that changes get (seconds since the epoch; a test moves it). `locked_by` set to a holder's text
    makes the lock busy.
    """

    now: float = 1_700_000_000.0
    locked_by: str | None = None
    files: dict[str, FileState] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    directories: dict[str, int] = field(default_factory=dict)
    _drawn: int = 0

    def read(self, path: str) -> FileState | None:
        if path in self.directories:
            raise FileTrouble(f"cannot read {path}: Is a directory")
        return self.files.get(self._followed(path))

    def replace(self, path: str, content: bytes, mode: int) -> None:
        self.replace_all([NewFile(path, content, mode)])

    def replace_all(self, files: Sequence[NewFile]) -> None:
        for file in files:
            self._make_parents(file.path, "write")
        for file in files:
            if file.path in self.directories:
                raise FileTrouble(f"cannot write {file.path}: Is a directory")
            self.links.pop(file.path, None)
            self.files[file.path] = FileState(file.content, file.mode, self.now, file.owner or (0, 0))

    def append(self, path: str, content: bytes) -> None:
        found = self.read(path)
        self._make_parents(path, "write")
        self.files[path] = FileState(
            (found.content if found else b"") + content, found.mode if found else 0o600, self.now
        )

    def remove(self, path: str) -> None:
        for held in (self.files, self.links, self.directories):
            for each in [key for key in held if key == path or key.startswith(path + "/")]:
                del held[each]

    def names(self, directory: str) -> list[str]:
        if directory in self.files:
            raise FileTrouble(f"cannot list {directory}: Not a directory")
        everything = [*self.files, *self.links, *self.directories]
        return sorted({posixpath.basename(path) for path in everything if posixpath.dirname(path) == directory})

    def matching(self, pattern: str) -> list[str]:
        files = {*self.files, *(link for link in self.links if self._followed(link) in self.files)}
        return sorted((path for path in files if _matches(path, pattern)), key=os.fsencode)

    def make_directory(self, path: str, mode: int) -> None:
        self._make_parents(path, "make directory")
        if path not in self.files:
            self.directories.setdefault(path, mode)

    def point(self, link: str, target: str) -> None:
        if posixpath.dirname(link) not in self.directories:
            raise FileTrouble(f"cannot link {link}: No such file or directory")
        self.files.pop(link, None)
        self.links[link] = target

    def target(self, link: str) -> str | None:
        return self.links.get(link)

    def random(self, size: int) -> bytes:
        self._drawn += 1
        return hashlib.sha256(f"draw {self._drawn}".encode()).digest()[:size]

    @contextlib.contextmanager
    def lock(self, path: str, timeout: float, program: str) -> Iterator[None]:
        if self.locked_by is not None:
            raise LockBusy(f"{self.locked_by} holds {path} and did not let go of it in {timeout:g} seconds")
        self._make_parents(path, "lock")
        self.locked_by = f"process 1, {program}, since 2026-01-01 00:00:00"
        try:
            yield
        finally:
            self.locked_by = None

    def _followed(self, path: str) -> str:
        target = self.links.get(path)
        return path if target is None else posixpath.normpath(posixpath.join(posixpath.dirname(path), target))

    def _make_parents(self, path: str, operation: str) -> None:
        parent = posixpath.dirname(path)
        while parent not in ("", "/"):
            if parent in self.files:
                reason = "File exists" if parent == posixpath.dirname(path) else "Not a directory"
                raise FileTrouble(f"cannot {operation} {path}: {reason}")
            self.directories.setdefault(parent, DIRECTORY_MODE)
            parent = posixpath.dirname(parent)
