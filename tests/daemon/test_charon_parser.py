# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""libstrongswan's own parser reads what we render as we meant it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.swanctl import quote, render_section
from ansible_collections.swanfleet.ipsec.tests.daemon.libstrongswan import parse

pytestmark = pytest.mark.charon


def test_the_oracle_knows_the_grammar() -> None:
    assert parse('a = b\nc { d = "e\\n\\"f"\n g { h = 1 } }', "", "s { k=1 }\ns { l=2 }", "a%s { b = 1 }") == [
        {"a": "b", "c": {"d": 'e\n"f', "g": {"h": "1"}}},
        {},
        {"s": {"k": "1", "l": "2"}},
        {"a%s": {"b": "1"}},
    ]


@pytest.mark.parametrize("text", ["a {", "a { b = 1 }}", 'a = "b', "a { { } }", "= b"])
def test_the_oracle_refuses_what_is_broken(text: str) -> None:
    assert parse(text) == [None]


def test_any_text_in_quotes_comes_back_unchanged() -> None:
    chance = random.Random(20260101)  # noqa: S311  # the same texts in every run
    alphabet = "\"\\\n\r\t#{}=.,: abnrt0sä\u20ac\udcff$%'\x01\x7f"
    values = ["".join(chance.choices(alphabet, k=chance.randrange(20))) for _number in range(3000)]
    read = parse(*(f"s {{ k = {quote(value)} }}" for value in values))
    assert [tree["s"].get("k", "") if tree else None for tree in read] == values


def test_a_rendered_connection_is_read_as_the_tree_it_came_from() -> None:
    tree: dict[str, Any] = {
        "version": "2",
        "remote_addrs": ["192.0.2.2", "gw.example.org"],
        "local": {"auth": "psk", "id": "asn1dn:C=CH, O=a # b, CN={x}"},
        "children": {"lan": {"updown": 'say "\\n" $PLUTO_ME'}},
    }
    [read] = parse("\n".join(render_section("berlin", tree)))
    assert read == {"berlin": {**tree, "remote_addrs": "192.0.2.2,gw.example.org"}}
