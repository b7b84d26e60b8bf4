# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gateways directly on this computer, where its own kernel has what IPsec needs."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from . import connection, image, lifecycle, places, process, requirements
from .errors import LabError
from .progress import Progress
from .state import State, direct_prefix

BRIDGE = "swlab"
PROBE_COMMANDS = (
    ("link", "add", "probe0", "type", "xfrm", "if_id", "1"),
    ("link", "add", "probe1", "type", "veth", "peer", "name", "probe2"),
    (
        *(
            "xfrm",
            "state",
            "add",
            "src",
            "192.0.2.1",
            "dst",
            "192.0.2.2",
            "proto",
            "esp",
            "spi",
            "0x1000",
            "mode",
            "tunnel",
        ),
        *("aead", "rfc4106(gcm(aes))", "0x" + "11" * 20, "128"),
    ),
    (
        *(
            "xfrm",
            "state",
            "add",
            "src",
            "192.0.2.1",
            "dst",
            "192.0.2.2",
            "proto",
            "ah",
            "spi",
            "0x1001",
            "mode",
            "tunnel",
        ),
        *("auth-trunc", "hmac(sha256)", "0x" + "11" * 32, "128"),
    ),
)


def lacks() -> str:
    """Return why gateways cannot run directly here, or nothing if they can; probes in a namespace of its own."""
    if os.geteuid() != 0:
        return "needs root"
    name = f"lab-probe-{os.getpid()}"
    if shutil.which("ip", path=requirements.search_path()) is None:
        return "ip is not installed, so this kernel was not probed"
    made = process.run(["ip", "netns", "add", name], timeout=10, check=False)
    if made.returncode != 0:
        return f"no network namespaces here: {made.stderr.strip()}"
    try:
        for command in PROBE_COMMANDS:
            done = process.run(["ip", "-n", name, *command], timeout=20, check=False)
            if done.returncode != 0:
                return f"this kernel lacks `ip {' '.join(command[:5])}`: {done.stderr.strip().splitlines()[-1]}"
    finally:
        process.run(["ip", "netns", "delete", name], timeout=10)
    # Asked last: only worth installing where the kernel could do it.
    try:
        requirements.require(requirements.DIRECT_PROGRAMS)
    except LabError as error:
        return error.what
    return ""


def choose(wanted: str) -> tuple[str, str]:
    """Return (backend, why); LabError if direct is asked for and cannot be."""
    if wanted == "machine":
        return "machine", "as asked for"
    missing = lacks()
    if wanted == "direct":
        if missing:
            raise LabError(f"no lab directly on this host: {missing}", advice="use --backend machine")
        return "direct", "as asked for"
    return ("machine", missing) if missing else ("direct", "this kernel has XFRM interfaces, ESP and AH")


def lower_root(state: State) -> Path:
    """Return where the image is mounted, read-only, for the gateways' overlays to stand on."""
    return Path(lifecycle.host_folder(state)) / "lower"


def program_options(state: State) -> list[str]:
    """Return the options of the lab host's program for a lab on this computer."""
    return ["--lower", str(lower_root(state)), "--prefix", direct_prefix(state.name), "--bridge", BRIDGE]


def up(*, name: str, release: str, why: str, progress: Progress) -> State:
    """Unpack the root file system and run the same program that the machine runs."""
    built = image.ensure_image(release, progress=progress)
    state = State(
        name=name,
        backend="direct",
        release=release,
        image_key=built.key,
        snapshot_key="",
        sockets=tempfile.mkdtemp(prefix="lab-", dir="/tmp"),
        private_key=str(built.private_key),
        host_key=built.host_key,
        why=why,
    )
    places.private_folder(state.folder)
    state.write()
    connection.write_ssh_files(state)
    lower = lower_root(state)
    lower.mkdir(parents=True, exist_ok=True)
    process.run(["mount", "-o", "loop,ro", str(built.disk), str(lower)], timeout=60)
    with progress.step("gateways: networks, containers, their boot"):
        lifecycle.push_program(state)
        lifecycle.run_program(state, ["up"], timeout=600)
        for host in connection.HOSTS[1:]:
            connection.await_ssh(state, host, seconds=60)
    return lifecycle.finish(state)


def take_down(state: State) -> None:
    """Remove the gateways and namespaces of a lab on this computer."""
    folder = Path(lifecycle.host_folder(state))
    if (folder / "host").is_dir():
        lifecycle.run_program(state, ["down"], timeout=120)
    if lower_root(state).is_mount():
        process.run(["umount", str(lower_root(state))], timeout=60)
    image.remove_tree(folder)
