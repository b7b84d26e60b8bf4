# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections and shared secrets as charon takes them (swanctl.conf, sections connections and secrets)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..desired.gateway import Gateway
from ..desired.phase1 import ANYONE, Phase1, address_family
from ..desired.proposals import DEFAULT_AH
from ..desired.roles import Resting, resting
from ..desired.situation import Situation, local_addresses
from .children import ChildSa, child_sas
from .page_keys import at_rest, child_keys, connection_keys
from .plain_keys import PHASE1_KEYS, PHASE2_KEYS
from .rounds import round_sections, secrets_of
from .values import SharedSecret, Tree

_SHOWN_NAME = 16
_OUR_SECRET = re.compile(r"(?:ike|eap|xauth|ntlm|ppk)-[A-Za-z0-9_-]{1,16}-[0-9a-f]{16}")
# With one family not %any, which also takes peers of the other one, nor %any4 and %any6: for an address of the other family
# charon asks the DNS for a host of that name (host_resolver.c), and each request of a peer waits for the answer.
_ANY_ADDRESS = {"ipv4": "0.0.0.0", "ipv6": "::", "any": "%any"}  # noqa: S104  # a peer's address, not one to bind to


def connection_trees(
    gateway: Gateway, situation: Situation, roles: Mapping[str, Resting] | None = None
) -> dict[str, Tree]:
    """Return the tree of every connection by name, as vici's `load-conn` takes it and swanctl.conf writes it.

    One that no address can be given to is not among them: to charon it would answer on every address of the host. `roles`
    are those that `resting` tells, for who has asked for them already.
    """
    roles = resting(gateway, situation) if roles is None else roles
    idle = {name for name, role in roles.items() if role.standby}
    children = child_sas(gateway)
    local = {name: local_addresses(each, situation) for name, each in sorted(gateway.phase1.items())}
    return {
        name: _connection(gateway.phase1[name], addresses, children[name], gateway, situation, standby=name in idle)
        for name, addresses in local.items()
        if addresses is not None
    }


def waiting_trees(gateway: Gateway, situation: Situation, names: Collection[str]) -> dict[str, Tree]:
    """Return the trees of connections that wait for an address, but for it: for checks, and for nobody to load."""
    children = child_sas(gateway) if names else {}
    return {name: _connection(gateway.phase1[name], (), children[name], gateway, situation) for name in sorted(names)}


def _connection(
    connection: Phase1,
    addresses: Sequence[str],
    children: Sequence[ChildSa],
    gateway: Gateway,
    situation: Situation,
    *,
    standby: bool = False,
) -> Tree:
    tree: dict[str, Any] = {
        "version": str(connection.ike_version),
        "remote_addrs": _remote_addresses(connection),
        "proposals": list(connection.proposals),
        **PHASE1_KEYS.written(connection),
        **connection_keys(connection),
    }
    local = list(addresses)
    if not local and connection.ip_type != "any" and any(_is_name(each) for each in connection.remote_endpoints):
        # A host may have addresses of both families; charon takes one of the family of our own address.
        local = [_ANY_ADDRESS[connection.ip_type]]
    if local:
        tree["local_addrs"] = local
    if connection.xfrm_interface is not None:
        number = str(situation.if_ids[connection.xfrm_interface])
        tree["if_id_in"] = number
        tree["if_id_out"] = number
    tree.update(round_sections(connection, gateway))
    tree["children"] = {child.name: _child(child, connection, standby=standby) for child in children}
    return tree


def _child(child: ChildSa, connection: Phase1, *, standby: bool) -> Tree:
    # In all that follows the phase 2s of one child agree.
    options = child.phase2[0]
    ah = connection.encryption_type == "ah"
    keys = child_keys(options, connection)
    return {
        "mode": connection.connection_type,
        "local_ts": list(child.local),
        "remote_ts": list(child.remote),
        **(
            {"ah_proposals": list(options.ah_proposals or DEFAULT_AH)}
            if ah
            else {"esp_proposals": list(options.proposals)}
        ),
        **PHASE2_KEYS.written(options),
        **(at_rest(keys) if standby else keys),
    }


def _is_name(endpoint: str) -> bool:
    return address_family(endpoint) is None


def _remote_addresses(connection: Phase1) -> list[str]:
    """List the endpoints, first the one that we initiate to: charon initiates to the first and fails if that is anyone."""
    first = connection.first_address()
    ordered = ([first] if first else []) + [each for each in connection.remote_endpoints if each != first]
    return [_ANY_ADDRESS[connection.ip_type] if each in ANYONE else each for each in ordered]


def shared_secrets(gateway: Gateway, host_key: bytes) -> tuple[dict[str, SharedSecret], dict[str, tuple[str, ...]]]:
    """Return every shared secret by its id in charon, and the ids of each connection's secrets."""
    found: dict[str, SharedSecret] = {}
    ids: dict[str, tuple[str, ...]] = {}
    for name, connection in sorted(gateway.phase1.items()):
        own = {_secret_id(name, secret, host_key): secret for secret in secrets_of(connection)}
        if own:
            ids[name] = tuple(own)
            found.update(own)
    return found, ids


def _secret_id(name: str, secret: SharedSecret, host_key: bytes) -> str:
    """Return an id that ends in a keyed hash, so that `get-shared` shows a stale secret without showing it.

    charon answers `get-shared` in one message of at most 512 KiB and drops a larger one, so that ids stay short enough
    for 10,000 of them, whatever the connections' names.
    """
    return f"{secret.kind}-{name[:_SHOWN_NAME]}-{secret.value.keyed_hash(host_key, name, *secret.owners)}"


def secret_name(secret_id: str) -> str:
    """Return a secret's id without its keyed hash, for people."""
    return secret_id.rpartition("-")[0]


def is_our_secret(secret_id: str) -> bool:
    """Say whether an id of a shared secret has the form that this collection gives."""
    return _OUR_SECRET.fullmatch(secret_id) is not None
