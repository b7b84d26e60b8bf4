# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running lab is: one JSON file in its run folder, by which every command finds it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import places
from .machine import Guest


@dataclass(frozen=True)
class State:
    """A running lab; ports are empty for a lab directly on the host."""

    name: str
    backend: str
    release: str
    image_key: str
    snapshot_key: str
    sockets: str
    private_key: str
    host_key: str
    accelerator: str = ""
    why: str = ""
    pid: int = 0
    started: int = 0
    ready: bool = False
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Return the run folder."""
        return places.run_root(self.name)

    @property
    def guest(self) -> Guest:
        """Return the qemu process."""
        return Guest(pid=self.pid, started=self.started)

    @property
    def ssh_config(self) -> Path:
        """Return the configuration that every ssh into the lab uses."""
        return self.folder / "ssh_config"

    @property
    def monitor(self) -> Path:
        """Return qemu's control socket."""
        return Path(self.sockets) / "qmp"

    def write(self) -> None:
        """Write the state, whole or not at all."""
        target = self.folder / "state.json"
        fresh = target.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self), indent=2) + "\n")
        fresh.rename(target)


def read(name: str) -> State | None:
    """Return the state of a lab, or None if it is down."""
    try:
        return State(**json.loads((places.run_root(name) / "state.json").read_text()))
    except FileNotFoundError:
        return None


def runs(state: State) -> bool:
    """Return whether the lab that a state describes is there."""
    if state.backend == "direct":
        return Path(f"/run/netns/{direct_prefix(state.name)}wires").exists()
    return state.guest.runs()


def direct_prefix(name: str) -> str:
    """Return what the names of namespaces and containers begin with where they share the host with others."""
    return f"lab-{name}-"
