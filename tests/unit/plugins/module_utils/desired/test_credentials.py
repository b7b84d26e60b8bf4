# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys that cannot be right are refused with a sentence that says what would be, before anything is touched."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.releases import unmet
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.credentials import (
    check_credentials,
    date_warnings,
    with_contents,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.generators import material

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone.utc)  # noqa: UP017  # runs on Python 3.9 too
RIGHT: dict[str, Any] = {
    "name": "paris", "remote_endpoints": ["198.51.100.2"], "auth_method": "certificate", "remote_id": "any",
    "certificate": material.CERTIFICATE, "private_key": material.PRIVATE_KEY, "ca_certificates": [material.AUTHORITY],
}  # fmt: skip
USER = {"username": "alice", "password": "s3cret of alice"}
PSK: dict[str, Any] = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": "a long enough key"}


def gateway(**options: Any) -> Gateway:
    return parse_gateway({"phase1": [{**RIGHT, **options}]})


def refusals(found: Gateway) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        check_credentials(found)
    return [str(problem) for problem in refused.value.problems]


def test_what_fits_is_taken() -> None:
    check_credentials(gateway())
    check_credentials(gateway(local_id="fqdn:gw.example.org"))
    assert date_warnings(gateway(), NOON) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"private_key": material.OTHER_PRIVATE_KEY},
            "private_key: it is not the key of the certificate: the public keys of",
        ),
        ({"ca_certificates": [material.CERTIFICATE]}, "ca_certificates[0]: the certificate of an authority is needed"),
        ({"local_id": "fqdn:other.example.org"}, "local_id is 'fqdn:other.example.org': the certificate names"),
        (
            {"certificate": "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----"},
            "certificate: it is no X.509 certificate, or a damaged one",
        ),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], told: str) -> None:
    [refusal] = refusals(gateway(**options))
    assert refusal.startswith(f"phase1 paris: {told}")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"certificate": material.PRIVATE_KEY},
            "certificate is *: a certificate is needed, and this PEM text has a block",
        ),
        (
            {"private_key": material.CERTIFICATE},
            "private_key is ***: a private key is needed, and this PEM text has a block",
        ),
        (
            {"certificate": "berlin.pem"},
            "certificate is 'berlin.pem': a certificate is needed: its PEM text from the line",
        ),
        ({"certificate": None}, "certificate: is required, as auth_method is certificate"),
        ({"ca_certificates": None}, "ca_certificates: is required, as auth_method is certificate"),
        (
            {"remote_id": "peer_address"},
            "remote_id: is required with certificates: who the peer's certificate must name",
        ),
        ({"username": "alice"}, "username: has no meaning, as auth_method is certificate"),
        (
            {**PSK, "auth_method": "eap_md5", "password": "s3cret"},
            "username: is required, as auth_method is eap_md5 and",
        ),
        (
            {**PSK, "auth_method": "eap_md5", "ike_version": 1, **USER},
            "ike_version is 1: EAP (eap-md5) needs ike_version: 2",
        ),
        (
            {**PSK, "auth_method": "eap_md5", "eap_role": "server", **USER},
            "eap_role is 'server': a server of eap_md5 waits for",
        ),
        (
            {**PSK, "second_authentication": {"auth_method": "xauth", **USER}},
            "ike_version is 2: xauth is of IKEv1 and needs",
        ),
        ({**PSK, "local_auth": [{"auth": "psk"}], "remote_auth": [{"auth": "psk"}]}, "psk: belongs to the short form;"),
        *(
            ({"local_auth": [{}], "remote_auth": [{"auth": "eap-mschapv2", **server}]}, message)
            for server, message in (
                (
                    {"auth": "pubkey", "users": [{"username": "a"}]},
                    "remote_auth[0].users: has no meaning, as auth is pubkey",
                ),
                (
                    {"username": "b", "users": [{"username": "a"}]},
                    "remote_auth[0].username: has no meaning beside users;",
                ),
                (
                    {"users": [{"username": "a"}, {"username": "A"}]},
                    "remote_auth[0].users[1].username is 'A': another user",
                ),
                (
                    {"users": [{"username": "a", "password": "s3cret 1", "nt_hash": "0" * 32}]},
                    "remote_auth[0].users[0].nt_hash: either it or the password",
                ),
            )
        ),
        ({**PSK, "psk": None, "local_auth": [{"auth": "psk"}]}, "remote_auth: is required beside the other one"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], told: str) -> None:
    base = {} if "psk" in options else RIGHT
    with pytest.raises(ValidationError) as refused:
        parse_gateway({"phase1": [{**base, **options}]})
    begin, star, end = told.partition("*: ")
    refusals = [str(problem) for problem in refused.value.problems]
    assert any(each.startswith(f"phase1 paris: {begin}") and end in each for each in refusals), (refusals, star)


@pytest.mark.parametrize("option", ["certificate", "ca_certificates"])
@pytest.mark.parametrize(
    "bundle",
    [
        material.CERTIFICATE + material.PRIVATE_KEY,
        material.PRIVATE_KEY,
        "".join(material.PRIVATE_KEY.splitlines()[1:-1]),
    ],
    ids=["a bundle", "a key", "a key without its frame"],
)
def test_a_private_key_in_the_wrong_option_is_not_shown(option: str, bundle: str) -> None:
    with pytest.raises(ValidationError) as refused:
        gateway(**{option: bundle})
    assert option in str(refused.value)
    assert not any(line in str(refused.value) for line in material.PRIVATE_KEY.splitlines())


def test_a_certificate_that_is_not_valid_is_a_warning_with_its_date() -> None:
    found = gateway(certificate=material.EXPIRED, private_key=material.EXPIRED_KEY)
    check_credentials(found)
    assert date_warnings(found, NOON) == [
        "phase1 paris: certificate: it has expired on 2021-01-01 00:00:00 UTC, and peers refuse it then"
    ]
    early = NOON.replace(year=2019)
    assert any("it is not valid before 2020-01-01 00:00:00 UTC" in each for each in date_warnings(gateway(), early))


def test_paths_are_read_and_what_was_read_outlives_the_file() -> None:
    files = {"/c.pem": material.CERTIFICATE.encode(), "/k.pem": material.PRIVATE_KEY.encode()}
    wanted = gateway(certificate="/c.pem", private_key="/k.pem")
    found, warnings = with_contents(wanted, files.get, Gateway())
    check_credentials(found)
    assert warnings == []
    assert material.PRIVATE_KEY not in repr(found)
    again, warnings = with_contents(wanted, {"/c.pem": files["/c.pem"]}.get, found)
    assert again == found
    assert warnings == [
        "phase1 paris: private_key: /k.pem is not there any more; what was read from it before stays in force"
    ]


def test_a_path_that_was_never_there_is_refused_and_so_is_a_wrong_content() -> None:
    with pytest.raises(ValidationError) as refused:
        with_contents(gateway(certificate="/c.pem", private_key="/k.pem"), {"/k.pem": b"x"}.get, Gateway())
    assert [str(problem) for problem in refused.value.problems] == [
        "phase1 paris: certificate is '/c.pem': there is no such file on this host",
        "phase1 paris: private_key is '/k.pem': a private key is needed, in PEM or DER",
    ]


def test_a_missing_plugin_is_named_with_its_package() -> None:
    found = parse_gateway({"phase1": [{**PSK, "auth_method": "eap_mschapv2", **USER}]})
    trees = artifacts(found, Situation(b"k" * 32)).connections
    assert [str(problem) for problem in unmet(trees, version="6.0.1", plugins=["vici"])] == [
        (
            "phase1 paris: local.auth is 'eap-mschapv2': it needs charon's plugin eap-mschapv2, which is not loaded on this host: "
            "on Debian it is in the package libcharon-extauth-plugins, and charon loads it when it starts"
        )
    ]
    assert unmet(trees, version="6.0.1", plugins=["vici", "eap-mschapv2"]) == []
