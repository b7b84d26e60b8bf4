# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold at every moment of a simulation, whatever happens in it; told from outside, not from the agent's own account."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision import values
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.decide import REMEMBERED, Decided, decide
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.fallback import (
    PATIENCE_S,
    REKEYED_WITHIN_S,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.lifetimes import AGAIN_AFTER_S
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.standing import ACTIVE, READY, STANDBY
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.timing import CONNECT_WITHIN_S
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import AUTO, Action, Observation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import (
    Group,
    Tunnel,
    Wanted,
)

from .world import World

KINDS = frozenset(
    (
        *(values.PROBE, values.SWITCH, values.INITIATE, values.TERMINATE, values.RESTART, values.TRAP, values.END),
        *(values.NOTE, values.REKEY),
    )
)


@dataclasses.dataclass
class Rules:
    """Watches a world. What takes long is done at one look in `thorough`."""

    thorough: int = 7
    left: dict[str, float] = dataclasses.field(default_factory=dict)
    broken: set[str] = dataclasses.field(default_factory=set)
    failing: dict[str, float] = dataclasses.field(default_factory=dict)
    initiated: dict[str, float] = dataclasses.field(default_factory=dict)
    switches: int = 0
    ends: int = 0
    moves: int = 0
    again: dict[str, float] = dataclasses.field(default_factory=dict)
    repeated: int = 0
    told: dict[str, list[values.Resolved]] = dataclasses.field(default_factory=dict)

    def __call__(self, world: World, seen: Observation, decided: Decided) -> None:
        """Check one look of the agent."""
        self._roles(seen, decided)
        self._hear(seen)
        for name, group in seen.wanted.groups.items():
            if self._fails(world, seen, group):
                self.broken.add(name)
                if group.check is None or group.check.quorum == 1:
                    # Of several addresses the world counts too little.
                    self.failing[name] = world.now
            elif seen.view(group.primary).up:
                self.broken.discard(name)
            self._used(world, seen, group, decided)
        for action in decided.actions:
            assert action.kind in KINDS
            assert action.reason.strip(), f"without a reason: {action}"
            if action.kind in values.INITIATING:
                self._initiation(world, seen, decided, action)
            if action.kind == values.SWITCH:
                self._switch(world, seen, action)
            self._anew(world, action)
        self._ages(world, seen)
        self._log(decided)
        assert decided.wake is None or decided.wake > world.now
        if world.looks % self.thorough == 0:
            self._nothing_more(world, seen, decided)

    def _roles(self, seen: Observation, decided: Decided) -> None:
        members = [member for group in seen.wanted.groups.values() for member in group.members]
        assert sorted(decided.state.roles) == sorted(members)
        for name, group in seen.wanted.groups.items():
            roles = decided.state.groups[name].roles
            assert list(roles) == list(group.members)
            assert [member for member, role in roles.items() if role == ACTIVE] == [decided.state.groups[name].active]
            assert set(roles.values()) <= {ACTIVE, READY, STANDBY}
            if group.hot:
                assert STANDBY not in roles.values()
            else:
                inside = group.check is not None and group.check.inside
                assert list(roles.values()).count(READY) <= 1 + inside

    def _initiation(self, world: World, seen: Observation, decided: Decided, action: Action) -> None:
        assert not seen.wanted.tunnel(action.tunnel).responder_only, f"only responds: {action}"
        assert decided.state.roles.get(action.tunnel) != STANDBY, f"is on standby: {action}"
        assert seen.view(action.tunnel).usable, f"has no address: {action}"
        self.initiated[action.tunnel] = world.now
        if "has failed" in action.reason:
            self._repetition(world, seen, action)

    def _repetition(self, world: World, seen: Observation, action: Action) -> None:
        view = seen.view(action.tunnel)
        assert seen.wanted.tunnel(action.tunnel).persists, f"it has a trap, or others see to it: {action}"
        assert view.tried, f"nobody was setting it up: {action}"
        assert not view.up, f"it is up: {action}"
        assert not view.connecting, f"it is being set up: {action}"
        assert world.now - self.again.get(action.tunnel, 0.0) > CONNECT_WITHIN_S / 2, f"too soon: {action}"
        self.again[action.tunnel] = world.now
        self.repeated += 1

    def _switch(self, world: World, seen: Observation, action: Action) -> None:
        group = seen.wanted.groups[action.group]
        if group.name not in world.state.groups:
            # Of what was before the agent started it knows nothing.
            self.left.pop(group.name, None)
        assert action.instead_of == world.active(group.name) != action.tunnel
        assert action.tunnel in group.members
        assert seen.view(action.tunnel).up, f"to a tunnel that is not up: {action}"
        self.switches += 1
        by_hand = seen.overrides.get(group.name, AUTO) != AUTO
        if action.instead_of == group.primary:
            # What has failed has failed until it is up.
            assert by_hand or group.name in self.broken, f"from a primary that works: {action}"
            self.left[group.name] = world.now
        elif not by_hand and seen.view(action.instead_of).up and seen.view(action.instead_of).usable:
            assert action.tunnel == group.primary, f"from a fallback that works: {action}"
            assert group.returns
            self._known_to_both(world, group)
            held = world.now - self.left.get(group.name, world.now)
            assert held >= group.hold_down - 1e-6, f"a second switch in one hold, after {held} s: {action}"

    def _known_to_both(self, world: World, group: Group) -> None:
        """What gets traffic back was set up, or has got new keys, since it has failed; or its peer was asked for that in vain."""
        born = world.sas[group.primary].born
        young = born is None or born >= self.failing.get(group.name, 0.0)
        asked = [moment for moment, action in world.told(values.REKEY) if action.tunnel == group.primary][-1:]
        assert young or not group.rekeys or (asked and world.now - asked[0] >= REKEYED_WITHIN_S - 1e-6)

    def _used(self, world: World, seen: Observation, group: Group, decided: Decided) -> None:
        """Whatever is up is used where the tunnel in use has been down for a while: traffic comes before all checks."""
        active = decided.state.groups[group.name].active
        view = seen.view(active)
        down = view.down_since if view.down_since is not None or active == group.primary else 0.0
        gone = not view.usable or (not view.up and down is not None and world.now - down >= PATIENCE_S)
        allowed = {values.PRIMARY: (group.primary,), values.FALLBACK: group.fallbacks}
        others = allowed.get(seen.overrides.get(group.name, AUTO), group.members)
        up = [each for each in others if seen.view(each).up and seen.view(each).usable]
        assert not (gone and up), f"{active} is down, and {up} would work"

    def _end(self, world: World, action: Action) -> None:
        born = world.sas[action.tunnel].born
        assert action.kind in (values.END, values.RESTART)
        assert born is not None
        assert world.now - born >= action.older_than - 1e-6, f"too early: {action}"
        assert action.older_than == world.wanted.tunnel(action.tunnel).lifetime
        self.ends += 1

    def _hear(self, seen: Observation) -> None:
        for name, answer in seen.names.items():
            heard = self.told.setdefault(name, [])
            if answer.addresses and answer not in heard[-1:]:
                heard.append(answer)

    def _anew(self, world: World, action: Action) -> None:
        if "has moved" in action.reason:
            self._move(world, action)
        if action.older_than:
            self._end(world, action)

    def _move(self, world: World, action: Action) -> None:
        heard = self.told[world.wanted.tunnel(action.tunnel).name]
        peer = world.sas[action.tunnel].peer
        assert action.kind in (values.END, values.RESTART)
        assert not any(peer in each.addresses for each in heard[-2:]), f"has not moved: {action}"
        assert any(peer in each.addresses for each in heard[:-2]), f"its name never was there: {action}"
        self.moves += 1

    def _ages(self, world: World, seen: Observation) -> None:
        for name, tunnel in seen.wanted.tunnels.items():
            born = world.sas[name].born
            if tunnel.lifetime is not None and born is not None:
                # The rest is for what was done about it just before, for another reason.
                assert world.now - born <= tunnel.lifetime + AGAIN_AFTER_S + 1e-6, f"{name} is too old"

    def _fails(self, world: World, seen: Observation, group: Group) -> bool:
        view, check = seen.view(group.primary), group.check
        lost = not view.up and view.down_since is not None and world.now - view.down_since >= PATIENCE_S
        return lost or not view.usable or (check is not None and world.unanswered(group.name) >= check.retries > 0)

    def _log(self, decided: Decided) -> None:
        assert len(decided.state.decisions) <= REMEMBERED
        told = [action for action in decided.actions if action.kind != values.PROBE]
        assert [each.action for each in decided.state.decisions[-len(told) :]][-REMEMBERED:] == told[
            -REMEMBERED:
        ] or not told

    def _nothing_more(self, world: World, seen: Observation, decided: Decided) -> None:
        """The agent may look as often as it wants: before its time has come, and with nothing new, it does nothing."""
        soon = world.now + 3600 if decided.wake is None else (world.now + decided.wake) / 2
        # Between two moments that are next to each other there is none: half way is the later one.
        for moment in (world.now, soon if soon != decided.wake else world.now):
            # Also without what saves it from looking at each group.
            for state in (decided.state, dataclasses.replace(decided.state, last=None, wakes={})):
                again = decide(state, seen.later(), moment)
                assert again.actions == ()
                assert again.state.groups == decided.state.groups
                assert again.state.wakes == decided.state.wakes


def one_group(*, seed: str = "a", tunnels: Mapping[str, Tunnel] | None = None, **settings: Any) -> World:
    """Return a watched world with the group "g" of the primary "p" and, if no others are given, the fallback "f"."""
    group = Group("g", "p", **{"fallbacks": ("f",), **settings})
    return World(Wanted({"g": group}, dict(tunnels or {})), seed=seed, watch=Rules())
