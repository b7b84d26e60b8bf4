# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IKE SAs whose time is over (S24): where this end does not renew keys, charon sets them no end."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from .timing import Clock
from .values import END, RESTART, Action, Observation, same_birth

# What was to be ended and is still there is ended again after this time.
AGAIN_AFTER_S = 30.0


@dataclass(frozen=True)
class Ended:
    """Which IKE SA of a tunnel was ended, by the moment of its birth, and when."""

    born: float
    at: float


def expired(
    before: Mapping[str, Ended], seen: Observation, busy: Set[str], clock: Clock
) -> tuple[dict[str, Ended], list[Action]]:
    """Return what was ended, and is not known to be gone yet, and what ends now.

    Something else is done about `busy` tunnels just now.
    An IKE SA that the peer renews in time is another one, with an age of its own, and so never comes of this age.
    """
    after: dict[str, Ended] = {}
    actions = []
    for name, lifetime in seen.wanted.lifetimes.items():
        wanted = seen.wanted.tunnel(name)
        born = seen.view(name).born
        if born is None:
            continue
        known = before.get(name)
        if known is not None and same_birth(known.born, born):
            after[name] = known
            if not clock.past(known.at + AGAIN_AFTER_S):
                continue
        if not clock.past(born + lifetime):
            continue
        if name not in busy:
            kind = RESTART if wanted.starts and not wanted.responder_only else END
            reason = f"its IKE SA is {lifetime:g} s old, and nobody has renewed it (rekey: false)"
            actions.append(Action(kind, name, reason, older_than=lifetime))
        after[name] = Ended(born, clock.now)
        clock.past(clock.now + AGAIN_AFTER_S)
    return after, actions
