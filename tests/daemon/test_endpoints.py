# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon makes of endpoints that are no addresses: anyone of a family, and names."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused, ViciCharon
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.taken import load, taken

pytestmark = [pytest.mark.charon, pytest.mark.root]

PROPOSAL = "aes128-sha256-curve25519"
PEER: dict[str, Any] = {"name": "peer", "psk": "s3cret", "init_type": "none", "proposals": [PROPOSAL]}
CHILD = {"name": "lan", "phase1": "peer", "local_networks": ["10.1.0.0/24"], "remote_networks": ["10.2.0.0/24"]}


@pytest.mark.parametrize(
    ("ip_type", "anyone", "answers"), [("ipv4", "0.0.0.0", True), ("ipv6", "::", False)]  # noqa: S104  # any peer
)  # fmt: skip
def test_anyone_is_of_one_family_and_nobody_asks_the_dns_for_it(
    charon_pair: Pair, *, ip_type: str, anyone: str, answers: bool
) -> None:
    near, far = charon_pair
    start = near.mark()
    with near.client() as here, far.client() as there:
        load(here, taken({"phase1": [{**PEER, "ip_type": ip_type, "remote_endpoints": [anyone]}]}))
        there.load_shared(id="psk", kind="ike", owners=[], data=b"s3cret")
        children = {"lan": {"local_ts": ["10.2.0.0/24"], "remote_ts": ["10.1.0.0/24"]}}
        tree: Any = {"version": "2", "remote_addrs": ["192.0.2.1"], "proposals": [PROPOSAL], "children": children}
        there.load_connection("theirs", {**tree, "local": {"auth": "psk"}, "remote": {"auth": "psk"}})
        with pytest.raises(DaemonRefused):
            there.initiate(ike="theirs", child="lan", timeout_ms=2000)
    said = near.log(start)
    assert ("authentication of '192.0.2.2' with pre-shared key successful" in said) == answers
    assert ("no IKE config found" in said) != answers
    assert "resolving" not in said


def test_a_name_is_looked_up_for_the_family_of_the_connection(charon: ViciCharon, charon_daemon: CharonProcess) -> None:
    start = charon_daemon.mark()
    peer = {**PEER, "ip_type": "ipv6", "remote_endpoints": ["localhost"], "init_type": "on_demand"}
    load(charon, taken({"phase1": [peer], "phase2": [CHILD]}))
    with pytest.raises(DaemonRefused):
        charon.initiate(ike="peer", child="lan", timeout_ms=200)
    said = charon_daemon.log(start)
    # Where the name has no IPv6 address there is nobody to initiate to, whatever else it has.
    assert "to 127.0.0.1" not in said
    assert "initiating IKE_SA peer" in said or "unable to resolve localhost" in said


# A name server that takes every question and answers none; it ends with its input.
_SILENT = """
import socket, sys
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("192.0.2.2", 53))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def silent_server(charon_pair: Pair) -> Iterator[str]:
    """Return the lines of resolv.conf for a name server that costs two seconds and tells nothing."""
    argv = ["ip", "netns", "exec", charon_pair[1].netns, sys.executable, "-c", _SILENT]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield "nameserver 192.0.2.2\noptions timeout:2 attempts:1\n"


@each_release.EACH
@pytest.mark.proves("S12", option="phase1.remote_endpoints")
def test_a_name_server_that_is_silent_is_waited_for(charon_pair: Pair, silent_server: str) -> None:
    """charon looks the peer of a trap up before it answers; that is no charon that hangs."""
    near = charon_pair[0]
    near.know({}, name_server=silent_server)
    peer = {**PEER, "remote_endpoints": ["gw2.example.net"], "init_type": "on_demand"}
    started = time.monotonic()
    with near.client(timeout=1.0) as here:
        load(here, taken({"phase1": [peer], "phase2": [CHILD]}, starting=True))
        assert time.monotonic() - started > 1.5
        # The trap is there all the same, and the name is looked up again when it is sprung.
        assert here.traps() == {("peer", "lan")}
    near.know({})
