# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner of the checks fails when a part fails, and sees through programs that exit 0 without having worked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# dev/checks is a program of several files, started by its directory: tests start it or import from it the same way.
# A shell starts what goes into the background with SIGINT ignored, and its programs inherit that.
RUN = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {checks!r})
from pathlib import Path
from parts import Part
from runner import Runner, summary
import verdicts
parts = [{parts}]
outcomes = Runner(logs=Path({logs!r})).run(parts)
text, well = summary(outcomes, seconds=1.0, logs=Path({logs!r}))
print(text)
sys.exit(0 if well else 1)
"""
GOOD = "Part('good', ('sh', '-c', 'echo fine'))"
BAD = "Part('bad', ('sh', '-c', 'echo broken; exit 3'))"


def program(checkout: Path, tmp_path: Path, *parts: str) -> list[str]:
    """Return a command that runs the given parts as `make check` would."""
    text = RUN.format(checks=str(checkout / "dev/checks"), logs=str(tmp_path / "logs"), parts=", ".join(parts))
    return [sys.executable, "-c", text]


def run(checkout: Path, tmp_path: Path, *parts: str) -> subprocess.CompletedProcess[str]:
    """Run parts to their end."""
    environment = {**os.environ, "SWANFLEET_CACHE": str(tmp_path)}
    return subprocess.run(
        program(checkout, tmp_path, *parts), capture_output=True, text=True, timeout=60, check=False, env=environment
    )


def test_all_good_is_good(checkout: Path, tmp_path: Path) -> None:
    done = run(checkout, tmp_path, GOOD)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "==== 1 passed, 0 failed, 0 skipped in 1.00s ===="


def test_one_failure_fails_and_is_named_and_the_rest_runs(checkout: Path, tmp_path: Path) -> None:
    done = run(checkout, tmp_path, BAD, GOOD, "Part('late', ('sh', '-c', 'echo late'), alone=True)")
    assert done.returncode == 1
    assert "FAILED: bad;" in done.stdout
    assert "fine" in done.stdout
    assert "late" in done.stdout
    assert done.stdout.splitlines()[-1] == "==== 2 passed, 1 failed, 0 skipped in 1.00s ===="


def test_early_parts_have_ended_before_others_begin(checkout: Path, tmp_path: Path) -> None:
    early = f"Part('early', ('sh', '-c', 'sleep 0.3; touch {tmp_path}/done'), early=True)"
    done = run(checkout, tmp_path, f"Part('next', ('test', '-e', '{tmp_path}/done'))", early)
    assert done.returncode == 0, done.stdout


def test_others_wait_for_early_parts_and_not_for_those_beside_them(checkout: Path, tmp_path: Path) -> None:
    def until(name: str) -> str:
        return f"until [ -e {tmp_path}/{name} ]; do sleep 0.05; done"

    done = run(
        checkout,
        tmp_path,
        f"Part('first', ('sh', '-c', '[ -e {tmp_path}/early ] && touch {tmp_path}/first'), live=True)",
        f"Part('early', ('sh', '-c', '{until('beside')}; touch {tmp_path}/early'), early=True, live=True)",
        f"Part('beside', ('sh', '-c', 'touch {tmp_path}/beside; {until('first')}'), beside=True)",
    )
    assert done.returncode == 0, done.stdout


def test_what_runs_long_shows_its_output_once_as_it_comes(checkout: Path, tmp_path: Path) -> None:
    both = f"until grep -q other {tmp_path}/logs/other.log; do sleep 0.05; done; echo long"
    done = run(
        checkout,
        tmp_path,
        f"Part('long', ('sh', '-c', {both!r}), live=True)",
        "Part('other', ('sh', '-c', 'echo other'))",
    )
    assert done.returncode == 0, done.stdout
    assert [line for line in done.stdout.splitlines() if line in ("long", "other")] in (
        ["other", "long"],
        ["long", "other"],
    )


def test_what_there_was_no_time_for_stands_in_the_summary(checkout: Path, tmp_path: Path) -> None:
    done = run(checkout, tmp_path, "Part('some', ('sh', '-c', 'echo NOT RUN: scenario last; seq 100'))")
    assert done.returncode == 0, done.stdout
    assert "NOT RUN: scenario last" in done.stdout[done.stdout.index("== summary") :]


def test_a_missing_program_fails(checkout: Path, tmp_path: Path) -> None:
    done = run(checkout, tmp_path, "Part('none', ('no-such-program',))")
    assert done.returncode == 1
    assert "cannot start" in done.stdout


def test_a_part_that_hangs_is_ended_and_fails(checkout: Path, tmp_path: Path) -> None:
    done = run(checkout, tmp_path, "Part('slow', ('sleep', '600'), timeout=0.2)")
    assert done.returncode == 1
    assert "took longer" in done.stdout


def test_tests_are_counted_one_by_one(checkout: Path, tmp_path: Path) -> None:
    line = "= 1 failed, 5 passed, 2 skipped in 0.10s ="
    done = run(checkout, tmp_path, f"Part('t', ('sh', '-c', 'echo {line}; exit 1'), tests=True)", GOOD)
    assert done.stdout.splitlines()[-1] == "==== 6 passed, 1 failed, 2 skipped in 1.00s ===="


def test_an_interrupt_ends_what_was_started(checkout: Path, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    command = f"echo $$ > {pid_file}.new && mv {pid_file}.new {pid_file}; exec sleep 60"
    part = f"Part('slow', ('sh', '-c', {command!r}))"
    environment = {**os.environ, "SWANFLEET_CACHE": str(tmp_path)}
    with subprocess.Popen(program(checkout, tmp_path, part), env=environment, stderr=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 30
        while not pid_file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        running.wait(timeout=30)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


@pytest.mark.parametrize(
    ("function", "output", "complaint"),
    [
        pytest.param("pytest", "no tests ran in 0.01s", "no test ran", id="pytest without tests"),
        pytest.param("pytest", "3 passed in 0.01s", None, id="pytest with tests"),
        pytest.param("pytest", "2 errors in 0.01s", None, id="errors are counted, the exit code fails"),
        pytest.param("sanity", "All targets skipped.", "ansible-test saw no file", id="sanity that saw nothing"),
        pytest.param("sanity", 'Running sanity test "pep8"', "only 1 sanity tests", id="sanity that ran too little"),
        pytest.param("importer", "INFO a\nWARNING: x.yml:1 bad", "1 findings, the first", id="importer's findings"),
        pytest.param("importer", "Importer processing completed", None, id="importer without findings"),
        pytest.param("scenarios", "0 scenarios", "no scenario ran", id="no scenario"),
        pytest.param("scenarios", "scenario default: ok", "no test ran", id="scenario that verifies nothing"),
        pytest.param("ansible_lint", "", "does not say that it passed", id="lint that looked at nothing"),
    ],
)
def test_exit_code_0_is_not_all(checkout: Path, function: str, output: str, complaint: str | None) -> None:
    text = f"import sys; sys.path.insert(0, {str(checkout / 'dev/checks')!r}); import verdicts; "
    text += f"print(verdicts.{function}({output!r}))"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=30, check=True)
    said = done.stdout.strip()
    assert said == "None" if complaint is None else complaint in said
