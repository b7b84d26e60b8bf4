# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a capture counts as evidence."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from swanlab.capture import CaptureError, Counts, Report, build_report
from swanlab.errors import LabError
from swanlab.host.capture import MARKER, counts, has_marker

WHOLE = Counts(frames=1010, esp=1000, other=10)


def report(*taps: Counts) -> Report:
    return Report(taps={f"tap{number}": tap for number, tap in enumerate(taps)}, protected=("10.1.0.0/24",))


def test_a_whole_capture_counts() -> None:
    report(WHOLE).require(expected=1000)


def test_what_was_sent_in_the_clear_counts_as_captured() -> None:
    report(Counts(frames=1000, clear=1000)).require(expected=1000)


def test_the_devices_are_added_up() -> None:
    both = report(Counts(frames=5, esp=3, clear=2), Counts(frames=7, esp=6, ah=1, dropped=4))
    assert (both.esp, both.ah, both.clear, both.dropped, both.total.frames) == (9, 1, 2, 4, 12)


@pytest.mark.parametrize(
    ("tap", "says"),
    [
        pytest.param(Counts(frames=949, esp=949), "only 949 of 1000", id="fewer than 95 % of what was expected"),
        pytest.param(
            Counts(frames=2000, other=1000, ike=1000), "only 0 of 1000", id="other frames are not the expected"
        ),
        pytest.param(Counts(frames=1000, esp=1000, dropped=1), "dropped 1 frames", id="the kernel dropped one"),
        pytest.param(Counts(frames=1001, esp=1000, unreadable=1), "could not be read", id="one could not be read"),
        pytest.param(Counts(frames=1000, esp=1000, drained=False), "end marker", id="the end marker is missing"),
    ],
)
def test_a_capture_with_a_fault_is_no_evidence(tap: Counts, says: str) -> None:
    with pytest.raises(CaptureError, match=says):
        report(tap).require(expected=1000)


def test_95_percent_are_enough() -> None:
    report(Counts(frames=950, esp=950)).require(expected=1000)


def test_answers_do_not_stand_in_for_lost_requests() -> None:
    taps = {"berlin-wan0": Counts(frames=500, esp=500), "paris-wan0": Counts(frames=500, esp=500)}
    both = Report(taps=taps, protected=())
    both.require(expected=1000)
    with pytest.raises(CaptureError, match="berlin: only 500 of 1000"):
        both.require(expected={"berlin": 1000, "paris": 500})


def test_a_site_that_was_not_captured_cannot_meet_what_is_expected() -> None:
    with pytest.raises(CaptureError, match="rome: only 0 of 1"):
        report(WHOLE).require(expected={"rome": 1})


def test_a_fault_of_one_device_is_a_fault_of_all() -> None:
    assert report(WHOLE, Counts(drained=False)).faults() == ["tap1: the end marker did not come through"]


def test_the_report_is_the_same_bytes_each_time() -> None:
    assert report(WHOLE).to_json() == report(WHOLE).to_json()
    assert json.loads(report(WHOLE).to_json())["total"]["esp"] == 1000


def store(folder: Path, frames: list[bytes], *, captured: int, dropped: int = 0) -> None:
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
    data += b"".join(struct.pack("<IIII", 0, 0, len(f), len(f)) + f for f in frames)
    (folder / "berlin-wan0.pcap").write_bytes(data)
    told = {"berlin-wan0": {"captured": captured, "dropped": dropped, "drained": True}}
    (folder / "capture.json").write_text(json.dumps(told))


ARP = b"\x00" * 12 + b"\x08\x06" + b"\x00" * 28


def test_a_stored_capture_is_counted_without_its_marker(tmp_path: Path) -> None:
    store(tmp_path, [ARP, ARP, MARKER], captured=3)
    counted = build_report(tmp_path)
    assert counted.taps["berlin-wan0"] == Counts(frames=2, other=2)
    assert {"10.1.0.0/24", "fd00:1::/64", "10.4.0.0/24", "fd00:4::/64"} <= set(counted.protected)


def test_a_file_with_fewer_frames_than_tcpdump_captured_is_refused(tmp_path: Path) -> None:
    store(tmp_path, [ARP], captured=2)
    with pytest.raises(CaptureError, match="captured 2 frames, the file holds 1"):
        build_report(tmp_path)


def test_a_tcpdump_that_told_no_drops_is_not_believed(tmp_path: Path) -> None:
    store(tmp_path, [ARP], captured=1, dropped=-1)
    with pytest.raises(CaptureError, match="did not say"):
        build_report(tmp_path)


def test_without_a_finished_capture_there_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no finished capture"):
        build_report(tmp_path)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("5 packets captured\n6 packets received by filter\n1 packet dropped by kernel\n", (5, 1)),
        ("1 packet captured\n1 packet received by filter\n0 packets dropped by kernel\n", (1, 0)),
        ("tcpdump: listening on b0-tap\n", (-1, -1)),
    ],
)
def test_tcpdumps_last_words_are_read(said: str, expected: tuple[int, int]) -> None:
    assert counts(said) == expected


def test_the_marker_is_found_only_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(b"\x00" * 2_000_000 + MARKER + b"\x00" * 100)
    assert has_marker(path)
    path.write_bytes(b"\x00" * 2_000_000)
    assert not has_marker(path)
