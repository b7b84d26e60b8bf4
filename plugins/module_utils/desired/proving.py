# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the short form of authentication to rounds, the one form that everything after it knows; and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import Problem
from .authentication import CLIENT, EAP_METHODS, PASSWORD_METHODS, SERVER, Authentication, Proof
from .identities import ANY, MY_ADDRESS, PEER_ADDRESS
from .rounds import LocalRound, RemoteRound
from .secret import Secret

_CERTIFIED = ("certificate", "eap_tls")
_SHORT = (
    "psk",
    "certificate",
    "private_key",
    "passphrase",
    "ca_certificates",
    "username",
    "password",
    "second_authentication",
)


@dataclass(frozen=True)
class Rounds:
    """What both ends prove, in order."""

    local: tuple[LocalRound, ...]
    remote: tuple[RemoteRound, ...]

    @property
    def both(self) -> tuple[LocalRound | RemoteRound, ...]:
        """Return those of the peer and then our own."""
        return (*self.remote, *self.local)


def by_key_alone(item: Authentication) -> bool:
    """Say whether a pre-shared key is all there is: nearly every tunnel, for which nothing else needs to be looked at."""
    return (
        item.auth_method == "psk"
        and item.second_authentication is None
        and not item.local_auth
        and not item.remote_auth
    )


def rounds_of(item: Authentication) -> Rounds:
    """Return the rounds of a phase 1, given in short or in full."""
    if item.local_auth or item.remote_auth:
        return Rounds(item.local_auth or (), item.remote_auth or ())
    proofs = [item, *([item.second_authentication] if item.second_authentication is not None else [])]
    local: list[LocalRound] = []
    remote: list[RemoteRound] = []
    for proof in proofs:
        first = not local and not remote
        mine, theirs = _proven(proof, first=first)
        local += mine
        remote += theirs
    return Rounds(tuple(local), tuple(remote))


def _proven(proof: Proof, *, first: bool) -> tuple[list[LocalRound], list[RemoteRound]]:
    method = proof.auth_method
    if method in ("psk", "certificate"):
        return [_own(proof)], [_peers(proof)]
    # The server of EAP proves itself in another way, and has done so already where EAP comes second.
    if proof.eap_role != SERVER:
        return [_client(proof)], [_peers(proof)] if first else []
    return [_own(proof)] if first else [], [_server(proof)]


def _own(proof: Proof) -> LocalRound:
    if proof.psk is not None:
        # With EAP it is ours alone; otherwise it stands in the peer's round.
        return LocalRound(auth="psk", psk=None if proof.auth_method == "psk" else proof.psk)
    return LocalRound(
        certificates=_one(proof.certificate), private_keys=_one(proof.private_key), passphrase=proof.passphrase
    )


def _peers(proof: Proof) -> RemoteRound:
    if proof.psk is not None:
        return RemoteRound(auth="psk", psk=proof.psk)
    return RemoteRound(ca_certificates=proof.ca_certificates or ())


def _client(proof: Proof) -> LocalRound:
    if proof.auth_method == "xauth":
        return LocalRound(auth="xauth", xauth_id=proof.username, password=proof.password)
    return LocalRound(
        auth=EAP_METHODS[proof.auth_method],
        eap_id=proof.username,
        password=proof.password,
        certificates=_one(proof.certificate),
        private_keys=_one(proof.private_key),
        passphrase=proof.passphrase,
    )


def _server(proof: Proof) -> RemoteRound:
    if proof.auth_method == "xauth":
        return RemoteRound(auth="xauth", username=proof.username, password=proof.password)
    cas = (proof.ca_certificates or ()) if proof.auth_method == "eap_tls" else ()
    return RemoteRound(
        # charon asks a client for its name, or takes the only one that it would accept for given, and most clients wait
        # for the question; so the name decides by its password alone.
        auth=EAP_METHODS[proof.auth_method],
        eap_id=ANY,
        username=proof.username,
        password=proof.password,
        ca_certificates=cas,
    )


def _one(value: object) -> tuple[str, ...]:
    return () if value is None else (value,)  # type: ignore[return-value]


def authentication_problems(
    item: Authentication, where: str, *, ike_version: int, initiates: bool, local_id: str, remote_id: str
) -> Iterator[Problem]:
    """Yield what is wrong about how the ends of a phase 1 prove who they are."""
    if by_key_alone(item):
        yield from _needed(item, where, "")
        return
    if item.local_auth or item.remote_auth:
        yield from _long_problems(item, where)
    else:
        yield from _short_problems(item, where, initiates=initiates, local_id=local_id, remote_id=remote_id)
    yield from _version_problems(rounds_of(item), where, ike_version)


def _short_problems(
    item: Authentication, where: str, *, initiates: bool, local_id: str, remote_id: str
) -> Iterator[Problem]:
    second = item.second_authentication
    yield from _needed(item, where, "")
    if second is not None:
        yield from _needed(second, where, "second_authentication.")
        if second.auth_method == item.auth_method:
            wanted = f"another method than {item.auth_method}, which is the first one, is needed"
            yield Problem(where, "second_authentication.auth_method", second.auth_method, wanted)
        if (item.auth_method, second.auth_method) == ("psk", "certificate"):
            # Measured with 5.9.8 and 6.0.1: the initiator ends it with "insufficient authentication rounds".
            wanted = "charon cannot take a certificate after a key; the certificate first, and the key second"
            yield Problem(where, "second_authentication.auth_method", second.auth_method, wanted)
        if second.auth_method == "psk" and local_id == MY_ADDRESS:
            wanted = "is required, as second_authentication has a pre-shared key, which charon finds by identities"
            yield Problem(where, "local_id", None, wanted)
    for prefix, proof in (("", item), ("second_authentication.", second)):
        if (
            proof is not None
            and proof.auth_method not in ("psk", "certificate")
            and proof.eap_role == SERVER
            and initiates
        ):
            wanted = f"a server of {proof.auth_method} waits for its client; set init_type: none"
            yield Problem(where, prefix + "eap_role", proof.eap_role, wanted)
    certified = any(each.ca_certificates and not each.auth.startswith("eap") for each in rounds_of(item).remote)
    if certified and remote_id == PEER_ADDRESS:
        wanted = (
            "is required with certificates: who the peer's certificate must name, such as fqdn:gw.example.com or its "
            "subject as dn:…; or any, for everybody whom one of ca_certificates has certified"
        )
        yield Problem(where, "remote_id", None, wanted)


def _needed(proof: Proof, where: str, prefix: str) -> Iterator[Problem]:
    method, server = proof.auth_method, proof.eap_role == SERVER
    eap, second = method in EAP_METHODS, bool(prefix)
    because = f"auth_method is {method}" + (
        f" and eap_role is {proof.eap_role or CLIENT}" if eap or method == "xauth" else ""
    )
    by_psk = method == "psk" or (eap and not second and proof.psk is not None)
    proves = method in _CERTIFIED if second else method == "certificate" or (eap and (server or method == "eap_tls"))
    needs = {
        "psk": method == "psk",
        "certificate": _own_certificate(proof, method, second=second, by_psk=by_psk) and proves,
        "ca_certificates": _judges(method, second=second, server=server, by_psk=by_psk),
        "username": method in PASSWORD_METHODS and not server,
        "password": method in PASSWORD_METHODS,
    }
    needs["private_key"] = needs["certificate"]
    takes = {
        **needs,
        "psk": needs["psk"] or (eap and not second),
        "username": method in PASSWORD_METHODS or method == "eap_tls",
    }
    if proof.passphrase is not None and proof.private_key is None:
        yield Problem(where, prefix + "passphrase", None, "has no meaning without private_key, which it opens")
    for name, needed in needs.items():
        given = getattr(proof, name)
        if needed and (given is None or given == ()):
            yield Problem(where, prefix + name, None, f"is required, as {because}")
        elif given is not None and given != () and not takes[name]:
            yield Problem(where, prefix + name, None, f"has no meaning, as {because}")


def _own_certificate(proof: Proof, method: str, *, second: bool, by_psk: bool) -> bool:
    if method == "certificate":
        return True
    if proof.eap_role != SERVER:
        return method == "eap_tls"
    return not second and not by_psk


def _judges(method: str, *, second: bool, server: bool, by_psk: bool) -> bool:
    """Say whether this end looks at a certificate of the peer."""
    if method == "certificate" or (method == "eap_tls" and server):
        return True
    return method in EAP_METHODS and not server and not second and not by_psk


def _long_problems(item: Authentication, where: str) -> Iterator[Problem]:
    given = [name for name in _SHORT if getattr(item, name) not in (None, ())]
    if item.auth_method != "psk":
        given.insert(0, "auth_method")
    for name in given:
        yield Problem(
            where, name, None, "belongs to the short form; with local_auth and remote_auth all stands in their rounds"
        )
    for name in ("local_auth", "remote_auth"):
        if not getattr(item, name):
            yield Problem(where, name, None, "is required beside the other one: what the other end proves")
    for index, mine in enumerate(item.local_auth or ()):
        yield from _round_problems(mine, where, f"local_auth[{index}]")
    for index, theirs in enumerate(item.remote_auth or ()):
        yield from _round_problems(theirs, where, f"remote_auth[{index}]")


def _round_problems(each: LocalRound | RemoteRound, where: str, option: str) -> Iterator[Problem]:
    if each.password is not None and each.nt_hash is not None:
        yield Problem(where, f"{option}.nt_hash", None, "either it or the password is needed")
    if each.psk is not None and each.auth != "psk":
        yield Problem(where, f"{option}.psk", None, f"has no meaning, as auth is {each.auth}")
    if each.password is not None and not each.auth.startswith(("eap", "xauth")):
        yield Problem(where, f"{option}.password", None, f"has no meaning, as auth is {each.auth}")
    if isinstance(each, LocalRound) and each.passphrase is not None and not each.private_keys:
        yield Problem(where, f"{option}.passphrase", None, "has no meaning without private_keys, which it opens")
    if isinstance(each, RemoteRound) and each.users:
        yield from _user_problems(each, where, option)
    tokens = [*each.token_certificates, *getattr(each, "token_ca_certificates", ())]
    if any((token.handle is None) == (token.file is None) for token in tokens):
        yield Problem(where, f"{option}.token_certificates", None, "either handle or file of each is needed")


def _user_problems(each: RemoteRound, where: str, option: str) -> Iterator[Problem]:
    if not each.auth.startswith(("eap", "xauth")):
        yield Problem(where, f"{option}.users", None, f"has no meaning, as auth is {each.auth}")
    for name in ("username", "password", "nt_hash"):
        if getattr(each, name) is not None:
            yield Problem(where, f"{option}.{name}", None, "has no meaning beside users; it belongs to one of them")
    seen: set[str | None] = set()
    for index, user in enumerate(each.users):
        place = f"{option}.users[{index}]"
        if user.password is not None and user.nt_hash is not None:
            yield Problem(where, f"{place}.nt_hash", None, "either it or the password is needed")
        name_of = user.username and user.username.lower()
        if name_of in seen:
            yield Problem(where, f"{place}.username", user.username, "another user before it has this name")
        seen.add(name_of)


def _version_problems(rounds: Rounds, where: str, version: int) -> Iterator[Problem]:
    methods = list(dict.fromkeys(each.auth for each in rounds.both))
    for method in methods:
        if version == 1 and method.startswith("eap"):
            yield Problem(where, "ike_version", 1, f"EAP ({method}) needs ike_version: 2")
        if version == 2 and method.startswith("xauth"):
            yield Problem(
                where, "ike_version", 2, f"{method} is of IKEv1 and needs ike_version: 1; with IKEv2 take EAP"
            )
    for side, found in (("local", rounds.local), ("remote", rounds.remote)):
        more = [each.auth for each in found[1:] if not each.auth.startswith("xauth")]
        if version == 1 and more:
            wanted = f"IKEv1 knows nothing but XAuth after the first authentication, and {side} has {', '.join(more)}"
            yield Problem(where, "ike_version", 1, wanted)


def shared_key(item: Authentication) -> Secret | None:
    """Return the pre-shared key of a phase 1, wherever it stands."""
    if by_key_alone(item):
        return item.psk
    rounds = rounds_of(item)
    return next((each.psk for each in rounds.both if each.psk is not None), None)
