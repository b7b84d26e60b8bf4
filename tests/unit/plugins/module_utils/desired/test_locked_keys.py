# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A passphrase opens a private key or a container, or it is said why it does not."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.certificates import (
    key_id_of,
    public_key_id,
    read_certificate,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.encryption import WrongPassphrase
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.locked_keys import (
    key_plugins,
    open_container,
    open_key,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.pem import FORMS, PRIVATE_KEY, canonical, decoded
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.secret import Secret
from ansible_collections.swanfleet.ipsec.tests.generators import material

RIGHT = Secret(material.PASSPHRASE)
LOCKED = {
    "AES-256": material.LOCKED_KEY,
    "Triple DES": material.LOCKED_BY_TRIPLE_DES,
    "PKCS#12's own": material.LOCKED_BY_PKCS12,
    "traditional": material.LOCKED_TRADITIONALLY,
}


@pytest.mark.parametrize("way", LOCKED)
def test_the_right_passphrase_opens_a_key_and_no_other_does(way: str) -> None:
    opened = open_key(LOCKED[way], RIGHT)
    assert key_id_of(opened) == public_key_id(material.PUBLIC_KEY)
    for wrong in ("opens  it", "Opens it", "x"):
        with pytest.raises(WrongPassphrase, match="does not open with this passphrase"):
            open_key(LOCKED[way], Secret(wrong))
    with pytest.raises(ValueError, match="it is encrypted, and its passphrase is needed"):
        open_key(LOCKED[way], None)


def test_one_that_is_open_stays_as_it_is() -> None:
    assert open_key(material.PRIVATE_KEY, None) == open_key(material.PRIVATE_KEY, RIGHT) == material.PRIVATE_KEY


def test_what_strongswan_cannot_read_is_refused() -> None:
    with pytest.raises(
        ValueError, match="in a way that strongSwan does not read: AES in CBC with a passphrase by PBKDF2"
    ):
        open_key(material.LOCKED_BY_SCRYPT, RIGHT)
    with pytest.raises(ValueError, match="in a way that strongSwan does not read"):
        open_key(material.LOCKED_TRADITIONALLY.replace("AES-192-CBC", "AES-192-CFB"), RIGHT)
    with pytest.raises(ValueError, match="passphrases of ASCII alone"):
        open_key(material.LOCKED_BY_PKCS12, Secret("öffnet es"))


def test_a_way_to_hash_that_strongswan_does_not_know_is_told() -> None:
    raw, sha256 = decoded(material.LOCKED_KEY), bytes.fromhex("2a864886f70d0209")
    assert raw.count(sha256) == 1
    with pytest.raises(ValueError, match="in a way that strongSwan does not read"):
        open_key(canonical("ENCRYPTED PRIVATE KEY", raw.replace(sha256, sha256[:-1] + b"\x7f")), RIGHT)


def test_a_way_to_encrypt_that_strongswan_does_not_know_is_told() -> None:
    raw, pbes2 = decoded(material.LOCKED_KEY), bytes.fromhex("2a864886f70d01050d")
    assert raw.count(pbes2) == 1
    with pytest.raises(ValueError, match="in a way that strongSwan does not read"):
        open_key(canonical("ENCRYPTED PRIVATE KEY", raw.replace(pbes2, pbes2[:-1] + b"\x0e")), RIGHT)


def test_a_wrong_passphrase_that_seems_to_open_a_key_is_told() -> None:
    """What it makes of this key ends as padding does, as it happens with one in 256."""
    with pytest.raises(WrongPassphrase, match="does not open with this passphrase"):
        open_key(material.LOCKED_TRADITIONALLY, Secret("wrong 297"))


def test_a_key_that_asks_for_too_much_work_is_refused() -> None:
    raw = decoded(material.LOCKED_KEY)
    assert raw.count(b"\x02\x02\x08\x00") == 1
    with pytest.raises(ValueError, match=r"it asks for 0 rounds of hashing; at most 10000000 are done"):
        open_key(canonical("ENCRYPTED PRIVATE KEY", raw.replace(b"\x02\x02\x08\x00", b"\x02\x02\x00\x00")), RIGHT)


@pytest.mark.parametrize("cut", [1, 40, 100])
def test_a_damaged_key_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match=r"is no private key, or a damaged one|does not open"):
        open_key(canonical("ENCRYPTED PRIVATE KEY", decoded(material.LOCKED_KEY)[:-cut]), RIGHT)


@pytest.mark.parametrize("text", [material.CONTAINER, material.OLD_CONTAINER], ids=["new", "old"])
def test_a_container_gives_its_key_and_certificates(text: str) -> None:
    found = open_container("".join(text.split()), RIGHT)
    own = read_certificate(material.OTHER_CERTIFICATE)
    assert found.key_id == own.key_id == key_id_of(found.key.reveal())
    assert read_certificate(found.certificates[0]).digest == own.digest
    assert len(found.certificates) == (1 if text is material.OLD_CONTAINER else 2)
    assert "PRIVATE" not in repr(found)
    with pytest.raises(WrongPassphrase):
        open_container("".join(text.split()), Secret("x"))


def test_a_damaged_container_is_refused() -> None:
    raw = base64.b64decode(material.CONTAINER)
    for wrong in (raw[:-1], raw[:200], b"\x30\x03\x02\x01\x03", b"\x30\x00"):
        with pytest.raises(ValueError, match="is no PKCS#12 container in DER, or a damaged one"):
            open_container(base64.b64encode(wrong).decode(), RIGHT)
    # The integrity is proven before anything else is believed.
    changed = raw[:300] + bytes((raw[300] ^ 1,)) + raw[301:]
    with pytest.raises(ValueError, match="does not open"):
        open_container(base64.b64encode(changed).decode(), RIGHT)


def test_the_plugins_that_open_something_are_known() -> None:
    assert key_plugins(material.LOCKED_KEY) == ()
    assert all("openssl" in key_plugins(LOCKED[way]) for way in ("Triple DES", "PKCS#12's own"))
    assert open_container("".join(material.CONTAINER.split()), RIGHT).plugins == frozenset()
    old = open_container("".join(material.OLD_CONTAINER.split()), RIGHT).plugins
    assert ("rc2",) in old
    assert len(old) == 2


def test_a_file_in_der_is_known_for_what_it_is() -> None:
    for text in (material.LOCKED_KEY, material.PRIVATE_KEY):
        assert FORMS[PRIVATE_KEY].read(decoded(text)) == text
