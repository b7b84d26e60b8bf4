# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trying the tunnels that are not up, for a bounded time, and listening to what comes of it.

charon tells why something failed to whoever listens at that moment, and keeps none of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..artifacts.children import child_sas
from ..desired.gateway import Gateway
from ..drivers.charon import DaemonRefused
from ..drivers.error_notify import AlertsUnavailable
from ..drivers.host import Host
from ..observed.reasons import of_alert, of_speech
from ..observed.sas import live_sas
from ..observed.tunnels import look
from ..observed.values import LiveSas
from ..observed.why import Heard, Sight

_TICK_S = 0.1
# An attempt that has left no IKE_SA behind after this time, and not a word, is over.
_QUIET_S = 0.5
# Heard while an attempt still goes on: the answer may yet come.
_PASSING = frozenset({"peer_silent", "unreadable"})


@dataclass(frozen=True)
class Probed:
    """What is so after a probe, which (connection, child) have come up by it, and why alerts could not be heard."""

    sight: Sight
    came_up: tuple[tuple[str, str], ...] = ()
    trouble: str = ""


@dataclass
class _Attempt:
    """The attempts at one connection: the child being tried, since when, and those still to be tried."""

    child: str
    since: float
    left: list[str]
    told: bool = False


@dataclass
class _Probe:
    host: Host
    gateway: Gateway
    attempts: dict[str, _Attempt] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)
    came_up: list[tuple[str, str]] = field(default_factory=list)
    trouble: str = ""

    def begin(self, queues: Mapping[str, list[str]]) -> None:
        self._listen()
        for connection, children in queues.items():
            self._next(connection, children)

    def _listen(self) -> None:
        self.host.charon.overheard()
        try:
            self.host.alerts.start()
        except AlertsUnavailable as error:
            self.trouble = str(error)

    def _next(self, connection: str, children: list[str]) -> None:
        """Try the next child; one after the other, since an alert names the connection and not the child."""
        self.attempts.pop(connection, None)
        if children:
            self.attempts[connection] = _Attempt(children[0], self.host.clock.elapsed(), children[1:])
            # Refused, it has failed at once, and why is among what is heard.
            with contextlib.suppress(DaemonRefused):
                self.host.charon.initiate(ike=connection, child=children[0], timeout_ms=-1)

    def tick(self) -> None:
        """Let a moment pass, take in what was told meanwhile, and go on where an attempt is over."""
        self.host.clock.pause(_TICK_S)
        self.hear()
        if not self.attempts:
            return
        sas = live_sas(self.host.charon.sas(list(self.attempts)))
        for connection, attempt in list(self.attempts.items()):
            if _up(connection, attempt.child, sas):
                self.came_up.append((connection, attempt.child))
                self._next(connection, attempt.left)
            elif self._over(connection, attempt, sas):
                self._next(connection, attempt.left)

    def _over(self, connection: str, attempt: _Attempt, sas: LiveSas) -> bool:
        going_on = any(sa.busy or not sa.established for sa in sas.get(connection, ()))
        quiet = self.host.clock.elapsed() - attempt.since >= _QUIET_S
        return not going_on and (attempt.told or quiet)

    def hear(self) -> None:
        """Take in what was told since the last time."""
        epoch = self.host.clock.epoch()
        try:
            alerts = self.host.alerts.heard()
        except AlertsUnavailable as error:
            alerts, self.trouble = [], str(error)
        for alert in alerts:
            reason = of_alert(alert.kind, alert.text, epoch)
            if reason is not None:
                peer = dict.fromkeys(part for part in (alert.identity, alert.address) if part)
                self._add(
                    reason, "error-notify", alert.connection, address=alert.address, text=", ".join([alert.text, *peer])
                )
        for connection, text in self.host.charon.overheard():
            reason = of_speech(text)
            if reason is not None and connection:
                self._add(reason, "log event", connection, text=text)

    def _add(self, reason: str, source: str, connection: str, *, address: str = "", text: str = "") -> None:
        attempt = self.attempts.get(connection)
        child = ""
        if attempt is not None:
            child = attempt.child
            attempt.told = attempt.told or reason not in _PASSING
        self.heard.append(Heard(self.host.clock.epoch(), reason, source, connection, address, child, text))


def probe(host: Host, gateway: Gateway, before: Sight, *, seconds: float, initiate: bool = True) -> Probed:
    """Try what is not up and may be started from here, and listen for at most `seconds`; return what is so then.

    It ends earlier when every tunnel that is not up has been tried. What an attempt leaves behind that is no tunnel is
    ended again. With `initiate` false it only listens.
    """
    if before.trouble:
        return Probed(before)
    queues = dict(_to_try(gateway, before)) if initiate else {}
    own = _Probe(host, gateway)
    try:
        deadline = host.clock.elapsed() + seconds
        listening = len(queues) < len(_not_up(gateway, before))
        own.begin(queues)
        while host.clock.elapsed() < deadline and (own.attempts or listening):
            own.tick()
        # To begin many attempts may have taken all the time.
        own.hear()
        after = look(host, gateway, own.heard, patient=False)
    finally:
        host.alerts.stop()
        _end_leftovers(host, queues, before.sas)
    return Probed(after, tuple(own.came_up), own.trouble)


def _not_up(gateway: Gateway, sight: Sight) -> dict[str, list[str]]:
    """Return the children that are not up, by connection."""
    found: dict[str, list[str]] = {}
    for name, children in sorted(child_sas(gateway).items()):
        down = [child.name for child in children if not _up(name, child.name, sight.sas)]
        if down:
            found[name] = down
    return found


def _to_try(gateway: Gateway, sight: Sight) -> Iterator[tuple[str, list[str]]]:
    """Yield what this end may start: loaded, not on standby, never one that waits for the peer or is being set up."""
    for name, children in _not_up(gateway, sight).items():
        underway = any(sa.busy or not sa.established for sa in sight.sas.get(name, ()))
        idle = name in sight.standby or name in sight.unused
        if gateway.phase1[name].initiates and not idle and not underway:
            loaded = [child for child in children if child in sight.loaded.get(name, ())]
            if loaded:
                yield name, loaded


def _up(connection: str, child: str, sas: LiveSas) -> bool:
    return any(each.up and each.name == child for sa in sas.get(connection, ()) for each in sa.children)


def _end_leftovers(host: Host, tried: Mapping[str, list[str]], before: LiveSas) -> None:
    """End the IKE_SAs of a probe that carry nothing: charon would try some of them for ever."""
    if not tried:
        return
    known = {sa.unique_id for many in before.values() for sa in many}
    for name, many in live_sas(host.charon.sas(list(tried))).items():
        for sa in many:
            if name in tried and sa.unique_id not in known and not any(child.up for child in sa.children):
                host.charon.terminate(ike_id=sa.unique_id, timeout_ms=-1, force=True)
