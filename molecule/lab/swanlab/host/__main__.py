# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the lab host; every one is idempotent. Run as `python3 -m host` beside this folder."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import capture as captures
from . import gateways, network, topology
from .running import HostError, Place, namespaces, run

#: Loaded before any gateway starts, so that no first packet waits for a module.
MODULES = (
    *("overlay", "veth", "bridge", "dummy", "tun", "sch_netem", "nf_tables", "nft_xfrm", "nf_conntrack"),
    *("xfrm_user", "xfrm_interface", "xfrm4_tunnel", "xfrm6_tunnel", "esp4", "esp6", "ah4", "ah6"),
)


def up(place: Place, _args: argparse.Namespace) -> None:
    """Make everything that is missing and wait until the gateways have booted."""
    place.folder.mkdir(parents=True, exist_ok=True)
    run(["modprobe", "-a", *MODULES], check=False)
    if not place.prefix:
        network.hold_switches()
    network.make_bridge(place)
    network.make_lasting(place)
    for gateway in topology.GATEWAYS:
        gateways.start_gateway(place, gateway)
    for gateway in topology.GATEWAYS:
        gateways.await_gateway(place, gateway)


def restart(place: Place, arguments: argparse.Namespace) -> None:
    """Reboot a gateway: its disk stays, its kernel state and /run are new."""
    gateways.stop_gateway(place, arguments.gateway, kill=arguments.kill)
    gateways.start_gateway(place, arguments.gateway)
    if not arguments.no_wait:
        gateways.await_gateway(place, arguments.gateway)


def stop(place: Place, arguments: argparse.Namespace) -> None:
    """Leave a gateway off."""
    gateways.stop_gateway(place, arguments.gateway, kill=arguments.kill)


def start(place: Place, arguments: argparse.Namespace) -> None:
    """Switch a gateway on again."""
    gateways.start_gateway(place, arguments.gateway)
    if not arguments.no_wait:
        gateways.await_gateway(place, arguments.gateway)


def beside(place: Place, arguments: argparse.Namespace) -> None:
    """Move a gateway beside another one, into the same networks; it is rebooted for that."""
    if arguments.gateway == arguments.other or place.seat_file(arguments.other).exists():
        raise HostError(f"{arguments.gateway} cannot stand beside {arguments.other}, which must be another one at home")
    gateways.stop_gateway(place, arguments.gateway, kill=False)
    seat = place.seat_file(arguments.gateway)
    seat.parent.mkdir(exist_ok=True)
    seat.write_text(f"{arguments.other}\n")
    gateways.start_gateway(place, arguments.gateway)
    gateways.await_gateway(place, arguments.gateway)


def down(place: Place, _args: argparse.Namespace) -> None:
    """Remove everything that up made; for a lab directly on a host."""
    for gateway in topology.GATEWAYS:
        name = f"{place.prefix}{gateway}"
        if name in run(place.podman("ps", "-a", "--format", "{{.Names}}"), check=False).split():
            run(place.podman("rm", "--force", "--time", "0", name), timeout=120)
        network.unplug(place, gateway)
        if os.path.ismount(place.root(gateway)):
            run(["umount", str(place.root(gateway))])
    for node in ("wires", *topology.PLAIN_NODES):
        if f"{place.prefix}{node}" in namespaces():
            run(["ip", "netns", "delete", f"{place.prefix}{node}"])
    network.remove_bridge(place)
    # podman keeps mounts of its own in its store, some of them on the very same file system.
    for mount in mounts_below(place.folder / "podman"):
        run(["umount", mount])
    for name in ("gateways", "podman", "seats", "wired"):
        left = place.folder / name
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink(missing_ok=True)


def mounts_below(folder: Path) -> list[str]:
    """Return the mount points below a folder, the innermost first."""
    mounts = (line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines())
    return [mount for mount in mounts if mount.startswith(f"{folder}/")][::-1]


def capture(place: Place, arguments: argparse.Namespace) -> None:
    """Start or stop the capture of what gateways send."""
    folder = place.folder / "capture"
    if arguments.action == "start":
        sites = arguments.site or topology.GATEWAYS
        taps = {f"{site}-{link.device}": f"{link.tag}-tap" for site in sites for link in topology.SITES[site].uplinks}
        captures.start(folder, namespace=f"{place.prefix}wires", taps=taps)
    else:
        print(captures.stop(folder, namespace=f"{place.prefix}wires"))


def bare(place: Place, arguments: argparse.Namespace) -> None:
    """Purge strongSwan from a gateway."""
    gateways.purge_strongswan(place, arguments.gateway)


def netem(place: Place, arguments: argparse.Namespace) -> None:
    """Set or clear delay and loss of an uplink."""
    if arguments.clear:
        network.clear(place, arguments.site, arguments.uplink)
    else:
        network.impair(place, arguments.site, arguments.uplink, delay=arguments.delay, loss=arguments.loss)


def link(place: Place, arguments: argparse.Namespace) -> None:
    """Plug an uplink in or out, or make it silent."""
    network.set_link(place, arguments.site, arguments.uplink, state=arguments.state)


COMMANDS: dict[str, Callable[[Place, argparse.Namespace], None]] = {
    "up": up,
    "down": down,
    "restart": restart,
    "stop": stop,
    "start": start,
    "bare": bare,
    "beside": beside,
    "netem": netem,
    "link": link,
    "capture": capture,
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the lab host's commands."""
    top = argparse.ArgumentParser(prog="host")
    top.add_argument("--folder", type=Path, required=True)
    top.add_argument("--lower", default="/")
    top.add_argument("--prefix", default="")
    top.add_argument("--bridge", default=topology.MANAGEMENT_BRIDGE)
    commands = top.add_subparsers(dest="command", required=True)
    for name in ("up", "down"):
        commands.add_parser(name)
    for name in ("restart", "stop", "start", "bare"):
        command = commands.add_parser(name)
        command.add_argument("gateway", choices=topology.GATEWAYS)
        command.add_argument("--kill", action="store_true")
        command.add_argument("--no-wait", action="store_true")
    command = commands.add_parser("beside")
    command.add_argument("gateway", choices=topology.GATEWAYS)
    command.add_argument("other", choices=topology.GATEWAYS)
    for name in ("netem", "link"):
        command = commands.add_parser(name)
        command.add_argument("site", choices=topology.GATEWAYS)
        command.add_argument("uplink")
        if name == "link":
            command.add_argument("state", choices=("up", "down", "silent"))
            continue
        command.add_argument("--delay")
        command.add_argument("--loss")
        command.add_argument("--clear", action="store_true")
    command = commands.add_parser("capture")
    command.add_argument("action", choices=("start", "stop"))
    command.add_argument("--site", choices=topology.GATEWAYS, action="append")
    return top


def main(argv: Sequence[str]) -> int:
    """Run one command; print a failure as one line and return 1."""
    arguments = parser().parse_args(argv)
    place = Place(arguments.folder, arguments.lower, arguments.prefix, arguments.bridge)
    try:
        COMMANDS[arguments.command](place, arguments)
    except (HostError, captures.CaptureHostError) as error:
        print(f"{arguments.command}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
