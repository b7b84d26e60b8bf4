# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sections `local` and `remote` of a connection, and the secrets that its rounds of authentication need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..desired.credentials import is_unread, plain_text, split, text_of
from ..desired.gateway import Gateway
from ..desired.identities import ANY, MY_ADDRESS, PEER_ADDRESS, swanctl_identity
from ..desired.owners import local_identity, owners, remote_identity
from ..desired.phase1 import Phase1
from ..desired.proving import by_key_alone, rounds_of
from ..desired.rounds import LocalRound, RemoteRound, TokenCertificate, User
from ..desired.secret import Secret
from .credentials import file_of, key_file_of
from .values import SharedSecret, Tree


def round_sections(connection: Phase1, gateway: Gateway) -> dict[str, Tree]:
    """Return the sections of both ends: `local` and `remote`, or numbered ones where an end has several rounds."""
    if by_key_alone(connection):
        return {
            "local": _plain("psk", local_identity(connection)),
            "remote": _plain("psk", remote_identity(connection)),
        }
    rounds = rounds_of(connection)
    local = [_local(connection, each, gateway, first=not index) for index, each in enumerate(rounds.local)]
    remote = [_remote(connection, each, gateway, first=not index) for index, each in enumerate(rounds.remote)]
    return {**_named("local", local), **_named("remote", remote)}


def _plain(method: str, identity: str) -> dict[str, Any]:
    return {"auth": method, "id": identity} if identity else {"auth": method}


def _named(side: str, sections: Sequence[Tree]) -> dict[str, Tree]:
    if len(sections) == 1:
        return {side: sections[0]}
    return {f"{side}-{number}": section for number, section in enumerate(sections, start=1)}


def _local(connection: Phase1, each: LocalRound, gateway: Gateway, *, first: bool) -> Tree:
    section = _plain(each.auth, _local_id(connection, each, first=first))
    section.update(_texts(eap_id=each.eap_id, xauth_id=each.xauth_id))
    if each.aaa_id is not None:
        section["aaa_id"] = swanctl_identity(each.aaa_id)
    certificates = [certificate_file(gateway, one) for one in each.certificates]
    section.update(_lists(certs=certificates, pubkeys=[_key_file(gateway, one) for one in each.public_keys]))
    section.update(_tokens("cert", each.token_certificates))
    if each.round:
        section["round"] = str(each.round)
    return section


def _remote(connection: Phase1, each: RemoteRound, gateway: Gateway, *, first: bool) -> Tree:
    section = _plain(each.auth, _remote_id(connection, each, first=first))
    if each.eap_id is not None:
        section["eap_id"] = "%any" if each.eap_id == ANY else each.eap_id
    if each.ca_id is not None:
        section["ca_id"] = swanctl_identity(each.ca_id)
    authorities = [file for one in each.ca_certificates for file in _files(gateway, one)]
    section.update(
        _lists(
            certs=[certificate_file(gateway, one) for one in each.certificates],
            pubkeys=[_key_file(gateway, one) for one in each.public_keys],
            cacerts=list(dict.fromkeys(authorities)),
            groups=each.groups,
            cert_policy=each.cert_policies,
        )
    )
    section.update(_tokens("cert", each.token_certificates))
    section.update(_tokens("cacert", each.token_ca_certificates))
    if each.revocation != "relaxed":
        section["revocation"] = each.revocation
    if each.round:
        section["round"] = str(each.round)
    return section


def _local_id(connection: Phase1, each: LocalRound, *, first: bool) -> str:
    if each.id is not None and each.id != MY_ADDRESS:
        return swanctl_identity(each.id)
    # A certificate without a word says its subject; later rounds say again what was written for the first one.
    by_address = first and not (each.certificates or each.token_certificates)
    return local_identity(connection) if by_address or connection.local_id != MY_ADDRESS else ""


def _remote_id(connection: Phase1, each: RemoteRound, *, first: bool) -> str:
    if each.id is not None and each.id != PEER_ADDRESS:
        return "" if each.id == ANY else swanctl_identity(each.id)
    if each.auth.startswith("xauth"):
        # The name of a user is no identity to charon, and nobody would have it.
        return ""
    # A client of EAP says who it is to that, and comes from anywhere.
    by_address = first and not each.auth.startswith("eap")
    return remote_identity(connection) if by_address or connection.remote_id != PEER_ADDRESS else ""


def _texts(**values: str | None) -> dict[str, str]:
    return {key: value for key, value in values.items() if value is not None}


def _lists(**values: Sequence[str]) -> dict[str, list[str]]:
    return {key: list(value) for key, value in values.items() if value}


def _tokens(name: str, tokens: Sequence[TokenCertificate]) -> dict[str, Tree]:
    return {
        f"{name}-{number}": _texts(
            handle=token.handle,
            slot=None if token.slot is None else str(token.slot),
            module=token.module,
            file=token.file,
        )
        for number, token in enumerate(tokens, start=1)
    }


def certificate_file(gateway: Gateway, material: str) -> str:
    """Return the name of our file with a certificate; a path that nobody has read stands for itself."""
    [file] = _files(gateway, material)
    return file


def _key_file(gateway: Gateway, material: str) -> str:
    return material if is_unread(gateway, material) else key_file_of(plain_text(gateway, material))


def _files(gateway: Gateway, material: str) -> list[str]:
    """Return the names of our files with certificates; a path that nobody has read stands for itself."""
    if is_unread(gateway, material):
        return [material]
    found = text_of(gateway, material)
    return [file_of(text) for text in split(found.reveal() if isinstance(found, Secret) else found)]


def secrets_of(connection: Phase1) -> Iterator[SharedSecret]:
    """Yield the shared secrets that a connection needs."""
    if connection.ppk is not None and connection.ppk_id is not None:
        yield SharedSecret("ppk", (swanctl_identity(connection.ppk_id),), connection.ppk)
    if by_key_alone(connection):
        if connection.psk is not None:
            yield SharedSecret("ike", owners(connection), connection.psk)
        return
    rounds = rounds_of(connection)
    for each in rounds.both:
        user = getattr(each, "username", None) or getattr(each, "xauth_id", None) or each.eap_id
        held_by = (user,) if user is not None and user != ANY else ("%any",)
        if each.psk is not None:
            yield SharedSecret("ike", _key_owners(connection, each), each.psk)
        if each.password is not None:
            yield SharedSecret("xauth" if each.auth.startswith("xauth") else "eap", held_by, each.password)
        if each.nt_hash is not None:
            yield SharedSecret("ntlm", held_by, each.nt_hash)
        for one in getattr(each, "users", ()):
            yield from _of_user(one, "xauth" if each.auth.startswith("xauth") else "eap")


def _of_user(user: User, kind: str) -> Iterator[SharedSecret]:
    held_by = ("%any",) if user.username is None else (user.username,)
    if user.password is not None:
        yield SharedSecret(kind, held_by, user.password)
    if user.nt_hash is not None:
        yield SharedSecret("ntlm", held_by, user.nt_hash)


def _key_owners(connection: Phase1, each: LocalRound | RemoteRound) -> tuple[str, ...]:
    if isinstance(each, RemoteRound) and each.id is not None and each.id not in (ANY, PEER_ADDRESS):
        return (swanctl_identity(each.id),)
    return owners(connection)


def with_contents(tree: Tree, contents: Mapping[str, str]) -> Tree:
    """Return a connection's tree as vici takes it: certificates in the place of their files, which swanctl reads itself."""
    found: dict[str, Any] = {}
    for name, section in tree.items():
        found[name] = section
        if isinstance(section, Mapping) and name.startswith(("local", "remote")):
            given = {
                key: [contents[f"{directory}/{file}"] for file in section[key]]
                for key, directory in (("certs", "x509"), ("cacerts", "x509ca"), ("pubkeys", "pubkey"))
                if key in section
            }
            found[name] = {**section, **given}
    return found
