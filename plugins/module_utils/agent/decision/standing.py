# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a group of tunnels remembers between two moments, and what follows from that for each of its tunnels."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from .health import Health
from .timing import fraction
from .values import AUTO
from .wanted import Group

# It carries the traffic.
ACTIVE = "active"
# It is up, or shall come up, and carries none.
READY = "ready"
# It is loaded without anything that would initiate, and answers its peer.
STANDBY = "standby"


@dataclass(frozen=True)
class Attempts:
    """How often something was tried in vain, and when it may be tried again."""

    count: int
    next: float


@dataclass(frozen=True)
class Trial:
    """A tunnel that is being set up, to take over once it is up, and how long it has for that."""

    tunnel: str
    until: float


@dataclass(frozen=True)
class Standing:
    """Where a group stands.

    `left` is when the primary lost its place, `returned` when it got it back by itself; `hold` is how long it must be good
    for that, and `good_since` since when it is. `search` counts the trials since nothing works, `attempts` those to keep a
    tunnel ready. `alarmed` says that the tunnel in use is in trouble. `asked` is when the primary was last to renew its keys for
    its return. `told` is the last note, so that what lasts is told once.
    """

    group: Group
    active: str
    hold: float
    health: Health | None = None
    left: float | None = None
    returned: float | None = None
    good_since: float | None = None
    trial: Trial | None = None
    search: Attempts | None = None
    attempts: Mapping[str, Attempts] = dataclasses.field(default_factory=dict)
    override: str = AUTO
    alarmed: bool = False
    asked: float | None = None
    told: str = ""

    @property
    def roles(self) -> dict[str, str]:
        """Return what each tunnel of the group is now."""
        return {member: self._role(member) for member in self.group.members}

    def undecided(self, now: float) -> bool:
        """Say whether another tunnel may have to carry the traffic in a moment: answers are missing, or one is being set up."""
        check, health = self.group.check, self.health
        missing = check is not None and health is not None and health.doubted(check, now)
        return missing or self.trial is not None

    def _role(self, member: str) -> str:
        if member == self.active:
            return ACTIVE
        tried = self.trial is not None and member == self.trial.tunnel
        return READY if tried or self.kept_ready(member) else STANDBY

    def kept_ready(self, member: str) -> bool:
        """Say whether a tunnel that is not used is kept up: all in hot mode, and a primary that is checked from inside."""
        check = self.group.check
        return self.group.hot or (member == self.group.primary and check is not None and check.inside)


def fresh(group: Group, seed: str, now: float) -> Standing:
    """Return where a group begins: with its primary. First checks are spread, so that a thousand do not leave at once."""
    return Standing(group, group.primary, group.hold_down, _unchecked(group, seed, now))


def adopted(standing: Standing, group: Group, seed: str, now: float) -> Standing:
    """Return where a group stands when what is wanted of it has changed: what it uses stays in use, if it is still there."""
    if standing.active not in group.members:
        return fresh(group, seed, now)
    same = standing.group.check == group.check and standing.group.primary == group.primary
    return Standing(
        group,
        standing.active,
        group.hold_down,
        standing.health if same else _unchecked(group, seed, now),
        left=now if standing.active != group.primary else None,
        trial=standing.trial if standing.trial and standing.trial.tunnel in group.members else None,
        override=standing.override,
    )


def _unchecked(group: Group, seed: str, now: float) -> Health | None:
    check = group.check
    if check is None or not check.retries:
        return None
    return Health(now + (check.interval or 0.0) * fraction(seed, group.name))
