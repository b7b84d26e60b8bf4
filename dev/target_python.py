# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that target code is Python 3.9: by its grammar always, by a real 3.9 and the unit tests where there is one."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
TARGET_CODE = ("plugins/modules", "plugins/module_utils")
NO_SUCH_PYTHON = 3


def main() -> int:
    """Return 0 when all is Python 3.9."""
    files = sorted(file for folder in TARGET_CODE for file in (CHECKOUT / folder).rglob("*.py"))
    bad = 0
    for file in files:
        try:
            ast.parse(file.read_text(), filename=str(file), feature_version=(3, 9))
        except SyntaxError as error:
            bad += 1
            print(f"{file.relative_to(CHECKOUT)}:{error.lineno}: {error.msg}")
    print(f"{len(files)} files of target code read by the grammar of Python 3.9, {bad} refused")
    return 1 if bad or not files else _real_python()


def _real_python() -> int:
    setup = subprocess.run(
        [CHECKOUT / "dev/venv", "units39"], stdout=subprocess.PIPE, text=True, check=False, timeout=300
    )
    if setup.returncode == NO_SUCH_PYTHON:
        print("no Python 3.9 on this computer: the unit tests of target code were not run on it")
        return 0
    if setup.returncode != 0:
        return setup.returncode
    python = Path(setup.stdout.strip()) / "bin" / "python"
    # Tests may be newer than targets: those that 3.9 cannot read are left to the newer Python, and counted.
    tests: list[str] = []
    newer: list[str] = []
    for file in sorted((CHECKOUT / "tests/unit/plugins/module_utils").rglob("test_*.py")):
        (tests if _reads(python, file) else newer).append(str(file))
    compiled = subprocess.run(
        [python, "-m", "compileall", "-q", "-f", *(str(CHECKOUT / folder) for folder in TARGET_CODE)],
        check=False,
        timeout=120,
    )
    if compiled.returncode != 0:
        return compiled.returncode
    if not tests:
        print(f"no unit tests of module_utils for Python 3.9 ({len(newer)} need a newer one)")
        return 0
    if newer:
        print(f"{len(newer)} test files are newer than Python 3.9:", *newer)
    arguments = ["-q", "--no-header", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "few"}
    # Whoever runs this bounds its time.
    return subprocess.run([python, "-m", "pytest", *arguments], check=False, cwd=CHECKOUT, env=environment).returncode


def _reads(python: Path, file: Path) -> bool:
    program = "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')"
    return subprocess.run([python, "-c", program, file], check=False, timeout=30, capture_output=True).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
