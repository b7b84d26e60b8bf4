# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/features.md says what tests have proven, and nothing that they have not."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DAEMON = "tests/daemon/test_a.py::test_one"
LAB = "molecule/default/tests/test_b.py::test_two"


@pytest.fixture(scope="module")
def table(checkout: Path) -> Iterator[Any]:
    """Return the module of dev/proofs, a program of several files, started by its directory."""
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(checkout / "dev/proofs"))
    yield importlib.import_module("table")
    patch.undo()
    sys.modules.pop("table", None)


def filled(table: Any, *results: Any) -> tuple[dict[str, Any], list[str]]:
    rows = {"S01": table.Row("S01", "Interfaces"), "a.b": table.Row("a.b", since="6.0.0")}
    return rows, table.fill(rows, results)


def page(table: Any, rows: dict[str, Any]) -> str:
    return "\n".join(table.table([row], what="row") for row in rows.values())


def test_a_row_tells_where_it_is_proven_and_where_not(table: Any) -> None:
    rows, wrong = filled(
        table,
        table.Result(DAEMON, ("S01",), "phase1.interfaces", ("12",), "passed"),
        table.Result(LAB, ("S01",), "", ("12", "13"), "passed"),
    )
    assert wrong == []
    assert page(table, rows).splitlines()[2::3] == [
        f"| S01 | Interfaces | `phase1.interfaces` | `{LAB}`<br>`{DAEMON}` | daemon, lab | lab |",
        "| `a.b` |  |  | since 6.0.0 | **not proven** |",
    ]
    assert table.counts(list(rows.values())) == "5.9.8: 1 of 1; 6.0.1: 1 of 2"


@pytest.mark.parametrize("outcome", ["failed", "skipped"])
def test_what_has_not_passed_proves_nothing_and_is_an_error(table: Any, outcome: str) -> None:
    rows, wrong = filled(table, table.Result(DAEMON, ("S01",), "", ("12", "13"), outcome))
    assert wrong == [f"{DAEMON} has {outcome}, and proves nothing about S01"]
    assert rows["S01"].claims == {}


def test_a_row_that_there_is_not_is_an_error(table: Any) -> None:
    assert filled(table, table.Result(DAEMON, ("S99",), "", ("12",), "passed"))[1] == [
        f"{DAEMON}: there is no field or key 'S99'"
    ]


def test_a_page_read_again_says_the_same_of_the_tests_that_are_kept(table: Any) -> None:
    rows, _wrong = filled(
        table,
        table.Result(DAEMON, ("S01", "a.b"), "phase1.interfaces", ("13",), "passed"),
        table.Result(LAB, ("S01",), "", ("12",), "passed"),
    )
    text = page(table, rows)
    assert table.tests_of(text) == {DAEMON, LAB}
    again, _wrong = filled(table)
    table.keep(again, text, {DAEMON, LAB})
    assert page(table, again) == text
    only, _wrong = filled(table)
    table.keep(only, text, {LAB})
    assert only["S01"].claims == {LAB: {"12"}}
    assert only["a.b"].claims == {}


SESSION = """
import pytest
proves = pytest.mark.proves

@proves("S01", option="phase1.interfaces")
@pytest.mark.parametrize("release", ["12", "13"])
def test_passes_on_both(release): pass

@proves(key="a.b", releases=("13",))
def test_passes_on_one(): pass

@proves("S02")
def test_is_skipped(): pytest.skip("no reason")

@proves("S03")
def test_fails(): assert False

@pytest.fixture
def late():
    yield
    assert False

@proves("S04")
def test_fails_late(late): pass

def test_proves_nothing(): pass
"""


@pytest.mark.usefixtures("table")
def test_a_scenario_that_there_was_no_time_for_counts_as_the_page_says(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("proofs", checkout / "dev/proofs/__main__.py")
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    monkeypatch.setattr(program, "PAGE", tmp_path / "page.md")
    results = tmp_path / "results"
    results.mkdir()

    def says(*tests: str, more: str = "") -> int:
        told = [
            {"test": test, "ids": ["S01"], "key": None, "option": "", "releases": ["12"], "outcome": "passed"}
            for test in tests
        ]
        (results / "some.json").write_text(json.dumps(told))
        monkeypatch.setattr(sys, "argv", ["proofs", str(results), *more.split()])
        return int(program.main())

    assert says(DAEMON, LAB, more="--write") == 0
    assert (says(DAEMON, LAB), says(DAEMON)) == (0, 1)
    (results / "not-run").write_text("page\n")
    assert says(DAEMON) == 1
    (results / "not-run").write_text("page\ndefault\n")
    assert (says(DAEMON), says(LAB)) == (0, 1)


def test_a_session_keeps_what_came_of_the_tests_that_claim_something(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        f"import importlib.util\nspec = importlib.util.spec_from_file_location('proofs', {str(checkout / 'tests/proofs.py')!r})\n"
        "proofs = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(proofs)\npytest_configure = proofs.register\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = proves: what is proven\n")
    (tmp_path / "test_it.py").write_text(SESSION)
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path,
        env={**os.environ, "SWANFLEET_PROOFS": str(tmp_path / "out" / "proofs.json")},
        check=False,
        capture_output=True,
        timeout=60,
    )
    told = json.loads((tmp_path / "out" / "proofs.json").read_text())
    assert [(each["ids"], each["key"], each["releases"], each["outcome"]) for each in told] == [
        (["S01"], "", ["12"], "passed"),
        (["S01"], "", ["13"], "passed"),
        ([], "a.b", ["13"], "passed"),
        (["S02"], "", ["12"], "skipped"),
        (["S03"], "", ["12"], "failed"),
        (["S04"], "", ["12"], "failed"),
    ]
