# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon tells by itself: tunnels that come and go, checks of peers that it begins, and attempts that it gives up.

The first by events of vici, the others by the lines of its log that vici hands on (event log): it has no other word for
them. Source: strongSwan, vici README.md, and src/libcharon/sa (task_manager_v2.c, tasks/ike_dpd.c) and /processing/jobs
(dpd_timeout_job.c); the words were compared with those of 5.9.8 and 6.0.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .vici_session import DEFAULT_URI, DaemonHung, DaemonRefused, DaemonUnavailable, Session

# Something about a tunnel is another than before.
CHANGED = "changed"
# charon has sent the peer a request that it must answer, be it only to see whether it is there; and has heard from it.
CHECKED, HEARD = "checked", "heard"
# This end has begun to set an IKE SA up.
BEGAN = "began"
# The peer has not answered for as long as charon asks.
GAVE_UP = "gave up"
# charon is there again, or for the first time: whatever was known is old.
CAME = "came"
# charon has gone.
WENT = "went"

_EVENTS = ("ike-updown", "ike-rekey", "ike-update", "child-updown", "child-rekey")
_LOG = "log"
_SAID = (
    ("sending DPD request", CHECKED),
    # Another request in its place, during which charon sends none.
    ("generating CREATE_CHILD_SA request", CHECKED),
    ("generating INFORMATIONAL request", CHECKED),
    ("generating IKE_FOLLOWUP_KE request", CHECKED),
    ("parsed ", HEARD),
    ("giving up after ", GAVE_UP),
    ("establishing IKE_SA failed, peer not responding", GAVE_UP),
    # IKEv1 repeats no check: whoever sends nothing for dpd_timeout is given up without another word.
    ("DPD check timed out", GAVE_UP),
    ("retransmit ", CHECKED),
    ("initiating ", BEGAN),
    ("received ", CHANGED),
    ("unable to ", CHANGED),
)
# Of what is "received", only refusals matter; payloads come with each message.
_REFUSED = "notify error"


@dataclass(frozen=True)
class News:
    """One thing that charon told, and of which connection; of all where that is empty."""

    kind: str
    connection: str = ""


class CharonNews(Protocol):
    """What charon tells, from the first call of `heard` on."""

    def descriptor(self) -> int | None:
        """Return what becomes readable when charon tells something; None while it is not there."""

    def heard(self) -> list[News]:
        """Return what was told since the last call. It waits for nothing but a charon that takes no connection.

        Begins to listen where that has ended, so it is called now and then also while there is nothing to wait for. Raises
        `DaemonHung`.
        """

    def stop(self) -> None:
        """Listen no more."""


class ViciNews:
    """The news of charon by a vici session of its own: one that carries requests would answer late."""

    def __init__(self, uri: str = DEFAULT_URI, *, timeout: float = 2.0) -> None:
        self._session = Session(uri, timeout=timeout)
        self._listening = False
        self._events: tuple[str, ...] = (*_EVENTS, _LOG)

    def descriptor(self) -> int | None:
        return self._session.fileno() if self._listening else None

    def heard(self) -> list[News]:
        came = not self._listening
        found: list[News] = []
        try:
            for event, message in self._arriving():
                found += _understood(event, message)
        except DaemonHung:
            self.stop()
            raise
        except DaemonUnavailable:
            self.stop()
            return [] if came else [*found, News(WENT)]
        self._listening = True
        return [News(CAME), *found] if came else found

    def stop(self) -> None:
        self._session.close()
        self._listening = False

    def _arriving(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        while True:
            try:
                return self._session.listen(self._events, timeout=0.0)
            except DaemonRefused as refused:
                # One that this charon is too old for.
                self._events = tuple(each for each in self._events if each != refused.subject)


def _understood(event: str, message: Mapping[str, Any]) -> Iterator[News]:
    if event != _LOG:
        yield from (News(CHANGED, name) for name, value in message.items() if isinstance(value, Mapping))
        return
    connection, text = str(message.get("ikesa-name", "")), str(message.get("msg", ""))
    if connection:
        kind = next((kind for begins, kind in _SAID if text.startswith(begins)), None)
        if kind is not None and (not text.startswith("received ") or _REFUSED in text):
            yield News(kind, connection)
