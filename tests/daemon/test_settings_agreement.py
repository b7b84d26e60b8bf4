# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our parser of swanctl.conf against libstrongswan's own: the same verdict, and the same tree in the same order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.references import resolved
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import Section, parse_settings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.tokens import SettingsError
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import LocalFiles
from ansible_collections.swanfleet.ipsec.tests.daemon.libstrongswan import Shape, shapes
from ansible_collections.swanfleet.ipsec.tests.daemon.settings_texts import Texts

pytestmark = pytest.mark.charon

CIRCLE = "run in a circle"

# One line each: what goes wrong easily, or is read otherwise than it looks.
NASTY = [
    "", "\n", " ", "#", "# c", "\r", "a", "a ", "a=", "a =\n", "=", "= b", "a = b", "a=b\nc=d", "a = b = c", "a b = c",
    "a = b c  d\t e\n", "a = b\rc\n", "a = b#c\nd = e", "a = # c\n", 'a = ""', 'a = "" b', 'a = b"c"d', "a = b\\\nc = d",
    'a = "b', 'a = "b\\', 'a = "b\\"', 'a = "b\nc"', 'a = "b\rc"', 'a = "b\\\nc"', 'a = "b\\\r\nc"', 'a = "b\\\rc"',
    'a = "\\n\\r\\t\\"\\\\\\x\\0"', '"a" = b', 'a"b" = c', "a.b = c", ". = a", "a, = b", "{", "}", "a {", "a }", "a { }", "a {}}",
    "a\n{\n}", "a # c\n{ # d\n}", "a { b = c }", "a { b = c", "a { b { c = d } }", "a { { } }", "a = {\n}", "a =\n{ }",
    "a { b = 1 }\na { c = 2\nb = 3 }", "a { b { c = 1 } }\na { b { d = 2 } }", "a = 1\na = 2", "a = 1\na =\n",
    "a = 1\nb = 2\na =\na = 3\n", "a { b = 1 }\na { b =\n}", "a = 1\na { }", "a { a = 1\na { a = 2 } }",
    "  # a \r b = c\n", "# a \r b = c\n", "# a \r b = c", "\r  # a \r b = c\n", "a = b # c \r d = e\n", "a = b  # c\rd = e\n",
    "include", "include ", "include  ", "include \n", "include\n", "include =", "include = a", "include\t= a", "include  = a",
    "includes a", "a { include }", "a { include x }", "a { include x\n}", "include x", "include x y", "include x y=1",
    "include x#y\nz=1", 'include "x', 'include "x" y=1', 'include "x"y=1', 'include x"y z"\na=1', "include x\\ y\na=1",
    "include x\\\ny=1", "a include x\n= b", "a = include x\n", "a : include x {}", "include x = y",
    "a : b { }", "a:b{}", "a : b", "a : { }", "a : , b { }", "a : b, { }", "a : b c { }", "a : b.c { }", "a : b. { }", "a : .b { }",
    "a : b..c { }", "a : b = c", "a : b # x\n, c # y\n{ d = 1 }", "a : b # x \r , c { d = 1 }\n", 'a : "b" { }', "a : b : c { }",
    "a : b { }\nb { c = 1 }", "b { c = 1 }\na : b { c =\n}", "a : b, c { }\nb { x = 1 }\nc { x = 2\ny = 3 }",
    "a : b { }\nb : c { x = 1 }\nc { y = 2 }", "a : b { x = 1 }\nb : a { y = 2 }", "a : a { x = 1 }",
    "a : b, c { x = 1 }\nb : a, d { y = 1\nx = 3 }\nc { z = 1\ny = 4 }\nd { w = 1 }",
    "a : b.x.y { }\nb { x : z { } }\nz { y { k = 1 } }", "a : b { s { k = 1 } }\nb { s { k = 2\nl = 3 } r { } }",
    "a : t { }\na : u { }\nt { k = 1 }\nu { k = 2\nl = 3 }", "c { p : t { l { k =\n} } }\nt { l { k = 1\nm = 2 } }",
    "c : d { a { x = 1 } }\nd { a { y = 1 } b : t { } }\nt { v = 1\ns { u = 1 } }",
    "\x01 = \x02", "\x0b = \x0c", "\ufeffa = b", "a = \udcff", "\udcfe { }", "a=b;c=d", "a = 'b c'", "a\\ = b", "a/b = c",
    "a%s = b",
]  # fmt: skip


def shape(section: Section) -> Shape:
    values = [[name, value.text] for name, value in section.values.items() if value.text is not None]
    return [values, [[name, shape(inner)] for name, inner in section.sections.items()]]


def ours(text: str) -> tuple[Shape | None, str]:
    """Return what we read, None with the reason for what we refuse."""
    try:
        return shape(resolved(parse_settings(text, file="text"))), ""
    except SettingsError as error:
        return None, str(error)


def disagreements(texts: Sequence[str]) -> tuple[Counter[str], list[str]]:
    """Count what became of the texts, and show those that the two read differently.

    libstrongswan is not asked about references in a circle: it would not come back.
    """
    told = [ours(text) for text in texts]
    counted = Counter("circle" if CIRCLE in reason else "refused" if read is None else "read" for read, reason in told)
    asked = [(text, read) for text, (read, reason) in zip(texts, told, strict=True) if CIRCLE not in reason]
    real = shapes([text for text, _read in asked])
    return counted, [
        f"{text!r}: we {read}, libstrongswan {truth}"
        for (text, read), truth in zip(asked, real, strict=True)
        if read != truth
    ]


def test_nasty_texts_are_read_as_libstrongswan_does() -> None:
    counted, wrong = disagreements(NASTY)
    assert wrong == []
    assert counted["read"] >= 60
    assert counted["refused"] >= 40


def test_12000_generated_files_are_read_as_libstrongswan_does(record_property: Callable[[str, object], None]) -> None:
    texts = Texts(seed=12000)
    whole = [texts.whole() for _number in range(5000)]
    broken = [texts.broken() for _number in range(7000)]
    counted, wrong = disagreements([*whole, *broken])
    record_property("generated files", dict(counted))
    assert wrong[:5] == []
    assert counted.total() == 12000
    assert counted["read"] >= 5000
    assert counted["refused"] >= 2000
    assert counted["circle"] <= 100


# Files to be included: whole ones, and such as end in the middle of something, which the text around goes on with.
PIECES = {
    "one.conf": "a = 1\n", "two.conf": "b { c = 2 }", "three.conf": "# nothing\n", "empty.conf": "", "open.conf": "a {\n",
    "close.conf": "}\n", "value.conf": "a = ", "word.conf": "a", "quote.conf": 'a = "',
    "more/one.conf": "c = 3\ninclude two.conf\n",
    "more/two.conf": "d { include ../one.conf }", "more/three.conf": "include ../*o*.conf\n", "reference.conf": "a : b",
    "name blank.conf": "e = 4\n", "more/.hidden.conf": "f = 5\n", "end.conf": "g = 6\ninclude one.conf", "bad.conf": "= 7\n",
}  # fmt: skip
PATTERNS = [
    *["one.conf", "two.conf", "more/o*.conf", "none.conf", "end.conf"] * 6, *PIECES, "*.conf", "more/*.conf", "more/t*.conf",
    "o*e.conf", "[ot]*.conf", "more/?wo.conf", "*/*.conf", "none*.conf", '"name blank.conf"', '"more/one.conf"',
    "name\\ blank.conf", 'more/"o"ne.conf', "more", "./one.conf", "more/../two.conf", "",
]  # fmt: skip


def test_1000_files_with_includes_are_read_as_libstrongswan_does(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    for name, piece in PIECES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(piece)
    texts = Texts(seed=1000)
    files = []
    for number in range(1000):
        parts = [
            f"include {pattern}{texts.choice([chr(10), ' ', ''])}" if pattern else texts.whole()
            for pattern in (texts.choice(PATTERNS) for _each in range(1 + number % 3))
        ]
        files.append(tmp_path / f"main-{number}.txt")
        files[-1].write_bytes("".join(parts).encode("utf-8", "surrogateescape"))
    local = LocalFiles()

    def include(pattern: str) -> list[tuple[str, str]]:
        found = ((path, local.read(path)) for path in local.matching(pattern))
        return [(path, each.content.decode("utf-8", "surrogateescape")) for path, each in found if each is not None]

    counted: Counter[str] = Counter()
    real = shapes([str(file) for file in files], files=True)
    for file, truth in zip(files, real, strict=True):
        text = file.read_bytes().decode("utf-8", "surrogateescape")
        try:
            read = shape(resolved(parse_settings(text, file=str(file), directory=str(tmp_path), include=include)))
        except SettingsError:
            read = None
        assert read == truth, text
        counted["refused" if read is None else "read"] += 1
    record_property("files with includes", dict(counted))
    assert counted["read"] >= 150
    assert counted["refused"] >= 150
