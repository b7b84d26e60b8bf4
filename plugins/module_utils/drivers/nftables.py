# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's firewall through nft(8): JSON to read and to write, so that no text of anybody is parsed as a rule."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ..errors import DependencyMissing, IpsecError

_TIMEOUT_S = 60.0
_SHOWN = 5
# Elements in sets of others. About so many take as long to list and to read as a second nft takes.
_LONG = 500
_NO_PROGRAM = "the program 'nft' is missing: install the package nftables, or leave out what needs it: {}"
_NO_KERNEL = "this kernel has no nftables (nft says: {}); it is needed for {}"
NEEDING = "firewall_rule, allow, nat_exemption, mss and plaintext_guard: true"
# What nft says where the kernel does not know its protocol, or one of the families and chains that we use.
_UNSUPPORTED = ("Protocol not supported", "Unable to initialize Netlink socket", "Operation not supported")

# The tables of iptables-legacy in this network namespace; without its modules there is no such file.
_LEGACY = {"IPv4": "/proc/net/ip_tables_names", "IPv6": "/proc/net/ip6_tables_names"}


class FirewallRefused(IpsecError):
    """The kernel, or nft(8), refused to show the rules or to take a transaction; nothing of that was changed."""


class Firewall(Protocol):
    """What the engine needs of nftables."""

    def ruleset(self, own: tuple[str, str] | None = None) -> list[dict[str, Any]]:
        """Return all objects of the whole ruleset, as `nft -j list ruleset` prints them: {"table": …}, {"rule": …} …

        Where `own` is the family and the name of a table, sets of other tables may come without their elements. Raises
        `DependencyMissing` where there is no nft or no support for it in the kernel.
        """

    def legacy(self) -> tuple[str, ...]:
        """Return the families of which there are rules of the iptables before nftables, which the ruleset does not show."""

    def commit(self, commands: Sequence[Mapping[str, Any]]) -> None:
        """Carry out commands of libnftables-json(5) in one transaction: all of them, or none."""


class Nftables:
    """nftables of this host."""

    def __init__(self) -> None:
        self._others_are_long = False

    def ruleset(self, own: tuple[str, str] | None = None) -> list[dict[str, Any]]:
        """Return all objects of the whole ruleset, by one look.

        Once sets of others have turned out to be long, those of `own` come from a second look and the others' without
        elements. A table that has changed between the two is as good as one that changes behind them: the kernel takes what is
        written as a whole or not at all. One that has gone is looked for once more, with all others.
        """
        if own is not None and self._others_are_long:
            found = _listed("--terse", "list", "ruleset")
            # What a map says is told with all elements, or not at all.
            if not any("map" in entry and entry["map"].get("map") == "verdict" for entry in found):
                others = [entry for entry in found if not _is_of(entry, own)]
                if len(others) == len(found):
                    return found
                with contextlib.suppress(FirewallRefused):
                    return others + _listed("list", "table", *own)
        found = _listed("list", "ruleset")
        if own is not None:
            self._others_are_long = _elements_of_others(found, own) > _LONG
        return found

    def legacy(self) -> tuple[str, ...]:
        """Return the families of which iptables-legacy has a table that filters."""
        return tuple(family for family, path in _LEGACY.items() if "filter" in _lines(Path(path)))

    def commit(self, commands: Sequence[Mapping[str, Any]]) -> None:
        """Carry out commands in one `nft -f -`."""
        done = _nft(["-f", "-"], json.dumps({"nftables": list(commands)}))
        if done.returncode != 0:
            raise _refusal("a transaction", done.stderr)


def _listed(*arguments: str) -> list[dict[str, Any]]:
    done = _nft([*arguments], "")
    if done.returncode != 0:
        raise _refusal(" ".join(arguments), done.stderr)
    found = json.loads(done.stdout or "{}").get("nftables", [])
    return [entry for entry in found if "metainfo" not in entry]


def _elements_of_others(found: Sequence[Mapping[str, Any]], own: tuple[str, str]) -> int:
    others = (entry.get("set") or entry.get("map") or {} for entry in found if not _is_of(entry, own))
    return sum(len(told.get("elem", ())) for told in others)


def _is_of(entry: Mapping[str, Any], table: tuple[str, str]) -> bool:
    ((kind, told),) = entry.items()
    return (told.get("family"), told.get("name" if kind == "table" else "table")) == table


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("ascii").splitlines()
    except OSError:
        return []


def _nft(arguments: list[str], text: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["nft", "-j", "-n", *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
            env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
    except FileNotFoundError:
        raise DependencyMissing(_NO_PROGRAM.format(NEEDING)) from None
    except subprocess.TimeoutExpired:
        raise FirewallRefused(f"nft {' '.join(arguments)} did not end within {_TIMEOUT_S:g} seconds") from None


def _refusal(what: str, stderr: str) -> IpsecError:
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and set(line.strip()) - {"^", "~"}]
    said = "; ".join(lines[:_SHOWN]) or "no reason given"
    if any(word in stderr for word in _UNSUPPORTED):
        return DependencyMissing(_NO_KERNEL.format(said, NEEDING))
    return FirewallRefused(f"nft {what}: {said}")
