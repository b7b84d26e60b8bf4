# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels that go leave the host's firewall as it was, and one of iptables too. Last, for it takes the tunnels away."""

from __future__ import annotations

import pytest

OURS = {
    "table": "nft list tables | grep swanfleet",
    "routes": "ip route show proto 83 table all; ip -6 route show proto 83 table all",
    "policies": "ip xfrm policy | grep 'dir out'",
}
# What an administrator of iptables may have.
IPTABLES = """
iptables -P INPUT DROP
iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED ! -p esp -j ACCEPT
iptables -A INPUT -i lo -j ACCEPT
iptables -A INPUT -p tcp --dport 22 -j ACCEPT
iptables -A INPUT -p icmp -j ACCEPT
iptables -N asked
iptables -A INPUT -p tcp -m multiport --dports 80,443 -m comment --comment "of others" -j asked
iptables -A asked -m limit --limit 5/s -j ACCEPT
iptables -P FORWARD DROP
iptables -A FORWARD -i lan0 -j ACCEPT
iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
iptables -t nat -A POSTROUTING -o wan0 -j MASQUERADE
"""
ACCEPTING = "-m mark --mark 0x2000000/0x2000000 -m comment --comment swanfleet -j ACCEPT"


def found(shell, gateway):
    """Return what of ours is in a gateway's kernel."""
    return {name: told for name, line in OURS.items() if (told := shell(gateway, line, check=False))}


@pytest.mark.parametrize("gateway", ["berlin", "paris"])
def test_nothing_of_ours_is_left_and_all_of_the_host_s(shell, apply, bring_up, gateway):
    bring_up()
    assert set(found(shell, gateway)) == set(OURS)
    apply(gateway, state="deleted", everything=True)
    assert found(shell, gateway) == {}
    left = shell(gateway, "nft --stateless list ruleset")
    shell(gateway, "nft -f /etc/nftables.conf")
    assert left == shell(gateway, "nft --stateless list ruleset")
    apply(gateway)


@pytest.mark.parametrize("gateway", ["berlin", "paris"])
def test_iptables_goes_on_reading_its_rules(shell, apply, initiate, gateway):
    apply(gateway, state="deleted", everything=True)
    try:
        shell(gateway, f"set -e\nsystemctl stop nftables\n{IPTABLES}")
        look = "iptables -S && iptables -t nat -S && iptables-save | grep -c ."
        before = shell(gateway, look).splitlines()
        apply(gateway)
        during = shell(gateway, look).splitlines()
        assert [line for line in during[:-1] if line not in before] == [
            f"-A INPUT {ACCEPTING}",
            f"-A FORWARD {ACCEPTING}",
        ]
        assert [line for line in during[:-1] if ACCEPTING not in line] == before[:-1]
        shell(gateway, "iptables-save | iptables-restore && iptables -A asked -j RETURN && iptables -D asked -j RETURN")
        assert shell(gateway, look).splitlines() == during
        initiate()
        apply(gateway, state="deleted", everything=True)
        assert shell(gateway, look).splitlines() == before
    finally:
        shell(gateway, "systemctl restart nftables")
        apply(gateway)
