# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that stay on the host: `config` leaves them out, and the gateway in force has them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from ..errors import Problem, ValidationError
from .authentication import PASSWORD_METHODS, Authentication
from .gateway import Gateway
from .holding import secrets_in, with_secret
from .options import dump_object, options_of
from .phase1 import Phase1
from .proving import by_key_alone
from .secret import LEFT_OUT


def with_placeholders(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return `config` with a placeholder where a phase 1 that authenticates by a key or a password has none."""
    listed = config.get("phase1")
    if not isinstance(listed, (list, tuple)):
        return dict(config)
    return {**config, "phase1": [_with_placeholder(raw) for raw in listed]}


def _with_placeholder(raw: Any) -> Any:
    if not isinstance(raw, Mapping) or raw.get("local_auth") or raw.get("remote_auth"):
        # In full nothing is required, and what the host has is found by the rounds.
        return raw
    method = raw.get("auth_method")
    needed = "password" if method in PASSWORD_METHODS else "psk" if method in (None, "psk") else ""
    found = {**raw, needed: LEFT_OUT.reveal()} if needed and raw.get(needed) is None else raw
    second = raw.get("second_authentication")
    return found if second is None else {**found, "second_authentication": _with_placeholder(second)}


def with_kept_secrets(wanted: Gateway, before: Gateway) -> Gateway:
    """Return what is wanted with the secrets that the gateway in force has; raises `ValidationError` where it has none.

    Where none is required, one is kept as long as both ends prove who they are as before.
    """
    problems = []
    phase1 = dict(wanted.phase1)
    for name, each in wanted.phase1.items():
        if by_key_alone(each) and each.psk != LEFT_OUT and each.ppk_id is None:
            continue
        other = before.phase1.get(name)
        held = dict(secrets_in(other)) if other is not None else {}
        given = dict(secrets_in(each))
        needed = [place for place, secret in given.items() if secret == LEFT_OUT]
        more = _unsaid(given, held) if other is not None and _alike(each, other) else []
        if other is not None and each.ppk is None and other.ppk is not None and each.ppk_id == other.ppk_id:
            more.append("ppk")
        for place in dict.fromkeys([*needed, *more]):
            if place in held:
                phase1[name] = with_secret(phase1[name], place, held[place])
            else:
                told = "is required: keep_secrets keeps what the host has, and it has none for a phase 1 of this name"
                problems.append(Problem(each.where, place, None, told))
    if problems:
        raise ValidationError(problems)
    return dataclasses.replace(wanted, phase1=phase1)


def _unsaid(given: Collection[str], held: Collection[str]) -> list[str]:
    """Return the places of secrets that are held where none is given: a new hash stands for the password before it."""
    said = {place.rpartition(".")[0] for place in given}
    return [place for place in held if place.rpartition(".")[0] not in said]


def _alike(one: Phase1, other: Phase1) -> bool:
    first, second = (dump_object(each, with_secrets=False) for each in (one, other))
    return all(first.get(opt.name) == second.get(opt.name) for opt in options_of(Authentication))
