# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of nftables that a host has of its own, as nft lists them, and hosts that have some."""

from __future__ import annotations

from typing import Any

from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host


def chain(family: str, table: str, name: str, hook: str = "", policy: str = "accept", **more: Any) -> dict[str, Any]:
    base = {"type": "filter", "hook": hook, "prio": 0, "policy": policy} if hook else {}
    return {"chain": {"family": family, "table": table, "name": name, "handle": 1, **base, **more}}


def rule_of(family: str, table: str, name: str, *statements: Any, **more: Any) -> dict[str, Any]:
    return {"rule": {"family": family, "table": table, "chain": name, "handle": 7, "expr": list(statements), **more}}


def with_rules(*entries: dict[str, Any]) -> FakeHost:
    host = wan_host()
    tables = {(told["family"], told["table"]) for entry in entries for told in entry.values()}
    host.firewall.entries = [{"table": {"family": family, "name": name}} for family, name in sorted(tables)]
    host.firewall.entries += entries
    return host


DROPPING = (
    chain("inet", "filter", "input", "input", "drop"),
    chain("inet", "filter", "forward", "forward", "drop"),
    chain("inet", "filter", "output", "output", "drop"),
)
DROP, COUNTER, JUMP = {"drop": None}, {"counter": {"packets": 3, "bytes": 9}}, {"jump": {"target": "last"}}


def places(host: FakeHost) -> list[str]:
    """Return the chains of the host that have a rule of ours."""
    told = [entry["rule"] for entry in host.firewall.entries if "rule" in entry]
    return sorted(f"{e['family']} {e['table']} {e['chain']}" for e in told if e.get("comment") == "swanfleet")
