# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of what is proven: its rows from the results of tests, as text, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

# Debian's release to strongSwan's.
VERSIONS = {"12": "5.9.8", "13": "6.0.1"}
NOT_PROVEN = "**not proven**"
_KINDS = {"molecule": "lab", "tests/daemon": "daemon", "tests/contract": "daemon"}
_TEST = re.compile(r"`([^`]+::[^`]+)`")

Claims = dict[str, set[str]]  # by test: releases on which it has passed


@dataclass
class Row:
    """A line of the page: a field or a key, the options that stand for it, and the tests that prove it."""

    name: str
    text: str = ""
    since: str = ""
    options: set[str] = field(default_factory=set)
    claims: Claims = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What came of a test, for one of its marks: the rows that it proves, on which releases."""

    test: str
    rows: tuple[str, ...]
    option: str
    releases: tuple[str, ...]
    outcome: str


def kind_of(test: str) -> str:
    """Say where a test has proven something: in the lab, with a daemon on this computer, or with none."""
    return next((kind for start, kind in _KINDS.items() if test.startswith(start)), "text")


def fill(rows: Mapping[str, Row], results: Iterable[Result]) -> list[str]:
    """Put what has passed into the rows; return complaints about what has not, and about rows that there are not."""
    wrong = []
    for result in results:
        if result.outcome != "passed":
            wrong.append(f"{result.test} has {result.outcome}, and proves nothing about {', '.join(result.rows)}")
            continue
        for name in result.rows:
            if name not in rows:
                wrong.append(f"{result.test}: there is no field or key {name!r}")
                continue
            rows[name].claims.setdefault(result.test, set()).update(result.releases)
            rows[name].options.update({result.option} - {""})
    return sorted(set(wrong))


def keep(rows: Mapping[str, Row], page: str, tests: Iterable[str]) -> None:
    """Take over from a page what these tests have proven there."""
    kept = set(tests)
    for name, options, told, cells in _lines(page):
        found = [test for test in told if test in kept]
        if name in rows and found:
            rows[name].options.update(options)
            for test in found:
                proven = {
                    release
                    for release, cell in zip(VERSIONS, cells, strict=True)
                    if kind_of(test) in re.split(r"[, ]+", cell)
                }
                rows[name].claims.setdefault(test, set()).update(proven)


def tests_of(page: str) -> set[str]:
    """Return the tests that a page names."""
    return {test for _name, _options, told, _cells in _lines(page) for test in told}


def _lines(page: str) -> Iterable[tuple[str, list[str], list[str], list[str]]]:
    """Yield name, options, tests and the cells of the releases of each row of a page."""
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) >= 5:
            name = cells[0].strip("`")
            yield name, re.findall(r"`([^`]+)`", cells[-4]), _TEST.findall(cells[-3]), cells[-2:]


def table(rows: Sequence[Row], *, what: str) -> str:
    """Return rows as a table in Markdown; those with a text have a column for it."""
    texts = any(row.text for row in rows)
    heads = [what, *(["field"] if texts else []), "options", "tests", *VERSIONS.values()]
    lines = ["| " + " | ".join(heads) + " |", "| " + " | ".join(["---"] * len(heads)) + " |"]
    for row in rows:
        name = row.name if texts else f"`{row.name}`"
        options = ", ".join(f"`{option}`" for option in sorted(row.options))
        tests = "<br>".join(f"`{test}`" for test in sorted(row.claims))
        cells = [name, *([row.text] if texts else []), options, tests, *(_cell(row, each) for each in VERSIONS)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(row: Row, release: str) -> str:
    kinds = {kind_of(test) for test, releases in row.claims.items() if release in releases}
    if kinds:
        return ", ".join(sorted(kinds))
    return f"since {row.since}" if _later(row.since, VERSIONS[release]) else NOT_PROVEN


def _later(since: str, version: str) -> bool:
    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(".")]

    return bool(since) and numbers(since) > numbers(version)


def counts(rows: Sequence[Row]) -> str:
    """Say how many of the rows are proven, by release."""
    told = []
    for release, version in VERSIONS.items():
        cells = [_cell(row, release) for row in rows]
        there = [cell for cell in cells if not cell.startswith("since ")]
        told.append(f"{version}: {len(there) - there.count(NOT_PROVEN)} of {len(there)}")
    return "; ".join(told)
