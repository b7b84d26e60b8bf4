# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of role is a plan like any other: a fallback takes over and gives back, an address comes and goes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import PHASE1
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.running import RunOptions
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import DisruptionRefused, ValidationError
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.roles import encode_roles
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, Config, apply, config, steps, to
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host, with_program

FALLBACK: Config = {"name": "paris", "primary": "fibre", "fallbacks": ["lte"]}


def tunnels(*, links: bool = False, mode: str = "cold", init_type: str = "start_on_demand", **more: Any) -> Config:
    """Return two tunnels to one site, and one to another, with a fallback of the first two."""
    names = {"fibre": "198.51.100.2", "lte": "198.51.100.3", "rome": "198.51.100.4"}
    found = config(
        [
            {
                **PARIS, "name": name, "remote_endpoints": [peer], "init_type": init_type,
                "xfrm_interface": name if links else None,
            }
            for name, peer in names.items()
        ],
        [
            {**PARIS_LAN, "phase1": name, **({"remote_networks": ["10.3.0.0/24"]} if name == "rome" else {})}
            for name in names
        ],
        [{"name": name} for name in names] if links else [],
    )  # fmt: skip
    return {**found, "fallbacks": [{**FALLBACK, "mode": mode, **more}]}


COLD = tunnels()
HOT = tunnels(links=True, mode="hot")


def in_use(host: FakeHost, name: str) -> None:
    """Do what the agent does when it has decided which tunnel of the fallback is used."""
    host.files.replace(host.paths.roles, encode_roles({"paris": name}), 0o644)


def up(host: FakeHost) -> set[str]:
    return {name for name, sa in host.charon.sas() if sa["child-sas"]}


def loaded(host: FakeHost) -> dict[str, dict[str, Any]]:
    """Return what charon has of each connection's child."""
    trees: dict[str, Any] = dict(host.charon.loaded)
    return {name: tree["children"]["lan"] for name, tree in trees.items()}


def start_actions(host: FakeHost) -> dict[str, Any]:
    return {name: child["start_action"] for name, child in loaded(host).items()}


@pytest.fixture
def host() -> FakeHost:
    return with_program(wan_host())


def test_a_cold_fallback_is_loaded_and_starts_nothing(host: FakeHost) -> None:
    outcome = apply(host, COLD)
    assert "load connection lte" in steps(outcome)
    assert start_actions(host) == {"fibre": "trap|start", "lte": "none", "rome": "trap|start"}
    assert up(host) == {"fibre", "rome"}
    text = host.files.files[host.paths.connections_file].content.decode()
    assert (text.count('start_action = "trap|start"'), text.count('start_action = "none"')) == (2, 1)
    assert apply(host, COLD).changed is False


def test_on_standby_neither_a_dead_peer_nor_a_closed_sa_starts_anything(host: FakeHost) -> None:
    wanted = tunnels(init_type="start")
    for each in wanted["phase1"]:
        each.update(close_action="connect", dpd={"action": "restart"})
    apply(host, wanted)
    told = loaded(host)
    assert {key: told["lte"].get(key) for key in ("start_action", "close_action", "dpd_action")} == {
        "start_action": "none", "close_action": None, "dpd_action": None,
    }  # fmt: skip
    assert told["fibre"]["dpd_action"] == "start"


def test_a_run_while_the_fallback_is_in_use_changes_nothing(host: FakeHost) -> None:
    apply(host, COLD)
    in_use(host, "lte")
    assert not restore(host.host, with_daemon=True).failures
    host.reset()
    outcome = apply(host, COLD)
    assert (outcome.changed, steps(outcome), host.calls) == (False, [], [])


def test_a_switch_ends_the_primary_and_starts_the_fallback_and_touches_nothing_else(host: FakeHost) -> None:
    apply(host, COLD)
    rome = [sa["uniqueid"] for name, sa in host.charon.sas() if name == "rome"]
    in_use(host, "lte")
    done = restore(host.host, with_daemon=True)
    assert [str(step) for step in done.steps] == [
        "write file connections", "reload connection fibre", "end sa fibre", "reload connection lte",
    ]  # fmt: skip
    assert start_actions(host) == {"fibre": "none", "lte": "trap|start", "rome": "trap|start"}
    assert up(host) == {"lte", "rome"}
    in_use(host, "fibre")
    assert not restore(host.host, with_daemon=True).failures
    assert up(host) == {"fibre", "rome"}
    assert [sa["uniqueid"] for name, sa in host.charon.sas() if name == "rome"] == rome
    assert not restore(host.host, with_daemon=True).steps


def test_what_loses_its_place_ends_without_waiting_for_its_peer(host: FakeHost) -> None:
    apply(host, COLD)
    in_use(host, "lte")
    asked, terminate, began = [], host.charon.terminate, host.clock.elapsed()

    def silent(**which: Any) -> int:
        asked.append(which["force"])
        return terminate(**which) if which["force"] else 1

    host.charon.terminate = silent  # type: ignore[method-assign]
    assert not restore(host.host, with_daemon=True).failures
    assert (asked, host.clock.elapsed() - began, up(host)) == ([True], 0.0, {"lte", "rome"})


def test_a_switch_by_a_run_is_told_beforehand_and_can_be_refused(host: FakeHost) -> None:
    apply(host, COLD)
    in_use(host, "lte")
    assert apply(host, COLD, check=True).disruption == {"fibre": "end", "lte": "none"}
    with pytest.raises(DisruptionRefused, match=r"fibre \(SAs end, as fallback paris uses lte\)"):
        run_transaction(host.host, to(COLD), check=False, demands=RunOptions(allow_disruption=False))
    assert up(host) == {"fibre", "rome"}
    assert apply(host, COLD).changed
    assert up(host) == {"lte", "rome"}


def test_a_tunnel_that_was_set_up_to_take_over_is_not_interrupted_by_doing_so(host: FakeHost) -> None:
    apply(host, COLD)
    host.charon.initiate(ike="lte", child="lan", timeout_ms=-1)
    assert apply(host, COLD).changed is False
    in_use(host, "lte")
    assert apply(host, COLD, check=True).disruption == {"fibre": "end", "lte": "rekey"}


@pytest.mark.parametrize(
    "content", [None, b"", b"{", b"\xff", b"[]", b'{"paris": 7}', b'{"paris": "rome"}', b'{"rome": "lte"}']
)
def test_what_the_file_of_roles_cannot_mean_leaves_the_primary_in_use(host: FakeHost, content: bytes | None) -> None:
    if content is not None:
        host.files.replace(host.paths.roles, content, 0o644)
    apply(host, COLD)
    assert start_actions(host)["fibre"] == "trap|start"


def test_a_switch_of_a_hot_fallback_moves_routes_and_nothing_else(host: FakeHost) -> None:
    apply(host, HOT)
    assert up(host) == {"fibre", "lte", "rome"}
    assert _routes(host) == {
        "fibre": [("10.2.0.0/24", 0)],
        "lte": [("10.2.0.0/24", 2_000_000)],
        "rome": [("10.3.0.0/24", 0)],
    }
    in_use(host, "lte")
    host.reset()
    outcome = apply(host, HOT)
    assert steps(outcome) == [
        "add route 10.2.0.0/24 by fibre metric 1000000",
        "add route 10.2.0.0/24 by lte",
        "remove route 10.2.0.0/24 by lte metric 2000000",
    ]
    assert outcome.disruption == {}
    assert not {"load_connection", "unload_connection", "initiate", "terminate"} & set(host.calls)
    assert _routes(host)["fibre"] == [("10.2.0.0/24", 1_000_000)]
    assert _routes(host)["lte"] == [("10.2.0.0/24", 0)]
    in_use(host, "fibre")
    assert [str(step) for step in restore(host.host, with_daemon=True).steps] == [
        "add route 10.2.0.0/24 by fibre",
        "add route 10.2.0.0/24 by lte metric 2000000",
        "remove route 10.2.0.0/24 by fibre metric 1000000",
    ]


def _routes(host: FakeHost) -> dict[str, list[tuple[str, int]]]:
    return {
        name: [(route.destination, route.metric) for route in link.routes]
        for name, link in host.kernel.links.items()
        if link.kind == "xfrm"
    }


def test_the_link_of_a_tunnel_on_standby_carries_no_routes(host: FakeHost) -> None:
    wanted = tunnels(links=True)
    wanted["xfrm_interfaces"][1]["routes"] = [{"destination": "10.9.0.0/24"}]
    apply(host, wanted)
    assert _routes(host) == {"fibre": [("10.2.0.0/24", 0)], "lte": [], "rome": [("10.3.0.0/24", 0)]}
    in_use(host, "lte")
    apply(host, wanted)
    assert {name: sorted(each) for name, each in _routes(host).items()} == {
        "fibre": [], "lte": [("10.2.0.0/24", 0), ("10.9.0.0/24", 0)], "rome": [("10.3.0.0/24", 0)],
    }  # fmt: skip


def test_a_primary_that_is_checked_from_inside_stays_up_with_worse_routes(host: FakeHost) -> None:
    wanted = tunnels(links=True, ping_check=True, ping_address=["10.2.0.1"], ping_fallback=True)
    apply(host, wanted)
    in_use(host, "lte")
    outcome = apply(host, wanted)
    assert outcome.disruption == {"lte": "none"}
    assert up(host) == {"fibre", "lte", "rome"}
    assert (_routes(host)["fibre"], _routes(host)["lte"]) == ([("10.2.0.0/24", 1_000_000)], [("10.2.0.0/24", 0)])


def test_a_phase_1_that_a_fallback_names_does_not_go_alone(host: FakeHost) -> None:
    apply(host, COLD)
    with pytest.raises(ValidationError, match=r"fallback paris: fallbacks\[0\] is 'lte': there is no phase 1"):
        run_transaction(host.host, lambda gateway: gateway.without(PHASE1, "lte"), check=False)


# an address of another node (S02)
def addressed(interface: str = "192.0.2.100", **options: Any) -> Config:
    return config(
        [{**PARIS, "interfaces": [interface], "xfrm_interface": None, **options}], [{**PARIS_LAN, "phase1": "paris"}]
    )


def arrive(host: FakeHost, address: str = "192.0.2.100/32") -> None:
    host.kernel.links["wan0"].addresses.append(address)


def leave(host: FakeHost, address: str = "192.0.2.100/32") -> None:
    host.kernel.links["wan0"].addresses.remove(address)


@pytest.mark.parametrize(
    "options",
    [{}, {"init_type": "start"}, {"init_type": "none"}, {"responder_only": True}],
    ids=["on demand", "start", "waits", "only responds"],
)
def test_an_address_that_comes_and_goes_takes_the_tunnel_along(host: FakeHost, options: dict[str, Any]) -> None:
    apply(host, addressed(**options))
    assert (start_actions(host), up(host)) == ({"paris": "none"}, set())
    arrive(host)
    assert not restore(host.host, with_daemon=True).failures
    if up(host) != {"paris"}:
        host.charon.initiate(ike="paris", child="lan", timeout_ms=-1)
    assert not restore(host.host, with_daemon=True).steps
    leave(host)
    done = restore(host.host, with_daemon=True)
    assert [str(step) for step in done.steps][-1] == "end sa paris"
    assert (start_actions(host), up(host)) == ({"paris": "none"}, set())
    assert not restore(host.host, with_daemon=True).steps


def test_one_address_that_is_here_is_enough(host: FakeHost) -> None:
    wanted = addressed()
    wanted["phase1"][0]["interfaces"] = ["192.0.2.100", "192.0.2.1"]
    apply(host, wanted)
    assert start_actions(host) == {"paris": "trap|start"}


def test_at_boot_an_address_that_was_here_is_taken_to_be_here_soon(host: FakeHost) -> None:
    arrive(host)
    apply(host, addressed())
    leave(host)
    assert not restore(host.host, with_daemon=False).steps
    assert restore(host.host, with_daemon=True).steps
    assert not restore(host.host, with_daemon=False).steps
