# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the two ends prove who they are, in short: one method, and a second one after it if wanted (RFC 4739, XAuth)."""

from __future__ import annotations

from dataclasses import dataclass

from . import kinds, pem
from .options import list_of, object_of, option
from .rounds import LocalRound, RemoteRound
from .secret import Secret

EAP_METHODS = {"eap_tls": "eap-tls", "eap_md5": "eap-md5", "eap_mschapv2": "eap-mschapv2"}
PASSWORD_METHODS = ("eap_md5", "eap_mschapv2", "xauth")
METHODS = ("psk", "certificate", *EAP_METHODS)
CLIENT, SERVER = "client", "server"


@dataclass(frozen=True)
class Proof:
    """One authentication: its method, and what it needs."""

    auth_method: str = option(
        kinds.choice(METHODS),
        "How the ends prove who they are.",
        "With V(psk) both know a key, with V(certificate) each has a certificate of an authority that the other trusts.",
        "With an EAP method the client proves itself by EAP, and the server by its certificate, or by O(psk) if that is"
        " given. EAP needs IKEv2.",
        default="psk",
    )
    eap_role: str | None = option(
        kinds.choice((CLIENT, SERVER)),
        "Which end this is with an EAP method, or with XAuth; V(client) where nothing is said. The client begins, and the"
        " server waits for it.",
    )
    psk: Secret | None = option(
        kinds.SECRET,
        "The pre-shared key, taken literally: what looks like hexadecimal or base64 is not decoded.",
        "Needed when O(auth_method=psk).",
    )
    certificate: str | None = option(
        pem.CERTIFICATE,
        "Our certificate: its text (PEM), or an absolute path on the target (PEM or DER). A path is read again in each run.",
    )
    private_key: str | Secret | None = option(
        pem.PRIVATE_KEY,
        "The private key of O(certificate): its text (PEM), or an absolute path on the target. RSA, ECDSA, Ed25519 or Ed448.",
    )
    passphrase: Secret | None = option(
        kinds.SECRET,
        "What opens O(private_key), where that is encrypted. The key stays encrypted on the target, and the passphrase lies"
        " beside it, so that charon gets the key whenever it starts.",
    )
    ca_certificates: tuple[str, ...] | None = option(
        list_of(pem.CERTIFICATES),
        "Certificates of the authorities that a peer of this connection may have its certificate from, and no others:"
        " texts (PEM) or absolute paths on the target. An entry may hold several.",
        "Intermediate certificates that our own peers lack belong here as well.",
    )
    username: str | None = option(
        kinds.USERNAME,
        "The name that belongs to O(password). For a server: the client whose password it is; without it, whoever knows it.",
        "A server asks its client for the name, and a client that knows the password of another tunnel of this gateway"
        " passes too; O(remote_auth) with C(eap_id) takes one name only, of clients that need not be asked.",
    )
    password: Secret | None = option(kinds.SECRET, "The password of V(eap_md5), V(eap_mschapv2) and XAuth.")


@dataclass(frozen=True)
class SecondAuthentication(Proof):
    """What follows the first authentication: the same options again."""

    auth_method: str = option(
        kinds.choice((*METHODS, "xauth")),
        "As for the first authentication, and of another kind. V(xauth) is what IKEv1 has for it.",
        required=True,
    )


@dataclass(frozen=True)
class Authentication(Proof):
    """All options of a phase 1 that say how the ends prove who they are, in short or in full."""

    second_authentication: SecondAuthentication | None = option(
        object_of(SecondAuthentication),
        "What must be proven after the first authentication, with the same options again (RFC 4739; with IKEv1 XAuth).",
        "EAP and XAuth as the second one are proven by the client alone, the others by both ends.",
    )
    local_auth: tuple[LocalRound, ...] | None = option(
        list_of(object_of(LocalRound)),
        "In place of the options above: what this end proves, one round after the other. For ends that differ.",
    )
    remote_auth: tuple[RemoteRound, ...] | None = option(
        list_of(object_of(RemoteRound)), "With O(local_auth): what the peer must prove."
    )
