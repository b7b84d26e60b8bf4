# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures on the lab host: tcpdump at each tap, ended only after a marker frame has come through."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

#: Ethertype for local experiments (IEEE 802): the marker is no traffic of any node.
MARKER = b"\x02lab\x00\x01" * 2 + b"\x88\xb5" + b"swanfleet lab: end of capture".ljust(46, b"\0")
START_SECONDS = 30.0
DRAIN_SECONDS = 60.0
#: Enough for outer headers, inner addresses and the non-ESP marker.
SNAP_LENGTH = 160


class CaptureHostError(Exception):
    """Say why a capture cannot be trusted."""


def start(folder: Path, *, namespace: str, taps: Mapping[str, str]) -> None:
    """Start a capture of what leaves each tap; taps is name → device. Return when every tcpdump listens."""
    if (folder / "running.json").exists():
        raise CaptureHostError("a capture runs already: stop it first")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    running: dict[str, dict[str, object]] = {}
    started: dict[str, subprocess.Popen[bytes]] = {}
    for name, device in taps.items():
        argv = ["ip", "netns", "exec", namespace, "tcpdump", "-n", "-i", device, "-Q", "out", "-U", "--immediate-mode"]
        argv += ["-Z", "root", "-B", "16384", "-s", str(SNAP_LENGTH), "-w", str(folder / f"{name}.pcap")]
        with (folder / f"{name}.err").open("wb") as errors:
            started[name] = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
                env={**os.environ, "LC_ALL": "C"},
            )
        running[name] = {"pid": started[name].pid, "device": device}
    (folder / "running.json").write_text(json.dumps(running))
    deadline = time.monotonic() + START_SECONDS
    for name, process in started.items():
        while "listening on" not in (said := (folder / f"{name}.err").read_text(errors="replace")):
            # Asked of the process itself: between two programs its command line in /proc is empty for a moment.
            if time.monotonic() > deadline or process.poll() is not None:
                end_all(folder)
                raise CaptureHostError(f"tcpdump at {name} does not listen: {said.strip()}")
            time.sleep(0.02)


def stop(folder: Path, *, namespace: str) -> str:
    """Drain and end the capture; return JSON: name → {pcap, captured, dropped, drained}."""
    try:
        running = json.loads((folder / "running.json").read_text())
    except FileNotFoundError as error:
        raise CaptureHostError("no capture runs") from error
    drained = drain(folder, namespace=namespace, taps={name: entry["device"] for name, entry in running.items()})
    end_all(folder)
    result = {}
    for name in running:
        captured, dropped = counts((folder / f"{name}.err").read_text(errors="replace"))
        result[name] = {
            "pcap": str(folder / f"{name}.pcap"),
            "captured": captured,
            "dropped": dropped,
            "drained": name in drained,
        }
    return json.dumps(result)


def drain(folder: Path, *, namespace: str, taps: Mapping[str, str]) -> set[str]:
    """Send a marker through each tap and return the names whose capture file shows it in time."""
    waiting = dict(taps)
    deadline = time.monotonic() + DRAIN_SECONDS
    sent = 0.0
    while waiting and time.monotonic() < deadline:
        # A marker may be lost where the file is behind, not where it was sent: once a second is plenty.
        if time.monotonic() - sent > 1.0:
            send_markers(namespace, tuple(waiting.values()))
            sent = time.monotonic()
        for name in tuple(waiting):
            if has_marker(folder / f"{name}.pcap"):
                del waiting[name]
        if waiting:
            time.sleep(0.02)
    return set(taps) - set(waiting)


def send_markers(namespace: str, devices: tuple[str, ...]) -> None:
    """Send one marker frame out of each device, from inside the namespace."""
    code = (
        "import socket, sys\n"
        "for device in sys.argv[2:]:\n"
        "    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:\n"
        "        raw.bind((device, 0))\n"
        "        raw.send(bytes.fromhex(sys.argv[1]))\n"
    )
    argv = ["ip", "netns", "exec", namespace, "python3", "-c", code, MARKER.hex(), *devices]
    subprocess.run(argv, check=True, timeout=30)


def has_marker(path: Path) -> bool:
    """Return whether the end of a capture file holds the marker; frames behind it are few."""
    with path.open("rb") as handle:
        size = handle.seek(0, os.SEEK_END)
        handle.seek(max(0, size - 1_000_000))
        return MARKER in handle.read()


def end_all(folder: Path) -> None:
    """End this capture's tcpdumps by SIGINT, which makes them write their counts, and wait until they are gone."""
    running = json.loads((folder / "running.json").read_text())
    pids = [int(entry["pid"]) for entry in running.values()]
    for number, patience in ((signal.SIGINT, 20.0), (signal.SIGKILL, 5.0)):
        for pid in filter(alive, pids):
            os.kill(pid, number)
        deadline = time.monotonic() + patience
        while any(map(alive, pids)) and time.monotonic() < deadline:
            time.sleep(0.02)
    (folder / "running.json").unlink()


def alive(pid: int) -> bool:
    """Return whether pid is a tcpdump (or the `ip netns exec` before it) that still runs."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        words = Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z" and "tcpdump" in words


def counts(said: str) -> tuple[int, int]:
    """Return (captured, dropped by kernel) from tcpdump's last words; -1 where it did not say."""
    captured = re.search(r"^(\d+) packets? captured", said, re.MULTILINE)
    dropped = re.search(r"^(\d+) packets? dropped by kernel", said, re.MULTILINE)
    return int(captured[1]) if captured else -1, int(dropped[1]) if dropped else -1
