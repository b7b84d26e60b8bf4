# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pre-shared keys that stay on the host: `config` leaves them out, and the gateway in force has them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..errors import Problem, ValidationError
from .gateway import Gateway
from .secret import LEFT_OUT


def with_placeholders(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return `config` with a placeholder where a phase 1 that authenticates by a key has none."""
    listed = config.get("phase1")
    if not isinstance(listed, (list, tuple)):
        return dict(config)
    return {**config, "phase1": [_with_placeholder(raw) for raw in listed]}


def _with_placeholder(raw: Any) -> Any:
    if not isinstance(raw, Mapping) or raw.get("psk") is not None or raw.get("auth_method") not in (None, "psk"):
        return raw
    return {**raw, "psk": LEFT_OUT.reveal()}


def with_kept_secrets(wanted: Gateway, before: Gateway) -> Gateway:
    """Return what is wanted with the keys that the gateway in force has; raises `ValidationError` where it has none."""
    problems = []
    phase1 = dict(wanted.phase1)
    for name, each in wanted.phase1.items():
        if each.psk != LEFT_OUT:
            continue
        held = before.phase1.get(name)
        if held is None or held.psk is None:
            told = "is required: keep_secrets keeps what the host has, and it has none for a phase 1 of this name"
            problems.append(Problem(each.where, "psk", None, told))
        else:
            phase1[name] = dataclasses.replace(each, psk=held.psk)
    if problems:
        raise ValidationError(problems)
    return dataclasses.replace(wanted, phase1=phase1)
