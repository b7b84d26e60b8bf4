# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that drops what nobody has accepted: its peer gets IKE and ESP in, a stranger does not."""

from __future__ import annotations

import json

import pytest

# The uplink's addresses of each gateway, its peer, and a gateway that it knows nothing of.
ENDS = {
    "berlin": (("192.0.2.2", "2001:db8:1::2"), "paris", "madrid"),
    "paris": (("198.51.100.2", "2001:db8:2::2"), "berlin", "rome"),
}
# A message of a version of IKE that does not exist, which charon answers whoever sends it (RFC 7296, section 2.5).
PROBE = """
import os, socket, sys
answered = []
for address in sys.argv[1:]:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(3)
        asker.sendto(os.urandom(8) + bytes(8) + bytes((0, 0x30, 34, 8)) + bytes(4) + (28).to_bytes(4, "big"), (address, 500))
        try:
            asker.recv(2048)
            answered.append(address)
        except TimeoutError:
            pass
print(*answered)
"""
MOMENTS = {
    "after a run": "true",
    "after the host's rules were reloaded": "systemctl reload nftables",
    "after they were restarted": "systemctl restart nftables",
}


@pytest.fixture
def answers(lab):
    """Return a function that tells at which addresses charon answers somebody."""

    def ask(node, addresses):
        return tuple(lab.run(node, ["python3", "-c", PROBE, *addresses]).stdout.split())

    return ask


@pytest.fixture
def dropped(shell):
    """Return a function that counts what the host has seen of strangers' IKE, right before it dropped that."""

    def count(gateway):
        rules = json.loads(shell(gateway, "nft -j list chain inet filter input"))["nftables"]
        (told,) = [each["rule"] for each in rules if each.get("rule", {}).get("comment") == "strangers"]
        return next(each["counter"]["packets"] for each in told["expr"] if "counter" in each)

    return count


@pytest.mark.proves("S23", option="phase1.firewall_rule", releases=("12", "13"))
@pytest.mark.parametrize("gateway", ENDS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_the_peer_gets_in_and_a_stranger_does_not(lab, shell, answers, dropped, frames, bring_up, gateway, moment):
    bring_up()
    addresses, peer, stranger = ENDS[gateway]
    shell(gateway, MOMENTS[moment])
    before = dropped(gateway)
    with lab.capture(sites=(gateway, stranger)):
        assert answers(peer, addresses) == addresses
        assert answers(stranger, addresses) == ()
    assert dropped(gateway) == before + len(addresses)
    captured_alone(frames, gateway, stranger, len(addresses))


def captured_alone(frames, gateway, stranger, number):
    """Check that a stranger's packets left its own uplink, and that the gateway sent none in answer."""
    theirs = {"madrid": "198.18.3.2 or 2001:db8:3::2", "rome": "198.18.4.2 or 2001:db8:4::2"}[stranger]
    ours = f"udp port 500 and host ( {theirs} )"
    assert frames(f"{stranger}-wan0", ours) == number
    assert frames(f"{gateway}-wan0", ours) == 0


@pytest.mark.parametrize("gateway", ENDS)
def test_after_removal_nobody_gets_in(lab, apply, answers, dropped, frames, bring_up, gateway):
    bring_up()
    addresses, peer, stranger = ENDS[gateway]
    apply(gateway, state="deleted", everything=True)
    try:
        before = dropped(gateway)
        with lab.capture(sites=(gateway, stranger)):
            assert answers(stranger, addresses) == ()
        assert dropped(gateway) == before + len(addresses)
        captured_alone(frames, gateway, stranger, len(addresses))
        assert answers(peer, addresses) == ()
    finally:
        apply(gateway)
    bring_up()
    assert answers(peer, addresses) == addresses


@pytest.mark.parametrize("gateway", ENDS)
def test_without_a_firewall_charon_would_answer_the_stranger(shell, answers, gateway):
    addresses, _peer, stranger = ENDS[gateway]
    shell(gateway, "nft flush ruleset")
    assert answers(stranger, addresses) == addresses
    shell(gateway, "systemctl restart nftables")
    assert answers(stranger, addresses) == ()


def test_esp_comes_in_by_our_rule_alone(shell, answered, bring_up):
    bring_up()
    shell("paris", "nft flush chain inet swanfleet input")
    assert answered() == []
    shell("paris", "swanfleet restore --firewall")
    assert len(answered()) == 4
