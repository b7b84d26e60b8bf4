# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the host has the program that its objects need: a run installs nothing, and says who does."""

from __future__ import annotations

import dataclasses

from ..desired.agent_needs import COLLECTION_RELEASE, is_older, needing_agent, release_of
from ..desired.gateway import Gateway
from ..desired.running import OPTIONAL, RunOptions
from ..drivers.host import Host
from ..errors import DependencyMissing

_SHOWN = 3


def refuse_without_agent(host: Host, gateway: Gateway, demands: RunOptions) -> tuple[str, ...]:
    """Raise `DependencyMissing` where objects need the program and the host has none, or an older one.

    Where the run may do without, it returns a warning instead.
    """
    needing = list(needing_agent(gateway))
    trouble = _trouble(host) if needing else ""
    if not trouble:
        return ()
    more = f" and {len(needing) - _SHOWN} more" if len(needing) > _SHOWN else ""
    told = (
        f"{', '.join(needing[:_SHOWN])}{more} need{'s' * (len(needing) == 1)} the program on the gateway, of release "
        f"{COLLECTION_RELEASE} or newer, and {trouble}"
    )
    if demands.agent == OPTIONAL:
        return (f"{told}. Nothing comes of that before the role swanfleet.ipsec.gateway installs it",)
    raise DependencyMissing(
        f"{told}. Apply the role swanfleet.ipsec.gateway, which installs it; or set agent: optional if it comes later"
    )


def agent_optional(demands: RunOptions) -> RunOptions:
    """Return the demands of a run that may do without the program."""
    return dataclasses.replace(demands, agent=OPTIONAL)


def _trouble(host: Host) -> str:
    """Return what is wrong with the program on the host, in a sentence's part; nothing where it is right."""
    found = host.files.read(host.paths.program)
    if found is None:
        return f"this host has none ({host.paths.program})"
    release = release_of(found.content)
    if release is None:
        return f"{host.paths.program} is of an earlier one, which tells no release"
    return f"{host.paths.program} is of {release}" if is_older(release) else ""
