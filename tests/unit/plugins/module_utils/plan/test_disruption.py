# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change does to live SAs, and how they follow it: from what was loaded, what is wanted, and what is up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import ChildPart, Parts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import LiveChild, LiveSa
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.disruption import Change, Outlook, outlook
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.steps import Settlement

NOTHING = Outlook("none")
WHOLE_END = Settlement(whole=True)


def parts(ike: str, **children: str) -> Parts:
    """Return parts; a child is given as "start action/digest"."""
    pairs = {name: text.split("/") for name, text in children.items()}
    made = {name: ChildPart(start, digest) for name, (start, digest) in pairs.items()}
    return Parts(f"{ike} {sorted(children.items())}", ike, made)


def sa(*children: str, number: int = 1, established: bool = True, down: str = "") -> LiveSa:
    """Return an IKE_SA with CHILD_SAs, one of which may be down."""
    made = tuple(LiveChild(name, number * 10 + index, name != down) for index, name in enumerate(children))
    return LiveSa(number, established, False, made)


def change(loaded: Parts | None, wanted: Parts | None, *, new_key: bool = False, initiates: bool = True) -> Change:
    return Change("rome", loaded, wanted, new_key, initiates)


TRAP, START, BOTH_STARTS = parts("i", lan="trap/1"), parts("i", lan="start/1"), parts("i", lan="trap|start/1")
NONE = parts("i", lan="none/1")
TWO_TRAPS, TWO_STARTS = parts("i", lan="trap/1", dmz="trap/1"), parts("i", lan="start/1", dmz="start/2")


@pytest.mark.parametrize("loaded", [TRAP, START, NONE, None])
def test_nothing_is_live_and_nothing_suffers(loaded: Parts | None) -> None:
    for wanted in (parts("j", lan="trap/2"), parts("i"), None):
        assert outlook(change(loaded, wanted), []) == NOTHING


@pytest.mark.parametrize(
    ("asked", "live", "told", "verb", "settlement"),
    [
        # What goes.
        pytest.param(change(TRAP, None), [sa("lan")], "end", "end", WHOLE_END, id="a tunnel goes"),
        pytest.param(change(TRAP, None), [sa()], "none", "end", WHOLE_END, id="a tunnel without traffic goes"),
        pytest.param(change(None, None), [sa("lan")], "end", "end", WHOLE_END, id="an unknown one goes"),
        pytest.param(change(TRAP, parts("i")), [sa("lan")], "end", "end", WHOLE_END, id="its only phase 2 goes"),
        pytest.param(change(TWO_TRAPS, TRAP), [sa("lan", "dmz")], "end", "end",
                     Settlement(whole=False, children=("dmz",)), id="one of two phase 2s goes"),
        pytest.param(change(TWO_TRAPS, TRAP), [sa("lan")], "none", "", None, id="one goes that is not up"),
        # A child has changed.
        pytest.param(change(TRAP, parts("i", lan="trap/2")), [sa("lan")], "rekey", "renew",
                     Settlement(whole=False, children=("lan",), bring_up=("lan",)), id="child, trap"),
        pytest.param(change(TWO_TRAPS, parts("i", lan="trap/2", dmz="trap/1")), [sa("lan", "dmz")], "rekey", "renew",
                     Settlement(whole=False, children=("lan",), bring_up=("lan",)), id="one child of two, trap"),
        pytest.param(change(NONE, parts("i", lan="none/2"), initiates=False), [sa("lan")], "rekey", "renew",
                     Settlement(whole=False, children=("lan",), bring_up=("lan",)), id="child, on the peer's IKE_SA"),
        pytest.param(change(NONE, parts("i", lan="none/2"), initiates=False), [sa("lan"), sa("lan", number=2)],
                     "reestablish", "restart", Settlement(whole=False, children=("lan",)), id="child, several peers"),
        pytest.param(change(START, parts("i", lan="start/2")), [sa("lan")], "reestablish", "restart",
                     Settlement(whole=True, children=("lan",), bring_up=("lan",), by_charon=frozenset({"lan"}),
                                held=frozenset({"lan"})), id="the only child, start: charon ends the IKE_SA"),
        pytest.param(change(TWO_STARTS, parts("i", lan="start/9", dmz="start/2")), [sa("lan", "dmz")], "reestablish",
                     "restart", Settlement(whole=False, children=("lan",), bring_up=("lan",), by_charon=frozenset({"lan"}),
                                           held=frozenset({"lan"})), id="one child of two, start"),
        pytest.param(change(TWO_STARTS, parts("i", lan="start/9", dmz="start/9", new="start/1")), [sa("lan", "dmz")],
                     "reestablish", "restart", Settlement(
                         whole=True, children=("dmz", "lan"), bring_up=("dmz", "lan"),
                         by_charon=frozenset({"lan", "dmz", "new"}), held=frozenset({"lan", "dmz", "new"})),
                     id="all children, start, and one more"),
        pytest.param(change(TWO_STARTS, parts("i", lan="start/9")), [sa("lan", "dmz")], "end", "restart",
                     Settlement(whole=True, children=("dmz", "lan"), bring_up=("lan",), by_charon=frozenset({"lan"}),
                                held=frozenset({"lan"})), id="one changes and the other goes, start"),
        pytest.param(change(START, TWO_STARTS), [sa("lan")], "none", "", None, id="a phase 2 comes"),
        pytest.param(change(TRAP, parts("i", lan="trap/2")), [sa()], "none", "", None, id="an IKE_SA without children"),
        pytest.param(change(TRAP, parts("i", lan="trap/2")), [sa("lan", down="lan")], "none", "", None, id="child down"),
        pytest.param(change(TRAP, parts("i", lan="trap/2")), [sa(established=False)], "none", "restart",
                     Settlement(whole=True), id="the IKE_SA is being set up"),
        # Start actions.
        pytest.param(change(TRAP, NONE), [sa("lan")], "none", "", None, id="trap to none"),
        pytest.param(change(TRAP, BOTH_STARTS), [sa("lan")], "rekey", "renew",
                     Settlement(whole=False, children=("lan",), bring_up=("lan",), by_charon=frozenset({"lan"})),
                     id="trap to start: charon starts a second one"),
        pytest.param(change(START, TRAP), [sa("lan")], "reestablish", "restart",
                     Settlement(whole=True, children=("lan",), bring_up=("lan",), held=frozenset({"lan"})),
                     id="start to trap: charon ends it"),
        pytest.param(change(START, NONE, initiates=False), [sa("lan")], "reestablish", "restart",
                     Settlement(whole=True, children=("lan",), held=frozenset({"lan"})), id="start to none"),
        # The IKE part has changed.
        pytest.param(change(TRAP, parts("j", lan="trap/1")), [sa("lan")], "rekey", "renew",
                     Settlement(whole=True, bring_up=("lan",)), id="IKE, trap"),
        pytest.param(change(TRAP, parts("j", lan="start/1")), [sa("lan")], "rekey", "renew",
                     Settlement(whole=True, bring_up=("lan",), by_charon=frozenset({"lan"})), id="IKE, trap to start"),
        pytest.param(change(TWO_TRAPS, parts("j", lan="trap/1")), [sa("lan", "dmz")], "end", "renew",
                     Settlement(whole=True, bring_up=("lan",)), id="IKE, and a phase 2 goes"),
        pytest.param(change(NONE, parts("j", lan="none/1"), initiates=False), [sa("lan")], "reestablish", "restart",
                     Settlement(whole=True), id="IKE, none: the peer comes back"),
        pytest.param(change(START, parts("j", lan="start/1")), [sa("lan")], "reestablish", "restart",
                     Settlement(whole=True, bring_up=("lan",), by_charon=frozenset({"lan"}), held=frozenset({"lan"})),
                     id="IKE, start"),
        pytest.param(change(TRAP, parts("j", lan="trap/1")), [sa()], "none", "restart", Settlement(whole=True),
                     id="IKE, nothing up"),
        # Keys.
        pytest.param(change(TRAP, TRAP, new_key=True), [sa("lan")], "reestablish", "restart",
                     Settlement(whole=True, bring_up=("lan",)), id="a new key"),
        pytest.param(change(TRAP, replace(TRAP, whole="x", unseen="d")), [sa("lan")], "reestablish", "restart",
                     Settlement(whole=True, bring_up=("lan",)), id="what charon passes over, trap"),
        pytest.param(change(START, replace(START, whole="x", unseen="d")), [sa("lan")], "reestablish", "restart",
                     Settlement(whole=True, bring_up=("lan",), by_charon=frozenset({"lan"}), held=frozenset({"lan"})),
                     id="what charon passes over, start"),
        pytest.param(change(START, START, new_key=True), [sa("lan")], "reestablish", "restart",
                     Settlement(whole=True, bring_up=("lan",)), id="a new key, start: charon sees no change"),
        pytest.param(change(TRAP, START, new_key=True), [sa("lan")], "reestablish", "restart",
                     Settlement(whole=True, bring_up=("lan",), by_charon=frozenset({"lan"}), held=frozenset({"lan"})),
                     id="a new key, trap to start: nothing may start on the old IKE_SA"),
        pytest.param(change(TRAP, parts("j", lan="trap/1"), new_key=True), [sa("lan")], "rekey", "renew",
                     Settlement(whole=True, bring_up=("lan",)), id="a new key with another identity"),
        # What nobody can prove.
        pytest.param(change(None, BOTH_STARTS), [sa("lan")], "reestablish", "restart",
                     Settlement(whole=True, bring_up=("lan",), by_charon=frozenset({"lan"}), held=frozenset({"lan"})),
                     id="unknown"),
        # Names.
        pytest.param(change(TRAP, parts("i", net="trap/1")), [sa("lan")], "reestablish", "restart",
                     Settlement(whole=False, children=("lan",), bring_up=("net",)), id="a renamed child has an heir"),
        pytest.param(change(TRAP, parts("i", net="trap/2")), [sa("lan")], "end", "end",
                     Settlement(whole=False, children=("lan",)), id="another name and another content: one goes, one comes"),
    ],
)  # fmt: skip
def test_outlook(asked: Change, live: list[LiveSa], told: str, verb: str, settlement: Settlement | None) -> None:
    assert outlook(asked, live) == Outlook(told, verb, settlement)


@pytest.mark.parametrize(
    ("loaded", "wanted", "afresh"),
    [
        (None, TRAP, True),
        (TRAP, None, True),
        (TRAP, TRAP, False),
        (TRAP, parts("i", net="trap/1"), True),
        (TRAP, parts("i", net="trap/2"), False),
        (TRAP, parts("i", lan="trap/1", net="trap/1"), False),
    ],
)
def test_what_is_unloaded_first(*, loaded: Parts | None, wanted: Parts | None, afresh: bool) -> None:
    assert change(loaded, wanted).afresh is afresh
