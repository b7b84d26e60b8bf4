# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Diffs that people read: the objects that change, old and new values, never a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..desired.gateway import TYPES, Gateway
from ..desired.holding import secrets_in
from ..desired.options import dump_object
from ..plan.steps import Plan


def object_diff(before: Gateway, after: Gateway, steps: Plan, *, limit: int) -> dict[str, str]:
    """Return Ansible's diff of the wanted objects; where only the host has drifted, the steps that mend it.

    Beyond `limit` objects, or steps, the rest is counted, not printed.
    """
    pairs = list(_changed(before, after))
    old: list[str] = []
    new: list[str] = []
    for where, was, becomes in pairs[:limit]:
        old += _lines(where, was, becomes)
        new += _lines(where, becomes, was, mark=True)
    new += _rest(len(pairs) - limit, "objects")
    if not pairs and steps:
        new = [
            "the host differs from what is wanted, and is mended by:",
            *(f"  {step}" for step in steps.steps[:limit]),
        ]
        new += _rest(len(steps.steps) - limit, "steps")
    return {
        "before_header": "gateway",
        "after_header": "gateway",
        "before": "".join(line + "\n" for line in old),
        "after": "".join(line + "\n" for line in new),
    }


def _rest(count: int, what: str) -> list[str]:
    return [f"... and {count} more {what}"] if count > 0 else []


def _changed(before: Gateway, after: Gateway) -> Iterator[tuple[str, Any, Any]]:
    for kind in TYPES:
        was, becomes = before.of(kind), after.of(kind)
        for key in sorted(was.keys() | becomes.keys()):
            if was.get(key) != becomes.get(key):
                yield (becomes.get(key) or was[key]).where, was.get(key), becomes.get(key)


def _lines(where: str, item: Any, other: Any, *, mark: bool = False) -> list[str]:
    if item is None:
        return []
    values = dump_object(item, with_secrets=False, with_defaults=other is not None)
    others = dump_object(other, with_secrets=False) if other is not None else {}
    lines = [f"{where}:"]
    lines += [
        f"  {name}: {json.dumps(value, ensure_ascii=False)}"
        for name, value in values.items()
        if value is not None and (other is None or others.get(name) != value)
    ]
    held = dict(secrets_in(other)) if other is not None else {}
    for name, secret in secrets_in(item):
        if other is None:
            lines.append(f"  {name}: ***")
        elif held.get(name) != secret:
            lines.append(f"  {name}: *** ({'new value' if mark else 'old value'})")
    return lines
