# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys as charon takes them: files below swanctl's directories, named by what they hold.

The name of a file is its identity: another certificate is another file, so that a connection that names it is another
connection. charon's name of a key is the SHA-1 of its public key, which shows nothing of the key.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar, Union

from ..desired.certificates import is_encrypted, key_id_of, public_key_id, read_certificate
from ..desired.credentials import container_of, is_unread, plain_text, split, text_of
from ..desired.gateway import Gateway
from ..desired.locked_keys import key_plugins, open_key
from ..desired.pem import Material
from ..desired.phase1 import Phase1
from ..desired.private_key import PrivateKey
from ..desired.proving import by_key_alone, rounds_of
from ..desired.secret import LEFT_OUT, Secret
from .values import Credential, FileText, Lock

CERTIFICATES, AUTHORITIES, KEYS, PUBLIC_KEYS, CONTAINERS = "x509", "x509ca", "private", "pubkey", "pkcs12"
_BEGIN = "swanfleet-"
_READS_CONTAINERS = frozenset({("pkcs12", "openssl")})
M = TypeVar("M", str, Union[str, Secret])
_OURS = re.compile(r"swanfleet-([0-9a-f]{16}|[0-9a-f]{40}|key)\.(?:pem|p12)")


def is_our_file(name: str) -> bool:
    """Say whether a file of this name below swanctl's directories is one of ours."""
    return _OURS.fullmatch(name) is not None


def key_id_in(role: str) -> str:
    """Return charon's name of the key in a file of ours; empty for other files."""
    directory, _slash, name = role.partition("/")
    found = _OURS.fullmatch(name)
    return found[1] if directory in (KEYS, CONTAINERS) and found is not None else ""


def certificate_in(content: bytes) -> str:
    """Return the identity of the certificate in a file of ours; empty for a damaged one."""
    try:
        return read_certificate(content.decode("ascii")).digest
    except ValueError:
        return ""


def file_of(text: str) -> str:
    """Return the name of the file with a certificate; it is the same in every directory."""
    return f"{_BEGIN}{read_certificate(text).digest[:16]}.pem"


def key_file_of(text: str) -> str:
    """Return the name of the file with a public key."""
    return f"{_BEGIN}{public_key_id(text)}.pem"


def credentials(gateway: Gateway) -> dict[str, Credential]:
    """Return everything beside shared secrets that connections need, by the path below swanctl's directory.

    What is at a path that nobody has read is left out.
    """
    found: dict[str, Credential] = {}
    for _name, connection in sorted(gateway.phase1.items()):
        if not by_key_alone(connection):
            _add(gateway, connection, found)
    named = [
        each.ca_certificate for _name, each in sorted(gateway.authorities.items()) if each.ca_certificate is not None
    ]
    for material in _read(gateway, named):
        _add_certificate(plain_text(gateway, material), AUTHORITIES, found)
    for _name, key in sorted(gateway.private_keys.items()):
        _add_private_key(gateway, key, found)
    return dict(sorted(found.items()))


def _add(gateway: Gateway, connection: Phase1, found: dict[str, Credential]) -> None:
    rounds = rounds_of(connection)
    for mine in rounds.local:
        own = [plain_text(gateway, each) for each in _read(gateway, mine.certificates)]
        for text in own:
            _add_certificate(text, CERTIFICATES, found)
        ids = [read_certificate(text).key_id for text in own]
        _add_public_keys(gateway, mine.public_keys, found)
        for material in _read(gateway, mine.private_keys):
            key = _key(gateway, material, mine.passphrase, owner=connection.where, certified=ids)
            found[_key_role(key)] = key
    for theirs in rounds.remote:
        for each in _read(gateway, theirs.ca_certificates):
            for text in split(plain_text(gateway, each)):
                _add_certificate(text, AUTHORITIES, found)
        for each in _read(gateway, theirs.certificates):
            _add_certificate(plain_text(gateway, each), CERTIFICATES, found)
        _add_public_keys(gateway, theirs.public_keys, found)


def _add_public_keys(gateway: Gateway, keys: Iterable[str], found: dict[str, Credential]) -> None:
    for text in (plain_text(gateway, each) for each in _read(gateway, keys)):
        # It comes with the connection, which says whose it is; by itself charon would have no use for it.
        role = f"{PUBLIC_KEYS}/{key_file_of(text)}"
        found[role] = Credential("public key", public_key_id(text), Secret(text))


def _read(gateway: Gateway, materials: Iterable[M]) -> list[M]:
    return [each for each in materials if not is_unread(gateway, each)]


def _add_certificate(text: str, directory: str, found: dict[str, Credential]) -> None:
    flag = "CA" if directory == AUTHORITIES else "NONE"
    found[f"{directory}/{file_of(text)}"] = Credential("certificate", read_certificate(text).digest, Secret(text), flag)


def _key(
    gateway: Gateway, material: Material, passphrase: Secret | None, *, owner: str, certified: Sequence[str] = ()
) -> Credential:
    """Return a key as charon takes it, whose name follows from the key itself, or from the certificates beside it."""
    text = text_of(gateway, material)
    secret = text if isinstance(text, Secret) else Secret(text)
    otherwise = certified[0] if certified else "key"
    if LEFT_OUT in (secret, passphrase):
        lock = None if passphrase is None else Lock(secret, passphrase, owner, "private_key")
        return Credential("key", otherwise, secret, lock=lock)
    plain = open_key(secret.reveal(), passphrase)
    lock = None
    if passphrase is not None and is_encrypted(secret.reveal()):
        needed = key_plugins(secret.reveal())
        lock = Lock(secret, passphrase, owner, "private_key", frozenset({needed} if needed else ()))
    return Credential("key", key_id_of(plain) or otherwise, Secret(plain), lock=lock)


def _key_role(key: Credential) -> str:
    return f"{KEYS}/{_BEGIN}{key.identity}.pem"


def _add_private_key(gateway: Gateway, item: PrivateKey, found: dict[str, Credential]) -> None:
    for material in _read(gateway, [] if item.private_key is None else [item.private_key]):
        key = _key(gateway, material, item.passphrase, owner=item.where)
        found[_key_role(key)] = key
    container = container_of(gateway, item)
    if container is not None and item.pkcs12 is not None and item.passphrase is not None:
        role = f"{CONTAINERS}/{_BEGIN}{container.key_id}.p12"
        raw = base64.b64decode(plain_text(gateway, item.pkcs12)).decode("utf-8", "surrogateescape")
        lock = Lock(Secret(raw), item.passphrase, item.where, "pkcs12", container.plugins | _READS_CONTAINERS)
        found[role] = Credential("key", container.key_id, container.key, lock=lock)
        for text in container.certificates:
            digest = read_certificate(text).digest
            found[f"{role} {digest[:16]}"] = Credential("certificate", digest, Secret(text), "NONE", filed=False)


def credential_files(found: Mapping[str, Credential]) -> dict[str, FileText]:
    """Return the files of credentials; those of keys are readable for root only."""
    return {
        role: FileText(0o600 if each.layer == "key" else 0o644, each.content.reveal())
        for role, each in found.items()
        if each.filed
    }
