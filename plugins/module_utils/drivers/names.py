# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this host can resolve names, asked as charon asks: by the C library and its nsswitch.conf."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Iterator
from typing import Protocol

# getent(1) tells a name that is not found by this status.
_NOT_FOUND = 2
_AT_ONCE = 16


class Names(Protocol):
    """The name service."""

    def unresolved(self, names: Iterable[str], *, timeout: float) -> frozenset[str]:
        """Return those of `names` that have no address, or none within `timeout` seconds for all together."""

    def addresses(self, names: Iterable[str], *, timeout: float) -> dict[str, tuple[str, ...]]:
        """Return the addresses of `names`, sorted; of those that have none within `timeout` seconds for all together, none."""


class NameService:
    """The name service of this host; getent(1), because a look-up inside this process cannot be given up."""

    def unresolved(self, names: Iterable[str], *, timeout: float) -> frozenset[str]:
        deadline = time.monotonic() + timeout
        wanted = sorted(set(names))
        found: set[str] = set()
        for first in range(0, len(wanted), _AT_ONCE):
            found.update(_unresolved(wanted[first : first + _AT_ONCE], deadline))
        return frozenset(found)

    def addresses(self, names: Iterable[str], *, timeout: float) -> dict[str, tuple[str, ...]]:
        deadline = time.monotonic() + timeout
        wanted = sorted(set(names))
        found: dict[str, tuple[str, ...]] = {}
        for first in range(0, len(wanted), _AT_ONCE):
            found.update(_resolved(wanted[first : first + _AT_ONCE], deadline))
        return found


def _resolved(names: list[str], deadline: float) -> Iterator[tuple[str, tuple[str, ...]]]:
    try:
        asked = {name: ask(name, subprocess.PIPE) for name in names}
    except FileNotFoundError:  # no C library that has it; then nothing is known
        return
    for name, process in asked.items():
        try:
            told, _nothing = process.communicate(timeout=max(deadline - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            process.kill()
            told, _nothing = process.communicate()
        yield name, addresses_told(told)


def addresses_told(output: bytes) -> tuple[str, ...]:
    """Return the addresses that getent has told, sorted."""
    # "192.0.2.1  STREAM gw.example.com"; an address of a link has its device behind a "%", and is nobody's elsewhere.
    lines = (line.split() for line in output.decode("ascii", "replace").splitlines())
    return tuple(sorted({words[0] for words in lines if words and "%" not in words[0]}))


def _unresolved(names: list[str], deadline: float) -> Iterator[str]:
    try:
        asked = {name: ask(name) for name in names}
    except FileNotFoundError:  # no C library that has it; then nothing is known
        return
    for name, process in asked.items():
        try:
            status = process.wait(max(deadline - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            status = _NOT_FOUND
        if status == _NOT_FOUND:
            yield name


def ask(name: str, to: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start getent(1) for a name. Raises `FileNotFoundError` where this host has none."""
    return subprocess.Popen(
        ["getent", "ahosts", "--", name],
        stdin=subprocess.DEVNULL,
        stdout=to,
        stderr=subprocess.DEVNULL,
    )
