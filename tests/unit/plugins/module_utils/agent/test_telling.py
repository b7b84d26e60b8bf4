# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was decided is told in the journal and kept for people who ask why, of each tunnel the last hundred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import (
    INITIATE,
    NOTE,
    PROBE,
    SWITCH,
    TRAP,
    Action,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.telling import (
    SHOWN,
    Telling,
    read_decisions,
    spoken,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileTrouble
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.journal import INFO, WARNING
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host


@dataclass
class Said:
    """Takes the place of the journal."""

    said: list[tuple[str, int, Mapping[str, str]]] = field(default_factory=list)

    def say(self, text: str, priority: int = INFO, fields: Mapping[str, str] | None = None) -> None:
        self.said.append((text, priority, fields or {}))


SWITCHED = Action(SWITCH, "b", "a is down", "site", instead_of="a")


def telling() -> tuple[FakeHost, Said, Telling]:
    host, journal = wan_host(), Said()
    return host, journal, Telling(host.host, journal)


def test_a_decision_can_be_asked_for_by_its_fields_and_a_check_is_none() -> None:
    _host, journal, told = telling()
    told.decided([SWITCHED, Action(PROBE, "a", "its time has come", "site"), Action(NOTE, "b", "so it is")])
    fields = {"SWANFLEET_ACTION": "switch", "SWANFLEET_TUNNEL": "b", "SWANFLEET_GROUP": "site"}
    assert journal.said[0] == ("site: switch to b in place of a: a is down", 5, fields)
    assert [text for text, _priority, _fields in journal.said[1:]] == ["b: so it is"]


def test_each_kind_is_a_sentence() -> None:
    assert spoken({"kind": TRAP, "tunnel": "a", "reason": "why"}) == "end, until traffic comes, a: why"
    assert spoken({"kind": INITIATE, "tunnel": "a", "reason": "why", "group": "g"}) == "g: initiate a: why"


def test_those_of_a_tunnel_and_of_its_group_are_found() -> None:
    host, _journal, told = telling()
    told.decided([SWITCHED, Action(INITIATE, "z", "why"), Action(NOTE, "c", "why", "site")])
    found = {name: [each["tunnel"] for each in read_decisions(host.host, name)] for name in ("a", "b", "c", "z")}
    assert found == {"a": ["b"], "b": ["b"], "c": ["c"], "z": ["z"]}
    assert [each["tunnel"] for each in read_decisions(host.host, "a", group="site")] == ["b", "c"]


def test_the_last_hundred_are_kept_of_thousands_and_the_files_do_not_grow() -> None:
    host, _journal, told = telling()
    for number in range(12_000):
        told.decided([Action(INITIATE, f"t{number % 10}", f"number {number} {'x' * 200}")])
    found = read_decisions(host.host, "t3")
    assert len(found) == SHOWN
    assert found[-1]["reason"].startswith("number 11993 ")
    sizes = [host.host.files.read(f"{host.host.paths.decisions}{end}") for end in ("", ".1")]
    assert all(file is not None and len(file.content) <= 1 << 20 for file in sizes)


def test_half_a_line_of_an_agent_that_was_killed_is_passed_over() -> None:
    host, _journal, told = telling()
    told.decided([SWITCHED])
    host.host.files.append(host.host.paths.decisions, b'{"at": 1, "kind": "sw\n[1]\n\xff\n')
    assert len(read_decisions(host.host, "b")) == 1


def test_a_full_disk_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    host, journal, told = telling()

    def full(_path: str, _content: bytes) -> None:
        raise FileTrouble("no room")

    monkeypatch.setattr(host.files, "append", full)
    for _attempt in range(3):
        told.decided([SWITCHED])
    troubles = [text for text, priority, _fields in journal.said if priority == WARNING]
    assert troubles == ["decisions are in the journal alone: no room"]
