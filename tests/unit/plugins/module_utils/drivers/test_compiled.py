# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Code from an archive is imported from a compiled copy that is this user's alone, and from the archive where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers import compiled

# The door as `modulekit.run` is: its package is there already, what it imports next is not.
PROGRAM = """
import sys
archive, cache = sys.argv[1:]
sys.path.insert(0, archive)
import kit.inner
exec(compile(open({compiled!r}).read(), {compiled!r}, "exec"))
use_compiled(sys.modules["kit"], cache)
import kit.inner.late
import kit.other
print(kit.other.WORD, kit.other.__file__, kit.inner.late.__cached__)
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return packed(tmp_path / "payload.zip", "first")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def packed(path: Path, word: str) -> Path:
    with zipfile.ZipFile(path, "w") as payload:
        for name in ("kit", "kit/inner"):
            payload.writestr(f"{name}/__init__.py", "")
        payload.writestr("kit/inner/late.py", "")
        payload.writestr("kit/other.py", f"WORD = {word!r}\n")
        payload.writestr("elsewhere/secret.py", "")
    return path


def imported(archive: Path, cache: Path) -> tuple[str, str, str]:
    """Return the word that was imported, the file it came from, and the compiled file of another module."""
    program = PROGRAM.format(compiled=compiled.__file__)
    # Neither of these is set on a target, where compiled files lie beside the others.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", program, archive, cache], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    word, file, other = done.stdout.split()
    return word, file, other


def files(directory: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in directory.rglob("*") if path.is_file()}


def test_it_is_imported_from_a_compiled_copy(archive: Path, cache: Path) -> None:
    word, file, compiled_file = imported(archive, cache)
    assert (word, Path(file).is_relative_to(cache), Path(compiled_file).is_file()) == ("first", True, True)
    assert cache.stat().st_mode & 0o777 == 0o700
    assert not [path for path in files(cache) if "elsewhere" in path]


def test_the_copy_is_made_once(archive: Path, cache: Path) -> None:
    imported(archive, cache)
    before = files(cache)
    imported(archive, cache)
    assert before == files(cache)


def test_other_code_has_another_copy_and_the_old_one_goes(archive: Path, cache: Path) -> None:
    imported(archive, cache)
    [old] = cache.iterdir()
    assert imported(packed(archive, "other"), cache)[0] == "other"
    [new] = cache.iterdir()
    assert new != old


def test_half_a_copy_of_a_run_that_was_killed_is_not_used(archive: Path, cache: Path) -> None:
    (cache / "tmpkilled/kit").mkdir(parents=True)
    (cache / "tmpkilled/kit/other.py").write_text("WORD = 'half'")
    cache.chmod(0o700)
    assert imported(archive, cache)[0] == "first"
    # It may be one that another run is just making.
    assert (cache / "tmpkilled").exists()
    os.utime(cache / "tmpkilled", (0, 0))
    assert imported(packed(archive, "other"), cache)[0] == "other"
    assert [path.name for path in cache.iterdir() if path.name.startswith("tmp")] == []


@pytest.mark.parametrize("lost", ["kit/other.py", "kit/inner/late.py"])
@pytest.mark.parametrize("away", [True, False], ids=["gone", "empty"])
def test_a_copy_that_a_power_cut_has_emptied_is_made_again(
    archive: Path, cache: Path, lost: str, *, away: bool
) -> None:
    imported(archive, cache)
    [copy] = cache.iterdir()
    for compiled_file in copy.rglob("*.pyc"):
        compiled_file.write_bytes(b"")
    (copy / lost).unlink() if away else (copy / lost).write_text("")
    assert imported(archive, cache)[0] == "first"
    assert [path.name for path in cache.iterdir()] == [copy.name]


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o750])
def test_a_directory_that_others_can_reach_is_not_used(archive: Path, cache: Path, mode: int) -> None:
    cache.mkdir()
    cache.chmod(mode)
    assert imported(archive, cache)[:2] == ("first", f"{archive}/kit/other.py")
    assert list(cache.iterdir()) == []


def test_neither_is_a_link(archive: Path, cache: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    cache.symlink_to(elsewhere)
    assert imported(archive, cache)[1] == f"{archive}/kit/other.py"


def test_without_a_place_for_it_the_archive_serves(archive: Path, tmp_path: Path) -> None:
    assert imported(archive, tmp_path / "no/such/place")[1] == f"{archive}/kit/other.py"


def test_code_that_is_in_no_archive_stays_where_it_is(tmp_path: Path) -> None:
    package = sys.modules[compiled.__name__.rpartition(".")[0]]
    before = list(package.__path__)
    compiled.use_compiled(package, str(tmp_path / "cache"))
    assert list(package.__path__) == before
    assert not (tmp_path / "cache").exists()
