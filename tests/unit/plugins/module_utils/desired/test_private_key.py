# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private key of a gateway is in one place, and what opens it fits that place; of a phase 1 it is the same."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.credentials import (
    check_credentials,
    date_warnings,
    with_contents,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.generators import material

Config = dict[str, Any]
OPENED = {"passphrase": material.PASSPHRASE}
LOCKED: Config = {"private_key": material.LOCKED_KEY, **OPENED}
BOX: Config = {"pkcs12": material.CONTAINER, **OPENED}
CARD: Config = {"handle": "0a", "pin": "1234"}
NAMED = {
    "name": "own",
    "remote_endpoints": ["198.51.100.2"],
    "local_id": "gw.example.org",
    "remote_id": "gw2.example.org",
}
TRUST = {"ca_certificates": [material.AUTHORITY]}
CERTIFIED: Config = {"auth_method": "certificate", "certificate": material.CERTIFICATE, **TRUST}


def refused(config: Config) -> list[str]:
    try:
        check_credentials(parse_gateway(config))
    except ValidationError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (LOCKED, []),
        (BOX, []),
        (CARD, []),
        ({"private_key": material.PRIVATE_KEY}, []),
        ({}, ["private_key: is required, or pkcs12, or handle"]),
        ({**LOCKED, **BOX}, ["pkcs12: either it or private_key is needed"]),
        ({**BOX, **CARD}, ["handle: either it or pkcs12 is needed"]),
        ({**LOCKED, "pin": "1"}, ["pin: belongs to a token and its handle, and has no meaning with private_key"]),
        ({**BOX, "slot": 1, "module": "x"}, [
            "slot: belongs to a token and its handle, and has no meaning with pkcs12",
            "module: belongs to a token and its handle, and has no meaning with pkcs12",
        ]),
        ({**CARD, **OPENED}, ["passphrase: has no meaning with handle; a token has a pin"]),
        ({"pkcs12": material.CONTAINER}, ["passphrase: is required, as pkcs12 is protected by one"]),
        ({"private_key": material.LOCKED_KEY}, ["private_key: it is encrypted, and its passphrase is needed"]),
        ({**LOCKED, "passphrase": "x"}, ["passphrase: private_key does not open with it, or is damaged"]),
        ({**BOX, "passphrase": "x"}, ["passphrase: pkcs12 does not open with it, or is damaged"]),
        ({"private_key": material.PRIVATE_KEY, **OPENED}, ["passphrase: has no meaning, as the key is not encrypted"]),
        ({"private_key": material.LOCKED_BY_SCRYPT, **OPENED}, [
            (
                "private_key: it is encrypted in a way that strongSwan does not read: AES in CBC with a passphrase by PBKDF2 is "
                "needed, as 'openssl pkcs8 -topk8 -v2 aes-256-cbc' and 'openssl pkcs12 -export' write it"
            ),
        ]),
        ({"pkcs12": "no base64!", **OPENED}, [
            (
                "pkcs12 is ***: a PKCS#12 container is needed: an absolute path of the target, or its bytes in base64, as the "
                "filter b64encode writes them"
            ),
        ]),
        ({"handle": "card"}, [
            "handle is 'card': the id of an object of a token is needed, in hexadecimal (in quotes where it has digits alone)",
        ]),
    ],
)  # fmt: skip
def test_a_key_is_in_one_place_and_opens(key: Config, told: list[str]) -> None:
    assert refused({"private_keys": [{"name": "own", **key}]}) == [f"private_key own: {each}" for each in told]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({**CERTIFIED, **LOCKED}, []),
        ({**CERTIFIED, **LOCKED, "passphrase": "x"}, ["passphrase: private_key does not open with it, or is damaged"]),
        ({**CERTIFIED, "private_key": material.LOCKED_KEY}, ["private_key: it is encrypted, and its passphrase is needed"]),
        ({**CERTIFIED, "private_key": material.OTHER_LOCKED_KEY, **OPENED}, [
            "private_key: it is not the key of the certificate: the public keys of the two differ",
        ]),
        ({**CERTIFIED, "private_key": material.PRIVATE_KEY, **OPENED}, ["passphrase: has no meaning, as the key is not encrypted"]),
        ({"psk": "s3cret", **OPENED}, ["passphrase: has no meaning without private_key, which it opens"]),
        ({"local_auth": [{"auth": "psk", **OPENED}], "remote_auth": [{"auth": "psk", "psk": "s3cret"}]}, [
            "local_auth[0].passphrase: has no meaning without private_keys, which it opens",
        ]),
        ({"local_auth": [{"certificates": [material.CERTIFICATE], "private_keys": [material.LOCKED_KEY], "passphrase": "x"}],
          "remote_auth": [{**TRUST}]}, [
            "local_auth[0].passphrase: local_auth[0].private_keys[0] does not open with it, or is damaged",
        ]),
        ({"local_auth": [{"certificates": [material.CERTIFICATE], **OPENED,
                          "private_keys": [material.LOCKED_KEY, material.PRIVATE_KEY]}], "remote_auth": [{**TRUST}]}, []),
        ({**CERTIFIED, **LOCKED, "local_auth": [{"auth": "pubkey"}], "remote_auth": [{**TRUST}]}, [
            *(f"{name}: belongs to the short form; with local_auth and remote_auth all stands in their rounds" for name in (
                "auth_method", "certificate", "private_key", "passphrase", "ca_certificates")),
        ]),
    ],
)  # fmt: skip
def test_a_passphrase_of_a_phase_1_opens_its_key(options: Config, told: list[str]) -> None:
    assert refused({"phase1": [{**NAMED, **options}]}) == [f"phase1 own: {each}" for each in told]


@pytest.mark.parametrize(
    ("passphrase", "told"),
    [(material.PASSPHRASE, []), ("x", ["passphrase: pkcs12 does not open with it, or is damaged"])],
)
def test_a_path_is_read_and_its_passphrase_tried(passphrase: str, told: list[str]) -> None:
    wanted = parse_gateway({"private_keys": [{"name": "own", "pkcs12": "/etc/own.p12", "passphrase": passphrase}]})
    found, _warnings = with_contents(wanted, lambda _path: base64.b64decode(material.CONTAINER), Gateway())
    said = []
    try:
        check_credentials(found)
    except ValidationError as error:
        said = str(error).splitlines()
    assert said == [f"private_key own: {each}" for each in told]


def test_what_a_container_has_and_is_out_of_date_is_told() -> None:
    found = parse_gateway({"private_keys": [{"name": "own", **BOX}]})
    now = dt.datetime(2030, 1, 1, tzinfo=dt.timezone.utc)  # noqa: UP017  # Python 3.9 has no other name for it
    assert date_warnings(found, now) == []
    [one, *_rest] = date_warnings(found, now.replace(year=2200))
    assert one.startswith("private_key own: pkcs12: of a certificate in it, it has expired on 2120-01-01")
