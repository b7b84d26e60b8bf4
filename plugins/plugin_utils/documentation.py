# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From declared options to Ansible's documentation: an option's text stands beside its default, once."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence, Set
from typing import Any

from ..module_utils.desired.options import Option, options_of
from ..module_utils.desired.spec import kind_spec, plain_default

# Objects from the innermost one outwards: the path of each, and the names of its options.
Scopes = Sequence[tuple[str, Set[str]]]
_REFERENCE = re.compile(r"\bO\((\w+)")


def documented_options(
    cls: type[Any],
    *,
    required: bool | None = None,
    inside: str = "",
    demand: str = "Required when O(state=present).",
    around: Scopes = (),
) -> dict[str, Any]:
    """Return the `options` part of a module's documentation.

    With `required` false only what identifies the object is demanded always, and `demand` tells when the rest is.
    `inside` is the path of the option whose suboptions these are, such as "config.phase1[]."; a text that refers to an
    option beside its own, O(ip_type), or to one `around` it, is written once and gets the path here.
    """
    options = options_of(cls)
    scopes = ((inside, frozenset(opt.name for opt in options)), *around)
    return {opt.name: _documented(opt, required, demand=demand, scopes=scopes) for opt in options}


def placed(text: str, scopes: Scopes) -> str:
    """Return a text with the path of the innermost scope that has the option before every O() reference."""
    return _REFERENCE.sub(
        lambda found: next((f"O({path}{found[1]}" for path, names in scopes if found[1] in names), found[0]), text
    )


def _documented(opt: Option, required: bool | None, *, demand: str, scopes: Scopes) -> dict[str, Any]:
    text = [placed(paragraph, scopes) for paragraph in opt.text]
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
        inside = f"{scopes[0][0]}{opt.name}{brackets}."
        documented["suboptions"] = documented_options(nested, inside=inside, around=scopes)
    return documented


def as_fragment(options: dict[str, Any]) -> str:
    """Return documentation as YAML; JSON is a part of it."""
    return json.dumps({"options": options}, indent=1)
