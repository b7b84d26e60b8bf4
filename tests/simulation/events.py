# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever may befall a gateway, as numbers: a walk draws them by chance, Hypothesis as it likes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import AUTO, FALLBACK, PRIMARY, Path
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import (
    Check,
    DeadPeer,
    Group,
    Tunnel,
    Wanted,
)

from .rules import Rules
from .world import World

ADDRESSES = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
PATHS = (Path("wan0", "192.0.2.254", "192.0.2.10"), Path("wan1", "198.51.100.254", "198.51.100.10"))
DELAYS = (0.0, 0.01, 0.3, 1.0, 7.0, 20.0, 150.0)
LOSSES = (0.0, 0.4, 0.8, 1.0)

# Tunnels in no group, which this end sets up.
ALONE = ("alone", "named")
_DEAD = DeadPeer(10.0, 30.0, "restart")


def mixed_wish() -> Wanted:
    """Return groups of all sorts, so that one walk goes through all of them."""
    outside = Check(ADDRESSES[:1], interval=4.0, rise=2)
    groups = [
        Group("cold", "cold-p", ("cold-1", "cold-2"), check=outside, hold_down=30.0),
        Group(
            "inside",
            "inside-p",
            ("inside-1",),
            check=Check(ADDRESSES, quorum=2, interval=5.0, retry_interval=1.0, inside=True),
            hold_down=20.0,
        ),
        Group("hot", "hot-p", ("hot-1", "hot-2"), hot=True, check=outside, hold_down=10.0, hold_down_most=40.0),
        Group("plain", "plain-p", ("plain-1",), hot=True, hold_down=10.0),
        Group("stays", "stays-p", ("stays-1",), check=outside, returns=False),
        Group(
            "calendar",
            "calendar-p",
            ("calendar-1",),
            check=Check(ADDRESSES[:1], interval=None, retry_interval=3.0, retries=2, rise=1),
        ),
    ]
    passive = ("cold-2", "hot-1", "plain-p", "calendar-1")
    members = [member for group in groups for member in group.members]
    tunnels = {
        name: Tunnel(
            name in passive,
            _DEAD if index % 2 else None,
            index % 3 != 1,
            lifetime=45.0 if index % 4 == 1 else None,
            starts=index % 8 == 1 or index % 5 in (0, 2),
            name=f"{name}.example.net" if index % 5 in (0, 2) and name not in passive else "",
        )
        for index, name in enumerate(members)
    }
    tunnels["alone"] = Tunnel(persists=True, restart_on_gateway_change=True)
    tunnels["named"] = Tunnel(persists=True, starts=True, name="named.example.net", dead_peer=_DEAD)
    return Wanted({group.name: group for group in groups}, tunnels)


class Event(NamedTuple):
    """One thing that happens, some time after the one before."""

    kind: int
    tunnel: int
    choice: int
    delay: int


def mixed_world(seed: str) -> World:
    """Return a watched world with groups of all sorts."""
    world = World(mixed_wish(), seed=seed, watch=Rules(thorough=101))
    for line in world.lines.values():
        line.path = PATHS[0]
    return world


def happen(world: World, event: Event) -> None:
    """Let time go on, and an event happen."""
    world.run(DELAYS[event.delay % len(DELAYS)])
    names = list(world.lines)
    EVENTS[event.kind % len(EVENTS)](world, names[event.tunnel % len(names)], event.choice)


def _group_of(world: World, tunnel: str) -> str:
    return next((name for name, group in world.wanted.groups.items() if tunnel in group.members), "cold")


def _works(world: World, tunnel: str, _choice: int) -> None:
    world.change(tunnel, works=not world.lines[tunnel].works)


def _all_work(world: World, _tunnel: str, _choice: int) -> None:
    world.overrides.clear()
    for name in world.lines:
        world.change(name, works=True, peer=True, refuses=False, address=True, loss=0.0, round_trip=0.02)


def _none_works(world: World, _tunnel: str, _choice: int) -> None:
    for name in world.lines:
        world.change(name, works=False)


def _loss(world: World, tunnel: str, choice: int) -> None:
    world.change(tunnel, loss=LOSSES[choice % len(LOSSES)])


def _slow(world: World, tunnel: str, choice: int) -> None:
    world.change(tunnel, round_trip=(0.02, 1.5, 3.0)[choice % 3])


def _peer(world: World, tunnel: str, _choice: int) -> None:
    world.change(tunnel, peer=not world.lines[tunnel].peer)


def _refuses(world: World, _tunnel: str, choice: int) -> None:
    tunnel = ALONE[choice % len(ALONE)]
    world.change(tunnel, refuses=not world.lines[tunnel].refuses)


def _address(world: World, tunnel: str, _choice: int) -> None:
    world.change(tunnel, address=not world.lines[tunnel].address)


def _lose(world: World, tunnel: str, choice: int) -> None:
    world.lose_sa(tunnel, dead=bool(choice % 2))


def _pending(world: World, tunnel: str, _choice: int) -> None:
    sa = world.sas[tunnel]
    sa.check_pending = sa.up and not sa.check_pending
    world.look()


def _begins(world: World, _tunnel: str, choice: int) -> None:
    """charon sets a tunnel up by itself, as after it was loaded, or its peer found dead."""
    world.begin(ALONE[choice % len(ALONE)])


def _path(world: World, tunnel: str, choice: int) -> None:
    world.change(tunnel, path=(*PATHS, None)[choice % 3])
    world.look()


def _override(world: World, tunnel: str, choice: int) -> None:
    world.override(_group_of(world, tunnel), (AUTO, PRIMARY, FALLBACK)[choice % 3])


def _calendar(world: World, _tunnel: str, _choice: int) -> None:
    world.calendar("calendar")


def _peer_sets_up(world: World, tunnel: str, _choice: int) -> None:
    line = world.lines[tunnel]
    if line.works and line.peer and line.address:
        world.set_up_by_peer(tunnel)


def _renewed(world: World, tunnel: str, _choice: int) -> None:
    world.renewed_by_peer(tunnel)


def _name(world: World, _tunnel: str, choice: int) -> None:
    named = [each.name for each in world.wanted.tunnels.values() if each.name]
    answer = ((), ADDRESSES[:1], ADDRESSES[1:2], ADDRESSES[:2])[choice // 3 % 4]
    for _time in range(1 + choice % 3):
        world.resolve(named[choice % len(named)], *answer)
        world.run(1.0)


def _moves(world: World, _tunnel: str, choice: int) -> None:
    """A name whose peer is known leads elsewhere from now on."""
    named = {each.name: name for name, each in world.wanted.tunnels.items() if each.name}
    host = list(named)[choice % len(named)]
    peer = world.sas[named[host]].peer
    for answer in (ADDRESSES, *(2 + choice % 2) * ([each for each in ADDRESSES if each != peer],)):
        world.resolve(host, *answer)
        world.run(1.0)


def _wish(world: World, tunnel: str, choice: int) -> None:
    """Another release of the playbook: fewer groups, another order, other settings."""
    wish = mixed_wish()
    groups = dict(wish.groups)
    if choice % 3 == 1:
        del groups[_group_of(world, tunnel)]
    elif choice % 3 == 2:
        cold = groups["cold"]
        groups["cold"] = dataclasses.replace(cold, fallbacks=cold.fallbacks[::-1], hot=not choice % 2)
    world.wish(*groups.values())


def _agent_starts_again(world: World, _tunnel: str, choice: int) -> None:
    """Without what it remembers, or with it: a look that takes nothing for known."""
    world.forget(everything=choice % 4 == 0)


EVENTS: tuple[Callable[[World, str, int], None], ...] = (
    _works,
    _works,
    _works,
    _works,
    _all_work,
    _all_work,
    _none_works,
    _loss,
    _slow,
    _peer,
    _address,
    _lose,
    _pending,
    _path,
    _override,
    _calendar,
    _peer_sets_up,
    _wish,
    _agent_starts_again,
    _renewed,
    _name,
    _name,
    _moves,
    _path,
    _refuses,
    _begins,
)
