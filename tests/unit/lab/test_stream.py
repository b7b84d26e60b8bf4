# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ping(8) prints, as times and losses."""

from __future__ import annotations

import pytest
from swanlab.errors import LabError
from swanlab.stream import Answers

TOLD = """\
PING 10.2.0.66 (10.2.0.66) from 10.1.0.66 : 56(84) bytes of data.
[1764350000.100000] 64 bytes from 10.2.0.66: icmp_seq=1 ttl=62 time=1.2 ms
[1764350000.150000] 64 bytes from 10.2.0.66: icmp_seq=2 ttl=62 time=1.2 ms
[1764350000.200000] From 10.1.0.1 icmp_seq=3 Destination Host Unreachable
[1764350000.950000] 64 bytes from 10.2.0.66: icmp_seq=5 ttl=62 time=1.2 ms
"""


def test_answers_are_read_with_their_times_and_numbers() -> None:
    read = Answers.read(TOLD)
    assert (read.numbers, len(read.times), read.lost) == ((1, 2, 5), 3, 2)
    assert read.gap == pytest.approx(0.8)
    assert read.within(1764350000.1, 1764350000.15) == 1


def test_answers_of_ipv6_too() -> None:
    assert Answers.read("[1.5] 64 bytes from fd00:2::10: icmp_seq=7 ttl=62 time=1 ms\n").numbers == (7,)


def test_too_few_answers_have_no_gap() -> None:
    assert Answers.read("").lost == 0
    with pytest.raises(LabError, match="0 answers"):
        Answers.read("").gap  # noqa: B018  # it is asked for
