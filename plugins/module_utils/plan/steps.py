# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of a plan: what each does, to what, and in which order they may run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The layers of what passes the host's firewall, and of what is stopped beside it.
FIREWALL, GUARD = "firewall", "guard"
# That of what sends packets by an uplink.
UPLINK = "uplink"
Commands = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Settlement:
    """What becomes of the live SAs of one connection, so that none with old parameters stays.

    `whole`: its IKE_SAs, with all that they carry; else only the CHILD_SAs of `children`. `bring_up`: the children
    that shall be up at the end. `by_charon`: children that charon initiates by itself when it loads them. `held`: those
    that come without their start, or with the connection not at all, until the old SAs are gone; it is loaded then.
    `at_once`: its IKE_SAs end without waiting for the peer, which may be out of reach.
    """

    whole: bool
    children: tuple[str, ...] = ()
    bring_up: tuple[str, ...] = ()
    by_charon: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    at_once: bool = False


@dataclass(frozen=True)
class Step:
    """One step: a verb, the layer it works on, and the object's name.

    Steps of the kernel carry their commands for ip(8), those of the firewall theirs for nft(8), steps of SAs their
    settlement. `key` is what the engine looks the content up by, where that differs from the name that people see.
    """

    verb: str
    layer: str
    name: str
    key: str = ""
    commands: Commands = dataclasses.field(default=())
    settlement: Settlement | None = None
    nft: tuple[Mapping[str, Any], ...] = dataclasses.field(default=(), repr=False)

    def __str__(self) -> str:
        return f"{self.verb} {self.layer} {self.name}"

    def as_data(self) -> dict[str, str]:
        """Return the step as a module's result shows it."""
        return {"action": self.verb, "layer": self.layer, "object": self.name}


@dataclass(frozen=True)
class Plan:
    """All steps in the order in which they run. An empty plan changes nothing.

    `disruption` tells for each connection that the plan touches what that does to its traffic (plan/disruption.py).
    `unsettled` names connections whose live SAs decide about more steps, and were not known to this plan.
    """

    steps: tuple[Step, ...] = ()
    disruption: Mapping[str, str] = dataclasses.field(default_factory=dict)
    unsettled: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)
