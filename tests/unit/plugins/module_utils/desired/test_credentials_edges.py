# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of certificates and keys: the first and last moment, kinds of names, how an option is called in each form."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired import der
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.certificates import key_id_of, read_certificate
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.credentials import (
    check_credentials,
    container_of,
    with_contents,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.distinguished_names import (
    is_pattern,
    parse_distinguished_name,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.pem import canonical, decoded
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.generators import material

SECOND = dt.timedelta(seconds=1)
ENDS: dict[str, Any] = {"name": "paris", "remote_endpoints": ["198.51.100.2", "198.51.100.3"]}
SHORT: dict[str, Any] = {
    **ENDS, "auth_method": "certificate", "remote_id": "any",
    "certificate": material.CERTIFICATE, "private_key": material.PRIVATE_KEY, "ca_certificates": [material.AUTHORITY],
}  # fmt: skip
MINE = {"certificates": [material.CERTIFICATE], "private_keys": [material.PRIVATE_KEY]}
THEIRS: dict[str, Any] = {"ca_certificates": [material.AUTHORITY], "id": "fqdn:peer.example.org"}
DAMAGED = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----"
DAMAGED_KEY = "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----"
NO_CERTIFICATE = "it is no X.509 certificate, or a damaged one"


def long_form(*, mine: dict[str, Any] | None = None, theirs: dict[str, Any] | None = None) -> dict[str, Any]:
    return {**ENDS, "local_auth": [{**MINE, **(mine or {})}], "remote_auth": [THEIRS if theirs is None else theirs]}


def refusals(options: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        check_credentials(parse_gateway({"phase1": [options]}))
    return [str(problem) for problem in refused.value.problems]


def test_a_certificate_is_valid_from_its_first_second_to_its_last() -> None:
    found = read_certificate(material.CERTIFICATE)
    assert found.trouble(found.not_before) == found.trouble(found.not_after) == ""
    assert found.trouble(found.not_before - SECOND).startswith("it is not valid before 2020-01-01 00:00:00 UTC")
    assert found.trouble(found.not_after + SECOND).startswith("it has expired on 2120-01-01 00:00:00 UTC")


def test_addresses_and_mail_addresses_of_a_certificate_are_names_of_its_owner() -> None:
    names = ("address:192.0.2.7", "address:2001:db8::7", "email:me@example.org")
    assert read_certificate(material.RSA_CERTIFICATE).names == names
    end = {"certificate": material.RSA_CERTIFICATE, "private_key": material.RSA_KEY}
    for name in names:
        check_credentials(parse_gateway({"phase1": [{**SHORT, **end, "local_id": name.replace("address:", "")}]}))


def test_an_rsa_key_has_the_name_that_its_public_part_gives_it() -> None:
    # openssl rsa -RSAPublicKey_out -outform DER | sha1sum
    assert key_id_of(material.RSA_KEY) == read_certificate(material.RSA_CERTIFICATE).key_id == material.RSA_KEY_ID


@pytest.mark.parametrize("identity", ["keyid:branch-7", "CN=somebody else"])
def test_identities_that_a_certificate_does_not_list_are_left_to_the_peer(identity: str) -> None:
    check_credentials(parse_gateway({"phase1": [{**SHORT, "local_id": identity}]}))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({**SHORT, "certificate": DAMAGED}, f"certificate: {NO_CERTIFICATE}"),
        ({**SHORT, "ca_certificates": [material.AUTHORITY, DAMAGED]}, f"ca_certificates[1]: {NO_CERTIFICATE}"),
        (
            long_form(mine={"certificates": [material.CERTIFICATE, DAMAGED]}),
            f"local_auth[0].certificates[1]: {NO_CERTIFICATE}",
        ),
        (
            long_form(theirs={**THEIRS, "ca_certificates": [DAMAGED]}),
            f"remote_auth[0].ca_certificates[0]: {NO_CERTIFICATE}",
        ),
        (long_form(theirs={**THEIRS, "certificates": [DAMAGED]}), f"remote_auth[0].certificates[0]: {NO_CERTIFICATE}"),
        (
            long_form(theirs={"public_keys": [material.PUBLIC_KEY]}),
            "remote_auth[0].public_keys: of a bare public key it must be said whose it is",
        ),
        (
            long_form(theirs={"public_keys": [material.PUBLIC_KEY, DAMAGED_KEY], "id": "fqdn:peer.example.org"}),
            "remote_auth[0].public_keys[1]: it is no public key, or a damaged one",
        ),
        (
            long_form(mine={"id": "fqdn:gw9.example.org"}),
            "local_auth[0].id is 'fqdn:gw9.example.org': the certificate names fqdn:gw.example.org; the peer takes",
        ),
        (
            {**SHORT, "certificate": material.AUTHORITY, "local_id": "gw.example.org"},
            "local_id is 'fqdn:gw.example.org': the certificate names no subjectAltName; the peer takes",
        ),
    ],
)
def test_what_is_wrong_is_told_of_the_option_as_it_was_written(options: dict[str, Any], told: str) -> None:
    assert f"phase1 paris: {told}" in "\n".join(refusals(options))


@pytest.mark.parametrize(
    ("whole", "of_the_round"),
    [({}, {"id": "fqdn:peer.example.org"}), ({"remote_id": "peer.example.org"}, {})],
    ids=["in its round", "for the whole"],
)
def test_whose_a_bare_public_key_is_may_be_said(whole: dict[str, Any], of_the_round: dict[str, Any]) -> None:
    options = {**long_form(theirs={"public_keys": [material.PUBLIC_KEY], **of_the_round}), **whole}
    check_credentials(parse_gateway({"phase1": [options]}))


def test_a_bit_string_with_unused_bits_is_no_key() -> None:
    assert der.bits(der.one(b"\x03\x02\x00\x80", der.BIT_STRING)) == b"\x80"
    with pytest.raises(ValueError, match="a BIT STRING of whole bytes is needed"):
        der.bits(der.one(b"\x03\x02\x01\x80", der.BIT_STRING))


def test_a_distinguished_name_has_at_most_twenty_parts() -> None:
    longest = ", ".join(["CN=gw"] * 20)
    assert parse_distinguished_name(longest) == longest
    with pytest.raises(ValueError, match="has at most 20 parts, this one has 21"):
        parse_distinguished_name(f"{longest}, CN=gw")


@pytest.mark.parametrize(("name", "pattern"), [
    ("C=DE, CN=*", True), ("/C=DE/CN=*", True), ("C=DE, CN=a*", False), ("C=DE, CN=a=*", False),
])  # fmt: skip
def test_one_part_that_may_be_anything_makes_a_name_a_pattern(name: str, *, pattern: bool) -> None:
    assert is_pattern(name) is pattern


@pytest.mark.parametrize("word", ["E", "email", "emailAddress"])
def test_an_e_mail_address_in_a_name_goes_by_several_words(word: str) -> None:
    assert parse_distinguished_name(f"CN=gw, {word}=me@example.org") == "CN=gw, E=me@example.org"


def test_a_key_that_is_not_beside_its_certificate_may_be_one_of_the_gateway() -> None:
    both = {"certificates": [material.CERTIFICATE, material.OTHER_CERTIFICATE], "private_keys": [material.PRIVATE_KEY]}
    [told] = refusals(long_form(mine=both))
    assert told.endswith("one is needed for each certificate")
    keys = [{"name": "other", "private_key": material.OTHER_PRIVATE_KEY}]
    check_credentials(parse_gateway({"phase1": [long_form(mine=both)], "private_keys": keys}))


def test_a_key_by_ed25519_goes_with_its_certificate() -> None:
    """Which public key it has, nobody can tell: so nothing is told of it."""
    end = {"certificate": material.ED25519_CERTIFICATE, "private_key": material.ED25519_KEY}
    check_credentials(parse_gateway({"phase1": [{**SHORT, **end}]}))


def test_missing_files_are_told_in_the_order_of_names() -> None:
    connections = [{**SHORT, "name": name, "certificate": f"/{name}.pem"} for name in "bca"]
    with pytest.raises(ValidationError) as refused:
        with_contents(parse_gateway({"phase1": connections}), lambda _path: None, Gateway())
    assert [problem.where for problem in refused.value.problems] == ["phase1 a", "phase1 b", "phase1 c"]


def test_an_authority_is_one_whose_certificate_says_so() -> None:
    raw, says = decoded(material.AUTHORITY), b"\x30\x03\x01\x01\xff"
    assert raw.count(says) == 1
    assert read_certificate(material.AUTHORITY).authority
    assert not read_certificate(canonical("CERTIFICATE", raw.replace(says, says[:-1] + b"\x00"))).authority


def test_a_container_whose_passphrase_nobody_has_is_left_alone() -> None:
    key = {"name": "own", "pkcs12": material.CONTAINER, "passphrase": material.PASSPHRASE}
    gateway = parse_gateway({"private_keys": [key]})
    assert container_of(gateway, gateway.private_keys["own"]) is not None
    assert container_of(gateway, dataclasses.replace(gateway.private_keys["own"], passphrase=None)) is None
