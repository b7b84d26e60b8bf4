# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of credentials: bare public keys, keys whose text is left out, and who may read the files of them."""

from __future__ import annotations

import dataclasses
from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.credentials import credential_files, credentials
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.certificates import public_key_id
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.secret import LEFT_OUT
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.tests.generators import material

ENDS: dict[str, Any] = {"name": "paris", "remote_endpoints": ["198.51.100.2"]}
BY_PUBLIC_KEYS = {
    **ENDS,
    "local_auth": [{"public_keys": [material.PUBLIC_KEY], "private_keys": [material.PRIVATE_KEY]}],
    "remote_auth": [{"public_keys": [material.OTHER_PUBLIC_KEY], "id": "fqdn:peer.example.org"}],
}
BY_CERTIFICATE = {
    **ENDS, "auth_method": "certificate", "certificate": material.CERTIFICATE, "private_key": material.PRIVATE_KEY,
    "ca_certificates": [material.AUTHORITY], "remote_id": "any",
}  # fmt: skip
OURS, THEIRS = (public_key_id(text) for text in (material.PUBLIC_KEY, material.OTHER_PUBLIC_KEY))


def gateway(phase1: dict[str, Any]) -> Gateway:
    return parse_gateway({"phase1": [phase1]})


def test_the_bare_public_keys_of_both_ends_are_files_that_anybody_may_read() -> None:
    found = credentials(gateway(BY_PUBLIC_KEYS))
    assert {role: each.identity for role, each in found.items()} == {
        f"private/swanfleet-{OURS}.pem": OURS,
        f"pubkey/swanfleet-{OURS}.pem": OURS,
        f"pubkey/swanfleet-{THEIRS}.pem": THEIRS,
    }
    files = credential_files(found)
    assert files[f"pubkey/swanfleet-{THEIRS}.pem"].encoded == material.OTHER_PUBLIC_KEY.encode()
    assert {role: file.mode for role, file in files.items()} == {
        f"private/swanfleet-{OURS}.pem": 0o600,
        f"pubkey/swanfleet-{OURS}.pem": 0o644,
        f"pubkey/swanfleet-{THEIRS}.pem": 0o644,
    }


def test_a_connection_names_the_files_of_its_bare_public_keys() -> None:
    tree: Any = artifacts(gateway(BY_PUBLIC_KEYS), Situation(b"k" * 32)).connections["paris"]
    assert (tree["local"]["pubkeys"], tree["remote"]["pubkeys"]) == (
        [f"swanfleet-{OURS}.pem"],
        [f"swanfleet-{THEIRS}.pem"],
    )


def test_a_key_whose_text_is_left_out_is_the_one_of_its_certificate() -> None:
    whole = gateway(BY_CERTIFICATE)
    paris = dataclasses.replace(whole.phase1["paris"], private_key=LEFT_OUT)
    found = credentials(dataclasses.replace(whole, phase1={"paris": paris}))
    role = f"private/swanfleet-{OURS}.pem"
    assert found.keys() == credentials(whole).keys()
    assert (found[role].layer, found[role].identity) == ("key", OURS)
    assert credential_files(found)[role].mode == 0o600
