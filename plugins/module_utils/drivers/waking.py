# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sleeping until something happens: a descriptor that is readable, a signal, or a moment that has come."""

from __future__ import annotations

import os
import selectors
import signal
from collections.abc import Iterable
from types import FrameType
from typing import Protocol

STOP, LOOK = "stop", "look"
_MEANINGS = {signal.SIGTERM: STOP, signal.SIGINT: STOP, signal.SIGHUP: LOOK}


class Waking(Protocol):
    """What a loop sleeps in."""

    def wait(self, descriptors: Iterable[int], seconds: float) -> None:
        """Sleep until one of the descriptors is readable, a signal has come, or the time is over."""

    def asked(self) -> set[str]:
        """Return what signals have asked for since the last call: `STOP` (SIGTERM, SIGINT), `LOOK` (SIGHUP)."""

    def stop(self) -> None:
        """Leave signals to whoever had them before."""


class Signals:
    """The signals of this process, of which there must be one such value; only its main thread can make it."""

    def __init__(self) -> None:
        self._asked: set[str] = set()
        self._reading, self._writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        # A signal that comes just before the sleep must end it too; a mere handler would only interrupt one that has begun.
        self._woken_before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._note) for number in _MEANINGS}
        # By poll(2), which takes numbers anew with each call: epoll(7) watches files, and forgets one that is closed, though
        # another has its number by the next sleep.
        self._selector = selectors.PollSelector()
        self._selector.register(self._reading, selectors.EVENT_READ)
        self._watched: set[int] = set()

    def wait(self, descriptors: Iterable[int], seconds: float) -> None:
        wanted = set(descriptors)
        if wanted != self._watched:
            for each in self._watched - wanted:
                self._selector.unregister(each)
            for each in wanted - self._watched:
                self._selector.register(each, selectors.EVENT_READ)
            self._watched = wanted
        self._selector.select(max(seconds, 0.0))
        self._drain()

    def asked(self) -> set[str]:
        asked, self._asked = self._asked, set()
        return asked

    def stop(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._woken_before)
        self._selector.close()
        os.close(self._reading)
        os.close(self._writing)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._asked.add(_MEANINGS[signal.Signals(number)])

    def _drain(self) -> None:
        try:
            while os.read(self._reading, 512):
                pass
        except BlockingIOError:
            return
