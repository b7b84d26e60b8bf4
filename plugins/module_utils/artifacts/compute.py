# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is wanted and the situation to everything that must exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..desired.check_sources import unfit_sources
from ..desired.gateway import Gateway
from ..desired.roles import Resting, resting
from ..desired.rules import uses_firewall
from ..desired.situation import Situation, vanished, waiting, without_interface, without_link
from .authorities import authority_trees
from .connections import connection_trees, shared_secrets, waiting_trees
from .credentials import credential_files, credentials
from .guard import guard
from .key_sections import key_sections, token_keys
from .links import links
from .parts import parts_of
from .pools import pool_trees
from .shunts import shunt_trees
from .swanctl import render_connections, render_secrets
from .uplinks import uplink_routing
from .values import CONNECTIONS_FILE, SECRETS_FILE, Artifacts, FileText, FirewallArtifact


def _firewall(gateway: Gateway, situation: Situation) -> tuple[FirewallArtifact, list[str]]:
    if not uses_firewall(gateway):
        return FirewallArtifact(), []
    # To load this takes a twentieth of a run's start, and most gateways have no rules.
    from .firewall import firewall

    return firewall(gateway, situation)


def links_only(gateway: Gateway, situation: Situation) -> Artifacts:
    """Return the artifacts that are not charon's: XFRM interfaces, ways out, and the firewall."""
    found, warnings = links(gateway, situation)
    rules, _open_to_anyone = _firewall(gateway, situation)
    return Artifacts(
        connections={},
        shared={},
        links=found,
        files={},
        warnings=tuple(warnings),
        firewall=rules,
        guard=guard(gateway, situation),
        uplinks=uplink_routing(gateway, situation),
    )


def artifacts(gateway: Gateway, situation: Situation) -> Artifacts:
    """Return the artifacts of a checked gateway in its situation; a connection that waits for an address has a warning."""
    roles = resting(gateway, situation)
    connections = connection_trees(gateway, situation, roles)
    shared, secret_of = shared_secrets(gateway, situation.host_key)
    found, warnings = links(gateway, situation, roles)
    late = waiting(gateway, situation)
    warnings += (
        f"phase1 {name} waits: {why}. charon is told of it by the next run after that" for name, why in late.items()
    )
    warnings += (
        f"{shunt.where} waits: this host has no interface {shunt.interface} now. charon is told of it by the next run after that"
        for shunt in without_interface(gateway, situation).values()
    )
    warnings += (
        f"{uplink.where} waits: this host has no such interface now, and nothing is sent by it"
        for uplink in without_link(gateway, situation)
    )
    warnings += (
        f"this host has no interface {interface} now; its last known addresses are used for {_some('phase1', names)}"
        for interface, names in vanished(gateway, situation).items()
    )
    warnings += unfit_sources(gateway, situation)
    held = credentials(gateway)
    rules, open_to_anyone = _firewall(gateway, situation)
    pools = pool_trees(gateway)
    authorities = authority_trees(gateway)
    shunts = shunt_trees(gateway, situation)
    tokens = token_keys(gateway, situation.host_key)
    of_keys = key_sections(gateway, held, tokens)
    # What passes by a shunt passes before anything else can catch it.
    text = render_connections({**shunts, **connections}, pools, authorities)
    return Artifacts(
        connections=connections,
        shared=shared,
        links=found,
        files={
            CONNECTIONS_FILE: FileText(0o600, text, needed=bool(connections or pools or authorities or shunts)),
            SECRETS_FILE: FileText(0o600, render_secrets(shared, of_keys), needed=bool(shared or of_keys)),
            **credential_files(held),
        },
        warnings=(*warnings, *open_to_anyone),
        parts={name: parts_of(tree) for name, tree in connections.items()},
        secret_of=secret_of,
        credentials=held,
        pools=pools,
        authorities=authorities,
        firewall=rules,
        guard=guard(gateway, situation),
        uplinks=uplink_routing(gateway, situation),
        waiting=waiting_trees(gateway, situation, late),
        shunts=shunts,
        tokens=tokens,
        initiators=frozenset(
            name for name, each in gateway.phase1.items() if each.initiates and not _on_standby(name, roles)
        ),
        resting=roles,
    )


def _on_standby(name: str, roles: Mapping[str, Resting]) -> bool:
    return name in roles and roles[name].standby


def _some(kind: str, names: Sequence[str]) -> str:
    """Name a few objects of a kind, and count the others."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{kind} {', '.join(names[:3])}{more}"
