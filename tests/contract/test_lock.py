# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs at once, in processes of their own: one waits for the other, for a bounded time, and then says who it is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply import restore, transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import LocalFiles
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.paths import Paths
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import LockBusy
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import ONE, to
from ansible_collections.swanfleet.ipsec.tests.fakes.host import wan_host

# A run that stands still in its middle, under the lock, until it is told to go on.
RUN = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from ansible_collections.swanfleet.ipsec.tests.contract.test_lock import host_at, ONE, to, transaction
def change(gateway):
    print("in the middle", flush=True)
    sys.stdin.readline()
    return to(ONE)(gateway)
transaction.run_transaction(host_at(Path(sys.argv[2])), change, check=False, program="ipsec_gateway")
print("done", flush=True)
"""
COUNTING = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import LocalFiles
counter = Path(sys.argv[3])
for _number in range(50):
    with LocalFiles().lock(sys.argv[2], 60.0, "counting"):
        counter.write_text(str(int(counter.read_text()) + 1))
"""


def host_at(root: Path) -> Host:
    """Return a host with real files below a directory; all else is in memory, and of this process."""
    fake = wan_host()
    return Host(LocalFiles(), fake.kernel, fake.charon, fake.units, Paths(root=str(root)), fake, fake.clock)


@contextmanager
def run_in_the_middle(collections: Path, root: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(collections), str(root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "in the middle\n", process.communicate()
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> float:
    """Make runs of this process wait for the lock for a moment only."""
    for module in (transaction, restore):
        monkeypatch.setattr(module, "LOCK_TIMEOUT_S", 0.3)
    return 0.3


def busy(root: Path, *, by: str) -> str:
    """Run while another run is going on; returns the refusal, after the time that it may take."""
    work: dict[str, Callable[[], object]] = {
        "a run": lambda: transaction.run_transaction(host_at(root), to(ONE), check=False),
        "a restoring": lambda: restore.restore(host_at(root), with_daemon=False),
    }
    started = time.monotonic()
    with pytest.raises(LockBusy) as refused:
        work[by]()
    assert 0.3 <= time.monotonic() - started < 2
    return str(refused.value)


@pytest.mark.parametrize("by", ["a run", "a restoring"])
@pytest.mark.usefixtures("short")
def test_the_second_says_who_the_first_is_and_since_when(collections_path: Path, tmp_path: Path, by: str) -> None:
    with run_in_the_middle(collections_path, tmp_path) as first:
        said = busy(tmp_path, by=by)
        today = time.strftime("%Y-%m-%d")
        assert re.match(rf"process {first.pid}, ipsec_gateway, since {today} \d\d:\d\d:\d\d holds {tmp_path}/run", said)
        assert said.endswith(
            "/run/swanfleet/lock and did not let go of it in 0.3 seconds: run again when it has ended, or end it first if "
            "it hangs; the next run takes back what it has not finished"
        )
        assert not (tmp_path / "var").exists()


def test_the_second_goes_on_when_the_first_ends(collections_path: Path, tmp_path: Path) -> None:
    with run_in_the_middle(collections_path, tmp_path) as first:
        assert first.stdin is not None
        first.stdin.write("go on\n")
        first.stdin.flush()
        outcome = transaction.run_transaction(host_at(tmp_path), to(ONE), check=False)
        assert outcome.before == outcome.after, "it has not seen what the first run has stored"
        assert first.communicate(timeout=10) == ("done\n", "")
    assert not (tmp_path / "run/swanfleet").exists()


@pytest.mark.usefixtures("short")
def test_a_killed_holder_is_not_named_for_the_one_that_came_after_it(collections_path: Path, tmp_path: Path) -> None:
    with run_in_the_middle(collections_path, tmp_path) as first:
        first.kill()
    lock = tmp_path / "run/swanfleet/lock"
    assert f"process {first.pid}, ipsec_gateway" in lock.read_text()
    flock = shutil.which("flock")
    assert flock, "util-linux is not installed"
    with subprocess.Popen(
        [flock, "--no-fork", str(lock), "sh", "-c", "echo held; exec cat"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as other:  # fmt: skip
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert busy(tmp_path, by="a run").startswith(f"process {other.pid}, cat, holds ")
    assert transaction.run_transaction(host_at(tmp_path), to(ONE), check=False).changed
    assert not lock.exists()


def test_no_two_hold_the_lock_at_once_and_no_file_stays(collections_path: Path, tmp_path: Path) -> None:
    counter, lock = tmp_path / "counter", tmp_path / "run/swanfleet/lock"
    counter.write_text("0")
    argv = [sys.executable, "-c", COUNTING, str(collections_path), str(lock), str(counter)]
    processes = [subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) for _number in range(4)]
    assert [process.communicate(timeout=60)[1] for process in processes] == [""] * 4
    assert counter.read_text() == "200"
    assert not lock.parent.exists()
