# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tests run which lines, recorded once on the unchanged modules; and which are worth running for a mutant."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from forks import (
    COLLECTION,
    PLUGIN,
    CodeFinder,
    Outcome,
    Recorder,
    collect,
    compiled,
    in_fork,
    module_name,
    run_pytest,
)
from operators import Mutant

SUITES = ("tests/unit/plugins", "tests/architecture")
_RECORDING_SECONDS = 1200.0


@dataclass(frozen=True)
class Suite:
    """What was recorded: lines and seconds by test, lines that run while modules are imported, what else was imported."""

    lines: dict[str, frozenset[tuple[str, int]]]
    seconds: dict[str, float]
    at_import: frozenset[tuple[str, int]]
    imports: tuple[str, ...]

    def tests_for(self, mutant: Mutant) -> list[list[str]]:
        """Return groups of tests that may notice a mutant, the likeliest group first, and quick tests first in each.

        The tests of its own folder that run the mutated statement, others that do, and, for what runs at import, all
        that run any code of the mutated layers.
        """
        span = {(mutant.file, line) for line in range(mutant.first, mutant.last + 1)}
        everywhere = mutant.at_import or bool(span & self.at_import)
        own = f"{SUITES[0]}/module_utils/{mutant.file.partition('/')[0]}/"
        groups: tuple[list[str], ...] = ([], [], [])
        for test, lines in self.lines.items():
            if span & lines:
                groups[0 if test.startswith(own) else 1].append(test)
            elif everywhere and (lines or test.startswith(SUITES[0])):
                groups[0 if test.startswith(own) else 2].append(test)
        return [sorted(group, key=lambda test: (self.seconds[test], test)) for group in groups if group]

    def within(self, groups: Sequence[Sequence[str]], seconds: float) -> list[list[str]]:
        """Return what of some groups of tests takes no longer than some seconds altogether."""
        found: list[list[str]] = []
        for group in groups:
            found.append([])
            for test in group:
                seconds -= self.seconds[test]
                if seconds < 0:
                    return [each for each in found if each]
                found[-1].append(test)
        return found


def record(checkout: Path, files: Sequence[str], scratch: Path) -> Suite:
    """Run all tests on the unchanged modules; raises `SystemExit` with pytest's output when one fails."""
    codes = compiled(checkout)

    def work(place: Path) -> Outcome:
        sys.meta_path.insert(0, CodeFinder(codes))
        recorder = Recorder(frozenset(files), [module_name(file) for file in codes])
        code = run_pytest(SUITES, recorder, stop=False, scratch=place)
        foreign = [name for name, module in sys.modules.items() if _is_foreign(name, module, checkout)]
        told = {
            "by_test": {test: sorted(lines) for test, lines in recorder.by_test.items()},
            "by_file": {file: sorted(lines) for file, lines in recorder.by_file.items()},
            "at_import": sorted(recorder.at_import),
            "seconds": recorder.seconds,
            "imports": foreign,
        }
        return Outcome(code, told)

    place = scratch / "recording"
    child, reading = in_fork(work, place, seconds=_RECORDING_SECONDS)
    outcome = collect(reading)
    os.waitpid(child, 0)
    if outcome.code != 0:
        output = place / "output"
        raise SystemExit((output.read_text() if output.exists() else "") + "\nthe tests fail without any mutant")
    shutil.rmtree(place, ignore_errors=True)
    told = outcome.told
    by_file = {file: _lines(found) for file, found in told["by_file"].items()}
    return Suite(
        lines={test: _lines(found) | by_file[test.partition("::")[0]] for test, found in told["by_test"].items()},
        seconds=told["seconds"],
        at_import=_lines(told["at_import"]),
        imports=tuple(told["imports"]),
    )


def _lines(found: Iterable[tuple[str, int]]) -> frozenset[tuple[str, int]]:
    return frozenset((file, line) for file, line in found)


def _is_foreign(name: str, module: object, checkout: Path) -> bool:
    """Say whether a module may be imported once for all mutants: neither ours nor a test, and findable by its name.

    pytest wants to import its plugins itself, to rewrite their assertions.
    """
    if name.partition(".")[0] in (COLLECTION.partition(".")[0], "tests", "conftest", "__main__", PLUGIN):
        return False
    file = getattr(module, "__file__", None)
    spec = getattr(module, "__spec__", None)
    return file is not None and spec is not None and not os.path.realpath(file).startswith(f"{checkout}{os.sep}")
