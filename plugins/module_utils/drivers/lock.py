# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of all that changes a host: flock(2) on a file that names its holder and is there only while it is held."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import LockBusy
from .file_trouble import told

_PAUSE_S = 0.05


@contextlib.contextmanager
def held_lock(path: str, timeout: float, program: str) -> Iterator[None]:
    """Hold the lock as `program`; raises `LockBusy`, naming the holder, when it is not to be had in `timeout` seconds."""
    descriptor = _acquired(path, timeout)
    try:
        _sign(descriptor, program)
        yield
    finally:
        _remove(descriptor, path)
        os.close(descriptor)


def lock_holder(path: str) -> str | None:
    """Say who holds the lock; None where nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(descriptor)
    finally:
        os.close(descriptor)
    return None


def _sign(descriptor: int, program: str) -> None:
    said = f"process {os.getpid()}, {program}, since {time.strftime('%Y-%m-%d %H:%M:%S')}"
    # Where there is no room for it, the kernel still knows who holds the lock.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, said.encode(), 0)


def _acquired(path: str, timeout: float) -> int:
    deadline = time.monotonic() + timeout
    while True:
        descriptor = _opened(path)
        try:
            _await(descriptor, path, timeout, deadline)
            if _in_place(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        # Its holder has removed the file at the end; whoever comes now finds another one.
        os.close(descriptor)


def _opened(path: str) -> int:
    directory = os.path.dirname(path)
    with told(path, "lock"):
        while True:
            # The last holder may tidy up at any moment: after the directory was made, or just when it was seen to be there.
            try:
                os.makedirs(directory, mode=0o755, exist_ok=True)
                return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                continue
            except FileExistsError:
                if os.path.lexists(directory) and not os.path.isdir(directory):
                    raise


def _await(descriptor: int, path: str, timeout: float, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LockBusy(
                    f"{_holder(descriptor)} holds {path} and did not let go of it in {timeout:g} seconds: run again when "
                    "it has ended, or end it first if it hangs; the next run takes back what it has not finished"
                ) from None
            # flock(2) has no timeout of its own, and a signal-driven one would be the process's, not ours.
            time.sleep(_PAUSE_S)


def _in_place(descriptor: int, path: str) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    held = os.fstat(descriptor)
    return (held.st_dev, held.st_ino) == (there.st_dev, there.st_ino)


def _remove(descriptor: int, path: str) -> None:
    """Take the file away while it is still held, and its directory where nothing else is in it."""
    with contextlib.suppress(OSError):
        if _in_place(descriptor, path):
            os.unlink(path)
            os.rmdir(os.path.dirname(path))


def _holder(descriptor: int) -> str:
    """Say who holds the lock: as it has written itself, if it is that process which holds it by what the kernel says.

    A file can be older than its holder: left by a process that was killed, and locked by one that has not written yet.
    """
    said = os.pread(descriptor, 200, 0).decode(errors="replace")
    process = _holding_process(descriptor)
    if process is None:
        return said or "another process"
    if said.startswith(f"process {process},"):
        return said
    with contextlib.suppress(OSError):
        return f"process {process}, {Path(f'/proc/{process}/comm').read_text('utf-8', 'replace').strip()},"
    return f"process {process}"


def _holding_process(descriptor: int) -> int | None:
    """Return the process that the kernel names; None for one outside our pid namespace. Source: proc(5), /proc/locks."""
    status = os.fstat(descriptor)
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with contextlib.suppress(OSError):
        for line in Path("/proc/locks").read_text("ascii", "replace").splitlines():
            words = line.split()
            if words[1:2] == ["FLOCK"] and place in words[5:6] and words[4].isdigit() and words[4] != "0":
                return int(words[4])
    return None
