# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers that are dead sooner than charon would find out (S30): it has one time for all tunnels with IKEv2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .timing import Clock
from .values import RESTART, TERMINATE, TRAP, Action, Observation
from .wanted import DeadPeer

# What a check needs that is answered at its second try: charon repeats it after 4 s.
_SECOND_TRY_S = 5.0
# A check that waits is looked at this often; charon does not say since when it waits.
LOOK_AGAIN_S = 1.0

_ACTIONS = {"none": TERMINATE, "on_demand": TRAP, "restart": RESTART, "restart_on_demand": RESTART}


@dataclass(frozen=True)
class Suspicion:
    """Since when a peer has owed an answer, and how much it had sent until then."""

    since: float
    received: int


def dead_peers(
    before: Mapping[str, Suspicion], seen: Observation, clock: Clock
) -> tuple[dict[str, Suspicion], list[Action]]:
    """Return who is suspected now, and what follows for those that are dead."""
    after: dict[str, Suspicion] = {}
    actions = []
    for name, rule in seen.wanted.dead_peers.items():
        view = seen.view(name)
        if not (view.check_pending or view.request_pending):
            continue
        known = before.get(name)
        if known is None or known.received != view.received:
            # What comes through the tunnel is a sign of life as well (RFC 7296, section 2.4).
            known = Suspicion(clock.now, view.received)
        # When a check is sent a part of the time is over; another request may follow the last sign of life at once.
        patience, what = (_patience(rule), "a check") if view.check_pending else (rule.timeout, "a request")
        if clock.past(known.since + patience):
            kind = TERMINATE if seen.wanted.tunnel(name).responder_only else _ACTIONS[rule.action]
            reason = f"its peer has not answered {what} for {patience:g} s, and has sent nothing else"
            actions.append(Action(kind, name, reason, owed=True))
            known = Suspicion(clock.now, view.received)
        clock.past(clock.now + LOOK_AGAIN_S)
        after[name] = known
    return after, actions


def _patience(rule: DeadPeer) -> float:
    """Return how long a check may wait: what is left of the time when it is sent, `delay` after the last sign of life."""
    return max(rule.timeout - rule.delay, min(rule.timeout, _SECOND_TRY_S))
