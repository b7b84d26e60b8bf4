# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine relies on in a file system, held against the fake and against a real one alike."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import (
    Files,
    FileTrouble,
    LocalFiles,
    NewFile,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import LockBusy
from ansible_collections.swanfleet.ipsec.tests.fakes.files import FakeFiles


@pytest.fixture(params=["fake", "real"])
def files(request: pytest.FixtureRequest) -> Files:
    return FakeFiles() if request.param == "fake" else LocalFiles()


@pytest.fixture
def root(files: Files, tmp_path: Path) -> str:
    files.make_directory(str(tmp_path), 0o755)
    return str(tmp_path)


def test_what_is_not_there_is_no_error(files: Files, root: str) -> None:
    assert files.read(f"{root}/no/file") is None
    assert files.target(f"{root}/no/link") is None
    assert files.names(f"{root}/no/directory") == []
    files.remove(f"{root}/no/file")


def test_a_replaced_file_has_the_new_content_and_mode_and_makes_its_directories(files: Files, root: str) -> None:
    path = f"{root}/etc/swanctl/conf.d/x.conf"
    for content, mode in ((b"one\0\xff", 0o600), (b"", 0o644), (b"three\n", 0o600)):
        files.replace(path, content, mode)
        found = files.read(path)
        assert found is not None
        assert (found.content, found.mode) == (content, mode)
        assert found.modified > 1_600_000_000
    assert files.names(f"{root}/etc/swanctl/conf.d") == ["x.conf"]
    assert files.names(f"{root}/etc") == ["swanctl"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("one.conf", ["one.conf"]),
        ("*.conf", ["A.conf", "one.conf", "two.conf"]),
        ("?ne.conf", ["one.conf"]),
        ("[ot]*", ["one.conf", "two.conf"]),
        (".h*", [".hidden.conf"]),
        ("*/*.conf", ["more/three.conf"]),
        ("*", ["A.conf", "one.conf", "two.conf"]),
        ("none*", []),
        ("no/such/*.conf", []),
    ],
)
def test_a_pattern_finds_files_in_order(files: Files, root: str, pattern: str, found: list[str]) -> None:
    for name in ("one.conf", "more/three.conf", ".hidden.conf", "A.conf"):
        files.replace(f"{root}/{name}", b"", 0o600)
    files.point(f"{root}/two.conf", "one.conf")
    files.point(f"{root}/dangling.conf", "nothing")
    assert files.matching(f"{root}/{pattern}") == [f"{root}/{name}" for name in found]


def test_several_files_are_replaced_together(files: Files, root: str) -> None:
    files.replace(f"{root}/a/x", b"old", 0o644)
    files.replace_all([NewFile(f"{root}/a/x", b"new", 0o600), NewFile(f"{root}/b/y", b"", 0o644)])
    found = [files.read(f"{root}/{name}") for name in ("a/x", "b/y")]
    assert [(file.content, file.mode) for file in found if file] == [(b"new", 0o600), (b"", 0o644)]
    assert (files.names(f"{root}/a"), files.names(f"{root}/b")) == (["x"], ["y"])


def test_none_of_several_files_is_replaced_where_one_cannot_be_written(files: Files, root: str) -> None:
    files.replace(f"{root}/x", b"old", 0o644)
    files.replace(f"{root}/file", b"", 0o644)
    with pytest.raises(FileTrouble, match=r"cannot write .*/file/y"):
        files.replace_all([NewFile(f"{root}/x", b"new", 0o600), NewFile(f"{root}/file/y", b"", 0o644)])
    found = files.read(f"{root}/x")
    assert found is not None
    assert found.content == b"old"
    assert files.names(root) == ["file", "x"]


def test_a_link_in_the_way_is_replaced_and_what_it_points_to_is_not_written(files: Files, root: str) -> None:
    files.replace(f"{root}/victim", b"old", 0o644)
    files.point(f"{root}/x.conf", "victim")
    files.replace(f"{root}/x.conf", b"new", 0o600)
    assert [each and each.content for each in map(files.read, (f"{root}/victim", f"{root}/x.conf"))] == [b"old", b"new"]
    assert files.target(f"{root}/x.conf") is None


def test_a_link_is_moved_and_read_through(files: Files, root: str) -> None:
    for number in ("1", "2"):
        files.replace(f"{root}/{number}", number.encode(), 0o600)
        files.point(f"{root}/current", number)
        assert files.target(f"{root}/current") == number
        found = files.read(f"{root}/current")
        assert found is not None
        assert found.content == number.encode()
    assert files.target(f"{root}/1") is None
    files.remove(f"{root}/current")
    assert files.names(root) == ["1", "2"]


def test_a_directory_goes_with_all_below_it(files: Files, root: str) -> None:
    files.make_directory(f"{root}/generations/1", 0o700)
    files.replace(f"{root}/generations/1/objects.json", b"{}", 0o600)
    files.replace(f"{root}/generations/12", b"", 0o600)
    files.point(f"{root}/generations/current", "1")
    files.remove(f"{root}/generations/1")
    assert files.names(f"{root}/generations") == ["12", "current"]
    files.remove(f"{root}/generations")
    assert files.names(root) == []


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        pytest.param(lambda files, root: files.read(root), "cannot read {root}: Is a directory", id="read"),
        pytest.param(
            lambda files, root: files.replace(f"{root}/file/x", b"", 0o600),
            "cannot write {root}/file/x: File exists",
            id="write",
        ),
        pytest.param(
            lambda files, root: files.replace(f"{root}/directory", b"", 0o600),
            "cannot write {root}/directory: Is a directory",
            id="write over a directory",
        ),
        pytest.param(
            lambda files, root: files.make_directory(f"{root}/file/x/y", 0o700),
            "cannot make directory {root}/file/x/y: Not a directory",
            id="make directory",
        ),
        pytest.param(
            lambda files, root: files.names(f"{root}/file"), "cannot list {root}/file: Not a directory", id="list"
        ),
        pytest.param(
            lambda files, root: files.point(f"{root}/no/current", "1"),
            "cannot link {root}/no/current: No such file or directory",
            id="link",
        ),
    ],
)
def test_a_refusal_names_path_operation_and_reason(files: Files, root: str, operation: object, message: str) -> None:
    files.replace(f"{root}/file", b"", 0o600)
    files.make_directory(f"{root}/directory", 0o700)
    assert callable(operation)
    with pytest.raises(FileTrouble) as refused:
        operation(files, root)
    assert str(refused.value) == message.format(root=root)
    assert files.names(root) == ["directory", "file"]


def test_random_bytes_have_their_size_and_differ(files: Files) -> None:
    one, other = files.random(32), files.random(32)
    assert (len(one), len(other)) == (32, 32)
    assert one != other


def test_the_lock_is_free_again_after_an_error(files: Files, root: str) -> None:
    class Bug(Exception):
        pass

    path = f"{root}/run/lock"
    with pytest.raises(Bug), files.lock(path, 0.0, "a test"):
        raise Bug
    with files.lock(path, 0.0, "a test"):
        pass


def test_a_held_lock_is_refused_with_its_holder(files: Files, root: str) -> None:
    path = f"{root}/run/lock"
    said = rf"process \d+, a test, since [\d-]+ [\d:]+ holds {path} .* 0 seconds"
    with files.lock(path, 0.0, "a test"), pytest.raises(LockBusy, match=said):
        files.lock(path, 0.0, "another").__enter__()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    program = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT), 2); print(flush=True); "
    with subprocess.Popen(
        [sys.executable, "-c", program + "sys.stdin.read()", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(LockBusy):
            LocalFiles().lock(path, 0.0, "a test").__enter__()
        holder.kill()
    with LocalFiles().lock(path, 0.0, "a test"):
        pass


def test_what_cannot_be_appended_whole_is_not_appended_at_all(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    LocalFiles().append(str(path), b"first\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(FileTrouble, match=r"cannot write .*/journal: File too large"):
            LocalFiles().append(str(path), b"second\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    LocalFiles().append(str(path), b"third\n")
    assert path.read_bytes() == b"first\nthird\n"


def test_a_file_is_never_readable_by_others_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    opened = os.open

    def watched(path: str, flags: int, mode: int = 0o777) -> int:
        descriptor = opened(path, flags, mode)
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    monkeypatch.setattr(os, "open", watched)
    LocalFiles().replace(str(tmp_path / "secrets"), b"s3cret", 0o600)
    assert seen[0] == 0o600
