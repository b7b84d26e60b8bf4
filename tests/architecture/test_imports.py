# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection is importable by its one name, from a checkout of any name, here and in other programs."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

NAME = "ansible_collections.swanfleet.ipsec.plugins.module_utils.errors"


def test_the_collection_is_imported_from_this_checkout(checkout: Path) -> None:
    file = importlib.import_module(NAME).__file__
    assert file is not None
    assert Path(file).resolve() == checkout / "plugins/module_utils/errors.py"


def test_a_program_that_a_test_starts_imports_the_same_file(checkout: Path, collections_path: Path) -> None:
    program = f"import os, {NAME} as module; print(os.path.realpath(module.__file__))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(collections_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.strip() == str(checkout / "plugins/module_utils/errors.py")


def test_a_module_under_a_second_name_is_noticed(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "test_twice.py").write_text(
        f"import sys\nsys.path.insert(0, {str(checkout)!r})\n\n\n"
        "def test_imports_by_another_name():\n    import plugins.module_utils.errors\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-c",
            str(checkout / "pyproject.toml"),
            f"--rootdir={checkout}",
            "-p",
            "tests.conftest",
            str(tmp_path / "test_twice.py"),
        ],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "plugins.module_utils.errors" in done.stdout
