# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole host in memory: every driver a fake, and a wire that sees each call and may cut it."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.agent_needs import program_mark
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import Charon
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.error_notify import Alert, AlertsUnavailable
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import Files
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.iproute2 import Kernel
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.management import Session
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.nftables import Firewall
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.paths import Paths
from ansible_collections.swanfleet.ipsec.tests.fakes.charon import FakeCharon
from ansible_collections.swanfleet.ipsec.tests.fakes.files import FakeFiles
from ansible_collections.swanfleet.ipsec.tests.fakes.firewall import FakeFirewall
from ansible_collections.swanfleet.ipsec.tests.fakes.kernel import FakeKernel, FakeLink, FakeRoute
from ansible_collections.swanfleet.ipsec.tests.fakes.units import RUNNING, FakeUnits

# When FakeCharon says that it was started; files that are older were read by it.
CHARON_START = time.mktime((2026, 1, 1, 0, 0, 0, 0, 0, -1))
NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone.utc)  # noqa: UP017  # runs on Python 3.9 too
WRITING = frozenset(
    "replace replace_all append remove make_directory point run load_connection unload_connection load_shared unload_shared "
    "load_key unload_key load_certificate clear_credentials terminate initiate rekey commit install uninstall".split()
)
_ID = re.compile(rb"-[0-9a-f]{16}(?= \{)")


class _Wired:
    """A driver whose calls go by `wire(name of the call)` first, and by `after` when they are done."""

    def __init__(self, driver: Any, wire: Callable[[str], None], after: Callable[[str], None]) -> None:
        self._driver, self._wire, self._after = driver, wire, after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._driver, name)
        if name not in WRITING:
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self._wire(name)
            answer = found(*arguments, **named)
            self._after(name)
            return answer

        return call


@dataclass
class FakeClock:
    """Takes the place of `SystemClock`: a pause is over at once, and the time has passed."""

    time: float = 0.0

    def epoch(self) -> float:
        return CHARON_START + self.time

    def elapsed(self) -> float:
        return self.time

    def since_boot(self) -> float:
        return self.time

    def pause(self, seconds: float) -> None:
        self.time += seconds

    def time_of_day(self) -> dt.datetime:
        return NOON


@dataclass
class FakeAlerts:
    """Takes the place of `ErrorNotify`: `coming` is what is heard next, `trouble` why nobody can listen."""

    coming: list[Alert] = field(default_factory=list)
    trouble: str = ""
    listening: bool = False

    def start(self) -> None:
        if self.trouble:
            raise AlertsUnavailable(self.trouble)
        self.listening = True

    def heard(self) -> list[Alert]:
        found, self.coming = (self.coming, []) if self.listening else ([], self.coming)
        return found

    def stop(self) -> None:
        self.listening = False


@dataclass
class FakeNames:
    """Takes the place of `NameService`: all names have addresses, except those in `missing`; `known` tells which."""

    missing: set[str] = field(default_factory=set)
    known: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def unresolved(self, names: Iterable[str], *, timeout: float) -> frozenset[str]:  # noqa: ARG002  # answers at once
        return frozenset(self.missing.intersection(names))

    def addresses(self, names: Iterable[str], *, timeout: float) -> dict[str, tuple[str, ...]]:  # noqa: ARG002  # the same
        return {name: self.known.get(name, ()) for name in names}


@dataclass
class FakePackages:
    """Takes the place of `DebianPackages`: the releases of the packages that are known."""

    known: dict[str, str] = field(default_factory=lambda: {"charon-systemd": "5.9.8"})

    def release(self, package: str) -> str:
        return self.known.get(package, "")


@dataclass
class FakeHost:
    """The fakes of one host. `host` is what the engine takes.

    `calls` names the changing calls so far, in order. `fail_at` set to (number, error) raises the error in place of
    the call of this number, counted from 0; with `late` the call is carried out first.
    """

    files: FakeFiles = field(default_factory=lambda: FakeFiles(now=CHARON_START + 600))
    kernel: FakeKernel = field(default_factory=FakeKernel)
    charon: FakeCharon = field(default_factory=FakeCharon)
    units: FakeUnits = field(default_factory=lambda: FakeUnits({"strongswan.service": RUNNING}))
    paths: Paths = field(default_factory=Paths)
    clock: FakeClock = field(default_factory=FakeClock)
    alerts: FakeAlerts = field(default_factory=FakeAlerts)
    names: FakeNames = field(default_factory=FakeNames)
    packages: FakePackages = field(default_factory=FakePackages)
    firewall: FakeFirewall = field(default_factory=FakeFirewall)
    managers: tuple[Session, ...] = (Session("203.0.113.200", 51234, "192.0.2.1", 22),)
    calls: list[str] = field(default_factory=list)
    fail_at: tuple[int, BaseException] | None = None
    late: bool = False

    @property
    def host(self) -> Host:
        """Return the value that the engine works on."""
        wired = [
            _Wired(driver, self._before, self._done) for driver in (self.files, self.kernel, self.charon, self.firewall)
        ]
        return Host(
            files=cast(Files, wired[0]),
            kernel=cast(Kernel, wired[1]),
            charon=cast(Charon, wired[2]),
            units=self.units,
            paths=self.paths,
            swanctl=self,
            clock=self.clock,
            alerts=self.alerts,
            names=self.names,
            packages=self.packages,
            firewall=cast(Firewall, wired[3]),
            management=self,
        )

    def load_credentials(self) -> None:
        """Do nothing in the place of swanctl: there are no files of others here."""

    def sessions(self) -> tuple[Session, ...]:
        """Return who manages the host."""
        return self.managers

    def reset(self) -> None:
        """Forget the calls so far, and fail no more."""
        self.calls.clear()
        self.fail_at = None
        self.charon.commands.clear()
        self.kernel.batches.clear()

    def state(self) -> dict[str, Any]:
        """Return all that a run may change, without times, the lock and what is no more than a trace of a run.

        Secrets are without the hashes in their ids, which depend on the host's own random key.
        """
        kept = {path: (each.content, each.mode) for path, each in self.files.files.items()}
        managed = set(self.paths.managed.values())

        def ours(path: str) -> bool:
            return path in managed or "/swanfleet-" in path

        current = self.files.links.get(f"{self.paths.generations}/current")
        return {
            "files": {path: (_ID.sub(b"", text), mode) for path, (text, mode) in kept.items() if ours(path)},
            "connections": dict(self.charon.loaded),
            "shunts": self.charon.held_shunts(),
            "secrets": sorted(self.charon.secrets.values()),
            "keys": sorted(self.charon.keys),
            "certificates": sorted(self.charon.held),
            "links": {name: link.told() for name, link in self.kernel.links.items()},
            "firewall": self.firewall.told(),
            "guard": (sorted(self.kernel.unreachable), sorted(self.kernel.blocks)),
            "rules": (sorted(self.kernel.rules_there.all), sorted(self.kernel.dead_ends)),
            "generation": current
            and [kept.get(f"{self.paths.generations}/{current}/{name}.json") for name in ("objects", "secrets")],
        }

    def _before(self, name: str) -> None:
        self.calls.append(name)
        self._cut(late=False)

    def _done(self, _name: str) -> None:
        self._cut(late=True)

    def _cut(self, *, late: bool) -> None:
        if self.fail_at is not None and late == self.late and len(self.calls) - 1 == self.fail_at[0]:
            error, self.fail_at = self.fail_at[1], None
            raise error


def wan_host() -> FakeHost:
    """Return a host with one uplink, wan0: 192.0.2.1 and 2001:db8::1, the default route by it."""
    wan = FakeLink("veth", up=True, addresses=["192.0.2.1/24", "2001:db8::1/64"])
    wan.routes = [FakeRoute("0.0.0.0/0"), FakeRoute("::/0", metric=1024)]
    return FakeHost(kernel=FakeKernel({"wan0": wan}))


def with_program(host: FakeHost) -> FakeHost:
    """Return a host that has the program which objects of the agent need."""
    host.files.replace(host.paths.program, b"PK" + program_mark(), 0o755)
    return host
