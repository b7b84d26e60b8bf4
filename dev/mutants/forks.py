# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of pytest in a forked process, on modules whose code does not come from their files.

The process that forks has imported everything but the collection and its tests. So a fork starts in no time, and
imports the mutated module by its true name before anything can have a copy of a name from it.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import hypothesis
import pytest
from hypothesis.configuration import notice_initialization_restarted

COLLECTION = "ansible_collections.swanfleet.ipsec"
MODULE_UTILS = "plugins/module_utils"
PLUGIN = "_hypothesis_pytestplugin"
_MEMORY = 4 << 30
_LONGEST = 3600


class _CodeLoader(importlib.machinery.SourceFileLoader):
    """Load a module from code that is there already."""

    def __init__(self, fullname: str, path: str, *, code: CodeType) -> None:
        super().__init__(fullname, path)
        self._code = code

    def get_code(self, fullname: str) -> CodeType:
        """Return the code; neither source nor cache of the file is read."""
        del fullname
        return self._code


class CodeFinder(importlib.abc.MetaPathFinder):
    """Find modules of the collection in compiled code, given by their files below module_utils."""

    def __init__(self, codes: Mapping[str, CodeType]) -> None:
        self._codes = {module_name(file): (file, code) for file, code in codes.items()}
        self.loaded: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a module that is here, as importlib asks."""
        if fullname not in self._codes:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if found is None or found.origin is None:
            return None
        file, code = self._codes[fullname]
        self.loaded.add(file)
        return importlib.util.spec_from_file_location(
            fullname,
            found.origin,
            loader=_CodeLoader(fullname, found.origin, code=code),
            submodule_search_locations=found.submodule_search_locations,
        )


def compiled(checkout: Path) -> dict[str, CodeType]:
    """Return the code of every file below module_utils, each called by its path from there."""
    root = checkout / MODULE_UTILS
    files = {str(path.relative_to(root)): path for path in root.rglob("*.py")}
    return {file: compile(path.read_text(), file, "exec") for file, path in files.items()}


def module_name(file: str) -> str:
    """Return the full name that imports use for a file below module_utils."""
    parts = Path(MODULE_UTILS, file).with_suffix("").parts
    return ".".join([COLLECTION, *(part for part in parts if part != "__init__")])


class Selection:
    """Keep only chosen tests, in the given order, and note which one failed first.

    A test that `known` does not have is kept: its id comes from a value that the mutant changed. One that measures time
    fails by chance among so many forks, and is left out.
    """

    def __init__(self, chosen: Sequence[str], known: frozenset[str]) -> None:
        self._rank = {test: rank for rank, test in enumerate(chosen)}
        self._known = known
        self.failed = ""

    def pytest_sessionstart(self) -> None:
        """Have hypothesis look for a failing example, and not for the smallest one."""
        phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
        usual = hypothesis.settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
        hypothesis.settings.register_profile("mutants", usual, phases=phases)
        hypothesis.settings.load_profile("mutants")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Select and sort, as pytest asks."""
        kept = [item for item in _steady(items) if item.nodeid in self._rank or item.nodeid not in self._known]
        items[:] = sorted(kept, key=lambda item: self._rank.get(item.nodeid, -1))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure."""
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that cannot be imported."""
        if report.failed and not self.failed:
            self.failed = f"import of {report.nodeid}"


def _steady(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    return [item for item in items if item.get_closest_marker("timed") is None]


class Recorder:
    """Note which lines of some files each test runs, with its processor time in seconds.

    Lines that run while the collection's modules are imported are noted apart, and so are those that a file of tests
    runs while it is imported, mostly to make the values of its tables.
    """

    def __init__(self, files: frozenset[str], modules: Sequence[str]) -> None:
        self._files = files
        self._modules = modules
        self._now: set[tuple[str, int]] = set()
        self.at_import: set[tuple[str, int]] = set()
        self.by_file: dict[str, set[tuple[str, int]]] = {}
        self.by_test: dict[str, set[tuple[str, int]]] = {}
        self.seconds: dict[str, float] = {}

    def _call(self, frame: FrameType, _event: str, _argument: Any) -> Callable[..., Any] | None:
        return self._line if frame.f_code.co_filename in self._files else None

    def _line(self, frame: FrameType, event: str, _argument: Any) -> Callable[..., Any]:
        if event == "line":
            self._now.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line

    @contextlib.contextmanager
    def _noting(self, lines: set[tuple[str, int]]) -> Iterator[None]:
        """Note lines in a set; what was put into a cache before is forgotten first."""
        for module in [each for name, each in sys.modules.items() if name.startswith(COLLECTION)]:
            for value in vars(module).values():
                if isinstance(value, functools._lru_cache_wrapper):
                    value.cache_clear()
        before, self._now = self._now, lines
        threading.settrace(self._call)
        sys.settrace(self._call)
        try:
            yield
        finally:
            sys.settrace(None)
            self._now = before

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Import the collection before any test does."""
        with self._noting(self.at_import):
            for name in self._modules:
                importlib.import_module(name)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Any:
        """Note what a file of tests runs while it is imported."""
        if not isinstance(collector, pytest.Module):
            return (yield)
        with self._noting(self.by_file.setdefault(collector.nodeid, set())):
            return (yield)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Record only what mutants are tried with, as pytest asks."""
        items[:] = _steady(items)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        """Note what one test runs."""
        started = time.process_time()
        with self._noting(self.by_test.setdefault(item.nodeid, set())):
            result = yield
        self.seconds[item.nodeid] = time.process_time() - started
        return result


@dataclass
class Outcome:
    """How a run of pytest ended: its exit code, or None when it was ended; and what it told."""

    code: int | None
    told: dict[str, Any] = field(default_factory=dict)


def run_pytest(files: Sequence[str], plugin: object, *, stop: bool, scratch: Path) -> int:
    """Run pytest on some test files with one plugin of our own, and return its exit code."""
    # Imported already, it could not have its assertions rewritten, of which pytest warns.
    sys.modules.pop(PLUGIN, None)
    # And it would take what an earlier run in this process has done for work of a plugin that loads too slowly.
    notice_initialization_restarted(warn=False)
    options = ["-q", "-p", PLUGIN, "-p", "no:cacheprovider", "--color=no", *(["-x"] if stop else [])]
    with contextlib.ExitStack() as stack:
        output = stack.enter_context((scratch / "output").open("a"))
        stack.enter_context(contextlib.redirect_stdout(output))
        stack.enter_context(contextlib.redirect_stderr(output))
        return int(pytest.main([*options, *files], plugins=[plugin]))


def in_fork(work: Callable[[Path], Outcome], scratch: Path, *, seconds: float) -> tuple[int, int]:
    """Start work in a fork, and return its process id and the descriptor that `collect` reads its outcome from.

    It is ended after so many seconds of processor time, or an hour by the clock: mutants make endless loops.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    status = 1
    try:
        os.close(reading)
        os.setpgid(0, 0)
        scratch.mkdir(parents=True)
        os.environ["TMPDIR"] = str(scratch)
        gc.disable()
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 5))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        signal.alarm(_LONGEST)
        outcome = work(scratch)
        with os.fdopen(writing, "w") as pipe:
            json.dump({"code": outcome.code, "told": outcome.told}, pipe)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        # No handlers of the parent, and none of what was imported here: their files go with the scratch directory.
        os._exit(status)


def collect(reading: int) -> Outcome:
    """Read what a fork has to say; one that was ended says nothing. Blocks until it has ended."""
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    return Outcome(**json.loads(text)) if text else Outcome(None)
