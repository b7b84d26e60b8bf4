# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorities: what they may be, what swanctl.conf says of them, and back."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.authorities import authority_name
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.inverse import read_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.releases import unmet_by_authorities
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import parse_settings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.credentials import (
    check_credentials,
    date_warnings,
    with_contents,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    Gateway,
    dump_gateway,
    parse_gateway,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.fakes.host import NOON
from ansible_collections.swanfleet.ipsec.tests.generators import material

FLEET: dict[str, Any] = {"name": "fleet", "ca_certificate": material.AUTHORITY}
TOKEN: dict[str, Any] = {"handle": "0a1b", "slot": 3, "module": "opensc"}
FULL: dict[str, Any] = {
    **FLEET, "crl_uris": ["http://crl.example.org/a.crl", "file:///etc/b.crl"], "ocsp_uris": ["http://ocsp.example.org:8888"],
    "cert_uri_base": "http://certs.example.org/",
}  # fmt: skip
SITUATION = Situation(b"k" * 32)


def problems(**options: Any) -> list[str]:
    try:
        check_credentials(parse_gateway({"authorities": [{**FLEET, **options}]}))
    except ValidationError as error:
        return [str(problem) for problem in error.problems]
    return []


LIST_URI = "a URI is needed that begins with http://, https://, file://, ftp://, ldap:// or ldaps://"
SERVICE_URI = "a URI is needed that begins with http:// or https://"
COMMA = "swanctl.conf separates URIs by commas; write %2C for one inside of a URI"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ca_certificate": None}, "ca_certificate: is required, or token_ca_certificate"),
        ({"token_ca_certificate": TOKEN}, "ca_certificate: either it or token_ca_certificate is needed"),
        ({"ca_certificate": None, "token_ca_certificate": {"slot": 3}},
         "token_ca_certificate: either handle or file is needed"),
        ({"ca_certificate": None, "token_ca_certificate": {**TOKEN, "file": "/etc/ca.pem"}},
         "token_ca_certificate: either handle or file is needed"),
        ({"ca_certificate": material.CERTIFICATE},
         "ca_certificate: the certificate of an authority is needed (basicConstraints with CA), this one is of an end"),
        *(({"crl_uris": [uri]}, f"crl_uris[0] is {uri!r}: {LIST_URI}")
          for uri in ("crl.example.org", "HTTP://a/b", "gopher://a/b", "http://", "http://a b", "http://a/\n", "http://ä/")),
        ({"crl_uris": ["ldap://a/cn=b,c=d"]}, f"crl_uris[0] is 'ldap://a/cn=b,c=d': {COMMA}"),
        ({"ocsp_uris": ["file:///a"]}, f"ocsp_uris[0] is 'file:///a': {SERVICE_URI}"),
        ({"cert_uri_base": "/certs"}, f"cert_uri_base is '/certs': {SERVICE_URI}"),
    ],
)  # fmt: skip
def test_what_an_authority_cannot_be(options: dict[str, Any], message: str) -> None:
    assert problems(**options) == [f"authority fleet: {message}"]


def test_a_name_is_no_longer_than_swanctl_can_look_up() -> None:
    assert problems(name="x" * 92) == []
    [told] = problems(name="x" * 93)
    assert told.endswith("at most 92 characters are possible, as swanctl finds no certificate of a longer one")


def test_its_certificate_may_stand_at_a_path() -> None:
    wanted = parse_gateway({"authorities": [{**FLEET, "ca_certificate": "/etc/ca.pem"}]})
    with pytest.raises(
        ValidationError, match=r"authority fleet: ca_certificate is '/etc/ca.pem': there is no such file"
    ):
        with_contents(wanted, lambda _path: None, Gateway())
    found, _warnings = with_contents(wanted, {"/etc/ca.pem": material.AUTHORITY.encode()}.get, Gateway())
    given = parse_gateway({"authorities": [FLEET]})
    assert artifacts(found, SITUATION).authorities == artifacts(given, SITUATION).authorities
    # Where files are only told of, the path stands for itself.
    told = artifacts(wanted, SITUATION)
    assert ('cacert = "/etc/ca.pem"' in told.files["connections"].text, told.credentials) == (True, {})


def test_one_that_has_expired_is_a_warning() -> None:
    wanted = parse_gateway({"authorities": [FLEET]})
    [told] = date_warnings(wanted, NOON.replace(year=2121))
    assert told.startswith("authority fleet: ca_certificate: ")
    assert date_warnings(wanted, NOON) == []


KEYS: list[tuple[str, str, Any, str]] = [
    ("crl_uris", "crl_uris", FULL["crl_uris"], "http://crl.example.org/a.crl,file:///etc/b.crl"),
    ("ocsp_uris", "ocsp_uris", FULL["ocsp_uris"], "http://ocsp.example.org:8888"),
    ("cert_uri_base", "cert_uri_base", FULL["cert_uri_base"], FULL["cert_uri_base"]),
    *((key, "token_ca_certificate", TOKEN, str(TOKEN[key])) for key in TOKEN),
    ("file", "token_ca_certificate", {"file": "/etc/ca.pem"}, "/etc/ca.pem"),
]


@pytest.mark.parametrize(
    ("key", "option", "value", "written"),
    [
        pytest.param(
            *each,
            id=each[0],
            marks=pytest.mark.proves(key=f"authorities.<name>.{each[0]}", option=f"authority.{each[1]}"),
        )
        for each in KEYS
    ],
)
def test_an_option_becomes_its_key(key: str, option: str, value: Any, written: str) -> None:
    proof = {"name": "fleet"} if option.startswith("token") else FLEET
    gateway = parse_gateway({"authorities": [{**proof, option: value}]})
    text = artifacts(gateway, SITUATION).files["connections"].text
    assert f'    {key} = "{written}"\n' in text
    # Nothing of a certificate can be told from its file's name but where that is.
    again = read_gateway(parse_settings(text, file="text")).gateway.authorities["fleet"]
    assert getattr(again, option) == getattr(gateway.authorities["fleet"], option)


def test_its_certificate_becomes_a_file_that_the_section_names() -> None:
    found = artifacts(parse_gateway({"authorities": [FULL]}), SITUATION)
    [(role, held)] = found.credentials.items()
    assert role.startswith("x509ca/swanfleet-")
    assert (held.text.reveal(), held.flag) == (material.AUTHORITY, "CA")
    assert found.files[role].text == material.AUTHORITY
    text = found.files["connections"].text
    assert f'cacert = "{role.partition("/")[2]}"\n' in text
    assert found.files["connections"].needed
    again = read_gateway(parse_settings(text, file="text")).gateway
    assert dump_gateway(again)["authorities"] == [{**FULL, "ca_certificate": f"/etc/swanctl/{role}"}]


def test_the_name_of_a_section_says_what_is_in_it() -> None:
    variants = [FLEET, FULL, {**FLEET, "ca_certificate": material.OTHER_AUTHORITY}, {**FULL, "crl_uris": []}]
    sections = [
        section
        for each in variants
        for section in artifacts(parse_gateway({"authorities": [each]}), SITUATION).authorities
    ]
    assert len(set(sections)) == 4
    assert {authority_name(section) for section in sections} == {"fleet"}
    assert authority_name("fleet") == authority_name("swanfleet-fleet") == ""


def test_what_somebody_wrote_by_hand_is_read() -> None:
    text = "authorities {\n strong {\n  cacert = strong.pem\n  ocsp_uris = http://a/, http://b/\n }\n}\n"
    found = read_gateway(parse_settings(text, file="text")).gateway
    assert dump_gateway(found)["authorities"] == [
        {"name": "strong", "ca_certificate": "/etc/swanctl/x509ca/strong.pem", "ocsp_uris": ["http://a/", "http://b/"]}
    ]
    # It is no part of connections that are taken over.
    assert read_gateway(parse_settings(text, file="text"), only=["paris"]).gateway.empty


def test_a_uri_that_charon_cannot_ask_is_refused() -> None:
    trees: Any = {"fleet": {"crl_uris": ["file:///a", "ldap://b"], "ocsp_uris": ["http://c"]}}
    assert unmet_by_authorities(trees, plugins=("curl", "ldap")) == []
    told = [str(each) for each in unmet_by_authorities(trees, plugins=("files",))]
    assert [each.partition(",")[0] for each in told] == [
        "authority fleet: crl_uris[1] is 'ldap://b': it needs charon's plugin ldap",
        "authority fleet: ocsp_uris[0] is 'http://c': it needs charon's plugin curl or soup",
    ]
