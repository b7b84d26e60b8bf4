# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose the pre-shared keys are: the identities that own a key, and the keys that charon cannot tell apart.

Source: strongSwan, credential_manager.c, get_shared(), and mem_cred.c, shared_filter(). To prove who we are charon takes
the one key whose owners match the peer's identity best, then the one whose owners match ours; among equals the order of
loading decides. An owner "%any" matches every identity, and less than any other owner that matches. To prove who the peer
is, IKEv2 accepts every key of which any owner matches either identity (psk_authenticator.c, process()).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..errors import Problem
from .identities import ANY, MY_ADDRESS, PEER_ADDRESS, swanctl_identity
from .phase1 import ANYONE, Phase1, address_family
from .secret import Secret

ANY_OWNER = "%any"


def local_identity(connection: Phase1) -> str:
    """Return our identity for swanctl; empty where charon takes the address that the SA really has."""
    if connection.local_id != MY_ADDRESS:
        return swanctl_identity(connection.local_id)
    only = connection.interfaces[0] if len(connection.interfaces) == 1 else ""
    return only if address_family(only) else ""


def remote_identity(connection: Phase1) -> str:
    """Return the peer's identity for swanctl; empty (any) where several peers are allowed or the address is not known yet."""
    if connection.remote_id == PEER_ADDRESS:
        only = connection.remote_endpoints[0] if len(connection.remote_endpoints) == 1 else ""
        return only if connection.first_address() == only and address_family(only) else ""
    return "" if connection.remote_id == ANY else swanctl_identity(connection.remote_id)


def owners(connection: Phase1) -> tuple[str, ...]:
    """Return the identities that a connection's pre-shared key belongs to.

    They are the peer's alone where one is known: with ours among them, each peer that knows its own key could show itself
    as any other one, since charon would accept the keys of all our connections. Where no identity is known beforehand the
    key must belong to anyone, and ours tells such keys apart.
    """
    theirs = remote_identity(connection)
    if not theirs:
        mine = local_identity(connection)
        known = _known_addresses(connection) if connection.remote_id == PEER_ADDRESS or _by_address(connection) else []
        return tuple(dict.fromkeys([*([mine] if mine else []), *known, ANY_OWNER]))
    return tuple(dict.fromkeys([theirs, *(_known_addresses(connection) if _by_address(connection) else [])]))


def _by_address(connection: Phase1) -> bool:
    # In main mode of IKEv1 a responder needs the key before any identity is shown, and goes by the addresses, unless its
    # own identity leads it to the connection (ikev1/phase1.c, lookup_shared_key()).
    return connection.ike_version == 1 and not local_identity(connection)


def hidden_key(connection: Phase1) -> Iterator[Problem]:
    """Yield a problem where a responder of IKEv1 could not find the key: neither by addresses nor by its own identity."""
    unknown = len(_known_addresses(connection)) < len(connection.remote_endpoints)
    if connection.shared_key is not None and _by_address(connection) and remote_identity(connection) and unknown:
        yield Problem(
            connection.where,
            "local_id",
            connection.local_id,
            "in IKEv1 the key is needed before the peer shows its identity, and its address is not known; set our own identity, "
            "by which charon finds the connection and its key",
        )


def _known_addresses(connection: Phase1) -> list[str]:
    addresses = (each for each in connection.remote_endpoints if address_family(each) and each not in ANYONE)
    return [each for each in addresses if "/" not in each and "-" not in each]


def key_problems(connections: Mapping[str, Phase1]) -> Iterator[Problem]:
    """Yield every problem of the pre-shared keys of a gateway."""
    for _name, connection in sorted(connections.items()):
        yield from hidden_key(connection)
    yield from confused_keys(connections)
    yield from _confused_postquantum_keys(connections)


def _confused_postquantum_keys(connections: Mapping[str, Phase1]) -> Iterator[Problem]:
    """Yield a problem for each postquantum key of a name that another connection has another key for (RFC 8784)."""
    found: dict[str, Phase1] = {}
    for _name, each in sorted(connections.items()):
        if each.ppk is None or each.ppk_id is None:
            continue
        first = found.setdefault(_folded(each.ppk_id), each)
        if first.ppk != each.ppk:
            wanted = f"charon finds it by ppk_id, and {first.where} has another one of this name; give them names of their own"
            yield Problem(each.where, "ppk", None, wanted)


def confused_keys(connections: Mapping[str, Phase1]) -> Iterator[Problem]:
    """Yield a problem for every connection for which charon may take the key of another one, with another value.

    Each connection is compared with an index of owners, not with each other one.
    """
    keyed = [connection for _name, connection in sorted(connections.items()) if connection.shared_key is not None]
    ours = {_folded(mine) for mine in map(local_identity, keyed) if mine}
    index: _Index = {}
    for connection in keyed:
        _enter(index, connection, _pairs(owners(connection), ours))
    told: set[frozenset[str]] = set()
    for connection in keyed:
        other = _rival(index, connection, _looked_up(connection))
        if other is not None and frozenset((connection.name, other.name)) not in told:
            told.add(frozenset((connection.name, other.name)))
            yield _confused(connection, other)
    yield from _same_addresses(keyed, told)


# What is looked up, and up to two connections with different keys that charon finds for it.
_Index = dict[tuple[str, str], dict[Secret, Phase1]]


def _enter(index: _Index, connection: Phase1, places: Iterable[tuple[str, str]]) -> None:
    for place in places:
        found = index.setdefault(place, {})
        if connection.shared_key is not None and len(found) < 2:
            found.setdefault(connection.shared_key, connection)


def _rival(index: _Index, connection: Phase1, places: Iterable[tuple[str, str]]) -> Phase1 | None:
    for place in places:
        found = index.get(place, {})
        if len(found) > 1 or connection.shared_key not in found:
            for secret, other in found.items():
                if secret != connection.shared_key:
                    return other
    return None


def _pairs(owned_by: Iterable[str], ours: set[str]) -> Iterator[tuple[str, str]]:
    """Yield (peer's identity, our identity) for which a key may be found; our identity is empty where it is an address."""
    folded = [_folded(each) for each in owned_by]
    mine = ["", *(each for each in folded if each in ours)]
    return ((theirs, each) for theirs in folded for each in mine)


def _looked_up(connection: Phase1) -> Iterator[tuple[str, str]]:
    """Yield what charon looks for: with the peer's identity, or with none before the peer has shown itself."""
    theirs = remote_identity(connection)
    sought = [theirs or ANY_OWNER, *(owners(connection) if _by_address(connection) else ())]
    # Our own identity is among the owners where the peer's is not known, and decides there only.
    mine = "" if theirs else _folded(local_identity(connection))
    return ((each, mine) for one in dict.fromkeys(sought) for each in _covering(_folded(one)))


def _folded(identity: str) -> str:
    # charon compares all but key ids without regard to case.
    return identity if identity.startswith("keyid:") else identity.lower()


def _covering(theirs: str) -> Iterator[str]:
    """Yield an identity, and if it is a pattern, the wider ones, which match its peers just as well."""
    kind, star, end = theirs.partition("*")
    if not star or kind not in ("fqdn:", "email:"):
        yield theirs
        return
    for start in range(len(end)):
        yield f"{kind}*{end[start:]}"


def _same_addresses(keyed: Iterable[Phase1], told: set[frozenset[str]]) -> Iterator[Problem]:
    index: _Index = {}
    for connection in keyed:
        if connection.ike_version != 1:
            continue
        anyone = [f"anyone by {each}" for each in ("ipv4", "ipv6") if connection.ip_type in (each, "any")]
        listed = ((anyone if each in ANYONE else [each]) for each in connection.remote_endpoints)
        peers = dict.fromkeys(peer for peers in listed for peer in peers)
        places = [(peer, interface) for peer in peers for interface in connection.interfaces]
        other = _rival(index, connection, places)
        if other is not None and frozenset((connection.name, other.name)) not in told:
            yield Problem(
                connection.where,
                "psk",
                None,
                f"{other.where} has another one for the same addresses, and in IKEv1 a key can only be found by the addresses "
                "(RFC 2409, section 5.4); use ike_version: 2, or one key for both",
            )
        _enter(index, connection, places)


def _confused(connection: Phase1, other: Phase1) -> Problem:
    theirs = remote_identity(connection)
    peer = f"peer {theirs}" if theirs else "a peer whose identity is not known beforehand"
    remedy = "another remote_id for each" if theirs else "remote_id (or local_id) of each"
    return Problem(
        connection.where,
        "psk",
        None,
        f"charon finds a key by the two identities, and {other.where} has another one that it may take for {peer}; "
        f"set {remedy} so that charon can tell them apart, or use one key for both",
    )
