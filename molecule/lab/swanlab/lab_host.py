# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that runs on the lab host: it makes namespaces and gateways, impairs links, captures.

It travels with topology.py and capture_host.py into the lab's run folder there; standard library only. Every command
is idempotent.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

# A script on the lab host, a module of the package for type checks and tests.
if __package__:
    from . import capture_host, topology
else:
    import capture_host
    import topology

#: Loaded before any gateway starts, so that no first packet waits for a module.
MODULES = (
    "overlay veth bridge xfrm_user xfrm_interface esp4 esp6 ah4 ah6 xfrm4_tunnel xfrm6_tunnel sch_netem dummy "
    "nf_tables nft_xfrm nf_conntrack tun"
).split()
#: What a gateway must not have from the lab host: its network unit, its devices' manager.
LAB_ONLY = ("etc/systemd/system/lab-uplink.service", "etc/systemd/system/multi-user.target.wants/lab-uplink.service")
MASKED_IN_GATEWAYS = (
    "systemd-udevd.service",
    "systemd-udev-trigger.service",
    "systemd-udevd-kernel.socket",
    "systemd-udevd-control.socket",
    "systemd-pstore.service",
    "systemd-logind.service",
)
BOOT_SECONDS = 240
STRONGSWAN_PATTERNS = ("strongswan*", "libstrongswan*", "libcharon*", "charon-*")


class HostError(Exception):
    """Say what failed on the lab host; main() prints it as one line."""


@dataclass(frozen=True)
class Place:
    """Where this lab lives on the lab host: its folder, the gateways' lower root, the prefix of its names."""

    folder: Path
    lower: str
    prefix: str
    bridge: str

    def root(self, gateway: str) -> Path:
        """Return a gateway's root, the merged overlay."""
        return self.folder / "gateways" / gateway / "root"

    def pid_file(self, gateway: str) -> Path:
        """Return the file in which podman writes the pid of a gateway's init."""
        return self.folder / "gateways" / gateway / "pid"

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


def make_lasting(place: Place) -> None:
    """Make wires, router and hosts, once."""
    mark = place.folder / "wired"
    if mark.exists():
        return
    names = [f"{place.prefix}{name}" for name in ("wires", *topology.PLAIN_NODES)]
    for name in names:
        if name in namespaces():
            run(["ip", "netns", "delete", name])
        run(["ip", "netns", "add", name])
    wires, router = f"{place.prefix}wires", f"{place.prefix}router"
    # The wires are cables: they must not speak.
    set_sysctls(wires, net__ipv6__conf__default__disable_ipv6="1", net__ipv6__conf__all__disable_ipv6="1")
    run_batches(topology.lasting_batches(prefix=place.prefix))
    set_sysctls(
        router,
        net__ipv4__ip_forward="1",
        net__ipv6__conf__all__forwarding="1",
        net__ipv4__conf__all__rp_filter="0",
        net__ipv4__conf__default__rp_filter="0",
    )
    mark.touch()


def make_root(place: Place, gateway: str) -> None:
    """Mount a gateway's root, an overlay of the lower root, and make it a host of its own."""
    base = place.folder / "gateways" / gateway
    root = place.root(gateway)
    if os.path.ismount(root):
        return
    for part in ("upper", "work", "root"):
        (base / part).mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={place.lower},upperdir={base}/upper,workdir={base}/work"
    run(["mount", "-t", "overlay", f"lab-{gateway}", "-o", options, str(root)])
    (root / "etc/hostname").write_text(f"{gateway}\n")
    (root / "etc/hosts").write_text(f"127.0.0.1\tlocalhost\n127.0.1.1\t{gateway}\n::1\tlocalhost ip6-localhost\n")
    number = topology.GATEWAYS.index(gateway) + 1
    (root / "etc/machine-id").write_text(f"{number:032x}\n")
    shutil.rmtree(root / "var/log/journal", ignore_errors=True)
    for name in LAB_ONLY:
        (root / name).unlink(missing_ok=True)
    for unit in MASKED_IN_GATEWAYS:
        link = root / "etc/systemd/system" / unit
        if not link.is_symlink():
            link.symlink_to("/dev/null")


def plug(place: Place, gateway: str) -> None:
    """Give a gateway a new network namespace with its links, as a computer has them at power-on."""
    name = f"{place.prefix}{gateway}"
    run(["ip", "netns", "add", name])
    site = topology.SITES[gateway]
    run_batches(topology.gateway_batches(site, prefix=place.prefix, bridge_name=place.bridge))


def unplug(place: Place, gateway: str) -> None:
    """Remove a gateway's links and namespace."""
    site = topology.SITES[gateway]
    for batch in topology.unplug_batches(site, prefix=place.prefix, bridge_name=place.bridge):
        where = ["-n", batch.namespace] if batch.namespace else []
        # -force goes on where a link is gone already.
        run(["ip", *where, "-force", "-batch", "-"], stdin="\n".join(batch.lines) + "\n", check=False)
    if f"{place.prefix}{gateway}" in namespaces():
        run(["ip", "netns", "delete", f"{place.prefix}{gateway}"])


def pid_of(place: Place, gateway: str) -> int | None:
    """Return the pid of a gateway's init, or None if it does not run."""
    try:
        pid = int(place.pid_file(gateway).read_text())
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if words[0] == "/sbin/init" else None


def start_gateway(place: Place, gateway: str) -> None:
    """Start a gateway's container in a new namespace; the container is made at the first start."""
    if pid_of(place, gateway) is not None:
        return
    make_root(place, gateway)
    unplug(place, gateway)
    plug(place, gateway)
    name = f"{place.prefix}{gateway}"
    place.pid_file(gateway).unlink(missing_ok=True)
    if name in run(place.podman("ps", "-a", "--format", "{{.Names}}")).split():
        run(place.podman("start", name), timeout=120)
        return
    options = ["--name", name, "--hostname", gateway, "--privileged", "--systemd=always", "--no-hosts", "--dns=none"]
    options += ["--network", f"ns:/run/netns/{name}", "--pidfile", str(place.pid_file(gateway))]
    options += ["--log-driver", "k8s-file", "--rootfs", str(place.root(gateway))]
    run(place.podman("run", "-d", *options, "/sbin/init"), timeout=120)


def inside(place: Place, gateway: str, *argv: str) -> list[str]:
    """Return the command that runs argv inside a gateway."""
    pid = pid_of(place, gateway)
    if pid is None:
        raise HostError(f"{gateway} does not run")
    return ["nsenter", "-t", str(pid), "-m", "-u", "-i", "-n", "-p", "-C", "--", *argv]


def await_gateway(place: Place, gateway: str) -> None:
    """Wait until a gateway's systemd has finished booting; raise HostError if what the lab needs failed."""
    deadline = time.monotonic() + BOOT_SECONDS
    state = ""
    while time.monotonic() < deadline:
        state = run(inside(place, gateway, "systemctl", "is-system-running", "--wait"), timeout=BOOT_SECONDS, check=False).strip()
        # Before systemd listens on its bus the answer is empty or "offline".
        if state in ("running", "degraded"):
            break
        time.sleep(0.2)
    else:
        raise HostError(f"{gateway} did not finish booting within {BOOT_SECONDS} s (state {state or 'unknown'})")
    failed = run(inside(place, gateway, "systemctl", "list-units", "--failed", "--plain", "--no-legend"), check=False)
    units = [line.split()[0] for line in failed.splitlines() if line]
    broken = {"ssh.service"} & set(units)
    if broken:
        raise HostError(f"{gateway}: {', '.join(sorted(broken))} failed: see journalctl there")
    if units:
        print(f"{gateway}: failed units: {' '.join(units)}")


def up(place: Place, _: argparse.Namespace) -> None:
    """Make everything that is missing and wait until the gateways have booted."""
    place.folder.mkdir(parents=True, exist_ok=True)
    run(["modprobe", "-a", *MODULES], check=False)
    make_lasting(place)
    for gateway in topology.GATEWAYS:
        start_gateway(place, gateway)
    for gateway in topology.GATEWAYS:
        await_gateway(place, gateway)


def stop_gateway(place: Place, gateway: str, *, kill: bool) -> None:
    """Stop a gateway: by its own shutdown, or as a power cut does."""
    name = f"{place.prefix}{gateway}"
    if pid_of(place, gateway) is not None:
        if kill:
            run(place.podman("kill", "--signal", "KILL", name))
        else:
            run(place.podman("stop", "--time", "90", name), timeout=120)
    run(place.podman("wait", name), timeout=60)
    unplug(place, gateway)


def restart(place: Place, arguments: argparse.Namespace) -> None:
    """Reboot a gateway: its disk stays, its kernel state and /run are new."""
    stop_gateway(place, arguments.gateway, kill=arguments.kill)
    start_gateway(place, arguments.gateway)
    if not arguments.no_wait:
        await_gateway(place, arguments.gateway)


def stop(place: Place, arguments: argparse.Namespace) -> None:
    """Leave a gateway off."""
    stop_gateway(place, arguments.gateway, kill=arguments.kill)


def start(place: Place, arguments: argparse.Namespace) -> None:
    """Switch a gateway on again."""
    start_gateway(place, arguments.gateway)
    if not arguments.no_wait:
        await_gateway(place, arguments.gateway)


def bare(place: Place, arguments: argparse.Namespace) -> None:
    """Purge strongSwan from a gateway, as if it had never been installed."""
    names = run(
        inside(place, arguments.gateway, "dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Package}\n", *STRONGSWAN_PATTERNS),
        check=False,
    )
    present = [line.split()[-1] for line in names.splitlines() if not line.startswith("un")]
    if present:
        command = inside(place, arguments.gateway, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "purge", "-y", *present)
        run(command, timeout=300)
    left = place.root(arguments.gateway) / "etc/swanctl"
    shutil.rmtree(left, ignore_errors=True)


def impair(place: Place, arguments: argparse.Namespace) -> None:
    """Set or clear delay and loss of an uplink, the same in each direction."""
    link = topology.uplink(arguments.site, arguments.uplink)
    for device in (f"{link.tag}-in", f"{link.tag}-net"):
        where = ["tc", "-n", f"{place.prefix}wires", "qdisc"]
        if arguments.clear:
            run([*where, "delete", "dev", device, "root"], check=False)
            continue
        how = [word for option in ("delay", "loss") if getattr(arguments, option) for word in (option, getattr(arguments, option))]
        run([*where, "replace", "dev", device, "root", "netem", "limit", "100000", *how])


def link(place: Place, arguments: argparse.Namespace) -> None:
    """Plug an uplink in or out, or make it silent: the carrier stays and nothing passes."""
    wire = topology.uplink(arguments.site, arguments.uplink)
    want = {"up": ("up", "up"), "down": ("down", "up"), "silent": ("up", "down")}[arguments.state]
    lines = tuple(f"link set {wire.tag}-{end} {state}" for end, state in zip(("gw", "in"), want, strict=True))
    run_batches([topology.Batch(f"{place.prefix}wires", lines)])


def down(place: Place, _: argparse.Namespace) -> None:
    """Remove everything that up made; for a lab directly on a host."""
    for gateway in topology.GATEWAYS:
        name = f"{place.prefix}{gateway}"
        if name in run(place.podman("ps", "-a", "--format", "{{.Names}}"), check=False).split():
            run(place.podman("rm", "--force", "--time", "0", name), timeout=120)
        unplug(place, gateway)
        if os.path.ismount(place.root(gateway)):
            run(["umount", str(place.root(gateway))])
    for node in ("wires", *topology.PLAIN_NODES):
        if f"{place.prefix}{node}" in namespaces():
            run(["ip", "netns", "delete", f"{place.prefix}{node}"])
    run(["umount", "--lazy", str(place.folder / "podman/root/overlay")], check=False)
    shutil.rmtree(place.folder, ignore_errors=True)


def capture(place: Place, arguments: argparse.Namespace) -> None:
    """Start or stop the capture of what gateways send."""
    folder = place.folder / "capture"
    if arguments.action == "start":
        sites = topology.GATEWAYS if arguments.site == "both" else (arguments.site,)
        taps = {f"{site}-{link.device}": f"{link.tag}-tap" for site in sites for link in topology.SITES[site].uplinks}
        capture_host.start(folder, namespace=f"{place.prefix}wires", taps=taps)
    else:
        print(capture_host.stop(folder, namespace=f"{place.prefix}wires"))


COMMANDS: dict[str, Callable[[Place, argparse.Namespace], None]] = {
    "up": up,
    "down": down,
    "restart": restart,
    "stop": stop,
    "start": start,
    "bare": bare,
    "netem": impair,
    "link": link,
    "capture": capture,
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the lab host's commands."""
    top = argparse.ArgumentParser(prog="lab_host")
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
    command.add_argument("--site", choices=(*topology.GATEWAYS, "both"), default="both")
    return top


def main(argv: Sequence[str]) -> int:
    """Run one command; print a failure as one line and return 1."""
    arguments = parser().parse_args(argv)
    place = Place(arguments.folder, arguments.lower, arguments.prefix, arguments.bridge)
    try:
        COMMANDS[arguments.command](place, arguments)
    except (HostError, capture_host.CaptureHostError) as error:
        print(f"{arguments.command}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
