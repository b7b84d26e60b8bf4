# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted of the agent: groups of tunnels that stand in for each other, and what a tunnel by itself asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

# However long the interval, an answer that takes longer than this is not waited for: an interval of minutes says how often
# to look, and nothing about the way there.
ANSWER_WITHIN_S = 2.0


@dataclass(frozen=True)
class Check:
    """How the primary is checked: rounds of one echo request to each address, of which `quorum` must be answered.

    Without an interval a calendar starts the rounds. `inside` are checks of addresses behind the tunnel, which need it up.
    """

    addresses: tuple[str, ...]
    quorum: int = 1
    interval: float | None = 300.0
    retries: int = 3
    retry_interval: float | None = None
    rise: int = 3
    inside: bool = False

    @property
    def again(self) -> float | None:
        """Return the time from a round that was not answered to the next one; None where only the calendar knows."""
        return self.interval if self.retry_interval is None else self.retry_interval

    @property
    def answer_within(self) -> float:
        """Return how long a round waits for its answers: there is never more than one round that waits."""
        return min(each for each in (self.interval, self.again, ANSWER_WITHIN_S) if each is not None)

    @property
    def budget(self) -> float | None:
        """Return how long after its failure a primary is known to have failed, at most; None where a calendar decides."""
        if self.interval is None or self.again is None:
            return None
        return self.interval + (self.retries - 1) * self.again + self.answer_within


@dataclass(frozen=True)
class Group:
    """A primary, and the tunnels that take its place, in this order.

    `hot` keeps all of them up, so that only routes move; otherwise one that is not used is on standby. `returns` says
    whether the primary gets its place back by itself, after it was good for `hold_down`; `rekeys` whether its IKE SA can get
    new keys before that, and may.
    """

    name: str
    primary: str
    fallbacks: tuple[str, ...]
    hot: bool = False
    check: Check | None = None
    returns: bool = True
    hold_down: float = 60.0
    hold_down_most: float = 3600.0
    rekeys: bool = True

    @property
    def members(self) -> tuple[str, ...]:
        """Return all tunnels of the group, the primary first."""
        return (self.primary, *self.fallbacks)


@dataclass(frozen=True)
class DeadPeer:
    """When a silent peer is dead, and what follows, where charon itself would take longer to find out.

    `timeout` counts from the peer's last sign of life, and a check follows that by `delay`.
    """

    delay: float
    timeout: float
    action: str = "none"


@dataclass(frozen=True)
class Tunnel:
    """What a tunnel by itself asks of the agent.

    `lifetime` is after how many seconds an IKE SA ends whose end charon does not know, None where it does. `starts` says that
    it is set up again at once, whoever ends it; it is only told where the agent may end it.
    `persists` says that nothing but an attempt of this end's brings it up, so that one that was refused is repeated.
    `name` is the host name that this end initiates to, empty where that is an address, or where it only responds; only its
    addresses of `family` count, 4 or 6, or of any where that is 0.
    """

    responder_only: bool = False
    dead_peer: DeadPeer | None = None
    restart_on_gateway_change: bool = False
    lifetime: float | None = None
    starts: bool = False
    persists: bool = False
    name: str = ""
    family: int = 0


@dataclass(frozen=True)
class Wanted:
    """All that is wanted of the agent, by names of groups and tunnels; a tunnel that asks for nothing may be missing."""

    groups: Mapping[str, Group] = dataclasses.field(default_factory=dict)
    tunnels: Mapping[str, Tunnel] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        members = [member for group in self.groups.values() for member in group.members]
        if len(set(members)) < len(members):
            raise ValueError("a tunnel stands in two places of the groups")

    # What each judgement is about, found once: of a thousand tunnels most ask for little, and each look asks all of them.

    @cached_property
    def dead_peers(self) -> Mapping[str, DeadPeer]:
        """Return when peers are dead, of the tunnels where that may be sooner than charon finds out."""
        return {name: each.dead_peer for name, each in self.tunnels.items() if each.dead_peer is not None}

    @cached_property
    def following(self) -> Mapping[str, Tunnel]:
        """Return the tunnels that this end sets up anew where their way has changed."""
        return {
            name: each
            for name, each in self.tunnels.items()
            if each.restart_on_gateway_change and not each.responder_only
        }

    @cached_property
    def lifetimes(self) -> Mapping[str, float]:
        """Return the ages in seconds at which IKE SAs end, of the tunnels where charon does not know it."""
        return {name: each.lifetime for name, each in self.tunnels.items() if each.lifetime is not None}

    @cached_property
    def named(self) -> Mapping[str, Tunnel]:
        """Return the tunnels whose peers have names."""
        return {name: each for name, each in self.tunnels.items() if each.name}

    @cached_property
    def persisting(self) -> Mapping[str, Tunnel]:
        """Return the tunnels of which refused attempts are repeated."""
        return {name: each for name, each in self.tunnels.items() if each.persists}

    def tunnel(self, name: str) -> Tunnel:
        """Return what a tunnel asks for."""
        return self.tunnels.get(name, _NOTHING)


_NOTHING = Tunnel()
