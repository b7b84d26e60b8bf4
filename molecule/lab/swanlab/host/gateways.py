# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make, start, stop and prepare the gateways: systemd containers, each on an overlay of its release's root file system."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path

from . import topology
from .network import plug, unplug
from .running import HostError, Place, run

#: The lab host's own unit, which a gateway must not have.
LAB_ONLY = ("etc/systemd/system/lab-uplink.service", "etc/systemd/system/multi-user.target.wants/lab-uplink.service")
#: Of no use in a container, and udev there would take the lab host's devices for its own.
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


def make_root(place: Place, gateway: str) -> None:
    """Mount a gateway's root, an overlay of the lower root, and make it a host of its own."""
    base = place.folder / "gateways" / gateway
    root = place.root(gateway)
    if os.path.ismount(root):
        return
    for part in ("upper", "work", "root"):
        (base / part).mkdir(parents=True, exist_ok=True)
    lower = place.lower_root(topology.SITES[gateway].release)
    hide_other_releases(lower, base / "upper")
    options = f"lowerdir={lower},upperdir={base}/upper,workdir={base}/work"
    run(["mount", "-t", "overlay", f"lab-{gateway}", "-o", options, str(root)])
    (root / "etc/hostname").write_text(f"{gateway}\n")
    (root / "etc/hosts").write_text(f"127.0.0.1\tlocalhost\n127.0.1.1\t{gateway}\n::1\tlocalhost ip6-localhost\n")
    # The image has the name server of the computer that it was built on. Nobody answers in the lab: with none, a name that
    # is not in the hosts file is refused at once, and charon does not wait for it.
    (root / "etc/resolv.conf").write_text("")
    number = topology.GATEWAYS.index(gateway) + 1
    (root / "etc/machine-id").write_text(f"{number:032x}\n")
    shutil.rmtree(root / "var/log/journal", ignore_errors=True)
    for name in LAB_ONLY:
        (root / name).unlink(missing_ok=True)
    for unit in MASKED_IN_GATEWAYS:
        link = root / "etc/systemd/system" / unit
        if not link.is_symlink():
            link.symlink_to("/dev/null")


def hide_other_releases(lower: Path, upper: Path) -> None:
    """Keep the root file systems of other releases out of sight, by overlayfs' mark of what is deleted."""
    for release in {site.release for site in topology.SITES.values()}:
        mark = upper / "srv" / release
        if (lower / "srv" / release).is_dir() and not mark.exists():
            mark.parent.mkdir(exist_ok=True)
            os.mknod(mark, stat.S_IFCHR)


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
        state = run(
            inside(place, gateway, "systemctl", "is-system-running", "--wait"), timeout=BOOT_SECONDS, check=False
        ).strip()
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


def purge_strongswan(place: Place, gateway: str) -> None:
    """Purge strongSwan from a gateway, as if it had never been installed."""
    query = inside(place, gateway, "dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Package}\n", *STRONGSWAN_PATTERNS)
    present = [line.split()[-1] for line in run(query, check=False).splitlines() if not line.startswith("un")]
    if present:
        quiet = ["env", "DEBIAN_FRONTEND=noninteractive"]
        run(inside(place, gateway, *quiet, "apt-get", "purge", "-y", *present), timeout=300)
    shutil.rmtree(place.root(gateway) / "etc/swanctl", ignore_errors=True)
