# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are put in place together: which are written, which are left alone, and what is told of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileState, FileTrouble
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.fakes.files import FakeFiles

pytest.importorskip("ansible.module_utils.basic", reason="modules need Ansible")

from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit.placing import place

UNIT, OPTIONS = "/etc/systemd/system/a.service.d/own.conf", "/etc/strongswan.d/own.conf"
HEADERS = {"before_header": OPTIONS, "after_header": OPTIONS}
GIVEN = ({"path": UNIT, "content": "[Service]\n"}, {"path": OPTIONS, "content": "charon {\n}\n"})


@pytest.fixture
def files() -> FakeFiles:
    return FakeFiles()


def placed(files: FakeFiles, *, check: bool = False, given: Sequence[dict[str, Any]] = GIVEN) -> dict[str, Any]:
    return place(files, given, check=check, diff=True)


def test_all_are_written_once_and_a_check_tells_the_same(files: FakeFiles) -> None:
    planned = placed(files, check=True)
    assert files.files == {}
    made = placed(files)
    assert made == planned
    assert (made["changed"], made["written"]) == (True, [UNIT, OPTIONS])
    assert files.files == {each["path"]: FileState(each["content"].encode(), 0o644, files.now) for each in GIVEN}
    files.now += 1
    assert placed(files) == {"changed": False, "written": [], "diff": []}
    assert {each.modified for each in files.files.values()} == {files.now - 1}


@pytest.mark.parametrize(
    ("was", "before", "after"),
    [
        pytest.param(FileState(b"old\n", 0o644, 0.0), "old\n", "charon {\n}\n", id="content"),
        pytest.param(FileState(b"\xff\n", 0o644, 0.0), "\ufffd\n", "charon {\n}\n", id="no text"),
        pytest.param(
            FileState(b"charon {\n}\n", 0o600, 0.0),
            {"mode": "0600", "owner": "0:0"},
            {"mode": "0644", "owner": "0:0"},
            id="mode",
        ),
        pytest.param(
            FileState(b"charon {\n}\n", 0o644, 0.0, (1000, 100)),
            {"mode": "0644", "owner": "1000:100"},
            {"mode": "0644", "owner": "0:0"},
            id="owner",
        ),
    ],
)
def test_what_differs_alone_is_written(files: FakeFiles, was: FileState, before: object, after: object) -> None:
    placed(files)
    files.files[OPTIONS] = was
    files.now += 1
    done = placed(files)
    assert (done["changed"], done["written"]) == (True, [OPTIONS])
    assert done["diff"] == [{**HEADERS, "before": before, "after": after}]
    assert files.files[OPTIONS] == FileState(b"charon {\n}\n", 0o644, files.now)
    assert files.files[UNIT].modified == files.now - 1


def test_content_and_rights_that_differ_are_both_told(files: FakeFiles) -> None:
    files.files[OPTIONS] = FileState(b"old\n", 0o600, 0.0, (1000, 100))
    assert placed(files, given=GIVEN[1:])["diff"] == [
        {**HEADERS, "before": "old\n", "after": GIVEN[1]["content"]},
        {**HEADERS, "before": {"mode": "0600", "owner": "1000:100"}, "after": {"mode": "0644", "owner": "0:0"}},
    ]


def test_bytes_that_are_no_text_arrive_as_they_were(files: FakeFiles) -> None:
    content = b"caf\xe9\n".decode("utf-8", "surrogateescape")
    assert placed(files, given=[{"path": OPTIONS, "content": content}])["changed"]
    assert files.files[OPTIONS].content == b"caf\xe9\n"


def test_without_diff_none_is_told(files: FakeFiles) -> None:
    assert place(files, GIVEN, check=True, diff=False) == {"changed": True, "written": [UNIT, OPTIONS]}


@pytest.mark.parametrize(
    "path",
    [
        "own.conf",
        "",
        "/",
        "/etc/",
        "//etc/a",
        "/etc//a",
        "/etc/./a",
        "/etc/../a",
        "~/a",
        "$HOME/a",
        "/etc/a\0.conf",
        "/etc/a\ud83d",
    ],
)
def test_a_path_that_cannot_be_meant_is_refused(files: FakeFiles, path: str) -> None:
    with pytest.raises(ValidationError) as refused:
        placed(files, given=[*GIVEN, {"path": path, "content": ""}])
    assert (
        str(refused.value)
        == f"files[2]: path is {path!r}: must be a file's absolute path without detours, such as /etc/issue"
    )
    assert files.files == {}


def test_a_text_that_no_file_can_hold_is_refused_and_not_shown(files: FakeFiles) -> None:
    with pytest.raises(ValidationError) as refused:
        placed(files, given=[*GIVEN, {"path": "/etc/a", "content": "secret\ud83d"}])
    assert str(refused.value) == "files[2]: content: must be a text that UTF-8 can hold, without half a surrogate pair"
    assert files.files == {}


@pytest.mark.parametrize(
    ("content", "shape"),
    [(True, "a truth value"), (420, "a number"), (1.5, "a number"), ({"a": True}, "a dictionary"), (["a"], "a list")],
)
def test_what_yaml_made_something_else_of_is_refused(files: FakeFiles, content: object, shape: str) -> None:
    with pytest.raises(ValidationError) as refused:
        placed(files, given=[{"path": OPTIONS, "content": content}])
    wanted = "a text (quote it, or end its template in '| string') is needed"
    assert str(refused.value) == f"files[0]: content: {wanted}, this is {shape}"


def test_a_file_is_named_once(files: FakeFiles) -> None:
    with pytest.raises(ValidationError, match=r"files\[2\]: path is '.+/own\.conf': stands in the list twice"):
        placed(files, given=[*GIVEN, GIVEN[0]])


def test_a_directory_in_the_place_of_a_file_is_told(files: FakeFiles) -> None:
    files.directories[OPTIONS] = 0o755
    with pytest.raises(FileTrouble, match=OPTIONS):
        placed(files)
    assert files.files == {}


IMPORTED = """
import sys
sys.path.insert(0, sys.argv[1])
import ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit.placing
print(*sorted(name.partition(".module_utils.")[2] for name in sys.modules if ".ipsec.plugins." in name), sep="\\n")
"""


def test_the_engine_is_not_imported(collections_path: Path) -> None:
    argv = [sys.executable, "-c", IMPORTED, str(collections_path)]
    names = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout.split()
    assert "modulekit.placing" in names
    engine = ("apply", "plan", "observed", "artifacts", "desired.gateway", "modulekit.doors")
    assert [name for name in names if name.startswith(engine)] == []
