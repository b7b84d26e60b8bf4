# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels that this end sets up, and whose peer has refused: charon tries again where nobody answers, and nowhere else.

A peer refuses while it is being configured, or its certificate has run out. Without a trap nothing would bring the tunnel up
when that is over. What the peer or people have closed is left alone: nobody was setting it up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Set
from dataclasses import dataclass

from .timing import Clock, backoff
from .values import INITIATE, Action, Observation


@dataclass(frozen=True)
class Refused:
    """How often a tunnel was set up again since it was first refused, and when that may be done the next time."""

    next: float
    attempts: int = 0


def try_again(
    before: Mapping[str, Refused], seen: Observation, busy: Set[str], seed: str, clock: Clock
) -> tuple[dict[str, Refused], list[Action]]:
    """Return which tunnels were refused now, and which of them are set up again, each less and less often.

    Something else is done about `busy` tunnels just now.
    """
    after: dict[str, Refused] = {}
    actions = []
    for name in seen.wanted.persisting:
        view = seen.view(name)
        if view.up or not view.tried:
            continue
        known = before.get(name)
        if view.connecting or not view.usable or _nowhere(seen, name):
            # What comes of it is seen later; until then it is not refused once more.
            if known is not None:
                after[name] = known
            continue
        known = known or Refused(clock.now + backoff(seed, name, 1))
        if name in busy:
            known = dataclasses.replace(known, next=clock.now + backoff(seed, name, known.attempts + 1))
        elif clock.past(known.next):
            attempts = known.attempts + 1
            reason = f"an attempt to set it up has failed, and charon makes no other one (attempt {attempts + 1})"
            actions.append(Action(INITIATE, name, reason))
            known = Refused(clock.now + backoff(seed, name, attempts + 1), attempts)
        clock.past(known.next)
        after[name] = known
    return after, actions


def _nowhere(seen: Observation, tunnel: str) -> bool:
    """Say whether a peer has a name of which no address is known: it is waited for (names.py)."""
    answer = seen.name_of(tunnel)
    return bool(seen.wanted.tunnel(tunnel).name) and (answer is None or not answer.addresses)
