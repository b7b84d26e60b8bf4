# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ending what has lost its address before all else: another node may have the address by now, and the peer go there (S02)."""

from __future__ import annotations

import dataclasses
from collections.abc import Set
from dataclasses import dataclass, field

from ..desired.roles import absent_addresses
from ..drivers.host import Host
from ..observed.values import Observed, Stored
from ..plan.steps import Settlement, Step
from .sas import settle_all, snapshot


@dataclass
class Addresses:
    """What whoever restores again and again knows of the host's addresses from one run to the next.

    `latest` are those of the last reading, None where none was needed, and `present` the same until a run has gone by them, None
    afterwards. `absent` are those whose connections were ended for the lack of them: they count as absent, also if one has come
    back meanwhile, until a run has put these on standby, whatever else of it has failed. The run after that finds the address,
    and sets up what was ended.
    """

    latest: frozenset[str] | None = None
    present: Set[str] | None = None
    absent: set[str] = field(default_factory=set)

    def without_absent(self, observed: Observed) -> Observed:
        """Return what was observed without the addresses that count as absent."""
        present = observed.situation.present
        if not self.absent or present is None:
            return observed
        situation = dataclasses.replace(observed.situation, present=present - self.absent)
        return dataclasses.replace(observed, situation=situation)

    def counted(self) -> frozenset[str] | None:
        """Return those of the last reading without what counts as absent; None where there was no reading."""
        return None if self.latest is None else self.latest - self.absent

    def came_back(self, observed: Observed) -> bool:
        """Say whether any that counts as absent was there after all."""
        return not self.absent.isdisjoint(observed.situation.present or ())


def end_stranded(host: Host, known: Stored, addresses: Addresses) -> list[Step]:
    """End the SAs of connections that have none of their own addresses now; returns what was done.

    `known` is the generation in force. Raises `DaemonUnavailable`; what was to be ended is noted all the same.
    """
    # Those of our own links come with the run, if they are not there.
    own = dataclasses.replace(known.situation, present=frozenset(addresses.present or ()))
    lost = absent_addresses(known.gateway, own.with_links_of(known.gateway).present)
    at_once = Settlement(whole=True, at_once=True)
    steps = [Step("end", "sa", name, settlement=at_once) for name in sorted(lost)]
    old = snapshot(host, steps)
    ended = [step for step in steps if old.get(step.name)]
    addresses.absent.update(address for step in ended for address in lost[step.name])
    settle_all(host, ended, old, {}, gently=False)
    return ended
