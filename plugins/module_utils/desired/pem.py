# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates, keys and containers as people give them: a path on the target, or the text itself (PEM, RFC 7468; base64)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, NamedTuple, Union

from . import der
from .options import Kind
from .secret import Secret

CERTIFICATE_LABELS = ("CERTIFICATE", "X509 CERTIFICATE")
_ENCRYPTED = "ENCRYPTED PRIVATE KEY"
KEY_LABELS = ("PRIVATE KEY", _ENCRYPTED, "RSA PRIVATE KEY", "EC PRIVATE KEY")
PUBLIC_KEY_LABELS = ("PUBLIC KEY",)
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s*?\n(.*?)-----END \1-----", re.DOTALL)
_BODY = re.compile(r"(?P<headers>(?:[A-Za-z-]+:[^\n]*\n)*)\s*(?P<data>[A-Za-z0-9+/=\s]+)")
# vici counts the bytes of a value in 16 bits.
_MOST = 0xFFFF

Material = Union[str, Secret]


def is_path(value: object) -> bool:
    """Say whether a value is a path on the target, and not the thing itself."""
    return isinstance(value, str) and value.startswith("/")


def decoded(pem: str) -> bytes:
    """Return the DER of the one block of a canonical PEM text."""
    return base64.b64decode("".join(line for line in pem.splitlines() if ":" not in line and "-----" not in line))


def blocks(text: str, labels: tuple[str, ...], what: str) -> list[str]:
    """Return the blocks of a PEM text in canonical form; raises `ValueError` that says what would be right.

    Explanatory text around the blocks is left out (RFC 7468, section 5.2). Blocks of another kind are refused.
    """
    found = []
    for match in _BLOCK.finditer(text.replace("\r\n", "\n")):
        if match[1] not in labels:
            raise ValueError(f"{what} is needed, and this PEM text has a block {match[1]!r} in it")
        found.append(_canonical(match[1], match[2], what))
    if not found:
        raise ValueError(
            f"{what} is needed: its PEM text from the line BEGIN to the line END, or an absolute path of the target"
        )
    return found


def canonical(label: str, data: bytes) -> str:
    """Return the canonical PEM text of DER."""
    return _text(label, [], base64.b64encode(data).decode("ascii"))


def _text(label: str, headers: list[str], data: str) -> str:
    lines = [data[start : start + 64] for start in range(0, len(data), 64)]
    return "\n".join((f"-----BEGIN {label}-----", *headers, *lines, f"-----END {label}-----", ""))


def _canonical(label: str, inside: str, what: str) -> str:
    body = _BODY.fullmatch(inside)
    data = "".join(body["data"].split()) if body else ""
    try:
        base64.b64decode(data, validate=True)
    except binascii.Error:
        data = ""
    if body is None or not data:
        raise ValueError(f"{what} in PEM is needed, and this one is damaged")
    return _text(label, [*body["headers"].splitlines(), ""] if body["headers"] else [], data)


def from_bytes(content: bytes, labels: tuple[str, ...], what: str) -> list[str]:
    """Return the blocks of a file's content, which may be DER as well."""
    if b"-----BEGIN " in content:
        return blocks(content.decode("utf-8", "surrogateescape"), labels, what)
    if content[:1] != b"\x30":
        raise ValueError(f"{what} is needed, in PEM or DER")
    label = _ENCRYPTED if _ENCRYPTED in labels and _begins_with_algorithm(content) else labels[0]
    return [canonical(label, content)]


def _begins_with_algorithm(data: bytes) -> bool:
    """Say whether DER begins as an EncryptedPrivateKeyInfo does (RFC 5958, section 3), which of keys only that does."""
    try:
        return der.one(data, der.SEQUENCE).inner[0].tag == der.SEQUENCE
    except (ValueError, IndexError):
        return False


def single(found: list[str], what: str) -> str:
    """Return the only block; raises `ValueError` for more."""
    if len(found) > 1:
        raise ValueError(
            f"{what} alone is needed, and this has {len(found)} PEM blocks; those of authorities belong to ca_certificates"
        )
    if len(found[0]) > _MOST:
        raise ValueError(f"at most {_MOST} bytes can be given to charon, this has {len(found[0])}")
    return found[0]


def _path(text: str) -> str:
    if any(character in text for character in "\0\r\n") or not text.isprintable():
        raise ValueError("a path without control characters is needed")
    return text


def _kind(labels: tuple[str, ...], what: str, *, many: bool = False, secret: bool = False) -> Kind:
    def parse(value: Any) -> Material:
        text = value.reveal() if isinstance(value, Secret) else value
        if not isinstance(text, str):
            raise ValueError(f"{what} is needed: an absolute path of the target, or its PEM text")
        if is_path(text):
            return _path(text)
        found = blocks(text, labels, what)
        whole = "".join(found) if many else single(found, what)
        return Secret(whole) if secret else whole

    # A bundle of certificate and key in the wrong option is not printed.
    return Kind("str", parse, secret=secret, hides=True)


CERTIFICATE_TOLD = "a certificate"
KEY_TOLD = "a private key"
PUBLIC_KEY_TOLD = "a public key"
CERTIFICATE = _kind(CERTIFICATE_LABELS, CERTIFICATE_TOLD)
CERTIFICATES = _kind(CERTIFICATE_LABELS, CERTIFICATE_TOLD, many=True)
PRIVATE_KEY = _kind(KEY_LABELS, KEY_TOLD, secret=True)
PUBLIC_KEY = _kind(PUBLIC_KEY_LABELS, PUBLIC_KEY_TOLD)


_CONTAINER_NEEDED = (
    "a PKCS#12 container is needed: an absolute path of the target, or its bytes in base64, as the filter b64encode writes "
    "them"
)


def _parse_container(value: Any) -> Material:
    text = value.reveal() if isinstance(value, Secret) else value
    if not isinstance(text, str):
        raise ValueError(_CONTAINER_NEEDED)
    if is_path(text):
        return _path(text)
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise ValueError(_CONTAINER_NEEDED) from None
    return Secret(_container(data))


def _container(content: bytes) -> str:
    if content[:1] != b"\x30":
        raise ValueError(_CONTAINER_NEEDED)
    return base64.b64encode(content).decode("ascii")


CONTAINER = Kind("str", _parse_container, secret=True, hides=True)


class Form(NamedTuple):
    """What a file at a path must hold: labels of its PEM blocks, what it is in words, and whether it may be several."""

    labels: tuple[str, ...]
    what: str
    many: bool = False

    def read(self, content: bytes) -> str:
        """Return a file's content in canonical PEM; raises `ValueError` that says what would be right."""
        found = from_bytes(content, self.labels, self.what)
        return "".join(found) if self.many else single(found, self.what)


class Whole(NamedTuple):
    """What a file at a path must hold that is no PEM: a PKCS#12 container."""

    def read(self, content: bytes) -> str:
        """Return a file's content in base64; raises `ValueError` that says what would be right."""
        return _container(content)


FORMS: dict[Kind, Form | Whole] = {
    CERTIFICATE: Form(CERTIFICATE_LABELS, CERTIFICATE_TOLD),
    CERTIFICATES: Form(CERTIFICATE_LABELS, CERTIFICATE_TOLD, many=True),
    PRIVATE_KEY: Form(KEY_LABELS, KEY_TOLD),
    PUBLIC_KEY: Form(PUBLIC_KEY_LABELS, PUBLIC_KEY_TOLD),
    CONTAINER: Whole(),
}
