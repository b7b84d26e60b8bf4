# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine against a charon that dies or hangs, and an engine that is killed itself."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError, DependencyMissing
from ansible_collections.swanfleet.ipsec.tests.daemon import charon_process
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host, many, run, state

pytestmark = [pytest.mark.charon, pytest.mark.root]

OLD, NEW = many(50), many(50, lifetime="4h", first=10)
KILLS = 20


@pytest.fixture
def own() -> Iterator[CharonProcess]:
    """Run a charon that the test may harm."""
    reason = charon_process.missing()
    if reason:
        pytest.fail(reason)
    with charon_process.running() as process:
        yield process


def on_disk(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in (root / "etc").rglob("*") if path.is_file()}


@pytest.mark.parametrize("harm", ["freeze", "kill"])
def test_a_dead_charon_is_one_error_in_bounded_time(own: CharonProcess, tmp_path: Path, harm: str) -> None:
    host = engine_host(tmp_path, own.uri, timeout=0.5)
    run(host, OLD)
    files = on_disk(tmp_path)
    getattr(own, harm)()
    host.charon.close()
    started = time.monotonic()
    with pytest.raises(DependencyMissing, match=r"did not answer|does not run") as failed:
        run(host, NEW)
    assert time.monotonic() - started < 3
    assert len(str(failed.value).splitlines()) == 1
    assert (on_disk(tmp_path), host.generations.numbers()) == (files, [1])


def restart(process: CharonProcess) -> None:
    process.kill()
    process.start()


@pytest.mark.parametrize(
    ("harm", "said", "within"),
    [
        # It is waited for at the step that it does not answer, and once more while going back: 0.5 s each.
        pytest.param(CharonProcess.freeze, "files and links are as before the run, but charon could not be told", 4.0, id="hangs"),
        pytest.param(CharonProcess.kill, "files and links are as before the run, and charon, which is down", 4.0, id="dies"),
        pytest.param(restart, "the host is as before the run$", 8.0, id="dies and comes back"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("at", [1, 20, 50])
def test_a_charon_that_goes_during_a_run_leaves_the_old_files(
    own: CharonProcess, tmp_path: Path, *, harm: Callable[[CharonProcess], None], said: str, within: float, at: int
) -> None:
    host = engine_host(tmp_path, own.uri, timeout=0.5)
    run(host, OLD)
    before, files = state(host), on_disk(tmp_path)
    load, loaded = host.charon.load_connection, []

    def harmed(name: str, tree: Any) -> None:
        loaded.append(name)
        if len(loaded) == at:
            harm(own)
        load(name, tree)

    host.charon.load_connection = harmed  # type: ignore[method-assign]
    started = time.monotonic()
    with pytest.raises(ApplyError, match=rf"connection peer\d+: charon .*; {said}"):
        run(host, NEW)
    assert time.monotonic() - started < within
    assert (on_disk(tmp_path), host.generations.current_number()) == (files, 1)
    if harm is restart:
        assert state(host) == before
        assert host.generations.unfinished() == []
    host.charon.close()

    own.thaw() if harm is CharonProcess.freeze else None
    own.start() if harm is CharonProcess.kill else None
    again = engine_host(tmp_path, own.uri)
    restore(again, with_daemon=True)
    assert state(again) == before
    run(again, NEW)
    assert not run(again, NEW).changed
    again.charon.close()


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host, run
from ansible_collections.swanfleet.ipsec.tests.daemon.test_engine_faults import NEW
host = engine_host(Path(sys.argv[2]), sys.argv[3])
host.charon.state()
print("ready", flush=True)
sys.stdin.readline()
run(host, NEW)
print("done", flush=True)
"""


class Run:
    """The engine in a process of its own, stopped just before it runs."""

    def __init__(self, collections: Path, root: Path, uri: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(collections), str(root), uri],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdin is not None
        assert self.process.stdout.readline() == b"ready\n", self.process.communicate()
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()
        self.started = time.monotonic()

    def ended(self) -> float:
        """Return the seconds that a whole run took."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"done\n", self.process.communicate()
        seconds = time.monotonic() - self.started
        self.process.communicate(timeout=10)
        return seconds

    def kill_after(self, seconds: float) -> None:
        """SIGKILL the engine at a moment of its run, or find it done."""
        try:
            self.process.wait(max(0.0, seconds - (time.monotonic() - self.started)))
        except subprocess.TimeoutExpired:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=10)


def reset(host: Host) -> dict[str, Any]:
    run(host, OLD)
    found = state(host)
    host.charon.close()
    return found


def test_a_killed_engine_leaves_old_or_new_at_random_moments(
    own: CharonProcess, tmp_path: Path, collections_path: Path
) -> None:
    host = engine_host(tmp_path, own.uri)
    old = reset(host)
    whole = Run(collections_path, tmp_path, own.uri).ended()
    host = engine_host(tmp_path, own.uri)
    new = state(host)
    host.charon.close()
    assert old != new
    chance = random.Random(20260101)  # noqa: S311  # the same moments of a run each time
    seen: dict[str, int] = {"old": 0, "new": 0, "in the middle": 0}
    # How long a run takes changes with what else the computer does, and so where in it a moment is.
    while seen["old"] + seen["new"] < KILLS or seen["in the middle"] < KILLS // 4:
        assert seen["old"] + seen["new"] < 4 * KILLS, f"the moments missed the run: {seen}"
        host = engine_host(tmp_path, own.uri)
        assert reset(host) == old
        Run(collections_path, tmp_path, own.uri).kill_after(chance.uniform(0, whole * 1.05))

        host = engine_host(tmp_path, own.uri)
        seen["in the middle"] += state(host) not in (old, new)
        restore(host, with_daemon=True)
        found = state(host)
        assert found in (old, new)
        seen["old" if found == old else "new"] += 1
        assert host.generations.unfinished() == []
        run(host, NEW)
        assert state(host) == new
        assert not run(host, NEW).changed
        host.charon.close()
