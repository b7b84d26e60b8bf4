# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes over the wire: everything in ESP, and the same look at a wire without encryption finds it.

Between gateways of the same Debian release, and across.
"""

from __future__ import annotations

import re

import pytest

PACKETS = 1000
ACROSS = "12 to 13, IPv4, route-based"


@pytest.mark.proves("S10", option="phase1.init_type", releases=("12", "13"))
def test_tunnels_come_up_by_themselves(paths, ping, until):
    for name, path in paths.items():
        until(name, lambda path=path: ping(path, 1), seconds=60)


def test_each_gateway_runs_the_strongswan_of_its_release(gateways):
    wanted = {"berlin": "5.9.8", "madrid": "5.9.8", "paris": "6.0.1", "rome": "6.0.1"}
    told = {name: gateways[name].check_output("swanctl --version") for name in wanted}
    assert [name for name in wanted if wanted[name] not in told[name]] == [], told


@pytest.mark.proves("S04", option="phase1.ip_type", releases=("12", "13"))
@pytest.mark.proves("S06", "S08", "S13", releases=("12", "13"))
def test_a_thousand_packets_are_all_in_esp(lab, paths, ping):
    with lab.capture() as capture:
        answered = {name: ping(path, PACKETS // 2) for name, path in paths.items()}
    assert answered == dict.fromkeys(paths, PACKETS // 2)
    report = capture.report
    # A request leaves one gateway, its answer leaves the other. Berlin and Paris have two neighbours each.
    report.require(expected={"berlin": 2 * PACKETS, "paris": 2 * PACKETS, "madrid": PACKETS, "rome": PACKETS})
    assert report.clear == 0, report.to_text()
    assert report.esp >= 6 * PACKETS, report.to_text()


def test_the_same_look_finds_packets_without_encryption(lab, paths, ping):
    around = ["ip", "route", "replace", "10.2.0.0/24", "via", "192.0.2.1", "dev", "wan0", "metric", "0", "proto", "83"]
    lab.run("berlin", around)
    try:
        with lab.capture() as capture:
            assert ping(paths[ACROSS], PACKETS) == 0
        capture.report.require(expected={"berlin": PACKETS})
        assert capture.report.clear >= PACKETS, capture.report.to_text()
    finally:
        lab.run("berlin", ["ip", "route", "replace", "10.2.0.0/24", "dev", "ipsec-paris", "metric", "0", "proto", "83"])
    assert ping(paths[ACROSS], 3) == 3


def test_a_capture_that_saw_too_little_is_no_evidence(lab, paths, ping):
    with lab.capture() as capture:
        ping(paths[ACROSS], 10)
    assert any("were captured" in fault for fault in capture.report.faults(expected=1000))


def test_charon_reads_the_files_without_a_change(gateways):
    before = spis(gateways["berlin"])
    done = gateways["berlin"].run("swanctl --load-all --noprompt")
    assert done.rc == 0
    assert "successfully loaded 4 connections, 0 unloaded" in done.stdout
    assert before
    assert spis(gateways["berlin"]) == before


def spis(gateway):
    """Return the SPIs of all CHILD_SAs of a gateway."""
    return sorted(re.findall(r"spi-(?:in|out)=([0-9a-f]+)", gateway.check_output("swanctl --list-sas --raw")))
