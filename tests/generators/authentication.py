# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to authenticate as people might write them: those of the short form that are right, and rounds of any sort."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.swanfleet.ipsec.tests.generators import material
from ansible_collections.swanfleet.ipsec.tests.generators.values import Chance, identity

Made = dict[str, Any]

OWN: Made = {"certificate": material.CERTIFICATE, "private_key": material.PRIVATE_KEY}
LOCKED: Made = {**OWN, "private_key": material.LOCKED_KEY, "passphrase": material.PASSPHRASE}
AUTHORITIES = (material.AUTHORITY, material.OTHER_AUTHORITY, material.AUTHORITY + material.OTHER_AUTHORITY)
USERS = ("alice", "bob@example.org", "CORP\\carol", "gw 7", "x" * 200)
CERTIFIED: Made = {"local_id": "fqdn:gw.example.org", "remote_id": "any"}
NO_SHORT_FORM: Made = dict.fromkeys(
    (
        *("auth_method", "eap_role", "psk", "certificate", "private_key", "passphrase", "ca_certificates", "username"),
        "password",
    )
)


def _trusted(chance: Chance) -> list[str]:
    return chance.sample(AUTHORITIES[:2], chance.randint(1, 2)) if chance.random() < 0.7 else [AUTHORITIES[2]]


def _user(chance: Chance) -> Made:
    return {"username": chance.choice(USERS), "password": f"s3cret {chance.randint(0, 9)}"}


def _certificate(chance: Chance) -> Made:
    own = LOCKED if chance.random() < 0.3 else OWN
    return {"auth_method": "certificate", **own, "ca_certificates": _trusted(chance), **CERTIFIED}


def _eap_tls(chance: Chance) -> Made:
    return {**_certificate(chance), "auth_method": "eap_tls", **_role(chance)}


def _eap(chance: Chance) -> Made:
    method = {"auth_method": chance.choice(("eap_md5", "eap_mschapv2")), **_user(chance), "remote_id": "any"}
    if chance.random() < 0.5:
        return {**method, **_role(chance), "psk": "a key of the gateway"}
    server = chance.random() < 0.5
    proof = {**OWN, "local_id": CERTIFIED["local_id"]} if server else {"ca_certificates": _trusted(chance)}
    return {**method, **proof, **(_SERVER if server else {"eap_role": "client"})}


_SERVER: Made = {"eap_role": "server", "init_type": "none"}


def _role(chance: Chance) -> Made:
    return _SERVER if chance.random() < 0.5 else {"eap_role": "client"}


def _two(chance: Chance) -> Made:
    second: Made = {"auth_method": chance.choice(("eap_md5", "eap_mschapv2")), **_user(chance)}
    server = chance.random() < 0.5
    second.update({"eap_role": "server"} if server else {})
    first = _certificate(chance) if chance.random() < 0.5 else {"psk": "the first key"}
    return {**first, "second_authentication": second, **({"init_type": "none"} if server else {})}


def _then_key(chance: Chance) -> Made:
    return {**_certificate(chance), "second_authentication": {"auth_method": "psk", "psk": "the second key"}}


def _then_tls(chance: Chance) -> Made:
    server = chance.random() < 0.5
    proof = {**_SERVER, "ca_certificates": _trusted(chance)} if server else chance.choice((OWN, LOCKED))
    second = {name: value for name, value in proof.items() if name != "init_type"}
    return {
        "psk": "the first key", "second_authentication": {"auth_method": "eap_tls", **second}, **CERTIFIED,
        **({"init_type": "none"} if server else {}),
    }  # fmt: skip


def _xauth(chance: Chance) -> Made:
    server = chance.random() < 0.5
    second: Made = {"auth_method": "xauth", **_user(chance), **({"eap_role": "server"} if server else {})}
    return {
        "psk": "the key of a group", "local_id": identity(chance), "ike_version": 1, "childless": None,
        "second_authentication": second, **({"init_type": "none"} if server else {}),
    }  # fmt: skip


def token(chance: Chance) -> Made:
    """Return a certificate on a token, or one that charon reads from a file."""
    if chance.random() < 0.3:
        return {"file": "/etc/swanctl/x509/by-hand.pem"}
    found: Made = {"handle": f"{chance.randrange(2**32):08x}"}
    return {**found, **chance.choice(({}, {"slot": 3}, {"module": "opensc"}, {"slot": "0x4", "module": "opensc"}))}


def private_key(chance: Chance) -> Made:
    """Return what there is to a private key beside its name: a text, a container, or a place on a token."""
    opened = {"passphrase": material.PASSPHRASE}
    ways: tuple[Made, ...] = (
        {"private_key": material.OTHER_PRIVATE_KEY},
        {"private_key": material.OTHER_LOCKED_KEY, **opened},
        {"pkcs12": chance.choice((material.CONTAINER, material.OLD_CONTAINER)), **opened},
        {"handle": "0a1b", **chance.choice(({}, {"pin": "1234"}, {"slot": 3, "pin": "1234"}, {"module": "opensc"}))},
    )
    return chance.choice(ways)


def local_round(chance: Chance) -> Made:
    """Return a round of this end."""
    found: Made = {"auth": chance.choice(("pubkey", "rsa-sha256", "eap-tls", "ecdsa-sha384"))}
    ways: tuple[Made, ...] = (
        {"certificates": [material.CERTIFICATE], "private_keys": [material.PRIVATE_KEY]},
        {
            "certificates": [material.CERTIFICATE],
            "private_keys": [material.LOCKED_KEY],
            "passphrase": material.PASSPHRASE,
        },
        {"token_certificates": [token(chance)]},
        {"public_keys": [material.PUBLIC_KEY], "private_keys": [material.PRIVATE_KEY], "id": "fqdn:gw.example.org"},
    )
    found.update(chance.choice(ways))
    if chance.random() < 0.5:
        found["id"] = "fqdn:gw.example.org"
    if chance.random() < 0.3:
        found["round"] = chance.randint(0, 9)
    if found["auth"] == "eap-tls":
        found.update(eap_id=chance.choice(USERS), aaa_id=chance.choice(("aaa.example.org", "dn:C=DE, CN=aaa")))
    return found


def user(chance: Chance) -> Made:
    """Return a user whom charon itself knows."""
    secret = chance.choice(({"password": "s3cret 3"}, {"nt_hash": "0" * 32}))
    return {**secret, **({} if chance.random() < 0.2 else {"username": chance.choice(USERS)})}


def remote_round(chance: Chance) -> Made:
    """Return a round of the peer."""
    found: Made = {
        "auth": chance.choice(("pubkey", "rsa-3072-sha256", "ike:ecdsa-sha384", "eap-tls", "eap-tls:rsa-4096"))
    }
    parts: tuple[Made, ...] = (
        {"id": "fqdn:peer.example.org"}, {"eap_id": chance.choice((*USERS, "any"))}, {"ca_id": "dn:C=DE, CN=CA"},
        {"certificates": [material.OTHER_CERTIFICATE]}, {"token_certificates": [token(chance)]},
        {"ca_certificates": _trusted(chance)}, {"token_ca_certificates": [token(chance)]},
        {"groups": ["staff", "a/b"]}, {"cert_policies": ["1.3.6.1.4.1.36906.1"]},
        {"revocation": chance.choice(("strict", "ifuri", "relaxed"))}, {"round": chance.randint(0, 9)},
    )  # fmt: skip
    for part in chance.sample(parts, 5):
        found.update(part)
    if "id" in found and chance.random() < 0.3:
        # charon gives a bare key the identity of the first connection that has it.
        found["public_keys"] = [material.OTHER_PUBLIC_KEY]
    return found


def _long(chance: Chance) -> Made:
    mine, theirs = [local_round(chance)], [remote_round(chance)]
    if chance.random() < 0.9:
        secret = chance.choice(({"password": "s3cret 1"}, {"nt_hash": "8846f7eaee8fb117ad06bdd830b7586c"}))
        side = chance.choice((mine, theirs))
        side.append({"auth": "eap-mschapv2", "eap_id": chance.choice(USERS), **secret, "round": 7})
        if side is theirs:
            theirs[-1].update(eap_id="any", username=chance.choice(USERS))
            if chance.random() < 0.4:
                one = theirs[-1]
                kept = {name: one.pop(name) for name in ("username", "password", "nt_hash") if name in one}
                one["users"] = [kept, {**user(chance), "username": "the other one"}]
    if chance.random() < 0.4:
        mine.append({"auth": "psk", **({"psk": "the key of both"} if chance.random() < 0.5 else {})})
        theirs.append({"auth": "psk", "id": "fqdn:peer.example.org", "psk": "the key of both"})
    return {
        **NO_SHORT_FORM,
        "local_auth": mine,
        "remote_auth": theirs,
        "remote_id": "any",
        "ike_version": 2,
        "aggressive": None,
    }


def _long_of_ikev1(chance: Chance) -> Made:
    mine: list[Made] = [{"auth": "psk"}, {"auth": "xauth", "xauth_id": chance.choice(USERS), "password": "s3cret 2"}]
    return {
        **NO_SHORT_FORM, "local_auth": mine, "remote_auth": [{"auth": "psk", "psk": "the key of a group"}],
        "ike_version": 1, "childless": None, "local_id": "keyid:two",
    }  # fmt: skip


WAYS: tuple[Callable[[Chance], Made], ...] = (
    *(_certificate, _eap_tls, _eap, _eap, _two, _then_key, _then_tls, _then_tls, _xauth, _long_of_ikev1),
    *(_long, _long, _long, _long),
)


def authentication(chance: Chance) -> Made:
    """Return options of a phase 1 that are in the place of a pre-shared key, and others that go with them."""
    found = {"psk": None, **chance.choice(WAYS)(chance)}
    if "eap" in str(found.get("auth_method")) and chance.random() < 0.9:
        found.update(ike_version=2, aggressive=None)
    # Whom a certificate must name is for the peer to have.
    return (
        {**found, "remote_id": identity(chance)}
        if found.get("remote_id") == "any" and chance.random() < 0.99
        else found
    )
