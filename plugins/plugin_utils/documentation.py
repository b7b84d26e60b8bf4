# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From declared options to Ansible's documentation: an option's text stands beside its default, once."""

from __future__ import annotations

import json
from typing import Any

from ..module_utils.desired.options import Option, options_of
from ..module_utils.desired.spec import kind_spec, plain_default


def documented_options(cls: type[Any], *, required: bool | None = None) -> dict[str, Any]:
    """Return the `options` part of a module's documentation; `required` false leaves the demand to the module's texts."""
    return {opt.name: _documented(opt, required) for opt in options_of(cls)}


def _documented(opt: Option, required: bool | None) -> dict[str, Any]:
    documented: dict[str, Any] = {"description": list(opt.text)}
    kind = kind_spec(opt.kind)
    documented.update({key: value for key, value in kind.items() if key != "options"})
    if opt.required and required is not False:
        documented["required"] = True
    elif opt.required:
        documented["description"] = [*opt.text, "Required when O(state=present)."]
    default = plain_default(opt)
    if default is not None:
        documented["default"] = default
    nested = opt.kind.item.of if opt.kind.item is not None else opt.kind.of
    if nested is not None:
        documented["suboptions"] = documented_options(nested)
    return documented


def as_fragment(options: dict[str, Any]) -> str:
    """Return documentation as YAML; JSON is a part of it."""
    return json.dumps({"options": options}, indent=1)
