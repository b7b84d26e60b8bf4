# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for canaries finds them however they are written, and the trace's reader sees what strace wrote."""

from __future__ import annotations

import base64
import gzip
import html
import json
import shlex
import urllib.parse
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from ansible_collections.swanfleet.ipsec.tests.daemon.canary import Canary, Search
from ansible_collections.swanfleet.ipsec.tests.daemon.tracing import Traced, read_calls

CANARY = Canary("seek77")
SEARCH = Search([CANARY])


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(str, id="as it is"),
        pytest.param(str.upper, id="in capitals"),
        pytest.param(json.dumps, id="JSON"),
        pytest.param(lambda text: json.dumps(json.dumps({"a": text})), id="JSON in JSON"),
        pytest.param(yaml.safe_dump, id="YAML"),
        pytest.param(repr, id="repr"),
        pytest.param(lambda text: repr(text.encode()), id="repr of bytes"),
        pytest.param(shlex.quote, id="a shell's quotes"),
        pytest.param(html.escape, id="HTML"),
        pytest.param(urllib.parse.quote, id="a URL"),
        pytest.param(urllib.parse.quote_plus, id="a form"),
        pytest.param(lambda text: text.encode().hex(), id="hexadecimal"),
        pytest.param(lambda text: text.encode("utf-16"), id="UTF-16"),
        pytest.param(lambda text: gzip.compress(text.encode()), id="gzip"),
        pytest.param(lambda text: zlib.compress(text.encode()), id="zlib"),
        pytest.param(lambda text: text[: len(text) // 2], id="cut off at its end"),
        pytest.param(lambda text: text[len(text) // 2 :], id="cut off at its beginning"),
        pytest.param(lambda text: base64.b64encode(text.encode()), id="base64"),
        pytest.param(lambda text: base64.b64encode(b"x" + text.encode() + b"yz"), id="base64 of more, by one"),
        pytest.param(lambda text: base64.urlsafe_b64encode(b"xx" + text.encode() + b"y"), id="base64 of more, by two"),
    ],
)
def test_a_canary_is_found(write: Callable[[str], bytes | str]) -> None:
    written = write(CANARY.text)
    around = (b"before ", b" after") if isinstance(written, bytes) and written[:1] not in b"\x1f\x78" else (b"", b"")
    data = written.encode() if isinstance(written, str) else written
    assert SEARCH.found_in(around[0] + data + around[1])


@pytest.mark.parametrize("data", ["", "another secret", "seek77", Canary("other").text, b"\x1f\x8bbroken"])
def test_nothing_else_is_taken_for_one(data: bytes | str) -> None:
    assert not SEARCH.found_in(data)


def test_a_trace_is_read(tmp_path: Path) -> None:
    lines = [
        '7 execve("/bin/sh", ["sh", "-c", "true"], ["PATH=/bin"]) = 0',
        '7 openat(AT_FDCWD</>, "/a", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600) = 3</a>',
        '8 openat(AT_FDCWD</>, "/b", O_RDONLY) = 4</b>',
        f'7 write(3</a>, "say {CANARY.name}0d9eHead", 20 <unfinished ...>',
        '8 write(4<pipe:[12]>, "other", 5) = 5',
        "7 <... write resumed>) = 20",
    ]
    trace = tmp_path / "trace"
    trace.write_text("\n".join(lines))
    run = Traced(0, "", read_calls(trace))
    assert [(call.process, call.name) for call in run.programs()] == [(7, "execve")]
    assert [(call.process, call.target) for call in run.carrying(SEARCH)] == [(7, "/a")]
    assert run.modes() == {"/a": {"0600"}}
