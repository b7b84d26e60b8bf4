# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent sees, and what it does about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from .wanted import Wanted

# Ask the addresses of a check; it says nothing about a tunnel yet, and is no decision that people want to read about.
PROBE = "probe"
# Give a group's traffic to another of its tunnels, which changes what each of them is (`roles`).
SWITCH = "switch"
INITIATE = "initiate"
TERMINATE = "terminate"
# End the SAs without waiting for the peer, and initiate again.
RESTART = "restart"
# End the SAs the same way, and leave it to the next packet to initiate.
TRAP = "trap"
# End the SAs without waiting for the peer; who wants them up, or has a packet for them, may set them up again.
END = "end"
# Renew the keys of the IKE SA, which its CHILD_SAs outlive: both ends then have the same one, without an old exchange.
REKEY = "rekey"
# Nothing is done, and people want to know why.
NOTE = "note"

INITIATING = frozenset((INITIATE, RESTART))

# charon tells ages in whole seconds, so that one SA seems to be born at moments that differ by less than this.
_SAME_S = 1.5

AUTO = "auto"
PRIMARY = "primary"
FALLBACK = "fallback"


@dataclass(frozen=True)
class Path:
    """Which way packets to a peer take: the interface, the next hop, and the address of ours that they get."""

    interface: str
    gateway: str = ""
    source: str = ""


@dataclass(frozen=True)
class View:
    """What is seen of a tunnel.

    `down_since` is the moment from which SAs are missing that somebody wanted: the peer was found dead, or did not accept an
    initiation. A tunnel that waits for traffic or for its peer has none. `usable` says whether its own address is there.
    `path` is where it would go if it were set up now, `source` the address that its IKE SA has and `peer` that of its peer;
    `received` counts packets.
    `tried` says that this end has begun to set it up, and that it has not come up since, nor was it ended.
    `born` is when its oldest IKE SA was established, None without one.
    `check_pending` says that a check of the peer waits for its answer, `request_pending` that another request does, and that
    the peer was not heard otherwise; `unanswered` says that an SA which carries traffic waits for an answer, whatever else was
    heard.
    """

    up: bool = False
    connecting: bool = False
    usable: bool = True
    down_since: float | None = None
    check_pending: bool = False
    # That packets come in all the time is no news.
    received: int = dataclasses.field(default=0, compare=False)
    source: str = ""
    peer: str = ""
    path: Path | None = None
    tried: bool = False
    # charon tells whole seconds of its age, so that two looks differ.
    born: float | None = dataclasses.field(default=None, compare=False)
    request_pending: bool = False
    unanswered: bool = False


def same_birth(one: float | None, other: float | None) -> bool:
    """Say whether two moments are of the birth of the same IKE SA."""
    if one is None or other is None:
        return one is other
    return abs(one - other) < _SAME_S


@dataclass(frozen=True)
class Answer:
    """An echo reply: which round of which group's check it answers, and from which address."""

    group: str
    sequence: int
    address: str


@dataclass(frozen=True)
class Resolved:
    """What a name service has told of a name the last time, and when; no addresses where the name has none, or nobody knows."""

    addresses: tuple[str, ...]
    at: float

    def of_family(self, family: int) -> Resolved:
        """Return the same with the addresses of one family alone, 4 or 6; 0 is any."""
        if not family:
            return self
        return Resolved(tuple(each for each in self.addresses if (":" in each) == (family == 6)), self.at)


@dataclass(frozen=True)
class Observation:
    """All that is seen at one moment; `answers` and `due` (groups whose calendar has come round) since the last one.

    `blind` says that charon does not answer just now: the tunnels are those of before.
    """

    wanted: Wanted
    tunnels: Mapping[str, View] = dataclasses.field(default_factory=dict)
    answers: tuple[Answer, ...] = ()
    due: frozenset[str] = frozenset()
    overrides: Mapping[str, str] = dataclasses.field(default_factory=dict)
    names: Mapping[str, Resolved] = dataclasses.field(default_factory=dict)
    blind: bool = False

    def name_of(self, tunnel: str) -> Resolved | None:
        """Return what is known of the name of a tunnel's peer, as far as it can be used; None where nobody has told yet."""
        wanted = self.wanted.tunnel(tunnel)
        found = self.names.get(wanted.name)
        return None if found is None else found.of_family(wanted.family)

    def view(self, tunnel: str) -> View:
        """Return what is seen of a tunnel; one that nothing is known of is not there."""
        return self.tunnels.get(tunnel, _ABSENT)

    def later(self) -> Observation:
        """Return the same without what happened only once."""
        return dataclasses.replace(self, answers=(), due=frozenset()) if self.answers or self.due else self


_ABSENT = View(usable=False)


@dataclass(frozen=True)
class Action:
    """One thing to do, with the reason in words. Actions are done in their order.

    `older_than`, where it is not 0, is the age in seconds that an IKE SA must have reached for anything to be done about it.
    `carries` says that traffic goes by this tunnel until it has been given to another one, and `owed` that nothing is to be done
    unless its peer owes an answer.
    """

    kind: str
    tunnel: str
    reason: str
    group: str = ""
    instead_of: str = ""
    addresses: tuple[str, ...] = ()
    sequence: int = 0
    older_than: float = 0.0
    carries: bool = False
    owed: bool = False


@dataclass(frozen=True)
class Decision:
    """An action, or why there is none, and when it was decided."""

    at: float
    action: Action
