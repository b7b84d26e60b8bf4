# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ssh into the lab: its configuration file and commands over one kept connection."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from . import places, process
from .errors import LabError
from .host import topology
from .state import State

HOSTS = ("machine", *topology.GATEWAYS)
#: Cheap under emulation: no post-quantum exchange, one small cipher.
CRYPTO = ("KexAlgorithms curve25519-sha256", "Ciphers aes128-gcm@openssh.com,chacha20-poly1305@openssh.com")


def address_of(state: State, host: str) -> tuple[str, int]:
    """Return (address, port) of a host's sshd as seen from here."""
    if state.backend == "direct":
        return topology.plain(topology.SITES[host].management), 22
    return "127.0.0.1", state.ports[host]


def render_ssh_config(state: State) -> str:
    """Return the ssh configuration: the key, the known host key, one kept connection a host."""
    lines = []
    for host in HOSTS:
        if host == "machine" and state.backend == "direct":
            continue
        address, port = address_of(state, host)
        lines += [f"Host {host}", f"  HostName {address}", f"  Port {port}"]
    lines += [
        "Host *",
        "  User root",
        f"  IdentityFile {config_path(state.private_key)}",
        "  IdentitiesOnly yes",
        "  IdentityAgent none",
        "  PreferredAuthentications publickey",
        "  BatchMode yes",
        "  HostKeyAlias lab",
        f"  UserKnownHostsFile {config_path(state.folder / 'known_hosts')}",
        "  GlobalKnownHostsFile /dev/null",
        "  StrictHostKeyChecking yes",
        "  UpdateHostKeys no",
        "  CheckHostIP no",
        "  LogLevel ERROR",
        "  ControlMaster auto",
        "  ControlPersist 1800",
        f"  ControlPath {state.sockets}/%C",
        "  ServerAliveInterval 15",
        "  GSSAPIAuthentication no",
        *(f"  {line}" for line in CRYPTO),
    ]
    return "\n".join(lines) + "\n"


def config_path(path: str | Path) -> str:
    """Return a path for ssh's configuration, where blanks end a word and % begins a token."""
    return '"' + str(path).replace("%", "%%") + '"'


def write_ssh_files(state: State) -> None:
    """Write the configuration and the known host key into the run folder."""
    places.private_folder(state.folder)
    (state.folder / "known_hosts").write_text(f"lab {state.host_key}\n")
    state.ssh_config.write_text(render_ssh_config(state))


def ssh_argv(state: State, host: str, *, options: Sequence[str] = ()) -> list[str]:
    """Return the ssh command up to and with the host."""
    return ["ssh", "-F", str(state.ssh_config), *options, host]


def run_on(
    state: State, host: str, argv: Sequence[str], *, timeout: float, check: bool = True, stdin: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a command on the machine or a gateway by ssh; in a direct lab the machine is this computer."""
    local = host == "machine" and state.backend == "direct"
    command = list(argv) if local else [*ssh_argv(state, host), shlex.join(argv)]
    return complete(command, timeout=timeout, check=check, stdin=stdin, shown=f"{host}: {shlex.join(argv)}")


def complete(
    command: Sequence[str], *, timeout: float, check: bool, stdin: bytes | None, shown: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a command and return it with its output; LabError on timeout, and on failure if checked."""
    try:
        done = subprocess.run(
            list(command),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=timeout,
            check=False,
            env=process.environment(),
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"no end within {timeout:.0f} s: {shown}") from error
    if check and done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise LabError(f"{shown}: exit code {done.returncode}: {said}")
    return done


def await_ssh(state: State, host: str, *, seconds: float, interval: float = 0.1) -> None:
    """Wait until a host lets us in; what answers is the kept connection that later commands use."""
    deadline = time.monotonic() + seconds
    said = "no answer"
    while time.monotonic() < deadline:
        if state.backend == "machine" and not state.guest.runs():
            raise LabError("the machine has ended", log=str(state.folder / "qemu.log"))
        patience = max(1, min(5, int(deadline - time.monotonic())))
        argv = [*ssh_argv(state, host, options=["-o", f"ConnectTimeout={patience}"]), "true"]
        try:
            done = process.run(argv, timeout=patience + 10, check=False)
        except LabError as error:
            said = error.what
            continue
        if done.returncode == 0:
            return
        said = done.stderr.strip() or said
        time.sleep(interval)
    raise LabError(f"{host} does not let us in within {seconds:.0f} s: {said}", log=str(state.folder / "serial.log"))


def close_connections(state: State) -> None:
    """End every kept connection into the lab, those of Ansible too: after a restore the other end knows none."""
    folder = Path(state.sockets)
    for control in folder.iterdir() if folder.is_dir() else ():
        if control.is_socket() and control.name != "qmp":
            process.run(["ssh", "-S", str(control), "-O", "exit", "lab"], timeout=10, check=False)
            control.unlink(missing_ok=True)


def set_clock(state: State) -> None:
    """Give the machine (and with it its gateways) this computer's time; a restored one wakes up in the past."""
    if state.backend == "machine":
        run_on(state, "machine", ["date", "-u", "-s", f"@{time.time():.3f}"], timeout=30)
