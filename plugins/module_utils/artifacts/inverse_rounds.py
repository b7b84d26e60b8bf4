# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inverse of `rounds`: from the sections `local` and `remote` back to options, in short where that says the same.

Sources: strongSwan, src/swanctl/commands/load_conns.c for files, vici_config.c for what the sections mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..desired.authentication import EAP_METHODS, SERVER
from ..desired.holding import secrets_in, with_secret
from ..desired.identities import ANY, MY_ADDRESS, PEER_ADDRESS
from ..desired.phase1 import Phase1
from ..desired.secret import LEFT_OUT, Secret
from ..errors import Problem
from .inverse_parts import Part, read_leaf, read_part
from .inverse_problems import not_kept, not_known
from .keys import LOCAL_KEYS, REMOTE_KEYS, TOKEN_KEYS
from .settings import Section, Value
from .user_secrets import UserSecrets
from .values import Tree

# Sections of certificates that charon reads itself, by what their names begin with; as keys of the round that was read.
_TOKENS = {"cacert": "cacert<suffix>", "cert": "cert<suffix>"}
_DIRECTORIES = {"certs": "x509", "cacerts": "x509ca", "pubkeys": "pubkey"}
_OPTIONS = {
    "certs": "certificates",
    "cacerts": "ca_certificates",
    "pubkeys": "public_keys",
    "cert_policy": "cert_policies",
    "cert<suffix>": "token_certificates",
    "cacert<suffix>": "token_ca_certificates",
}
_METHODS = {
    "psk": "psk",
    "pubkey": "certificate",
    "xauth": "xauth",
    **{text: name for name, text in EAP_METHODS.items()},
}


def read_rounds(side: str, section: Section, path: str, directory: str, problems: list[Problem]) -> list[Part]:
    """Return the rounds of one end ("local" or "remote") in charon's order; `directory` is where swanctl's files lie."""
    found = [
        _round(inner, f"{path}.{name}", side, directory, problems)
        for name, inner in section.sections.items()
        if name.startswith(side)
    ]
    if not found:
        problems.append(Problem(str(section.place), f"{path}.{side}", None, f"at least one section {side} is needed"))
    return sorted(found, key=lambda each: int(each["round"]))


def _round(section: Section, path: str, side: str, directory: str, problems: list[Problem]) -> Part:
    keys = LOCAL_KEYS if side == "local" else REMOTE_KEYS
    found = read_part(section, path, keys, problems)
    for name, inner in section.sections.items():
        kind = next((each for each in _TOKENS if name.startswith(each)), "")
        if not kind or (kind == "cacert" and side == "local"):
            problems.append(not_known(inner, f"{path}.{name}", keys))
            continue
        token = read_leaf(inner, f"{path}.{name}", TOKEN_KEYS, problems)
        found.given[_TOKENS[kind]] = (*found.given.get(_TOKENS[kind], ()), token.given)
    for key, below in _DIRECTORIES.items():
        if key in found.given:
            found.given[key] = tuple(
                each if each.startswith("/") else f"{directory}/{below}/{each}" for each in found.given[key]
            )
    return found


def meaning(found: Part) -> dict[str, Any]:
    """Return what a round means, by key: equal ones mean the same to charon. Its number is not among it."""
    values = {key: found[key] for key in found.keys if key != "round"}
    values.update({key: found.given.get(key, ()) for key in _TOKENS.values()})
    if values["auth"].startswith("xauth") and values.get("xauth_id"):
        # The user proves something then, and nobody asks who the end is.
        del values["id"]
    return values


def unlike_rounds(side: str, rounds: Sequence[Part], tree: Tree) -> Iterator[Problem]:
    """Yield what the sections of `tree` do not say as the rounds of this end say it."""
    place = rounds[0].section.place
    ours = read_rounds(side, _as_section(tree, place), side, "", [])
    for found, would in zip(rounds, ours):
        was, becomes = meaning(found), meaning(would)
        for key in was:
            if was[key] != becomes.get(key):
                value = found.section.values.get(key, Value(None, *found.section.place))
                told = would.section.values.get(key)
                yield not_kept(value, f"{found.path}.{key}", "", told.text if told is not None else None)


def _as_section(tree: Tree, place: Any) -> Section:
    section = Section(place)
    for name, value in tree.items():
        if isinstance(value, Mapping):
            section.sections[name] = _as_section(value, place)
        else:
            section.values[name] = Value(value if isinstance(value, str) else ",".join(value), *place)
    return section


def authentications(
    local: Sequence[Part],
    remote: Sequence[Part],
    addresses: tuple[Sequence[str], Sequence[str]],
    users: UserSecrets,
    problems: list[Problem],
) -> Iterator[dict[str, Any]]:
    """Yield options of a phase 1 that say what these rounds say, the shortest first; a placeholder for a pre-shared key.

    `addresses` are those of our end and of the peer's.
    """
    local_id, our_ids = own_identity(local, addresses[0])
    remote_id, their_ids = peers_identity(remote, addresses[1])
    identities = {"local_id": local_id, "remote_id": remote_id}
    if all(len(each) == 1 and each[0]["auth"] == "psk" and _is_plain(each[0]) for each in (local, remote)):
        yield {**identities, "auth_method": "psk", "psk": LEFT_OUT}
        return
    mine = [_options(each, said) for each, said in zip(local, our_ids)]
    theirs = [_options(each, said) for each, said in zip(remote, their_ids)]
    for found, options in zip(local, mine):
        options.update(users.of_client(found, problems))
    for found, options in zip(remote, theirs):
        options.update(users.of_server(found, problems))
    for options in [each for each in (*theirs, *mine) if each["auth"] == "psk"][:1]:
        options["psk"] = LEFT_OUT
    if not any("id" in each for each in (*mine, *theirs)):
        short = _short(mine, theirs)
        if short is not None:
            yield {**identities, **short}
    yield {**identities, "local_auth": mine, "remote_auth": theirs}


def _is_plain(found: Part) -> bool:
    return found.given.keys() <= {"auth", "id", "round", "revocation"} and found["revocation"] == "relaxed"


def _options(found: Part, identity: str | None) -> dict[str, Any]:
    options = {
        _OPTIONS.get(key, key): list(value) if isinstance(value, tuple) else value
        for key, value in found.given.items()
        if key not in ("id", "round")
    }
    return {**options, "auth": found["auth"], **({} if identity is None else {"id": identity})}


def _short(mine: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the short form that may say the same as these rounds; None where there is none for sure."""
    if any("public_keys" in each for each in (*mine, *theirs)):
        return None
    if max(len(mine), len(theirs)) > 2 or any(each["auth"] not in _METHODS for each in (*mine, *theirs)):
        return None
    short = _proof(mine[0], theirs[0])
    if len(mine) + len(theirs) > 2:
        second = _proof(*((each[1] if len(each) > 1 else {}) for each in (mine, theirs)))
        short["second_authentication"] = second
    return short


def _proof(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    certain = ("psk", "pubkey")
    client, server = (each.get("auth", "psk") not in certain for each in (mine, theirs))
    prover = theirs if server or not mine else mine
    found = {
        "auth_method": _METHODS[prover["auth"]],
        "eap_role": SERVER if server else None,
        "username": theirs.get("username") if server else mine.get("eap_id", mine.get("xauth_id")),
        "password": prover.get("password") if client or server else None,
        "psk": mine.get("psk", theirs.get("psk")),
        "certificate": next(iter(mine.get("certificates", ())), None),
        "private_key": next(iter(mine.get("private_keys", ())), None),
        "ca_certificates": theirs.get("ca_certificates"),
    }
    return {name: value for name, value in found.items() if value is not None}


def certified(found: Part) -> bool:
    """Say whether a round has a certificate, which says who we are where nothing else does."""
    return any(key in found.given for key in ("certs", "cert<suffix>"))


def own_identity(rounds: Sequence[Part], addresses: Sequence[str]) -> tuple[str, list[str | None]]:
    """Return `local_id` of a phase 1, and the `id` of each of its rounds that needs one of its own."""
    ids = [each["id"] for each in rounds]
    asked = [one for one, found in zip(ids, rounds) if "id" in meaning(found)]
    only = not certified(rounds[0]) and _is_only(ids[0], addresses)
    whole = MY_ADDRESS if ids[0] == ANY or only else ids[0]
    if whole != MY_ADDRESS and ANY in asked:
        # Later rounds would say it again.
        return MY_ADDRESS, [None if one == ANY else one for one in ids]
    later = [
        None if one in (ANY, whole) or "id" not in meaning(found) else one for one, found in zip(ids[1:], rounds[1:])
    ]
    return whole, [None, *later]


def peers_identity(rounds: Sequence[Part], addresses: Sequence[str]) -> tuple[str, list[str | None]]:
    """Return `remote_id` of a phase 1, and the `id` of each of its rounds that needs one of its own."""
    first = rounds[0]["id"]
    only = not rounds[0]["auth"].startswith("eap") and _is_only(first, addresses)
    whole = PEER_ADDRESS if only else first
    ids: list[str | None] = [None]
    for found in rounds[1:]:
        unsaid = ANY if only or found["auth"].startswith("xauth") else whole
        ids.append(None if found["id"] == unsaid else found["id"])
    return whole, ids


def _is_only(identity: str, addresses: Sequence[str]) -> bool:
    """Say whether an identity is the only address of its end, which needs no mention."""
    return len(addresses) == 1 and identity == f"address:{addresses[0]}"


def with_key(item: Phase1, key: Secret | None) -> Phase1:
    """Return a phase 1 with its pre-shared key where the placeholder for it is, if it is known."""
    if key is None:
        return item
    for place, held in list(secrets_in(item)):
        if held == LEFT_OUT:
            item = with_secret(item, place, key)
    return item
