# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dev/scenarios runs, with a lab and a molecule that do nothing but say so."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

# It takes over a second, and one of the scenarios fails.
MOLECULE = """#!/bin/sh
sleep 1.1
echo "molecule $*"
[ "$3" != bad ]
"""


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """Return a staged tree with the lab that does nothing, and the other program beside it."""
    lab = tmp_path / "stage/ansible_collections/swanfleet/ipsec/molecule/lab/lab"
    lab.parent.mkdir(parents=True)
    lab.write_text("#!/bin/sh\n[ $1 != requirements ] || echo bash\n")
    program = tmp_path / "bin/molecule"
    program.parent.mkdir()
    program.write_text(MOLECULE)
    for file in (lab, program):
        file.chmod(0o755)
    return tmp_path / "stage"


def run(checkout: Path, stage: Path, *names: str, **more: str) -> subprocess.CompletedProcess[str]:
    path = f"{stage.parent / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        [checkout / "dev/scenarios", stage, *names],
        env={**os.environ, "PATH": path, **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_all_run_and_one_that_fails_is_named(checkout: Path, stage: Path) -> None:
    done = run(checkout, stage, "bad", "good")
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1] == "2 scenarios, 1 failed: bad"
    assert "molecule test -s good" in done.stdout
    assert not (stage / "proofs/not-run").exists()


def test_what_there_is_no_time_for_is_not_run_and_that_is_said(checkout: Path, stage: Path) -> None:
    """The first one is run in any case; it takes over a second."""
    done = run(checkout, stage, "first", "second", SWANFLEET_WITHIN="1")
    assert done.returncode == 0, done.stderr
    assert "molecule test -s first" in done.stdout
    assert "molecule test -s second" not in done.stdout
    assert "NOT RUN: scenario second, as those before it took" in done.stdout
    assert (stage / "proofs/not-run").read_text() == "second\n"


def test_all_are_run_that_there_is_time_for(checkout: Path, stage: Path) -> None:
    run(checkout, stage, "first", "second", SWANFLEET_WITHIN="1")
    done = run(checkout, stage, "first", "second", SWANFLEET_WITHIN="600")
    assert "molecule test -s second" in done.stdout
    assert not (stage / "proofs/not-run").exists()
