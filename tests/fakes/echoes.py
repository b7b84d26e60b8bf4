# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Echo requests without a network: interfaces with what can be reached by them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.echoes import EchoReply, EchoRequest


@dataclass
class FakeWay:
    """An interface: our addresses on it, whom it leads to, and whether it is cut somewhere on the way."""

    own: frozenset[str]
    peers: frozenset[str]
    cut: bool = False


@dataclass
class FakeEchoes:
    """Answers at once; `route` is the interface that an unbound request takes."""

    ways: dict[str, FakeWay]
    route: str
    asked: list[EchoRequest] = field(default_factory=list)
    _waiting: list[EchoReply] = field(default_factory=list)

    def ask(self, requests: Iterable[EchoRequest]) -> list[EchoRequest]:
        """Send requests; return those that could not be sent."""
        return [request for request in requests if not self._sent(request)]

    def heard(self) -> list[EchoReply]:
        """Return the answers since the last call."""
        heard, self._waiting = self._waiting, []
        return heard

    def descriptors(self) -> list[int]:
        """Return nothing that could be waited for."""
        return []

    def stop(self) -> None:
        """Forget what has not been heard."""
        self._waiting.clear()

    def _sent(self, request: EchoRequest) -> bool:
        way = self.ways.get(request.interface or self.route)
        own = frozenset().union(*(each.own for each in self.ways.values()))
        if way is None or (request.source and request.source not in own):
            return False
        self.asked.append(request)
        if request.address in way.peers and not way.cut:
            self._waiting.append(EchoReply(request.address, request.token))
        return True
