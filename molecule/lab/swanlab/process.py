# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run host programs: argument lists, a timeout, the C locale, output into logs."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import LabError
from .requirements import search_path


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment in the C locale, with system directories on PATH."""
    return {**os.environ, "LC_ALL": "C", "PATH": search_path(), **(extra or {})}


def run(
    argv: Sequence[str], *, timeout: float, check: bool = True, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a short program and return its output; raise LabError on failure or timeout."""
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            # Never the caller's own input: ssh would read it empty.
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{argv[0]} did not end within {timeout:.0f} s: {' '.join(argv)}") from error
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed") from error
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stdout}{done.stderr}".rstrip())
    return done


def run_together(commands: Mapping[Path, Sequence[str]], *, timeout: float, advice: str = "") -> None:
    """Run long programs at the same time, each with its output as a log; end all process groups on any way out."""
    started: dict[Path, subprocess.Popen[bytes]] = {}
    deadline = time.monotonic() + timeout
    try:
        for log, argv in commands.items():
            with log.open("wb") as output:
                output.write(f"$ {' '.join(argv)}\n".encode())
                output.flush()
                started[log] = subprocess.Popen(
                    list(argv),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment(),
                    start_new_session=True,
                )
        for log, process in started.items():
            name = commands[log][0]
            try:
                code = process.wait(timeout=max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired as error:
                raise LabError(f"{name} did not end within {timeout:.0f} s", log=str(log), advice=advice) from error
            if code != 0:
                raise LabError(f"{name} failed with exit code {code}", log=str(log), advice=advice)
    finally:
        for process in started.values():
            if process.poll() is None:
                end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started in its own session, with its children; SIGTERM gives it time to clean up."""
    for number, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 10)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=patience)
            break
        except subprocess.TimeoutExpired:
            continue
