# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab keeps what it builds and what runs: cache, state and lock paths."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import LabError


def cache_root() -> Path:
    """Return the folder of everything that the lab stores, outside any checkout."""
    if chosen := os.environ.get("SWANFLEET_CACHE"):
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base).absolute() / "swanfleet"


def lab_name() -> str:
    """Return the name of the lab that commands speak of (`SWANFLEET_LAB`)."""
    name = os.environ.get("SWANFLEET_LAB", "default")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,19}", name):
        raise LabError(f"SWANFLEET_LAB={name!r}: use up to 20 lower-case letters, digits and dashes")
    return name


def run_root(name: str) -> Path:
    """Return the folder with the state of one running lab."""
    return cache_root() / "run" / name


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner can enter, and return it."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


@contextmanager
def locked(path: Path, *, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold an exclusive lock on path, after a call of waiting if another holds it.

    The kernel lets go of it when this process ends, however it ends.
    """
    private_folder(path.parent)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
