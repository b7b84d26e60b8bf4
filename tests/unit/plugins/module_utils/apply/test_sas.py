# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How live SAs follow a change: which comes first, what a peer that declines or is silent means, what is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import Outcome, run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.running import RunOptions
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError, DisruptionRefused
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import ROME, ROME_LAN, Config, apply, config, steps, to
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host

DMZ: Config = {**ROME_LAN, "name": "dmz", "local_networks": ["10.8.0.0/24"], "remote_networks": ["10.4.0.0/24"]}
GENTLE = RunOptions(allow_disruption=False)


def rome(phase2: list[Config] | None = None, **changes: Any) -> Config:
    return config([{**ROME, **changes}], phase2 if phase2 is not None else [ROME_LAN])


def up(wanted: Config) -> FakeHost:
    """Return a host on which all is applied, and every phase 2 is up."""
    host = wan_host()
    apply(host, wanted)
    for child in wanted["phase2"]:
        there = {(ike, sa["name"]) for ike, tree in host.charon.sas() for sa in tree["child-sas"].values()}
        if (child["phase1"], child["name"]) not in there:
            host.charon.initiate(ike=child["phase1"], child=child["name"], timeout_ms=-1)
    host.reset()
    return host


def live(host: FakeHost) -> dict[int, dict[str, int]]:
    """Return the CHILD_SAs of each IKE_SA: name and unique id."""
    return {
        int(sa["uniqueid"]): {child["name"]: int(child["uniqueid"]) for child in sa["child-sas"].values()}
        for _name, sa in host.charon.sas()
    }


def at_charon(host: FakeHost) -> list[str]:
    return [call for call in host.calls if call in ("load_connection", "unload_connection", "initiate", "terminate")]


def gently(host: FakeHost, wanted: Config, *, check: bool = False) -> Outcome:
    return run_transaction(host.host, to(wanted), check=check, demands=GENTLE)


LONGER_LAN: Config = {**ROME_LAN, "lifetime": "2h"}


@pytest.mark.parametrize(
    ("before", "after", "told", "calls"),
    [
        pytest.param(rome(), rome([LONGER_LAN]), "rekey", ["load_connection", "initiate", "terminate"], id="child, trap"),
        pytest.param(rome(), rome(lifetime="2h"), "rekey", ["load_connection", "initiate", "terminate"], id="IKE, trap"),
        pytest.param(rome(init_type="start"), rome([LONGER_LAN], init_type="start"), "reestablish",
                     ["load_connection", "load_connection"], id="child, start: charon does it all"),
        pytest.param(rome(), rome(psk="new"), "reestablish", ["terminate", "initiate"], id="key"),
        pytest.param(rome(), config([], []), "end", ["unload_connection", "terminate"], id="gone"),
    ],
)  # fmt: skip
def test_the_new_one_comes_first_where_that_can_be(
    *, before: Config, after: Config, told: str, calls: list[str]
) -> None:
    host = up(before)
    was = live(host)
    outcome = apply(host, after)
    assert outcome.disruption == {"rome": told}
    assert [call for call in at_charon(host) if call != "terminate" or "terminate" in calls] == calls
    assert outcome.warnings == ()
    now = live(host)
    assert [list(children) for children in now.values()] == ([] if told == "end" else [["lan"]])
    assert not {number for ike in was.values() for number in ike.values()} & {
        n for ike in now.values() for n in ike.values()
    }


def test_one_of_two_children_is_renewed_and_the_other_stays() -> None:
    host = up(rome([ROME_LAN, DMZ]))
    [(ike, before)] = live(host).items()
    apply(host, rome([LONGER_LAN, DMZ]))
    [(same, after)] = live(host).items()
    assert (same, after["dmz"]) == (ike, before["dmz"])
    assert after["lan"] != before["lan"]


def test_what_a_peer_declines_ends_with_its_old_parameters_and_is_told() -> None:
    host = up(rome())
    host.charon.declined = {("rome", "lan")}
    outcome = apply(host, rome([LONGER_LAN]))
    [warning] = outcome.warnings
    assert warning.startswith("rome: the peer does not bring lan up with the new parameters (it refused them)")
    assert list(live(host).values()) == [{}]


def test_without_permission_nothing_ends_for_a_peer_that_declines() -> None:
    host = up(rome())
    before = live(host)
    host.charon.declined = {("rome", "lan")}
    with pytest.raises(
        ApplyError, match=r"renew sa rome: .*as allow_disruption is false.*; the host is as before the run"
    ):
        gently(host, rome([LONGER_LAN]))
    assert live(host) == before
    assert host.state() == up(rome()).state()


def test_without_permission_what_was_renewed_is_renewed_back_and_what_came_up_by_half_goes() -> None:
    both = config(
        [ROME, {**ROME, "name": "oslo", "remote_id": "oslo"}], [ROME_LAN, DMZ, {**ROME_LAN, "phase1": "oslo"}]
    )
    host = up(both)
    before = live(host)
    host.charon.declined = {("rome", "dmz")}
    longer = {**both, "phase2": [{**child, "lifetime": "2h"} for child in both["phase2"]]}
    with pytest.raises(ApplyError, match=r"the host is as before the run"):
        gently(host, longer)
    now = live(host)
    assert {ike: list(children) for ike, children in now.items()} == {
        ike: list(children) for ike, children in before.items()
    }
    [rome_ike, _oslo_ike] = sorted(before)
    assert now[rome_ike] == before[rome_ike]
    assert not apply(host, both).changed


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (
            rome(init_type="start"),
            rome(init_type="start", lifetime="2h"),
            "rome (is interrupted and set up again; changed: l",
        ),
        (rome([ROME_LAN, DMZ]), rome(), "rome (SAs end)"),
        (rome(), config([], []), "rome (SAs end)"),
        (rome(init_type="start"), rome([LONGER_LAN], init_type="start"), "changed: lan.lifetime"),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_without_permission_an_interruption_is_refused_and_nothing_is_touched(
    *, before: Config, after: Config, reason: str, check: bool
) -> None:
    host = up(before)
    was = (live(host), host.state())
    with pytest.raises(DisruptionRefused) as refused:
        gently(host, after, check=check)
    assert reason in str(refused.value)
    assert (live(host), host.state()) == was
    assert at_charon(host) == []


def test_without_permission_what_interrupts_nothing_goes_on() -> None:
    host = up(rome())
    assert gently(host, rome([LONGER_LAN])).disruption == {"rome": "rekey"}
    assert gently(host, rome([LONGER_LAN, DMZ])).disruption == {"rome": "none"}


def test_a_long_list_of_tunnels_is_cut() -> None:
    told = str(DisruptionRefused([f"t{number}" for number in range(25)]))
    assert "t19; and 5 more." in told
    assert "t20" not in told


def test_an_sa_that_went_by_itself_is_no_failure() -> None:
    host = up(rome())
    terminate = host.charon.terminate

    def refusing(**which: Any) -> int:
        terminate(**which)
        raise DaemonRefused("terminate", "rome", "terminating SA failed")

    host.charon.terminate = refusing  # type: ignore[method-assign]
    apply(host, config([], []))
    assert live(host) == {}


def test_an_ike_sa_whose_peer_is_silent_is_ended_by_force_after_a_while() -> None:
    host = up(rome())
    terminate, asked = host.charon.terminate, []

    def silent(**which: Any) -> int:
        asked.append(which)
        return terminate(**which) if which["force"] else 1

    host.charon.terminate = silent  # type: ignore[method-assign]
    apply(host, config([], []))
    assert [which["force"] for which in asked] == [False, True]
    assert live(host) == {}
    assert 5 < host.clock.elapsed() < 8


def test_a_child_sa_whose_peer_is_silent_stays_and_is_told() -> None:
    host = up(rome([ROME_LAN, DMZ]))
    host.charon.terminate = lambda **_which: 1  # type: ignore[method-assign]
    outcome = apply(host, rome())
    assert "the peer does not confirm the end of a CHILD_SA" in outcome.warnings[0]


def test_many_are_settled_together_and_not_one_after_the_other() -> None:
    names = [f"t{number:03}" for number in range(150)]
    many = config(
        [{**ROME, "name": name, "remote_id": f"{name}.example.org"} for name in names],
        [{**ROME_LAN, "phase1": name} for name in names],
    )
    host = up(many)
    host.charon.declined = {(name, "lan") for name in names}
    outcome = apply(host, {**many, "phase2": [{**child, "lifetime": "2h"} for child in many["phase2"]]})
    assert len(outcome.warnings) == 150
    assert set(outcome.disruption.values()) == {"rekey"}
    assert host.clock.elapsed() < 10


def test_a_second_run_changes_nothing() -> None:
    host = up(rome())
    apply(host, rome([LONGER_LAN], psk="new"))
    before = live(host)
    outcome = apply(host, rome([LONGER_LAN], psk="new"))
    assert (steps(outcome), outcome.changed, outcome.disruption, live(host)) == ([], False, {}, before)
