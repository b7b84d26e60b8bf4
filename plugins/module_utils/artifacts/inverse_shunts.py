# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shunts in a swanctl.conf: children that pass or drop packets, in a connection of their own or beside tunnels.

A connection that holds nothing else says nothing else: what it is told about peers is for nobody. Of a shunt itself charon
gives the kernel what has an option, so that the other keys of a child are read, and mean nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ..desired.gateway import SHUNTS, parse_one
from ..desired.shunt import DROP, PASS, Shunt, kernel_selectors
from ..errors import Problem
from .inverse_parts import Part, read_leaf, read_part
from .inverse_problems import no_value_here, not_known
from .keys import CHILD_KEYS, CONNECTION_KEYS, Key
from .settings import Section
from .shunts import SHUNT_KEYS, shunt_name
from .values import Tree

_MEANT = {"mode", "local_ts", "remote_ts", "start_action", "hw_offload", *SHUNT_KEYS.names}
_CHILD_KEYS = {name: key if name in _MEANT else Key(str) for name, key in CHILD_KEYS.items()}
_CONNECTION_KEYS = {name: Key(str) for name in CONNECTION_KEYS}
# Keys that swanctl splits at commas (load_conns.c, is_list_key).
_LISTS = frozenset(
    "local_addrs remote_addrs proposals vips pools local_ts remote_ts esp_proposals ah_proposals".split()
)


def shunt_children(connection: Section) -> dict[str, Section]:
    """Return the children of a connection that are shunts, by name."""
    children = connection.sections.get("children", Section(connection.place))
    return {name: each for name, each in children.sections.items() if _mode(each) in (PASS, DROP)}


def _mode(child: Section) -> str:
    value = child.values.get("mode")
    return value.text.lower() if value is not None and value.text is not None else ""


def has_only_shunts(connection: Section) -> bool:
    """Say whether a connection is there for its shunts alone: it has no tunnel, and nothing to prove or to be proven."""
    children = connection.sections.get("children", Section(connection.place))
    proven = any(name.startswith(("local", "remote")) for name in connection.sections)
    return bool(children.sections) and len(shunt_children(connection)) == len(children.sections) and not proven


def without_shunts(connection: Section) -> Section:
    """Return a connection without its shunts."""
    gone = shunt_children(connection)
    if not gone:
        return connection
    children, kept = connection.sections["children"], Section(connection.place)
    left = Section(children.place)
    left.values = children.values
    left.sections = {name: each for name, each in children.sections.items() if name not in gone}
    kept.values, kept.spans, kept.references = connection.values, connection.spans, connection.references
    kept.sections = {**connection.sections, "children": left}
    return kept


def read_shunts(
    connections: Mapping[str, Section], only: Collection[str] | None, problems: list[Problem]
) -> dict[str, Shunt]:
    """Return the shunts of all connections of a text, or of some; what options cannot say is added to `problems`."""
    twice = Counter(name for each in connections.values() for name in shunt_children(each))
    found: dict[str, Shunt] = {}
    for connection, section in connections.items():
        if only is not None and connection not in only:
            continue
        if has_only_shunts(section):
            _read_rest(connection, section, problems)
        for child, inner in shunt_children(section).items():
            # charon keeps apart what connections call by the same name.
            ours = shunt_name(connection) == child
            name = child if ours or twice[child] == 1 else f"{connection}-{child}"
            path = f"connections.{connection}.children.{child}"
            shunt = _shunt(name, read_leaf(inner, path, _CHILD_KEYS, problems), problems)
            if shunt is None:
                continue
            if name in found:
                problems.append(Problem(str(inner.place), path, None, f"another shunt would be called {name} as well"))
            found[name] = shunt
    return found


def _read_rest(name: str, section: Section, problems: list[Problem]) -> None:
    """Add what nobody knows of a connection that has shunts alone; what it says about peers is for none."""
    path = f"connections.{name}"
    read_part(section, path, _CONNECTION_KEYS, problems)
    others = ((key, each) for key, each in section.sections.items() if key != "children")
    problems += (not_known(each, f"{path}.{key}", ("children",)) for key, each in others)
    problems += no_value_here(section.sections["children"], f"{path}.children")


def _shunt(name: str, part: Part, problems: list[Problem]) -> Shunt | None:
    problems += _not_kept(part)
    raw: dict[str, Any] = {
        "name": name,
        "type": part["mode"],
        "local_networks": list(part["local_ts"]),
        "remote_networks": list(part["remote_ts"]),
        **SHUNT_KEYS.read(part.given),
    }
    own: list[Problem] = []
    shunt: Shunt | None = parse_one(SHUNTS, raw, where=f"shunt {name}", problems=own)
    problems += (Problem(f"{part.section.place}: {part.path}", each.option, each.value, each.wanted) for each in own)
    return shunt


def _not_kept(part: Part) -> Iterator[Problem]:
    values = part.section.values
    if "trap" not in part["start_action"]:
        place = values["start_action"].place if "start_action" in values else part.section.place
        wanted = (
            "charon installs a shunt where it is trap, and this one does nothing: write trap, or take the shunt out"
        )
        yield Problem(str(place), f"{part.path}.start_action", None, wanted)
    if part["hw_offload"] != "no":
        wanted = "charon 6.0.1 never takes the policies of a shunt that has it away again: no is needed"
        yield Problem(str(values["hw_offload"].place), f"{part.path}.hw_offload", part["hw_offload"], wanted)


def as_loaded(connection: Section) -> Tree:
    """Return a connection that has shunts alone as swanctl loads it."""
    values = {
        key: [item.strip(" ") for item in value.text.split(",") if item.strip(" ")] if key in _LISTS else value.text
        for key, value in connection.values.items()
        if value.text is not None
    }
    return {**values, **{name: as_loaded(inner) for name, inner in connection.sections.items()}}


def widened(shunt: Shunt) -> Sequence[str]:
    """Return the networks of a shunt that charon, told of them as they are written, would make more of than they say."""
    return [each for each in (*shunt.local_networks, *shunt.remote_networks) if len(kernel_selectors(each)) > 1]
