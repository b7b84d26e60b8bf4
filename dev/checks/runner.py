# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run parts: several at a time where that pays, each one's output whole when it has ended, a verdict at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from parts import Part
from verdicts import Tally, tally

_HEEDED_S = 1.0


@dataclass(frozen=True)
class Outcome:
    """How a part ended: `problem` is None, or says in a line why it counts as failed."""

    part: Part
    output: str
    problem: str | None
    seconds: float

    @property
    def tally(self) -> Tally:
        """Count a program as one check, and each of pytest's tests by itself."""
        if not self.part.tests:
            return Tally(passed=int(self.problem is None), failed=int(self.problem is not None))
        counted = tally(self.output)
        if self.problem is not None and counted.failed == 0:
            return counted + Tally(failed=1)
        return counted


class Runner:
    """Start programs in process groups of their own, so that an interrupt ends them with all they started."""

    def __init__(self, *, logs: Path) -> None:
        self._logs = logs
        self._running: dict[int, subprocess.Popen[str]] = {}
        self._lock = threading.Lock()
        self._printing = threading.Lock()
        self._stopping = False
        logs.mkdir(parents=True, exist_ok=True)

    def run(self, parts: Sequence[Part]) -> list[Outcome]:
        """Run all parts, also after a failure, and show each as it ends; return the outcomes in the order of `parts`."""
        # The lab's emulated computer takes more of this one's two processors than any other part.
        workers = 3 if any(part.live and not part.early for part in parts) else 4
        waiting, running, outcomes = list(parts), dict[Future[Outcome], Part](), list[Outcome]()
        with ThreadPoolExecutor(max_workers=workers) as pool:
            try:
                while waiting or running:
                    while len(running) < workers and (part := _next(waiting, running.values())):
                        waiting.remove(part)
                        running[pool.submit(self._run_part, part)] = part
                    # A signal that comes just before the system call that waits does not interrupt it, and Python heeds it
                    # when that call returns: so each of them is a short one.
                    for future in wait(running, timeout=_HEEDED_S, return_when=FIRST_COMPLETED).done:
                        del running[future]
                        outcomes.append(self._show(future.result()))
            except BaseException:
                self._stop()
                pool.shutdown(cancel_futures=True)
                raise
        return sorted(outcomes, key=lambda outcome: parts.index(outcome.part))

    def _run_part(self, part: Part) -> Outcome:
        started = time.monotonic()
        environment = {**os.environ, "LC_ALL": "C.UTF-8", **part.env}
        with self._lock:
            if self._stopping:
                return Outcome(part, "", "not run", 0.0)
            try:
                child = subprocess.Popen(
                    part.argv,
                    cwd=part.cwd,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    start_new_session=True,
                )
            except OSError as error:
                return Outcome(part, "", f"cannot start: {error}", 0.0)
            self._running[child.pid] = child
        if not part.live:
            _give_way(child)
        timed_out = threading.Event()

        def give_up() -> None:
            timed_out.set()
            _end(child)

        timer = threading.Timer(part.timeout, give_up)
        timer.start()
        try:
            output = self._collect(child, self._logs / f"{part.name.replace(' ', '-')}.log", live=part.live)
            code = child.wait()
        finally:
            timer.cancel()
            with self._lock:
                self._running.pop(child.pid, None)
        problem = f"took longer than {part.timeout:.0f} s" if timed_out.is_set() else None
        if problem is None:
            problem = f"exit code {code}" if code else part.complaint(output)
        return Outcome(part, output, problem, time.monotonic() - started)

    def _collect(self, child: subprocess.Popen[str], log: Path, *, live: bool) -> str:
        lines = []
        with log.open("w") as file:
            for line in child.stdout or ():
                lines.append(line)
                file.write(line)
                if live:
                    with self._printing:
                        print(line, end="", flush=True)
        return "".join(lines)

    def _show(self, outcome: Outcome) -> Outcome:
        with self._printing:
            print(f"\n== {outcome.part.name}")
            if not outcome.part.live:
                print(outcome.output, end="" if outcome.output.endswith("\n") or not outcome.output else "\n")
            print(_headline(outcome), flush=True)
        return outcome

    def _stop(self) -> None:
        with self._lock:
            self._stopping = True
            children = list(self._running.values())
        for child in children:
            _end(child)


def _next(waiting: Sequence[Part], running: Iterable[Part]) -> Part | None:
    """Return the first part that may begin beside those that run, None if none may."""
    begun = list(running)
    prepared = not any(part.early for part in (*waiting, *begun))
    for part in waiting:
        if part.alone and (begun or any(not other.alone for other in waiting)):
            continue
        if prepared or part.early or part.beside:
            return part
    return None


def _end(child: subprocess.Popen[str]) -> None:
    """Ask the group to end and give it a minute to clean up, as the lab must; then insist.

    By SIGINT: pytest tears its fixtures down for that one, and for no other.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGINT)
        try:
            child.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)


def _give_way(child: subprocess.Popen[str]) -> None:
    """Let others go first: sched(7) shares processor time between sessions, and nice(1) means nothing from one to another."""
    # Where the kernel does not group processes so, or does not let us, all get the same share.
    with contextlib.suppress(OSError):
        Path(f"/proc/{child.pid}/autogroup").write_text("10")


def _headline(outcome: Outcome) -> str:
    return f"-- {outcome.part.name}: {outcome.problem or 'ok'} ({outcome.seconds:.1f} s)"


def summary(outcomes: Iterable[Outcome], *, seconds: float, logs: Path) -> tuple[str, bool]:
    """Return the closing lines and whether all is well; the last line reads like pytest's."""
    listed = list(outcomes)
    failed = [outcome for outcome in listed if outcome.problem is not None]
    total = sum((outcome.tally for outcome in listed), Tally())
    lines = ["", "== summary"]
    lines += [
        f"{'FAILED' if o.problem else 'ok':7}{o.part.name:14}{o.seconds:7.1f} s  {o.problem or ''}".rstrip()
        for o in listed
    ]
    lines += [line for o in listed for line in o.output.splitlines() if line.startswith("NOT RUN: ")]
    if failed:
        lines.append(f"FAILED: {', '.join(outcome.part.name for outcome in failed)}; whole outputs in {logs}")
    lines.append(f"==== {total.passed} passed, {total.failed} failed, {total.skipped} skipped in {seconds:.2f}s ====")
    return "\n".join(lines), not failed and bool(listed) and sys.exc_info()[0] is None
