# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sandbox in which modules find charon and their own paths where they are on a target, and touch nothing of this computer."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.xfrm_interface import ROUTE_PROTOCOL
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.vici_session import DEFAULT_URI
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import missing
from ansible_collections.swanfleet.ipsec.tests.daemon.releases import ENVIRONMENT, unprofiled

# The package's own settings, with a log where a test can read it and nothing in the computer's journal.
_SETTINGS = """\
charon {{
    load_modular = yes
    plugins {{ include strongswan.d/charon/*.conf }}
}}
include strongswan.d/*.conf
charon-systemd {{
    journal {{ default = -1 }}
    filelog {{ sandbox {{
        path = {log}
        default = 0
        flush_line = yes
    }} }}
}}
"""
_SOCKET = DEFAULT_URI.removeprefix("unix://")


class Sandbox:
    """Namespaces for mounts, network and processes, held by one process that ends when this one does.

    In it `/etc/swanctl` is a copy of the package's, `/var/lib` is empty, `/run` is a tmpfs, and `/etc/strongswan.conf` is
    ours. The first two lie on this computer's disk, so that writing them durably costs what it costs on a target.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.swanctl = directory / "swanctl"
        self.state = directory / "lib" / "swanfleet"
        self.log_path = directory / "charon.log"
        self._keeper: subprocess.Popen[bytes] | None = None
        self._charon: subprocess.Popen[bytes] | None = None
        self._pid = 0

    def open(self) -> None:
        """Make the namespaces and the mounts in them."""
        shutil.copytree("/etc/swanctl", self.swanctl)
        self.clear()
        for name in ("lib", "home", "tmp"):
            (self.directory / name).mkdir(exist_ok=True)
        (self.directory / "strongswan.conf").write_text(_SETTINGS.format(log=self.log_path), encoding="utf-8")
        # cat ends when the last writer of its input does, and as process 1 of its namespace it takes all others along.
        keeper = subprocess.Popen(
            [
                *("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"),
                *("sh", "-c", "echo ready; exec cat"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=ENVIRONMENT,
        )
        self._keeper = keeper
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == b"ready\n", "the sandbox's namespaces are not to be had"
        self._pid = int(Path(f"/proc/{keeper.pid}/task/{keeper.pid}/children").read_text().split()[0])
        self._must("mount", "--make-rprivate", "/")
        self._must("mount", "--bind", str(self.swanctl), "/etc/swanctl")
        self._must("mount", "--bind", str(self.directory / "strongswan.conf"), "/etc/strongswan.conf")
        self._must("mount", "--bind", str(self.directory / "lib"), "/var/lib")
        for place in ("/run", "/var/cache"):
            self._must("mount", "-t", "tmpfs", "-o", "mode=755", "sandbox", place)
        self._must("ip", "link", "set", "lo", "up")

    def close(self) -> None:
        """End everything in the sandbox."""
        if self._keeper is not None:
            self._keeper.communicate(timeout=10)
        if self._charon is not None:
            self._charon.wait(10)

    def entering(self, argv: Sequence[str]) -> list[str]:
        """Return the argument list that runs a program inside; it replaces its own process but for one fork."""
        return ["nsenter", f"--target={self._pid}", "--mount", "--net", "--pid", "--", *argv]

    def inside(self, path: str) -> Path:
        """Return where a path of the sandbox, such as one below its `/run`, is to be had from outside."""
        return Path(f"/proc/{self._pid}/root{path}")

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of programs inside: a home and a place for temporary files that go with the sandbox."""
        own = {"HOME": str(self.directory / "home"), "TMPDIR": str(self.directory / "tmp")}
        return {**ENVIRONMENT, **own, **(more or {})}

    def run(
        self, argv: Sequence[str], *, timeout: float = 60.0, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside and return what it said, whatever its exit status."""
        return subprocess.run(
            self.entering(argv),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
            env=self.environment(environment),
        )

    def _must(self, *argv: str) -> None:
        done = self.run(argv)
        assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"

    def cover(self, path: str, content: str) -> None:
        """Put another file, executable, over one of the computer's, for programs inside only."""
        mine = self.directory / path.strip("/").replace("/", "-")
        mine.write_text(content, encoding="utf-8")
        mine.chmod(0o755)
        self._must("mount", "--bind", str(mine), path)

    def uncover(self, path: str) -> None:
        """Take away what `cover` put over a file."""
        self._must("umount", path)

    def shrink(self, path: str, *, spare: int) -> None:
        """Put a copy of a directory over it that has room for `spare` more pages of 4 KiB, for programs inside only."""
        self._must("sh", "-c", f"mkdir -p {path} && rm -rf /run/kept && cp -a {path} /run/kept")
        sizes = self.run(["find", "/run/kept", "-type", "f", "-printf", "%s\\n"]).stdout.split()
        pages = sum((int(size) + 4095) // 4096 for size in sizes) + spare
        # A file system of no size at all would be one without a bound.
        self._must("mount", "-t", "tmpfs", "-o", f"mode=755,size={max(pages, 1) * 4}k", "small", path)
        self._must("sh", "-c", f"cp -a /run/kept/. {path} && rm -rf /run/kept")

    def protect(self, path: str) -> None:
        """Make a directory read-only, for programs inside only."""
        self._must("mount", "--bind", path, path)
        self._must("mount", "-o", "remount,ro,bind", path)

    def start_charon(self, *, timeout: float = 20.0) -> None:
        """Start charon and return when its socket is there and it answers."""
        charon = subprocess.Popen(
            self.entering([unprofiled("charon-systemd", self.directory)]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.environment(),
        )
        self._charon = charon
        deadline = time.monotonic() + timeout
        while self.run(["swanctl", "--version", "--daemon"]).returncode != 0:
            assert charon.poll() is None, f"charon ended:\n{self.log()}"
            assert time.monotonic() < deadline, f"charon does not answer:\n{self.log()}"
            time.sleep(0.01)

    def freeze_charon(self, *, timeout: float = 5.0) -> None:
        """Stop every thread of charon without ending it, and return when they stand, which is later than the signal."""
        self._signal(signal.SIGSTOP)
        deadline = time.monotonic() + timeout
        while any("State:\tT" not in (task / "status").read_text() for task in self._threads()):
            assert time.monotonic() < deadline, "charon's threads do not stop"
            time.sleep(0.005)

    def thaw_charon(self) -> None:
        """Let a frozen charon go on, and nsenter(1), which stops itself when what it runs is stopped."""
        assert self._charon is not None, "charon was not started"
        self._charon.send_signal(signal.SIGCONT)
        self._signal(signal.SIGCONT)

    def _threads(self) -> list[Path]:
        return [task for pid in self._charon_pids() for task in Path(f"/proc/{pid}/task").iterdir()]

    def _charon_pids(self) -> list[int]:
        assert self._charon is not None, "charon was not started"
        pid = self._charon.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def _signal(self, number: int) -> None:
        for pid in self._charon_pids():
            os.kill(pid, number)

    def stop_charon(self) -> None:
        """End charon, and wait for its end."""
        if self._charon is None:
            return
        self._signal(signal.SIGTERM)
        self._charon.wait(20)
        self._charon = None
        Path(f"/proc/{self._pid}/root{_SOCKET}").unlink(missing_ok=True)

    def clear(self) -> None:
        """Take away every file of ours, as if nothing had ever been applied; call it while charon is down."""
        for path in (*self.swanctl.glob("conf.d/*"), *self.swanctl.glob("*/swanfleet-*")):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.state, ignore_errors=True)

    def fresh(self) -> None:
        """Begin again: no files of ours, and a charon in which nothing is loaded."""
        self.stop_charon()
        self.clear()
        self.start_charon()

    def log(self) -> str:
        """Return what charon logged."""
        return self.log_path.read_text("utf-8", "replace") if self.log_path.exists() else ""

    def digest(self, *, loaded: bool = True) -> str:
        """Return a hash over all that a module may change: files with their modes and content, links, what is loaded.

        It sees what programs inside see. What is `loaded` cannot be asked while charon does not answer.
        """
        found = hashlib.sha256()
        root = Path(f"/proc/{self._pid}/root")
        for top in (root / "etc/swanctl", root / "var/lib", root / "run/swanfleet"):
            for path in sorted(top.rglob("*")):
                content = str(path.readlink()).encode() if path.is_symlink() else b""
                content = path.read_bytes() if path.is_file() and not path.is_symlink() else content
                found.update(f"{path.relative_to(root)} {path.lstat().st_mode:o} {len(content)}\n".encode())
                found.update(content)
        commands = [["ip", "-j", "address", "show"], ["ip", "-j", "route", "show", "table", "all"]]
        # charon's own rule comes and goes with it.
        for family in ("-4", "-6"):
            rules = json.loads(self.run(["ip", "-j", "-N", family, "rule", "show"]).stdout)
            found.update(str([rule for rule in rules if rule.get("protocol") == str(ROUTE_PROTOCOL)]).encode())
        for argv in [["swanctl", "--list-conns"], *commands] if loaded else commands:
            found.update(self.run(argv).stdout.encode())
        return found.hexdigest()


@contextmanager
def opened() -> Iterator[Sandbox]:
    """Open a sandbox with a running charon; nothing of it is left at the end."""
    reason = missing()
    assert not reason, reason
    directory = Path(tempfile.mkdtemp(prefix="swf-box-", dir="/var/tmp"))
    sandbox = Sandbox(directory)
    try:
        sandbox.open()
        sandbox.start_charon()
        yield sandbox
    finally:
        sandbox.close()
        shutil.rmtree(directory)
