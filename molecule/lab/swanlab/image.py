# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root file system that machine and gateways share: its recipe, its key, its build."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
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
    "libstrongswan-standard-plugins",
    "libstrongswan-extra-plugins",
)
#: What a role may install inside a gateway, which has no network: the image carries these as packages too.
INSTALLABLE = (*STRONGSWAN, "nftables", "python3", "python3-apt", "conntrack", "keepalived", "tcpdump")
PACKAGES = (
    *INSTALLABLE,
    "crun",
    "dbus",
    "iperf3",
    "iproute2",
    "iputils-ping",
    "kmod",
    "linux-image-cloud-amd64",
    "netcat-openbsd",
    "openssh-server",
    "podman",
    "procps",
    "python3-pytest",
    "systemd",
    "systemd-sysv",
    "udev",
)
#: $1 tree, $2 archive, $3 disk, $4 its size, $5 folder for kernel and initial RAM disk.
DISK_SCRIPT = (
    'set -e; tar -C "$1" --xattrs --xattrs-include="*" --numeric-owner -xf "$2"; '
    'truncate -s "$4" "$3"; mke2fs -q -F -t ext4 -E lazy_itable_init=1 -O ^has_journal -L lab -d "$1" "$3"; '
    'cp -L "$1/vmlinuz" "$5/vmlinuz"; cp -L "$1/initrd.img" "$5/initrd.img"; chmod u+rw "$5"/*'
)
CUSTOMISE = Path(__file__).with_name("customise.sh")


@dataclass(frozen=True)
class Image:
    """A built root file system."""

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


def image_key(release: str) -> str:
    """Return the hash of everything that the image is made of, 16 hex digits."""
    made_of = {
        "release": release,
        "packages": sorted(PACKAGES),
        "installable": sorted(INSTALLABLE),
        "size": IMAGE_SIZE,
        "disk": DISK_SCRIPT,
        "customise": CUSTOMISE.read_text(),
        "bootstrap": bootstrap_argv(release, keys=Path("keys"), target=Path("target")),
    }
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]


def bootstrap_argv(release: str, *, keys: Path, target: Path) -> list[str]:
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
        f"--include={','.join(sorted(PACKAGES))}",
        f"--customize-hook=upload {keys}/id_ed25519.pub /root/lab-key.pub",
        f"--customize-hook=upload {keys}/customise.sh /root/customise.sh",
        f'--customize-hook=chroot "$1" sh /root/customise.sh {" ".join(INSTALLABLE)}',
        f"--customize-hook=download /etc/ssh/ssh_host_ed25519_key.pub {keys}/ssh_host_ed25519_key.pub",
        release,
        str(target),
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
    log = places.private_folder(places.cache_root() / "logs") / f"image-{release}.log"
    log.write_text("")
    advice = "look at the end of the log; the build needs Debian's package archive, set http_proxy if there is one"
    process.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(folder / "id_ed25519")], timeout=30
    )
    shutil.copy(CUSTOMISE, folder / "customise.sh")
    with progress.step(f"root file system of {release} by mmdebstrap (about a minute; log {log})"):
        argv = bootstrap_argv(release, keys=folder, target=folder / "root.tar")
        process.run_logged(argv, log=log, timeout=1800, advice=advice)
    with progress.step("disk image"):
        make_disk(folder, log=log)


def make_disk(folder: Path, *, log: Path) -> None:
    """Turn the archive into an ext4 image without mounting; without root the owners are played by fakeroot."""
    tree = folder / "tree"
    tree.mkdir()
    wrapper = [] if os.geteuid() == 0 else ["fakeroot", "--"]
    disk = folder / "disk.ext4"
    argv = [
        *wrapper,
        "sh",
        "-c",
        DISK_SCRIPT,
        "sh",
        str(tree),
        str(folder / "root.tar"),
        str(disk),
        IMAGE_SIZE,
        str(folder),
    ]
    process.run_logged(argv, log=log, timeout=600, advice="is the disk full?")
    disk.chmod(stat.S_IRUSR)
    remove_tree(tree)
    (folder / "root.tar").unlink()


def remove_tree(path: Path) -> None:
    """Remove a folder if it is there, whatever the modes inside."""
    if not path.exists():
        return
    if not path.is_dir():
        path.unlink()
        return
    process.run(["chmod", "-R", "u+rwX", str(path)], timeout=120, check=False)
    shutil.rmtree(path)
