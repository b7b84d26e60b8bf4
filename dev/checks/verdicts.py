# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an exit code of 0 hides: each function reads a program's output and returns a complaint, or None."""

from __future__ import annotations

import re
from dataclasses import dataclass

# As ansible-core 2.19 has them for a collection. Two of them run once for each Python there is, so lines prove less.
SANITY_TESTS_AT_LEAST = 24


@dataclass(frozen=True)
class Tally:
    """How many tests there were, by how they ended."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


def tally(output: str) -> Tally:
    """Sum all of pytest's closing lines in `output`; an error of a fixture or of collection counts as failed."""
    total = Tally()
    for line in output.splitlines():
        if not re.search(r"\b(passed|failed|skipped|errors?|xfailed|deselected)\b.* in [\d.]+s", line):
            continue
        counts = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", line)}
        total += Tally(
            passed=counts.get("passed", 0) + counts.get("xfailed", 0),
            failed=counts.get("failed", 0) + counts.get("error", 0) + counts.get("errors", 0),
            skipped=counts.get("skipped", 0),
        )
    return total


def none(output: str) -> str | None:
    """Trust the exit code."""
    del output
    return None


def pytest(output: str) -> str | None:
    """Complain when nothing ran."""
    counted = tally(output)
    return None if counted.passed + counted.failed > 0 else "no test ran"


def ansible_lint(output: str) -> str | None:
    """Complain when no file was linted, or by a weaker profile."""
    if re.search(r"Passed: 0 failure\(s\), 0 warning\(s\) (in|on) [1-9]\d* files", output) and "'production'" in output:
        return None
    return "ansible-lint does not say that it passed files by the profile 'production'"


def sanity(output: str) -> str | None:
    """Complain when ansible-test skipped what it should have run: it exits 0 all the same."""
    ran = len(set(re.findall(r'^Running sanity test "([^"]+)"', output, flags=re.MULTILINE)))
    if "All targets skipped" in output:
        return "ansible-test saw no file of the collection"
    if ran < SANITY_TESTS_AT_LEAST:
        return f"only {ran} sanity tests ran, {SANITY_TESTS_AT_LEAST} are expected"
    lacking = [line for line in output.splitlines() if "Required program" in line and "pwsh" not in line]
    return f"a sanity test lacked its program: {lacking[0]}" if lacking else None


def importer(output: str) -> str | None:
    """Complain about findings that galaxy-importer only logs."""
    found = re.findall(r"^(?:WARNING|ERROR).*$", output, flags=re.MULTILINE)
    return f"{len(found)} findings, the first: {found[0]}" if found else None


def scenarios(output: str) -> str | None:
    """Complain when no scenario was found or a scenario tested nothing."""
    ran = re.findall(r"^scenario (\S+): ", output, flags=re.MULTILINE)
    if not ran:
        return "no scenario ran"
    return pytest(output)
