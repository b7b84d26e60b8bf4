# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a lab up, put it back, take it down."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import platform
import shutil
import signal
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from . import connection, direct, image, machine, places, requirements, state
from .errors import LabError
from .image import Image
from .progress import Progress
from .state import State

#: What travels to the lab host.
PROGRAM = Path(__file__).with_name("host")
HOST_FOLDER = "/run/swanlab"
KEPT = 2
FIRST_BOOT_SECONDS = 240.0
RESTORE_SECONDS = 60.0


def program_text() -> dict[str, str]:
    """Return the files that travel to the lab host."""
    return {f"{PROGRAM.name}/{path.name}": path.read_text() for path in sorted(PROGRAM.glob("*.py"))}


def snapshot_key(built: Image, *, accelerator: str, qemu: str) -> str:
    """Return the hash of all that a snapshot depends on, 16 hex digits."""
    placeholder = Path("x")
    made_of = {
        "image": built.key,
        "program": program_text(),
        # Device by device: a snapshot fits into the very same machine only. The image's folder is in it, which is
        # right, for the snapshot's disk names the image by its path.
        "machine": machine.qemu_argv(
            built,
            disk=placeholder,
            accelerator=accelerator,
            ports=dict.fromkeys(connection.HOSTS, 0),
            monitor=placeholder,
            serial=placeholder,
            snapshot=None,
        ),
        "model": processor_model() if accelerator == "kvm" else "",
        "qemu": qemu,
    }
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]


def processor_model() -> str:
    """Return the processor's name and features, which a guest under KVM has seen."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags"))}))


@contextmanager
def ending_by_exception() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into KeyboardInterrupt, so that every way out cleans up."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def up(*, name: str, backend: str, release: str | None, progress: Progress) -> State:
    """Bring a lab up, or return it if it is; on failure nothing is left running."""
    with ending_by_exception(), places.locked(places.run_root(name).with_suffix(".lock"), waiting=progress.say_waiting):
        present = state.read(name)
        if present and present.ready and state.runs(present):
            if release not in (None, present.release) or backend not in ("auto", present.backend):
                raise LabError(
                    f"lab {name} is up with {present.release} on {present.backend}",
                    advice="lab down first, or set SWANFLEET_LAB to another name for a second lab",
                )
            progress.say(f"{name} is up already ({present.backend}, {present.release})")
            return present
        take_down(name)
        release = release or image.DEFAULT_RELEASE
        chosen, why = direct.choose(backend)
        progress.say(f"backend {chosen}: {why}")
        try:
            if chosen == "direct":
                return direct.up(name=name, release=release, why=why, progress=progress)
            return machine_up(name=name, release=release, why=why, progress=progress)
        except BaseException:
            take_down(name)
            raise


def machine_up(*, name: str, release: str, why: str, progress: Progress) -> State:
    """Start the machine from its snapshot, made first if there is none."""
    requirements.require(requirements.PROGRAMS)
    built = image.ensure_image(release, progress=progress)
    accelerator = choose_accelerator(built, progress=progress)
    key = snapshot_key(built, accelerator=accelerator, qemu=machine.qemu_version())
    stored = places.cache_root() / "snapshots" / f"{release}-{key}.qcow2"
    blank = State(
        name=name,
        backend="machine",
        release=release,
        image_key=built.key,
        snapshot_key=key,
        sockets="",
        private_key=str(built.private_key),
        host_key=built.host_key,
        accelerator=accelerator,
        why=why,
    )
    if not stored.exists():
        with places.locked(stored.with_suffix(".lock"), waiting=progress.say_waiting):
            if not stored.exists():
                return make_snapshot(blank, built, stored, progress=progress)
    with progress.step("machine from its snapshot"):
        # The time of use: old snapshots go first.
        os.utime(stored)
        fresh = start_machine(blank, built, disk_from=stored)
        connection.await_ssh(fresh, "machine", seconds=RESTORE_SECONDS)
        connection.set_clock(fresh)
    return finish(fresh)


def make_snapshot(blank: State, built: Image, stored: Path, *, progress: Progress) -> State:
    """Boot the machine, make the gateways, store the whole; the lab stays up."""
    with progress.step(f"first boot of {built.release} ({blank.accelerator})"):
        fresh = start_machine(blank, built, disk_from=None)
        connection.await_ssh(fresh, "machine", seconds=FIRST_BOOT_SECONDS)
        connection.set_clock(fresh)
    with progress.step("gateways: networks, containers, their boot"):
        push_program(fresh)
        said = run_program(fresh, ["up"], timeout=600)
        for host in connection.HOSTS[1:]:
            connection.await_ssh(fresh, host, seconds=60)
    if said:
        progress.say(said)
    with progress.step("snapshot"):
        connection.run_on(fresh, "machine", ["sync"], timeout=60)
        connection.close_connections(fresh)
        with machine.Monitor(fresh.monitor) as monitor:
            monitor.save()
            monitor.human("stop")
            unfinished = stored.with_suffix(".new")
            try:
                machine.copy_disk(fresh.folder / "disk.qcow2", unfinished)
                unfinished.rename(stored)
            finally:
                unfinished.unlink(missing_ok=True)
            monitor.human("cont")
        connection.await_ssh(fresh, "machine", seconds=RESTORE_SECONDS)
    prune(built.release)
    return finish(fresh)


def prune(release: str) -> None:
    """Remove a release's snapshots and images but the two used last, and images that a running lab stands on."""
    root = places.cache_root()
    states = (state.read(entry.parent.name) for entry in (root / "run").glob("*/state.json"))
    used = {present.image_key for present in states if present}
    for pattern in (f"snapshots/{release}-*.qcow2", f"images/{release}-*"):
        by_age = sorted(root.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in by_age[KEPT:]:
            if not any(key in old.name for key in used):
                image.remove_tree(old)


def finish(fresh: State) -> State:
    """Mark a lab as ready for other commands."""
    ready = dataclasses.replace(fresh, ready=True)
    ready.write()
    return ready


def start_machine(blank: State, built: Image, *, disk_from: Path | None) -> State:
    """Start qemu with a disk of its own and write the state at once, so that `lab down` finds it in any case."""
    folder = places.private_folder(blank.folder)
    disk = folder / "disk.qcow2"
    if disk_from:
        machine.copy_disk(disk_from, disk)
    else:
        machine.make_overlay(built, disk)
    # Socket paths are short (108 bytes), folders of users are not.
    sockets = tempfile.mkdtemp(prefix="lab-", dir="/tmp")
    placed = dataclasses.replace(blank, sockets=sockets, ports=machine.free_ports(connection.HOSTS))
    argv = machine.qemu_argv(
        built,
        disk=disk,
        accelerator=placed.accelerator,
        ports=placed.ports,
        monitor=placed.monitor,
        serial=folder / "serial.log",
        snapshot=machine.SNAPSHOT if disk_from else None,
    )
    placed.write()
    guest = machine.start(argv, log=folder / "qemu.log")
    started = dataclasses.replace(placed, pid=guest.pid, started=guest.started)
    started.write()
    connection.write_ssh_files(started)
    return started


def choose_accelerator(built: Image, *, progress: Progress) -> str:
    """Return kvm if a kernel really boots with it here, else tcg; the answer is kept for this kernel and qemu."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    seen = hashlib.sha256(f"{platform.release()} {platform.version()} {machine.qemu_version()}".encode()).hexdigest()[
        :16
    ]
    answer = places.private_folder(places.cache_root() / "probes") / f"kvm-{built.key}-{seen}"
    if not answer.exists():
        with progress.step("does a kernel boot under KVM here? (10 s at most)"):
            boots = machine.kvm_boots(built, folder=answer.parent)
        answer.write_text("kvm\n" if boots else "tcg\n")
        progress.say(f"KVM {'works' if boots else 'does not get a kernel booted here: emulation in software'}")
    return answer.read_text().strip()


def push_program(fresh: State) -> None:
    """Put the lab host's program into its run folder, by one stream."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in program_text().items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    where = host_folder(fresh)
    connection.run_on(fresh, "machine", ["mkdir", "-p", where], timeout=30)
    connection.run_on(fresh, "machine", ["tar", "-C", where, "-xf", "-"], timeout=30, stdin=packed.getvalue())


def host_folder(present: State) -> str:
    """Return the lab's run folder on the lab host."""
    return HOST_FOLDER if present.backend == "machine" else f"{HOST_FOLDER}-{present.name}"


def run_program(present: State, words: list[str], *, timeout: float) -> str:
    """Run the lab host's program and return what it prints."""
    where = host_folder(present)
    argv = ["env", f"PYTHONPATH={where}", "python3", "-m", PROGRAM.name, "--folder", where]
    if present.backend == "direct":
        argv += direct.program_options(present)
    done = connection.run_on(present, "machine", [*argv, *words], timeout=timeout)
    return done.stdout.decode(errors="replace").strip()


def reset(present: State) -> None:
    """Put the running machine back to its pristine snapshot and wait until it lets us in."""
    if present.backend != "machine":
        raise LabError("a lab directly on the host has no snapshot", advice="lab down, then lab up")
    connection.close_connections(present)
    with machine.Monitor(present.monitor) as monitor:
        monitor.load()
    connection.await_ssh(present, "machine", seconds=RESTORE_SECONDS)
    connection.set_clock(present)


def take_down(name: str) -> bool:
    """End a lab and remove its run folder; return whether there was one."""
    present = state.read(name)
    if present is None:
        shutil.rmtree(places.run_root(name), ignore_errors=True)
        return False
    if present.sockets:
        connection.close_connections(present)
    if present.backend == "direct":
        direct.take_down(present)
    elif present.pid:
        present.guest.end()
    if present.sockets:
        shutil.rmtree(present.sockets, ignore_errors=True)
    shutil.rmtree(present.folder, ignore_errors=True)
    return True


def down(*, name: str, progress: Progress) -> bool:
    """Take a lab down; return whether there was one."""
    with places.locked(places.run_root(name).with_suffix(".lock"), waiting=progress.say_waiting):
        return take_down(name)
