# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon is told of pools, shunts and keys on tokens: what it lacks, what goes and in which order, what cannot be."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Artifacts, Rest, TakenOver
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import (
    Observed,
    ObservedDaemon,
    ObservedPools,
    Stored,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.pools import plan_pools
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.shunts import plan_shunts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.steps import Step
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.tokens import fresh_tokens, stale_tokens

SITUATION = Situation(b"k" * 32)
CHARON = ObservedDaemon(DaemonState("charon-systemd", "5.9.8", (), "", 0), frozenset(), {}, frozenset())
SHUNT = {"type": "drop", "local_networks": ["10.1.0.0/16"], "remote_networks": ["10.3.0.0/16"]}


def made(**lists: Any) -> Artifacts:
    return artifacts(parse_gateway(lists), SITUATION)


def charon(**holds: Any) -> ObservedDaemon:
    return dataclasses.replace(CHARON, **holds)


def told(*lists: list[Step]) -> list[tuple[str, str]]:
    return [(str(step), step.key) for steps in lists for step in steps]


OFFICE = {"name": "office", "addrs": "10.9.0.0/24"}
STRANGER = (
    "pool office: name is 'office': charon has a pool of this name that is not ours; choose another name, or remove the pool "
    "from its own file under /etc/swanctl first"
)
IN_USE = (
    "pool office: addrs is '10.8.0.0/24': charon cannot change the addresses of a pool while peers have some of them, and 7 do; "
    "end their tunnels first, or add another pool"
)


@pytest.mark.parametrize(
    ("before", "online", "addrs", "message"),
    [
        pytest.param([], {"office": 0}, "10.9.0.0/24", STRANGER, id="a pool of others"),
        pytest.param([OFFICE], {"office": 7}, "10.8.0.0/24", IN_USE, id="other addresses while some are in use"),
        pytest.param([OFFICE], {"office": 0}, "10.8.0.0/24", "", id="other addresses while none is"),
        pytest.param([OFFICE], {"office": 7}, "10.9.0.0/24", "", id="the same addresses"),
        pytest.param([], {}, "10.9.0.0/24", "", id="a new pool"),
    ],
)
def test_a_pool_that_cannot_be_loaded_is_refused(
    before: list[Any], online: dict[str, int], addrs: str, message: str
) -> None:
    observed = Observed(
        stored=Stored(gateway=parse_gateway({"pools": before})), situation=SITUATION, files={}, links={}, daemon=None
    )
    refused = ""
    try:
        plan_pools(made(pools=[{**OFFICE, "addrs": addrs}]), observed, charon(pools=ObservedPools(online)))
    except ValidationError as error:
        refused = str(error)
    assert refused == message


def test_pools_that_were_ours_go_in_the_order_of_names() -> None:
    names = [f"n{number}" for number in range(9)]
    before = parse_gateway({"pools": [{"name": name, "addrs": f"10.{name[1:]}.0.0/16"} for name in names]})
    observed = Observed(stored=Stored(gateway=before), situation=SITUATION, files={}, links={}, daemon=None)
    held = charon(pools=ObservedPools({**dict.fromkeys(names, 0), "theirs": 0}))
    assert plan_pools(made(), observed, held) == ([], [Step("unload", "pool", name) for name in names])


def test_a_shunt_is_loaded_or_its_policies_are_installed() -> None:
    wanted = made(shunts=[{"name": "wall", **SHUNT}])
    [name] = wanted.shunts
    assert told(*plan_shunts(wanted, CHARON)) == [("load shunt wall", name)]
    assert told(*plan_shunts(wanted, charon(connections=frozenset({name})))) == [("install shunt wall", name)]
    whole = charon(connections=frozenset({name}), shunts={(name, "wall"): "DROP"})
    assert told(*plan_shunts(wanted, whole)) == []


def test_what_drops_goes_before_what_passes() -> None:
    kinds = {"a": "pass", "b": "drop", "c": "pass", "d": "drop"}
    before = made(shunts=[{"name": name, **SHUNT, "type": kind} for name, kind in kinds.items()])
    by_name = {connection.split("-")[-2]: connection for connection in before.shunts}
    held = charon(
        connections=frozenset({*by_name.values(), "theirs"}),
        shunts={(by_name[name], name): kind.upper() for name, kind in kinds.items()},
    )
    assert told(*plan_shunts(made(), held)) == [(f"unload shunt {name}", by_name[name]) for name in "bdac"]


def test_of_what_was_taken_over_only_what_charon_has_goes() -> None:
    rest = Rest(shunts=(("paris", "clear"), ("paris", "gone")), emptied={"old": {}, "lost": {}})
    wanted = dataclasses.replace(made(), taken_over=TakenOver(rest=rest))
    held = charon(connections=frozenset({"old", "paris"}), shunts={("paris", "clear"): "PASS"})
    assert told(*plan_shunts(wanted, held)) == [("unload shunt old", "old"), ("uninstall shunt clear", "paris")]


def test_keys_on_tokens_are_loaded_where_charon_lacks_them_and_go_in_order() -> None:
    names = [f"n{number}" for number in range(9)]
    wanted = made(private_keys=[{"name": name, "handle": f"0{name[1:]}", "pin": "1234"} for name in names])
    sections = sorted(wanted.tokens)
    assert told(fresh_tokens(wanted, CHARON)) == [
        (f"load token {wanted.tokens[each].name}", each) for each in wanted.tokens
    ]
    held = charon(tokens={each: f"key of {each}" for each in sections}, keys=frozenset({f"key of {sections[0]}"}))
    assert {step.key for step in fresh_tokens(wanted, held)} == {*sections[1:]}
    assert told(stale_tokens(wanted, held)) == []
    assert told(stale_tokens(made(), held)) == [(f"unload token {wanted.tokens[each].name}", each) for each in sections]
