# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ending what has lost its address before all else: another node may have the address by now, and the peer go there (S02)."""

from __future__ import annotations

import dataclasses
from collections.abc import Set
from dataclasses import dataclass

from ..desired.roles import absent_addresses
from ..drivers.host import Host
from ..observed.values import Observed, Stored
from ..plan.steps import Settlement, Step
from .sas import settle_all, snapshot


@dataclass(frozen=True)
class Stranded:
    """What was ended, and the addresses that count as absent for the rest of the run, also if one has come back meanwhile.

    So whatever was ended here is on standby when the run is over, and the next run that finds the address sets it up.
    """

    steps: tuple[Step, ...] = ()
    absent: frozenset[str] = frozenset()

    def absent_in(self, observed: Observed) -> Observed:
        """Return what was observed without these addresses."""
        present = observed.situation.present
        if not self.absent or present is None:
            return observed
        situation = dataclasses.replace(observed.situation, present=present - self.absent)
        return dataclasses.replace(observed, situation=situation)


def end_stranded(host: Host, known: Stored, present: Set[str]) -> Stranded:
    """End the SAs of connections that had one of their own addresses by the last run, and have none that is `present`.

    `known` is the generation in force. Raises `DaemonUnavailable`.
    """
    before = absent_addresses(known.gateway, known.situation.present)
    now = absent_addresses(known.gateway, present)
    at_once = Settlement(whole=True, at_once=True)
    lost = [Step("end", "sa", name, settlement=at_once) for name in sorted(now.keys() - before.keys())]
    old = snapshot(host, lost)
    ended = [step for step in lost if old.get(step.name)]
    settle_all(host, ended, old, {}, gently=False)
    return Stranded(tuple(ended), frozenset(address for step in ended for address in now[step.name]))
