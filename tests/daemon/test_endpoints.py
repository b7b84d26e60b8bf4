# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon makes of endpoints that are no addresses: anyone of a family, and names."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused, ViciCharon
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
