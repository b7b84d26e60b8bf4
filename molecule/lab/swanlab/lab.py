# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running lab as tests and playbooks use it."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import capture, connection, image, inventory, lifecycle, places, process, state
from .errors import LabError
from .host import topology

NODES = ("machine", *topology.NODES)


class Capturing:
    """A capture that runs; its report is there after the block."""

    def __init__(self) -> None:
        self._report: capture.Report | None = None

    @property
    def report(self) -> capture.Report:
        """Return the counts; LabError while the capture still runs."""
        if self._report is None:
            raise LabError("the capture still runs: read its report after the block")
        return self._report

    def end(self, report: capture.Report) -> None:
        """Store the report."""
        self._report = report


class Lab:
    """A running lab."""

    def __init__(self, present: state.State) -> None:
        self.state = present

    @classmethod
    def running(cls, name: str | None = None) -> Lab:
        """Return the lab of that name (else of `SWANFLEET_LAB`); LabError if it is down."""
        name = name or places.lab_name()
        present = state.read(name)
        if present is None or not present.ready or not state.runs(present):
            raise LabError(f"lab {name} is down", advice="lab up")
        return cls(present)

    def command(self, node: str, argv: Sequence[str]) -> str:
        """Return the command line that runs argv on a node, for the shell of the lab host."""
        words = shlex.join(argv)
        if node == "machine":
            return words
        if node in topology.GATEWAYS:
            pid = shlex.quote(f"{lifecycle.host_folder(self.state)}/gateways/{node}/pid")
            return f'nsenter -t "$(cat {pid})" -m -u -i -n -p -C -- {words}'
        if node in topology.PLAIN_NODES:
            prefix = state.direct_prefix(self.state.name) if self.state.backend == "direct" else ""
            return f"nsenter --net=/run/netns/{prefix}{node} -- {words}"
        raise LabError(f"there is no node {node}", advice="use one of: " + ", ".join(NODES))

    def run(
        self,
        node: str,
        argv: Sequence[str],
        *,
        timeout: float = 60,
        check: bool = True,
        input: str | None = None,  # noqa: A002  # the name that subprocess gives it
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a node and return its output as text; LabError on timeout, and on failure if checked.

        The lab host ends the command as well, shortly after the timeout.
        """
        bounded = f"exec timeout -k 5 {timeout + 2:.0f} {self.command(node, argv)}"
        shown = f"{node}: {shlex.join(argv)}"
        shell = ["sh", "-c"] if self.state.backend == "direct" else connection.ssh_argv(self.state, "machine")
        data = None if input is None else input.encode()
        done = connection.complete([*shell, bounded], timeout=timeout, check=False, stdin=data, shown=shown)
        output, errors = (stream.decode(errors="replace") for stream in (done.stdout, done.stderr))
        if check and done.returncode != 0:
            raise LabError(f"{shown}: exit code {done.returncode}: {(errors or output).strip()}")
        return subprocess.CompletedProcess(list(argv), done.returncode, output, errors)

    def reset(self) -> None:
        """Put the lab back to its pristine state and wait until the machine lets us in."""
        lifecycle.reset(self.state)

    def restart(self, node: str, *, kill: bool = False, wait: bool = True) -> None:
        """Reboot a gateway: its disk stays, its kernel state and /run are new; kill is a power cut."""
        self._power("restart", node, kill=kill, wait=wait)

    def stop(self, node: str, *, kill: bool = False) -> None:
        """Switch a gateway off."""
        self._power("stop", node, kill=kill, wait=False)

    def start(self, node: str, *, wait: bool = True) -> None:
        """Switch a gateway on."""
        self._power("start", node, kill=False, wait=wait)

    def _power(self, what: str, node: str, *, kill: bool, wait: bool) -> None:
        process.run(connection.ssh_argv(self.state, node, options=["-O", "exit"]), timeout=10, check=False)
        words = [what, node, *(["--kill"] if kill else []), *([] if wait else ["--no-wait"])]
        lifecycle.run_program(self.state, words, timeout=400)
        if wait:
            connection.await_ssh(self.state, node, seconds=60)

    def bare(self, node: str) -> None:
        """Purge strongSwan from a gateway."""
        lifecycle.run_program(self.state, ["bare", node], timeout=400)

    def beside(self, gateway: str, other: str) -> None:
        """Move a gateway beside another one, into the same networks with the addresses that follow; it is rebooted."""
        process.run(connection.ssh_argv(self.state, gateway, options=["-O", "exit"]), timeout=10, check=False)
        lifecycle.run_program(self.state, ["beside", gateway, other], timeout=400)
        connection.await_ssh(self.state, gateway, seconds=60)

    def netem(self, site: str, uplink: str, *, delay: str = "", loss: str = "") -> None:
        """Delay and lose packets of an uplink, in each direction; without either, clear both."""
        words = [*(["--delay", delay] if delay else []), *(["--loss", loss] if loss else [])]
        lifecycle.run_program(self.state, ["netem", site, uplink, *(words or ["--clear"])], timeout=60)

    def link(self, site: str, uplink: str, want: str) -> None:
        """Plug an uplink in (`up`) or out (`down`), or keep its carrier and pass nothing (`silent`)."""
        lifecycle.run_program(self.state, ["link", site, uplink, want], timeout=60)

    def start_capture(self, *, sites: Sequence[str] = topology.GATEWAYS) -> None:
        """Start to capture what gateways send; return when every tcpdump listens."""
        words = [word for site in sites for word in ("--site", site)]
        lifecycle.run_program(self.state, ["capture", "start", *words], timeout=90)

    def stop_capture(self) -> None:
        """Drain and end the capture, and bring its files into the run folder."""
        told = json.loads(lifecycle.run_program(self.state, ["capture", "stop"], timeout=150))
        folder = self.capture_folder
        image.remove_tree(folder)
        folder.mkdir(parents=True)
        names = [f"{name}.pcap" for name in told]
        argv = ["tar", "-C", f"{lifecycle.host_folder(self.state)}/capture", "-cf", "-", *names]
        packed = connection.run_on(self.state, "machine", argv, timeout=300).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            for name in names:
                content = archive.extractfile(name)
                (folder / name).write_bytes(content.read() if content else b"")
        (folder / "capture.json").write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")

    def capture_report(self, *, protected: Sequence[str] = ()) -> capture.Report:
        """Return the counts of the last finished capture; protected defaults to the networks behind the gateways."""
        return capture.build_report(self.capture_folder, protected=protected)

    @contextmanager
    def capture(
        self, *, sites: Sequence[str] = topology.GATEWAYS, protected: Sequence[str] = ()
    ) -> Iterator[Capturing]:
        """Capture during the block; the report is in what the block was given."""
        running = Capturing()
        self.start_capture(sites=sites)
        try:
            yield running
        finally:
            self.stop_capture()
        running.end(self.capture_report(protected=protected))

    @property
    def capture_folder(self) -> Path:
        """Return where the last capture's files lie on this computer."""
        return self.state.folder / "capture"

    def inventory(self) -> str:
        """Return the Ansible inventory, YAML."""
        return inventory.render_inventory(self.state)
