# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving traffic to the tunnels in use as fast as that goes: by links and their routes, which is all that it goes by.

What else a switch changes is a full run's (restore.py): how charon holds the tunnels, and what the firewall lets through.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..artifacts.links import links
from ..desired.gateway import Gateway
from ..drivers.host import Host
from ..observed.read import observe_links
from ..observed.values import Stored
from ..plan.following import followed
from ..plan.kernel import plan_links
from ..plan.steps import Step
from .planning import situation_at_boot
from .stranded import Addresses


def by_routes_alone(gateway: Gateway, fallbacks: Iterable[str]) -> bool:
    """Say whether routes decide which tunnel of these fallbacks gets the traffic: each member has an XFRM interface.

    A policy of one that has none catches packets whatever the routes say, until charon is told otherwise.
    """
    members = {name for each in fallbacks if each in gateway.fallbacks for name in gateway.fallbacks[each].members}
    return all(gateway.phase1[name].xfrm_interface is not None for name in members)


def reroute(host: Host, *, program: str, known: Stored | None, addresses: Addresses) -> tuple[Step, ...] | None:
    """Make links and routes what the generation in force says, by the roles of now; returns what was done.

    A link that follows its tunnels stays as it is. `known` and `addresses` are those of `restore`. None, and nothing is done,
    where a run was stopped in its middle, after which a full one must look at everything. Raises `LockBusy` at once where
    somebody else is changing the host, and `IpsecError` at the first command that the kernel refuses.
    """
    with host.files.lock(host.paths.lock, 0.0, program):
        observed = addresses.without_absent(observe_links(host, host_key=b"", known=known))
        if observed.stored.unfinished:
            return None
        gateway = observed.stored.gateway
        wanted, _warnings = links(gateway, situation_at_boot(observed, gateway, before_charon=False))
        build, remove = plan_links(followed(wanted, observed.links, None), observed.links)
        steps = (*build, *remove)
        host.kernel.run([command for step in steps for command in step.commands])
        return steps
