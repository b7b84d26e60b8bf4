# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The identity of a connection's parts: what tells a changed IKE_SA from a changed CHILD_SA without keeping the tree."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

from .values import ChildPart, Parts, Tree

# What charon does not look at when it decides whether a connection that is loaded again is another one (ike_cfg.c,
# peer_cfg.c and child_cfg.c, equals()): measured on 5.9.8 and 6.0.1.
UNSEEN = frozenset(("dscp", "dpd_timeout"))
UNSEEN_OF_CHILD = frozenset(("label_mode",))


def parts_from_data(data: Any) -> Parts:
    """Return what `as_data` made; raises `ValueError`, `TypeError` or `AttributeError` for anything else."""
    whole, ike, children, *unseen = data
    return Parts(
        str(whole),
        str(ike),
        {str(name): ChildPart(str(start), str(told)) for name, (start, told) in children.items()},
        *map(str, unseen),
    )


def parts_of(tree: Tree) -> Parts:
    """Return the parts of a connection's tree; a list and the text that swanctl.conf has for it are the same."""
    children = cast(Mapping[str, Tree], tree.get("children", {}))
    return Parts(
        whole=_digest(tree),
        ike=_digest({key: value for key, value in tree.items() if key != "children" and key not in UNSEEN}),
        children={name: _child(child) for name, child in children.items()},
        unseen=_unseen(tree, children),
    )


def _unseen(tree: Tree, children: Mapping[str, Tree]) -> str:
    found: dict[str, Any] = {key: tree[key] for key in UNSEEN & tree.keys()}
    for name, child in children.items():
        found.update((f"{name}.{key}", child[key]) for key in UNSEEN_OF_CHILD & child.keys())
    return _digest(found) if found else ""


def parts_in_text(text: str) -> dict[str, Parts]:
    """Return the parts of every connection in the text of a swanctl file of its own; raises `SettingsError`."""
    # The parser is seldom needed, and each module that is imported costs every run some milliseconds.
    from .references import resolved
    from .settings import parse_settings

    connections = resolved(parse_settings(text, file="swanctl.conf")).sections.get("connections")
    found = connections.sections if connections is not None else {}
    return {name: parts_of(_tree(section)) for name, section in found.items()}


def _tree(section: Any) -> Tree:
    values = {key: value.text for key, value in section.values.items() if value.text is not None}
    return {**values, **{name: _tree(inner) for name, inner in section.sections.items()}}


def _child(tree: Tree) -> ChildPart:
    return ChildPart(
        start=str(tree.get("start_action", "none")),
        digest=_digest({key: value for key, value in tree.items() if key != "start_action"}),
    )


def _digest(tree: Tree) -> str:
    text = json.dumps(_plain(tree), sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode("ascii"), digest_size=12).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value if isinstance(value, str) else ",".join(value)
