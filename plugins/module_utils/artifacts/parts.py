# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The identity of a connection's parts: what tells a changed IKE_SA from a changed CHILD_SA without keeping the tree."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Set
from typing import Any, cast

from ..desired.shunt import KEPT_NAMES
from .values import ChildPart, Parts, Tree

# What charon does not look at when it decides whether a connection that is loaded again is another one (ike_cfg.c,
# peer_cfg.c and child_cfg.c, equals()): measured on 5.9.8 and 6.0.1.
UNSEEN = frozenset(("dscp", "dpd_timeout"))
UNSEEN_OF_CHILD = frozenset(("label_mode",))
_NOT_IKE = UNSEEN | {"children"}
_START = frozenset(("start_action",))


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
    children = cast("Mapping[str, Tree]", tree.get("children", {}))
    texts = {name: _text(child, _START) for name, child in children.items()}
    starts = {name: str(child.get("start_action", "none")) for name, child in children.items()}
    ike, unseen = _text(tree, _NOT_IKE), _unseen(tree, children)
    return Parts(
        whole=_digest("\0".join([ike, unseen, *(f"{name}\0{starts[name]}\0{texts[name]}" for name in sorted(texts))])),
        ike=_digest(ike),
        children={
            name: ChildPart(
                starts[name], _digest(text), _listed(children[name], "local_ts"), _listed(children[name], "remote_ts")
            )
            for name, text in texts.items()
        },
        unseen=_digest(unseen) if unseen else "",
    )


def _unseen(tree: Tree, children: Mapping[str, Tree]) -> str:
    found: dict[str, Any] = {key: tree[key] for key in UNSEEN & tree.keys()}
    for name, child in children.items():
        found.update((f"{name}.{key}", child[key]) for key in UNSEEN_OF_CHILD & child.keys())
    return json.dumps(_plain(found), sort_keys=True) if found else ""


def parts_in_text(text: str) -> dict[str, Parts]:
    """Return the parts of every connection in the text of a swanctl file of ours, without shunts; raises `SettingsError`."""
    # The parser is seldom needed, and each module that is imported costs every run some milliseconds.
    from .references import resolved
    from .settings import parse_settings

    connections = resolved(parse_settings(text, file="swanctl.conf")).sections.get("connections")
    found = connections.sections if connections is not None else {}
    return {name: parts_of(_tree(section)) for name, section in found.items() if not name.startswith(KEPT_NAMES)}


def _tree(section: Any) -> Tree:
    values = {key: value.text for key, value in section.values.items() if value.text is not None}
    return {**values, **{name: _tree(inner) for name, inner in section.sections.items()}}


def _text(tree: Tree, apart: Set[str]) -> str:
    """Return one text for all ways to write a section, without some of its keys."""
    return json.dumps({key: _plain(value) for key, value in tree.items() if key not in apart}, sort_keys=True)


def _plain(value: Any) -> Any:
    if value.__class__ is str:
        return value
    if isinstance(value, (list, tuple)):
        return ",".join(value)
    return {key: _plain(item) for key, item in value.items()}


def _listed(child: Tree, key: str) -> tuple[str, ...]:
    value = child.get(key, "dynamic")
    return tuple(value.split(",")) if isinstance(value, str) else tuple(value)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("ascii"), digest_size=12).hexdigest()
