# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a host whose lines come and go: what waits for an address harms nobody, and nothing is forgotten meanwhile."""

from __future__ import annotations

import json

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.vici_session import DaemonRefused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError, ValidationError
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import (
    INTERFACE,
    PARIS,
    PARIS_LAN,
    ROME,
    ROME_LAN,
    Config,
    apply,
    config,
    steps,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host
from ansible_collections.swanfleet.ipsec.tests.fakes.kernel import FakeLink

DIALLED: Config = {**ROME, "name": "oslo", "interfaces": ["ppp0"], "remote_endpoints": ["198.51.100.4"]}
BOTH = config([DIALLED, ROME], [{**PARIS_LAN, "phase1": "oslo"}, ROME_LAN])
OTHER_CHANGED = config([DIALLED, {**ROME, "lifetime": "2h"}], BOTH["phase2"])


def host_with(*addresses: str) -> FakeHost:
    host = wan_host()
    host.kernel.links["ppp0"] = FakeLink("ppp", up=True, addresses=list(addresses))
    return host


def dialled() -> FakeHost:
    host = host_with("203.0.113.1/32")
    apply(host, BOTH)
    host.reset()
    return host


def refuse_two_hours(host: FakeHost) -> None:
    """Have charon refuse what `OTHER_CHANGED` makes of rome."""
    load = host.charon.load_connection

    def refusing(name: str, tree: dict[str, object]) -> None:
        if tree["over_time"] == "720":
            raise DaemonRefused("load-conn", "rome", "no")
        load(name, tree)  # type: ignore[arg-type]

    host.charon.load_connection = refusing  # type: ignore[assignment,method-assign]


def address_of(host: FakeHost, name: str) -> object:
    return host.charon.connections()[name]["local_addrs"]


@pytest.mark.parametrize("vanished", [False, True], ids=["without an address", "vanished"])
def test_a_line_that_is_away_keeps_no_run_from_changing_another_tunnel(vanished: bool) -> None:
    host = dialled()
    if vanished:
        del host.kernel.links["ppp0"]
    else:
        host.kernel.links["ppp0"].addresses.clear()
    assert apply(host, BOTH, check=True).changed is False
    outcome = apply(host, OTHER_CHANGED)
    assert steps(outcome) == ["write file connections", "reload connection rome"]
    assert set(outcome.disruption) == {"rome"}
    told = ("this host has no interface ppp0 now; its last known addresses are used for phase1 oslo",)
    assert outcome.warnings == (told if vanished else ())
    assert address_of(host, "oslo") == ["203.0.113.1"]
    # And that is still known after a generation which was made without it.
    assert apply(host, BOTH).changed
    assert address_of(host, "oslo") == ["203.0.113.1"]


def test_a_run_that_fails_goes_back_while_a_line_is_away() -> None:
    host = dialled()
    before = host.state()
    host.kernel.links["ppp0"].addresses.clear()
    refuse_two_hours(host)
    with pytest.raises(ApplyError) as failed:
        apply(host, OTHER_CHANGED)
    assert failed.value.restored
    host.kernel.links["ppp0"].addresses.append("203.0.113.1/32")
    assert host.state() == before


def test_another_address_of_the_line_is_followed() -> None:
    host = dialled()
    host.kernel.links["ppp0"].addresses[:] = ["203.0.113.77/32"]
    assert steps(apply(host, BOTH)) == ["write file connections", "reload connection oslo"]
    assert address_of(host, "oslo") == ["203.0.113.77"]


def test_the_address_that_a_restoring_gave_a_tunnel_is_kept_when_the_line_goes_away() -> None:
    host = dialled()
    host.kernel.links["ppp0"].addresses[:] = ["203.0.113.77/32"]
    assert restore(host.host, with_daemon=True).failures == ()
    host.kernel.links["ppp0"].addresses.clear()
    assert apply(host, BOTH, check=True).changed is False
    assert set(apply(host, OTHER_CHANGED).disruption) == {"rome"}
    assert address_of(host, "oslo") == ["203.0.113.77"]


def test_the_address_that_going_back_gave_a_tunnel_is_kept_when_the_line_goes_away() -> None:
    host = dialled()
    host.kernel.links["ppp0"].addresses[:] = ["203.0.113.77/32"]
    refuse_two_hours(host)
    with pytest.raises(ApplyError):
        apply(host, OTHER_CHANGED)
    host.kernel.links["ppp0"].addresses.clear()
    assert apply(host, BOTH, check=True).changed is False


def test_the_first_run_over_a_generation_that_knows_no_addresses_notes_them_and_no_other_does() -> None:
    host = dialled()
    path = f"{host.paths.generations}/1/objects.json"
    host.files.replace(
        path, json.dumps({**json.loads(host.files.files[path].content), "situation": {}}).encode(), 0o600
    )
    assert (apply(host, BOTH, check=True).changed, host.calls) == (False, [])
    assert (apply(host, BOTH).changed, host.calls) == (False, ["replace"])
    assert (apply(host, BOTH).changed, host.calls) == (False, ["replace"])
    host.kernel.links["ppp0"].addresses.clear()
    assert apply(host, BOTH, check=True).changed is False
    assert restore(host.host, with_daemon=False).steps == ()


def test_a_tunnel_whose_line_never_had_an_address_waits_and_says_so() -> None:
    host = host_with()
    outcome = apply(host, BOTH)
    [warning] = outcome.warnings
    assert warning.startswith(
        "phase1 oslo waits: none of its interfaces (ppp0) has an IPv4 address now. charon is told "
    )
    assert set(host.charon.connections()) == {"rome"}
    assert (apply(host, BOTH).changed, apply(host, OTHER_CHANGED).changed) == (False, True)
    host.kernel.links["ppp0"].addresses.append("203.0.113.1/32")
    assert steps(apply(host, OTHER_CHANGED)) == ["write file connections", "load connection oslo"]
    assert address_of(host, "oslo") == ["203.0.113.1"]


def test_a_tunnel_that_moves_to_a_line_without_an_address_ends_and_the_plan_says_so() -> None:
    host = host_with()
    apply(host, config([{**DIALLED, "interfaces": ["wan0"]}, ROME], BOTH["phase2"]))
    outcome = apply(host, BOTH)
    assert "unload connection oslo" in steps(outcome)
    assert outcome.disruption == {"oslo": "none"}
    assert set(host.charon.connections()) == {"rome"}


def test_a_connection_of_others_with_the_name_of_one_that_waits_is_refused_and_left_alone() -> None:
    host = host_with()
    host.charon.load_connection("oslo", {"version": "2", "remote_addrs": ["198.51.100.4"], "children": {}})
    host.reset()
    with pytest.raises(
        ValidationError, match="phase1 oslo: name is 'oslo': charon has a connection of this name that is"
    ):
        apply(host, BOTH)
    assert (set(host.charon.connections()), host.calls) == ({"oslo"}, [])


def test_a_tunnel_in_a_tunnel_has_the_address_that_its_interface_gets_in_the_same_run() -> None:
    host = wan_host()
    tunnels = ([PARIS, {**ROME, "interfaces": ["ipsec-paris"], "ip_type": "any"}], [PARIS_LAN, ROME_LAN])
    apply(host, config(*tunnels, [INTERFACE]))
    assert address_of(host, "rome") == ["10.255.0.1"]
    moved = config(*tunnels, [{**INTERFACE, "addresses": ["10.255.0.2/30", "fe80::2/64"]}])
    apply(host, moved)
    assert address_of(host, "rome") == ["10.255.0.2"]
    assert apply(host, moved).changed is False


def test_a_wrong_name_is_refused_together_with_all_else() -> None:
    host = dialled()
    wrong = config([{**DIALLED, "interfaces": ["pp0"]}, ROME], [*BOTH["phase2"], {**PARIS_LAN, "phase1": "lima"}])
    with pytest.raises(ValidationError) as refused:
        apply(host, wrong)
    told = str(refused.value).splitlines()
    assert told[0] == "phase1 oslo: interfaces[0] is 'pp0': this host has no such interface; it has lo, ppp0, wan0"
    assert any("lima" in each for each in told[1:])
