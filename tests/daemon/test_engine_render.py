# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""libstrongswan's own parser reads what the renderer writes: many random values at once, and the golden files."""

from __future__ import annotations

import base64
import random
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.swanctl import (
    render_connections,
    render_secrets,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import SharedSecret
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.secret import Secret
from ansible_collections.swanfleet.ipsec.tests.daemon.libstrongswan import parse

pytestmark = pytest.mark.charon

GOLDEN = Path(__file__).resolve().parents[1] / "unit/golden"
ALPHABET = "\"\\\n\r\t#{}=.,:;%$'` abcnrt0sx" + "äé\u20ac\U0001f512\udc80\udcff\x01\x1b\x7f"


def test_5000_random_values_come_back_from_whole_files() -> None:
    chance = random.Random(5000)  # noqa: S311  # the same values in every run
    values = {f"n{number}": "".join(chance.choices(ALPHABET, k=chance.randrange(1, 40))) for number in range(5000)}
    connections = {name: {"local": {"id": value}, "children": {}} for name, value in values.items()}
    shared = {f"ike-{name}": SharedSecret("ike", (value,), Secret(value)) for name, value in values.items()}

    read, secrets = parse(render_connections(connections), render_secrets(shared))

    assert read is not None
    assert secrets is not None
    assert {name: tree["local"]["id"] for name, tree in read["connections"].items()} == values
    assert {name: tree["id-1"] for name, tree in secrets["secrets"].items()} == {
        f"ike-{n}": v for n, v in values.items()
    }
    for name, value in values.items():
        written = secrets["secrets"][f"ike-{name}"]["secret"]
        assert base64.b64decode(written.removeprefix("0s")) == value.encode("utf-8", "surrogateescape")


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
