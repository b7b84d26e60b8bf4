# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `swanfleet status` and `swanfleet explain` show: the tunnels as they are, and why they are so.

Both read for themselves, so that they also work while no agent runs, and say so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..desired.gateway import Gateway
from ..desired.naming import nothing_named
from ..desired.roles import Resting, resting, tunnel_in_use
from ..desired.situation import Situation
from ..drivers.charon import DaemonUnavailable
from ..drivers.host import Host
from ..errors import IpsecError
from ..observed.read import read_stored, why_unavailable
from ..observed.reasons import when
from ..observed.roles import parse_roles
from ..observed.tunnels import look
from ..observed.why import Sight, why_down
from .decision.standing import ACTIVE, READY, STANDBY, Standing
from .decision.values import AUTO
from .keeping import read_memory, read_overrides
from .telling import read_decisions, spoken
from .views import NO_LIFE, Life, lives_of

NOT_RUNNING = "the agent does not run: start it with 'systemctl start swanfleet-agent'"
_WELL = ("up", "waiting", "standby")


class NotKnown(IpsecError):
    """Nothing of this name is wanted on this gateway; the message says what there is."""


def tunnels_data(host: Host, agent: str | None) -> dict[str, Any]:
    """Return all that `status` shows, as JSON takes it; `agent` says which process is the agent, None where none is."""
    gateway = read_stored(host).gateway
    lives, sight = _seen(host, gateway)
    reasons = {each.phase1: each.as_data() for each in why_down(gateway, sight)}
    group_of = {member: name for name, each in gateway.fallbacks.items() for member in each.members}
    situation = Situation(host_key=b"", in_use=parse_roles(host.files.read(host.paths.roles)))
    roles = resting(gateway, situation)
    return {
        "agent": agent,
        "trouble": sight.trouble or None,
        "tunnels": [
            {
                **_tunnel(lives.get(name, NO_LIFE), reasons.get(name)),
                "name": name,
                "role": _role(roles.get(name)),
                "fallback": group_of.get(name),
                "peer": connection.first_address(),
            }
            for name, connection in sorted(gateway.phase1.items())
        ],
        "fallbacks": _fallbacks(host, gateway, situation),
    }


def _seen(host: Host, gateway: Gateway) -> tuple[Mapping[str, Life], Sight]:
    """Return how tunnels are, and what decides about those that are not up; a charon that hangs is asked once."""
    try:
        return lives_of(host.charon.sas()), look(host, gateway, patient=False)
    except DaemonUnavailable as error:
        trouble, down = why_unavailable(host, error)
        return {}, Sight(trouble=trouble, down=down)


def _tunnel(life: Life, reason: Mapping[str, Any] | None) -> dict[str, Any]:
    if life.up or reason is None:
        state = "up" if life.up else "connecting" if life.connecting else "down"
        return {"state": state, "reason": None, "message": None, "since": None}
    state = "connecting" if life.connecting else reason["state"]
    return {"state": state, "reason": reason["reason"], "message": reason["message"], "since": reason["since"]}


def _role(role: Resting | None) -> str:
    return ACTIVE if role is None else STANDBY if role.standby else READY


def _fallbacks(host: Host, gateway: Gateway, situation: Situation) -> list[dict[str, Any]]:
    if not gateway.fallbacks:
        return []
    state, overrides = read_memory(host).state, read_overrides(host)
    return [
        {
            "name": name,
            "mode": each.mode,
            "primary": each.primary,
            "in_use": tunnel_in_use(each, situation.in_use),
            "check": _check(state.groups.get(name)),
            "override": overrides.get(name, AUTO),
        }
        for name, each in sorted(gateway.fallbacks.items())
    ]


def _check(standing: Standing | None) -> str | None:
    health = standing.health if standing is not None else None
    if health is None:
        return None
    return "failed" if health.failed else "answered" if health.streak else "unknown"


def tunnels_table(data: Mapping[str, Any]) -> str:
    """Return the same for people."""
    lines = [f"agent: {data['agent']}" if data["agent"] else NOT_RUNNING]
    lines += [data["trouble"]] if data["trouble"] else []
    if data["fallbacks"]:
        rows = [("FALLBACK", "IN USE", "PRIMARY", "CHECK", "OVERRIDE")]
        rows += [
            (each["name"], each["in_use"], each["primary"], each["check"] or "-", each["override"])
            for each in data["fallbacks"]
        ]
        lines += ["", *_aligned(rows)]
    if not data["tunnels"]:
        lines += ["", "no tunnels are configured here"]
        return "\n".join(lines) + "\n"
    rows = [("TUNNEL", "STATE", "ROLE", "PEER", "WHY")]
    rows += [_row(each) for each in data["tunnels"]]
    lines += ["", *_aligned(rows)]
    # What is as it shall be needs no sentence.
    told = [] if data["trouble"] else data["tunnels"]
    bad = [each for each in told if each["message"] and each["state"] not in _WELL]
    lines += ["", *(f"{each['name']}: {each['message']}" for each in bad)] if bad else []
    return "\n".join(lines) + "\n"


def _row(each: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    since = f" since {each['since']}" if each["since"] else ""
    why = (each["reason"] or "").replace("_", " ")
    return each["name"], each["state"], each["role"] if each["fallback"] else "-", each["peer"] or "anyone", why + since


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip()


def group_named(gateway: Gateway, name: str) -> str:
    """Return the fallback of this name, or that of the tunnel of this name; raises `NotKnown`."""
    if name in gateway.fallbacks:
        return name
    owner = next((group for group, each in gateway.fallbacks.items() if name in each.members), None)
    if owner is not None:
        return owner
    if name in gateway.phase1:
        raise NotKnown(f"tunnel {name} stands in no fallback, so there is nothing to override; {_groups(gateway)}")
    raise NotKnown(f"this gateway has no fallback or tunnel {name}; {_groups(gateway)}")


def _groups(gateway: Gateway) -> str:
    told = [f"{name} ({', '.join(each.members)})" for name, each in sorted(gateway.fallbacks.items())]
    return f"its fallbacks are {'; '.join(told)}" if told else "it has no fallbacks"


def explained(host: Host, name: str, *, most: int) -> list[dict[str, Any]]:
    """Return the last decisions about a tunnel, the oldest first; raises `NotKnown`.

    What was decided about the others of its fallback is among them, since its own story makes no sense without.
    """
    gateway = read_stored(host).gateway
    owner = next((group for group, each in gateway.fallbacks.items() if name in (group, *each.members)), "")
    found = read_decisions(host, name, group=owner, most=most)
    if not found and not owner and name not in gateway.phase1:
        known = [*gateway.phase1, *gateway.fallbacks]
        raise NotKnown(f"{name}: {nothing_named(name, 'tunnel', known) if known else 'this gateway has no tunnels'}")
    return found


def explained_text(name: str, decisions: Sequence[Mapping[str, Any]]) -> str:
    """Return decisions for people, a line each, with the time in UTC."""
    if not decisions:
        return f"nothing was decided about {name} yet\n"
    return "".join(f"{when(each['at'])}  {spoken(each)}\n" for each in decisions)


def as_json(data: Any) -> str:
    """Return data as JSON for people and programs."""
    return json.dumps(data, indent=2, sort_keys=True) + "\n"
