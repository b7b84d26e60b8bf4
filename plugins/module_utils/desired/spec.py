# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From declared options to Ansible's argument specs."""

from __future__ import annotations

import re
from typing import Any

from .options import Kind, Option, options_of

# For such a name ansible-test wants it to be said that it is no secret.
_LOOKS_SECRET = re.compile("pass|secret|token|key")


def argument_spec(cls: type[Any], *, required: bool | None = None) -> dict[str, Any]:
    """Return the argument spec of an object class; `required` false demands no more than what identifies the object."""
    return {opt.name: _argument(opt, required) for opt in options_of(cls)}


def _argument(opt: Option, required: bool | None) -> dict[str, Any]:
    spec = kind_spec(opt.kind)
    if opt.required and (required is not False or opt.identifies):
        spec["required"] = True
    default = plain_default(opt)
    if default is not None:
        spec["default"] = default
    if (opt.kind.item or opt.kind).secret:
        spec["no_log"] = True
    elif _LOOKS_SECRET.search(opt.name):
        spec["no_log"] = False
    return spec


def kind_spec(kind: Kind) -> dict[str, Any]:
    """Return type, elements, choices and suboptions of a kind."""
    spec: dict[str, Any] = {"type": kind.ansible}
    inner = kind
    if kind.item is not None:
        inner = kind.item
        spec["elements"] = inner.ansible
    if inner.choices:
        spec["choices"] = list(inner.choices)
    if inner.of is not None:
        spec["options"] = argument_spec(inner.of)
    return spec


def plain_default(opt: Option) -> Any:
    """Return an option's default as a user would write it; None when it has none, or is an object."""
    if opt.kind.of is not None:
        # Its suboptions have theirs.
        return None
    default = opt.default if opt.shown_default is None else opt.shown_default
    return list(default) if isinstance(default, tuple) else default
