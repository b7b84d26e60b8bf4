# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon makes of live SAs when their connection is loaded again: the premises of decision 8, on each release."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused, ViciCharon
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]

NETWORKS = {"lan": 0, "dmz": 1, "lab": 2}
IKE = ["aes256-sha256-curve25519", "aes128-sha256-curve25519"]
ESP = ["aes256gcm16", "aes128gcm16"]
OTHER_IKE = {"proposals": IKE[1:], "rekey_time": "9h"}
OTHER_CHILD = {"esp_proposals": ESP[1:], "life_time": "2h"}


def connection(side: int, children: dict[str, dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """Return one end's connection, with what differs from the usual in it and, by name, in its children."""
    return {
        "version": "2", "local_addrs": [f"192.0.2.{side}"], "remote_addrs": [f"192.0.2.{3 - side}"],
        "proposals": IKE[:1], "rekey_time": "4h",
        "local": {"auth": "psk", "id": f"fqdn:gw{side}.example.org"},
        "remote": {"auth": "psk", "id": f"fqdn:gw{3 - side}.example.org"},
        "children": {
            name: {
                "local_ts": [f"10.{side}.{NETWORKS[name[:3]]}.0/24"],
                "remote_ts": [f"10.{3 - side}.{NETWORKS[name[:3]]}.0/24"],
                "esp_proposals": ESP[:1], "life_time": "1h", "rekey_time": "50m", **more,
            }
            for name, more in children.items()
        },
        **changes,
    }  # fmt: skip


@dataclass(frozen=True)
class Child:
    """An installed CHILD_SA: name, unique id, bits of its cipher, and its whole life in seconds."""

    name: str
    id: str
    bits: str
    life: int


@dataclass(frozen=True)
class Sa:
    """An established IKE_SA: unique id, bits of its cipher, and its CHILD_SAs."""

    id: str
    bits: str
    children: tuple[Child, ...]


def sas(charon: ViciCharon) -> list[Sa]:
    """Return the IKE_SAs and their children, the oldest first."""
    found = []
    for _name, sa in charon.sas():
        children = [
            Child(c["name"], c["uniqueid"], c["encr-keysize"], round(int(c["life-time"]) + int(c["install-time"]), -2))
            for c in sa["child-sas"].values()
            if c["state"] == "INSTALLED"
        ]
        if sa["state"] == "ESTABLISHED":
            found.append(Sa(sa["uniqueid"], sa["encr-keysize"], tuple(sorted(children, key=lambda c: int(c.id)))))
    return sorted(found, key=lambda each: int(each.id))


@pytest.fixture
def charon(charon_pair: Pair) -> Iterator[ViciCharon]:
    """Return the end at which connections are loaded; the other one takes all that the tests ask for."""
    for number, process in enumerate(charon_pair, start=1):
        for network in NETWORKS.values():
            process.inside("ip", "address", "replace", f"10.{number}.{network}.1/32", "dev", "lo")
    with charon_pair[0].client() as here, charon_pair[1].client() as there:
        for end in (here, there):
            end.load_shared(id="any", kind="ike", owners=[], data=b"s3cret")
        there.load_connection(
            "t", connection(2, {name: {"esp_proposals": ESP} for name in NETWORKS}, proposals=IKE, unique="never")
        )
        yield here


def begin(charon: ViciCharon, action: str, *names: str) -> Sa:
    """Load a connection with these children and return its IKE_SA when all of them are up."""
    charon.load_connection("t", connection(1, {name: {"start_action": action} for name in names}))
    for name in names if "start" not in action else ():
        charon.initiate(ike="t", child=name, timeout_ms=5000)
    assert awaited(lambda: [len(sa.children) for sa in sas(charon)] == [len(names)])
    return sas(charon)[0]


@pytest.mark.parametrize("action", ["none", "trap"])
def test_what_charon_has_not_started_keeps_its_sas_with_old_parameters(charon: ViciCharon, action: str) -> None:
    before = begin(charon, action, "lan", "dmz")
    for children, changes in (
        ({"lan": OTHER_CHILD, "dmz": {}}, {}),
        ({"lan": OTHER_CHILD}, OTHER_IKE),
        ({}, OTHER_IKE),
    ):
        charon.load_connection(
            "t", connection(1, {k: {**v, "start_action": action} for k, v in children.items()}, **changes)
        )
        assert sas(charon) == [before]
    charon.unload_connection("t")
    assert sas(charon) == [before]


def test_a_changed_child_comes_up_beside_the_old_one(charon: ViciCharon) -> None:
    before = begin(charon, "none", "lan")
    charon.load_connection("t", connection(1, {"lan": OTHER_CHILD}))
    charon.initiate(ike="t", child="lan", timeout_ms=5000)
    [after] = sas(charon)
    assert (after.id, after.children[:1]) == (before.id, before.children)
    assert [(child.name, child.bits, child.life) for child in after.children[1:]] == [("lan", "128", 7200)]
    assert charon.terminate(child_id=int(before.children[0].id), timeout_ms=5000) == 1
    assert [sa.children for sa in sas(charon)] == [after.children[1:]]


def test_a_changed_ike_part_comes_up_beside_the_old_one(charon: ViciCharon) -> None:
    before = begin(charon, "none", "lan")
    charon.load_connection("t", connection(1, {"lan": {}}, **OTHER_IKE))
    charon.initiate(ike="t", child="lan", timeout_ms=5000)
    old, new = sas(charon)
    assert old == before
    assert (new.bits, [child.name for child in new.children]) == ("128", ["lan"])
    assert charon.terminate(ike_id=int(old.id), timeout_ms=5000) == 1
    assert sas(charon) == [new]


@pytest.mark.parametrize("how", ["the child is rekeyed", "the IKE_SA is rekeyed", "it is authenticated again"])
def test_no_rekeying_brings_new_parameters(charon: ViciCharon, how: str) -> None:
    before = begin(charon, "none", "lan")
    charon.load_connection("t", connection(1, {"lan": OTHER_CHILD}, **OTHER_IKE))
    if how == "the child is rekeyed":
        charon.rekey(child="lan")
        assert awaited(lambda: [c.id for sa in sas(charon) for c in sa.children] not in ([], [before.children[0].id]))
    else:
        charon.rekey(ike="t", reauth="again" in how)
        assert awaited(lambda: [sa.id for sa in sas(charon) if sa.children] not in ([], [before.id]))
    [after] = sas(charon)
    assert after != before
    assert (after.bits, [(child.bits, child.life) for child in after.children]) == ("256", [("256", 3600)])


@pytest.mark.parametrize("name", ["lan", "lan2"])
def test_a_child_is_not_set_up_twice_whatever_its_name(charon: ViciCharon, name: str) -> None:
    before = begin(charon, "none", "lan")
    charon.load_connection("t", connection(1, {name: {}}))
    with pytest.raises(DaemonRefused, match=f"establishing CHILD_SA '{name}' failed"):
        charon.initiate(ike="t", child=name, timeout_ms=5000)
    assert sas(charon) == [before]


@pytest.mark.parametrize("action", ["start", "trap|start"])
def test_started_children_come_change_and_go_while_another_one_stays(charon: ViciCharon, action: str) -> None:
    before = begin(charon, action, "lan", "dmz")
    stays = before.children[0]

    def settled(up: list[str], others: dict[str, Any]) -> bool:
        rest = [child for sa in sas(charon) for child in sa.children if child != stays]
        lives = {child.name: child.life for child in rest}
        wanted = {name: 7200 if more else 3600 for name, more in others.items()}
        return sorted(child.name for child in rest) == sorted(up) and lives == wanted

    for others, up in (({"dmz": {}, "lab": {}}, ["dmz", "lab"]), ({"lab": OTHER_CHILD}, ["lab"]), ({}, [])):
        children = {"lan": {}, **others}
        charon.load_connection("t", connection(1, {k: {**v, "start_action": action} for k, v in children.items()}))

        assert awaited(functools.partial(settled, up, others)), sas(charon)
        [now] = sas(charon)
        assert (now.id, stays in now.children) == (before.id, True)


@pytest.mark.parametrize("names", [("lan",), ("lan", "dmz"), ("lan", "dmz", "lab")], ids=len)
def test_held_ended_and_loaded_again_is_one_ike_sa_with_all_children(
    charon: ViciCharon, names: tuple[str, ...]
) -> None:
    before = begin(charon, "start", *names)
    charon.load_connection("t", connection(1, dict.fromkeys(names, OTHER_CHILD)))
    # charon 5.9.8 ends it by itself in some cases; what is gone in the meantime is refused.
    with contextlib.suppress(DaemonRefused):
        charon.terminate(ike="t", timeout_ms=5000)
    assert awaited(lambda: sas(charon) == [])
    charon.load_connection("t", connection(1, {each: {**OTHER_CHILD, "start_action": "start"} for each in names}))
    assert awaited(lambda: [len(sa.children) for sa in sas(charon)] == [len(names)])
    [after] = sas(charon)
    assert after.id != before.id
    assert {child.life for child in after.children} == {7200}
