# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a lab lives on the lab host, and how programs are run there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import topology


class HostError(Exception):
    """Say what failed on the lab host; main() prints it as one line."""


@dataclass(frozen=True)
class Place:
    """Where this lab lives on the lab host: its folder, the image's root, the prefix of its names."""

    folder: Path
    lower: str
    prefix: str
    bridge: str

    def lower_root(self, release: str) -> Path:
        """Return the root file system of a release: a directory in the image, or the image's root itself."""
        nested = Path(self.lower, "srv", release)
        return nested if nested.is_dir() else Path(self.lower)

    def root(self, gateway: str) -> Path:
        """Return a gateway's root, the merged overlay."""
        return self.folder / "gateways" / gateway / "root"

    def pid_file(self, gateway: str) -> Path:
        """Return the file in which podman writes the pid of a gateway's init."""
        return self.folder / "gateways" / gateway / "pid"

    def seat_file(self, gateway: str) -> Path:
        """Return the file with the name of the gateway that this one stands beside; without it, it is at home."""
        return self.folder / "seats" / gateway

    def site(self, gateway: str) -> topology.Site:
        """Return a gateway's site as it is now: its own, or that of the gateway that it stands beside."""
        site = topology.SITES[gateway]
        try:
            other = self.seat_file(gateway).read_text().strip()
        except FileNotFoundError:
            return site
        return topology.beside(site, topology.SITES[other])

    def podman(self, *argv: str) -> list[str]:
        """Return a podman command whose store is the lab's own."""
        store = self.folder / "podman"
        return ["podman", "--root", f"{store}/root", "--runroot", f"{store}/run", *argv]


def run(argv: Sequence[str], *, timeout: float = 60, check: bool = True, stdin: str | None = None) -> str:
    """Run a program and return its standard output; HostError with its messages on failure."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            list(argv), input=stdin, capture_output=True, text=True, timeout=timeout, check=False, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise HostError(f"no end within {timeout:.0f} s: {' '.join(argv)}") from error
    if check and done.returncode != 0:
        raise HostError(f"{' '.join(argv)}: exit code {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def run_batches(batches: Iterable[topology.Batch]) -> None:
    """Run each batch in its namespace; one process for each, as starting processes is what costs."""
    for batch in batches:
        where = ["-n", batch.namespace] if batch.namespace else []
        run(["ip", *where, "-batch", "-"], stdin="\n".join(batch.lines) + "\n")


def namespaces() -> set[str]:
    """Return the names of the network namespaces that exist."""
    folder = Path("/run/netns")
    return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()


def set_sysctls(namespace: str, **values: str) -> None:
    """Set sysctls inside a namespace; underscores of the first two parts stand for dots."""
    lines = "".join(f"{name.replace('__', '.')} = {value}\n" for name, value in values.items())
    run(["ip", "netns", "exec", namespace, "sysctl", "-q", "-p", "-"], stdin=lines)
