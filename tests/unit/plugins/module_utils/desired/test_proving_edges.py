# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of authentication: which rounds the short form stands for, and what is told of options that have no meaning."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.proving import Rounds, rounds_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

ENDS: dict[str, Any] = {
    "name": "paris", "remote_endpoints": ["198.51.100.2"], "local_id": "a.example.org", "remote_id": "b.example.org",
}  # fmt: skip
PSK: dict[str, Any] = {"psk": "a long enough key"}
OWN: dict[str, Any] = {"certificate": "/etc/own.pem", "private_key": "/etc/own.key"}
CAS: dict[str, Any] = {"ca_certificates": ["/etc/ca.pem"]}
SERVER: dict[str, Any] = {"eap_role": "server", "init_type": "none"}
PUBKEY: dict[str, Any] = {"certificates": ["/etc/own.pem"], "private_keys": ["/etc/own.key"]}
HASH = "8846f7eaee8fb117ad06bdd830b7586c"


def rounds(options: dict[str, Any]) -> Rounds:
    return rounds_of(parse_gateway({"phase1": [{**ENDS, **options}]}).phase1["paris"])


def refused(options: dict[str, Any]) -> list[str]:
    """Return the messages, or none when all is well."""
    try:
        rounds(options)
    except ValidationError as error:
        return [message.partition("phase1 paris: ")[2] for message in str(error).splitlines()]
    return []


@pytest.mark.parametrize(
    ("options", "authorities"),
    [
        pytest.param({"auth_method": "eap_tls", **SERVER, **OWN, **CAS}, ("/etc/ca.pem",), id="by its certificate"),
        pytest.param({"auth_method": "eap_md5", **SERVER, **OWN, "password": "s3cret"}, (), id="by its password"),
    ],
)
def test_what_a_server_of_eap_judges_its_client_by(options: dict[str, Any], authorities: tuple[str, ...]) -> None:
    [client] = rounds(options).remote
    assert client.ca_certificates == authorities


def test_an_empty_list_of_authorities_says_nothing() -> None:
    assert refused({**PSK, "ca_certificates": []}) == []
    assert refused({**PSK, **CAS}) == ["ca_certificates: has no meaning, as auth_method is psk"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            {"auth_method": "certificate", **OWN, **CAS, "second_authentication": {
                "auth_method": "certificate", **OWN, **CAS}},
            ("second_authentication.auth_method is 'certificate': another method than certificate, which is the first one, is "
             "needed"), id="the same twice"),
        pytest.param(
            {**PSK, "second_authentication": {"auth_method": "certificate", **OWN, **CAS}},
            ("second_authentication.auth_method is 'certificate': charon cannot take a certificate after a key; the certificate "
             "first, and the key second"), id="a certificate after a key"),
    ],
)  # fmt: skip
def test_a_second_authentication_is_another_one(options: dict[str, Any], message: str) -> None:
    assert refused(options) == [message]


@pytest.mark.parametrize(
    ("mine", "messages"),
    [
        pytest.param(PUBKEY, [], id="a certificate"),
        pytest.param({"auth": "eap-mschapv2", "eap_id": "anna", "password": "s3cret"}, [], id="a password"),
        pytest.param({"auth": "eap-mschapv2", "eap_id": "anna", "nt_hash": HASH}, [], id="the hash of one"),
        pytest.param({"auth": "eap-mschapv2", "eap_id": "anna", "password": "s3cret", "nt_hash": HASH}, [
            "local_auth[0].nt_hash: either it or the password is needed"], id="both"),
        pytest.param({**PUBKEY, **PSK}, ["local_auth[0].psk: has no meaning, as auth is pubkey"], id="a key for nothing"),
        pytest.param({**PUBKEY, "password": "s3cret"}, ["local_auth[0].password: has no meaning, as auth is pubkey"],
                     id="a password for nothing"),
        pytest.param({"certificates": ["/etc/own.pem"], "passphrase": "s3cret"}, [
            "local_auth[0].passphrase: has no meaning without private_keys, which it opens"], id="nothing to open"),
        pytest.param({"token_certificates": [{"handle": "0a"}, {"slot": 1}]}, [
            "local_auth[0].token_certificates: either handle or file of each is needed"], id="a certificate from nowhere"),
    ],
)  # fmt: skip
def test_rounds_by_themselves(mine: dict[str, Any], messages: list[str]) -> None:
    assert refused({"local_auth": [mine], "remote_auth": [CAS]}) == messages
