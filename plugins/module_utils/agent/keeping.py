# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent keeps in files: what it remembers, which tunnels are in use, and what people have decided."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..drivers.files import FileTrouble
from ..drivers.host import Host
from ..observed.roles import encode_roles, parse_roles
from .decision.decide import State
from .decision.memory import dump_state, load_state
from .decision.standing import fresh
from .decision.values import AUTO, FALLBACK, PRIMARY, Action
from .decision.wanted import Wanted

OVERRIDES = (PRIMARY, FALLBACK, AUTO)


@dataclass(frozen=True)
class Memory:
    """What the agent remembers: its state, what it was about to do, and since when tunnels are down."""

    state: State
    pending: tuple[Action, ...] = ()
    down: Mapping[str, float] = field(default_factory=dict)


def dump_memory(memory: Memory, now: float) -> bytes:
    """Return a memory as the content of a file."""
    pending = [dataclasses.asdict(each) for each in memory.pending]
    beside = {"saved": now, "pending": pending, "down": dict(memory.down)}
    return f'{json.dumps(beside, sort_keys=True)[:-1]}, "state": {dump_state(memory.state)}}}\n'.encode()


def load_memory(content: bytes, now: float) -> Memory | None:
    """Return what a file remembers; None where it is of another boot or release, or no memory at all.

    Rounds of checks that were under way when it was written are none: nobody was there to hear the answers.
    """
    try:
        raw: Any = json.loads(content)
        state = load_state(json.dumps(raw["state"]))
        if state is None or raw["saved"] > now:
            return None
        pending = tuple(Action(**{**each, "addresses": tuple(each["addresses"])}) for each in raw["pending"])
        return Memory(_without_rounds(state), pending, {str(name): float(at) for name, at in raw["down"].items()})
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _without_rounds(state: State) -> State:
    groups = {
        name: each
        if each.health is None
        else dataclasses.replace(each, health=dataclasses.replace(each.health, rounds=()))
        for name, each in state.groups.items()
    }
    return dataclasses.replace(state, groups=groups)


def read_memory(host: Host) -> Memory:
    """Return what the last agent of this boot has remembered, or an empty memory."""
    found = host.files.read(host.paths.agent_memory)
    memory = None if found is None else load_memory(found.content, host.clock.since_boot())
    return memory or Memory(State(_seed(host)))


def _seed(host: Host) -> str:
    """Return what makes the moments of this gateway's attempts others than those of its neighbours."""
    key = host.files.read(host.paths.host_key)
    return hashlib.sha256(b"agent" + (key.content if key is not None else host.files.random(16))).hexdigest()[:16]


def in_use(state: State) -> dict[str, str]:
    """Return which tunnel each group uses."""
    return {name: standing.active for name, standing in sorted(state.groups.items())}


def read_roles(host: Host) -> dict[str, str]:
    """Return which tunnels the engine takes to be in use, by group."""
    return parse_roles(host.files.read(host.paths.roles))


def taken_up(state: State, wanted: Wanted, roles: Mapping[str, str], now: float) -> State:
    """Return the state with groups of which it knows nothing as they are used: a memory may be lost, of another release."""
    groups = dict(state.groups)
    for name, group in wanted.groups.items():
        active = roles.get(name, group.primary)
        if name not in groups and active != group.primary and active in group.members:
            groups[name] = dataclasses.replace(fresh(group, state.seed, now), active=active, left=now)
    return state if len(groups) == len(state.groups) else dataclasses.replace(state, groups=groups)


def write_roles(host: Host, state: State) -> bool:
    """Write which tunnels are in use, for the engine to go by; returns whether that was another thing before."""
    content = encode_roles(in_use(state))
    found = host.files.read(host.paths.roles)
    if found is None and not state.groups:
        return False
    if found is not None and found.content == content:
        return False
    host.files.replace(host.paths.roles, content, 0o644)
    return True


def read_overrides(host: Host) -> dict[str, str]:
    """Return what people have decided, by group; what is no decision is passed over."""
    found = host.files.read(host.paths.overrides)
    try:
        raw: Any = {} if found is None else json.loads(found.content)
    except ValueError:
        return {}
    if not isinstance(raw, dict):
        return {}
    return {str(group): str(each) for group, each in raw.items() if each in (PRIMARY, FALLBACK)}


def write_override(host: Host, group: str, override: str) -> None:
    """Keep what somebody has decided about a group; `auto` takes an earlier decision away."""
    kept = {**read_overrides(host), group: override}
    told = {name: each for name, each in sorted(kept.items()) if each != AUTO}
    if told:
        content = (json.dumps(told) + "\n").encode()
        try:
            host.files.replace(host.paths.overrides, content, 0o644)
        except FileTrouble:
            # Without the lock, which a run may hold for minutes, its tidying up may have met the file on its way into place.
            host.files.replace(host.paths.overrides, content, 0o644)
    else:
        host.files.remove(host.paths.overrides)
