# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line for each long step, with the seconds that it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Progress:
    """Print steps to standard error, so that standard output stays for results."""

    def __init__(self, *, out: TextIO | None = None, quiet: bool = False) -> None:
        self._out = out or sys.stderr
        self._quiet = quiet
        self._begin = time.monotonic()

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Print what is done, then how long it took or that it failed."""
        begin = time.monotonic()
        self._write(f"lab: {what} ...")
        try:
            yield
        except BaseException as error:
            word = "stopped" if isinstance(error, KeyboardInterrupt) else "FAILED"
            self._write(f" {word} after {time.monotonic() - begin:.1f} s\n")
            raise
        self._write(f" {time.monotonic() - begin:.1f} s\n")

    def say(self, text: str) -> None:
        """Print one line of its own."""
        self._write(f"lab: {text}\n")

    def say_waiting(self) -> None:
        """Say that another lab command is at the same work."""
        self.say("another lab command is at it: waiting for it to end")

    @property
    def elapsed(self) -> float:
        """Return the seconds since this object was made."""
        return time.monotonic() - self._begin

    def _write(self, text: str) -> None:
        if not self._quiet:
            self._out.write(text)
            self._out.flush()
