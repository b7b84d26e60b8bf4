# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of routing in memory, changed by words of ip(8) and shown as its JSON; tests/contract/test_kernel.py holds them to it."""

from __future__ import annotations

from typing import Any

# Family, priority, table, source, interface, suppressed prefix length, protocol.
Rule = tuple[int, int, int, str, str, str, int]


class FakeRules:
    """The rules of a kernel beside its own three."""

    def __init__(self) -> None:
        self.all: set[Rule] = set()

    def run(self, verb: str, words: list[str], family: int) -> str:
        """Add or delete a rule; returns the kernel's refusal, or nothing."""
        found = {words[at]: words[at + 1] for at in range(0, len(words), 2)}
        rule = (
            *(family, int(found["priority"]), int(found["lookup"]), found["from"]),
            *(found.get("oif", ""), found.get("suppress_prefixlength", ""), int(found["protocol"])),
        )
        if ":" in rule[3] and family == 4:
            return "Error: Invalid source address."
        if (rule in self.all) == (verb == "add"):
            return f"RTNETLINK answers: {'File exists' if verb == 'add' else 'No such file or directory'}"
        self.all ^= {rule}
        return ""

    def shown(self, protocol: int) -> list[dict[str, Any]]:
        """Return the rules of one protocol number, in the kernel's order of families and priorities."""
        return [_shown(rule) for rule in sorted(self.all) if rule[-1] == protocol]


def _shown(rule: Rule) -> dict[str, Any]:
    family, priority, table, source, interface, suppressed, protocol = rule
    return {
        "priority": priority,
        "src": source,
        **({"oif": interface} if interface else {}),
        "table": str(table),
        **({"suppress_prefixlen": int(suppressed)} if suppressed else {}),
        "protocol": str(protocol),
        "family": family,
    }
