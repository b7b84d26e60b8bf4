# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gateway holds after the playbook: files, units, links."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize("name", ["berlin", "paris"])
def test_secrets_are_for_root_alone(gateways, name):
    for path in ("/etc/swanctl/conf.d/swanfleet-secrets.conf", "/var/lib/swanfleet/host.key"):
        file = gateways[name].file(path)
        assert (file.user, file.mode) == ("root", 0o600), path
    assert gateways[name].file("/var/lib/swanfleet").mode == 0o700
    assert gateways[name].file("/var/lib/swanfleet/generations").mode == 0o700


@pytest.mark.parametrize("name", ["berlin", "paris"])
def test_the_secret_stands_nowhere_else(gateways, name):
    found = gateways[name].run(
        "grep -rlE 'only-for-the-lab-and-nowhere-else|b25seS1mb3ItdGhlLWxhYi1hbmQtbm93aGVyZS1lbHNl'"
        " /etc /var /tmp /run --exclude-dir=proc 2>/dev/null"
    )
    current = gateways[name].run("readlink /var/lib/swanfleet/generations/current").stdout.strip()
    assert set(found.stdout.split()) == {
        "/etc/swanctl/conf.d/swanfleet-secrets.conf",
        f"/var/lib/swanfleet/generations/{current}/secrets.json",
    }


def test_what_starts_at_boot(gateways):
    assert gateways["berlin"].service("strongswan").is_enabled
    shown = gateways["berlin"].check_output("systemctl show strongswan --property=ExecStartPre")
    assert "/usr/local/sbin/swanfleet restore" in shown
    assert "xfrm state deleteall" in shown


@pytest.mark.parametrize("name", ["berlin", "paris"])
def test_an_agent_watches_over_the_tunnels_and_puts_back_what_goes(gateways, name):
    agent = gateways[name].service("swanfleet-agent")
    assert (agent.is_enabled, agent.is_running) == (True, True)
    assert gateways[name].check_output("/usr/local/sbin/swanfleet status").startswith("agent: process ")
    before = gateways[name].check_output("ip route show proto 83")
    assert before
    gateways[name].check_output("ip route flush proto 83")
    back = gateways[name].run(
        f"timeout 35 sh -c 'until [ \"$(ip route show proto 83)\" = \"$1\" ]; do sleep 0.2; done' wait '{before}'"
    )
    assert back.rc == 0, gateways[name].check_output("journalctl -u swanfleet-agent --no-pager -n 20")


def interface(release, *values):
    """Return what an XFRM interface is to be, as proof for a release."""
    return pytest.param(
        *values, marks=pytest.mark.proves("S11", option="phase1.xfrm_interface", releases=(release,)), id=values[0]
    )


@pytest.mark.parametrize(
    ("name", "link", "address", "network"),
    [
        interface("12", "berlin", "ipsec-paris", "10.255.0.1", "10.2.0.0/24"),
        interface("13", "paris", "ipsec-berlin", "10.255.0.2", "10.1.0.0/24"),
    ],
)
def test_the_link_carries_number_address_and_route(gateways, name, link, address, network):
    shown = json.loads(gateways[name].check_output(f"ip -j -d address show dev {link}"))[0]
    assert shown["linkinfo"]["info_kind"] == "xfrm"
    assert int(shown["linkinfo"]["info_data"]["if_id"], 16) > 0
    assert address in [each["local"] for each in shown["addr_info"]]
    routes = json.loads(gateways[name].check_output(f"ip -j route show dev {link} proto 83"))
    assert [route["dst"] for route in routes] == [network]
