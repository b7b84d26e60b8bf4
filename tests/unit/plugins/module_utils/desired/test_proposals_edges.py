# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every algorithm keyword of charon, written out, with what it may stand beside."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired import proposals
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.proposals import (
    parse_esp_proposal,
    parse_ike_proposal,
)

CIPHERS = (
    "3des des cast128 null aes aes128 aes192 aes256 aes128ctr aes192ctr aes256ctr camellia camellia128 camellia192 "
    "camellia256 camellia128ctr camellia192ctr camellia256ctr blowfish blowfish128 blowfish192 blowfish256"
).split()
AEADS = (
    "chacha20poly1305 aes128gmac aes192gmac aes256gmac aes128gcm aes192gcm aes256gcm aes128ccm aes192ccm aes256ccm "
    "aes128gcm8 aes128gcm12 aes128gcm16 aes128gcm64 aes128gcm96 aes128gcm128 "
    "aes192gcm8 aes192gcm12 aes192gcm16 aes192gcm64 aes192gcm96 aes192gcm128 "
    "aes256gcm8 aes256gcm12 aes256gcm16 aes256gcm64 aes256gcm96 aes256gcm128 "
    "aes128ccm8 aes128ccm12 aes128ccm16 aes128ccm64 aes128ccm96 aes128ccm128 "
    "aes192ccm8 aes192ccm12 aes192ccm16 aes192ccm64 aes192ccm96 aes192ccm128 "
    "aes256ccm8 aes256ccm12 aes256ccm16 aes256ccm64 aes256ccm96 aes256ccm128 "
    "camellia128ccm8 camellia128ccm12 camellia128ccm16 camellia128ccm64 camellia128ccm96 camellia128ccm128 "
    "camellia192ccm8 camellia192ccm12 camellia192ccm16 camellia192ccm64 camellia192ccm96 camellia192ccm128 "
    "camellia256ccm8 camellia256ccm12 camellia256ccm16 camellia256ccm64 camellia256ccm96 camellia256ccm128"
).split()
INTEGRITIES = (
    "md5 md5_128 sha sha1 sha1_160 aesxcbc aescmac camelliaxcbc sha256 sha2_256 sha256_96 sha2_256_96 sha384 sha2_384 "
    "sha512 sha2_512"
).split()
PRFS = "prfmd5 prfsha1 prfsha256 prfsha384 prfsha512 prfaesxcbc prfaescmac prfcamelliaxcbc".split()
GROUPS = (
    "modp768 modp1024 modp1536 modp2048 modp3072 modp4096 modp6144 modp8192 modp1024s160 modp2048s224 modp2048s256 "
    "ecp192 ecp224 ecp256 ecp384 ecp521 ecp224bp ecp256bp ecp384bp ecp512bp curve25519 x25519 curve448 x448"
).split()
SEQUENCES = ["esn", "noesn"]

NO_CIPHERS = ("null", "aes128gmac", "aes192gmac", "aes256gmac")
IKE = [
    *(f"{each}-sha256-modp4096" for each in CIPHERS if each not in NO_CIPHERS),
    *(f"{each}-prfsha256-modp4096" for each in AEADS if each not in NO_CIPHERS),
    *(f"{each}-sha256-modp4096" for each in AEADS if each not in NO_CIPHERS),
    *(f"aes256-{each}-prfsha256-modp4096" for each in INTEGRITIES),
    *(f"aes256-sha256-{each}-modp4096" for each in PRFS),
    *(f"aes256-sha256-{each}" for each in GROUPS),
]
ESP = [
    *(f"{each}-sha256" for each in CIPHERS),
    *AEADS,
    *(f"aes256-{each}" for each in INTEGRITIES),
    *(f"aes256gcm16-{each}" for each in GROUPS),
    *(f"aes256gcm16-{each}" for each in SEQUENCES),
]


def test_ike_takes_them() -> None:
    assert [parse_ike_proposal(each) for each in IKE] == IKE


def test_esp_takes_them() -> None:
    assert [parse_esp_proposal(each) for each in ESP] == ESP


def test_there_are_no_others() -> None:
    known = [CIPHERS, AEADS, INTEGRITIES, PRFS, GROUPS, SEQUENCES]
    declared = [
        proposals.CIPHERS, proposals.AEADS, proposals.INTEGRITIES, proposals.PRFS, proposals.GROUPS, proposals.SEQUENCES,
    ]  # fmt: skip
    assert [sorted(each) for each in declared] == [sorted(each) for each in known]


def test_the_defaults_are_those_of_the_documentation() -> None:
    assert proposals.DEFAULT_IKE == ("aes256-sha256-curve25519-modp4096",)
    assert proposals.DEFAULT_ESP == ("aes256gcm16-curve25519-modp4096",)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        pytest.param("aes256_-sha256", "there is no algorithm 'aes256_'; write them joined by '-', such as "
                     "aes256-sha256-modp4096", id="a keyword with more behind it"),
        pytest.param("aes128-aes256-aes128gcm16", "'aes128gcm16' carries its own integrity and cannot be in one proposal "
                     "with 'aes128': make two proposals", id="the first of a kind is named"),
        pytest.param("aes128-aes256", "'aes128' needs an integrity algorithm beside it, such as sha256",
                     id="so is one that lacks something"),
        pytest.param(None, "a text is needed, such as aes256-sha256-modp4096", id="no text"),
    ],
)  # fmt: skip
def test_what_esp_refuses(written: str | None, message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole message is compared
        proposals.ESP_PROPOSAL.parse(written)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("written", "message"),
    [
        pytest.param("aes256-sha256", "'aes256' encrypts, which AH does not: leave it out", id="a cipher"),
        pytest.param(
            "aes256gcm16", "'aes256gcm16' encrypts, which AH does not: leave it out", id="a cipher with its own"
        ),
        pytest.param("sha256-prfsha256", "'prfsha256' belongs to phase 1", id="what is of phase 1"),
        pytest.param("modp4096", "an integrity algorithm is missing, such as sha256", id="a group alone"),
        pytest.param(None, "a text is needed, such as aes256-sha256-modp4096", id="no text"),
    ],
)
def test_what_ah_refuses(written: str | None, message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole message is compared
        proposals.AH_PROPOSAL.parse(written)
    assert str(refused.value) == message


@pytest.mark.parametrize("cipher", NO_CIPHERS)
def test_ike_refuses_what_does_not_encrypt(cipher: str) -> None:
    with pytest.raises(ValueError, match=f"^'{cipher}' does not encrypt, which IKE must$"):
        parse_ike_proposal(f"{cipher}-sha256-modp4096")


@pytest.mark.parametrize("parse", [parse_ike_proposal, parse_esp_proposal])
def test_white_space_and_capitals_mean_nothing(parse: object) -> None:
    assert callable(parse)
    assert parse("\t AES256-SHA256-MODP4096 \n") == "aes256-sha256-modp4096"
