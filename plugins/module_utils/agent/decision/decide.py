# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's judgement: from what it remembers, what it sees and the time, to what it does and when it looks again."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from .fallback import turn
from .lifetimes import Ended, expired
from .names import Named, follow_names
from .paths import Followed, follow_paths
from .peers import Suspicion, dead_peers
from .refused import Refused, try_again
from .standing import STANDBY, Standing, adopted, fresh
from .timing import Clock
from .values import END, PROBE, TERMINATE, Action, Answer, Decision, Observation, View, same_birth
from .wanted import Group

# So many decisions are kept for people who ask why.
REMEMBERED = 100


@dataclass(frozen=True)
class State:
    """What the agent remembers. `seed` makes the moments of its attempts others than those of other gateways."""

    seed: str
    groups: Mapping[str, Standing] = dataclasses.field(default_factory=dict)
    suspicions: Mapping[str, Suspicion] = dataclasses.field(default_factory=dict)
    followed: Mapping[str, Followed] = dataclasses.field(default_factory=dict)
    ended: Mapping[str, Ended] = dataclasses.field(default_factory=dict)
    named: Mapping[str, Named] = dataclasses.field(default_factory=dict)
    refused: Mapping[str, Refused] = dataclasses.field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    # What saves looking at a group of which nothing is new.
    last: Observation | None = None
    wakes: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def roles(self) -> dict[str, str]:
        """Return what each tunnel that stands in a group is now; any other one is active."""
        return {member: role for standing in self.groups.values() for member, role in standing.roles.items()}


class Decided(NamedTuple):
    """What follows from one observation; `wake` is when to decide again at the latest, None if nothing is awaited."""

    state: State
    actions: tuple[Action, ...]
    wake: float | None


def decide(state: State, observation: Observation, now: float) -> Decided:
    """Return what is to be done now. Deciding again with the same observation at the same moment does nothing more.

    `now` is a clock that only goes forward, also while the computer sleeps.
    """
    groups, wakes, actions = _turned(state, observation, now)
    clock = Clock(now)
    for moment in wakes.values():
        clock.past(moment)
    state = dataclasses.replace(state, groups=groups, wakes=wakes, last=observation.later())
    # Of single tunnels nobody judges by what was seen before: their peers may have answered since.
    if not observation.blind:
        busy = {action.tunnel for action in actions if action.kind != PROBE}
        state, more = _single(state, observation, busy, clock)
        actions += more
    told = [Decision(now, action) for action in actions if action.kind != PROBE]
    if told:
        state = dataclasses.replace(state, decisions=(*state.decisions, *told)[-REMEMBERED:])
    return Decided(state, tuple(actions), clock.wake)


def _single(state: State, seen: Observation, busy: set[str], clock: Clock) -> tuple[State, list[Action]]:
    """Return what is remembered of single tunnels now, and what follows; what their groups do with them comes first (`busy`)."""
    resting = _Resting(state.groups)

    def may_restart(tunnel: str) -> bool:
        return tunnel not in busy and tunnel not in resting

    actions: list[Action] = []

    def act(found: list[Action]) -> None:
        actions.extend(found)
        busy.update(each.tunnel for each in found)

    suspicions, dead = dead_peers(state.suspicions, seen, clock)
    act([_without_start(each, resting, TERMINATE) for each in dead if each.tunnel not in busy])
    followed, restarted = follow_paths(state.followed, seen, may_restart, clock)
    act(restarted)
    ended, ends = expired(state.ended, seen, busy, clock)
    act([_without_start(each, resting, END) for each in ends])
    named, moved = follow_names(state.named, seen, busy, resting, state.seed, clock)
    act(moved)
    refused, again = try_again(state.refused, seen, busy, state.seed, clock)
    act(again)
    after = dataclasses.replace(
        state, suspicions=suspicions, followed=followed, ended=ended, named=named, refused=refused
    )
    return after, actions


class _Resting:
    """The tunnels that are on standby in their groups: found once for all that is decided, and only where anybody asks."""

    def __init__(self, groups: Mapping[str, Standing]) -> None:
        self._groups = groups
        self._found: frozenset[str] | None = None

    def __contains__(self, tunnel: object) -> bool:
        if self._found is None:
            roles = (role for standing in self._groups.values() for role in standing.roles.items())
            self._found = frozenset(member for member, role in roles if role == STANDBY)
        return tunnel in self._found


def _without_start(action: Action, resting: Container[str], instead: str) -> Action:
    """Return what may be done about a tunnel: what is on standby only ends."""
    return dataclasses.replace(action, kind=instead) if action.tunnel in resting else action


def _turned(state: State, seen: Observation, now: float) -> tuple[dict[str, Standing], dict[str, float], list[Action]]:
    groups: dict[str, Standing] = {}
    wakes: dict[str, float] = {}
    actions: list[Action] = []
    news = frozenset(_news(state, seen))
    # Once for all groups: of a thousand that are checked each second, the answers come together.
    answers: dict[str, list[Answer]] = {}
    for answer in seen.answers:
        answers.setdefault(answer.group, []).append(answer)
    for name, group in seen.wanted.groups.items():
        standing = state.groups.get(name)
        if standing is not None and name not in news and state.wakes.get(name, now + 1) > now:
            groups[name] = standing
            if name in state.wakes:
                wakes[name] = state.wakes[name]
            continue
        turned = turn(_current(standing, group, state.seed, now), seen, answers.get(name, ()), state.seed, now)
        groups[name] = turned.standing
        if turned.wake is not None:
            wakes[name] = turned.wake
        actions += turned.actions
    return groups, wakes, actions


def _news(state: State, seen: Observation) -> Iterator[str]:
    """Yield the groups of which anything that is seen is new."""
    last = state.last
    yield from (answer.group for answer in seen.answers)
    yield from seen.due
    if last is None or last.wanted != seen.wanted:
        yield from seen.wanted.groups
        return
    if last.overrides != seen.overrides:
        names = last.overrides.keys() | seen.overrides.keys()
        yield from (name for name in names if last.overrides.get(name) != seen.overrides.get(name))
    other = set(_otherwise(last.tunnels, seen.tunnels))
    if other:
        yield from (name for name, group in seen.wanted.groups.items() if not other.isdisjoint(group.members))


def _otherwise(before: Mapping[str, View], now: Mapping[str, View]) -> Iterator[str]:
    """Yield the tunnels that are seen otherwise than before; of a thousand the views are mostly the very same objects."""
    for name, view in now.items():
        known = before.get(name)
        # One with another SA in it is equal to the one before.
        if known is not view and (known is None or known != view or not same_birth(known.born, view.born)):
            yield name
    yield from before.keys() - now.keys()


def _current(standing: Standing | None, group: Group, seed: str, now: float) -> Standing:
    if standing is None:
        return fresh(group, seed, now)
    return standing if standing.group == group else adopted(standing, group, seed, now)
