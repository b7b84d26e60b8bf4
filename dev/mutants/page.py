# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the survivors: figures that this program writes, reasons that people write."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from operators import Mutant

KILLED, ENDLESS, SURVIVED = "killed", "endless", "survived"
AT_LEAST = 85.0
_BEGIN, _END = "<!-- figures: dev/mutate --write -->", "<!-- end of figures -->"
_ROW = re.compile(r"\| (?P<file>\S+\.py) \| (?P<function>\S*) \| (?P<change>.+) \| (?P<reason>[^|]+) \|")

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant: killed by which test, ended because it ran without end, or survived how many tests.

    `imported` says whether any of these imported its module.
    """

    mutant: Mutant
    ended: str
    by: str = ""
    tests: int = 0
    imported: bool = True


def figures(verdicts: Sequence[Verdict]) -> list[tuple[str, int, int, int]]:
    """Return name, mutants, killed and survivors of each file, after each package, and of all of them."""
    rows = []
    files = sorted({verdict.mutant.file for verdict in verdicts})
    packages = sorted({file.partition("/")[0] for file in files})
    for package in packages:
        rows += [_row(file, verdicts, file) for file in files if file.startswith(f"{package}/")]
        rows.append(_row(package, verdicts, f"{package}/"))
    return [*rows, _row("all", verdicts, "")]


def _row(name: str, verdicts: Sequence[Verdict], prefix: str) -> tuple[str, int, int, int]:
    those = [verdict.ended for verdict in verdicts if verdict.mutant.file.startswith(prefix)]
    return name, len(those), len(those) - those.count(SURVIVED), those.count(SURVIVED)


def rate(row: tuple[str, int, int, int]) -> float:
    """Return the percentage of killed mutants of a row."""
    return 100.0 * row[2] / row[1] if row[1] else 100.0


def table(verdicts: Sequence[Verdict]) -> str:
    """Return the figures as a table in Markdown."""
    lines = ["| file | mutants | killed | survivors | killed, % |", "| --- | ---: | ---: | ---: | ---: |"]
    for row in figures(verdicts):
        name = row[0] if row[0].endswith(".py") else f"**{row[0]}**"
        lines.append(f"| {name} | {row[1]} | {row[2]} | {row[3]} | {rate(row):.1f} |")
    return "\n".join(lines)


def reasons(page: Path) -> dict[Key, str]:
    """Read the reasons: a row for each survivor, by file, function and change."""
    found = {}
    for line in page.read_text().splitlines():
        match = _ROW.fullmatch(line)
        if match:
            change = match["change"].replace("\\|", "|")
            found[match["file"], match["function"], change] = match["reason"].strip()
    return found


def reason_row(mutant: Mutant, reason: str) -> str:
    """Return the row of the page that gives a survivor's reason."""
    change = mutant.change.replace("|", "\\|")
    return f"| {mutant.file} | {mutant.function} | {change} | {reason} |"


def write_figures(page: Path, verdicts: Sequence[Verdict], *, of: int) -> None:
    """Write the figures between their marks, and leave all else of the page as it is; `of` is how many mutants there are."""
    text = page.read_text()
    head, rest = text.split(_BEGIN)
    tail = rest.split(_END)[1]
    tried = f"{len(verdicts)} of {of} mutants were tried" + (", drawn at random." if len(verdicts) < of else ".")
    page.write_text(f"{head}{_BEGIN}\n\n{tried}\n\n{table(verdicts)}\n\n{_END}{tail}")


def complaints(
    verdicts: Sequence[Verdict], given: Mapping[Key, str], *, whole: bool = True
) -> tuple[list[str], list[str]]:
    """Return what is wrong, and what should be tidied: survivors without a reason, reasons without a survivor.

    Where only some of a file's mutants were tried (not `whole`), reasons of the others are not called idle.
    """
    wrong = [
        f"{row[0]}: {rate(row):.1f} % of the mutants were killed, at least {AT_LEAST:.0f} % are wanted"
        for row in figures(verdicts)
        if not row[0].endswith(".py") and rate(row) < AT_LEAST
    ]
    survivors = [verdict.mutant for verdict in verdicts if verdict.ended == SURVIVED]
    wrong += [f"a survivor without a reason: {reason_row(each, '…')}" for each in survivors if each.key not in given]
    files = {verdict.mutant.file for verdict in verdicts} if whole else set()
    alive = {each.key for each in survivors}
    idle = [f"a reason without a survivor: {' | '.join(key)}" for key in given if key[0] in files and key not in alive]
    return wrong, idle
