# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of containers and passphrases: keys that lie open in them, other things beside them, every cipher of PEM."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired import der
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.certificates import read_certificate
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.encryption import (
    FOR_MAC,
    decrypted_pem,
    pkcs12_key,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.locked_keys import key_plugins, open_container
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.pem import (
    CERTIFICATE_LABELS,
    KEY_LABELS,
    blocks,
    decoded,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.secret import Secret
from ansible_collections.swanfleet.ipsec.tests.generators import material

OBJECT, INSIDE = 0x06, 0xA0
DATA, SHA256 = bytes.fromhex("2a864886f70d010701"), bytes.fromhex("608648016503040201")
KEY_BAG, CERTIFICATE_BAG = (bytes.fromhex(f"2a864886f70d010c0a010{number}") for number in (1, 3))
X509, SDSI = (bytes.fromhex(f"2a864886f70d0109160{number}") for number in (1, 2))
SALT = b"8 bytes!"


def element(tag: int, *content: bytes) -> bytes:
    """Return an element of DER, with the longest of its lengths in two bytes."""
    whole = b"".join(content)
    size = len(whole)
    length = (
        bytes((size,)) if size < 0x80 else bytes((0x81, size)) if size < 0x100 else b"\x82" + size.to_bytes(2, "big")
    )
    return bytes((tag,)) + length + whole


def sequence(*content: bytes) -> bytes:
    return element(der.SEQUENCE, *content)


def typed(kind: bytes, value: bytes) -> bytes:
    """Return a value after its type, as RFC 7292 has them for bags, certificates and contents."""
    return sequence(element(OBJECT, kind), element(INSIDE, value))


def octets(content: bytes) -> bytes:
    return element(der.OCTET_STRING, content)


def container(*bags: bytes) -> str:
    """Return a container with bags that lie open in it, protected against changes alone (RFC 7292, section 4)."""
    safe = sequence(typed(DATA, octets(sequence(*bags))))
    key = pkcs12_key("sha256", material.PASSPHRASE, SALT, rounds=1, purpose=FOR_MAC, size=32)
    digest = hmac.new(key, safe, hashlib.sha256).digest()
    mac = sequence(sequence(sequence(element(OBJECT, SHA256)), octets(digest)), octets(SALT))
    return base64.b64encode(sequence(element(der.INTEGER, b"\x03"), typed(DATA, octets(safe)), mac)).decode()


def certificate_bag(kind: bytes, content: bytes) -> bytes:
    return typed(CERTIFICATE_BAG, typed(kind, octets(content)))


@pytest.mark.parametrize(
    "beside", [(), (certificate_bag(SDSI, b"no X.509"),)], ids=["alone", "beside a certificate of another kind"]
)
def test_a_key_that_lies_open_in_a_container_is_named_by_its_certificate(beside: tuple[bytes, ...]) -> None:
    own = certificate_bag(X509, decoded(material.ED25519_CERTIFICATE))
    found = open_container(
        container(typed(KEY_BAG, decoded(material.ED25519_KEY)), own, *beside), Secret(material.PASSPHRASE)
    )
    assert found.key.reveal() == material.ED25519_KEY
    assert found.key_id == read_certificate(material.ED25519_CERTIFICATE).key_id
    assert found.certificates == (material.ED25519_CERTIFICATE,)


@pytest.mark.parametrize(
    ("cipher", "initial", "data", "plugin"),
    [
        ("AES-128-CBC", "000102030405060708090a0b0c0d0e0f", "be09ea8bfd1caf42f1f198318e870112", ""),
        ("AES-256-CBC", "000102030405060708090a0b0c0d0e0f", "e588b89f5de786ccaa1111db7ea86ae0", ""),
        ("DES-EDE3-CBC", "0001020304050607", "2232bdc2df95565e551309c563a1b59f", "openssl"),
    ],
)
def test_every_cipher_of_traditional_keys_is_undone(cipher: str, initial: str, data: str, plugin: str) -> None:
    """The data are of `openssl enc -md md5`, whose keys are made as those of PEM are."""
    lines = material.LOCKED_TRADITIONALLY.splitlines()
    pem = "\n".join((*lines[:2], f"DEK-Info: {cipher},{initial.upper()}", *lines[3:], ""))
    assert decrypted_pem(pem, bytes.fromhex(data), material.PASSPHRASE) == b"what it says"
    assert (plugin in key_plugins(pem)) is bool(key_plugins(pem)) is bool(plugin)


@pytest.mark.parametrize("text", [material.CERTIFICATE, material.LOCKED_TRADITIONALLY], ids=["plain", "with headers"])
def test_lines_may_end_as_on_windows(text: str) -> None:
    assert blocks(text.replace("\n", "\r\n"), (*CERTIFICATE_LABELS, *KEY_LABELS), "a block") == [text]


def test_what_comes_after_the_data_of_a_block_is_damage() -> None:
    text = material.CERTIFICATE.replace("-----END", "!\n-----END")
    with pytest.raises(ValueError, match="a certificate in PEM is needed, and this one is damaged"):
        blocks(text, CERTIFICATE_LABELS, "a certificate")


@pytest.mark.parametrize("data", [b"\x1f\x01\x00", b"\x3f\x81\x01\x00", b"\xbf\x01\x00"])
def test_a_tag_of_many_bytes_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="has a tag of many bytes"):
        list(der.elements(data))


def test_a_number_has_a_byte_at_least() -> None:
    assert der.integer(der.one(b"\x02\x01\xff", der.INTEGER)) == -1
    with pytest.raises(ValueError, match="an INTEGER is needed"):
        der.integer(der.one(b"\x02\x00", der.INTEGER))
