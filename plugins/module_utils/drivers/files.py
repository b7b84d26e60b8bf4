# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the target: read whole, replaced atomically, 0600 before content; and the lock that all changes take."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import glob
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from .file_trouble import FileTrouble, told
from .lock import held_lock

__all__ = ["FileState", "FileTrouble", "Files", "LocalFiles", "NewFile", "sweep_temporaries"]

# The names of files on their way into place: hidden, and with an end that swanctl's include of *.conf passes over.
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}\.swanfleet")


def _temporary_name(name: str) -> str:
    return f".{name}.{secrets.token_hex(6)}.swanfleet"


@dataclass(frozen=True)
class FileState:
    """A file as it is: content, permission bits, time of its last change (seconds since the epoch), user and group."""

    content: bytes = dataclasses.field(repr=False)
    mode: int
    modified: float
    owner: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class NewFile:
    """A file as it is to be: path, content, permission bits, and user and group if they are to be others than ours."""

    path: str
    content: bytes = dataclasses.field(repr=False)
    mode: int
    owner: tuple[int, int] | None = None


class Files(Protocol):
    """What the engine needs of a file system."""

    def read(self, path: str) -> FileState | None:
        """Return a file, or None when there is none."""

    def replace(self, path: str, content: bytes, mode: int) -> None:
        """Write a whole file so that every reader, and a crash, sees the old or the new one; makes its directory."""

    def replace_all(self, files: Sequence[NewFile]) -> None:
        """Write several files as `replace` does; none takes its place before all of them lie ready on the disk."""

    def append(self, path: str, content: bytes) -> None:
        """Add to the end of a 0600 file, made if need be with its directory; it survives this process, not the host."""

    def remove(self, path: str) -> None:
        """Remove a file, a link or a directory with all below it; nothing happens when there is none."""

    def names(self, directory: str) -> list[str]:
        """Return the sorted names in a directory; none when it does not exist."""

    def matching(self, pattern: str) -> list[str]:
        """Return the paths of the files, not directories, that a shell pattern (glob(7)) matches, sorted."""

    def make_directory(self, path: str, mode: int) -> None:
        """Make a directory and its parents; an existing one is left as it is."""

    def point(self, link: str, target: str) -> None:
        """Make a symbolic link point to `target`, atomically."""

    def target(self, link: str) -> str | None:
        """Return where a symbolic link points, or None."""

    def random(self, size: int) -> bytes:
        """Return random bytes fit for a key."""

    def lock(self, path: str, timeout: float, program: str) -> contextlib.AbstractContextManager[None]:
        """Hold the exclusive lock as `program`; raises `LockBusy`, naming the holder, when that takes over `timeout` seconds."""


class LocalFiles:
    """The file system of this host."""

    def read(self, path: str) -> FileState | None:
        """Return a file, or None when there is none."""
        with told(path, "read"):
            try:
                with open(path, "rb") as handle:
                    status = os.fstat(handle.fileno())
                    owner = (status.st_uid, status.st_gid)
                    return FileState(handle.read(), stat.S_IMODE(status.st_mode), status.st_mtime, owner)
            except FileNotFoundError:
                return None

    def replace(self, path: str, content: bytes, mode: int) -> None:
        """Write a whole file atomically and durably: a private temporary file, fsync, rename, fsync of the directory."""
        self.replace_all([NewFile(path, content, mode)])

    def replace_all(self, files: Sequence[NewFile]) -> None:
        """Write several files; a disk that is full or read-only shows before the first is in place."""
        ready: list[tuple[str, str]] = []
        try:
            for file in files:
                with told(file.path, "write"):
                    ready.append((_prepared(file), file.path))
            while ready:
                temporary, path = ready[0]
                with told(path, "write"):
                    os.rename(temporary, path)
                del ready[0]
        except BaseException:
            for temporary, _path in ready:
                _forget(temporary)
            raise
        for directory in sorted({os.path.dirname(file.path) for file in files}):
            with told(directory, "write"):
                _sync_directory(directory)

    def append(self, path: str, content: bytes) -> None:
        """Add to the end of a 0600 file, without waiting for the disk."""
        with told(path, "write"):
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                _append(descriptor, content, path)
            finally:
                os.close(descriptor)

    def remove(self, path: str) -> None:
        """Remove a file, a link or a directory with all below it."""
        with told(path, "remove"):
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
                return
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def names(self, directory: str) -> list[str]:
        """Return the sorted names in a directory."""
        with told(directory, "list"):
            try:
                return sorted(os.listdir(directory))
            except FileNotFoundError:
                return []

    def matching(self, pattern: str) -> list[str]:
        """Return the paths of the files that a shell pattern matches, sorted as glob(3) does in the C locale."""
        return sorted((path for path in glob.glob(pattern) if os.path.isfile(path)), key=os.fsencode)

    def make_directory(self, path: str, mode: int) -> None:
        """Make a directory and its parents."""
        with told(path, "make directory"):
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, mode)

    def point(self, link: str, target: str) -> None:
        """Make a symbolic link point to `target` by renaming a new one over it."""
        temporary = os.path.join(os.path.dirname(link), _temporary_name(os.path.basename(link)))
        with told(link, "link"):
            os.symlink(target, temporary)
            try:
                os.rename(temporary, link)
            except BaseException:
                _forget(temporary)
                raise
            _sync_directory(os.path.dirname(link))

    def target(self, link: str) -> str | None:
        """Return where a symbolic link points, or None."""
        try:
            return os.readlink(link)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINVAL):
                return None
            raise FileTrouble(f"cannot read link {link}: {error.strerror}") from error

    def random(self, size: int) -> bytes:
        """Return random bytes from the kernel."""
        return secrets.token_bytes(size)

    def lock(self, path: str, timeout: float, program: str) -> contextlib.AbstractContextManager[None]:
        """Hold flock(2) on `path`; the file names the holder, and is there only while it is held."""
        return held_lock(path, timeout, program)


def _prepared(file: NewFile) -> str:
    """Write a file beside its place, readable for root only until it is whole, and return its temporary path."""
    directory, name = os.path.split(file.path)
    temporary = os.path.join(directory, _temporary_name(name))
    os.makedirs(directory, mode=0o755, exist_ok=True)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(file.content)
            handle.flush()
            status = os.fstat(handle.fileno())
            # Not all that may write the file may give files away.
            if file.owner is not None and file.owner != (status.st_uid, status.st_gid):
                os.fchown(handle.fileno(), *file.owner)
            os.fchmod(handle.fileno(), file.mode)
            os.fsync(handle.fileno())
    except BaseException:
        _forget(temporary)
        raise
    return temporary


def _append(descriptor: int, content: bytes, path: str) -> None:
    """Write all of it or, where the disk is full, nothing, and leave no empty file behind."""
    size = os.fstat(descriptor).st_size
    written = 0
    try:
        while written < len(content):
            written += os.write(descriptor, content[written:])
    except OSError:
        os.ftruncate(descriptor, size)
        if size == 0:
            _forget(path)
        raise


def _forget(temporary: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(temporary)


def heed_no_umask() -> None:
    """Have directories that this process makes get the rights that are asked for, whatever umask it was started with."""
    os.umask(0o022)


def sweep_temporaries(files: Files, directories: Iterable[str]) -> None:
    """Remove what a killed run left of files that it was about to replace; call it only under the lock."""
    for directory in directories:
        for name in files.names(directory):
            if _TEMPORARY.fullmatch(name):
                files.remove(f"{directory}/{name}")


def _sync_directory(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
