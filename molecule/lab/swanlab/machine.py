# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual machine: qemu's arguments, its process, its monitor, its snapshots."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import process, requirements
from .errors import LabError
from .host import topology
from .image import Image

SNAPSHOT = "pristine"
MEMORY = 4096
MASKED_ON_MACHINE = ("apparmor.service", "strongswan.service", "nftables.service")
#: Guest addresses behind the forwarded ports; the machine's own is the bridge of topology.py.
GUEST_ADDRESSES = {
    "machine": topology.MANAGEMENT_HOST,
    **{name: topology.plain(site.management) for name, site in topology.SITES.items()},
}


def cores() -> int:
    """Return the machine's number of processors."""
    return min(os.cpu_count() or 1, 4)


def kernel_arguments() -> str:
    """Return the kernel's command line: masks here hold for the machine and not for the gateways in it."""
    masks = " ".join(f"systemd.mask={unit}" for unit in MASKED_ON_MACHINE)
    return f"console=ttyS0 root=/dev/vda rw mitigations=off nokaslr net.ifnames=0 quiet {masks}"


def qemu_argv(
    image: Image,
    *,
    disk: Path,
    accelerator: str,
    ports: dict[str, int],
    monitor: Path,
    serial: Path,
    snapshot: str | None,
) -> list[str]:
    """Return qemu's argument list; `restrict=on` leaves the forwarded ports as the only way in, and none out."""
    if accelerator == "kvm":
        speed = ["-accel", "kvm", "-cpu", "host"]
    else:
        speed = ["-accel", "tcg,thread=multi,tb-size=1024", "-cpu", "max"]
    forwards = "".join(f",hostfwd=tcp:127.0.0.1:{ports[name]}-{GUEST_ADDRESSES[name]}:22" for name in sorted(ports))
    argv = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-machine", "q35", *speed]
    argv += ["-smp", str(cores()), "-m", str(MEMORY), "-display", "none"]
    argv += ["-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", kernel_arguments()]
    argv += ["-drive", f"file={disk},if=virtio,cache=unsafe,format=qcow2"]
    argv += ["-netdev", f"user,id=out,net=172.31.255.0/24,host=172.31.255.254,ipv6=off,restrict=on{forwards}"]
    argv += ["-device", "virtio-net-pci,netdev=out,romfile=", "-device", "virtio-rng-pci"]
    argv += ["-serial", f"file:{serial}", "-qmp", f"unix:{monitor},server=on,wait=off"]
    return [*argv, "-loadvm", snapshot] if snapshot else argv


def free_ports(names: Sequence[str]) -> dict[str, int]:
    """Return a free loopback port for each name."""
    holders = {name: socket.create_server(("127.0.0.1", 0)) for name in names}
    ports = {name: int(holder.getsockname()[1]) for name, holder in holders.items()}
    for holder in holders.values():
        holder.close()
    return ports


def make_overlay(image: Image, disk: Path) -> None:
    """Make an empty disk on top of the image."""
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(image.disk), str(disk)], timeout=30)


def copy_disk(source: Path, target: Path) -> None:
    """Copy a disk with its snapshots; shared blocks where the file system can."""
    process.run(["cp", "--reflink=auto", "--sparse=auto", str(source), str(target)], timeout=300)


@dataclass(frozen=True)
class Guest:
    """A qemu process, told from a later one with the same pid by its start time (clock ticks since boot)."""

    pid: int
    started: int

    def runs(self) -> bool:
        """Return whether this very process still runs."""
        return start_ticks(self.pid) == self.started

    def end(self) -> None:
        """End the process and wait until it is gone; no error if it is already."""
        for number, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
            if not self.runs():
                return
            os.kill(self.pid, number)
            deadline = time.monotonic() + patience
            while self.runs() and time.monotonic() < deadline:
                time.sleep(0.02)
        if self.runs():
            raise LabError(f"qemu (pid {self.pid}) does not end")


def start_ticks(pid: int) -> int | None:
    """Return when a process started, or None if there is none (a zombie is none)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    with contextlib.suppress(ChildProcessError):
        # A child of this process stays a zombie until it is waited for.
        os.waitpid(pid, os.WNOHANG)
    return None if fields[0] in "ZX" else int(fields[19])


def start(argv: Sequence[str], *, log: Path) -> Guest:
    """Start qemu in a session of its own, so that it outlives this command and its terminal."""
    # Not Popen: that wants its child to end before this command does.
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    program = shutil.which(argv[0], path=requirements.search_path())
    if program is None:
        raise LabError(f"{argv[0]} is not installed")
    pid = os.posix_spawn(program, list(argv), process.environment(), file_actions=actions, setsid=True)
    ticks = start_ticks(pid)
    if ticks is None:
        raise LabError("qemu ended at once", log=str(log))
    return Guest(pid=pid, started=ticks)


class Monitor:
    """A connection to qemu's machine protocol (QMP)."""

    def __init__(self, path: Path, *, timeout: float = 120) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(str(path))
            self._stream = self._socket.makefile("rw", encoding="utf-8")
            self._receive()
            self._execute("qmp_capabilities", {})
        except OSError as error:
            self._socket.close()
            raise LabError(f"qemu's monitor does not answer: {error}") from error

    def __enter__(self) -> Monitor:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()

    def human(self, command: str) -> str:
        """Run a command of qemu's human monitor and return what it prints (nothing on success of most)."""
        return str(self._execute("human-monitor-command", {"command-line": command}))

    def save(self) -> None:
        """Store the running machine in its disk, under the one name."""
        if said := self.human(f"savevm {SNAPSHOT}").strip():
            raise LabError(f"qemu could not save the machine: {said}")

    def load(self) -> None:
        """Put the machine back to its snapshot, in place."""
        if said := self.human(f"loadvm {SNAPSHOT}").strip():
            raise LabError(f"qemu could not go back to the snapshot: {said}", advice="lab down, then lab up")

    def _execute(self, command: str, arguments: dict[str, Any]) -> Any:
        self._stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._stream.flush()
        while True:
            answer = self._receive()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise LabError(f"qemu refused {command}: {answer['error'].get('desc')}")

    def _receive(self) -> dict[str, Any]:
        line = self._stream.readline()
        if not line:
            raise LabError("qemu closed its monitor")
        answer = json.loads(line)
        return answer if isinstance(answer, dict) else {}


def qemu_version() -> str:
    """Return the first line that qemu says about its version."""
    return process.run(["qemu-system-x86_64", "--version"], timeout=30).stdout.splitlines()[0]


def kvm_boots(image: Image, *, folder: Path, seconds: float = 10.0) -> bool:
    """Return whether a kernel gets through its early boot under KVM; bounded, since some hosts hang there.

    The kernel is given no init: it panics, reboots at once, and `-no-reboot` makes that the end of qemu.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    serial = folder / "kvm-probe.log"
    argv = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-machine", "q35", "-accel", "kvm", "-cpu", "host"]
    argv += ["-smp", str(cores()), "-m", "512", "-display", "none", "-no-reboot", "-serial", f"file:{serial}"]
    argv += ["-kernel", str(image.kernel), "-initrd", str(image.initrd)]
    argv += ["-append", "console=ttyS0 panic=-1 rdinit=/none root=/none init=/none"]
    child = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=process.environment()
    )
    try:
        code = child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        code = -1
    finally:
        child.kill()
        child.wait()
    return code == 0 and "Kernel panic" in serial.read_text(errors="replace")
