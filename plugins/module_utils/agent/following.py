# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links that go up and down with their tunnels: what charon tells says when the engine must look at them.

The engine alone decides and acts. Here is only found out, at little cost, whether it would find anything to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..artifacts.links import bound
from ..artifacts.values import Bound
from ..desired.gateway import Gateway
from ..desired.xfrm_interface import SA
from ..drivers.charon import Charon, DaemonHung
from ..errors import IpsecError
from ..observed.following import observe_carrying
from ..observed.values import Carrying
from ..plan.following import is_up
from ..plan.steps import Step


class Following:
    """The links that follow their tunnels, and how each was to be when it was looked at last."""

    def __init__(self, charon: Charon) -> None:
        self._charon = charon
        self._links: Mapping[str, Bound] = {}
        self._link_of: Mapping[str, str] = {}
        self._known: dict[str, bool] = {}
        self._heard: dict[str, set[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._links)

    def read(self, gateway: Gateway) -> None:
        """Go by these objects; where a link has other tunnels, or follows them now, nothing is known of any."""
        found = bound(gateway, {})
        # A trap that is wanted is asked for like any other: it may be on standby, which the engine knows.
        links = {name: Bound(each.state, each.connections) for name, each in found.items() if each.follows}
        if links != self._links:
            self._links, self._known = links, {}
            self._link_of = {each: name for name, link in links.items() for each in link.connections}
            self._heard = {}
            self.heard()

    def heard(self, connection: str = "") -> None:
        """Note that something has become of a tunnel; of all where none is named."""
        for name in [connection] if connection else self._link_of:
            if name in self._link_of:
                self._heard.setdefault(self._link_of[name], set()).add(name)

    def acted(self, steps: Iterable[Step]) -> None:
        """Note what the engine has done: how it left a link may be older than what is heard next."""
        for step in steps:
            if step.layer == "link":
                self._known.pop(step.name, None)

    def moved(self) -> bool:
        """Say whether a link of which something was heard is to be another than it was; raises `DaemonHung`.

        Where charon is not there, or says what nobody understands, that is for the engine; whatever is heard next is new.
        """
        if not self._heard:
            return False
        try:
            now = self._to_be()
        except DaemonHung:
            raise
        except IpsecError:
            self._heard, self._known = {}, {}
            return False
        before = {name: self._known.get(name) for name in now}
        self._known.update(now)
        self._heard = {}
        return now != before

    def _to_be(self) -> dict[str, bool]:
        # Where many share a link, one that is up decides, and the others need not be asked for.
        told = {name: Bound(SA, tuple(sorted(heard))) for name, heard in self._heard.items()}
        first = observe_carrying(self._charon, told.values())
        left = {name: self._links[name] for name, each in told.items() if not is_up(each, first)}
        rest = observe_carrying(self._charon, left.values()) if left else Carrying()
        return {name: name not in left or is_up(left[name], rest) for name in told}
