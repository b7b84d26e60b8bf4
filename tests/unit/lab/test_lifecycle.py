# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left when a lab ends, in whichever way."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from swanlab import cli, direct, image, lifecycle, machine, places, process, requirements, state
from swanlab.errors import LabError
from swanlab.progress import Progress
from swanlab.state import State

SLEEPER = [sys.executable, "-c", "import time; time.sleep(300)"]


@pytest.fixture
def running(machine_state: State, cache: Path) -> State:
    """Return the state of a lab whose qemu is a process that sleeps."""
    places.private_folder(machine_state.folder)
    guest = machine.start(SLEEPER, log=cache / "log")
    present = dataclasses.replace(
        machine_state, sockets=str(cache / "sockets"), pid=guest.pid, started=guest.started, ready=True
    )
    present.write()
    return present


def test_down_ends_the_process_and_removes_the_run_folder(running: State) -> None:
    assert state.runs(running)
    assert cli.main(["down"]) == 0
    assert not state.runs(running)
    assert not running.folder.exists()


@pytest.mark.usefixtures("running")
def test_down_twice_is_no_error() -> None:
    assert [cli.main(["down"]), cli.main(["down"])] == [0, 0]


def test_down_leaves_a_process_alone_that_has_only_the_same_pid(running: State) -> None:
    dataclasses.replace(running, started=running.started - 1).write()
    try:
        assert cli.main(["down"]) == 0
        assert running.guest.runs()
    finally:
        running.guest.end()


@pytest.mark.parametrize("failure", [LabError("no"), KeyboardInterrupt()], ids=["an error", "Ctrl-C"])
def test_an_up_that_fails_leaves_nothing_running(
    monkeypatch: pytest.MonkeyPatch, machine_state: State, cache: Path, failure: BaseException
) -> None:
    guests: list[machine.Guest] = []

    def fail(**_: object) -> State:
        places.private_folder(machine_state.folder)
        guest = machine.start(SLEEPER, log=cache / "log")
        guests.append(guest)
        dataclasses.replace(machine_state, sockets=str(cache / "s"), pid=guest.pid, started=guest.started).write()
        raise failure

    monkeypatch.setattr(lifecycle, "machine_up", fail)
    with pytest.raises(type(failure)):
        lifecycle.up(name="default", backend="machine", release=None, progress=Progress(quiet=True))
    assert not guests[0].runs()
    assert not machine_state.folder.exists()


def test_up_when_up_does_nothing(running: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "machine_up", lambda **_: pytest.fail("started again"))
    try:
        assert cli.main(["up"]) == 0
        assert running.guest.runs()
    finally:
        running.guest.end()


def test_up_with_another_release_refuses(running: State, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        assert cli.main(["up", "--release", "trixie"]) == 1
        assert "is up with bookworm" in capsys.readouterr().err
    finally:
        running.guest.end()


def test_status_of_a_lab_that_is_down(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["up"] is False


def test_a_command_for_a_lab_that_is_down_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reset"]) == 1
    assert "lab default is down\n  do:  lab up" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "UPPER", "a/b", "-a", "a" * 21])
def test_an_unsafe_lab_name_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SWANFLEET_LAB", name)
    assert cli.main(["status"]) == 1


def test_clean_refuses_while_a_lab_runs(running: State) -> None:
    try:
        assert cli.main(["clean"]) == 1
    finally:
        running.guest.end()
    assert cli.main(["clean"]) == 0


def test_half_a_build_never_gets_an_images_name(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    def fail(release: str, folder: Path, *, progress: Progress) -> None:
        del release, progress
        folder.mkdir(parents=True)
        (folder / "root.tar").write_text("half")
        raise LabError("no network")

    monkeypatch.setattr(image, "build", fail)
    monkeypatch.setattr(requirements, "require", lambda _: None)
    with pytest.raises(LabError, match="no network"):
        image.ensure_image("bookworm", progress=Progress(quiet=True))
    assert [path.name for path in (cache / "images").iterdir() if path.is_dir()] == []


def test_missing_programs_are_one_error_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "search_path", lambda: "/nowhere")
    with pytest.raises(LabError) as error:
        requirements.require({"a": "package-a", "b": "package-b", "c": "package-a"})
    assert error.value.advice == "apt-get install --no-install-recommends package-a package-b"


def test_requirements_prints_package_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["requirements"]) == 0
    assert {"qemu-system-x86", "mmdebstrap"} <= set(capsys.readouterr().out.split())


def test_a_failed_program_names_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(LabError, match=rf"failed with exit code 7\n  log: {log}\n  do:  look") as error:
        process.run_together({log: ["sh", "-c", "echo broken; exit 7"]}, timeout=10, advice="look")
    assert error.value.log == str(log)
    assert log.read_text().endswith("broken\n")


def test_a_program_that_takes_too_long_ends_with_its_children(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with pytest.raises(LabError, match="did not end within"):
        process.run_together({tmp_path / "log": ["sh", "-c", f"sleep 300 & echo $! > {pid_file}; wait"]}, timeout=0.5)
    child = int(pid_file.read_text())
    deadline = time.monotonic() + 10
    # It has got the signal at the same moment as its parent, whose end is what was waited for.
    while machine.start_ticks(child) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert machine.start_ticks(child) is None


def test_the_second_holder_of_a_lock_is_told_and_waits(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import fcntl, sys\n"
        "handle = open(sys.argv[1], 'a')\n"
        "fcntl.flock(handle, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        told: list[float] = []

        def let_go() -> None:
            told.append(time.monotonic())
            holder.communicate()

        with places.locked(path, waiting=let_go):
            assert len(told) == 1
            assert holder.poll() == 0


def test_auto_takes_the_machine_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "lacks", lambda: "this kernel lacks XFRM interfaces")
    assert direct.choose("auto") == ("machine", "this kernel lacks XFRM interfaces")
    with pytest.raises(LabError, match="this kernel lacks XFRM interfaces"):
        direct.choose("direct")


def test_auto_takes_this_computer_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "lacks", lambda: "")
    assert direct.choose("auto")[0] == "direct"


def test_pruning_keeps_what_was_used_last_and_what_runs(running: State, cache: Path) -> None:
    import os

    images = cache / "images"
    for age, key in enumerate(("new", "newer", "old", running.image_key)):
        folder = images / f"bookworm-{key}"
        folder.mkdir(parents=True)
        os.utime(folder, (1000 - age, 1000 - age))
    try:
        lifecycle.prune("bookworm")
    finally:
        running.guest.end()
    assert {path.name for path in images.iterdir()} == {"bookworm-new", "bookworm-newer", "bookworm-k1"}
