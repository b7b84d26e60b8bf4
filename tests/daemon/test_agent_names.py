# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent follows the name of a peer: it waits for its first address, and goes where it moves."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.agents import AgentHost, answer, gateway, two_lines

pytestmark = [pytest.mark.charon, pytest.mark.root]

NAME = "paris.example.net"
OLD, NEW = "192.0.2.2", "192.0.2.12"


def let_in(host: AgentHost, address: str) -> bool:
    """Say whether the generation in force has an address for the firewall to let in."""
    current = host.root / "var/lib/swanfleet/generations/current"
    return any(f'"{address}"' in each.read_text() for each in current.resolve().glob("*.json"))


def peer(host: AgentHost) -> str:
    """Return where the peer of paris is."""
    with host.here.client() as charon:
        found = [tree for _name, tree in charon.sas(["paris"]) if tree["state"] == "ESTABLISHED" and tree["child-sas"]]
    return str(found[0]["remote-host"]) if found else ""


@each_release.EACH
@pytest.mark.proves("S12", option="phase1.remote_endpoints")
def test_a_name_is_waited_for_and_followed_where_it_moves(release: str) -> None:
    """The name has no address, then one, then another one, as with DynDNS; a tunnel beside it is never touched."""
    with tempfile.TemporaryDirectory(prefix="swf-", dir="/tmp") as root, two_lines(Path(root), release=release) as host:
        host.here.know({})
        host.there.inside("ip", "address", "add", f"{NEW}/24", "dev", "paris")
        answer(host.there)
        wanted = gateway(None, init_type="start", remote_id="any")
        wanted["phase1"][0].update(remote_endpoints=[NAME], firewall_rule=True)
        host.apply(wanted)
        host.start()
        host.awaits(lambda: host.up() == ["lyon"])
        beside = host.spis()["lyon"]
        host.awaits(lambda: [each["kind"] for each in host.explained("paris")] == ["note"])
        host.here.know({NAME: OLD})
        began = time.monotonic()
        host.awaits(lambda: peer(host) == OLD)
        assert time.monotonic() - began < 8
        assert [each["kind"] for each in host.explained("paris")] == ["note", "initiate"]
        host.awaits(lambda: let_in(host, OLD))
        # DynDNS: the peer has another address, and answers there alone.
        answer(host.there, ["paris"], local=NEW)
        host.here.know({NAME: NEW})
        host.awaits(lambda: peer(host) == NEW, timeout=90)
        assert [each["kind"] for each in host.explained("paris")] == ["note", "initiate", "restart"]
        assert let_in(host, NEW)
        assert host.spis()["lyon"] == beside
