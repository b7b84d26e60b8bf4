# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With keep_secrets whatever secret a configuration leaves out is the one that the host has, or is asked for."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    Gateway,
    dump_gateway,
    dump_secrets,
    parse_gateway,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.kept_secrets import (
    with_kept_secrets,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.generators import material
from ansible_collections.swanfleet.ipsec.tests.generators.authentication import authentication

Config = dict[str, Any]
HASH = "8846f7eaee8fb117ad06bdd830b7586c"
CLIENT = {"auth_method": "eap_md5", "username": "anna", "password": "s3cret 1", "ca_certificates": ["/etc/ca.pem"]}
OWN = {"certificate": material.CERTIFICATE, "private_key": material.PRIVATE_KEY}
CERTIFIED = {"auth_method": "certificate", **OWN, "ca_certificates": [material.AUTHORITY]}
EAP_BY_KEY = {"auth_method": "eap_md5", "username": "anna", "password": "s3cret 1", "psk": "the key"}
WAYS: dict[str, Config] = {
    "a certificate": CERTIFIED,
    "EAP with a key": EAP_BY_KEY,
    "a certificate and a key": {
        **CERTIFIED, "second_authentication": {"auth_method": "psk", "psk": "the key"}, "local_id": "fqdn:gw.example.org",
    },
    "private keys in full": {
        "local_auth": [{"certificates": [material.CERTIFICATE], "private_keys": ["/etc/key.pem", material.PRIVATE_KEY]}],
        "remote_auth": [{"ca_certificates": [material.AUTHORITY]}],
    },
    "a key": {"psk": "the key"},
    "a password": CLIENT,
    "a postquantum key": {"psk": "the key", "ppk_id": "fqdn:fleet-2026", "ppk": "tomorrow"},
    "a key and a password": {
        "psk": "the key",
        "second_authentication": {"auth_method": "eap_md5", "username": "anna", "password": "s3cret 1"},
    },
    "in full": {
        "local_auth": [{"auth": "psk"}],
        "remote_auth": [
            {"auth": "psk", "psk": "the key"},
            {"auth": "eap-mschapv2", "eap_id": "any", "users": [
                {"username": "anna", "password": "s3cret 1"}, {"username": "bert", "nt_hash": HASH},
            ]},
        ],
    },
}  # fmt: skip


def config(options: Config) -> Config:
    named = {"local_id": "fqdn:a.example.org", "remote_id": "fqdn:b.example.org"}
    return {"phase1": [{"name": "t", "remote_endpoints": ["198.51.100.2"], **named, **options}]}


def without(gateway: Gateway) -> Config:
    """Return what a result of the module shows of a gateway: it without its secrets."""
    return dump_gateway(gateway)


def kept(raw: Config, before: Gateway) -> Gateway:
    return with_kept_secrets(raw, before)


def outcome(read: Callable[[], Gateway]) -> Gateway | str:
    try:
        return read()
    except ValidationError as error:
        return str(error)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_left_out_is_what_the_host_has(way: str) -> None:
    before = parse_gateway(config(WAYS[way]))
    raw = without(before)
    assert "s3cret" not in str(raw)
    assert kept(raw, before) == before


def test_a_gateway_as_gathered_is_the_gateway() -> None:
    chance, held = random.Random(11), 0  # noqa: S311  # data for tests
    for _each in range(300):
        try:
            before = parse_gateway(config(authentication(chance)))
        except ValidationError:
            continue
        held += bool(dump_secrets(before))
        assert kept(without(before), before) == before
    assert held > 100


KEYS: list[Config] = [
    {"name": "file", "private_key": "/etc/own.pem", "passphrase": material.PASSPHRASE},
    {"name": "text", "private_key": material.LOCKED_KEY, "passphrase": material.PASSPHRASE},
    {"name": "box", "pkcs12": material.CONTAINER, "passphrase": material.PASSPHRASE},
    {"name": "card", "handle": "0a", "slot": 3, "pin": "1234"},
]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: str(key["name"]))
def test_what_opens_a_key_is_kept_while_the_key_is_where_it_was(key: Config) -> None:
    before = parse_gateway({"private_keys": [key]})
    raw = without(before)
    assert material.PASSPHRASE not in str(raw)
    assert "1234" not in str(raw)
    assert kept(raw, before) == before
    elsewhere = {**raw["private_keys"][0], **({"slot": 4} if "handle" in key else {"private_key": "/etc/other.pem"})}
    found = kept({"private_keys": [elsewhere]}, before).private_keys[key["name"]]
    assert (found.passphrase, found.pin) == (None, None)


def test_a_new_secret_stands_beside_those_that_are_kept() -> None:
    before = parse_gateway(config(EAP_BY_KEY))
    new = without(before)
    new["phase1"][0]["psk"] = "a new key"
    assert dump_secrets(kept(new, before)) == {"phase1": {"t": {"psk": "a new key", "password": "s3cret 1"}}}


def test_no_private_key_is_kept_for_another_certificate() -> None:
    before = parse_gateway(config(CERTIFIED))
    other = without(before)
    other["phase1"][0]["certificate"] = material.OTHER_CERTIFICATE
    with pytest.raises(ValidationError) as refused:
        kept(other, before)
    assert str(refused.value) == "phase1 t: private_key: is required, as auth_method is certificate"


def test_no_secret_is_kept_for_a_method_that_has_none_of_it() -> None:
    before = parse_gateway(config(EAP_BY_KEY))
    other = parse_gateway(config({**CERTIFIED, "private_key": "/etc/key.pem"}))
    assert kept(without(other), before) == other


@pytest.mark.parametrize("form", [[], [{}], "x", {"a": 1}, None])
def test_what_has_another_form_than_on_the_host_is_read_as_it_is(form: object) -> None:
    before = parse_gateway(config(WAYS["in full"]))
    raw = without(before)
    raw["phase1"][0]["remote_auth"] = form
    assert outcome(lambda: kept(raw, before)) == outcome(lambda: parse_gateway(raw))


@pytest.mark.parametrize(("way", "place"), [("a key", "psk"), ("a password", "password")])
def test_what_the_host_has_not_is_asked_for(way: str, place: str) -> None:
    with pytest.raises(ValidationError) as refused:
        kept(without(parse_gateway(config(WAYS[way]))), Gateway())
    assert str(refused.value) == (
        f"phase1 t: {place}: is required: keep_secrets keeps what the host has, and it has none for a phase 1 of this name"
    )


def test_a_secret_in_full_is_not_kept_for_another_proof() -> None:
    before = parse_gateway(config(WAYS["in full"]))
    other = without(before)
    other["phase1"][0]["remote_auth"][1]["users"][0]["username"] = "carol"
    assert dump_secrets(kept(other, before)) == {}


def test_a_new_hash_stands_for_the_password_before_it() -> None:
    before = parse_gateway(config(WAYS["in full"]))
    new = without(before)
    new["phase1"][0]["remote_auth"][1]["users"][0]["nt_hash"] = HASH
    [secrets] = dump_secrets(kept(new, before))["phase1"].values()
    assert secrets == {
        "remote_auth[0].psk": "the key",
        "remote_auth[1].users[0].nt_hash": HASH,
        "remote_auth[1].users[1].nt_hash": HASH,
    }


def test_a_new_private_key_of_a_list_takes_the_place_of_the_one_before() -> None:
    before = parse_gateway(config(WAYS["private keys in full"]))
    new = without(before)
    new["phase1"][0]["local_auth"][0]["private_keys"] = ["/etc/key.pem", material.RSA_KEY]
    assert kept(new, before) == parse_gateway(new)
    assert kept(new, before) != before
