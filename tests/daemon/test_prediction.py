# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each option that can change: the disruption that a run foretells is the one that charon reports.

The rows make docs/disruption.md; SWANFLEET_WRITE_TABLES=1 writes it anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network
from itertools import chain, product
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.parts import UNSEEN, UNSEEN_OF_CHILD
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.child_keys import ChildKeys
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.ike_keys import IkeKeys
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import options_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.page_settings import INIT_TYPES
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.phase1 import Phase1
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.phase2 import Phase2
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import ViciCharon
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.tests.daemon import charon_process, each_release, releases
from ansible_collections.swanfleet.ipsec.tests.daemon.changes import (
    AAA,
    CA,
    CASES,
    DMZ,
    ESP,
    NOT_ALONE,
    PROPOSALS,
    THEIRS,
    Case,
)
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host, run
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import Config, config

pytestmark = [pytest.mark.charon, pytest.mark.root]

TABLE = Path(__file__).parents[2] / "docs" / "disruption.md"
HEAD = """\
# What each option interrupts

Made by `tests/daemon/test_prediction.py` on strongSwan {versions}: for each option, a tunnel that is up is
changed, what the run has foretold is compared with what charon reports, and the two are the same. Columns are the
`init_type` that was loaded before; a change of `init_type` itself is in the rows. The words are explained in the
[guide](guide.md).

| what changes | {types} |
| --- | --- | --- | --- | --- |
"""
NetworkPair = tuple[str, str]
WORDS = ["none", "rekey", "reestablish", "end"]


def before(init_type: str, case: Case) -> Config:
    """Return the gateway from which a case begins."""
    was = Case(
        "", dmz={} if case.two else None, aaa={} if case.group else None, base=case.base, shunts=case.shunts[::-1]
    )
    return after(init_type, was)


def after(init_type: str, case: Case) -> Config:
    """Return the gateway that a case makes."""
    if case.gone:
        return config([], [])
    phase1 = {
        "name": "t2", "interfaces": ["192.0.2.1"], "remote_endpoints": ["192.0.2.2"], "psk": "s3cret",
        "local_id": "gw1.example.org", "remote_id": "gw2.example.org", "proposals": PROPOSALS[:1], "init_type": init_type,
    }  # fmt: skip
    sides = {"local_networks": ["10.1.0.0/24"], "remote_networks": ["10.2.0.0/24"]}
    phase2 = {"name": "lan", "phase1": "t2", **sides, "proposals": ESP[:1]}
    children = [{**phase2, **case.phase2}] if case.phase2 is not None else []
    children += [{**phase2, **DMZ, **case.dmz}] if case.dmz is not None else []
    children += [{**phase2, **AAA, **case.aaa}] if case.aaa is not None else []
    children += [{**phase2, **each} for each in case.more]
    made = config([{**phase1, **case.base, **case.phase1}], children, [{"name": "ipsec0"}])
    return {**made, "shunts": list(case.shunts[1])}


def connection(identity: str, towards: Sequence[str] = ()) -> dict[str, Any]:
    """Return the peer's connection, which takes whatever a case may ask for, and initiates to the address given."""
    children = {
        name: {"local_ts": [f"10.2.{n}.0/24"], "remote_ts": [f"10.1.{n}.0/24"], "esp_proposals": ESP}
        for n, name in enumerate(("lan", "dmz", "third"))
    }
    children["lan"]["local_ts"].append("10.2.1.0/24")
    return {
        "version": "0", "proposals": PROPOSALS, "remote_addrs": [*towards, "0.0.0.0/0", "::/0"],
        "local": {"auth": "psk", "id": f"fqdn:{identity}.example.org"}, "remote": {"auth": "psk"}, "children": children,
    }  # fmt: skip


def certified(tree: dict[str, Any]) -> dict[str, Any]:
    """Return a connection of the peer that shows its certificate and wants one."""
    mine = {**tree["local"], "auth": "pubkey", "certs": [THEIRS.pem.encode()]}
    return {**tree, "local": mine, "remote": {"auth": "pubkey"}}


@pytest.fixture(scope="module")
def pair(charon_pair_once: Pair) -> Pair:
    """Return both ends with all addresses that the cases use."""
    more = (["192.0.2.11/24", "2001:db8::1/64"], ["192.0.2.12/24", "2001:db8::2/64"])
    for process, addresses in zip(charon_pair_once, more, strict=True):
        for address in addresses:
            nodad = ("nodad",) if ":" in address else ()
            process.inside("ip", "address", "replace", address, "dev", "wan", *nodad)
    # kernel-libipsec wants an address of its own inside of each network; wired() gives it the first.
    for number, process in enumerate(charon_pair_once, start=1):
        for network in (1, 2):
            process.inside("ip", "address", "replace", f"10.{number}.{network}.1/32", "dev", "lo")
    return charon_pair_once


@pytest.fixture
def peer(pair: Pair) -> Iterator[ViciCharon]:
    for process in pair:
        with process.client() as client:
            charon_process.clean(client)
    with pair[1].client() as there:
        yield there


@pytest.fixture
def host(pair: Pair, peer: ViciCharon, tmp_path: Path) -> Iterator[Host]:
    assert peer.sas() == []
    made = engine_host(tmp_path, pair[0].uri)
    yield made
    made.charon.close()


def up(charon: ViciCharon | Any) -> list[str]:
    """Return the names of the children that are installed."""
    return sorted(child["name"] for child in installed(charon))


def installed(charon: ViciCharon | Any) -> list[dict[str, Any]]:
    """Return the CHILD_SAs that are installed."""
    return [c for _name, sa in charon.sas() for c in sa["child-sas"].values() if c["state"] == "INSTALLED"]


def carried(child: Mapping[str, Any]) -> list[NetworkPair]:
    """Return the pairs of networks that a CHILD_SA carries."""
    return [(local, remote) for local in child["local-ts"] for remote in child["remote-ts"]]


def meet(one: NetworkPair, other: NetworkPair) -> bool:
    """Say whether some traffic belongs to both pairs."""
    return all(ip_network(a).overlaps(ip_network(b)) for a, b in zip(one, other, strict=True))


class Watch:
    """What charon reports of CHILD_SAs, in order."""

    def __init__(self, client: ViciCharon) -> None:
        self.client = client
        self.told: list[tuple[str, list[NetworkPair], bool]] = []
        self.look()

    def look(self) -> list[tuple[str, list[NetworkPair], bool]]:
        """Return (unique id, pairs of networks, up) of every event so far."""
        for _event, message in self.client.session.listen(["child-updown"], timeout=0):
            for name, sa in message.items():
                if isinstance(sa, dict) and name == "t2":
                    children = sa["child-sas"].values()
                    self.told += [(each["uniqueid"], carried(each), message.get("up") == "yes") for each in children]
        return self.told

    def verdict(self, old: dict[str, list[NetworkPair]]) -> str:
        """Return the worst that has happened to the traffic of the CHILD_SAs that were up before, by unique id."""
        return max((self._fate(number, pair) for number, pairs in old.items() for pair in pairs), key=WORDS.index)

    def _fate(self, number: str, pair: NetworkPair) -> str:
        told = self.look()
        ended = [index for index, (which, _pairs, is_up) in enumerate(told) if not is_up and which == number]
        begun = [
            index for index, (_which, pairs, is_up) in enumerate(told) if is_up and any(meet(pair, p) for p in pairs)
        ]
        if not ended:
            return "none"
        return "end" if not begun else "rekey" if begun[0] < ended[0] else "reestablish"


def set_key(peer: ViciCharon, key: str) -> None:
    peer.load_shared(id="any", kind="ike", owners=[], data=key.encode())


def begin(host: Host, peer: ViciCharon, init_type: str, case: Case) -> dict[str, list[NetworkPair]]:
    """Bring the tunnel up as it is before a case; return what its CHILD_SAs carry by their unique ids."""
    for charon in (host.charon, peer):
        for _name, sa in charon.sas():
            charon.terminate(ike_id=int(sa["uniqueid"]), timeout_ms=2000, force=True)
    run(host, config([], []))
    set_key(peer, "s3cret")
    for identity in ("gw2", "gw2b"):
        peer.load_connection(identity, connection(identity))
    peer.load_certificate(kind="X509", flag="CA", data=CA.pem.encode())
    peer.load_key(THEIRS.key_pem.encode())
    peer.load_connection("gw2c", certified(connection("gw2")))
    wanted = before(init_type, case)
    run(host, wanted)
    names = sorted(host.charon.connections(["t2"])["t2"]["children"])
    assert names == (["aaa"] if case.group else ["dmz", "lan"] if case.two else ["lan"])
    for name in names if "start" not in init_type else ():
        host.charon.initiate(ike="t2", child=name, timeout_ms=5000)
    assert awaited(lambda: up(host.charon) == names)
    return {c["uniqueid"]: carried(c) for c in installed(host.charon)}


def row(host: Host, peer: ViciCharon, process: CharonProcess, init_type: str, case: Case) -> tuple[str, str]:
    """Run one case; return what the run has foretold, and what came."""
    old = begin(host, peer, init_type, case)
    set_key(peer, case.key)
    wanted = after(init_type, case)
    with process.client() as client:
        watch = Watch(client)
        outcome = run(host, wanted)
        assert outcome.warnings == (), case
        foretold = outcome.disruption.get("t2", "none")
        if case.phase1.get("init_type", init_type) == "none" and foretold != "none":
            _bring_back(host, peer, case)
        pairs = [pair for each in wanted["phase2"] for pair in product(each["local_networks"], each["remote_networks"])]
        kept = [pair for pair in pairs if any(meet(pair, each) for each in chain(*old.values()))]
        assert awaited(lambda: all(_is_carried(host, pair) for pair in kept)), (case, host.charon.sas())
        assert awaited(lambda: len(up(host.charon)) == len(set(up(host.charon)))), (case, host.charon.sas())
        assert not run(host, wanted).changed, case
        return foretold, watch.verdict(old)


def _is_carried(host: Host, pair: NetworkPair) -> bool:
    return any(meet(pair, each) for child in installed(host.charon) for each in carried(child))


def _bring_back(host: Host, peer: ViciCharon, case: Case) -> None:
    """Let the peer initiate, since nobody else may."""
    if not up(host.charon) and case.phase2 is not None and not case.gone:
        name = "gw2b" if case.what == "phase1.remote_id" else "gw2"
        form = certified if case.certified else dict
        more = {
            "version": str({**case.base, **case.phase1}.get("ike_version", 2)),
            "local_addrs": case.phase1.get("remote_endpoints", ["192.0.2.2"]),
        }
        peer.load_connection(name, form({**connection(name, case.phase1.get("interfaces", ["192.0.2.1"])), **more}))
        peer.initiate(ike=name, child="lan", timeout_ms=5000)
        if case.dmz is not None:
            peer.initiate(ike=name, child="dmz", timeout_ms=5000)


def _options(**classes: type) -> set[str]:
    return {f"{kind}.{opt.name}" for kind, cls in classes.items() for opt in options_of(cls)}


def test_every_option_has_a_case() -> None:
    options = _options(phase1=Phase1, phase2=Phase2)
    others = _options(phase1=IkeKeys, phase2=ChildKeys)
    passed_over = {f"phase1.{each}" for each in UNSEEN} | {f"phase2.{each}" for each in UNSEEN_OF_CHILD}
    cases = {case.what.partition(":")[0] for case in CASES}
    assert options - cases == NOT_ALONE | others - passed_over


@each_release.EACH
@pytest.mark.parametrize("init_type", INIT_TYPES)
def test_what_is_foretold_comes(host: Host, peer: ViciCharon, pair: Pair, init_type: str) -> None:
    rows = {case.what: row(host, peer, pair[0], init_type, case) for case in CASES}
    assert {what: told for what, told in rows.items() if told[0] != told[1]} == {}
    _measured[(host.charon.state().version, init_type)] = {what: came for what, (_told, came) in rows.items()}


_measured: dict[tuple[str, str], dict[str, str]] = {}


def test_the_documented_table_is_the_measured_one() -> None:
    """Compare what the tests above have seen with the table that people read."""
    assert len(_measured) == len(INIT_TYPES) * len(releases.RELEASES), "the tests before this one have not all passed"
    versions = sorted({version for version, _init_type in _measured})
    lines = []
    for what in (case.what for case in CASES):
        told = [
            " / ".join(dict.fromkeys(_measured[(version, init_type)][what] for version in versions))
            for init_type in INIT_TYPES
        ]
        lines.append(f"| {what} | " + " | ".join(told) + " |")
    text = HEAD.format(versions=" and ".join(versions), types=" | ".join(f"`{each}`" for each in INIT_TYPES))
    text += "\n".join(lines) + "\n"
    if os.environ.get("SWANFLEET_WRITE_TABLES"):
        TABLE.write_text(text, encoding="utf-8")
    assert TABLE.read_text("utf-8") == text
