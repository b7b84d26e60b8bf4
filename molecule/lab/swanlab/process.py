# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run host programs: argument lists, a timeout, the C locale, output into a log."""

from __future__ import annotations

import os
import signal
import subprocess
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


def run_logged(argv: Sequence[str], *, log: Path, timeout: float, advice: str = "") -> None:
    """Run a long program with its output appended to log; end its whole process group on any way out."""
    with log.open("ab") as output:
        output.write(f"$ {' '.join(argv)}\n".encode())
        output.flush()
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(),
            start_new_session=True,
        )
        try:
            code = process.wait(timeout=timeout)
        except BaseException as error:
            end_group(process)
            if isinstance(error, subprocess.TimeoutExpired):
                raise LabError(f"{argv[0]} did not end within {timeout:.0f} s", log=str(log), advice=advice) from error
            raise
    if code != 0:
        raise LabError(f"{argv[0]} failed with exit code {code}", log=str(log), advice=advice)


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
