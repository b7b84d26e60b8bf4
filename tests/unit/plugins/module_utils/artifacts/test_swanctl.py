# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of swanctl.conf and the identity of what is in it: quoting, the ids of secrets."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.connections import (
    is_our_secret,
    secret_name,
    shared_secrets,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.swanctl import (
    quote,
    render_secrets,
    render_section,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import SharedSecret, Tree
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.secret import Secret
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, config
from hypothesis import given
from hypothesis import strategies as st

KEY = b"k" * 32


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("", '""'),
        ("plain # { } = :", '"plain # { } = :"'),
        ('a "b"', '"a \\"b\\""'),
        ("a\\n", '"a\\\\n"'),
        ("a\nb\r\tc", '"a\\nb\\r\\tc"'),
    ],
)
def test_quoting(value: str, quoted: str) -> None:
    assert quote(value) == quoted


def test_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0b")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_a_quoted_value_is_one_line_and_is_read_back(value: str) -> None:
    quoted = quote(value)
    assert not set(quoted) & set("\n\r\t")
    escapes = {"n": "\n", "r": "\r", "t": "\t"}
    inside = re.fullmatch(r'"((?:[^"\\]|\\.)*)"', quoted, re.DOTALL)
    assert inside is not None
    assert re.sub(r"\\(.)", lambda found: escapes.get(found[1], found[1]), inside[1], flags=re.DOTALL) == value


def test_a_section_keeps_its_order_and_joins_lists() -> None:
    tree: Tree = {"b": "1", "a": ["x", "y"], "inner": {"c": ""}}
    assert list(render_section("s", tree)) == ["s {", '  b = "1"', '  a = "x,y"', "  inner {", '    c = ""', "  }", "}"]


def test_a_secret_is_written_as_base64_whatever_it_looks_like() -> None:
    text = render_secrets(
        {"ike-b-0": SharedSecret("ike", ("%any",), Secret("0xab")), "ike-a-0": SharedSecret("ike", (), Secret("ä"))}
    )
    assert text.splitlines()[1:] == [
        "secrets {", "  ike-a-0 {", '    secret = "0sw6Q="', "  }", "  ike-b-0 {", '    id-1 = "%any"',
        '    secret = "0sMHhhYg=="', "  }", "}",
    ]  # fmt: skip


def ids(**changes: Any) -> list[str]:
    gateway = parse_gateway(config([{**PARIS, "xfrm_interface": None, **changes}], []))
    return list(shared_secrets(gateway, KEY)[0])


@pytest.mark.parametrize(
    "changes",
    [
        {"psk": "new"},
        {"name": "rome"},
        {"remote_endpoints": ["198.51.100.9"]},
        {"remote_id": "gw"},
        {"remote_id": "any"},
    ],
)
def test_another_secret_or_owner_is_another_id(changes: dict[str, Any]) -> None:
    assert ids(**changes) != ids()


@pytest.mark.parametrize(
    "changes", [{"lifetime": "4h"}, {"init_type": "none"}, {"proposals": ["aes256-sha256-ecp256"]}, {"local_id": "gw"}]
)
def test_anything_else_is_the_same_id(changes: dict[str, Any]) -> None:
    assert ids(**changes) == ids()


@pytest.mark.parametrize(
    ("name", "shown"), [("paris", "ike-paris"), ("a" * 100, "ike-" + "a" * 16), ("a-b_C-0123456789abcdef", "ike-a-b_C-0123456789")]
)  # fmt: skip
def test_an_id_is_short_and_ours(name: str, shown: str) -> None:
    [found] = ids(name=name)
    assert is_our_secret(found)
    assert secret_name(found) == shown
    assert len(found) <= 37


def test_sections_of_keys_are_in_the_order_of_their_names() -> None:
    names = [f"private-{number}" for number in range(9)]
    text = render_secrets({}, {name: {"file": "a.key"} for name in reversed(names)})
    assert re.findall(r"private-\d", text) == names


def test_connections_with_one_beginning_have_ids_of_their_own() -> None:
    names = ["a" * 50 + "1", "a" * 50 + "2"]
    gateway = parse_gateway(config([{**PARIS, "xfrm_interface": None, "name": name} for name in names], []))
    assert len(shared_secrets(gateway, KEY)) == 2


@pytest.mark.parametrize(
    "other", ["ike-berlin", "ike-1", "paris", "", "rsa-x-0123456789abcdef", "ike-x-0123456789abcdeg"]
)
def test_ids_of_others_are_not_ours(other: str) -> None:
    assert not is_our_secret(other)
