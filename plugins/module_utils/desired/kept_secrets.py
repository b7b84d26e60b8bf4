# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that stay on the host: `config` leaves them out, and the gateway in force has them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..errors import Problem, ValidationError
from .authentication import PASSWORD_METHODS, Authentication
from .gateway import PHASE1, PRIVATE_KEYS, Gateway, ObjectType, parse_gateway, parse_one
from .holding import secrets_in, with_secret, with_secrets
from .options import dump_object, options_of
from .phase1 import Phase1
from .private_key import PrivateKey
from .secret import LEFT_OUT

_INSTEAD = {"password": "nt_hash", "nt_hash": "password"}


def with_kept_secrets(config: Mapping[str, Any], before: Gateway) -> Gateway:
    """Return what `config` says, with the secrets that it leaves out and the gateway in force has.

    Where both ends prove who they are as before, every secret is kept for which `config` gives no other, and so it is with
    a private key that is where it was. Else a key or a password is, without which the method is none. Raises
    `ValidationError`, as `parse_gateway` does, and where a secret is needed that `before` has not.
    """
    filled = {}
    for kind in (PHASE1, PRIVATE_KEYS):
        listed = config.get(kind.plural)
        if isinstance(listed, (list, tuple)):
            filled[kind.plural] = [_as_before(kind, raw, before) for raw in listed]
    if "phase1" in filled:
        filled["phase1"] = [_with_placeholder(raw) for raw in filled["phase1"]]
    return _with_needed(parse_gateway({**config, **filled}), before)


def _as_before(kind: ObjectType, raw: Any, before: Gateway) -> Any:
    """Return the plain data of an object with all that it leaves out, if that makes it prove the same as before."""
    name = raw.get("name") if isinstance(raw, Mapping) else None
    other = before.of(kind).get(name) if isinstance(name, str) else None
    if other is None:
        return raw
    left_out = {place: held.reveal() for place, held in secrets_in(other) if not _is_given(raw, place)}
    if not left_out or (set(left_out) == {"psk"} and raw.get("auth_method") in (None, "psk")):
        # A key alone is required, and needs no proof that it belongs there: nearly every tunnel.
        return raw
    try:
        found = with_secrets(raw, left_out)
    except (AttributeError, KeyError, TypeError, ValueError):
        # It has not the form of what is in force.
        return raw
    item = parse_one(kind, found, where=other.where, problems=[])
    return found if item is not None and _alike(item, other) else raw


def _is_given(raw: Any, place: str) -> bool:
    """Say whether plain data has a secret at a place: a new hash stands for the password before it as well."""
    if place.endswith("]"):
        # In a list an empty text is in the place of what is left out (`dump_object`).
        return _at(raw, place) not in (None, "")
    inside, _dot, last = place.rpartition(".")
    return any(_at(raw, f"{inside}.{name}") is not None for name in (last, _INSTEAD.get(last)) if name)


def _at(raw: Any, place: str) -> Any:
    for name in place.replace("[", ".[").split("."):
        if name.startswith("["):
            index = int(name[1:-1])
            raw = raw[index] if isinstance(raw, (list, tuple)) and index < len(raw) else None
        elif name:
            raw = raw.get(name) if isinstance(raw, Mapping) else None
    return raw


def _with_placeholder(raw: Any) -> Any:
    """Return the plain data of a phase 1 with a placeholder where its method needs a key or a password and has none."""
    if not isinstance(raw, Mapping) or raw.get("local_auth") or raw.get("remote_auth"):
        return raw
    method = raw.get("auth_method")
    needed = "password" if method in PASSWORD_METHODS else "psk" if method in (None, "psk") else ""
    found = {**raw, needed: LEFT_OUT.reveal()} if needed and raw.get(needed) is None else raw
    second = raw.get("second_authentication")
    return found if second is None else {**found, "second_authentication": _with_placeholder(second)}


def _with_needed(wanted: Gateway, before: Gateway) -> Gateway:
    problems = []
    phase1 = dict(wanted.phase1)
    for name, each in wanted.phase1.items():
        needed = [place for place, secret in secrets_in(each) if secret == LEFT_OUT]
        if not needed:
            continue
        other = before.phase1.get(name)
        held = dict(secrets_in(other)) if other is not None else {}
        for place in needed:
            if place in held:
                phase1[name] = with_secret(phase1[name], place, held[place])
            else:
                told = "is required: keep_secrets keeps what the host has, and it has none for a phase 1 of this name"
                problems.append(Problem(each.where, place, None, told))
    if problems:
        raise ValidationError(problems)
    return dataclasses.replace(wanted, phase1=phase1)


def _alike(one: Phase1 | PrivateKey, other: Phase1 | PrivateKey) -> bool:
    first, second = (dump_object(each, with_secrets=False) for each in (one, other))
    decisive = options_of(Authentication if isinstance(one, Phase1) else PrivateKey)
    return all(first.get(opt.name) == second.get(opt.name) for opt in decisive)
