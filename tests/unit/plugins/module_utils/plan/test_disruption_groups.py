# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change does to live SAs where phase 2s share one: who takes over is told by traffic, and not by name."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.parts import parts_from_data, parts_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Parts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import LiveChild, LiveSa
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.disruption import Change, outlook

HERE = "10.1.0.0/24"
LAN, AAA, HALF, FAR = "10.2.0.0/24", "10.2.1.0/24", "10.2.0.0/25", "10.9.0.0/24"


def parts(start: str = "trap", ike: str = "i", **children: str) -> Parts:
    """Return parts; a child is given by its remote networks, and after a slash what else there is of it."""
    trees = {}
    for name, text in children.items():
        remote, _slash, more = text.partition(" / ")
        trees[name] = {"local_ts": HERE, "remote_ts": remote, "start_action": start, "life_time": more}
    return parts_of({"version": ike, "children": trees})


def stored(made: Parts) -> Parts:
    """Return parts as they were told in an earlier run."""
    return parts_from_data(made.as_data())


def sa(**children: str) -> LiveSa:
    made = [
        LiveChild(name, n, True, (HERE,), tuple(remote.split(","))) for n, (name, remote) in enumerate(children.items())
    ]
    return LiveSa(1, True, False, tuple(made))


BOTH = f"{LAN},{AAA}"


@pytest.mark.parametrize(
    ("loaded", "wanted", "live", "told", "ended", "up"),
    [
        pytest.param({"aaa": BOTH}, {"aaa": AAA, "lan": f"{LAN} / 2h"}, {"aaa": BOTH}, "rekey", ("aaa",), ("aaa", "lan"),
                     id="one of them gets a parameter of its own, or they are split"),
        pytest.param({"lan": LAN}, {"aaa": BOTH}, {"lan": LAN}, "rekey", ("lan",), ("aaa",), id="one comes, and is the first"),
        pytest.param({"aaa": AAA}, {"aaa": BOTH}, {"aaa": AAA}, "rekey", ("aaa",), ("aaa",), id="one comes, and is not the first"),
        pytest.param({"aaa": BOTH}, {"lan": LAN}, {"aaa": BOTH}, "end", ("aaa",), ("lan",), id="the first goes"),
        pytest.param({"aaa": BOTH}, {"aaa": AAA}, {"aaa": BOTH}, "end", ("aaa",), ("aaa",), id="the second goes"),
        pytest.param({"aaa": AAA, "lan": LAN}, {"aaa": BOTH}, {"aaa": AAA, "lan": LAN}, "rekey", ("aaa", "lan"), ("aaa",),
                     id="they are joined"),
        pytest.param({"aaa": AAA, "lan": LAN}, {"aaa": BOTH}, {"lan": LAN}, "rekey", ("lan",), ("aaa",),
                     id="they are joined, and the first is not up"),
        pytest.param({"aaa": BOTH}, {"aaa": AAA, "lan": LAN}, {"aaa": AAA}, "rekey", ("aaa",), ("aaa",),
                     id="they are split, and the peer had taken one of them only"),
        pytest.param({"aaa": BOTH}, {"aaa": AAA, "lan": HALF}, {"aaa": BOTH}, "end", ("aaa",), ("aaa", "lan"),
                     id="they are split, and one is narrower"),
        pytest.param({"lan": LAN}, {"lan": HALF}, {"lan": LAN}, "rekey", ("lan",), ("lan",), id="narrower, of the same name"),
        pytest.param({"lan": LAN}, {"lan": FAR}, {"lan": LAN}, "end", ("lan",), ("lan",), id="elsewhere, of the same name"),
        pytest.param({"lan": LAN}, {"net": f"{LAN} / 2h"}, {"lan": LAN}, "rekey", ("lan",), ("net",),
                     id="another name and another parameter"),
        pytest.param({"half": HALF, "lan": LAN}, {"lan": LAN}, {"half": HALF, "lan": LAN}, "end", ("half",), (),
                     id="what stays as it is takes over nothing"),
        pytest.param({"lan": LAN}, {"lan": "dynamic"}, {"lan": LAN}, "rekey", ("lan",), ("lan",), id="dynamic"),
        pytest.param({"lan": LAN}, {"net": "10.2.0.0/16[tcp]"}, {"lan": f"{LAN}[tcp/zabbix-agent]"}, "end", ("lan",), ("net",),
                     id="a service that nobody knows by name is taken for any"),
        pytest.param({"lan": LAN}, {"net": "10.2.0.0/16[tcp]"}, {"lan": f"{LAN}[tcp/https]"}, "rekey", ("lan",), ("net",),
                     id="a port within its protocol"),
        pytest.param({"lan": "10.2.0.128/25"}, {"net": LAN}, {"lan": "10.2.0.128/25"}, "rekey", ("lan",), ("net",),
                     id="the upper half"),
        pytest.param({"lan": f"{LAN}[tcp/1000-2000]"}, {"net": f"{LAN}[tcp/1500-2500]"}, {"lan": f"{LAN}[tcp/1000-2000]"},
                     "end", ("lan",), ("net",), id="ports of which some are in it"),
        pytest.param({"lan": LAN}, {"net": f"{LAN}[udp]"}, {"lan": f"{LAN}[tcp]"}, "end", ("lan",), (), id="another protocol"),
        pytest.param({"lan": LAN}, {"net": "10.2.0.0-10.2.0.9"}, {"lan": "10.2.0.1..10.2.0.7"}, "rekey", ("lan",), ("net",),
                     id="a range as charon shows it"),
    ],
)  # fmt: skip
def test_children_by_traffic(
    loaded: dict[str, str],
    wanted: dict[str, str],
    live: dict[str, str],
    told: str,
    ended: tuple[str, ...],
    up: tuple[str, ...],
) -> None:
    change = Change("rome", stored(parts(**loaded)), parts(**wanted), may_initiate=True)
    found = outlook(change, [sa(**live)])
    assert found.settlement is not None
    assert (found.disruption, found.settlement.children, found.settlement.bring_up) == (told, ended, up)


def test_what_ends_is_told_in_the_order_of_names() -> None:
    networks = {f"net{number}": f"10.2.{number}.0/24" for number in range(9)}
    wanted = parts(**{name: f"{network} / 2h" for name, network in networks.items()})
    found = outlook(Change("rome", stored(parts(**networks)), wanted, may_initiate=True), [sa(**networks)])
    assert found.settlement is not None
    assert found.settlement.children == tuple(networks)


@pytest.mark.parametrize("known", [True, False])
def test_an_ike_sa_by_traffic(*, known: bool) -> None:
    """Where an IKE_SA is replaced, or nobody knows what was loaded, all that carried its traffic comes again."""
    loaded = stored(parts(aaa=BOTH)) if known else None
    for wanted, told, up in (
        ({"aaa": AAA, "lan": LAN}, "rekey" if known else "reestablish", ("aaa", "lan")),
        ({"lan": LAN}, "end", ("lan",)),
        ({"aaa": BOTH, "far": FAR}, "rekey" if known else "reestablish", ("aaa",)),
    ):
        found = outlook(Change("rome", loaded, parts(ike="j", **wanted), may_initiate=True), [sa(aaa=BOTH)])
        assert found.settlement is not None
        assert (found.disruption, found.settlement.whole, found.settlement.bring_up) == (told, True, up)


def test_what_charon_starts_is_interrupted_and_comes_whole() -> None:
    change = Change("rome", stored(parts("start", aaa=BOTH)), parts("start", aaa=AAA, lan=LAN), may_initiate=True)
    found = outlook(change, [sa(aaa=BOTH)])
    assert found.settlement is not None
    assert (found.disruption, found.settlement.bring_up) == ("reestablish", ("aaa", "lan"))
    assert found.settlement.held == {"aaa", "lan"}
