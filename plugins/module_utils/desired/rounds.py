# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rounds of authentication in full: what one end proves, in the words of swanctl.conf's sections local and remote."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from . import kinds, pem
from .identities import LOCAL_IDENTITY, REMOTE_IDENTITY
from .options import Kind, list_of, object_of, option
from .secret import Secret

# Source: strongSwan, vici_config.c, parse_auth(), and auth_cfg.c, add_pubkey_constraints().
_SIGNATURE = r"(?:(?:rsa|ecdsa|ed25519|ed448)(?:/pss)?(?:-(?:\d{3,5}|sha1|sha224|sha256|sha384|sha512|identity))*)"
_CONSTRAINED = re.compile(rf"(?:pubkey(?:-(?:sha1|sha224|sha256|sha384|sha512))*|{_SIGNATURE}(?:-{_SIGNATURE})*)")
_EAP = re.compile(r"eap(?:-[a-z0-9]+)?(?::.*)?")
_XAUTH = re.compile(r"xauth(?:-[a-z0-9]+)?")
_HEX = re.compile(r"(?:0x)?([0-9a-f]{1,2}(?::?[0-9a-f]{2}){0,63})")
_NT_HASH = re.compile(r"[0-9a-fA-F]{32}")
_OID = re.compile(r"[0-2](?:\.\d{1,10}){1,20}")
_TOKEN_TEXT = re.compile(r"[A-Za-z0-9_./-]{1,200}")
_AUTH_TOLD = (
    "psk, pubkey (or with what its signatures must be, such as rsa-3072-sha256 or ecdsa-sha384), eap, a method of it such as "
    "eap-mschapv2, or xauth is needed"
)


def _auth(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(_AUTH_TOLD)
    kind, _colon, inner = value.partition(":")
    plain = inner if kind == "ike" else value
    trust_chain = [plain] if not value.startswith("eap-") else [kind, *([inner] if inner else [])]
    known = (value == "psk", _XAUTH.fullmatch(value), _EAP.fullmatch(trust_chain[0]), _CONSTRAINED.fullmatch(plain))
    if not any(known) or (len(trust_chain) > 1 and not _CONSTRAINED.fullmatch(trust_chain[1])):
        raise ValueError(_AUTH_TOLD)
    return value


def _matching(pattern: re.Pattern[str], wanted: str) -> Kind:
    def parse(value: Any) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(wanted)
        return value

    return Kind("str", parse)


def _group(value: Any) -> str:
    text: str = WORD.parse(value)
    kinds.refuse_address(text)
    return text


def _handle(value: Any) -> str:
    # As charon reads it: 0x in front, colons in between, and a first digit alone are all the same to it (chunk.c).
    found = _HEX.fullmatch(str(value).lower()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(
            "the id of an object of a token is needed, in hexadecimal (in quotes where it has digits alone)"
        )
    digits = found[1].replace(":", "")
    return digits if len(digits) % 2 == 0 else f"0{digits}"


def _nt_hash(value: Any) -> Secret:
    text = value.reveal() if isinstance(value, Secret) else value
    if not isinstance(text, str) or not _NT_HASH.fullmatch(text):
        raise ValueError("an NT hash is needed: 32 hexadecimal digits")
    return Secret(text.lower())


AUTH = Kind("str", _auth)
HANDLE = Kind("str", _handle)
OBJECT_ID = _matching(_OID, "an object identifier is needed, such as 1.3.6.1.4.1.36906.1")
WORD = _matching(_TOKEN_TEXT, "a name of letters, digits, '_', '.', '/' and '-' is needed")
GROUP = Kind("str", _group)
NT_HASH = Kind("str", _nt_hash, secret=True)
ROUND = kinds.integer(0, 99)
SLOT = kinds.integer(0, 0xFFFFFFFF)


@dataclass(frozen=True)
class TokenCertificate:
    """A certificate that charon reads itself: from a token (PKCS#11, TPM), or from a file that only charon can read."""

    handle: str | None = option(
        HANDLE, "Id of the certificate on the token (CKA_ID), in hexadecimal; or its handle in a TPM."
    )
    slot: int | None = option(SLOT, "Slot of the token; without it, all are searched.")
    module: str | None = option(WORD, "Name of the PKCS#11 module in strongswan.conf; without it, all are searched.")
    file: str | None = option(WORD, "In place of O(handle): an absolute path that charon reads itself.")


@dataclass(frozen=True)
class User:
    """A user of EAP or XAuth whom charon itself knows."""

    username: str | None = option(kinds.USERNAME, "Name of the user; without it, whoever knows the password.")
    password: Secret | None = option(kinds.SECRET, "The user's password.")
    nt_hash: Secret | None = option(
        NT_HASH, "In place of O(password) with V(eap-mschapv2): its NT hash, in hexadecimal."
    )


@dataclass(frozen=True)
class LocalRound:
    """What this end proves in one round."""

    auth: str = option(
        AUTH,
        "How: V(psk), V(pubkey), a method of EAP such as V(eap-mschapv2), or V(xauth). In place of V(pubkey) may stand what"
        " our signature must be, such as V(rsa-sha256).",
        default="pubkey",
    )
    id: str | None = option(
        LOCAL_IDENTITY,
        "Who we say that we are. In the first round the default is the phase 1's own O(local_id); for a certificate, its subject.",
    )
    eap_id: str | None = option(kinds.USERNAME, "Who we say that we are to EAP.")
    aaa_id: str | None = option(LOCAL_IDENTITY, "Who the server of EAP must be, where it is not the peer itself.")
    xauth_id: str | None = option(kinds.USERNAME, "The name of the user, with V(xauth).")
    certificates: tuple[str, ...] = option(
        list_of(pem.CERTIFICATE),
        "Our certificates, of which charon takes one that the peer asks for: texts (PEM) or absolute paths on the target.",
        default=(),
    )
    token_certificates: tuple[TokenCertificate, ...] = option(
        list_of(object_of(TokenCertificate)), "More of them, which charon reads itself.", default=()
    )
    public_keys: tuple[str, ...] = option(
        list_of(pem.PUBLIC_KEY),
        "In place of certificates, our bare public key, which the peer must know: a text (PEM), or an absolute path on the"
        " target. charon takes the first one.",
        default=(),
    )
    private_keys: tuple[str | Secret, ...] = option(
        list_of(pem.PRIVATE_KEY), "The private keys of these: texts (PEM), or absolute paths on the target.", default=()
    )
    passphrase: Secret | None = option(
        kinds.SECRET,
        "What opens those of O(private_keys) that are encrypted. Keys with passphrases of their own, PKCS#12 containers and"
        " keys on tokens are objects of a gateway (C(private_keys)).",
    )
    psk: Secret | None = option(
        kinds.SECRET, "The pre-shared key, with V(psk), where the peer's round has another one."
    )
    password: Secret | None = option(kinds.SECRET, "The password, with EAP or V(xauth).")
    nt_hash: Secret | None = option(
        NT_HASH, "In place of O(password) with V(eap-mschapv2): its NT hash, in hexadecimal."
    )
    round: int = option(ROUND, "Order of the rounds; those without one come in the order of the list.", default=0)


@dataclass(frozen=True)
class RemoteRound:
    """What the peer must prove in one round."""

    auth: str = option(
        AUTH,
        "How: V(psk), V(pubkey), a method of EAP such as V(eap-mschapv2), or V(xauth). In place of V(pubkey) may stand what"
        " the keys and signatures must be, those of its certificates as well, such as V(rsa-3072-sha256); after V(ike:) the"
        " peer's own signature only.",
        default="pubkey",
    )
    id: str | None = option(
        REMOTE_IDENTITY,
        "Who the peer must be. In the first round the default is the phase 1's own O(remote_id); then anyone.",
    )
    eap_id: str | None = option(kinds.EAP_IDENTITY, "Who the peer must be to EAP; V(any) asks for its name.")
    ca_id: str | None = option(
        REMOTE_IDENTITY,
        "Identity that one of the authorities above the peer's certificate must have, among all that charon trusts. Beside"
        " O(ca_certificates) it demands nothing: one of the two is enough to charon.",
    )
    certificates: tuple[str, ...] = option(
        list_of(pem.CERTIFICATE), "The peer's own certificates: with them only these are taken.", default=()
    )
    public_keys: tuple[str, ...] = option(
        list_of(pem.PUBLIC_KEY),
        "The peer's bare public keys, which belong to its O(id): with them only these, and O(certificates), are taken.",
        default=(),
    )
    token_certificates: tuple[TokenCertificate, ...] = option(
        list_of(object_of(TokenCertificate)), "More of them, which charon reads itself.", default=()
    )
    ca_certificates: tuple[str, ...] = option(
        list_of(pem.CERTIFICATES),
        "Authorities of which the peer's certificate must be; without any, all that charon has.",
        default=(),
    )
    token_ca_certificates: tuple[TokenCertificate, ...] = option(
        list_of(object_of(TokenCertificate)), "More of them, which charon reads itself.", default=()
    )
    groups: tuple[str, ...] = option(
        list_of(GROUP),
        "Groups of which the peer must have one, by an attribute certificate or as told by RADIUS.",
        default=(),
    )
    cert_policies: tuple[str, ...] = option(
        list_of(OBJECT_ID),
        "Policies that the peer's certificate must have, all of them, by their object identifiers. Its authorities must have"
        " them too, or say that any will do; before strongSwan 6.0 the root as well.",
        default=(),
    )
    revocation: str = option(
        kinds.choice(("relaxed", "strict", "ifuri")),
        "What is done where nobody can be asked whether a certificate is revoked: with V(relaxed) it is taken, with V(strict)"
        " it is not, with V(ifuri) it is not where it names whom to ask.",
        default="relaxed",
    )
    psk: Secret | None = option(kinds.SECRET, "The pre-shared key, with V(psk).")
    password: Secret | None = option(kinds.SECRET, "The password, with EAP or V(xauth), where charon checks it itself.")
    username: str | None = option(
        kinds.USERNAME, "The user whose O(password) it is; by default the one of O(eap_id), or whoever knows it."
    )
    nt_hash: Secret | None = option(
        NT_HASH, "In place of O(password) with V(eap-mschapv2): its NT hash, in hexadecimal."
    )
    users: tuple[User, ...] = option(
        list_of(object_of(User)),
        "In place of O(username) and O(password): many users, each with a password of its own.",
        default=(),
    )
    round: int = option(ROUND, "Order of the rounds; those without one come in the order of the list.", default=0)
