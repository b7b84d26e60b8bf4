# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encryption by a passphrase, as private keys and PKCS#12 containers have it, and as swanctl reads it.

What swanctl cannot read is refused here as well, since it reads the same files when charon starts. Sources: RFC 8018
(PBES2), RFC 7292 (PKCS#12, appendices B and C), OpenSSL's EVP_BytesToKey(3) for the headers of traditional PEM; strongSwan,
src/libstrongswan/crypto/pkcs5.c and plugins/pem/pem_builder.c, for what it knows.
"""

from __future__ import annotations

import hashlib
import re
from typing import Callable, NamedTuple

from . import der
from .ciphers import Block, aes, decrypted_cbc
from .der import Element
from .old_ciphers import rc2, triple_des

# Purposes of a key that PKCS#12 derives (RFC 7292, appendix B.3).
_FOR_KEY, _FOR_INITIAL, FOR_MAC = 1, 2, 3
# No program writes more; it takes some seconds here, and each run would.
_MOST_ROUNDS = 10_000_000
_PBES2, _PBKDF2 = bytes.fromhex("2a864886f70d01050d"), bytes.fromhex("2a864886f70d01050c")
_PBKDF2_HASHES = {
    bytes.fromhex("2a864886f70d0207"): "sha1",
    bytes.fromhex("2a864886f70d0209"): "sha256",
    bytes.fromhex("2a864886f70d020a"): "sha384",
    bytes.fromhex("2a864886f70d020b"): "sha512",
}


class _Cipher(NamedTuple):
    """A cipher: its inverse, the bytes of its key and of a block, and the plugins of charon's that have it."""

    block: Callable[[bytes], Block]
    key: int
    size: int
    plugins: tuple[str, ...] = ()


_OPENSSL = ("openssl", "gcrypt", "botan", "wolfssl")
_CIPHERS = {
    bytes.fromhex("60864801650304012a"): _Cipher(aes, 32, 16),
    bytes.fromhex("608648016503040116"): _Cipher(aes, 24, 16),
    bytes.fromhex("608648016503040102"): _Cipher(aes, 16, 16),
    bytes.fromhex("2a864886f70d0307"): _Cipher(triple_des, 24, 8, ("des", *_OPENSSL)),
}
_OF_PKCS12 = {
    bytes.fromhex("2a864886f70d010c0103"): _Cipher(triple_des, 24, 8, ("des", *_OPENSSL)),
    bytes.fromhex("2a864886f70d010c0105"): _Cipher(rc2, 16, 8, ("rc2",)),
    bytes.fromhex("2a864886f70d010c0106"): _Cipher(rc2, 5, 8, ("rc2",)),
}
_OF_PEM = {
    "AES-128-CBC": _Cipher(aes, 16, 16),
    "AES-192-CBC": _Cipher(aes, 24, 16),
    "AES-256-CBC": _Cipher(aes, 32, 16),
    "DES-EDE3-CBC": _Cipher(triple_des, 24, 8, ("des", *_OPENSSL)),
}
_HEADER = re.compile(r"^DEK-Info: ([A-Z0-9-]+),([0-9A-Fa-f]+)$", re.MULTILINE)
_NOT_READ = (
    "it is encrypted in a way that strongSwan does not read: AES in CBC with a passphrase by PBKDF2 is needed, as "
    "'openssl pkcs8 -topk8 -v2 aes-256-cbc' and 'openssl pkcs12 -export' write it"
)
WRONG = "it does not open with this passphrase"


class WrongPassphrase(ValueError):
    """The passphrase does not open what it was given for, or that is damaged."""

    def __init__(self) -> None:
        super().__init__(WRONG)


def decrypted(algorithm: Element, data: bytes, passphrase: str) -> bytes:
    """Return what was encrypted by an algorithm (AlgorithmIdentifier); raises `ValueError`, also `WrongPassphrase`."""
    name, parameters = algorithm.inner[0].content, algorithm.inner[1].inner
    if name == _PBES2:
        cipher, key, initial = _pbes2(parameters, passphrase)
    elif name in _OF_PKCS12:
        cipher = _OF_PKCS12[name]
        salt, rounds = parameters[0].content, _rounds(parameters[1])
        key, initial = (
            pkcs12_key("sha1", passphrase, salt, rounds=rounds, purpose=purpose, size=size)
            for purpose, size in ((_FOR_KEY, cipher.key), (_FOR_INITIAL, cipher.size))
        )
    else:
        raise ValueError(_NOT_READ)
    return _opened(cipher, key, initial, data)


def plugins_for(algorithm: Element) -> tuple[str, ...]:
    """Return the plugins of charon's that have the cipher of an algorithm; none where charon always has it."""
    name = algorithm.inner[0].content
    if name == _PBES2:
        scheme = algorithm.inner[1].inner[1].inner[0].content
        return _CIPHERS[scheme].plugins if scheme in _CIPHERS else ()
    return _OF_PKCS12[name].plugins if name in _OF_PKCS12 else ()


def _opened(cipher: _Cipher, key: bytes, initial: bytes, data: bytes) -> bytes:
    if len(initial) != cipher.size or len(key) != cipher.key:
        raise ValueError(_NOT_READ)
    try:
        return decrypted_cbc(cipher.block(key), data, initial=initial)
    except ValueError:
        raise WrongPassphrase from None


def _pbes2(parameters: list[Element], passphrase: str) -> tuple[_Cipher, bytes, bytes]:
    derivation, scheme = parameters
    cipher = _CIPHERS.get(scheme.inner[0].content)
    if derivation.inner[0].content != _PBKDF2 or cipher is None:
        raise ValueError(_NOT_READ)
    salt, rounds, *rest = derivation.inner[1].inner
    hashed = rest[-1].inner[0].content if rest and rest[-1].tag == der.SEQUENCE else None
    name = "sha1" if hashed is None else _PBKDF2_HASHES.get(hashed)
    if name is None or salt.tag != der.OCTET_STRING:
        raise ValueError(_NOT_READ)
    key = hashlib.pbkdf2_hmac(name, passphrase.encode(), salt.content, _rounds(rounds), cipher.key)
    return cipher, key, scheme.inner[1].content


def _rounds(element: Element) -> int:
    rounds = der.integer(element)
    if not 1 <= rounds <= _MOST_ROUNDS:
        raise ValueError(f"it asks for {rounds} rounds of hashing; at most {_MOST_ROUNDS} are done")
    return rounds


def pkcs12_key(name: str, passphrase: str, salt: bytes, *, rounds: int, purpose: int, size: int) -> bytes:
    """Return `size` bytes of a key (RFC 7292, appendix B.2) by a hash of this name; `purpose` is one of appendix B.3."""
    if not passphrase.isascii():
        # pkcs12_derive_key() of strongSwan takes each byte of UTF-8 for a character.
        raise ValueError(
            "strongSwan opens what PKCS#12 protects by passphrases of ASCII alone, and this one has more in it"
        )
    block = hashlib.new(name, usedforsecurity=False).block_size
    # The passphrase ends in a zero, which is filled up along with it.
    secret = (passphrase + "\0").encode("utf-16-be")
    inner = _filled(salt, block) + _filled(secret, block)
    key = b""
    while len(key) < size:
        found = bytes((purpose,)) * block + inner
        for _round in range(rounds):
            found = hashlib.new(name, found, usedforsecurity=False).digest()
        key += found
        step = int.from_bytes(_filled(found, block), "big") + 1
        pieces = (int.from_bytes(inner[start : start + block], "big") for start in range(0, len(inner), block))
        inner = b"".join(((piece + step) % (1 << 8 * block)).to_bytes(block, "big") for piece in pieces)
    return key[:size]


def _filled(part: bytes, block: int) -> bytes:
    """Return as many whole blocks of repetitions as the bytes reach into."""
    length = -(-len(part) // block) * block
    return (part * (length // len(part) + 1))[:length] if part else b""


def decrypted_pem(pem: str, data: bytes, passphrase: str) -> bytes:
    """Return the DER of a traditional PEM text with the headers of encryption; raises `ValueError`, also `WrongPassphrase`."""
    found = _HEADER.search(pem)
    cipher = _OF_PEM.get(found[1]) if found is not None else None
    if found is None or cipher is None:
        raise ValueError(_NOT_READ)
    initial = bytes.fromhex(found[2])
    salt, key = initial[:8], b""
    while len(key) < cipher.key:
        last = key[-16:]
        key += hashlib.new("md5", last + passphrase.encode() + salt, usedforsecurity=False).digest()
    return _opened(cipher, key[: cipher.key], initial, data)


def plugins_for_pem(pem: str) -> tuple[str, ...]:
    """Return the plugins of charon's that have the cipher of a traditional PEM text; none where charon always has it."""
    found = _HEADER.search(pem)
    return _OF_PEM[found[1]].plugins if found is not None and found[1] in _OF_PEM else ()
