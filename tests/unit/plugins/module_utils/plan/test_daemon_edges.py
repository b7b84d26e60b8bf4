# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan does at charon: whose SAs it asks for, what it tells about each tunnel, and that it is the same every time."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import SECRETS_FILE, Artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import (
    LiveChild,
    LiveSa,
    LiveSas,
    Observed,
    ObservedDaemon,
    Stored,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.difference import plan
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.steps import Plan, Step
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS_LAN, ROME, ROME_LAN, Config, config

SITUATION = Situation(b"k" * 32, {"wan0": ("192.0.2.1",)}, {4: "wan0"})
STATE = DaemonState("charon-systemd", "5.9.8", (), "", 0, start_id="boot/7/1")
# rome keeps a trap, oslo is started by charon.
OSLO: Config = {**ROME, "name": "oslo", "init_type": "start"}
OSLO_LAN: Config = {**ROME_LAN, "phase1": "oslo"}
NOTHING = config([], [])
BOTH = config([OSLO, ROME], [OSLO_LAN, ROME_LAN])
ONLY_ROME = config([ROME], [ROME_LAN])
UP = (LiveSa(1, True, False, (LiveChild("lan", 2, True),)),)


def made(wish: Config) -> Artifacts:
    return artifacts(parse_gateway(wish), SITUATION)


def there(wish: Config, **of_daemon: Any) -> Observed:
    """Return a host on which a configuration is wholly applied, but for `of_daemon`."""
    found = made(wish)
    daemon = ObservedDaemon(STATE, frozenset(found.connections), found.parts, frozenset(found.shared))
    return Observed(
        stored=Stored(number=1, gateway=parse_gateway(wish)),
        situation=SITUATION,
        files={
            role: FileState(file.encoded, file.mode, 0) if file.needed else None for role, file in found.files.items()
        },
        links={},
        daemon=dataclasses.replace(daemon, **of_daemon),
    )


def changed(connection: Config, **options: Any) -> Config:
    """Return both connections, one of them with other options."""
    ours = [{**each, **options} if each["name"] == connection["name"] else each for each in (OSLO, ROME)]
    return config(ours, [OSLO_LAN, ROME_LAN])


def at_charon(found: Plan) -> list[str]:
    return [str(step) for step in found.steps if step.layer != "file"]


@pytest.mark.parametrize(
    ("wish", "present", "live", "steps", "disruption"),
    [
        pytest.param(BOTH, there(BOTH), {"rome": UP}, [], {}, id="an unchanged tunnel is not mentioned"),
        pytest.param(BOTH, there(ONLY_ROME), {"rome": UP}, ["load secret ike-oslo", "load connection oslo"],
                     {"oslo": "none"}, id="a new tunnel interrupts nothing"),
        pytest.param(changed(ROME, lifetime="2h"), there(ONLY_ROME), {"rome": UP},
                     ["load secret ike-oslo", "load connection oslo", "reload connection rome", "renew sa rome"],
                     {"oslo": "none", "rome": "rekey"}, id="a new one beside a changed one"),
        pytest.param(changed(OSLO, lifetime="2h"), there(BOTH), {"oslo": UP},
                     ["hold connection oslo", "restart sa oslo"], {"oslo": "reestablish"},
                     id="what charon would start is held; its last load belongs to the step of the SAs"),
        pytest.param(changed(ROME, psk="new"), there(BOTH), {"rome": UP},
                     ["load secret ike-rome", "unload secret ike-rome", "restart sa rome"], {"rome": "reestablish"},
                     id="a new key alone ends the SAs, and loads no connection"),
        pytest.param(BOTH, there(BOTH, shared=frozenset()), {"rome": UP, "oslo": UP},
                     ["load secret ike-oslo", "load secret ike-rome"], {},
                     id="a key that charon has lost is no new key: no SA suffers"),
        pytest.param(changed(ROME, psk="new"), there(BOTH), {"rome": UP, "oslo": UP},
                     ["load secret ike-rome", "unload secret ike-rome", "restart sa rome"], {"rome": "reestablish"},
                     id="the key of one is not the key of another"),
        pytest.param(changed(ROME, lifetime="2h", init_type="none"), there(BOTH), {"rome": UP},
                     ["reload connection rome", "restart sa rome"], {"rome": "reestablish"},
                     id="who may not initiate cannot set a new IKE_SA up first"),
        pytest.param(NOTHING, there(BOTH), {"rome": UP}, [
            "unload secret ike-oslo", "unload secret ike-rome", "unload connection oslo", "unload connection rome",
            "end sa rome"], {"oslo": "none", "rome": "end"}, id="all go"),
    ],
)  # fmt: skip
def test_tunnels_that_are_up(
    wish: Config, present: Observed, live: LiveSas, steps: list[str], disruption: dict[str, str]
) -> None:
    found = plan(made(wish), present, live)
    assert at_charon(found) == steps
    assert found.disruption == disruption
    assert found.unsettled == ()


def test_a_plan_that_knows_no_sas_names_those_it_needs() -> None:
    wish = config([{**each, "lifetime": "2h"} for each in (OSLO, ROME)], [OSLO_LAN, ROME_LAN])
    found = plan(made(wish), there(BOTH))
    assert found.unsettled == ("oslo", "rome")
    assert at_charon(found) == ["reload connection oslo", "reload connection rome"]
    assert found.disruption == {}


def test_a_held_connection_is_loaded_by_the_settlement_that_both_its_steps_carry() -> None:
    hold, restart = plan(made(changed(OSLO, lifetime="2h")), there(BOTH), {"oslo": UP}).steps[1:]
    assert (hold.verb, restart.verb) == ("hold", "restart")
    assert hold.settlement is not None
    assert hold.settlement == restart.settlement
    assert hold.settlement.held == {"lan"}


def test_where_nothing_is_held_only_the_sas_carry_a_settlement() -> None:
    reload, renew = plan(made(changed(ROME, lifetime="2h")), there(BOTH), {"rome": UP}).steps[1:]
    assert (reload.verb, renew.verb) == ("reload", "renew")
    assert reload.settlement is None
    assert renew.settlement is not None


def test_steps_of_secrets_carry_the_id_and_others_nothing() -> None:
    found = plan(made(changed(ROME, psk="new")), there(BOTH), {}).steps
    old, new = (next(key for key in made(each).shared if "rome" in key) for each in (BOTH, changed(ROME, psk="new")))
    assert [(step.verb, step.layer, step.key) for step in found] == [
        ("write", "file", ""), ("load", "secret", new), ("unload", "secret", old)]  # fmt: skip
    assert Step("load", "connection", "rome").key == ""


def test_the_plan_is_the_same_every_time() -> None:
    """Sets have another order in each process; a plan is sorted by name."""
    names = [f"t{number:02}" for number in range(30)]
    peers = [{**ROME, "name": name, "remote_endpoints": [f"198.51.100.{i}"]} for i, name in enumerate(names, start=1)]
    many = config(peers, [{**PARIS_LAN, "phase1": name} for name in names])
    listed = [f"secret ike-{name}" for name in names] + [f"connection {name}" for name in names]
    assert at_charon(plan(made(many), there(NOTHING), {})) == [f"load {each}" for each in listed]
    assert at_charon(plan(made(NOTHING), there(many), {})) == [f"unload {each}" for each in listed]


def test_a_file_without_need_does_not_hide_another() -> None:
    """Nothing is wanted any more: the secrets have no file, and that of the connections must still go."""
    present = dataclasses.replace(there(ONLY_ROME), files={**there(ONLY_ROME).files, SECRETS_FILE: None}, daemon=None)
    assert [str(step) for step in plan(made(NOTHING), present).steps] == ["remove file connections"]
