# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a run starts and writes, seen by strace: nothing that is there for a moment only escapes it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.swanfleet.ipsec.tests.daemon.canary import Search
from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import Sandbox

_STARTS = "execve,execveat"
_WRITES = "write,writev,pwrite64,pwritev,sendto,sendmsg,sendmmsg"
# A call begins its line with its process; one that another interrupts has its arguments there, its result later.
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")
_TARGET = re.compile(r"^\d+<([^>]*)>")
_CREATED = re.compile(r'^[^"]*"([^"]+)", [A-Z_|]*O_CREAT[A-Z_|]*, (0\d+)')


@dataclass(frozen=True)
class SystemCall:
    """A system call: its process, its name, what its descriptor leads to (a path, `pipe:[…]`, `socket:[…]`), its arguments."""

    process: int
    name: str
    target: str
    arguments: str

    def __str__(self) -> str:
        return f"{self.name} to {self.target or 'a program'}: {self.arguments[:200]}"


class Traced:
    """What a traced run said, and its system calls."""

    def __init__(self, status: int, printed: str, calls: Sequence[SystemCall]) -> None:
        self.status = status
        self.printed = printed
        self.calls = calls

    def programs(self) -> list[SystemCall]:
        """Return the starts of programs: path, argument list and environment."""
        return [call for call in self.calls if call.name in _STARTS.split(",")]

    def carrying(self, search: Search) -> list[SystemCall]:
        """Return every write that carried a secret, to wherever."""
        return [call for call in self.calls if call.name in _WRITES.split(",") and search.found_in(call.arguments)]

    def modes(self) -> dict[str, set[str]]:
        """Return the modes with which files were created, by path."""
        found: dict[str, set[str]] = {}
        for call in self.calls:
            if call.name == "openat" and (created := _CREATED.match(call.arguments)):
                found.setdefault(created[1], set()).add(created[2])
        return found


def traced(sandbox: Sandbox, argv: Sequence[str], *, environment: Mapping[str, str], timeout: float = 300.0) -> Traced:
    """Run a program inside the sandbox under strace."""
    output = sandbox.directory.with_name(sandbox.directory.name + ".strace")
    tracer = ["strace", "-f", "-qq", "-v", "-y", "--seccomp-bpf", "-s", "10000000", "-e", "signal=none"]
    tracer += ["-e", f"trace={_STARTS},{_WRITES},openat", "-o", str(output)]
    output.touch(0o600)
    try:
        done = subprocess.run(
            [*tracer, *sandbox.entering(argv)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
            env=sandbox.environment(environment),
        )
        return Traced(done.returncode, done.stdout.decode("utf-8", "replace"), read_calls(output))
    finally:
        output.unlink()


def read_calls(output: Path) -> list[SystemCall]:
    """Read strace's output; of a call that another interrupts, its first half, which has the arguments."""
    found = []
    for line in output.read_text("ascii", "replace").splitlines():
        if call := _CALL.match(line):
            target = _TARGET.match(call[3])
            found.append(SystemCall(int(call[1]), call[2], target[1] if target else "", call[3]))
    return found
