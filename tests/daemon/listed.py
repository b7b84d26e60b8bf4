# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What list-conns must show for a phase 1, told from the object itself and not from what is made of it."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.children import ChildSa, child_sas
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.credentials import split
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.identities import ANY, MY_ADDRESS, PEER_ADDRESS
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.phase1 import ANYONE, Phase1, address_family
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.phase2 import Phase2
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.proving import by_key_alone, rounds_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.rounds import LocalRound, RemoteRound
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.selectors import (
    ANY_PORT,
    OPAQUE,
    Selector,
    selector_of,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.shunt import Shunt, kernel_selectors
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation

Shown = dict[str, Any]
# What is as long as a SHA-1 digest charon shows as one (identification.c, the printf hook).
_DIGEST = 20
_REVOCATION = {"strict": "GOOD", "ifuri": "SKIPPED"}
_CLASSES = {"psk": "pre-shared key"}
# The owners of a secret go through a buffer of 512 octets into the log (vici_cred.c, load_shared).
_LOGGED = 511

_BOTH = dict.fromkeys(("connect_on_demand", "restart_on_demand"), "trap | start")
_ACTIONS = {"none": "none", "on_demand": "trap", "connect": "start", "restart": "start", **_BOTH}
_AT_REST = {"close_action": "none", "dpd_action": "none"}

_SHOWN = re.compile(r"([^\[]+)(?:\[([^/\]]+)(?:/([^\]]+))?\])?")
_ICMP = ("1", "58")


def by_number(selector: str) -> str:
    """Return a selector in numbers; charon shows protocols and ports by name where the host has files of them."""
    found = _SHOWN.fullmatch(selector)
    assert found is not None, selector
    where, protocol, port = found[1].replace("..", "-"), found[2], found[3]
    if protocol is None:
        return where
    if not protocol.isdigit():
        protocol = str(socket.getprotobyname(protocol))
    return f"{where}[{protocol}/{_port(port, protocol)}]" if port else f"{where}[{protocol}]"


def _port(text: str, protocol: str) -> str:
    if text.lower() == "opaque":
        return "opaque"
    if protocol in _ICMP:
        types = [each.rstrip(")").partition("(") for each in text.split("-")]
        return "-".join(str(int(kind) * 256 + int(code or 0)) for kind, _bracket, code in types)
    return text if text[0].isdigit() else str(socket.getservbyname(text))


def _on_standby(gateway: Gateway, name: str) -> bool:
    """Say whether a fallback does not use a connection; nobody has said that a primary has failed."""
    return any(each.mode == "cold" and name in each.fallbacks for each in gateway.fallbacks.values())


def expected(gateway: Gateway, name: str, situation: Situation) -> Shown:
    """Return what charon shows of a connection that it has understood as it is meant."""
    connection = gateway.phase1[name]
    return {
        "version": f"IKEv{connection.ike_version}",
        "local_addrs": _local(connection, situation),
        "remote_addrs": [_anyone(connection) if each in ANYONE else each for each in _initiated_first(connection)],
        "rekey_time": str(_rekeyed(connection) if connection.rekey else 0),
        "reauth_time": str(connection.reauth_time or 0),
        "dpd_delay": connection.dpd.delay if connection.dpd.enabled else 0,
        "dpd_timeout": connection.dpd.timeout if connection.dpd.enabled and connection.ike_version == 1 else 0,
        "unique": "UNIQUE_REPLACE" if connection.mediation else f"UNIQUE_{(connection.unique or 'no').upper()}",
        **_identities(connection),
        "rounds": [*_rounds(rounds_of(connection).local), *_rounds(rounds_of(connection).remote)],
        "children": {
            child.name: {**_child(child, connection), **(_AT_REST if _on_standby(gateway, name) else {})}
            for child in child_sas(gateway)[name]
        },
    }


def shown(listed: Shown) -> Shown:
    """Return the same of what charon shows."""
    return {
        **{
            key: listed[key]
            for key in ("version", "local_addrs", "remote_addrs", "rekey_time", "reauth_time", "unique")
        },
        **{key: int(listed.get(key, 0)) for key in ("dpd_delay", "dpd_timeout")},
        "local id": listed["local-1"].get("id", "%any"),
        "remote id": listed["remote-1"].get("id", "%any"),
        "rounds": [_round(listed[key]) for side in ("local", "remote") for key in listed if key.startswith(f"{side}-")],
        "children": {
            name: {
                "mode": child["mode"],
                **{
                    key: child[key]
                    for key in ("rekey_time", "rekey_bytes", "rekey_packets", "close_action", "dpd_action")
                },
                **{key: child.get(key) for key in ("interface", "priority")},
                "local-ts": set(map(by_number, child["local-ts"])),
                "remote-ts": set(map(by_number, child["remote-ts"])),
            }
            for name, child in listed["children"].items()
        },
    }


def _identities(connection: Phase1) -> Shown:
    if not by_key_alone(connection):
        return {}
    return {
        "local id": _shown_identity(connection.local_id, _only_address(connection.interfaces)),
        "remote id": _shown_identity(connection.remote_id, _only_address(connection.remote_endpoints)),
    }


def _round(listed: Shown) -> Shown:
    found: Shown = {
        key: listed[key] for key in ("class", "eap_id", "xauth_id", "revocation", "eap-type") if key in listed
    }
    lists = {key: sorted(listed[key]) for key in ("groups", "cert_policy") if listed[key]}
    return {**found, **lists, "certs": len(listed["certs"]), "cacerts": len(listed["cacerts"])}


def _rounds(rounds: Sequence[LocalRound | RemoteRound]) -> list[Shown]:
    return [_expected_round(each) for each in sorted(rounds, key=lambda each: each.round)]


def _expected_round(each: LocalRound | RemoteRound) -> Shown:
    kind = (
        "EAP"
        if each.auth.startswith("eap")
        else "XAuth"
        if each.auth == "xauth"
        else _CLASSES.get(each.auth, "public key")
    )
    found: Shown = {"class": kind, "certs": len(each.certificates) + len(each.public_keys), "cacerts": 0}
    if each.auth.startswith("eap-"):
        found["eap-type"] = "EAP_" + each.auth.partition(":")[0][4:].upper()
    if each.eap_id is not None:
        found["eap_id"] = "%any" if each.eap_id == ANY and isinstance(each, RemoteRound) else each.eap_id
    if isinstance(each, LocalRound):
        return {**found, **({"xauth_id": each.xauth_id} if each.xauth_id is not None else {})}
    found["cacerts"] = len({one for text in each.ca_certificates for one in split(text)})
    found.update({"revocation": _REVOCATION[each.revocation]} if each.revocation in _REVOCATION else {})
    lists = {"groups": sorted(each.groups), "cert_policy": sorted(each.cert_policies)}
    return {**found, **{key: held for key, held in lists.items() if held}}


def without_tokens(config: Any) -> Any:
    """Return a configuration without keys and certificates on tokens, of which there are none here."""
    if isinstance(config, dict):
        return {key: without_tokens(value) for key, value in config.items() if not str(key).startswith("token_")}
    if not isinstance(config, list):
        return config
    # An authority has no other certificate then.
    kept = [
        each for each in config if not isinstance(each, dict) or not {"token_ca_certificate", "handle"} & each.keys()
    ]
    return [without_tokens(each) for each in kept]


def _rekeyed(item: Phase1 | Phase2) -> int:
    if item.rekey_time is not None:
        return item.rekey_time
    rest = item.over_time if isinstance(item, Phase1) else None
    return item.lifetime - (item.lifetime // 10 if rest is None else rest)


def _volume(rekey: int | None, life: int | None) -> str:
    return str(rekey if rekey is not None else life - life // 10 if life else 0)


def _anyone(connection: Phase1) -> str:
    return {"ipv4": "0.0.0.0", "ipv6": "::", "any": "%any"}[connection.ip_type]  # noqa: S104  # anyone


def _initiated_first(connection: Phase1) -> list[str]:
    first = connection.first_address()
    rest = [each for each in connection.remote_endpoints if each != first]
    return [first, *rest] if first is not None else rest


def _local(connection: Phase1, situation: Situation) -> list[str]:
    if "any" in connection.interfaces:
        named = any(address_family(each) is None for each in connection.remote_endpoints)
        return [_anyone(connection) if named else "%any"]
    families = {"ipv4": [4], "ipv6": [6], "any": [4, 6]}[connection.ip_type]
    default = situation.default_interface[families[0]]
    by_default = sorted(connection.interfaces, key=lambda each: each != default)
    found = [address for each in by_default for address in situation.addresses.get(each, (each,))]
    return list(dict.fromkeys(each for each in found if address_family(each) in families))


def _only_address(written: tuple[str, ...]) -> str:
    only = written[0] if len(written) == 1 and written[0] not in ANYONE else ""
    try:
        return str(ipaddress.ip_address(only))
    except ValueError:
        return ""


def _shown_identity(identity: str, address: str) -> str:
    if identity in (MY_ADDRESS, PEER_ADDRESS):
        return address or "%any"
    kind, _colon, value = identity.partition(":")
    return "%any" if identity == ANY else _shown_value(kind, value)


def _shown_value(kind: str, value: str) -> str:
    if kind == "keyid" and len(value) == _DIGEST:
        return ":".join(f"{octet:02x}" for octet in value.encode())
    if kind == "dn" and value.startswith("/"):
        return value[1:].replace("/", ", ")
    return value


def shown_owners(owners: Sequence[str]) -> str:
    """Return how charon's log shows the owners of a secret, given as swanctl.conf has them, as far as the log goes."""
    found = []
    for owner in owners:
        kind, _colon, value = owner.partition(":")
        if kind not in ("fqdn", "email", "keyid"):
            kind, value = "dn" if "=" in owner else "address", owner
        found.append(f"'{_shown_value(kind, value)}'")
    return ", ".join(found)[:_LOGGED]


def _child(made: ChildSa, connection: Phase1) -> Shown:
    child = made.phase2[0]
    return {
        "mode": connection.connection_type.upper(),
        "rekey_time": str(_rekeyed(child)) if connection.rekey else "0",
        "rekey_bytes": _volume(child.rekey_bytes, child.life_bytes) if connection.rekey else "0",
        "rekey_packets": _volume(child.rekey_packets, child.life_packets) if connection.rekey else "0",
        "close_action": _ACTIONS[connection.close_action],
        "dpd_action": _ACTIONS[connection.dpd_action],
        "interface": child.interface,
        "priority": None if child.priority is None else str(child.priority),
        "local-ts": _selectors(made.local),
        "remote-ts": _selectors(made.remote),
    }


def expected_shunt(shunt: Shunt) -> Shown:
    """Return what charon shows of the child that a shunt becomes; it knows nothing of SAs, so that the rest is charon's own."""
    usual = {
        "rekey_time": "3600",
        "rekey_bytes": "0",
        "rekey_packets": "0",
        "close_action": "none",
        "dpd_action": "none",
    }
    return {
        "mode": shunt.type.upper(),
        **usual,
        "interface": shunt.interface,
        "priority": None if shunt.priority is None else str(shunt.priority),
        "local-ts": _selectors(tuple(each for one in shunt.local_networks for each in kernel_selectors(one))),
        "remote-ts": _selectors(tuple(each for one in shunt.remote_networks for each in kernel_selectors(one))),
    }


def _selectors(networks: tuple[str, ...]) -> set[str]:
    """Return the networks without those that lie in another one: charon drops these, which changes nothing in the sum."""
    parsed = {each: selector_of(each) for each in networks}
    return {
        text.replace("[any/", "[0/")
        for text, each in parsed.items()
        if not any(each != other and _lies_in(each, other) for other in parsed.values())
    }


def _lies_in(small: Selector, large: Selector) -> bool:
    """Say whether charon drops the one for the other; it knows no addresses of what is dynamic."""
    ports = large.ports == ANY_PORT or small.ports == large.ports
    if OPAQUE not in (small.ports, large.ports):
        ports = ports or large.ports[0] <= small.ports[0] <= small.ports[1] <= large.ports[1]
    return (
        small.family == large.family != 0
        and large.low <= small.low <= small.high <= large.high
        and large.protocol in (0, small.protocol)
        and ports
    )
