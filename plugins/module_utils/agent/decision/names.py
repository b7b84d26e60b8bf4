# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers whose name moves, or gets an address (S12): charon looks a name up when it sets a tunnel up, and not again.

A tunnel has moved away from its peer when two answers in a row, with addresses, do not have that of its SA, and an earlier
one had it. So names with many addresses in turn do not flap, no answer is no news, and a peer that has come from elsewhere, by
itself or by MOBIKE, is left where it is: its name may be late.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Mapping, Set
from dataclasses import dataclass

from .timing import Clock, backoff
from .values import END, INITIATE, NOTE, RESTART, Action, Observation, Resolved, View
from .wanted import Tunnel

# So many answers in a row must be without the address of the SA.
MISSED = 2
# However often a name moves, its tunnel is not set up anew more often than this.
SPACING_S = 30.0
# The addresses that a name had; of more the oldest are forgotten.
_KNOWN = 32


@dataclass(frozen=True)
class Named:
    """What is known of the name of a tunnel's peer.

    `known` are the addresses that it had, the latest last, `looked` is when the last answer came, and `missed` how many in a
    row did not have the address of the SA. `waits` says that the tunnel could not be set up as the name had no address,
    `attempts` how often that was tried since it has one, and `next` when it may be tried again.
    """

    known: tuple[str, ...] = ()
    looked: float | None = None
    missed: int = 0
    moved: float | None = None
    waits: bool = False
    attempts: int = 0
    next: float = 0.0


def follow_names(
    before: Mapping[str, Named],
    seen: Observation,
    busy: Set[str],
    resting: Container[str],
    seed: str,
    clock: Clock,
) -> tuple[dict[str, Named], list[Action]]:
    """Return what is known of names now, and what follows for their tunnels.

    Something else is done about `busy` tunnels just now. Those that are `resting` in a group are not initiated.
    """
    after: dict[str, Named] = {}
    actions: list[Action] = []
    for name, wanted in seen.wanted.named.items():
        view, answer = seen.view(name), seen.name_of(name)
        known = before.get(name, Named())
        if answer is not None:
            known = _heard(known, answer, view)
            if view.up:
                known, action = _moved(known, name, wanted, view, resting, clock)
            else:
                known, action = _awaited(known, name, wanted, answer, view, resting, seed, clock)
            if action is not None and name not in busy:
                actions.append(action)
        after[name] = known
    return after, actions


def _heard(known: Named, answer: Resolved, view: View) -> Named:
    """Return what is known after an answer, which counts once."""
    if answer.at == known.looked:
        return known
    had = known.known
    if answer.addresses:
        had = (*(each for each in had if each not in answer.addresses), *answer.addresses)[-_KNOWN:]
    missed = known.missed
    if answer.addresses:
        gone = view.up and view.peer in had and view.peer not in answer.addresses
        missed = missed + 1 if gone else 0
    return dataclasses.replace(known, known=had, looked=answer.at, missed=missed)


def _moved(
    known: Named, name: str, wanted: Tunnel, view: View, resting: Container[str], clock: Clock
) -> tuple[Named, Action | None]:
    known = dataclasses.replace(known, waits=False, attempts=0, next=0.0)
    if known.missed < MISSED or not (known.moved is None or clock.past(known.moved + SPACING_S)):
        return known, None
    kind = RESTART if wanted.starts and name not in resting else END
    reason = f"{wanted.name} has moved: the peer is at {view.peer}, and the last {MISSED} answers have {known.known[-1]} instead"
    return dataclasses.replace(known, missed=0, moved=clock.now), Action(kind, name, reason)


def _awaited(
    known: Named,
    name: str,
    wanted: Tunnel,
    answer: Resolved,
    view: View,
    resting: Container[str],
    seed: str,
    clock: Clock,
) -> tuple[Named, Action | None]:
    known = dataclasses.replace(known, missed=0)
    nothing = dataclasses.replace(known, waits=False, attempts=0, next=0.0)
    if not wanted.starts or not view.usable or name in resting:
        return nothing, None
    if not answer.addresses:
        note = Action(NOTE, name, f"{wanted.name} has no address: it is set up as soon as there is one")
        return dataclasses.replace(nothing, waits=True), None if known.waits else note
    if view.connecting:
        return nothing, None
    if not known.waits or not clock.past(known.next):
        return known, None
    attempts = known.attempts + 1
    known = dataclasses.replace(known, attempts=attempts, next=clock.now + backoff(seed, name, attempts))
    clock.past(known.next)
    return known, Action(INITIATE, name, f"{wanted.name} has the address {answer.addresses[0]} now")
