# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which strongSwan a test runs: this computer's packages, or those of another Debian release in a chroot."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
HOST = "12"  # the release that dev/daemon-setup installs from; its programs run as they are
RELEASES = (HOST, "13")

_MAKER = Path(__file__).resolve().parents[2] / "dev" / "release-root"

# $1 the release's root, $2 what its /etc/swanctl shall be or nothing, then the program. The mounts are seen in a mount
# namespace of their own and go with it. /tmp is this computer's, so that paths below it mean the same on both sides.
_ENTER = """\
set -e
root=$1 swanctl=$2; shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
for shared in /proc /dev /tmp; do mount --rbind "$shared" "$root$shared"; done
[ -z "$swanctl" ] || mount --bind "$swanctl" "$root/etc/swanctl"
cd /
exec chroot "$root" "$@"
"""


@functools.cache
def root(release: str) -> Path:
    """Return the root file system of a release other than the host's; it is made first if there is none."""
    # stderr is not caught: it tells why the first call takes long.
    done = subprocess.run([_MAKER, release], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=False)
    assert done.returncode == 0, f"{_MAKER} {release} exited {done.returncode}, see above"
    return Path(done.stdout.strip())


def program(release: str, name: str, directory: Path, *, swanctl: Path | None = None) -> list[str]:
    """Return the beginning of an argument list that runs a program of the release with itself as the process.

    `directory` is the charon's own, below /tmp; `swanctl` is what /etc/swanctl shall be for the program, where the
    release is not the host's.
    """
    if release == HOST:
        return [unprofiled(name, directory)]
    enter = ["unshare", "--mount", "--", "sh", "-c", _ENTER, "enter"]
    return [*enter, str(root(release)), str(swanctl or ""), f"/usr/sbin/{name}"]


@contextmanager
def of_each(start: Callable[[str], AbstractContextManager[T]]) -> Iterator[Callable[[str], T]]:
    """Give what `start` makes for a release, made when it is first asked for; all of it ends at the end."""
    made: dict[str, T] = {}
    with ExitStack() as running:

        def of(release: str) -> T:
            if release not in made:
                made[release] = running.enter_context(start(release))
            return made[release]

        yield of


def unprofiled(name: str, directory: Path) -> str:
    """Copy a program of the host into `directory` and return the copy's path.

    Debian's AppArmor profiles go by path and keep charon and swanctl out of a test's directory.
    """
    found = shutil.which(name, path=ENVIRONMENT["PATH"])
    assert found, f"{name} is not installed: run dev/daemon-setup"
    copy = directory / name
    if not copy.exists():
        shutil.copy(found, copy)
    return str(copy)
