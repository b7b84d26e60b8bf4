# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From declared options to Ansible's documentation: an option's text stands beside its default, once."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from ..module_utils.desired.options import Option, options_of
from ..module_utils.desired.spec import kind_spec, plain_default

_REFERENCE = re.compile(r"\bO\((\w+)")


def documented_options(
    cls: type[Any], *, required: bool | None = None, inside: str = "", demand: str = "Required when O(state=present)."
) -> dict[str, Any]:
    """Return the `options` part of a module's documentation.

    With `required` false only what identifies the object is demanded always, and `demand` tells when the rest is.
    `inside` is the path of the option whose suboptions these are, such as "config.phase1[]."; a text that refers to an
    option beside its own, O(ip_type), is written once and gets the path here.
    """
    options = options_of(cls)
    names = [opt.name for opt in options]
    return {opt.name: _documented(opt, required, demand=demand, inside=inside, siblings=names) for opt in options}


def placed(text: str, *, inside: str, siblings: Collection[str]) -> str:
    """Return a text with the path `inside` before every O() reference to one of `siblings`."""
    return _REFERENCE.sub(lambda found: f"O({inside}{found[1]}" if found[1] in siblings else found[0], text)


def _documented(
    opt: Option, required: bool | None, *, demand: str, inside: str, siblings: Collection[str]
) -> dict[str, Any]:
    text = [placed(paragraph, inside=inside, siblings=siblings) for paragraph in opt.text]
    documented: dict[str, Any] = {"description": text}
    kind = kind_spec(opt.kind)
    documented.update({key: value for key, value in kind.items() if key != "options"})
    if opt.required and (required is not False or opt.identifies):
        documented["required"] = True
    elif opt.required:
        documented["description"] = [*text, demand]
    default = plain_default(opt)
    if default is not None:
        documented["default"] = default
    nested = opt.kind.item.of if opt.kind.item is not None else opt.kind.of
    if nested is not None:
        brackets = "[]" if opt.kind.item is not None else ""
        documented["suboptions"] = documented_options(nested, inside=f"{inside}{opt.name}{brackets}.")
    return documented


def as_fragment(options: dict[str, Any]) -> str:
    """Return documentation as YAML; JSON is a part of it."""
    return json.dumps({"options": options}, indent=1)
