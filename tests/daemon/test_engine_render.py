# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""libstrongswan's own parser reads what the renderer writes: many random values at once, and the golden files."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import Section, parse_settings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.swanctl import (
    render_connections,
    render_secrets,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import SharedSecret, Tree
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.secret import Secret
from ansible_collections.swanfleet.ipsec.tests.daemon.libstrongswan import Shape, parse, shapes
from ansible_collections.swanfleet.ipsec.tests.daemon.settings_texts import Texts

pytestmark = pytest.mark.charon

GOLDEN = Path(__file__).resolve().parents[1] / "unit/golden"
CONNECTIONS, CHILDREN, KEYS = 50, 50, 42


def same(read: Shape, tree: Tree) -> bool:
    """Say whether what libstrongswan has read is a tree of texts, in its order."""
    values = [[name, text] for name, text in tree.items() if isinstance(text, str)]
    sections = [(name, inner) for name, inner in tree.items() if isinstance(inner, Mapping)]
    return (
        read[0] == values
        and [name for name, _inner in read[1]] == [name for name, _inner in sections]
        and all(same(mine, inner) for (_name, mine), (_other, inner) in zip(read[1], sections, strict=True))
    )


def plain(section: Section) -> Shape:
    values = [[name, value.text] for name, value in section.values.items()]
    return [values, [[name, plain(inner)] for name, inner in section.sections.items()]]


def test_105000_random_values_come_back_through_both_parsers(record_property: Callable[[str, object], None]) -> None:
    texts = Texts(seed=105000)
    counted = 0
    for part in range(5):
        connections = {
            f"n{number}": {f"c{child}": {f"k{key}": texts.value() for key in range(KEYS)} for child in range(CHILDREN)}
            for number in range(CONNECTIONS * part // 5, CONNECTIONS * (part + 1) // 5)
        }
        text = render_connections(connections)
        tree: Tree = {"connections": connections}
        [read] = shapes([text])
        assert read is not None
        assert same(read, tree)
        assert same(plain(parse_settings(text, file="text")), tree)
        counted += sum(len(child) for connection in connections.values() for child in connection.values())
    record_property("values", counted)
    assert counted == 105_000


def test_5000_random_secrets_come_back_through_both_parsers() -> None:
    texts = Texts(seed=5000)
    values = {f"n{number}": "x" + texts.value() for number in range(5000)}
    shared = {f"ike-{name}": SharedSecret("ike", (value,), Secret(value)) for name, value in values.items()}
    rendered = render_secrets(shared)

    [secrets] = parse(rendered)

    assert secrets is not None
    mine = parse_settings(rendered, file="text").sections["secrets"].sections
    for name, value in values.items():
        told = secrets["secrets"][f"ike-{name}"]
        assert told == {key: each.text for key, each in mine[f"ike-{name}"].values.items()}
        assert told["id-1"] == value
        assert base64.b64decode(told["secret"].removeprefix("0s")) == value.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.conf")), ids=lambda file: str(file.name))
def test_a_golden_file_is_read_without_a_complaint(file: Path) -> None:
    [read] = parse(file.read_text("utf-8"))
    assert read is not None
    # A section that holds nothing is no section to libstrongswan's enumerators when it was never set.
    assert list(read) == [file.suffixes[0][1:]] or file.name.startswith("nothing")


def test_hand_written_sections_stand_beside_ours() -> None:
    ours = render_connections({"paris": {"version": "2", "children": {}}})
    [read] = parse("connections { theirs { version = 1 } }\n" + ours)
    assert read is not None
    assert {name: tree["version"] for name, tree in read["connections"].items()} == {"theirs": "1", "paris": "2"}
