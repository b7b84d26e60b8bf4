# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of what a change does to live SAs: values that are not known, children that are renamed beside others."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import ChildPart, Parts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import LiveChild, LiveSa
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.disruption import Change, Outlook, outlook
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.steps import Settlement


def parts(ike: str, **children: str) -> Parts:
    """Return parts; a child is given as "start action/digest"."""
    pairs = {name: text.split("/") for name, text in children.items()}
    made = {name: ChildPart(start, digest) for name, (start, digest) in pairs.items()}
    return Parts(f"{ike} {sorted(children.items())}", ike, made)


def sa(*children: str, number: int = 1, established: bool = True) -> LiveSa:
    return LiveSa(number, established, False, tuple(LiveChild(name, number * 10, True) for name in children))


TRAP, START = parts("i", lan="trap/1"), parts("i", lan="start/1")
CHANGED_TRAP = parts("i", lan="trap/2")


def initiating(loaded: Parts | None, wanted: Parts | None) -> Change:
    return Change("rome", loaded, wanted, may_initiate=True)


def test_a_change_has_the_old_key_and_no_right_to_initiate_unless_it_says_so() -> None:
    assert outlook(Change("rome", TRAP, TRAP), [sa("lan")]) == Outlook("none")
    assert outlook(Change("rome", TRAP, parts("j", lan="trap/1")), [sa("lan")]).verb == "restart"


@pytest.mark.parametrize(
    ("loaded", "wanted", "loads", "maybe_started"),
    [
        pytest.param(None, TRAP, True, True, id="what charon holds is not known"),
        pytest.param(TRAP, None, True, False, id="it goes"),
        pytest.param(START, None, True, True, id="it goes, and charon had started it"),
        pytest.param(TRAP, TRAP, False, False, id="unchanged"),
        pytest.param(START, START, False, False, id="unchanged: charon is given nothing, and starts nothing"),
        pytest.param(START, CHANGED_TRAP, True, True, id="charon ends what it had started"),
        pytest.param(TRAP, START, True, False, id="charon ends nothing that it had not started"),
    ],
)
def test_what_charon_may_do_by_itself(
    *, loaded: Parts | None, wanted: Parts | None, loads: bool, maybe_started: bool
) -> None:
    change = Change("rome", loaded, wanted)
    assert (change.loads, change.maybe_started, change.passed_over) == (loads, maybe_started, False)


@pytest.mark.parametrize(
    ("loaded", "wanted", "renamed"),
    [
        pytest.param(None, TRAP, {}, id="what was loaded is not known"),
        pytest.param(TRAP, None, {}, id="it goes"),
        pytest.param(TRAP, parts("i", net="trap/1"), {"lan": "net"}, id="one for one"),
        pytest.param(TRAP, parts("i", b="trap/1", a="trap/1"), {"lan": "b"}, id="two heirs: the last by name"),
        pytest.param(TRAP, parts("i", a="trap/1", b="trap/1"), {"lan": "b"}, id="two heirs, in another order"),
    ],
)
def test_renamed_children(loaded: Parts | None, wanted: Parts | None, renamed: dict[str, str]) -> None:
    assert Change("rome", loaded, wanted).renamed == renamed


@pytest.mark.parametrize(
    ("was", "becomes", "affected"),
    [
        pytest.param("trap/1", "trap/1", (), id="what is only trapped stays"),
        pytest.param("start/1", "start/1", ("lan",), id="what was started is closed, and starts again"),
        pytest.param("start/1", "trap/1", ("lan",), id="what was started is closed"),
        pytest.param("trap/1", "start/1", ("lan",), id="what starts comes beside what is up"),
        pytest.param("trap/1", "trap/2", ("lan",), id="what changes"),
    ],
)
def test_a_renamed_child_has_its_connection_unloaded_and_loaded(
    was: str, becomes: str, affected: tuple[str, ...]
) -> None:
    change = initiating(parts("i", lan=was, old="trap/9"), parts("i", lan=becomes, new="trap/9"))
    settlement = outlook(change, [sa("lan")]).settlement
    assert (settlement.children if settlement else ()) == affected


def test_an_unchanged_connection_is_left_alone_while_it_is_set_up() -> None:
    assert outlook(initiating(TRAP, TRAP), [sa(established=False)]) == Outlook("none")


def test_one_ike_sa_that_is_being_set_up_is_enough_to_end_them_all() -> None:
    live = [sa("lan"), sa(number=2, established=False)]
    assert outlook(initiating(TRAP, CHANGED_TRAP), live) == Outlook(
        "reestablish", "restart", Settlement(whole=True, children=("lan",), bring_up=("lan",))
    )


def test_who_initiates_knows_the_peer_of_each_ike_sa() -> None:
    live = [sa("lan"), sa("lan", number=2)]
    assert outlook(initiating(TRAP, CHANGED_TRAP), live).verb == "renew"


def test_a_child_that_is_up_and_was_not_loaded_is_taken_for_a_changed_one() -> None:
    change = initiating(TRAP, parts("i", lan="trap/1", dmz="trap/1"))
    assert outlook(change, [sa("lan", "dmz")]) == Outlook(
        "rekey", "renew", Settlement(whole=False, children=("dmz",), bring_up=("dmz",))
    )


@pytest.mark.parametrize(("up", "disruption"), [(True, "end"), (False, "none")])
def test_what_goes_on_standby_ends_without_its_peer(*, up: bool, disruption: str) -> None:
    change = Change("rome", TRAP, CHANGED_TRAP, standby=True)
    live = [LiveSa(1, established=True, busy=False, children=(LiveChild("lan", 10, up=up),))]
    assert outlook(change, live) == Outlook(disruption, "end", Settlement(whole=True, at_once=True))
