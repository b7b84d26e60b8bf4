# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys that a passphrase opens: a PEM text, or a PKCS#12 container with a key and certificates.

charon takes only keys that are open. swanctl opens those in files by passphrases in the section `secrets`; here it is done
for what charon is told while it runs, and to know beforehand that it can be done (docs/decisions/0015).
Source of PKCS#12: RFC 7292.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
from dataclasses import dataclass

from . import der
from .certificates import certificate_of, is_encrypted, key_id_of
from .der import Element
from .encryption import FOR_MAC, WrongPassphrase, decrypted, decrypted_pem, pkcs12_key, plugins_for, plugins_for_pem
from .pem import canonical, decoded
from .secret import Secret

_DATA, _ENCRYPTED_DATA = bytes.fromhex("2a864886f70d010701"), bytes.fromhex("2a864886f70d010706")
_BAG = bytes.fromhex("2a864886f70d010c0a01")
_PLAIN_KEY, _LOCKED_KEY, _CERTIFICATE = (_BAG + bytes((number,)) for number in (1, 2, 3))
_X509 = bytes.fromhex("2a864886f70d01091601")
_MAC_HASHES = {
    bytes.fromhex("2b0e03021a"): "sha1",
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
NEEDED = "it is encrypted, and its passphrase is needed"
NOT_ENCRYPTED = "has no meaning, as the key is not encrypted"
_DAMAGED = "it is no PKCS#12 container in DER, or a damaged one"


@dataclass(frozen=True)
class Container:
    """What was in a PKCS#12 container, as PEM: its key, what charon calls that, its certificates.

    `plugins` are those of charon's of which one must be there to open it, for each cipher that not all have.
    """

    key: Secret
    key_id: str
    certificates: tuple[str, ...]
    plugins: frozenset[tuple[str, ...]] = frozenset()


def open_key(text: str, passphrase: Secret | None) -> str:
    """Return the PEM text of a private key that is open, or that its passphrase opens; raises `ValueError`."""
    if not is_encrypted(text):
        return text
    if passphrase is None:
        raise ValueError(NEEDED)
    return _opened(text, passphrase)


@functools.lru_cache(maxsize=4096)
def _opened(text: str, passphrase: Secret) -> str:
    data, words = decoded(text), passphrase.reveal()
    if "-----BEGIN ENCRYPTED" not in text:
        label = text.partition("-----BEGIN ")[2].partition("-----")[0]
        return _checked(canonical(label, decrypted_pem(text, data, words)))
    algorithm, content = _locked(data)
    return _checked(canonical("PRIVATE KEY", decrypted(algorithm, content, words)))


def _checked(text: str) -> str:
    """Return a key that has just been opened: one time in 256, a wrong passphrase ends in what looks like padding."""
    try:
        key_id_of(text)
    except ValueError:
        raise WrongPassphrase from None
    return text


def _locked(data: bytes) -> tuple[Element, bytes]:
    try:
        algorithm, content = der.one(data, der.SEQUENCE).inner
    except ValueError:
        raise ValueError("it is no private key, or a damaged one") from None
    return algorithm, content.content


def key_plugins(text: str) -> tuple[str, ...]:
    """Return the plugins of charon's that have the cipher of an encrypted key, one of which is needed; often none."""
    return plugins_for_pem(text) if "-----BEGIN ENCRYPTED" not in text else plugins_for(_locked(decoded(text))[0])


@functools.lru_cache(maxsize=4096)
def open_container(text: str, passphrase: Secret) -> Container:
    """Return what is in a PKCS#12 container (base64); raises `ValueError` that says what is wrong.

    Its integrity is proven by the passphrase, so that a wrong one is told from damage in the rest.
    """
    try:
        found = _Bags(passphrase.reveal())
        found.read(base64.b64decode(text, validate=True))
    except WrongPassphrase:
        raise
    except (IndexError, UnicodeDecodeError, TypeError):
        raise ValueError(_DAMAGED) from None
    return found.container()


class _Bags:
    """The bags of a container, as far as they hold keys and certificates."""

    def __init__(self, passphrase: str) -> None:
        self._passphrase = passphrase
        self._keys: list[str] = []
        self._certificates: list[str] = []
        self._plugins: set[tuple[str, ...]] = set()

    def read(self, data: bytes) -> None:
        """Read a whole container."""
        try:
            _version, safe, *mac = der.one(data, der.SEQUENCE).inner
            content = _content(safe)
        except ValueError:
            raise ValueError(_DAMAGED) from None
        if not mac:
            raise ValueError("it is signed and not protected by a passphrase, which only few programs write")
        self._prove(content, mac[0].inner)
        for part in der.one(content, der.SEQUENCE).inner:
            self._read_part(part)

    def _prove(self, content: bytes, mac: list[Element]) -> None:
        info, salt = mac[0].inner, mac[1].content
        rounds = der.integer(mac[2]) if len(mac) > 2 else 1
        name = _MAC_HASHES.get(info[0].inner[0].content)
        if name is None:
            raise ValueError(
                "its integrity is protected in a way that strongSwan does not know; SHA-1 or SHA-2 is needed"
            )
        size = hashlib.new(name, usedforsecurity=False).digest_size
        key = pkcs12_key(name, self._passphrase, salt, rounds=rounds, purpose=FOR_MAC, size=size)
        if not hmac.compare_digest(hmac.new(key, content, name).digest(), info[1].content):
            raise WrongPassphrase

    def _read_part(self, part: Element) -> None:
        if part.inner[0].content == _DATA:
            self._read_bags(_content(part))
        elif part.inner[0].content == _ENCRYPTED_DATA:
            _type, algorithm, content = part.inner[1].inner[0].inner[1].inner
            self._read_bags(self._opened(algorithm, content.content))

    def _opened(self, algorithm: Element, data: bytes) -> bytes:
        needed = plugins_for(algorithm)
        if needed:
            self._plugins.add(needed)
        return decrypted(algorithm, data, self._passphrase)

    def _read_bags(self, content: bytes) -> None:
        for bag in der.one(content, der.SEQUENCE).inner:
            kind, value = bag.inner[0].content, bag.inner[1].inner[0]
            if kind == _PLAIN_KEY:
                self._keys.append(canonical("PRIVATE KEY", value.encoded))
            elif kind == _LOCKED_KEY:
                algorithm, data = value.inner
                self._keys.append(canonical("PRIVATE KEY", self._opened(algorithm, data.content)))
            elif kind == _CERTIFICATE and value.inner[0].content == _X509:
                self._certificates.append(canonical("CERTIFICATE", value.inner[1].inner[0].content))

    def container(self) -> Container:
        """Return what was read; raises `ValueError` where that is not one key that can be told."""
        if len(self._keys) != 1:
            raise ValueError(
                f"a container with one private key is needed, and this one has {len(self._keys) or 'none'}"
            )
        found = [certificate_of(decoded(each)) for each in self._certificates]
        ends = [each.key_id for each in found if not each.authority]
        key_id = key_id_of(self._keys[0]) or (ends[0] if len(ends) == 1 else None)
        if key_id is None:
            raise ValueError(
                "which key it has cannot be told: of Ed25519 and Ed448, its one certificate must be with it"
            )
        return Container(
            Secret(self._keys[0]), key_id, tuple(dict.fromkeys(self._certificates)), frozenset(self._plugins)
        )


def _content(info: Element) -> bytes:
    """Return the content of a ContentInfo of the type data."""
    name, inner = info.inner
    if name.content != _DATA:
        raise ValueError("no data")
    return inner.inner[0].content
