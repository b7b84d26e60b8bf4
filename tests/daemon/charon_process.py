# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's charon, run natively for tests: its own network namespace, directory, vici socket and log."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import (
    DaemonRefused,
    DaemonUnavailable,
    ViciCharon,
)
from ansible_collections.swanfleet.ipsec.tests.daemon import releases
from ansible_collections.swanfleet.ipsec.tests.daemon.releases import ENVIRONMENT, HOST
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited

PREFIX = "swf-"
_numbers = itertools.count(1)
Mark = tuple[int, int]

# Enough for every way to authenticate. kernel-libipsec does ESP in user space, so that CHILD_SAs come up on kernels
# without ESP; kernel-netlink, behind it, still does addresses and routes. Certificates are read by x509, as on a target, and
# not by openssl, which knows nothing of policies.
PLUGINS = (
    "random nonce x509 openssl pem pkcs1 pkcs7 pkcs8 pkcs12 rc2 revocation constraints pubkey sha1 sha2 aes hmac kdf drbg gcm "
    "curve25519 md5 eap-identity eap-md5 eap-mschapv2 eap-tls xauth-generic curl "
    "kernel-libipsec kernel-netlink socket-default vici updown error-notify"
)
# For `extra` of a charon whose policies are the kernel's; no kernel needs ESP for those that pass or drop packets.
POLICIES_IN_KERNEL = f"load = {PLUGINS.replace('kernel-libipsec ', '')}"
SETTINGS = """\
charon-systemd {{
    load = {plugins}
    journal {{ default = -1 }}
    i_dont_care_about_security_and_use_aggressive_mode_psk = yes
    filelog {{ test {{
        path = {directory}/charon.log
        time_format = %H:%M:%S
        default = 1
        cfg = 2
        flush_line = yes
    }} }}
    plugins {{ vici {{ socket = {uri} }} error-notify {{ socket = unix://{alerts} }} }}
    {extra}
}}
swanctl {{ load = pem pkcs1 pkcs7 pkcs8 pkcs12 rc2 sha1 sha2 hmac x509 openssl random }}
"""


def run(*argv: str, timeout: float = 10.0, environment: dict[str, str] | None = None) -> str:
    """Run a program and return its output; raise AssertionError with what it said if it fails."""
    done = subprocess.run(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=timeout,
        check=False,
        env={**ENVIRONMENT, **(environment or {})},
    )
    assert done.returncode == 0, f"{' '.join(argv)} exited {done.returncode}:\n{done.stdout}"
    return done.stdout


def missing() -> str:
    """Say what this computer lacks for a native charon, or return an empty string."""
    if os.geteuid() != 0:
        return "a native charon needs root, for its network namespace"
    for program in ("charon-systemd", "swanctl", "ip", "setpriv"):
        if shutil.which(program, path=ENVIRONMENT["PATH"]) is None:
            return f"{program} is not installed: run dev/daemon-setup"
    return ""


def _sweep() -> None:
    """Remove namespaces of test processes that were killed; their charons died with them (see `start`)."""
    for path in Path("/run/netns").glob(PREFIX + "*"):
        owner = path.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            # No complaint: another run of the tests may be sweeping as well.
            subprocess.run(["ip", "netns", "del", path.name], capture_output=True, check=False, env=ENVIRONMENT)


@contextmanager
def namespace() -> Iterator[str]:
    """Make a network namespace with a loopback of its own, and remove it at the end."""
    _sweep()
    name = f"{PREFIX}{os.getpid()}-{next(_numbers)}"
    run("ip", "netns", "add", name)
    try:
        run("ip", "-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        run("ip", "netns", "del", name)


def _from(path: Path, start: int) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as handle:
        handle.seek(start)
        return handle.read().decode("utf-8", "replace")


@dataclass(frozen=True)
class Extra:
    """What a charon of some tests has beside the others: settings, plugins, variables of its environment."""

    settings: str = ""
    plugins: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


class CharonProcess:
    """One charon in `netns`, of the Debian release named (see `releases`).

    `directory` lies below /tmp, which all releases see, and is short: a unix socket's path has at most 107 bytes.
    """

    def __init__(self, *, directory: Path, netns: str, extra: str | Extra = "", release: str = HOST) -> None:
        more = extra if isinstance(extra, Extra) else Extra(extra)
        self.environment = more.environment
        self.release = release
        self.directory = directory
        self.netns = netns
        self.uri = f"unix://{directory}/vici"
        self.alerts = str(directory / "alerts")
        self.log_path = directory / "charon.log"
        self.settings_path = directory / "strongswan.conf"
        self._logs = (self.log_path, directory / "output.log")
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.settings_path.write_text(
            SETTINGS.format(
                plugins=f"{PLUGINS} {more.plugins}",
                directory=directory,
                uri=self.uri,
                alerts=self.alerts,
                extra=more.settings,
            ),
            encoding="utf-8",
        )

    def start(self, *, timeout: float = 20.0) -> None:
        """Start charon and return when it answers; raise AssertionError with its log if it does not."""
        # pdeathsig: a killed test run must not leave a daemon. setpriv and ip replace themselves: the pid is charon's.
        argv = ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", self.netns]
        self.started_at = time.time()
        with (self.directory / "output.log").open("ab") as output:
            self.process = subprocess.Popen(
                [*argv, *releases.program(self.release, "charon-systemd", self.directory)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**ENVIRONMENT, **self.environment, "STRONGSWAN_CONF": str(self.settings_path)},
            )
        deadline = time.monotonic() + timeout
        while not self._answers():
            exited = self.process.poll()
            if exited is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"charon does not answer (exit {exited}):\n{self.log()}")
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with ViciCharon(self.uri, timeout=1) as charon:
                charon.state()
        except DaemonUnavailable:
            return False
        return True

    @property
    def pid(self) -> int:
        assert self.process is not None, "charon was not started"
        return self.process.pid

    def stop(self, *, timeout: float = 10.0) -> None:
        """End charon in order, or by force when it does not within `timeout` seconds; a stopped one is continued."""
        if self.process is None:
            return
        self.process.terminate()
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
        (self.directory / "vici").unlink(missing_ok=True)

    def kill(self) -> None:
        """End charon as a crash would: SIGKILL, its socket stays behind."""
        assert self.process is not None, "charon was not started"
        self.process.kill()
        self.process.wait()
        self.process = None

    def freeze(self, *, timeout: float = 5.0) -> None:
        """Stop charon (SIGSTOP) and return when all its threads stand still, which is later than the signal."""
        os.kill(self.pid, signal.SIGSTOP)
        deadline = time.monotonic() + timeout
        tasks = Path(f"/proc/{self.pid}/task")
        while any("State:\tT" not in (task / "status").read_text() for task in tasks.iterdir()):
            assert time.monotonic() < deadline, "charon's threads do not stop"
            time.sleep(0.005)

    def thaw(self) -> None:
        """Let a frozen charon go on."""
        os.kill(self.pid, signal.SIGCONT)

    def log(self, since: Mark = (0, 0)) -> str:
        """Return what charon wrote, to its log and to its output, `since` a mark."""
        return "".join(_from(path, start) for path, start in zip(self._logs, since, strict=True))

    def mark(self) -> Mark:
        """Return where charon's logs end now, for `log`."""
        one, other = (path.stat().st_size if path.exists() else 0 for path in self._logs)
        return one, other

    def client(self, *, timeout: float = 10.0) -> ViciCharon:
        """Return a driver for this charon."""
        return ViciCharon(self.uri, timeout=timeout)

    def swanctl(self, configuration: Path, *arguments: str) -> str:
        """Run the release's swanctl on `configuration`, a directory with swanctl.conf, against this charon."""
        inside = self.release != HOST
        return run(
            *releases.program(self.release, "swanctl", self.directory, swanctl=configuration),
            *arguments,
            "--uri",
            self.uri,
            timeout=60,
            environment={
                "SWANCTL_DIR": "/etc/swanctl" if inside else str(configuration),
                "STRONGSWAN_CONF": str(self.settings_path),
            },
        )

    def know(self, names: Mapping[str, str], *, name_server: str = "") -> None:
        """Have charon find these host names with their addresses, and ask a server for others, or nobody.

        The server is what resolv.conf(5) says of one, with its options in further lines.
        """
        self._put_over("hosts", "".join(f"{address} {name}\n" for name, address in names.items()))
        # Nobody listens there, which is noticed at once.
        self._put_over("resolv.conf", name_server or "nameserver 127.0.0.1\n")

    def _put_over(self, name: str, text: str) -> None:
        file = self.directory / name
        mounted = file.exists()
        # In place, since the mount is of this very file.
        file.write_text(text, encoding="ascii")
        if not mounted:
            # ip netns exec has given charon a mount namespace; another release's has another root besides.
            over = ["mount", "--bind", str(file), f"/proc/{self.pid}/root/etc/{name}"]
            run("nsenter", f"--target={self.pid}", "--mount", "--", *over)

    def inside(self, *argv: str, timeout: float = 10.0) -> str:
        """Run a program in charon's network namespace."""
        return run("ip", "netns", "exec", self.netns, *argv, timeout=timeout)


def clean(charon: ViciCharon) -> None:
    """Take everything out of a daemon that vici can put in: SAs, connections, pools, authorities, secrets."""
    for _connection, tree in charon.sas():
        # One that was just ending by itself is refused, and gone in a moment.
        with suppress(DaemonRefused):
            charon.terminate(ike_id=int(tree["uniqueid"]), timeout_ms=2000, force=True)
    assert awaited(lambda: not charon.sas())
    for name in charon.connection_names():
        charon.unload_connection(name)
    # An address goes back to its pool a moment after its IKE_SA has ended.
    assert awaited(lambda: not any(int(pool.get("online", 0)) for pool in charon.pools().values()))
    for name in charon.pools():
        charon.unload_pool(name)
    for name in charon.authorities():
        charon.unload_authority(name)
    charon.session.request("clear-creds")
    assert (charon.sas(), charon.connections(), charon.shared_ids()) == ([], {}, [])
    assert (charon.pools(), charon.authorities(), charon.certificates()) == ({}, {}, [])


@contextmanager
def running(extra: str | Extra = "", *, netns: str | None = None, release: str = HOST) -> Iterator[CharonProcess]:
    """Run a charon, in a namespace of its own unless one is named; nothing of it is left at the end."""
    if netns is None:
        with namespace() as made, running(extra, netns=made, release=release) as process:
            yield process
        return
    directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))  # short on purpose, see CharonProcess
    process = CharonProcess(directory=directory, netns=netns, extra=extra, release=release)
    try:
        process.start()
        yield process
    finally:
        process.stop()
        shutil.rmtree(directory)


@contextmanager
def wired(
    extra: str | Extra = "", *, release: str = HOST, networks: int = 1
) -> Iterator[tuple[CharonProcess, CharonProcess]]:
    """Run two charons with a cable between them: 192.0.2.1 with 10.1.0.1 behind it, 192.0.2.2 with 10.2.0.1.

    With more `networks` 10.1.1.1, 10.1.2.1 … too. All addresses are there before a charon starts: of many that come at
    once while it runs it may miss some, and then refuses tunnels that need them.
    """
    with namespace() as here, namespace() as there:
        run("ip", "link", "add", "wan", "netns", here, "type", "veth", "peer", "name", "wan", "netns", there)
        for number, name in enumerate((here, there), start=1):
            _configure(name, [f"192.0.2.{number}/24"], [f"10.{number}.{n}.1/32" for n in range(networks)])
        ends = [running(extra, netns=netns, release=release) for netns in (here, there)]
        with ends[0] as one, ends[1] as two:
            yield one, two


def _configure(netns: str, outside: Sequence[str], inside: Sequence[str]) -> None:
    for device, addresses in (("wan", outside), ("lo", inside)):
        for address in addresses:
            run("ip", "-n", netns, "address", "add", address, "dev", device)
    run("ip", "-n", netns, "link", "set", "wan", "up")
