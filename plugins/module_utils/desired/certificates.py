# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be told of certificates, private keys and revocation lists without any library: just what our checks need.

Signatures, chains and revocation are charon's business. Source: RFC 5280 (certificates and lists), RFC 5958 and 8017 and
5915 (keys). charon names a key by the SHA-1 of its subjectPublicKey, without the BIT STRING around it.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import ipaddress
from dataclasses import dataclass

from . import der
from .pem import decoded

_SUBJECT_ALT_NAME, _BASIC_CONSTRAINTS = b"\x55\x1d\x11", b"\x55\x1d\x13"
_RSA = bytes.fromhex("2a864886f70d010101")
_EC = bytes.fromhex("2a8648ce3d0201")
_EMAIL, _DNS, _ADDRESS = 0x81, 0x82, 0x87


@dataclass(frozen=True)
class Certificate:
    """An X.509 certificate: digest of its DER, subject and issuer as DER, its key's id, validity, other names, CA or not.

    `names` are subjectAltNames as "fqdn:…", "email:…" and "address:…".
    """

    digest: str
    subject: bytes
    issuer: bytes
    key_id: str
    not_before: dt.datetime
    not_after: dt.datetime
    names: tuple[str, ...]
    authority: bool

    def trouble(self, now: dt.datetime) -> str:
        """Say why it is not valid at a time; nothing where it is."""
        if now < self.not_before:
            return f"it is not valid before {self.not_before:%Y-%m-%d %H:%M:%S} UTC"
        if now > self.not_after:
            return f"it has expired on {self.not_after:%Y-%m-%d %H:%M:%S} UTC"
        return ""


@functools.lru_cache(maxsize=4096)
def read_certificate(pem: str) -> Certificate:
    """Return what a certificate says; raises `ValueError` for what is none."""
    return certificate_of(decoded(pem))


def certificate_of(raw: bytes) -> Certificate:
    """Return what a certificate in DER says; raises `ValueError` for what is none."""
    try:
        return _certificate(raw)
    except (ValueError, IndexError, UnicodeDecodeError):
        raise ValueError("it is no X.509 certificate, or a damaged one") from None


def _certificate(raw: bytes) -> Certificate:
    body = der.one(raw, der.SEQUENCE).inner[0].inner
    fields = body[1:] if body[0].tag == 0xA0 else body
    _serial, _algorithm, issuer, validity, subject, key = fields[:6]
    found = _extensions(fields[6:])
    begin, end = validity.inner
    constraints = der.one(found[_BASIC_CONSTRAINTS], der.SEQUENCE).inner if _BASIC_CONSTRAINTS in found else []
    return Certificate(
        digest=hashlib.sha256(raw).hexdigest(),
        subject=subject.encoded,
        issuer=issuer.encoded,
        key_id=_key_id(der.bits(key.inner[1])),
        not_before=der.time(begin),
        not_after=der.time(end),
        names=tuple(_names(found.get(_SUBJECT_ALT_NAME))),
        authority=bool(constraints) and constraints[0].encoded == b"\x01\x01\xff",
    )


def _extensions(fields: list[der.Element]) -> dict[bytes, bytes]:
    """Return the extensions of a certificate or a list by the bytes of their object identifiers."""
    found = {}
    for field in fields:
        if field.tag in (0xA3, 0xA0):
            for each in field.inner[0].inner:
                found[each.inner[0].content] = each.inner[-1].content
    return found


def _names(extension: bytes | None) -> list[str]:
    found = []
    for name in der.one(extension, der.SEQUENCE).inner if extension is not None else ():
        if name.tag == _DNS:
            found.append(f"fqdn:{name.content.decode('ascii')}")
        elif name.tag == _EMAIL:
            found.append(f"email:{name.content.decode('ascii')}")
        elif name.tag == _ADDRESS and len(name.content) in (4, 16):
            found.append(f"address:{ipaddress.ip_address(name.content)}")
    return found


def _key_id(public: bytes) -> str:
    return hashlib.sha1(public).hexdigest()  # noqa: S324  # charon's name of a key, no protection


def public_key_id(pem: str) -> str:
    """Return charon's name of a public key (SubjectPublicKeyInfo); raises `ValueError` for what is none."""
    try:
        return _key_id(der.bits(der.one(decoded(pem), der.SEQUENCE).inner[1]))
    except (ValueError, IndexError):
        raise ValueError("it is no public key, or a damaged one") from None


def key_id_of(pem: str) -> str | None:
    """Return charon's name of a private key; None where it cannot be told: encrypted, or without its public part.

    Raises `ValueError` for what is no private key. The id of a key of a kind that is not known here is None as well.
    """
    if is_encrypted(pem):
        return None
    try:
        fields = der.one(decoded(pem), der.SEQUENCE).inner
        return _private_key_id(fields)
    except (ValueError, IndexError):
        raise ValueError("it is no private key, or a damaged one") from None


def _private_key_id(fields: list[der.Element]) -> str | None:
    if len(fields) >= 9:
        return _rsa_id(fields)
    if fields[1].tag == der.OCTET_STRING:
        return _ec_id(fields)
    algorithm = fields[1].inner[0].content
    if algorithm == _RSA:
        return _rsa_id(der.one(fields[2].content, der.SEQUENCE).inner)
    if algorithm == _EC:
        return _ec_id(der.one(fields[2].content, der.SEQUENCE).inner)
    return None


def _rsa_id(fields: list[der.Element]) -> str:
    parts = fields[1].encoded + fields[2].encoded
    size = len(parts)
    length = bytes((size,)) if size < 0x80 else bytes((0x80 + (size.bit_length() + 7) // 8,)) + _bytes(size)
    return _key_id(bytes((der.SEQUENCE,)) + length + parts)


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _ec_id(fields: list[der.Element]) -> str | None:
    for field in fields[2:]:
        if field.tag == 0xA1:
            return _key_id(der.bits(field.inner[0]))
    return None


def is_encrypted(pem: str) -> bool:
    """Say whether a private key is encrypted."""
    return "-----BEGIN ENCRYPTED PRIVATE KEY-----" in pem or "\nProc-Type: 4,ENCRYPTED" in pem
