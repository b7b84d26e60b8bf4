# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare docs/features.md with what tests have just proven, or write it.

Without --write the page must say exactly what these results say. Tests that were not run count as what the page says of
them only where that is asked for: --keep lab for those of the lab, --keep all for all others; and where a folder of
results tells which scenarios there was no time for. A test that proves something and was skipped or has failed is an
error in any case.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from table import Result, Row, counts, fill, keep, kind_of, table, tests_of

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PAGE = CHECKOUT / "docs/features.md"
FIELDS = Path(__file__).parent / "fields.tsv"
KEYS = CHECKOUT / "tests/reference/swanctl-keys.tsv"
HEAD = """\
# What is proven

Written by `dev/features` from the results of tests: one line for each field of the appliance's page, one for each key of
swanctl.conf. A test says itself which lines it proves, by the marker `proves` (`tests/proofs.py`). One that is skipped
or fails makes `make check` or `make test` fail, and so does a page that says anything else than they do.

Where it is proven: `lab`, between gateways with a real kernel; `daemon`, with real charons on the computer that runs the
tests; `text`, without a daemon, by what is written and read. `since` names the first release of strongSwan that has a key.
"""


def main() -> int:
    """Compare or write the page; return 0 if it is true and every claim has passed, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path, help="files that SWANFLEET_PROOFS named, or folders with such")
    parser.add_argument("--keep", choices=("nothing", "lab", "all"), default="nothing", help="what was not run counts")
    parser.add_argument("--write", action="store_true", help="write the page instead of comparing it")
    chosen = parser.parse_args()

    results = [result for path in chosen.results for result in read(path)]
    if chosen.keep == "lab":
        # Of an earlier run; the page is what counts for them.
        results = [result for result in results if kind_of(result.test) != "lab"]
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    fields, keys = fields_of_the_page(), keys_of_swanctl()
    rows = {row.name: row for row in (*fields, *keys)}
    wrong = fill(rows, results)
    unrun = tuple(f"molecule/{name}/" for path in chosen.results for name in not_run(path))
    kept = tests_of(before) - {result.test for result in results}
    kinds = {test for test in kept if chosen.keep == "all" or kind_of(test) == chosen.keep}
    keep(rows, before, kinds | {test for test in kept if test.startswith(unrun)})
    after = page(fields, keys)
    if chosen.write or os.environ.get("SWANFLEET_WRITE_TABLES"):
        PAGE.write_text(after, encoding="utf-8")
    elif after != before:
        lines = difflib.unified_diff(
            before.splitlines(), after.splitlines(), "docs/features.md", "the tests", lineterm=""
        )
        print("\n".join(lines))
        wrong.append(
            "docs/features.md is not what the tests say: write it with SWANFLEET_WRITE_TABLES=1 and look at it"
        )
    print(f"fields: {counts(fields)}\nkeys:   {counts(keys)}")
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


def read(path: Path) -> list[Result]:
    """Read results of tests; a folder stands for all files in it."""
    files = [path] if path.is_file() else sorted(path.glob("*.json"))
    found = []
    for file in files:
        for each in json.loads(file.read_text(encoding="utf-8")):
            rows = (*each["ids"], *([each["key"]] if each["key"] else []))
            found.append(Result(each["test"], rows, each["option"], tuple(each["releases"]), each["outcome"]))
    return found


def not_run(path: Path) -> list[str]:
    """Return the scenarios that there was no time for, as `dev/scenarios` names them in a folder of results."""
    file = path / "not-run"
    return file.read_text(encoding="utf-8").split() if file.is_file() else []


def fields_of_the_page() -> list[Row]:
    """Return a row for each field."""
    lines = FIELDS.read_text(encoding="utf-8").splitlines()
    return [Row(name, text) for name, text in (line.split("\t") for line in lines)]


def keys_of_swanctl() -> list[Row]:
    """Return a row for each key; a section is none."""
    lines = [line.split("\t") for line in KEYS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    found = [Row(name, since=since) for name, _default, since in lines[1:]]
    return [row for row in found if not any(other.name.startswith(f"{row.name}.") for other in found)]


def page(fields: Sequence[Row], keys: Sequence[Row]) -> str:
    """Return the page as text."""
    return "\n".join(
        [
            HEAD,
            f"## Fields\n\nProven on {counts(fields)}.\n\n{table(fields, what='id')}\n",
            f"## Keys of swanctl.conf\n\nProven on {counts(keys)}.\n\n{table(keys, what='key')}\n",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
