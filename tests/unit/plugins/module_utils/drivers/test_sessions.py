# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The session that a run comes by is found in the process itself, or in one before it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.sessions import Caller, ProcSessions

TOLD = "SSH_CONNECTION=203.0.113.9 51234 192.0.2.1 22"


def process(proc: Path, pid: int, parent: int, *variables: str) -> None:
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "environ").write_bytes("\0".join([*variables, ""]).encode())
    (proc / str(pid) / "stat").write_text(f"{pid} (sudo (x) y) S {parent} 1 1\n", encoding="ascii")


def test_it_is_found_behind_what_takes_the_environment_away(tmp_path: Path) -> None:
    process(tmp_path, os.getpid(), 40, "PATH=/bin", "LSSH_CONNECTION=x")
    process(tmp_path, 40, 30, "PATH=/bin")
    process(tmp_path, 30, 1, "USER=carol", TOLD, "LANG=C")
    assert ProcSessions(str(tmp_path)).caller() == Caller("203.0.113.9", 51234, "192.0.2.1", 22)


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ([TOLD], Caller("203.0.113.9", 51234, "192.0.2.1", 22)),
        (["SSH_CONNECTION=fe80::9%wan0 51234 fe80::1%wan0 2222"], Caller("fe80::9", 51234, "fe80::1", 2222)),
        (["SSH_CONNECTION=UNKNOWN 65535 UNKNOWN 65535"], None),
        (["SSH_CONNECTION="], None),
        (["PATH=/bin"], None),
    ],
)
def test_what_sshd_says_is_understood(tmp_path: Path, variables: list[str], found: Caller | None) -> None:
    process(tmp_path, os.getpid(), 1, *variables)
    assert ProcSessions(str(tmp_path)).caller() == found


def test_a_process_that_is_gone_or_may_not_be_seen_ends_the_search(tmp_path: Path) -> None:
    assert ProcSessions(str(tmp_path)).caller() is None
    process(tmp_path, os.getpid(), 40)
    assert ProcSessions(str(tmp_path)).caller() is None


def test_this_very_process_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    # What a process was started with counts, not what it sets later.
    monkeypatch.setenv("SSH_CONNECTION", "203.0.113.9 1 192.0.2.1 22")
    assert ProcSessions().caller() != Caller("203.0.113.9", 1, "192.0.2.1", 22)
