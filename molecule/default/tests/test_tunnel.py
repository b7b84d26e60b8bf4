# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes over the wire: everything in ESP, and the same look at a wire without encryption finds it."""

from __future__ import annotations

import re

PACKETS = 1000


def test_tunnels_come_up_by_themselves(paths, ping, until):
    for path, address in paths.items():
        until(path, lambda to=address: ping(to, 1), seconds=60)


def test_a_thousand_packets_are_all_in_esp(lab, paths, ping):
    with lab.capture() as capture:
        answered = sum(ping(address, PACKETS // 2) for address in paths.values())
    assert answered == PACKETS
    report = capture.report
    # A request leaves Berlin, its answer leaves Paris.
    report.require(expected={"berlin": PACKETS, "paris": PACKETS})
    assert report.clear == 0, report.to_text()
    assert report.esp >= 2 * PACKETS, report.to_text()


def test_the_same_look_finds_packets_without_encryption(lab, paths, ping):
    around = ["ip", "route", "replace", "10.2.0.0/24", "via", "192.0.2.1", "dev", "wan0", "metric", "0", "proto", "83"]
    lab.run("berlin", around)
    try:
        with lab.capture() as capture:
            assert ping(paths["IPv4, route-based"], PACKETS) == 0
        capture.report.require(expected={"berlin": PACKETS})
        assert capture.report.clear >= PACKETS, capture.report.to_text()
    finally:
        lab.run("berlin", ["ip", "route", "replace", "10.2.0.0/24", "dev", "ipsec-paris", "metric", "0", "proto", "83"])
    assert ping(paths["IPv4, route-based"], 3) == 3


def test_a_capture_that_saw_too_little_is_no_evidence(lab, paths, ping):
    with lab.capture() as capture:
        ping(paths["IPv4, route-based"], 10)
    assert any("were captured" in fault for fault in capture.report.faults(expected=1000))


def test_charon_reads_the_files_without_a_change(gateways):
    before = spis(gateways["berlin"])
    done = gateways["berlin"].run("swanctl --load-all --noprompt")
    assert done.rc == 0
    assert "successfully loaded 2 connections, 0 unloaded" in done.stdout
    assert before
    assert spis(gateways["berlin"]) == before


def spis(gateway):
    """Return the SPIs of all CHILD_SAs of a gateway."""
    return sorted(re.findall(r"spi-(?:in|out)=([0-9a-f]+)", gateway.check_output("swanctl --list-sas --raw")))
