# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an agent lives in, in memory: time goes from one look to the next, and nothing happens but what a test has happen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.loop import Agent
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.surroundings import Surroundings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon_news import News
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.journal import INFO
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.waking import STOP
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.ways import Asked, Way
from ansible_collections.swanfleet.ipsec.tests.fakes.echoes import FakeEchoes, FakeWay
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost


@dataclass
class FakeLookups:
    """Takes the place of `Getent`: `known` has the addresses of names, others have none; `silent` ones are never told."""

    known: dict[str, tuple[str, ...]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    most: int = 8
    asked: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)

    @property
    def under_way(self) -> int:
        return len(self.pending)

    def ask(self, name: str) -> bool:
        if name in self.pending or len(self.pending) >= self.most:
            return name in self.pending
        self.asked.append(name)
        self.pending.append(name)
        return True

    def told(self) -> dict[str, tuple[str, ...]]:
        found = {name: self.known.get(name, ()) for name in self.pending if name not in self.silent}
        self.pending = [name for name in self.pending if name in self.silent]
        return found

    def stop(self) -> None:
        self.pending.clear()


class Killed(BaseException):
    """The agent is killed at this very moment."""


@dataclass
class FakeLife:
    """Everything around an agent: what it is told, what it tells, and when it is stopped."""

    host: FakeHost
    until: float = 60.0
    echoes: FakeEchoes = field(
        default_factory=lambda: FakeEchoes({"wan0": FakeWay(frozenset({"192.0.2.1"}), frozenset())}, "wan0")
    )
    events: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    kernel: set[str] = field(default_factory=set)
    charon: list[News] = field(default_factory=list)
    signals: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    notified: list[str] = field(default_factory=list)
    newer: bool = False
    lookups: FakeLookups = field(default_factory=FakeLookups)
    way: Way | None = None
    routed: list[frozenset[Asked]] = field(default_factory=list)
    waits: int = 0
    watchdog_s: float | None = None

    def run(self) -> None:
        """Have an agent live until the time is over."""
        Agent(self.host.host, self.surroundings()).run()

    def surroundings(self) -> Surroundings:
        """Return it as the agent takes it."""
        return Surroundings(
            self.host.host.charon,
            _Told(self),
            _Happened(self),
            self.echoes,
            self,
            self,
            self,
            self,
            self,
            self,
            self.lookups,
        )

    def at(self, moment: float, event: Callable[[], object]) -> None:
        """Have something happen."""
        self.events.append((moment, event))
        self.events.sort(key=lambda pair: pair[0])

    # Waking.

    def wait(self, descriptors: Iterable[int], seconds: float) -> None:  # noqa: ARG002  # what happens is in `events`
        """Let the time pass until the agent wants to look, or something happens."""
        self.waits += 1
        clock = self.host.clock
        clock.time = min(clock.time + max(seconds, 0.001), *(moment for moment, _event in self.events[:1]), 1e9)
        while self.events and self.events[0][0] <= clock.time:
            self.events.pop(0)[1]()

    def asked(self) -> set[str]:
        """Return the signals, and that the time is over."""
        asked, self.signals = self.signals, set()
        return asked | ({STOP} if self.host.clock.time >= self.until else set())

    def stop(self) -> None:
        """Do nothing."""

    # Journal, notification, program, calendar, ways.

    def say(self, text: str, priority: int = INFO, fields: Mapping[str, str] | None = None) -> None:  # noqa: ARG002  # only the words are looked at
        """Note what is said."""
        self.said.append(text)

    def ready(self) -> None:
        """Note it."""
        self.notified.append("ready")

    def reloading(self) -> None:
        """Note it."""
        self.notified.append("reloading")

    def stopping(self) -> None:
        """Note it."""
        self.notified.append("stopping")

    def alive(self) -> None:
        """Do nothing."""

    def status(self, text: str) -> None:
        """Do nothing."""

    def replaced(self) -> bool:
        """Say whether a newer program is there."""
        return self.newer

    def next(self, expressions: Iterable[str]) -> dict[str, float]:
        """Return nothing: no calendar comes round."""
        return dict.fromkeys(expressions, 1e12)

    def to(self, asked: Collection[Asked]) -> dict[Asked, Way]:
        """Return the one way that there is, to all."""
        self.routed.append(frozenset(asked))
        return {} if self.way is None else dict.fromkeys(asked, self.way)


@dataclass
class _Happened:
    life: FakeLife

    def descriptors(self, *, firewall: bool) -> list[int]:
        return [1, 3] if firewall else [1]

    def happened(self) -> set[str]:
        found = set(self.life.kernel)
        self.life.kernel.clear()
        return found

    def stop(self) -> None:
        """Do nothing."""


@dataclass
class _Told:
    life: FakeLife

    def descriptor(self) -> int | None:
        return 2

    def heard(self) -> list[News]:
        found, self.life.charon = self.life.charon, []
        return found

    def stop(self) -> None:
        """Do nothing."""
