# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With keep_secrets whatever secret a configuration leaves out is the one that the host has, or is asked for."""

from __future__ import annotations

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
    with_placeholders,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

Config = dict[str, Any]
HASH = "8846f7eaee8fb117ad06bdd830b7586c"
CLIENT = {"auth_method": "eap_md5", "username": "anna", "password": "s3cret 1", "ca_certificates": ["/etc/ca.pem"]}
WAYS: dict[str, Config] = {
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
    return with_kept_secrets(parse_gateway(with_placeholders(raw)), before)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_left_out_is_what_the_host_has(way: str) -> None:
    before = parse_gateway(config(WAYS[way]))
    raw = without(before)
    assert "s3cret" not in str(raw)
    assert kept(raw, before) == before


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
