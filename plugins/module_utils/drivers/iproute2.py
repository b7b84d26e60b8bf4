# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links, addresses and routes of the kernel through iproute2: JSON to read, one batch to write, however many links."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from ..errors import DependencyMissing, IpsecError

_TIMEOUT_S = 60.0
_POLICY = re.compile(r"src (\S+) dst (\S+) *")
_SPECIAL = frozenset(" \t\n\r\"'#\\")
_SIX = "-6"
# What the kernel says where it has no rules of a family (EAFNOSUPPORT and EOPNOTSUPP: net/core/fib_rules.c, fib_nl_dumprule).
_NO_RULES = "not supported"


class KernelRefused(IpsecError):
    """The kernel, or ip(8), refused a command; the message holds the command and the reason.

    `number` is the place of the command in its batch, from 0: those before it were carried out, it and those after it
    were not. None where that is not known.
    """

    def __init__(self, message: str, number: int | None = None) -> None:
        self.number = number
        super().__init__(message)


class Kernel(Protocol):
    """What the engine needs of the kernel's links and routes."""

    def interfaces(self) -> list[dict[str, Any]]:
        """Return every interface with details and addresses, as `ip -j -d address show` prints them."""

    def routes(self, protocol: int) -> list[dict[str, Any]]:
        """Return the routes with one protocol number, of all tables and both families, as `ip -j -N route show` prints them.

        Each has `family` 4 or 6 added, since the JSON of a default route does not tell it.
        """

    def default_routes(self) -> list[dict[str, Any]]:
        """Return the default routes of the main table; each with `family` 4 or 6 added."""

    def rules(self, protocol: int) -> list[dict[str, Any]]:
        """Return the rules with one protocol number, as `ip -j -N rule show` prints them; each with its family added."""

    def blocked(self, priority: int, sources: Collection[str]) -> list[str]:
        """Return the destinations of policies that block what goes out, of one priority and with one of these sources.

        This kernel may have no policies.
        """

    def run(self, commands: Sequence[Sequence[str]]) -> None:
        """Carry out commands of ip(8) in order; stops at the first that fails and names it.

        A command that begins with "-6" is one whose words do not tell that it is about IPv6, as those of a rule do not.
        """


class IpRoute2:
    """The kernel of this host through ip(8)."""

    def interfaces(self) -> list[dict[str, Any]]:
        """Return every interface with details and addresses."""
        return self._read(["-d", "address", "show"])

    def routes(self, protocol: int) -> list[dict[str, Any]]:
        """Return the routes with one protocol number, of all tables and both families, each with its family."""
        # Of all tables, and of no others, ip(8) shows both families at once (iproute2, ip/iproute.c, iproute_list_flush_or_save).
        found = self._read(["-N", "route", "show", "table", "all", "proto", str(protocol)])
        return [{**route, "family": _family(route)} for route in found]

    def default_routes(self) -> list[dict[str, Any]]:
        """Return the default routes of the main table, each with its family."""
        return [
            {**route, "family": family}
            for family in (4, 6)
            for route in self._read([f"-{family}", "route", "show", "default"])
        ]

    def rules(self, protocol: int) -> list[dict[str, Any]]:
        """Return the rules with one protocol number, of both families; a kernel without a family has none of it."""
        found = []
        for family in (4, 6):
            try:
                # The filter by protocol that ip-rule(8) has lets all rules through (iproute2 6.1).
                shown = self._read(["-N", f"-{family}", "rule", "show"])
            except KernelRefused as refused:
                if _NO_RULES not in str(refused):
                    raise
                shown = []
            found += [{**rule, "family": family} for rule in shown if rule.get("protocol") == str(protocol)]
        return found

    def blocked(self, priority: int, sources: Collection[str]) -> list[str]:
        """Return the destinations of policies that block what goes out; ip(8) has no JSON of them."""
        arguments = ["xfrm", "policy", "list", "dir", "out", "action", "block", "priority", str(priority)]
        done = _ip(arguments, "")
        if done.returncode != 0:
            raise KernelRefused(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
        found = (_POLICY.fullmatch(line) for line in done.stdout.splitlines())
        return sorted(match.group(2) for match in found if match and match.group(1) in sources)

    def run(self, commands: Sequence[Sequence[str]]) -> None:
        """Carry out commands in one `ip -batch`, or one for each of the parts that are about one family alone."""
        done = 0
        for flag, group in itertools.groupby(commands, key=lambda command: [_SIX] if command[0] == _SIX else []):
            part = [tuple(command[len(flag) :]) for command in group]
            _run_batch(flag, part, done)
            done += len(part)

    def _read(self, arguments: list[str]) -> list[dict[str, Any]]:
        done = _ip(["-j", *arguments], "")
        if done.returncode != 0:
            raise KernelRefused(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
        found = json.loads(done.stdout or "[]")
        return [entry for entry in found if entry]


def _family(route: Mapping[str, Any]) -> int:
    # What is called "default" is so in both; the kernel gives each IPv6 route a preference, and no other (net/ipv6/route.c,
    # rt6_fill_node: RTA_PREF).
    return 6 if ":" in route["dst"] or "pref" in route else 4


def _run_batch(flag: list[str], commands: Sequence[Sequence[str]], before: int) -> None:
    text = "".join(" ".join(map(_word, command)) + "\n" for command in commands)
    done = _ip([*flag, "-batch", "-"], text)
    if done.returncode != 0:
        raise _batch_failure(done.stderr, [[*flag, *command] for command in commands], before)


def _word(text: str) -> str:
    """Return a word as a batch takes it, which knows quotes of both kinds and no escapes (iproute2, lib/utils.c, makeargs).

    It knows comments before quotes, so that no word can have a "#".
    """
    if text and not set(text) & _SPECIAL:
        return text
    quote = "'" if '"' in text else '"'
    if quote in text or set(text) & {"\n", "#"}:
        raise KernelRefused(f"ip cannot be given the word {text!r}")
    return f"{quote}{text}{quote}"


def _ip(arguments: list[str], text: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["ip", *arguments],
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=_TIMEOUT_S,
            check=False,
            env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
    except FileNotFoundError:
        raise DependencyMissing("the program 'ip' is missing: install the package iproute2") from None
    except subprocess.TimeoutExpired:
        raise KernelRefused(f"ip {' '.join(arguments)} did not end within {_TIMEOUT_S:g} seconds") from None


def _batch_failure(stderr: str, commands: Sequence[Sequence[str]], before: int) -> KernelRefused:
    """Turn "reason / Command failed -:3" into the reason with the third command of a batch, which others went `before`."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    line_number = 0
    for line in lines:
        if line.startswith("Command failed -:"):
            line_number = int(line.rpartition(":")[2])
    reason = "; ".join(line for line in lines if not line.startswith("Command failed")) or "no reason given"
    if not 0 < line_number <= len(commands):
        return KernelRefused(f"ip a batch: {reason}")
    return KernelRefused(f"ip {' '.join(commands[line_number - 1])}: {reason}", before + line_number - 1)
