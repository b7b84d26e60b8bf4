# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of single values: the longest, the largest, the last; and what Ansible is told about each kind."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired import (
    firewall,
    identities,
    kinds,
    proposals,
    rounds,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.fallback import Fallback
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import TYPES, Config
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.holding import secrets_in
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import (
    Kind,
    dump_object,
    list_of,
    object_of,
    option,
    options_of,
    parse_object,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.phase2 import MSS
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.running import RunOptions
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.secret import Secret
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.spec import argument_spec, kind_spec
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import Problem

ON_TOKEN = "the id of an object of a token is needed, in hexadecimal (in quotes where it has digits alone)"
LONGEST = ".".join(["a" * 63] * 3 + ["b" * 61])


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        pytest.param(kinds.ENDPOINT, LONGEST, LONGEST, id="a host name of 253 characters"),
        pytest.param(kinds.ENDPOINT, "X", "x", id="a host name of one letter"),
        pytest.param(kinds.ENDPOINT, "BOX", "box", id="a host name's last letter is no dot"),
        pytest.param(kinds.ENDPOINT, "gw-1-a.example.org", "gw-1-a.example.org", id="a host name with two dashes"),
        pytest.param(kinds.ENDPOINT, "192.0.2.1-192.0.2.1", "192.0.2.1-192.0.2.1", id="a range of one address"),
        pytest.param(kinds.ENDPOINT, "2001:DB8::1-2001:DB8::9", "2001:db8::1-2001:db8::9", id="a range of IPv6"),
        pytest.param(rounds.HANDLE, "0x81010003", "81010003", id="a handle of a TPM"),
        pytest.param(rounds.HANDLE, "0A:1b:2C", "0a1b2c", id="a handle with colons"),
        pytest.param(rounds.HANDLE, "abc", "0abc", id="a handle with an odd number of digits"),
        pytest.param(rounds.HANDLE, "00" * 64, "00" * 64, id="the longest handle"),
        pytest.param(kinds.DURATION, 2147483647, 2147483647, id="the longest time"),
        pytest.param(kinds.INTERFACE_NAME, "a" * 15, "a" * 15, id="an interface of 15 characters"),
        pytest.param(kinds.LOCAL_INTERFACE, "a" * 15, "a" * 15, id="here too"),
        pytest.param(kinds.SECRET, Secret("s3cret"), Secret("s3cret"), id="a secret that is one already"),
        pytest.param(MSS, 536, "536", id="the smallest segment"),
        pytest.param(MSS, "65495", "65495", id="the largest segment"),
        pytest.param(rounds.OBJECT_ID, "1.3.6.1", "1.3.6.1", id="an object identifier"),
        pytest.param(rounds.WORD, "opensc/1.so", "opensc/1.so", id="the name of a module"),
        pytest.param(firewall.PROTOCOL, 1, "1", id="the lowest number of a protocol"),
        pytest.param(firewall.PROTOCOL, "255", "255", id="the highest number of a protocol"),
        pytest.param(firewall.PROTOCOL, "TCP", "tcp", id="the name of a protocol"),
        pytest.param(kinds.integer(0, 9), "0", 0, id="the lowest number"),
        pytest.param(kinds.integer(0, 9), 9, 9, id="the highest number"),
    ],
)
def test_accepted(kind: Kind, written: Any, value: Any) -> None:
    assert kind.parse(written) == value


HOST = "an address, a subnet, a range (192.0.2.1-192.0.2.9) or a host name is needed"
INTERFACE = "an interface name of letters, digits, '_', '-' and '.' is needed, at most 15 characters"
OBJECT = "an object identifier is needed, such as 1.3.6.1.4.1.36906.1"
WORD = "a name of letters, digits, '_', '.', '/' and '-' is needed"
SEGMENT = "auto is needed, or a number of bytes from 536 to 65495"
PROTOCOL = "a protocol is needed: any, tcp, udp, icmp, icmpv6, another by name, or a number from 1 to 255"
LOCAL = "an interface name (at most 15 characters), an address of this host, or 'any' is needed"


@pytest.mark.parametrize(
    ("kind", "written", "message"),
    [
        pytest.param(kinds.ENDPOINT, LONGEST + "b", HOST, id="a host name of 254 characters"),
        pytest.param(kinds.ENDPOINT, "a" * 64, HOST, id="a label of 64 characters"),
        pytest.param(kinds.ENDPOINT, "192.0.2.1-", HOST, id="half a range"),
        pytest.param(kinds.ENDPOINT, "-", HOST, id="no range at all"),
        pytest.param(kinds.ENDPOINT, "192.0.2.1-192.0.2.2-192.0.2.3", HOST, id="a range of three"),
        pytest.param(kinds.INTERFACE_NAME, "a/b" + "c" * 12, INTERFACE, id="15 characters, but not all allowed"),
        pytest.param(kinds.LOCAL_INTERFACE, ".", LOCAL, id="a directory"),
        pytest.param(kinds.LOCAL_INTERFACE, "..", LOCAL, id="the directory above"),
        pytest.param(kinds.DURATION, "2147483648", "at most 2147483647 seconds are possible", id="a second too long"),
        pytest.param(kinds.DURATION, "9999999999d", "at most 2147483647 seconds are possible", id="ages"),
        *(
            pytest.param(rounds.HANDLE, text, ON_TOKEN, id=f"the handle {text!r}")
            for text in ("", "0x", "a:", "::", 45)
        ),
        pytest.param(rounds.HANDLE, "00" * 65, ON_TOKEN, id="a handle too long"),
        *(pytest.param(MSS, value, SEGMENT, id=f"a segment of {value!r}") for value in (535, 65496, "x", None)),
        *(
            pytest.param(rounds.OBJECT_ID, value, OBJECT, id=f"the object {value!r}")
            for value in ("3.1", "1.", "1.3 ", "", 1.3, None)
        ),
        *(pytest.param(rounds.WORD, value, WORD, id=f"the word {value!r}") for value in ("a b", "", "x" * 201, 7)),
        *(
            pytest.param(firewall.PROTOCOL, value, PROTOCOL, id=f"the protocol {value!r}")
            for value in (0, 256, "x", "", "-1", True, None)
        ),
    ],
)
def test_refused(kind: Kind, written: Any, message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole message is compared
        kind.parse(written)
    assert str(refused.value) == message


@dataclasses.dataclass(frozen=True)
class Inner:
    """A nested object."""

    size: int = option(kinds.integer(1, 9), "Size.", required=True)


@dataclasses.dataclass(frozen=True)
class Outer:
    """An object with all sorts of options, and a field that is none."""

    name: str = option(kinds.NAME, "Name.", required=True)
    psk: Secret | None = option(kinds.SECRET, "Key.")
    lifetime: int = option(kinds.DURATION, "Time.", default=7200, shown_default="2h")
    inner: tuple[Inner, ...] = option(list_of(object_of(Inner)), "Inner.", default=())
    one: Inner | None = option(object_of(Inner), "One.")
    other: int = 7


WRITTEN = {"name": "a", "psk": "s3cret", "lifetime": "1h", "inner": [{"size": 1}, {"size": "2"}], "one": {"size": 3}}
VALUE = Outer("a", Secret("s3cret"), 3600, (Inner(1), Inner(2)), Inner(3))


def test_an_object_is_parsed_and_given_back() -> None:
    problems: list[Problem] = []
    assert parse_object(Outer, WRITTEN, where="here", problems=problems) == VALUE
    assert problems == []
    dumped = dump_object(VALUE, with_secrets=True)
    assert dumped == {**WRITTEN, "lifetime": 3600, "inner": [{"size": 1}, {"size": 2}]}
    assert parse_object(Outer, dumped, where="here", problems=problems) == VALUE
    assert list(secrets_in(VALUE)) == [("psk", Secret("s3cret"))]
    assert "psk" not in dump_object(VALUE, with_secrets=False)


def test_a_field_that_is_no_option_is_none() -> None:
    assert [opt.name for opt in options_of(Outer)] == ["name", "psk", "lifetime", "inner", "one"]
    problems: list[Problem] = []
    assert parse_object(Outer, {**WRITTEN, "other": 8}, where="here", problems=problems) is None
    assert [problem.option for problem in problems] == ["other"]


def test_every_unknown_option_is_told() -> None:
    problems: list[Problem] = []
    assert parse_object(Outer, {"name": "a", "nam": 1, "lifetim": 2}, where="here", problems=problems) is None
    assert [str(problem) for problem in problems] == [
        "here: nam: there is no such option; did you mean name?",
        "here: lifetim: there is no such option; did you mean lifetime?",
    ]


def test_a_wrong_secret_is_not_shown() -> None:
    problems: list[Problem] = []
    parse_object(Outer, {"name": "a", "psk": "s3cret\n"}, where="here", problems=problems)
    assert "s3cret" not in f"{problems}"
    assert str(problems[0]).startswith("here: psk is ***: ")


def test_what_ansible_is_told() -> None:
    assert argument_spec(Outer) == {
        "name": {"type": "str", "required": True},
        "psk": {"type": "str", "no_log": True},
        "lifetime": {"type": "str", "default": "2h"},
        "inner": {
            "type": "list", "elements": "dict", "default": [], "options": {"size": {"type": "int", "required": True}},
        },
        "one": {"type": "dict", "options": {"size": {"type": "int", "required": True}}},
    }  # fmt: skip
    assert "required" not in argument_spec(Outer, required=False)["name"]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (kinds.NAME, "str"),
        (kinds.BOOL, "bool"),
        (kinds.SECRET, "str"),
        (kinds.choice((1, 2)), "int"),
        (kinds.choice(("a", "b")), "str"),
        (identities.LOCAL_IDENTITY, "str"),
        (proposals.IKE_PROPOSAL, "str"),
        (proposals.ESP_PROPOSAL, "str"),
    ],
)
def test_types_in_words_of_ansible(kind: Kind, told: str) -> None:
    assert kind.ansible == told


@pytest.mark.parametrize("cls", [Config, RunOptions, Fallback])
def test_every_option_has_a_type_that_ansible_knows(cls: type[Any]) -> None:
    def words(spec: dict[str, Any]) -> set[str]:
        below = [words(each["options"]) for each in spec.values() if "options" in each]
        return set().union({word for each in spec.values() for word in (each["type"], each.get("elements"))}, *below)

    assert words(argument_spec(cls)) <= {"str", "int", "bool", "list", "dict", None}


def test_each_list_of_a_gateway_is_empty_where_nobody_gives_it() -> None:
    spec = argument_spec(Config)
    assert {name: each.get("default") for name, each in spec.items()} == {sort.plural: [] for sort in TYPES}


def test_choices_are_told() -> None:
    assert (kinds.choice((1, 2)).choices, kinds.NAME.choices) == ((1, 2), ())
    assert kind_spec(kinds.choice((1, 2))) == {"type": "int", "choices": [1, 2]}
    assert kind_spec(list_of(kinds.choice(("a", "b")))) == {"type": "list", "elements": "str", "choices": ["a", "b"]}
    assert [kind.secret for kind in (kinds.SECRET, kinds.NAME)] == [True, False]


def test_a_keyed_hash_takes_what_is_no_text() -> None:
    """Owners may be bytes that no text stands for; the hash is one of the form that ids have."""
    found = Secret("a").keyed_hash(b"k", "CN=\udcff")
    assert (len(found), set(found) <= set("0123456789abcdef")) == (16, True)


def test_ids_of_secrets_are_those_of_earlier_versions() -> None:
    """They stand in files on the host: another form would make every secret look changed."""
    assert Secret("s3cret").keyed_hash(b"k" * 32, "paris", "192.0.2.1") == "83c6be29b386d081"


def test_secrets_can_be_told_apart_in_sets() -> None:
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
