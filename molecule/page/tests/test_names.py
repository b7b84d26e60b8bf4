# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A peer that is known by its name, which moves to another address."""

from __future__ import annotations

import pytest

PACKETS = 50
# The gateway that looks a name up, the one that has it, and the addresses that the name has one after the other.
WHO = [
    pytest.param(
        "berlin", "paris", "198.51.100.2", "198.51.100.22",
        marks=pytest.mark.proves("S12", option="phase1.remote_endpoints", releases=("12",)),
    ),
    pytest.param(
        "paris", "berlin", "192.0.2.2", "192.0.2.22",
        marks=pytest.mark.proves("S12", option="phase1.remote_endpoints", releases=("13",)),
    ),
]  # fmt: skip
HOSTS = {"berlin": "10.1.0.35", "paris": "10.2.0.35"}


def move(lab, node, name, address):
    """Give a name another address, in the hosts file of a gateway."""
    lab.run(node, ["sed", "-i", f"s/^.* {name}$/{address} {name}/", "/etc/hosts"])


def end(lab, node):
    """End the tunnel, which the next packet brings up again."""
    lab.run(node, ["swanctl", "--terminate", "--ike", "named", "--timeout", "10"], check=False)


@pytest.mark.parametrize(("node", "other", "first", "second"), WHO)
def test_the_next_attempt_goes_where_the_name_has_moved(lab, traffic, frames, sas, until, node, other, first, second):
    def answered(count):
        return traffic(f"lan-{node}", HOSTS[node], HOSTS[other], count).answered

    end(lab, node)
    lab.run(other, ["ip", "address", "add", f"{second}/32", "dev", "wan0"])
    try:
        until("it is up", lambda: answered(1), seconds=30)
        (before,) = sas(node, "named")
        assert f"@ {first}[" in before.text
        move(lab, node, f"{other}.example.net", second)
        # What is up stays up.
        assert answered(PACKETS) == PACKETS
        assert sas(node, "named")[0].number == before.number
        end(lab, node)
        until("it is up again", lambda: answered(1), seconds=30)
        assert f"@ {second}[" in sas(node, "named")[0].text
        with lab.capture(sites=(node, other)) as capture:
            assert answered(PACKETS) == PACKETS
        assert frames(f"{node}-wan0", f"ip proto 50 and dst host {second}") >= PACKETS
        assert capture.report.clear == 0, capture.report.to_text()
    finally:
        move(lab, node, f"{other}.example.net", first)
        end(lab, node)
        lab.run(other, ["ip", "address", "delete", f"{second}/32", "dev", "wan0"])


@pytest.mark.parametrize("node", HOSTS)
def test_a_name_that_nobody_knows_costs_no_time(lab, node):
    told = lab.run(node, ["timeout", "2", "getent", "ahosts", "nowhere.example.net"], check=False)
    assert (told.returncode, told.stdout) == (2, "")
