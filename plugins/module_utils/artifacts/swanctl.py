# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of swanctl.conf: an exact renderer, so that nothing a user writes is ever interpreted by the parser."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import cast

from ..desired.secret import LEFT_OUT
from .values import SharedSecret, Tree

_HEADER = "# Written by swanfleet.ipsec; changes made here by hand are found as drift and overwritten.\n"
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def quote(value: str) -> str:
    """Return a value in quotes that libstrongswan's parser reads back unchanged; raises `ValueError` for NUL."""
    if "\0" in value:
        raise ValueError("a value with a NUL character cannot be written")
    return f'"{value.translate(_ESCAPES)}"'


def render_section(name: str, tree: Tree, indent: int = 0) -> Iterator[str]:
    """Yield the lines of one section; lists are joined with commas, as swanctl splits them."""
    pad = "  " * indent
    yield f"{pad}{name} {{"
    for key, value in tree.items():
        if isinstance(value, str):
            yield f"{pad}  {key} = {quote(value)}"
        elif isinstance(value, (list, tuple)):
            yield f"{pad}  {key} = {quote(','.join(value))}"
        else:
            yield from render_section(key, cast(Tree, value), indent + 1)
    yield f"{pad}}}"


def render_connections(
    connections: Mapping[str, Tree],
    pools: Mapping[str, Tree] | None = None,
    authorities: Mapping[str, Tree] | None = None,
) -> str:
    """Return the file with all connections, and with the pools and authorities, if there are any."""
    lines = list(render_section("connections", connections))
    for name, trees in (("pools", pools), ("authorities", authorities)):
        lines += render_section(name, trees) if trees else ()
    return _HEADER + "\n".join(lines) + "\n"


def render_secrets(shared: Mapping[str, SharedSecret], of_keys: Mapping[str, Tree] | None = None) -> str:
    """Return the file with all secrets; shared ones as base64 (`0s`), since swanctl decodes what looks like hexadecimal.

    Sections `of_keys` are written as they are, for there it decodes nothing.
    """
    section: Tree = {secret_id: _secret(secret) for secret_id, secret in sorted(shared.items())}
    section = {**section, **dict(sorted((of_keys or {}).items()))}
    return _HEADER + "\n".join(render_section("secrets", section)) + "\n"


def _secret(secret: SharedSecret) -> Tree:
    fields: dict[str, str] = {f"id-{number}": owner for number, owner in enumerate(secret.owners, start=1)}
    fields["secret"] = _secret_text(secret)
    return fields


def _secret_text(secret: SharedSecret) -> str:
    if secret.value is LEFT_OUT:
        return secret.value.reveal()
    return "0s" + base64.b64encode(secret.data).decode("ascii")
