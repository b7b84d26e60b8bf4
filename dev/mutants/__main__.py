# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutation testing: put every small fault into the pure layers, one at a time, and see whether a test notices.

Each mutant has its own process, forked from one that has imported all but the collection; it runs the tests that reach
the fault, until the first failure. What survives must have a reason in docs/mutation.md.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import gc
import hashlib
import importlib
import io
import os
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import page
from forks import MODULE_UTILS, CodeFinder, Outcome, Selection, collect, compiled, in_fork, run_pytest
from memory import Memory
from operators import Mutant, mutants
from page import ENDLESS, KILLED, SURVIVED, Key, Verdict
from recording import Suite, record

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("desired", "artifacts", "plan")
PAGE = CHECKOUT / "docs/mutation.md"
# The quickest tests are tried that take so long altogether: a mutant that only others notice counts as one that survives.
LONGEST_S = 20.0


def main() -> int:
    """Run the chosen mutants; return 0 when enough were killed and each survivor has its reason, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="*", help="a package or file below module_utils, such as plan/kernel.py")
    parser.add_argument("--survivors", action="store_true", help="only those that survived when they last ran")
    parser.add_argument(
        "--own", action="store_true", help="try only the tests of the same folder: sooner, and stricter"
    )
    parser.add_argument("--write", action="store_true", help="write the figures into docs/mutation.md (of all files)")
    parser.add_argument("--sample", type=int, metavar="N", help="only N mutants of each package, always the same ones")
    parser.add_argument("--tell", action="store_true", help="print also what killed each of the others")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    if chosen.write and (chosen.file or chosen.survivors or chosen.own):
        parser.error("--write needs the figures of all files and tests")
    if chosen.sample is not None and (chosen.survivors or chosen.sample < 1):
        parser.error("--sample is a number of mutants of all, at least 1")
    os.nice(19 - os.nice(0))
    os.chdir(CHECKOUT)
    # Other plugins than ours would only cost time, in each of some thousand runs.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"

    # Ended by a signal, it leaves neither forks nor files behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    memory = Memory(Path(os.environ["SWANFLEET_CACHE"], "mutants.jsonl"))
    only = memory.survivors() if chosen.survivors else None
    if chosen.sample is not None:
        only = _sample(_files(chosen.file), chosen.sample)
    started = time.monotonic()
    verdicts = []
    for verdict in _verdicts(_files(chosen.file), only, memory, jobs=chosen.jobs, own=chosen.own):
        verdicts.append(verdict)
        memory.note(verdict)
        if verdict.ended == SURVIVED or chosen.tell:
            _tell(verdict)
    print(page.table(verdicts))
    print(f"{len(verdicts)} mutants in {time.monotonic() - started:.0f} s")
    if chosen.write:
        page.write_figures(PAGE, verdicts, of=_count(_files([])))
    if chosen.survivors:
        return 0
    wrong, idle = page.complaints(verdicts, page.reasons(PAGE), whole=chosen.sample is None)
    print(*[f"FAILED: {each}" for each in wrong], *[f"note: {each}" for each in idle], sep="\n")
    return 1 if wrong else 0


def _verdicts(files: list[str], only: set[Key] | None, memory: Memory, *, jobs: int, own: bool) -> Iterator[Verdict]:
    """Yield the verdict on each mutant of some files, as they fall."""
    scratch = Path(tempfile.mkdtemp(prefix="swanfleet-mutants-"))
    try:
        suite = record(CHECKOUT, _files([]), scratch)
        print(f"{len(suite.lines)} tests pass on the unchanged modules", flush=True)
        _import_all(suite.imports)
        # What is there now stays as it is: the forks share its memory.
        gc.freeze()
        runner = Runner(suite, memory, scratch, jobs=jobs, own=own)
        runner.control(files[0])
        yield from runner.run(files, only)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _files(names: list[str]) -> list[str]:
    """List files below module_utils that belong to the named packages and files; all of the pure layers for none."""
    root = CHECKOUT / MODULE_UTILS
    found = []
    for name in names or PACKAGES:
        path = root / name
        if not path.exists():
            raise SystemExit(f"there is no {path}")
        found += sorted(path.glob("*.py")) if path.is_dir() else [path]
    return [str(path.relative_to(root)) for path in found]


def _all(files: list[str]) -> Iterator[Mutant]:
    for file in files:
        yield from mutants(ast.parse((CHECKOUT / MODULE_UTILS / file).read_text()), file)


def _sample(files: list[str], size: int) -> set[Key]:
    """Draw some mutants of each package by digests of their keys: the next run tries the same ones, but for what has changed."""
    keys: dict[str, list[Key]] = {}
    for mutant in _all(files):
        keys.setdefault(mutant.file.partition("/")[0], []).append(mutant.key)
    return {key for each in keys.values() for key in sorted(each, key=_digest)[:size]}


def _digest(key: Key) -> bytes:
    return hashlib.sha256("\n".join(key).encode()).digest()


def _count(files: list[str]) -> int:
    return sum(1 for _mutant in _all(files))


def _import_all(names: tuple[str, ...]) -> None:
    """Import what every run needs and no mutant changes; what cannot be imported by itself is left to the runs."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        for name in names:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _tell(verdict: Verdict) -> None:
    mutant = verdict.mutant
    what = f"{verdict.tests} tests" if verdict.ended == SURVIVED else verdict.by
    print(f"{verdict.ended} {what}: {page.reason_row(mutant, f'line {mutant.first}')}", flush=True)


class Runner:
    """Some forks at a time, each with a mutant of its own."""

    def __init__(self, suite: Suite, memory: Memory, scratch: Path, *, jobs: int, own: bool) -> None:
        self._suite = suite
        self._memory = memory
        self._scratch = scratch
        self._jobs = jobs
        self._own = own
        self._known = frozenset(suite.lines)
        self._codes = compiled(CHECKOUT)
        self._running: dict[int, tuple[int, Mutant, int]] = {}
        self._number = 0

    def control(self, file: str) -> None:
        """Run a module without a fault as if it had one; raises `SystemExit` when a test fails, since then all would."""
        tree = ast.parse((CHECKOUT / MODULE_UTILS / file).read_text())
        self._start(Mutant(file, "", "nothing", 1, 1, at_import=True), tree)
        verdict = self._next()
        if verdict.ended != SURVIVED or not verdict.imported:
            raise SystemExit(f"{file} fails without a fault, or is not imported: {verdict}")

    def run(self, files: list[str], only: set[Key] | None) -> Iterator[Verdict]:
        """Yield what becomes of each mutant, in the order in which they end."""
        try:
            for file in files:
                tree = ast.parse((CHECKOUT / MODULE_UTILS / file).read_text())
                for mutant in mutants(tree, file):
                    if only is not None and mutant.key not in only:
                        continue
                    while len(self._running) >= self._jobs:
                        yield self._next()
                    self._start(mutant, tree)
            while self._running:
                yield self._next()
        finally:
            for child in self._running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child, signal.SIGKILL)

    def _start(self, mutant: Mutant, tree: ast.Module) -> None:
        groups = self._suite.within(self._suite.tests_for(mutant)[: 1 if self._own else None], LONGEST_S)
        before = self._memory.noticed_by(mutant.key)
        if before in self._known:
            groups.insert(0, [before])

        def work(place: Path) -> Outcome:
            sys.dont_write_bytecode = True
            finder = CodeFinder({**self._codes, mutant.file: compile(tree, mutant.file, "exec")})
            sys.meta_path.insert(0, finder)
            for tests in groups:
                selection = Selection(tests, self._known)
                files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
                code = run_pytest(files, selection, stop=True, scratch=place)
                if code != 0:
                    return Outcome(code, {"by": selection.failed, "output": (place / "output").read_text()[-2000:]})
            return Outcome(0, {"imported": mutant.file in finder.loaded})

        self._number += 1
        tests = [test for group in groups for test in group]
        seconds = 20 + 5 * sum(self._suite.seconds[test] for test in tests)
        child, reading = in_fork(work, self._scratch / str(self._number), seconds=seconds)
        self._running[child] = (reading, mutant, len(tests))

    def _next(self) -> Verdict:
        while True:
            child, status = os.wait()
            if child in self._running:
                break
        reading, mutant, tests = self._running.pop(child)
        if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
            raise SystemExit(f"{mutant}: the fork failed, see above: that is no verdict")
        return _verdict(mutant, collect(reading), tests)


def _verdict(mutant: Mutant, outcome: Outcome, tests: int) -> Verdict:
    """Read pytest's exit code: 0 all passed, 1 a test failed, 2 a file could not be imported."""
    if outcome.code is None:
        return Verdict(mutant, ENDLESS)
    if outcome.code == 0:
        return Verdict(mutant, SURVIVED, tests=tests, imported=outcome.told["imported"])
    if outcome.code in (1, 2):
        return Verdict(mutant, KILLED, by=outcome.told["by"])
    raise SystemExit(f"{outcome.told['output']}\n{mutant}: pytest ended with {outcome.code}: that is no verdict")


if __name__ == "__main__":
    sys.exit(main())
