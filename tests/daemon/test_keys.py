# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation says of two pre-shared keys that charon may confuse them where it does, and nowhere else."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.owners import confused_keys, local_identity
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused, ViciCharon
from ansible_collections.swanfleet.ipsec.tests.daemon import charon_process
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.taken import Taken, made
from ansible_collections.swanfleet.ipsec.tests.generators.objects import Made

pytestmark = [pytest.mark.charon, pytest.mark.root]

NEAR, FAR, OTHER = "192.0.2.1", "192.0.2.2", "198.51.100.9"
ANYONE = {"init_type": "none", "remote_endpoints": ["0.0.0.0"], "remote_id": "any"}  # noqa: S104  # any peer
SEVERAL = {"remote_endpoints": [FAR, OTHER]}
V1 = {"ike_version": 1}


def connection(name: str, psk: str, options: Made) -> Made:
    proposal = "aes128-sha256-modp2048" if options.get("ike_version") == 1 else "aes128-sha256-curve25519"
    plain = {"name": name, "psk": psk, "remote_endpoints": [FAR], "interfaces": ["wan0"], "proposals": [proposal]}
    return {"init_type": "on_demand", **plain, **options}


def near(options: Made, rival: Made) -> Taken:
    child = {"name": "lan", "phase1": "ours", "local_networks": ["10.1.0.0/24"], "remote_networks": ["10.2.0.0/24"]}
    phase1 = [connection("ours", "right", options), connection("rival", "wrong", rival)]
    config: Made = {"phase1": phase1, "phase2": [{**child, "proposals": ["aes128-sha256"]}]}
    return made(config, parse_gateway(config))


def far(charon: ViciCharon, ours: Taken, shows: str) -> None:
    """Load the other end of our connection into the peer, which shows itself as `shows`."""
    connection = ours.gateway.phase1["ours"]
    mine = local_identity(connection) or NEAR
    child = {"local_ts": ["10.2.0.0/24"], "remote_ts": ["10.1.0.0/24"], "esp_proposals": ["aes128-sha256"]}
    charon.load_shared(id="psk", kind="ike", owners=[mine, NEAR], data=b"right")
    tree: Any = {
        "version": str(connection.ike_version),
        "remote_addrs": [NEAR],
        "proposals": list(connection.proposals),
        "local": {"auth": "psk", "id": shows},
        "remote": {"auth": "psk", "id": mine},
        "children": {"lan": child},
    }
    charon.load_connection("theirs", tree)


def meets(pair: Pair, ours: Taken, shows: str, *, rival_last: bool, we_initiate: bool) -> bool:
    """Say whether the two ends find the same key: by the order in which ours were loaded, and by who begins."""
    with pair[0].client() as here, pair[1].client() as there:
        charon_process.clean(here)
        charon_process.clean(there)
        for key in sorted(ours.shared, key=lambda key: ("rival" in key) == rival_last):
            secret = ours.shared[key]
            here.load_shared(id=key, kind=secret.kind, owners=secret.owners, data=secret.value.reveal().encode())
        for name in sorted(ours.connections, key=lambda name: (name == "rival") == rival_last):
            here.load_connection(name, ours.connections[name])
        far(there, ours, shows)
        begins, name = (here, "ours") if we_initiate else (there, "theirs")
        try:
            begins.initiate(ike=name, child="lan", timeout_ms=1500)
        except DaemonRefused:
            return False
        return True


@pytest.mark.parametrize(
    ("options", "rival", "shows", "confused"),
    [
        pytest.param({}, {"remote_endpoints": [OTHER]}, FAR, False, id="two peers"),
        pytest.param({}, ANYONE, FAR, False, id="a peer and anyone"),
        pytest.param({"remote_id": "b.example"}, {"remote_id": "c.example"}, "b.example", False, id="two names"),
        pytest.param({**SEVERAL, "local_id": "a"}, {**SEVERAL, "local_id": "b"}, FAR, False, id="several, two names of ours"),
        pytest.param({"remote_id": "keyid:B"}, {"remote_id": "keyid:b"}, "keyid:B", False, id="key ids have a case"),
        pytest.param({**ANYONE, "remote_id": "*.b.example"}, {**ANYONE, "remote_id": "*.c.example"}, "x.b.example", False,
                     id="two domains"),
        pytest.param(V1, {**V1, "remote_endpoints": [OTHER]}, FAR, False, id="two peers of version 1"),
        pytest.param({**V1, "remote_id": "b.example"}, {**V1, "remote_endpoints": [OTHER]}, "b.example", False,
                     id="a name of version 1"),
        pytest.param({**V1, "local_id": "a"}, {**V1, **ANYONE, "local_id": "b"}, FAR, False, id="a peer and anyone of version 1"),
        pytest.param({"local_id": "a"}, {"local_id": "b"}, FAR, True, id="one peer, two names of ours"),
        pytest.param(SEVERAL, {"remote_endpoints": [OTHER, "198.51.100.8"]}, FAR, True, id="several peers, and several others"),
        pytest.param(SEVERAL, {**ANYONE, "local_id": "b"}, FAR, True, id="several peers, and anyone for another name of ours"),
        pytest.param({}, {"local_id": "b"}, FAR, True, id="one peer, a name of ours for one only"),
        pytest.param({}, SEVERAL, FAR, True, id="one peer, and several with it"),
        pytest.param(ANYONE, ANYONE, FAR, True, id="anyone twice"),
        pytest.param({"remote_id": "b.example"}, {"remote_id": "B.example"}, "b.example", True, id="names have no case"),
        pytest.param({**ANYONE, "remote_id": "*.b.example"}, {**ANYONE, "remote_id": "*.example"}, "x.b.example", True,
                     id="a domain in a domain"),
        pytest.param({**V1, "local_id": "a", "remote_id": "b"}, {**V1, "local_id": "c", "remote_id": "d"}, "b", True,
                     id="one peer of version 1, other names"),
        pytest.param({**V1, **ANYONE, "local_id": "a", "remote_id": "b"}, {**V1, **ANYONE, "local_id": "c", "remote_id": "d"}, "b",
                     True, id="anyone of version 1, other names"),
    ],
)  # fmt: skip
def test_keys_are_confused_where_it_is_said(
    charon_pair: Pair, *, options: Made, rival: Made, shows: str, confused: bool
) -> None:
    ours = near(options, rival)
    assert bool(list(confused_keys(ours.gateway.phase1))) == confused
    waits = options.get("init_type") == "none"
    cases = itertools.product((False, True), (False,) if waits else (False, True))
    met = [meets(charon_pair, ours, shows, rival_last=last, we_initiate=begin) for last, begin in cases]
    assert all(met) != confused, met


@pytest.mark.parametrize(
    "ours", [{}, {"local_id": "gw"}, {"interfaces": [NEAR]}], ids=["our address", "our name", "an address"]
)
def test_a_peer_cannot_show_itself_as_another_one(charon_pair: Pair, ours: Made) -> None:
    named = [{**ANYONE, **ours, "remote_id": name} for name in ("a.example", "b.example")]
    wanted = near({**named[0], "psk": "key of a"}, {**named[1], "psk": "right"})
    start = charon_pair[0].mark()
    # The peer has the key of b and says that it is a.
    assert not meets(charon_pair, wanted, "a.example", rival_last=True, we_initiate=False)
    said = charon_pair[0].log(start)
    assert "tried 1 shared key for" in said
    assert "authentication of 'a.example' with pre-shared key successful" not in said
