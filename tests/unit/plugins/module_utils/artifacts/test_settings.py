# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of swanctl.conf: what is read, and how what is refused is told. tests/daemon compares it with libstrongswan."""

from __future__ import annotations

import contextlib
import fnmatch
import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.references import resolved
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import Section, parse_settings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.swanctl import quote
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.tokens import SettingsError
from hypothesis import given
from hypothesis import strategies as st

Tree = dict[str, Any]


def tree(section: Section) -> Tree:
    values = {name: value.text for name, value in section.values.items() if value.text is not None}
    return {**values, **{name: tree(inner) for name, inner in section.sections.items()}}


def read(text: str, files: dict[str, str] | None = None) -> Tree:
    return tree(resolved(parse(text, files)))


def parse(text: str, files: dict[str, str] | None = None) -> Section:
    def include(pattern: str) -> list[tuple[str, str]]:
        if pattern.endswith("missing"):
            raise ValueError("there is no such file")
        hits = [
            name for name in files or {} if fnmatch.fnmatchcase(name, pattern) and name.count("/") == pattern.count("/")
        ]
        return [(name, (files or {})[name]) for name in sorted(hits)]

    return parse_settings(text, file="main", directory="/etc/swanctl", include=include)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("", {}, id="nothing"),
        pytest.param("a = b", {"a": "b"}, id="a value"),
        pytest.param("a = b  c \t d # e\n", {"a": "b c d"}, id="parts are joined by one blank"),
        pytest.param('a = "b  c" d"e"\n', {"a": "b  c d e"}, id="quoted parts too"),
        pytest.param('a = "\\n\\r\\t\\"\\\\\\x"', {"a": '\n\r\t"\\x'}, id="escapes"),
        pytest.param('a = "b\\\n  c\nd"', {"a": "b  c\nd"}, id="lines in quotes"),
        pytest.param("a = x#y\nb = {z", {"a": "x", "b": "{z"}, id="where an unquoted value ends"),
        pytest.param("a { b = 1 }\na { c = 2\n b = 3 }", {"a": {"b": "3", "c": "2"}}, id="sections are merged"),
        pytest.param("a = 1\na =\n", {}, id="an empty assignment takes the value away"),
        pytest.param('a = ""', {"a": ""}, id="an empty text does not"),
        pytest.param("a = 1\na { b = 2 }", {"a": {"b": "2"}}, id="a key and a section of one name"),
        pytest.param("  # old \r a = b\n", {"a": "b"}, id="a comment after blanks ends at a carriage return"),
        pytest.param("include = a", {"include": "a"}, id="a key of this name"),
    ],
)
def test_what_is_read(text: str, found: Tree) -> None:
    assert read(text) == found


LONELY = "a name stands here alone: '= value' or '{ … }' must follow (a value with a line break needs quotes)"
NAMES = 'names have none of # { } : . , = " and no blanks'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a = 1\nb\n", f"main:2: {LONELY}", id="a name alone"),
        pytest.param("a = 1\nb c = 2", f"main:2: {LONELY}", id="two names"),
        pytest.param("a.b = 1", f"main:1: {LONELY}", id="a dot in a name"),
        pytest.param("\n= 1", f"main:2: a name is needed before '='; {NAMES}", id="no name"),
        pytest.param("{ }", f"main:1: a name is needed before '{{'; {NAMES}", id="a section without a name"),
        pytest.param('"a" = b', "main:1: a name is needed here; quotes are for values only", id="a quoted name"),
        pytest.param('a = 1\nb = "c\n\n', 'main:2: a quoted text begins here and is never closed by a "', id="quotes"),
        pytest.param("a {\n b {\n }\n", "main:1: this section is never closed by a '}'", id="an open section"),
        pytest.param(
            "a {\n}\n}\n", "main:3: there is no open section that this '}' could close", id="one '}' too many"
        ),
        pytest.param(
            "a : b,\n { }",
            "main:2: after ':' the names of sections are needed, separated by commas, and then '{'",
            id="a list of references that ends with a comma",
        ),
        pytest.param(
            "a : b c { }",
            "main:1: after ':' the names of sections are needed, separated by commas, and then '{'",
            id="references without a comma",
        ),
        pytest.param("a : b%s { }", "main:1: a name without '%' is needed in a reference", id="a format"),
        pytest.param("a = 1\nb = \0", "main:2: a NUL character stands here, and text is needed", id="NUL"),
        pytest.param(
            "a {" * 101 + "}" * 101, "main:1: at most 100 sections one in another are possible", id="a deep nest"
        ),
        pytest.param(
            "a = 1\ninclude missing\n", "main:2: include /etc/swanctl/missing: there is no such file", id="no file"
        ),
        pytest.param(
            "x { }\na : a.x { }",
            "main:2: the references of this section run in a circle, or there are far too many of them",
            id="a reference below itself",
        ),
        pytest.param(
            "a { b : a { } }",
            "main:1: the references of this section run in a circle, or there are far too many of them",
            id="a section in itself",
        ),
        pytest.param(
            "".join(f"a{n} : a{n + 1}.x, b{n + 1}.x {{ }}\nb{n} : a{n + 1}.x, b{n + 1}.x {{ }}\n" for n in range(12)),
            "main:1: the references of this section run in a circle, or there are far too many of them",
            id="each reference is looked up in twice as many places",
        ),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(text)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    "text", ['secret = "hunter2', "secret = a } hunter2", "secret = a\nhunter2 b", "secret : hunter2"]
)
def test_a_message_about_the_grammar_quotes_nothing(text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(text)
    assert "hunter2" not in str(refused.value)


FILES = {
    "/etc/swanctl/conf.d/a.conf": "a = 1\ninclude more/x.conf\n",
    "/etc/swanctl/conf.d/b.conf": "a = 2\nb {",
    "/etc/swanctl/conf.d/more/x.conf": 'x = 1\n\ny = "\nz"',
    "/etc/swanctl/end": "}",
    "/etc/swanctl/bad": "a = 1\n\n}",
    "/etc/swanctl/self": "include self",
    "/etc/swanctl/ping": "include pong",
    "/etc/swanctl/pong": "include ping",
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("include conf.d/more/*.conf", {"x": "1", "y": "\nz"}, id="relative to the text"),
        pytest.param("include conf.d/a.conf\na = 3", {"a": "3", "x": "1", "y": "\nz"}, id="relative to the file"),
        pytest.param("include /etc/swanctl/conf.d/more/x.conf", {"x": "1", "y": "\nz"}, id="absolute"),
        pytest.param("include none*\na = 1", {"a": "1"}, id="nothing matches"),
        *(
            pytest.param(f"include none*{blank}# old \r b = 2\na = 1", {"a": "1"}, id=f"a comment behind {blank!r}")
            for blank in (" ", "\t")
        ),
        pytest.param(
            "include conf.d/b.conf c = 1 }", {"a": "2", "b": {"c": "1"}}, id="what a file leaves open goes on"
        ),
        pytest.param("include conf.d/*.conf\ninclude end", {"a": "2", "x": "1", "y": "\nz", "b": {}}, id="in order"),
        pytest.param("s { include conf.d/more/x.conf }", {"s": {"x": "1", "y": "\nz"}}, id="in a section"),
    ],
)
def test_files_are_included(text: str, found: Tree) -> None:
    assert read(text, FILES) == found


def test_values_know_where_they_stand() -> None:
    root = parse('\na = 1\nb =\n\nz = "c\n"\ns {\n include conf.d/more/x.conf\n d = e f\n}\n', FILES)
    found = {name: str(value.place) for name, value in {**root.values, **root.sections["s"].values}.items()}
    inner = "/etc/swanctl/conf.d/more/x.conf"
    assert found == {"a": "main:2", "b": "main:3", "z": "main:5", "x": f"{inner}:1", "y": f"{inner}:3", "d": "main:9"}
    assert str(root.sections["s"].place) == "main:7"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\ninclude bad", "/etc/swanctl/bad:3: there is no open section that this '}' could close"),
        ("include self", "/etc/swanctl/self:1: /etc/swanctl/self is included by itself"),
        ("include ping", "/etc/swanctl/pong:1: /etc/swanctl/ping is included by itself"),
    ],
)
def test_an_error_in_an_included_file_names_that_file(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(text, FILES)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("a : t { }\nt { k = 1 }", {"k": "1"}, id="a value comes over"),
        pytest.param("t { k = 1 }\na : t { k = 2 }", {"k": "2"}, id="the own one wins"),
        pytest.param("a : t { k =\n }\nt { k = 1\nl = 2 }", {"l": "2"}, id="an empty one hides"),
        pytest.param("a : t, u { }\nt { k = 1 }\nu { k = 2\nl = 3 }", {"k": "1", "l": "3"}, id="the first wins"),
        pytest.param("a : t { s { l = 1 } }\nt { s { k = 2\nl = 3 } }", {"s": {"l": "1", "k": "2"}}, id="sections"),
        pytest.param("a : t { }\nt : u { k = 1 }\nu { k = 2\nl = 3 }", {"k": "1", "l": "3"}, id="in a row"),
        pytest.param("a : b { }\nb : a { k = 1 }", {"k": "1"}, id="to each other"),
        pytest.param("a : t.s { }\nt { s { k = 1 } }", {"k": "1"}, id="to a section in a section"),
        pytest.param(
            "a : t { }\na : u { }\nt { k = 1 }\nu { k = 2\nl = 3 }", {"k": "1", "l": "3"}, id="of both halves"
        ),
        pytest.param("a : nothing { k = 1 }", {"k": "1"}, id="to nothing"),
    ],
)
def test_references(text: str, found: Tree) -> None:
    assert read(text)["a"] == found


@given(st.text(st.characters(exclude_characters="\0")))
def test_what_is_quoted_is_read_back(value: str) -> None:
    assert read(f"a {{ b = {quote(value)} }}\nc = {quote(value)}\n") == {"a": {"b": value}, "c": value}


@given(st.text('ab{}=:.,#"\\\n\r\t include'))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(SettingsError):
        assert isinstance(read(text), dict)


@pytest.mark.timed
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(lambda size: "a = b\n" * size, id="plain lines"),
        pytest.param(lambda size: "a { b = c, d # e\n}\n" * size, id="sections"),
        pytest.param(lambda size: "#a\r" * size, id="comments that carriage returns end"),
        pytest.param(lambda size: 'a = "' + '\\"' * size, id="an open quote after many escapes"),
        pytest.param(lambda size: 'a = "b\\n"\n' * size, id="escapes"),
        pytest.param(lambda size: " \n" * size + "\r\t" * size, id="blanks"),
        pytest.param(lambda size: "a = " + '"" x ' * size, id="parts of one value"),
        pytest.param(
            lambda size: "a { b : t { } }\n" + "a { c%d : t { } }\n" * size % (*range(size),), id="references"
        ),
    ],
)
def test_the_time_is_linear_in_the_size(text: Callable[[int], str]) -> None:
    def seconds(size: int) -> float:
        written = text(size)
        began = time.process_time()
        with contextlib.suppress(SettingsError):
            read(written)
        return time.process_time() - began

    # What a busy machine adds to a run differs from run to run; what the work takes is in all of them.
    small, large = (min(seconds(size) for _run in range(3)) for size in (2_000, 16_000))
    # Eight times as much: eight times as long, sixty-four times if it were quadratic.
    assert large < 24 * small + 0.05


@pytest.mark.parametrize(("files", "refused"), [(50, False), (51, True)])
def test_files_may_be_included_one_in_another_but_not_without_end(files: int, *, refused: bool) -> None:
    texts = {f"/etc/swanctl/f{number}": f"include f{number + 1}\n" for number in range(1, files)}
    texts[f"/etc/swanctl/f{files}"] = "a = 1\n"
    if not refused:
        assert read("include f1", texts) == {"a": "1"}
        return
    with pytest.raises(SettingsError, match=r"f51 is included by itself, or by 50 files one in another$"):
        read("include f1", texts)


@pytest.mark.parametrize(("sections", "refused"), [(100, False), (101, True)])
def test_sections_may_refer_to_one_after_another_but_not_without_end(sections: int, *, refused: bool) -> None:
    text = "".join(f"s{number} : s{number + 1} {{ }}\n" for number in range(sections)) + f"s{sections} {{ a = 1 }}\n"
    if not refused:
        assert resolved(parse_settings(text, file="main")).sections["s0"].values["a"].text == "1"
        return
    with pytest.raises(SettingsError, match=r"^main:1: the references of this section run in a circle"):
        resolved(parse_settings(text, file="main"))
