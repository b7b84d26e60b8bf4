# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gateways in simulated time: lines that fail, peers that do not answer, and the agent's judgement between them.

Nothing here waits: time goes from one event to the next. What happens by chance follows from the seed.
"""

from __future__ import annotations

import dataclasses
import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision import values
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.decide import Decided, State, decide
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.memory import dump_state, load_state
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.standing import STANDBY
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import (
    Action,
    Answer,
    Observation,
    Path,
    Resolved,
    View,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import Group, Wanted

# What IKE takes, and how long charon goes on by itself where nobody answers.
IKE_S = 0.2
GIVES_UP_AFTER_S = 30.0
# A request that was not answered is sent again so long after.
REPEATED_AFTER_S = 4.0
# How long charon takes to find out that a peer is gone, and how often peers and traffic try.
FOUND_DEAD_AFTER_S = 40.0
TRIED_EVERY_S = 5.0


def gaps(moments: Sequence[float]) -> list[float]:
    """Return the times between moments."""
    return [moments[index + 1] - moments[index] for index in range(len(moments) - 1)]


@dataclass
class Line:
    """The way of one tunnel to its peer, and the peer's daemon at its end."""

    works: bool = True
    loss: float = 0.0
    round_trip: float = 0.02
    address: bool = True
    peer: bool = True
    refuses: bool = False
    path: Path | None = None


@dataclass
class Sa:
    """What charon has of a tunnel; `made` tells attempts apart, so that an old one cannot end a new one."""

    up: bool = False
    connecting: bool = False
    down_since: float | None = None
    check_pending: bool = False
    request_pending: bool = False
    made: int = 0
    source: str = ""
    born: float | None = None
    peer: str = ""
    tried: bool = False


@dataclass
class World:
    """A gateway with its lines. Each look of the agent is handed to `watch` before its actions are carried out."""

    wanted: Wanted
    seed: str = "a"
    watch: Callable[[World, Observation, Decided], None] | None = None
    now: float = 1000.0
    lines: dict[str, Line] = field(default_factory=dict)
    sas: dict[str, Sa] = field(default_factory=dict)
    overrides: dict[str, str] = field(default_factory=dict)
    names: dict[str, Resolved] = field(default_factory=dict)
    done: list[tuple[float, Action]] = field(default_factory=list)
    looks: int = 0
    found_dead_after: float = FOUND_DEAD_AFTER_S
    sent: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    state: State = field(init=False)
    chance: random.Random = field(init=False)
    _answers: list[Answer] = field(default_factory=list)
    _due: set[str] = field(default_factory=set)
    _queue: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _number: int = 0
    _wake: int = 0

    def __post_init__(self) -> None:
        self.state = State(self.seed)
        self.chance = random.Random(self.seed)  # noqa: S311  # the same chances for the same seed
        members = [member for group in self.wanted.groups.values() for member in group.members]
        for name in dict.fromkeys((*members, *self.wanted.tunnels)):
            self.lines[name] = Line()
            self.sas[name] = Sa()
        for group in self.wanted.groups.values():
            self._come_up(group.primary)
        self.at(self.now, self.look)
        self.at(self.now + TRIED_EVERY_S, self._others_try)

    # Time.

    def at(self, moment: float, what: Callable[[], None]) -> None:
        """Do something at a moment."""
        self._number += 1
        heapq.heappush(self._queue, (moment, self._number, what))

    def run(self, seconds: float) -> None:
        """Let time go on."""
        end = self.now + seconds
        while self._queue and self._queue[0][0] <= end:
            self.now, _number, what = heapq.heappop(self._queue)
            what()
        self.now = end

    # What happens to it.

    def change(self, tunnel: str, **changes: object) -> None:
        """Change a tunnel's line, and let the agent look, as charon or the kernel would tell it of some changes."""
        line = self.lines[tunnel]
        told = "address" in changes and changes["address"] != line.address
        for name, value in changes.items():
            setattr(line, name, value)
        if not line.address:
            self._gone(tunnel, dead=False)
        if self.sas[tunnel].up and not (line.works and line.peer):
            made = self.sas[tunnel].made
            self.at(self.now + self.found_dead_after, lambda: self._found_dead(tunnel, made))
        if told:
            self.look()

    def override(self, group: str, what: str) -> None:
        """Say by hand what a group shall use."""
        self.overrides[group] = what
        self.look()

    def calendar(self, group: str) -> None:
        """Let a group's calendar come round."""
        self._due.add(group)
        self.look()

    def lose_sa(self, tunnel: str, *, dead: bool = False) -> None:
        """Let charon lose what it has of a tunnel."""
        self._gone(tunnel, dead=dead)
        self.look()

    def set_up_by_peer(self, tunnel: str) -> None:
        """Let a tunnel's peer set it up."""
        self._come_up(tunnel)
        self.look()

    def begin(self, tunnel: str) -> None:
        """Let charon set a tunnel up by itself."""
        self._initiate(tunnel)
        self.look()

    def resolve(self, name: str, *addresses: str) -> None:
        """Let the agent hear what a name service tells of a name."""
        self.names[name] = Resolved(addresses, self.now)
        self.look()

    def renewed_by_peer(self, tunnel: str) -> None:
        """Let a tunnel's peer renew its IKE SA."""
        if self.sas[tunnel].up:
            self.sas[tunnel].born = self.now
            self.look()

    def forget(self, *, everything: bool) -> None:
        """Let the agent start again: from what it has written down, or as if it had never been there."""
        recalled = State(self.seed) if everything else load_state(dump_state(self.state))
        assert recalled is not None
        self.state = recalled
        self.look()

    # The agent.

    def seen(self) -> Observation:
        """Return what the agent sees now."""
        tunnels = {name: self._view(name) for name in self.lines}
        return Observation(
            self.wanted, tunnels, tuple(self._answers), frozenset(self._due), dict(self.overrides), dict(self.names)
        )

    def look(self) -> None:
        """Let the agent look and act."""
        observation = self.seen()
        self._answers.clear()
        self._due.clear()
        decided = decide(self.state, observation, self.now)
        self.looks += 1
        if self.watch is not None:
            self.watch(self, observation, decided)
        self.state = decided.state
        self._wake += 1
        for action in decided.actions:
            if action.kind != values.PROBE:
                self.done.append((self.now, action))
            self._carry_out(action)
        if decided.wake is not None:
            number = self._wake
            self.at(decided.wake, lambda: self.look() if number == self._wake else None)

    def story(self) -> list[str]:
        """Return what was done to which tunnel, in order."""
        return [f"{action.kind} {action.tunnel}" for _moment, action in self.done]

    def reasons(self, kind: str) -> list[str]:
        """Return why actions of a kind were done."""
        return [action.reason for _moment, action in self.told(kind)]

    def told(self, kind: str) -> list[tuple[float, Action]]:
        """Return the actions of a kind so far, with their times."""
        return [(moment, action) for moment, action in self.done if action.kind == kind]

    def active(self, group: str) -> str:
        """Return the tunnel that a group uses."""
        standing = self.state.groups.get(group)
        return self.wanted.groups[group].primary if standing is None else standing.active

    def _view(self, name: str) -> View:
        line, sa = self.lines[name], self.sas[name]
        return View(
            sa.up,
            sa.connecting,
            line.address,
            sa.down_since,
            sa.check_pending,
            0,
            sa.source if sa.up else "",
            sa.peer if sa.up else "",
            line.path,
            sa.tried,
            sa.born,
            request_pending=sa.request_pending,
            unanswered=sa.check_pending or sa.request_pending,
        )

    def _carry_out(self, action: Action) -> None:
        if action.kind == values.PROBE:
            self._probe(action)
        elif action.kind == values.INITIATE:
            self._initiate(action.tunnel)
        elif action.kind == values.RESTART:
            self._gone(action.tunnel, dead=False)
            self._initiate(action.tunnel)
        elif action.kind in (values.TERMINATE, values.TRAP, values.END):
            self._gone(action.tunnel, dead=False)
        elif action.kind == values.REKEY and self.sas[action.tunnel].up:
            sa = self.sas[action.tunnel]
            sa.request_pending = True
            until = self.now + GIVES_UP_AFTER_S
            self.at(self.now + IKE_S, lambda: self._renewed(action.tunnel, sa, until))

    def _renewed(self, tunnel: str, sa: Sa, until: float) -> None:
        """Let a peer that is there answer: the IKE SA has new keys. One that does not is given up."""
        line = self.lines[tunnel]
        if self.sas[tunnel] is not sa:
            return
        if line.works and line.peer and line.address:
            sa.request_pending = False
            sa.born = self.now if not line.refuses else sa.born
        elif self.now >= until:
            self._gone(tunnel, dead=True)
        else:
            self.at(self.now + REPEATED_AFTER_S, lambda: self._renewed(tunnel, sa, until))
            return
        self.look()

    def _probe(self, action: Action) -> None:
        check = self.wanted.groups[action.group].check
        line, sa = self.lines[action.tunnel], self.sas[action.tunnel]
        if action.sequence == 1:
            self.sent[action.group] = []
        self.sent.setdefault(action.group, []).append((self.now, action.sequence))
        if check is None or not line.address or not line.works or (check.inside and not sa.up):
            return
        for address in action.addresses:
            if self.chance.random() >= line.loss:
                answer = Answer(action.group, action.sequence, address)
                self.at(self.now + line.round_trip, lambda answer=answer: self._answered(answer))  # type: ignore[misc]  # mypy cannot infer a default

    def unanswered(self, group: str) -> int:
        """Count the rounds of a group's check in a row whose time is over without an answer."""
        check = self.wanted.groups[group].check
        within = check.answer_within if check else 0.0
        return sum(moment + within <= self.now for moment, _sequence in self.sent.get(group, ()))

    def _answered(self, answer: Answer) -> None:
        group = self.wanted.groups.get(answer.group)
        if group is not None and (group.check is None or group.check.quorum == 1):
            # With several addresses one answer shows less; the account then says at most too little.
            rounds = self.sent.get(answer.group, [])
            self.sent[answer.group] = [each for each in rounds if each[1] > answer.sequence]
        self._answers.append(answer)
        self.look()

    # charon and the peers.

    def _initiate(self, tunnel: str) -> None:
        sa, line = self.sas[tunnel], self.lines[tunnel]
        if sa.up or sa.connecting or not line.address:
            return
        if self.wanted.tunnel(tunnel).name in self.names and not self._address(tunnel):
            # charon cannot resolve it, and does not try again.
            return
        sa.made += 1
        sa.connecting = sa.tried = True
        made = sa.made
        if line.works and line.peer and line.refuses:
            self.at(self.now + IKE_S, lambda: self._refused(tunnel, made))
        elif line.works and line.peer:
            self.at(self.now + IKE_S, lambda: self._set_up(tunnel, made))
        else:
            self.at(self.now + GIVES_UP_AFTER_S, lambda: self._given_up(tunnel, made))

    def _set_up(self, tunnel: str, made: int) -> None:
        if self.sas[tunnel].made == made and self.sas[tunnel].connecting:
            self._come_up(tunnel)
            self.look()

    def _refused(self, tunnel: str, made: int) -> None:
        if self.sas[tunnel].made == made and self.sas[tunnel].connecting:
            self._gone(tunnel, dead=True)
            # charon makes no other attempt.
            self.sas[tunnel].tried = True
            self.look()

    def _come_up(self, tunnel: str) -> None:
        path = self.lines[tunnel].path
        made = self.sas[tunnel].made + 1
        self.sas[tunnel] = Sa(
            up=True, made=made, source=path.source if path else "", born=self.now, peer=self._address(tunnel)
        )

    def _address(self, tunnel: str) -> str:
        """Return where the name of a tunnel's peer leads now."""
        found = self.names.get(self.wanted.tunnel(tunnel).name)
        return found.addresses[0] if found is not None and found.addresses else ""

    def _given_up(self, tunnel: str, made: int) -> None:
        if self.sas[tunnel].made == made and self.sas[tunnel].connecting:
            self._gone(tunnel, dead=True)
            self.look()

    def _found_dead(self, tunnel: str, made: int) -> None:
        line, sa = self.lines[tunnel], self.sas[tunnel]
        if sa.up and sa.made == made and not (line.works and line.peer):
            self._gone(tunnel, dead=True)
            self.look()

    def _gone(self, tunnel: str, *, dead: bool) -> None:
        made = self.sas[tunnel].made + 1
        self.sas[tunnel] = Sa(made=made, down_since=self.now if dead else None)

    def _others_try(self) -> None:
        """Let traffic bring up what is in use, by its trap, and peers what only they initiate."""
        self.at(self.now + TRIED_EVERY_S, self._others_try)
        roles = self.state.roles
        news = False
        for name, line in self.lines.items():
            sa = self.sas[name]
            if (
                not sa.up
                and line.works
                and line.peer
                and not line.refuses
                and line.address
                and roles.get(name) != STANDBY
            ):
                passive = self.wanted.tunnel(name).responder_only
                if passive or roles.get(name) == "active":
                    self._come_up(name)
                    news = True
        if news:
            self.look()

    def wish(self, *groups: Group) -> None:
        """Put another wish in force."""
        self.wanted = dataclasses.replace(self.wanted, groups={group.name: group for group in groups})
        self.look()
