# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sleep ends with what is readable, whatever has become of a descriptor's number since the last one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.waking import LOOK, Signals

LONG_S = 5.0


@pytest.fixture
def waking() -> Iterator[Signals]:
    made = Signals()
    yield made
    made.stop()


def slept(waking: Signals, descriptors: list[int], seconds: float) -> float:
    began = time.monotonic()
    waking.wait(descriptors, seconds)
    return time.monotonic() - began


def test_another_file_with_the_same_number_ends_a_sleep(waking: Signals) -> None:
    reading, writing = os.pipe()
    assert slept(waking, [reading], 0.05) >= 0.05
    again, also = os.pipe()
    # As a socket that is closed after an error and opened anew before the next sleep.
    os.dup2(again, reading)
    os.write(also, b".")
    try:
        assert slept(waking, [reading], LONG_S) < LONG_S / 2
    finally:
        for each in (reading, writing, again, also):
            os.close(each)


def test_what_is_not_wanted_any_more_ends_no_sleep(waking: Signals) -> None:
    reading, writing = os.pipe()
    os.write(writing, b".")
    try:
        assert slept(waking, [reading], LONG_S) < LONG_S / 2
        assert slept(waking, [], 0.05) >= 0.05
        assert slept(waking, [reading], LONG_S) < LONG_S / 2
        os.close(reading)
        assert slept(waking, [], 0.05) >= 0.05
    finally:
        os.close(writing)


def test_a_signal_ends_a_sleep_and_is_asked_for_once(waking: Signals) -> None:
    os.kill(os.getpid(), signal.SIGHUP)
    assert slept(waking, [], LONG_S) < LONG_S / 2
    assert (waking.asked(), waking.asked()) == ({LOOK}, set())
