# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways that packets take: both families in one tunnel, IKEv1 in both modes, through a NAT, and after a change of address."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

PACKETS = 50
OLD, NEW, OTHER = "2001:db8:1::2", "2001:db8:1::22", "192.0.2.2"


@pytest.mark.proves("S04", option="phase1.ip_type", releases=("12", "13"))
def test_a_tunnel_over_ipv6_carries_both_families(lab, traffic, until):
    pairs = [("10.1.0.27", "10.2.0.27"), ("fd00:1::10", "fd00:2::10")]
    for source, target in pairs:
        until(target, lambda s=source, t=target: traffic("lan-berlin", s, t, 1).answered, seconds=60)
    with lab.capture(sites=("berlin", "paris")) as capture:
        for source, target in pairs:
            assert traffic("lan-berlin", source, target, PACKETS).answered == PACKETS
    capture.report.require(expected={"berlin": 2 * PACKETS, "paris": 2 * PACKETS})
    assert capture.report.clear == 0, capture.report.to_text()


@pytest.mark.proves("S05", option="phase1.ike_version", releases=("12", "13"))
@pytest.mark.proves(key="connections.<conn>.aggressive", option="phase1.aggressive", releases=("12", "13"))
def test_ikev1_negotiates_in_the_mode_that_is_wanted(lab, traffic, initiate):
    for name, last, exchange in (("main", 28, "phase 1 I ident"), ("aggressive", 29, "phase 1 I agg")):
        lab.run("berlin", ["swanctl", "--terminate", "--ike", name, "--timeout", "10"], check=False)
        with lab.capture(sites=("berlin",)):
            initiate(name)
        shown = lab.run(
            "machine", ["tcpdump", "-n", "-r", "/run/swanlab/capture/berlin-wan0.pcap", "udp", "port", "500"]
        )
        assert exchange in shown.stdout, shown.stdout
        assert traffic("lan-berlin", f"10.1.0.{last}", f"10.2.0.{last}", PACKETS).answered == PACKETS


@pytest.mark.proves("S27", releases=("12", "13"))
def test_a_nat_on_the_way_puts_esp_into_udp(lab, traffic, frames, sas, initiate):
    initiate("nat")
    with lab.capture(sites=("berlin", "paris")) as capture:
        assert traffic("lan-berlin", "10.1.0.20", "10.2.0.20", PACKETS).answered == PACKETS
    capture.report.require(expected={"berlin": PACKETS, "paris": PACKETS})
    assert capture.report.clear == 0, capture.report.to_text()
    for uplink in ("berlin-wan1", "paris-wan1"):
        assert frames(uplink, "udp port 4500") >= PACKETS, uplink
        assert frames(uplink, "ip proto 50") == 0, uplink
    # Paris sees the router's address, which is what the router has made of Berlin's.
    assert "203.0.113.129" in sas("paris", "nat")[0].text
    assert "203.0.113.2[" not in sas("paris", "nat")[0].text


@pytest.mark.proves("S28", releases=("12", "13"))
def test_an_address_that_changes_under_traffic_takes_the_sa_along(lab, traffic, sas, initiate):
    initiate("mobile")
    (before,) = sas("berlin", "mobile")
    assert f"{OLD}[" in before.text
    try:
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(traffic, "lan-berlin", "10.1.0.25", "10.2.0.25", 300, interval="0.05")
            change = f"ip address add {NEW}/64 dev wan0 nodad && ip address delete {OLD}/64 dev wan0"
            lab.run("berlin", ["sh", "-c", change])
            sent = sending.result()
        (after,) = sas("berlin", "mobile")
        print(sent, after.text)
        assert (after.number, after.established) == (before.number, True)
        # charon asks by every pair of addresses at once, IPv4 too, and goes where the first answer has come from.
        assert f"{OLD}[" not in after.text
        (moved,) = (each for each in (NEW, OTHER) if f"{each}[" in after.text)
        assert f"{moved}[" in sas("paris", "mobile")[0].text
        assert sent.answered >= 200, sent
    finally:
        back = f"ip address add {OLD}/64 dev wan0 nodad && ip address delete {NEW}/64 dev wan0"
        lab.run("berlin", ["sh", "-c", back], check=False)
