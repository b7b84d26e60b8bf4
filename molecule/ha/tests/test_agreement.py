# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes hear each other through a firewall that drops, and nobody else; one of them has all, the other is on standby."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

NODES = ("berlin", "rome")
# Seconds without a message after which a node takes the addresses: three intervals, and less than one more.
PATIENCE = 3.0

# VRRP of version 3 for the instance wan4, with a priority that would win, from whoever runs it.
STRANGER = """
import ipaddress, socket, struct, sys, time
target, = sys.argv[1:]
own = "192.0.2.1"
shared = ipaddress.ip_address("192.0.2.100").packed
message = struct.pack("!BBBBHH", 0x31, 51, 254, 1, 100, 0) + shared
pseudo = ipaddress.ip_address(own).packed + ipaddress.ip_address(target).packed + struct.pack("!HH", 112, len(message))
total = sum(struct.unpack(f"!{(len(pseudo) + len(message)) // 2}H", pseudo + message))
while total >> 16:
    total = (total & 0xFFFF) + (total >> 16)
message = message[:6] + struct.pack("!H", total ^ 0xFFFF) + message[8:]
with socket.socket(socket.AF_INET, socket.SOCK_RAW, 112) as sender:
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
    sender.bind((own, 0))
    for _ in range(50):
        sender.sendto(message, (target, 0))
        time.sleep(0.1)  # the pace of a master that is in a hurry
"""


@pytest.fixture
def dropped(lab):
    """Return a function that counts the VRRP messages of strangers that a node has dropped on its uplink."""

    def count(node):
        told = lab.run(node, ["nft", "-j", "list", "chain", "inet", "swanfleet_ha", "input"]).stdout
        rules = [each["rule"]["expr"] for each in json.loads(told)["nftables"] if "rule" in each]
        (found,) = [
            part["counter"]["packets"]
            for expr in rules
            if {"drop": None} in expr and expr[0]["match"]["right"] == "wan0"
            for part in expr
            if "counter" in part
        ]
        return found

    return count


def test_a_second_run_of_the_role_changes_nothing(settled):
    settled()
    scenario = Path(__file__).resolve().parents[1]
    argv = [Path(sys.executable).with_name("ansible-playbook"), "-i", scenario.parent / "inventory" / "lab.py"]
    argv += ["-e", f"@{scenario / 'group_vars/pair.yml'}", "-e", "ha_lab_psk=unused", scenario / "nodes.yml"]
    environment = {**os.environ, "ANSIBLE_PIPELINING": "1", "ANSIBLE_FORCE_COLOR": "0"}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=400, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    changed = dict(re.findall(r"^(\w+) +: ok=\d+ +changed=(\d+)", done.stdout, re.MULTILINE))
    assert changed == dict.fromkeys(NODES, "0"), done.stdout


def test_one_node_has_all_and_the_other_is_on_standby(lab, settled, others):
    old = settled()
    other = others(old)
    for node, state in ((old, "up"), (other, "standby")):
        told = json.loads(lab.run(node, ["swanfleet", "status", "--json"]).stdout)
        assert {each["name"]: each["state"] for each in told["tunnels"]} == {"paris": state, "paris-v6": state}


# make prove asks for all.
COMMANDS = ("systemctl restart nftables", "systemctl reload keepalived", "systemctl reload nftables")


@pytest.mark.parametrize("command", COMMANDS if "SWANFLEET_FAILOVERS" in os.environ else COMMANDS[:2])
def test_the_nodes_hear_each_other_still(lab, settled, holder, stream, until, command):
    one = settled()
    began = time.monotonic()
    with stream() as traffic:
        for node in NODES:
            lab.run(node, command.split())
        took = time.monotonic() - began
        until("ten seconds of traffic", traffic.goes_on(200), seconds=90)
    lost = [each.lost for each in traffic.answers().values()]
    print(f"{command} on both took {took:.1f} s; lost {lost}")
    # An emulated node may take longer to load its rules than the other one waits for it.
    if took < PATIENCE:
        assert (holder(), lost) == (one, [0, 0])
    settled()


def test_without_the_rules_a_node_that_hears_nothing_would_take_the_addresses_too(lab, settled, others, holders, until):
    one = settled()
    other = others(one)
    lab.run(other, ["nft", "delete", "table", "inet", "swanfleet_ha"])
    try:
        # The one that had them hears of that, and gives way where its priority is the lower one.
        until("it takes them", lambda: other in holders()["192.0.2.100"], seconds=30)
    finally:
        lab.run(other, ["systemctl", "reload", "keepalived"])
    settled()


def test_a_stranger_is_not_heard(lab, settled, holder, dropped):
    one = settled()
    addresses = {"berlin": "192.0.2.2", "rome": "192.0.2.3"}
    before = dropped(one)
    lab.run("router", ["python3", "-c", STRANGER, addresses[one]])
    assert dropped(one) == before + 50
    assert holder() == one
