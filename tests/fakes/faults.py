# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A wire around every driver of a host: it finds each place where a run can fail or be killed, and does so there."""

from __future__ import annotations

import contextlib
import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import (
    Charon,
    DaemonRefused,
    DaemonUnavailable,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import Files, FileTrouble
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.iproute2 import Kernel, KernelRefused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.nftables import Firewall, FirewallRefused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.swanctl import Swanctl
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.systemd import Units
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import IpsecError

_DRIVERS: dict[str, Any] = {
    "files": Files, "kernel": Kernel, "charon": Charon, "units": Units, "swanctl": Swanctl, "firewall": Firewall,
}  # fmt: skip
# Of what the protocols have, these do nothing to the host and say nothing of it, and the lock is taken by entering it.
_NO_CALLS = frozenset({"close", "commands", "lock", "random"})
READING = frozenset(
    "read names target random lock interfaces routes default_routes state connections connection_names shared_ids sas "
    "key_ids certificates pools authorities algorithms ruleset blocked shunts traps rules".split()
)
WRITING_FILES = frozenset({"replace", "replace_all", "append", "make_directory", "point"})


class Killed(BaseException):
    """What a run meets that is killed: nothing of the engine catches it."""


@dataclass(frozen=True)
class Place:
    """A place in a run: which call of a driver by its name, the first being 0, and how much of it is `done`.

    Nothing (0) or all (1) of a call; of a batch of the kernel, so many of its commands.
    """

    driver: str
    name: str
    number: int
    done: int = 0

    def __str__(self) -> str:
        return f"{self.driver}.{self.name} no. {self.number}, {self.done} done"

    @property
    def writes(self) -> bool:
        """Say whether the call changes the host."""
        return self.name not in READING


Strike = Callable[[Place], "BaseException | None"]


class Wires:
    """The drivers of a host with a wire around each; `strike` is asked at every place for what shall happen there."""

    def __init__(self, host: Host, strike: Strike | None = None) -> None:
        self.places: list[Place] = []
        self._strike = strike
        self._calls: Counter[tuple[str, str]] = Counter()
        wired = {name: _Wired(self, name, getattr(host, name)) for name in _DRIVERS}
        self.host = Host(
            files=cast(Files, wired["files"]),
            kernel=cast(Kernel, wired["kernel"]),
            charon=cast(Charon, wired["charon"]),
            units=cast(Units, wired["units"]),
            paths=host.paths,
            swanctl=cast(Swanctl, wired["swanctl"]),
            clock=host.clock,
            names=host.names,
            management=host.management,
            firewall=cast(Firewall, wired["firewall"]),
        )

    def begin(self, driver: str, name: str) -> Place:
        """Count one more call, and return the place before it."""
        self._calls[driver, name] += 1
        return Place(driver, name, self._calls[driver, name] - 1)

    def at(self, place: Place) -> None:
        """Note a place, and raise what happens there."""
        self.places.append(place)
        struck = self._strike(place) if self._strike is not None else None
        if struck is not None:
            raise struck


class _Wired:
    """One driver. What its protocol does not have is handed on as it is."""

    def __init__(self, wires: Wires, driver: str, real: Any) -> None:
        self._wires, self._driver, self._real = wires, driver, real
        self._calls = {name for name, _f in inspect.getmembers(_DRIVERS[driver]) if name[0] != "_"} - _NO_CALLS

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in self._calls:
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            place = self._wires.begin(self._driver, name)
            self._wires.at(place)
            answer = found(*arguments, **named)
            if place.writes:
                self._wires.at(replace(place, done=1))
            return answer

        return call

    @contextlib.contextmanager
    def lock(self, *arguments: Any, **named: Any) -> Iterator[None]:
        """Take the lock, which is a call like any other, and let go of it whatever happens, as the kernel does."""
        self._wires.at(self._wires.begin(self._driver, "lock"))
        with self._real.lock(*arguments, **named):
            yield

    def run(self, commands: Sequence[Sequence[str]]) -> None:
        """Run a batch command by command, so that a place lies before, between and after all of them."""
        place = self._wires.begin(self._driver, "run")
        for done, command in enumerate([*commands, None]):
            try:
                self._wires.at(replace(place, done=done))
                if command is not None:
                    self._real.run([command])
            except KernelRefused as refused:
                raise KernelRefused(str(refused), done if command is not None else None) from None


def errors_at(place: Place) -> list[IpsecError]:
    """Return the errors that the driver really raises for such a call; a lost answer may follow a call that was done."""
    if place.driver == "files":
        return [FileTrouble(f"cannot {place.name}: Input/output error")]
    if place.driver == "kernel":
        return [KernelRefused(f"ip {place.name}: RTNETLINK answers: Cannot allocate memory")]
    if place.driver == "firewall":
        return [FirewallRefused(f"nft {place.name}: Could not process rule: Cannot allocate memory")]
    if place.driver == "units":
        return []  # it never fails: without an answer it says that it has none
    errors: list[IpsecError] = [DaemonUnavailable(f"charon closed its socket before it had answered '{place.name}'")]
    # What charon refuses to initiate is a peer that does not follow: told, and no failure (test_sas.py).
    if place.writes and not place.done and place.name != "initiate":
        errors.append(DaemonRefused(place.name, "x", "no memory"))
    return errors


def once(at: Place, error: BaseException) -> Strike:
    """Return a strike at one place; the same call made again goes through."""
    return lambda place: error if place == at else None
