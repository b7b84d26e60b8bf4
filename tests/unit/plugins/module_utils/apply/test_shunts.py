# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shunts through the engine: order of steps, no moment without a policy, drift, going back, starts of charon."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.running import RunOptions
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import READING_COMMANDS, DaemonAbsent
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError, ValidationError
from ansible_collections.swanfleet.ipsec.tests.fakes.faults import Killed, once
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import ROME, ROME_LAN, apply, steps, to
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host
from ansible_collections.swanfleet.ipsec.tests.fakes.units import STOPPED, FakeUnits
from ansible_collections.swanfleet.ipsec.tests.fakes.worlds import world

SSH: dict[str, Any] = {
    "name": "ssh", "type": "pass", "local_networks": ["dynamic[tcp/22]"], "remote_networks": ["192.0.2.0/24"],
}  # fmt: skip
NOT_OUT: dict[str, Any] = {
    "name": "not-out", "type": "drop", "local_networks": ["10.1.0.0/16"], "remote_networks": ["0.0.0.0/0"],
}  # fmt: skip


def gateway(*shunts: dict[str, Any]) -> dict[str, Any]:
    return {"phase1": [ROME], "phase2": [ROME_LAN], "shunts": list(shunts)}


@pytest.fixture
def host() -> FakeHost:
    made = wan_host()
    apply(made, gateway(SSH, NOT_OUT))
    made.reset()
    return made


def held(host: FakeHost) -> dict[str, str]:
    """Return which shunts have their policies, and of which type each is."""
    return {child: mode for (_connection, child), mode in host.charon.held_shunts().items()}


BOTH = {"ssh": "PASS", "not-out": "DROP"}


def test_what_passes_comes_first_and_both_before_what_they_are_about() -> None:
    host = wan_host()
    outcome = apply(host, gateway(NOT_OUT, SSH))
    assert steps(outcome)[-4:] == [
        "load secret ike-rome", "load shunt ssh", "load shunt not-out", "load connection rome",
    ]  # fmt: skip
    assert (held(host), outcome.disruption) == (BOTH, {"rome": "none"})
    host.reset()
    assert not apply(host, gateway(SSH, NOT_OUT)).changed
    assert set(host.charon.commands) <= READING_COMMANDS


def test_a_changed_one_is_there_before_the_old_one_goes_and_touches_no_tunnel(host: FakeHost) -> None:
    outcome = apply(host, gateway(SSH, {**NOT_OUT, "remote_networks": ["10.0.0.0/8"]}))
    assert steps(outcome) == ["write file connections", "load shunt not-out", "unload shunt not-out"]
    assert (outcome.disruption, held(host)) == ({}, BOTH)


def test_one_of_the_other_type_takes_over(host: FakeHost) -> None:
    apply(host, gateway(SSH, {**NOT_OUT, "type": "pass"}))
    assert held(host) == {"ssh": "PASS", "not-out": "PASS"}


def test_what_drops_goes_before_what_passes_and_after_the_tunnels(host: FakeHost) -> None:
    assert steps(apply(host, {})) == [
        "remove file secrets", "remove file connections", "unload secret ike-rome", "unload connection rome",
        "unload shunt not-out", "unload shunt ssh",
    ]  # fmt: skip
    assert held(host) == {}


def test_policies_that_somebody_had_uninstalled_are_installed_again(host: FakeHost) -> None:
    for connection, child in host.charon.held_shunts():
        host.charon.uninstall(ike=connection, child=child)
    assert steps(apply(host, gateway(SSH, NOT_OUT))) == ["install shunt ssh", "install shunt not-out"]
    assert held(host) == BOTH


def test_one_that_somebody_unloaded_is_loaded_again_and_one_more_goes(host: FakeHost) -> None:
    first = next(iter(host.charon.held_shunts()))
    tree = host.charon.loaded[first[0]]
    host.charon.unload_connection(first[0])
    host.charon.load_connection("swanfleet-shunt-left-0123456789abcdef01234567", tree)
    assert steps(apply(host, gateway(SSH, NOT_OUT))) == [f"load shunt {first[1]}", "unload shunt left"]


def test_those_of_others_are_left_alone(host: FakeHost) -> None:
    host.charon.load_connection("lan", {"children": {"ssh": {"mode": "pass", "start_action": "trap"}}})
    assert not apply(host, gateway(SSH, NOT_OUT)).changed
    apply(host, {})
    assert list(host.charon.loaded) == ["lan"]


@pytest.mark.parametrize("how", ["charon refuses it", "the kernel refuses its policies"])
def test_without_what_passes_nothing_is_dropped(how: str) -> None:
    host = wan_host()
    apply(host, gateway())
    before = host.state()
    if how == "charon refuses it":
        probe = wan_host()
        apply(probe, gateway(SSH))
        [(connection, _child)] = probe.charon.held_shunts()
        host.charon.refuse["load-conn", connection] = "no memory"
    else:
        host.charon.kernel_refuses.add("ssh")
    host.reset()
    with pytest.raises(ApplyError, match=r"load shunt ssh: charon refused load-conn") as failed:
        apply(host, gateway(SSH, NOT_OUT))
    assert failed.value.restored
    assert host.state() == before
    # On the way forth and on the way back: it was never loaded.
    assert [call for call in host.calls if call == "load_connection"] == ["load_connection"]


def test_policies_that_cannot_be_installed_again_fail_the_run(host: FakeHost) -> None:
    [connection] = [connection for connection, child in host.charon.held_shunts() if child == "not-out"]
    host.charon.uninstall(ike=connection, child="not-out")
    host.charon.kernel_refuses.add("not-out")
    with pytest.raises(ApplyError, match=r"install shunt not-out: .*installing policy 'not-out' failed"):
        apply(host, gateway(SSH, NOT_OUT))


def test_a_restore_drops_nothing_either_without_what_passes(host: FakeHost) -> None:
    host.charon.restart()
    host.charon.kernel_refuses.add("ssh")
    restored = restore(host.host, with_daemon=True)
    assert held(host) == {}
    assert [each.partition(":")[0] for each in restored.failures] == ["load shunt ssh"]
    assert "rome" in host.charon.loaded
    host.charon.kernel_refuses.clear()
    assert restore(host.host, with_daemon=True).failures == ()
    assert held(host) == BOTH


def test_a_start_of_charon_loads_what_passes_first(host: FakeHost) -> None:
    text = host.files.files[host.paths.connections_file].content.decode()
    assert text.index("swanfleet-shunt-ssh-") < text.index("swanfleet-shunt-not-out-") < text.index("  rome {")
    host.charon.restart()
    assert restore(host.host, with_daemon=True).failures == ()
    assert held(host) == BOTH


def test_while_charon_is_down_the_file_alone_is_written(host: FakeHost) -> None:
    host.charon.unavailable, host.units = DaemonAbsent("nobody listens"), FakeUnits({"strongswan.service": STOPPED})
    outcome = run_transaction(host.host, to(gateway(SSH)), check=False, demands=RunOptions(daemon="optional"))
    assert steps(outcome) == ["write file connections"]
    host.charon.unavailable = None
    host.charon.restart()
    # charon's unit loads the file.
    for name, tree in _in_file(host).items():
        host.charon.load_connection(name, tree)
    assert [each for each in steps(apply(host, gateway(SSH))) if "shunt" in each] == []


def _in_file(host: FakeHost) -> dict[str, Any]:
    situation = Situation(b"k" * 32, {"wan0": ("192.0.2.1",)}, {4: "wan0"})
    wanted = artifacts(parse_gateway(gateway(SSH)), situation)
    assert host.files.files[host.paths.connections_file].content == wanted.files["connections"].encoded
    return {**wanted.shunts, **wanted.connections}


def test_an_interface_that_is_not_there_is_refused_before_anything_is_touched() -> None:
    host = wan_host()
    before = host.state()
    with pytest.raises(ValidationError, match=r"shunt not-out: interface is 'wan7': this host has no such interface"):
        apply(host, gateway({**NOT_OUT, "interface": "wan7"}))
    assert host.state() == before
    apply(host, gateway({**NOT_OUT, "interface": "wan0"}))
    assert held(host) == {"not-out": "DROP"}


def test_one_that_charon_does_not_unload_fails_the_run_and_all_is_as_before(host: FakeHost) -> None:
    [connection] = [connection for connection, child in host.charon.held_shunts() if child == "ssh"]
    host.charon.refuse["unload-conn", connection] = "no memory"
    before = host.state()
    with pytest.raises(ApplyError, match="unload shunt ssh") as failed:
        apply(host, gateway(NOT_OUT))
    assert failed.value.restored
    assert host.state() == before


@pytest.mark.parametrize(
    ("plan", "moments"),
    [
        ("first shunts", [set(), {"PASS"}, {"PASS", "DROP"}]),
        ("other shunts", [{"PASS", "DROP"}]),
        ("shunts go", [{"PASS", "DROP"}, {"PASS"}, set()]),
    ],
)
def test_wherever_a_run_is_killed_nothing_is_dropped_without_what_passes(plan: str, moments: list[set[str]]) -> None:
    struck = world(plan)
    seen = []
    for place in struck.places:
        host = struck.host()
        with contextlib.suppress(Killed):
            struck.run(host, once(place, Killed()))
        seen.append(set(host.charon.held_shunts().values()))
    assert [each for index, each in enumerate(seen) if each != seen[index - 1] or index == 0] == moments
