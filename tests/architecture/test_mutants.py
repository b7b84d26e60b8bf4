# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mutants that dev/mutate tries: which faults it makes of a piece of code, and when its verdict is a failure."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def program(checkout: Path) -> Any:
    """Return a function that imports from dev/mutants, a program of several files, started by its directory."""
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(checkout / "dev/mutants"))
    yield importlib.import_module
    patch.undo()
    for name in ("operators", "page"):
        sys.modules.pop(name, None)


def changes(program: Any, source: str) -> list[str]:
    return [mutant.change for mutant in program("operators").mutants(ast.parse(source), "x.py")]


TWICE = [
    "`a == 1 or a == 1` with `and`",
    "operand `a == 1` removed",
    "operand `a == 1` removed (2)",
    "`a == 1` → `a != 1`",
    "`1` → `2`",
    "`a == 1` → `a != 1` (2)",
    "`1` → `2` (2)",
]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("x = a < b", ["`a < b` → `a <= b`", "`a < b` → `a >= b`"], id="a comparison"),
        pytest.param("x = a in b", ["`a in b` → `a not in b`"], id="membership"),
        pytest.param("x = not a", ["`not a` → `a`"], id="a negation"),
        pytest.param("x = a and b", ["`a and b` with `or`", "operand `a` removed", "operand `b` removed"], id="a condition"),
        pytest.param("x = a - b", ["`a - b` → `a + b`"], id="arithmetic"),
        pytest.param("x = 7", ["`7` → `8`"], id="a number"),
        pytest.param("x = True", ["`True` → `False`"], id="a truth"),
        pytest.param("x = 'a'", ["text `'a'` changed"], id="a text"),
        pytest.param("x = f'{a} b'", ["text `f'{a} b'` changed"], id="a text with a value in it"),
        pytest.param("x = a if b else c", ["`a if b else c` with its branches swapped"], id="a choice"),
        pytest.param("x = [a for a in b if c]", ["filter `if c` removed"], id="a filter"),
        pytest.param("x = f(a, b)", ["`f(a, b)` with its first two arguments swapped"], id="arguments"),
        pytest.param("x = f(a, k=b)", ["`f` without `k=b`"], id="a named argument"),
        pytest.param("x = sorted(a, key=b)", ["`sorted(a, key=b)` → `list(a)`", "`sorted` without `key=b`"], id="order"),
        pytest.param("x = a.lower()", ["`a.lower()` → `a.upper()`"], id="a method"),
        pytest.param("f()", ["`f()` removed"], id="a call for its effect"),
        pytest.param("x[0] += 1", ["`x[0] += 1` removed", "`x[0] += 1` → `x[0] -= 1`", "`0` → `1`", "`1` → `2`"], id="sums"),
        pytest.param("if a:\n  pass", ["condition `a` negated"], id="a branch"),
        pytest.param("for a in b:\n  continue", ["loop over `b` never entered", "`continue` → `break`"], id="a loop"),
        pytest.param("def f(a=1):\n  return a", ["`1` → `2`", "`return a` → `return None`"], id="a function with a default"),
        pytest.param("raise a", ["`raise a` removed"], id="an error"),
        pytest.param("@dataclass(frozen=True)\nclass A:\n  '''Doc.'''\n  a: int = 1", ["`1` → `2`", "`True` → `False`"],
                     id="a value's declaration, but not its documentation"),
        pytest.param("a = option(KIND, 'text', default=1)", ["`option` without `default=1`", "`1` → `2`"],
                     id="an option, but not its documentation"),
        pytest.param("@functools.lru_cache(maxsize=9)\ndef f(a: 'T') -> 'T':\n  '''Doc.'''", [],
                     id="neither caches nor annotations"),
        pytest.param("x = a == 1 or a == 1", TWICE, id="what stands twice has a number"),
    ],
)  # fmt: skip
def test_faults(program: Any, source: str, expected: list[str]) -> None:
    # The first two arguments of a call are always in question; here only where they are the subject.
    ignored = "`option(KIND, 'text', default=1)` with its first two arguments swapped"
    assert [change for change in changes(program, source) if change != ignored] == expected


def test_each_mutant_is_another_program_and_the_tree_is_whole_afterwards(program: Any, checkout: Path) -> None:
    source = (checkout / "plugins/module_utils/plan/disruption.py").read_text()
    tree = ast.parse(source)
    whole = ast.dump(tree)
    keys = set()
    for mutant in program("operators").mutants(tree, "plan/disruption.py"):
        compile(tree, "plan/disruption.py", "exec")
        assert ast.dump(tree) != whole
        keys.add(mutant.key)
    assert ast.dump(tree) == whole
    assert len(keys) > 200


def test_a_mutant_says_where_it_is_and_when_it_runs(program: Any) -> None:
    source = "A = 1\nclass B:\n  c = 2\n  def d(self):\n    return lambda: 3\n"
    found = list(program("operators").mutants(ast.parse(source), "x.py"))
    places = [(mutant.function, mutant.first, mutant.at_import) for mutant in found]
    assert places == [("", 1, True), ("B", 3, True), ("B.d", 5, False), ("B.d", 5, False)]


def verdicts(program: Any, *, killed: int, survived: int) -> list[Any]:
    page, operators = program("page"), program("operators")
    ends = [page.KILLED] * killed + [page.SURVIVED] * survived
    return [
        page.Verdict(operators.Mutant("plan/x.py", "f", f"`a | {number}` removed", 1, 1, at_import=False), end)
        for number, end in enumerate(ends)
    ]


@pytest.mark.parametrize(
    ("killed", "reasons", "wrong"),
    [
        pytest.param(85, 15, 0, id="enough killed, a reason for each other"),
        pytest.param(84, 16, 2, id="too few killed: of the package, and of all"),
        pytest.param(99, 0, 1, id="a survivor without a reason"),
    ],
)
def test_failures(program: Any, tmp_path: Path, *, killed: int, reasons: int, wrong: int) -> None:
    page = program("page")
    found = verdicts(program, killed=killed, survived=100 - killed)
    rows = [page.reason_row(each.mutant, "Because.") for each in found[killed : killed + reasons]]
    (tmp_path / "page.md").write_text("\n".join(["| file | function | change | reason |", *rows]))
    given = page.reasons(tmp_path / "page.md")
    assert len(given) == reasons
    complaints, idle = page.complaints(found, given)
    assert len(complaints) == wrong
    assert idle == []


def test_a_reason_whose_mutant_is_killed_is_told(program: Any) -> None:
    found = verdicts(program, killed=1, survived=0)
    assert program("page").complaints(found, {found[0].mutant.key: "Because."})[1] == [
        "a reason without a survivor: plan/x.py | f | `a | 0` removed"
    ]


def test_figures_are_written_between_their_marks(program: Any, tmp_path: Path) -> None:
    page = program("page")
    place = tmp_path / "page.md"
    place.write_text("head\n<!-- figures: dev/mutate --write -->\nold\n<!-- end of figures -->\ntail\n")
    page.write_figures(place, verdicts(program, killed=3, survived=1), of=9)
    text = place.read_text()
    assert "4 of 9 mutants were tried, drawn at random." in text
    assert text.startswith("head\n")
    assert text.endswith("\ntail\n")
    assert "| plan/x.py | 4 | 3 | 1 | 75.0 |\n| **plan** | 4 | 3 | 1 | 75.0 |" in text
    assert "old" not in text
