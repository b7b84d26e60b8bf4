# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nftables in memory, changed by commands of libnftables-json(5) and listed as nft(8) does.

tests/contract/test_firewall.py holds it to the real thing.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.nftables import FirewallRefused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import DependencyMissing

Entry = dict[str, Any]
_GONE = "Could not process rule: No such file or directory"


class FakeFirewall:
    """Takes the place of `Nftables`; `missing` says why there is none, `old` what iptables-legacy has.

    `reads` and `transactions` count the calls.
    """

    def __init__(self, missing: str = "") -> None:
        self.entries: list[Entry] = []
        self.missing = missing
        self.old: tuple[str, ...] = ()
        self.reads = 0
        self.transactions = 0
        self._handle = 0

    def ruleset(self, own: tuple[str, str] | None = None) -> list[Entry]:
        self._there()
        self.reads += 1
        found = copy.deepcopy(sorted(self.entries, key=_order))
        for told in (entry["set"] for entry in found if "set" in entry and own is not None):
            if (told["family"], told["table"]) != own:
                told.pop("elem", None)
        return found

    def legacy(self) -> tuple[str, ...]:
        return self.old

    def commit(self, commands: Sequence[Mapping[str, Any]]) -> None:
        self._there()
        self.transactions += 1
        before = copy.deepcopy(self.entries)
        try:
            for command in commands:
                for verb, what in command.items():
                    for kind, told in what.items():
                        self._do(verb, kind, dict(told))
        except FirewallRefused:
            self.entries = before
            raise

    def flush(self) -> None:
        """Do what `nft flush ruleset` does."""
        self.entries.clear()

    def told(self) -> str:
        """Return all that is there, without handles, which depend on history."""
        plain = [
            {kind: {key: value for key, value in told.items() if key != "handle"} for kind, told in entry.items()}
            for entry in sorted(self.entries, key=_order)
        ]
        return repr(plain)

    def _there(self) -> None:
        if self.missing:
            raise DependencyMissing(self.missing)

    def _do(self, verb: str, kind: str, told: Entry) -> None:
        if kind != "table" and not self._has("table", told["family"], told["table"]):
            raise FirewallRefused(f"nft a transaction: {_GONE}")
        if kind == "rule" and not self._has("chain", told["family"], told["table"], told["chain"]):
            raise FirewallRefused(f"nft a transaction: {_GONE}")
        if verb == "delete":
            self._delete(kind, told)
        else:
            self._add(kind, told, first=verb == "insert")

    def _add(self, kind: str, told: Entry, *, first: bool) -> None:
        if kind != "rule" and self._has(kind, *_key(kind, told)):
            return
        self._handle += 1
        told = {**told, "handle": self._handle}
        if kind == "rule":
            told["expr"] = [_counted(each) for each in told["expr"]]
            _no_dangling(told, self.entries)
        entry = {kind: told}
        self.entries.insert(0, entry) if first else self.entries.append(entry)

    def _delete(self, kind: str, told: Entry) -> None:
        left = [entry for entry in self.entries if not _goes(entry, kind, told)]
        if len(left) == len(self.entries):
            raise FirewallRefused(f"nft a transaction: {_GONE}")
        self.entries = left

    def _has(self, kind: str, *key: str) -> bool:
        return any(kind in entry and _key(kind, entry[kind]) == key for entry in self.entries)


def _key(kind: str, told: Mapping[str, Any]) -> tuple[str, ...]:
    return (told["family"], told["name"]) if kind == "table" else (told["family"], told["table"], told["name"])


def _counted(statement: Any) -> Any:
    return {"counter": {"packets": 0, "bytes": 0}} if statement == {"counter": None} else statement


def _no_dangling(told: Entry, entries: list[Entry]) -> None:
    sets = {entry["set"]["name"] for entry in entries if "set" in entry}
    named = {
        str(each["match"]["right"])[1:]
        for each in told["expr"]
        if "match" in each and str(each["match"]["right"]).startswith("@")
    }
    if named - sets:
        raise FirewallRefused(f"nft a transaction: {_GONE}")


def _goes(entry: Entry, kind: str, told: Entry) -> bool:
    ((what, there),) = entry.items()
    if kind == "table":
        return (there["family"], there.get("table", there["name"] if what == "table" else "")) == _key(kind, told)
    if kind == "rule":
        same = ("family", "table", "chain", "handle")
        return what == "rule" and all(there[each] == told[each] for each in same)
    return what == kind and _key(kind, there) == _key(kind, told)


def _order(entry: Entry) -> tuple[str, str, int]:
    ((what, there),) = entry.items()
    sort = ("table", "set", "chain", "rule").index(what) if what in ("table", "set", "chain", "rule") else 4
    return there["family"], str(there.get("table", there.get("name"))), sort
