# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking names up without waiting for the answers: each by a process of its own, since the C library waits for servers."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .names import addresses_told, ask

# So many at once; a server that is silent must not fill the host with processes.
AT_ONCE = 8
# Two servers, each asked twice, with the C library's own times.
GIVEN_UP_AFTER_S = 20.0


class Lookups(Protocol):
    """Look-ups that are under way."""

    @property
    def under_way(self) -> int:
        """Return how many there are."""

    def ask(self, name: str) -> bool:
        """Begin to look a name up; returns whether it was begun, which it is not where too many are under way."""

    def told(self) -> dict[str, tuple[str, ...]]:
        """Return what has come since the last call: the sorted addresses of each name, none where it has none or nobody knows."""

    def stop(self) -> None:
        """Give all of them up."""


@dataclass(frozen=True)
class _Asked:
    process: subprocess.Popen[bytes]
    until: float


class Getent:
    """Look-ups by getent(1), so as charon looks names up: by the C library and its nsswitch.conf."""

    def __init__(
        self, *, given_up_after: float = GIVEN_UP_AFTER_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._asked: dict[str, _Asked] = {}
        self._given_up_after = given_up_after
        self._clock = clock

    @property
    def under_way(self) -> int:
        return len(self._asked)

    def ask(self, name: str) -> bool:
        if name in self._asked:
            return True
        if len(self._asked) >= AT_ONCE:
            return False
        try:
            process = ask(name, subprocess.PIPE)
        except OSError:  # no C library that has it, or no process is to be had; then nothing is known
            return False
        self._asked[name] = _Asked(process, self._clock() + self._given_up_after)
        return True

    def told(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name, asked in list(self._asked.items()):
            if asked.process.poll() is None:
                if self._clock() < asked.until:
                    continue
                asked.process.kill()
            # It has ended; all that it says fits into the pipe.
            output, _nothing = asked.process.communicate()
            found[name] = addresses_told(output)
            del self._asked[name]
        return found

    def stop(self) -> None:
        for asked in self._asked.values():
            asked.process.kill()
            asked.process.communicate()
        self._asked.clear()
