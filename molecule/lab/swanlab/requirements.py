# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab needs from the host: programs and the Debian packages that hold them."""

from __future__ import annotations

import os
import shutil

from .errors import LabError

#: program → Debian package; the package list is what `lab requirements` prints.
PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "tar": "tar",
}
#: Without root the file system's owners are only played, by fakeroot; mmdebstrap then needs newuidmap.
UNPRIVILEGED_PROGRAMS = {"fakeroot": "fakeroot", "newuidmap": "uidmap"}
#: Files of packages that are no program: the keyring knows releases newer than the host.
EXTRA_PACKAGES = ("debian-archive-keyring",)
#: Only for gateways directly on the host.
DIRECT_PROGRAMS = {"podman": "podman", "crun": "crun", "ip": "iproute2", "tcpdump": "tcpdump", "nft": "nftables"}


def packages() -> list[str]:
    """Return the Debian packages of the machine backend, sorted."""
    return sorted({*PROGRAMS.values(), *EXTRA_PACKAGES})


def require(programs: dict[str, str]) -> None:
    """Raise LabError with the exact install command if any program is missing."""
    missing = sorted(
        {package for program, package in programs.items() if shutil.which(program, path=search_path()) is None}
    )
    if missing:
        raise LabError(
            "missing on this host: " + ", ".join(missing),
            advice="apt-get install --no-install-recommends " + " ".join(missing),
        )


def search_path() -> str:
    """Return PATH with the system directories, which plain users often lack."""
    path = os.environ.get("PATH", os.defpath)
    return ":".join([path, *(p for p in ("/usr/local/sbin", "/usr/sbin", "/sbin") if p not in path.split(":"))])
