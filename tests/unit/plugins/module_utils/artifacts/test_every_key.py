# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every key of swanctl.conf that strongSwan documents is reached by an option, with charon's default and release as documented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.keys import (
    CHILD_KEYS,
    CONNECTION_KEYS,
    default_of,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.plain_keys import PHASE1_KEYS, PHASE2_KEYS
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.releases import SINCE, SINCE_OF_CHILD
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.shunts import SHUNT_KEYS
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import TYPES
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import options_of

TABLE = Path(__file__).parents[4] / "reference" / "swanctl-keys.tsv"
CONNECTION, CHILD = "connections.<conn>.", "connections.<conn>.children.<child>."
# Keys whose option has another name, or that follow from several.
REACHED = {
    "authorities.<name>": ["authority.name"],
    "authorities.<name>.cacert": ["authority.ca_certificate"],
    **{f"authorities.<name>.{key}": ["authority.token_ca_certificate"] for key in ("file", "handle", "slot", "module")},
    **{f"authorities.<name>.{key}": [f"authority.{key}"] for key in ("crl_uris", "ocsp_uris", "cert_uri_base")},
    "connections.<conn>": ["phase1.name"],
    "connections.<conn>.version": ["phase1.ike_version"],
    "connections.<conn>.local_addrs": ["phase1.interfaces"],
    "connections.<conn>.remote_addrs": ["phase1.remote_endpoints"],
    "connections.<conn>.proposals": ["phase1.proposals"],
    "connections.<conn>.rekey_time": ["phase1.rekey_time", "phase1.lifetime"],
    "connections.<conn>.over_time": ["phase1.over_time", "phase1.lifetime"],
    "connections.<conn>.dpd_delay": ["phase1.dpd"],
    "connections.<conn>.dpd_timeout": ["phase1.dpd"],
    "connections.<conn>.encap": ["phase1.nat_traversal"],
    "connections.<conn>.children.<child>.mode": ["phase1.connection_type", "shunt.type"],
    "connections.<conn>.children.<child>.ah_proposals": ["phase2.ah_proposals"],
    "connections.<conn>.children.<child>.close_action": ["phase1.close_action"],
    "connections.<conn>.children.<child>.dpd_action": ["phase1.dpd"],
    "connections.<conn>.local<suffix>": ["phase1.local_id"],
    "connections.<conn>.local<suffix>.auth": ["phase1.auth_method"],
    "connections.<conn>.local<suffix>.id": ["phase1.local_id"],
    "connections.<conn>.remote<suffix>": ["phase1.remote_id"],
    "connections.<conn>.remote<suffix>.auth": ["phase1.auth_method"],
    "connections.<conn>.remote<suffix>.id": ["phase1.remote_id"],
    "connections.<conn>.children.<child>": ["phase2.name", "shunt.name"],
    "connections.<conn>.children.<child>.local_ts": ["phase2.local_networks", "shunt.local_networks"],
    "connections.<conn>.children.<child>.remote_ts": ["phase2.remote_networks", "shunt.remote_networks"],
    "connections.<conn>.children.<child>.esp_proposals": ["phase2.proposals"],
    "connections.<conn>.children.<child>.start_action": ["phase1.init_type", "shunt.type"],
    "connections.<conn>.children.<child>.rekey_time": ["phase2.rekey_time", "phase2.lifetime"],
    "connections.<conn>.children.<child>.life_time": ["phase2.lifetime"],
    "connections.<conn>.children.<child>.rekey_bytes": ["phase2.rekey_bytes", "phase2.life_bytes"],
    "connections.<conn>.children.<child>.rekey_packets": ["phase2.rekey_packets", "phase2.life_packets"],
    "pools.<name>": ["pool.name"],
    "pools.<name>.addrs": ["pool.addrs"],
    "pools.<name>.<attr>": [
        "pool.dns",
        "pool.nbns",
        "pool.dhcp",
        "pool.netmask",
        "pool.server",
        "pool.subnet",
        "pool.split_include",
        "pool.split_exclude",
        "pool.attributes",
    ],
    "secrets.ike<suffix>": ["phase1.psk"],
    "secrets.ike<suffix>.id<suffix>": ["phase1.local_id", "phase1.remote_id"],
    "secrets.ike<suffix>.secret": ["phase1.psk"],
}
# Keys of rounds that only stand in the long form, or are reached by several options of the short one as well.
ROUNDS = {
    "local": "aaa_id eap_id xauth_id round pubkeys certs cert<suffix> cert<suffix>.file cert<suffix>.handle cert<suffix>.module "
    "cert<suffix>.slot",
    "remote": "ca_id eap_id round pubkeys certs cert<suffix> cert<suffix>.file cert<suffix>.handle cert<suffix>.module "
    "cert<suffix>.slot cacerts cacert<suffix> cacert<suffix>.file cacert<suffix>.handle cacert<suffix>.module "
    "cacert<suffix>.slot cert_policy groups revocation",
}
for side, names in ROUNDS.items():
    REACHED.update({f"connections.<conn>.{side}<suffix>.{name}": [f"phase1.{side}_auth"] for name in names.split()})
REACHED["secrets.ppk<suffix>"] = REACHED["secrets.ppk<suffix>.secret"] = ["phase1.ppk"]
REACHED["secrets.ppk<suffix>.id<suffix>"] = ["phase1.ppk_id"]
for users in ("eap", "xauth", "ntlm"):
    REACHED[f"secrets.{users}<suffix>"] = ["phase1.local_auth", "phase1.remote_auth"]
for users in ("eap", "ntlm"):
    REACHED[f"secrets.{users}<suffix>.id<suffix>"] = ["phase1.local_auth", "phase1.remote_auth"]
    REACHED[f"secrets.{users}<suffix>.secret"] = ["phase1.local_auth", "phase1.remote_auth"]
for keys in ("private", "rsa", "ecdsa", "pkcs8"):
    REACHED[f"secrets.{keys}<suffix>"] = REACHED[f"secrets.{keys}<suffix>.file"] = ["private_key.private_key"]
    REACHED[f"secrets.{keys}<suffix>.secret"] = ["phase1.passphrase", "private_key.passphrase"]
REACHED["secrets.pkcs12<suffix>"] = REACHED["secrets.pkcs12<suffix>.file"] = ["private_key.pkcs12"]
REACHED["secrets.pkcs12<suffix>.secret"] = ["private_key.passphrase"]
REACHED["secrets.token<suffix>"] = ["private_key.handle"]
REACHED.update(
    {f"secrets.token<suffix>.{name}": [f"private_key.{name}"] for name in ("handle", "slot", "module", "pin")}
)
# Defaults that follow from other keys, or from charon's own settings; tests of `keys` are about them.
COMPUTED = re.compile(r".*(rekey|over|rand|life)_(time|bytes|packets)$|.*replay_window$")


def rows() -> Iterator[tuple[str, str, str]]:
    """Yield key, default and release of every line of the table."""
    lines = [line for line in TABLE.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert lines[0] == "key\tdefault\tsince"
    for line in lines[1:]:
        key, default, since = line.split("\t")
        yield key, default, since


ROWS = list(rows())
OPTIONS = {f"{kind.singular}.{opt.name}" for kind in TYPES for opt in options_of(kind.cls)}


def options_for(key: str) -> list[str]:
    """Return the options that a key is reached by."""
    plain = ((CHILD, "phase2", PHASE2_KEYS), (CONNECTION, "phase1", PHASE1_KEYS), (CHILD, "shunt", SHUNT_KEYS))
    names = ((kind, key.removeprefix(prefix), keys) for prefix, kind, keys in plain if key.startswith(prefix))
    found = [f"{kind}.{name}" for kind, name, keys in names if name in keys.names]
    return found or REACHED.get(key, [])


# Values that make another object of a child: each must be reached by an option, and be said of that key in swanctl.conf(5).
MODES = {
    "tunnel": "phase1.connection_type",
    "transport": "phase1.connection_type",
    "pass": "shunt.type",
    "drop": "shunt.type",
}


@pytest.mark.parametrize(("mode", "option"), MODES.items())
def test_every_mode_of_a_child_is_a_choice(mode: str, option: str) -> None:
    [choices] = [
        opt.kind.choices for kind in TYPES for opt in options_of(kind.cls) if f"{kind.singular}.{opt.name}" == option
    ]
    assert mode in choices
    assert option in options_for("connections.<conn>.children.<child>.mode")


def test_the_table_is_whole() -> None:
    assert len(ROWS) == len({key for key, _default, _since in ROWS}) == 160
    assert REACHED.keys() <= {key for key, _default, _since in ROWS}


@pytest.mark.parametrize("key", [key for key, _default, _since in ROWS])
def test_every_key_is_reached(key: str) -> None:
    options = options_for(key)
    assert options, "no option reaches it"
    assert set(options) <= OPTIONS


def parts(key: str) -> tuple[dict[str, Any], str]:
    """Return the keys among which one is understood, and its name there."""
    if key.startswith(CHILD):
        return CHILD_KEYS, key.removeprefix(CHILD)
    return CONNECTION_KEYS, key.removeprefix(CONNECTION)


PLAIN = [row for row in ROWS if options_for(row[0]) and parts(row[0])[1] in {*PHASE1_KEYS.names, *PHASE2_KEYS.names}]


@pytest.mark.parametrize(
    ("key", "default"), [(key, default) for key, default, _since in PLAIN if not COMPUTED.match(key)]
)
def test_charons_default_is_the_documented_one(key: str, default: str) -> None:
    keys, name = parts(key)
    found = default_of(keys, name, {})
    assert found in (None, ()) if default == "" else found == keys[name].read(default)


def test_what_came_later_is_known_to_have() -> None:
    oldest = (5, 9, 8)
    newer = {key: since for key, _default, since in ROWS if tuple(map(int, since.split("."))) > oldest}
    told = {f"{CONNECTION}{key}": since for key, since in SINCE.items() if "=" not in key}
    told.update({f"{CHILD}{key}": since for key, since in SINCE_OF_CHILD.items() if "=" not in key})
    assert newer == told
