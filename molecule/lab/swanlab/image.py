# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root file systems of machine and gateways, in one disk image: their recipe, its key, its build."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import places, process, requirements
from .errors import LabError
from .progress import Progress

RELEASES = ("bookworm", "trixie")
DEFAULT_RELEASE = "bookworm"
IMAGE_SIZE = "6G"

STRONGSWAN = (
    "charon-systemd",
    "strongswan-swanctl",
    "libcharon-extra-plugins",
    "libcharon-extauth-plugins",
    "libstrongswan-standard-plugins",
    "libstrongswan-extra-plugins",
)
#: The other IKE daemon, as a peer. Debian does not let it be installed beside strongSwan.
RIVALS = ("libreswan",)
#: What a gateway, which has no network, may install: the image carries these as packages.
INSTALLABLE = (*STRONGSWAN, "nftables", "python3", "python3-apt", "conntrack", "keepalived", "tcpdump", *RIVALS)
GATEWAY_PACKAGES = (
    *(name for name in INSTALLABLE if name not in RIVALS),
    "dbus",
    "iperf3",
    "iproute2",
    "iptables",
    "iputils-ping",
    "kmod",
    "netcat-openbsd",
    "openssh-server",
    "procps",
    "python3-pytest",
    "systemd",
    "systemd-sysv",
)
#: The machine is the root of the gateways of its own release as well.
MACHINE_PACKAGES = (*GATEWAY_PACKAGES, "apparmor", "crun", "linux-image-cloud-amd64", "podman", "udev")
#: $1 image's folder with the archives RELEASE.tar, $2 size of the disk, $3 the machine's release, then the others.
DISK_SCRIPT = """\
set -e
folder=$1 size=$2 tree=$1/tree
unpack() { mkdir -p "$2"; tar -C "$2" --xattrs --xattrs-include="*" --numeric-owner -xf "$folder/$1.tar"; }
unpack "$3" "$tree"
cp -L "$tree/vmlinuz" "$tree/initrd.img" "$folder"
shift 3
for other; do unpack "$other" "$tree/srv/$other"; done
truncate -s "$size" "$folder/disk.ext4"
mke2fs -q -F -t ext4 -E lazy_itable_init=1 -O ^has_journal -L lab -d "$tree" "$folder/disk.ext4"
chmod u+rw "$folder"/*
"""
DOWNLOAD = "APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get --yes --download-only --no-install-recommends install"
#: What customise.sh takes from /root, and removes there.
UPLOADED = ("id_ed25519.pub", "ssh_host_ed25519_key", "ssh_host_ed25519_key.pub", "customise.sh")
CUSTOMISE = Path(__file__).with_name("customise.sh")


@dataclass(frozen=True)
class Image:
    """A built disk image; its release is the machine's, and the gateways' own ones are in it as well."""

    key: str
    release: str
    folder: Path

    @property
    def disk(self) -> Path:
        """Return the ext4 image, the read-only base of every machine's disk."""
        return self.folder / "disk.ext4"

    @property
    def kernel(self) -> Path:
        """Return the Debian kernel out of the image's own /boot."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """Return the initial RAM disk that belongs to the kernel."""
        return self.folder / "initrd.img"

    @property
    def private_key(self) -> Path:
        """Return the ssh key that root of every node accepts."""
        return self.folder / "id_ed25519"

    @property
    def host_key(self) -> str:
        """Return the public host key, the same for every node, as type and base64."""
        return " ".join((self.folder / "ssh_host_ed25519_key.pub").read_text().split()[:2])


def others(release: str) -> tuple[str, ...]:
    """Return the releases that are in the image as directories below /srv, for gateways to run."""
    return tuple(other for other in RELEASES if other != release)


def image_key(release: str) -> str:
    """Return the hash of everything that the image is made of, 16 hex digits."""
    folder = Path("folder")
    made_of = {
        "size": IMAGE_SIZE,
        "disk": DISK_SCRIPT,
        "customise": CUSTOMISE.read_text(),
        "machine": bootstrap_argv(release, MACHINE_PACKAGES, folder=folder),
        "gateways": [bootstrap_argv(other, GATEWAY_PACKAGES, folder=folder) for other in others(release)],
    }
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]


def bootstrap_argv(release: str, packages: Sequence[str], *, folder: Path) -> list[str]:
    """Return the mmdebstrap command; packages stay in apt's cache for the customisation to make a repository."""
    return [
        "mmdebstrap",
        "--variant=apt",
        "--format=tar",
        '--aptopt=Acquire::Languages "none"',
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        "--skip=download/empty,essential/unlink,cleanup/apt",
        f"--include={','.join(sorted(packages))}",
        f"--customize-hook={DOWNLOAD} {' '.join(RIVALS)}",
        *(f"--customize-hook=upload {folder}/{name} /root/{name}" for name in UPLOADED),
        f'--customize-hook=chroot "$1" sh /root/customise.sh {" ".join(INSTALLABLE)}',
        release,
        str(folder / f"{release}.tar"),
    ]


def image(release: str) -> Image:
    """Return where the image of a release lies, built or not."""
    if release not in RELEASES:
        raise LabError(f"release {release!r} is not known", advice="use one of: " + ", ".join(RELEASES))
    key = image_key(release)
    return Image(key=key, release=release, folder=places.cache_root() / "images" / f"{release}-{key}")


def ensure_image(release: str, *, progress: Progress) -> Image:
    """Return the image of a release, built first if it is not in the cache; half a build never gets its name."""
    wanted = image(release)
    if wanted.folder.is_dir():
        # The time of use: old images go first.
        os.utime(wanted.folder)
        return wanted
    unprivileged = requirements.UNPRIVILEGED_PROGRAMS if os.geteuid() else {}
    requirements.require({**requirements.PROGRAMS, **unprivileged})
    with places.locked(wanted.folder.parent / f".{wanted.folder.name}.lock", waiting=progress.say_waiting):
        if wanted.folder.is_dir():
            return wanted
        building = wanted.folder.with_name(f".{wanted.folder.name}.new")
        remove_tree(building)
        try:
            build(release, building, progress=progress)
            building.rename(wanted.folder)
        finally:
            remove_tree(building)
    return wanted


def build(release: str, folder: Path, *, progress: Progress) -> None:
    """Build the image's files into folder."""
    places.private_folder(folder)
    logs = places.private_folder(places.cache_root() / "logs")
    advice = "look at the end of the log; the build needs Debian's package archive, set http_proxy if there is one"
    for name in ("id_ed25519", "ssh_host_ed25519_key"):
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(folder / name)]
        process.run(argv, timeout=30)
    shutil.copy(CUSTOMISE, folder / "customise.sh")
    packages = {release: MACHINE_PACKAGES, **dict.fromkeys(others(release), GATEWAY_PACKAGES)}
    commands = {
        logs / f"root-{each}.log": bootstrap_argv(each, packages[each], folder=folder) for each in sorted(packages)
    }
    with progress.step(f"root file systems of {', '.join(packages)} by mmdebstrap (two minutes; logs in {logs})"):
        process.run_together(commands, timeout=1800, advice=advice)
    with progress.step("disk image"):
        make_disk(release, folder, log=logs / f"image-{release}.log")
    (folder / "ssh_host_ed25519_key").unlink()


def make_disk(release: str, folder: Path, *, log: Path) -> None:
    """Turn the archives into an ext4 image without mounting; without root the owners are played by fakeroot."""
    wrapper = [] if os.geteuid() == 0 else ["fakeroot", "--"]
    argv = [*wrapper, "sh", "-c", DISK_SCRIPT, "sh", str(folder), IMAGE_SIZE, release, *others(release)]
    process.run_together({log: argv}, timeout=600, advice="is the disk full?")
    (folder / "disk.ext4").chmod(stat.S_IRUSR)
    remove_tree(folder / "tree")
    for archive in folder.glob("*.tar"):
        archive.unlink()


def remove_tree(path: Path) -> None:
    """Remove a folder if it is there, whatever the modes inside."""
    if not path.exists():
        return
    if not path.is_dir():
        path.unlink()
        return
    process.run(["chmod", "-R", "u+rwX", str(path)], timeout=120, check=False)
    shutil.rmtree(path)
