# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what the tunnels of a gateway do, for `why` to say why some are not up."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from ..desired.gateway import Gateway
from ..desired.phase1 import Phase1, address_family
from ..desired.roles import resting
from ..desired.situation import Situation, local_addresses
from ..drivers.charon import DaemonUnavailable
from ..drivers.host import Host
from .kernel import parse_addresses, parse_own
from .read import why_unavailable
from .roles import parse_roles
from .sas import live_sas
from .values import LiveSas
from .why import Heard, Sight

# A peer that has not answered within this time is called silent; charon repeats itself after 4 s.
_ANSWERS_WITHIN_S = 1.0
_NAMES_WITHIN_S = 5.0


def look(host: Host, gateway: Gateway, heard: Sequence[Heard] = (), *, patient: bool = True) -> Sight:
    """Read what decides about tunnels that are not up; `patient` waits a moment for peers that have not answered yet."""
    try:
        loaded = {name: frozenset(each.get("children", {})) for name, each in host.charon.connections().items()}
        traps = host.charon.traps()
        sas = live_sas(host.charon.sas())
        if patient and any(not sa.answered for many in sas.values() for sa in many):
            host.clock.pause(_ANSWERS_WITHIN_S)
            sas = live_sas(host.charon.sas())
    except DaemonUnavailable as error:
        trouble, down = why_unavailable(host, error)
        return Sight(trouble=trouble, down=down, heard=tuple(heard))
    asleep = {name: each for name, each in gateway.phase1.items() if not _up(name, sas)}
    absent, unused = _on_standby(host, gateway, asleep)
    return Sight(
        loaded=loaded,
        sas=sas,
        traps=traps,
        standby=absent,
        unused=unused,
        unresolved=_unresolved(host, [each for name, each in asleep.items() if name in loaded]),
        heard=tuple(heard),
    )


def _up(name: str, sas: LiveSas) -> bool:
    return any(sa.established for sa in sas.get(name, ()))


def _on_standby(host: Host, gateway: Gateway, down: Mapping[str, Phase1]) -> tuple[frozenset[str], dict[str, str]]:
    """Return those of `down` whose interfaces have no address on this host now, and those that a fallback does not use."""
    situation = Situation(host_key=b"", in_use=parse_roles(host.files.read(host.paths.roles)))
    bound = [each for each in down.values() if "any" not in each.interfaces]
    without: set[str] = set()
    if bound:
        interfaces = host.kernel.interfaces()
        present = parse_own(interfaces)
        situation = dataclasses.replace(situation, addresses=parse_addresses(interfaces), present=present)
        without = {each.name for each in bound if present.isdisjoint(local_addresses(each, situation) or ())}
    roles = {name: role for name, role in resting(gateway, situation).items() if role.standby and name in down}
    absent = without | {name for name, role in roles.items() if role.absent}
    return frozenset(absent), {name: role.why for name, role in roles.items() if name not in absent}


def _unresolved(host: Host, connections: Sequence[Phase1]) -> frozenset[str]:
    endpoints = {each.first_address() for each in connections}
    names = {each for each in endpoints if each is not None and address_family(each) is None}
    return host.names.unresolved(names, timeout=_NAMES_WITHIN_S) if names else frozenset()
