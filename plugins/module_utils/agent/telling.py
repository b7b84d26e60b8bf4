# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling people what the agent does: in the journal, and in a file of decisions that `explain` reads."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..drivers.host import Host
from ..drivers.journal import INFO, NOTICE, WARNING, Journal
from ..errors import IpsecError
from .decision.decide import State
from .decision.values import NOTE, PROBE, SWITCH, TRAP, Action

# About 4,000 decisions; as many older ones are kept beside.
_LARGEST = 1 << 20
SHOWN = 100
_VERBS = {SWITCH: "switch to", TRAP: "end, until traffic comes,"}


class Telling:
    """What is told. Nothing that is repeated is told twice, and what cannot be written does not matter to tunnels."""

    def __init__(self, host: Host, journal: Journal) -> None:
        self._host = host
        self._journal = journal
        self._size = -1
        self._unwritten = ""

    def decided(self, actions: Sequence[Action]) -> None:
        """Tell of decisions; rounds of checks are none."""
        told = [each for each in actions if each.kind != PROBE]
        for each in told:
            fields = {"SWANFLEET_ACTION": each.kind, "SWANFLEET_TUNNEL": each.tunnel, "SWANFLEET_GROUP": each.group}
            self._journal.say(spoken(_data(each)), INFO if each.kind == NOTE else NOTICE, fields)
        if told:
            self._keep(told)

    def trouble(self, text: str) -> None:
        """Tell of something that does not work."""
        self._journal.say(text, WARNING)

    def say(self, text: str) -> None:
        """Tell of something that happens."""
        self._journal.say(text)

    def _keep(self, told: Sequence[Action]) -> None:
        at = self._host.clock.epoch()
        content = b"".join(_line(at, each) for each in told)
        try:
            self._rotate(len(content))
            self._host.files.append(self._host.paths.decisions, content)
        except IpsecError as error:
            if str(error) != self._unwritten:
                self.trouble(f"decisions are in the journal alone: {error}")
            self._unwritten = str(error)
        else:
            self._unwritten = ""

    def _rotate(self, more: int) -> None:
        path = self._host.paths.decisions
        if self._size < 0:
            found = self._host.files.read(path)
            self._size = 0 if found is None else len(found.content)
        self._size += more
        if self._size > _LARGEST:
            found = self._host.files.read(path)
            self._host.files.replace(f"{path}.1", b"" if found is None else found.content, 0o600)
            self._host.files.remove(path)
            self._size = more


def summary(tunnels: Collection[str], state: State, troubles: Iterable[str]) -> str:
    """Return how it goes in a few words, for whoever looks at the service."""
    groups = state.groups.values()
    away = sum(each.active != each.group.primary for each in groups)
    told = [f"{len(tunnels)} tunnels", f"{len(groups)} fallbacks"]
    told += [f"{away} of these away from their primary"] if away else []
    troubles = sorted(troubles)
    told += [f"trouble with {', '.join(troubles)}"] if troubles else []
    return ", ".join(told)


def spoken(told: Mapping[str, Any]) -> str:
    """Return a kept decision as people read it."""
    group = f"{told['group']}: " if "group" in told else ""
    if told["kind"] == NOTE:
        return f"{group}{told['tunnel']}: {told['reason']}"
    instead = f" in place of {told['instead_of']}" if "instead_of" in told else ""
    return f"{group}{_VERBS.get(told['kind'], told['kind'])} {told['tunnel']}{instead}: {told['reason']}"


def _data(action: Action) -> dict[str, Any]:
    more = {"group": action.group, "instead_of": action.instead_of}
    given = {name: value for name, value in more.items() if value}
    return {"kind": action.kind, "tunnel": action.tunnel, "reason": action.reason, **given}


def _line(at: float, action: Action) -> bytes:
    return (json.dumps({"at": round(at, 3), **_data(action)}) + "\n").encode()


def read_decisions(host: Host, tunnel: str, *, group: str = "", most: int = SHOWN) -> list[dict[str, Any]]:
    """Return the last decisions about a tunnel, or of its whole group where one is named, the oldest first."""
    found = [each for each in _all(host) if _about(each, tunnel, group)]
    return found[-most:]


def _about(told: dict[str, Any], tunnel: str, group: str) -> bool:
    named = tunnel in (told.get("tunnel"), told.get("instead_of"))
    return named or bool(group and told.get("group") == group)


def _all(host: Host) -> Iterator[dict[str, Any]]:
    for path in (f"{host.paths.decisions}.1", host.paths.decisions):
        file = host.files.read(path)
        for line in file.content.splitlines() if file is not None else ():
            # The last line of an agent that was killed may be half a line.
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if isinstance(told, dict):
                yield told
