# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of several pre-shared keys in a text, the one that charon takes for a connection."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.owned_secrets import as_loaded, read_secrets
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import parse_settings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.tokens import Place
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import SharedSecret
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.secret import Secret
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import Problem

HERE = Place("text", 1)


def taken(secrets: str, **options: Any) -> tuple[str | None, list[str]]:
    """Return the key that a connection gets from the sections in a text, and what is told."""
    raw = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": "x", **options}
    connection = parse_gateway({"phase1": [raw]}).phase1["paris"]
    problems: list[Problem] = []
    found = read_secrets(parse_settings(secrets, file="text"), problems)
    assert problems == []
    key = found.of(connection, HERE, problems)
    return (key.reveal() if key else None), [str(each) for each in problems]


@pytest.mark.parametrize(
    ("secrets", "options", "key"),
    [
        ("ike { secret = any }", {}, "any"),
        ("ike { secret = any }\nike-p { id = 198.51.100.2\nsecret = his }", {}, "his"),
        ("ike-p { id = 198.51.100.2\nsecret = his }\nike { secret = any }", {}, "his"),
        ("ike-q { id = 198.51.100.3\nsecret = other }", {}, None),
        ("ike-o { id = 192.0.2.1\nsecret = ours }", {"interfaces": ["192.0.2.1"]}, "ours"),
        (
            "ike-o { id = 192.0.2.1\nsecret = ours }\nike-p { id = 198.51.100.2\nsecret = his }",
            {"interfaces": ["192.0.2.1"]},
            "his",
        ),
        (
            "ike-1 { id-1 = b.org\nid-2 = p.org\nsecret = wrong }\nike-2 { id-1 = a.org\nid-2 = p.org\nsecret = right }",
            {"local_id": "a.org", "remote_id": "p.org"},
            "right",
        ),
        ("ike { secret = any }\nike-p { id = *.p.org\nsecret = some }", {"remote_id": "x.p.org"}, "some"),
        (
            "ike-x { id = x.p.org\nsecret = one }\nike-p { id = *.p.org\nsecret = some }",
            {"remote_id": "x.p.org"},
            "one",
        ),
        ("ike-p { id = *.q.org\nsecret = some }", {"remote_id": "x.p.org"}, None),
        ("ike-p { id = 198.51.100.2\nsecret = his }", {"remote_id": "any"}, "his"),
        (
            "ike-p { id = 198.51.100.2\nsecret = his }",
            {"ike_version": 1, "remote_id": "p.org", "local_id": "a.org"},
            "his",
        ),
        ("ike-p { id = 198.51.100.2\nsecret = his }", {"remote_id": "p.org", "local_id": "a.org"}, None),
        ("ike-1 { id = 198.51.100.2\nsecret = same }\nike-2 { id = 198.51.100.2\nsecret = 0sc2FtZQ== }", {}, "same"),
    ],
)
def test_the_key_whose_owners_fit_best_is_taken(secrets: str, options: dict[str, Any], key: str | None) -> None:
    assert taken(secrets, **options) == (key, [])


@pytest.mark.parametrize(
    ("secrets", "key"),
    [
        ("ppk-a { id = fleet-2026\nsecret = right }\nppk { secret = any }", "right"),
        ("ppk-a { id = other\nsecret = wrong }\nppk { secret = any }", "any"),
        ("ppk-a { id = other\nsecret = wrong }", None),
        ("ike { secret = wrong }", None),
    ],
)
def test_the_postquantum_key_of_a_name_is_taken(secrets: str, key: str | None) -> None:
    problems: list[Problem] = []
    found = read_secrets(parse_settings(secrets, file="text"), problems)
    taken = found.postquantum("fqdn:fleet-2026", HERE, "connections.paris.ppk_id", problems)
    assert (taken.reveal() if taken else None, problems) == (key, [])


@pytest.mark.parametrize(
    ("text", "value"),
    [("secret = 0x41:42", "AB"), ("secret = 0sQUI=", "AB"), ("secret = AB", "AB"), ("secret =", "")],
)
def test_a_secret_is_the_one_that_swanctl_loads(text: str, value: str) -> None:
    section = parse_settings(f"ike-p {{ id-1 = p.org\nid-2 =\n{text}\n}}", file="text").sections["ike-p"]
    assert as_loaded("ike-p", section) == SharedSecret("ike", ("p.org",), Secret(value))


def test_two_keys_that_fit_alike_are_told_and_neither_is_shown() -> None:
    _key, problems = taken("ike-1 { secret = hunter2 }\nike-2 { secret = hunter3 }\nike-3 { id = x.org\nsecret = z }")
    [told] = problems
    assert told == (
        "text:1: connections.paris: secrets.ike-1 and secrets.ike-2 fit this connection equally well, with different keys: "
        "charon takes what was loaded first; take one of them out"
    )
