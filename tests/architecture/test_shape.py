# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files keep the shape that makes them readable: short, documented, headed, and free of one machine's paths."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import options_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.running import RunOptions
from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit.doors import DOORS
from ansible_collections.swanfleet.ipsec.tests.specs import BESIDE

LINES_AT_MOST = 400
MODULE_CODE_AT_MOST = 40
LICENCE = "GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)"
DOCUMENTATION = frozenset({"DOCUMENTATION", "EXAMPLES", "RETURN"})
# Written in two pieces, so that this file is not its own finding.
HOME_PATH = re.compile(
    r"(?<![\w.])/(?:ro" + r"ot/\.(?:cache|config|local|pyenv)|ho" + r"me/[a-z]|wo" + r"rk/\w|Use" + r"rs/\w)"
)


def tracked(checkout: Path) -> list[Path]:
    """List the repository's files, also new ones, that are not ignored."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    files = [checkout / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file()]


def pythons(checkout: Path) -> list[Path]:
    """List the Python files that hold anything."""
    return [file for file in tracked(checkout) if file.suffix == ".py" and file.stat().st_size]


def undocumented(tree: ast.Module) -> list[str]:
    """Name public functions, classes and methods without a docstring.

    A method whose name a protocol of the same file documents needs none: what it promises stands there.
    """
    promised: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in node.bases):
            methods = [method for method in node.body if isinstance(method, ast.FunctionDef)]
            promised |= {method.name for method in methods if ast.get_docstring(method)}
    found = []

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            kept = prefix != "" and node.name in promised
            if ast.get_docstring(node) is None and not kept:
                found.append(f"{prefix}{node.name}")
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")

    visit(tree.body, "")
    return found


def module_code_lines(text: str) -> int:
    """Count a module's lines that are neither documentation, comment nor blank."""
    documented: set[int] = set()
    for node in ast.parse(text).body:
        names = {target.id for target in getattr(node, "targets", []) if isinstance(target, ast.Name)}
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if names & DOCUMENTATION or docstring:
            documented.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(text.splitlines(), start=1)
    return sum(1 for number, line in lines if number not in documented and line.strip() and line.lstrip()[0] != "#")


def test_python_files_are_short(checkout: Path) -> None:
    lengths = {str(file.relative_to(checkout)): len(file.read_text().splitlines()) for file in pythons(checkout)}
    assert len(lengths) > 20
    long = [f"{name}: {length} lines" for name, length in lengths.items() if length > LINES_AT_MOST]
    assert not long, "\n".join(long)


def test_modules_are_doors(checkout: Path) -> None:
    modules = sorted((checkout / "plugins/modules").glob("*.py"))
    assert modules
    counted = {module.name: module_code_lines(module.read_text()) for module in modules}
    assert {name: lines for name, lines in counted.items() if lines > MODULE_CODE_AT_MOST} == {}


def test_what_is_public_in_plugins_has_a_docstring(checkout: Path) -> None:
    missing = {}
    for file in pythons(checkout):
        # A module has one public function, main(), and its documentation is Ansible's.
        if file.is_relative_to(checkout / "plugins") and file.parent.name != "modules":
            names = undocumented(ast.parse(file.read_text()))
            if names:
                missing[str(file.relative_to(checkout))] = names
    assert not missing, "\n".join(f"{file}: {', '.join(names)}" for file, names in missing.items())


def test_every_python_file_is_headed_by_the_licence(checkout: Path) -> None:
    assert [str(file) for file in pythons(checkout) if LICENCE not in file.read_text()[:400]] == []


def test_no_file_names_a_path_of_one_machine(checkout: Path) -> None:
    found = []
    for file in tracked(checkout):
        try:
            text = file.read_text()
        except UnicodeDecodeError:
            continue
        found += [
            f"{file.relative_to(checkout)}:{number}: {line.strip()[:80]}"
            for number, line in enumerate(text.splitlines(), start=1)
            if HOME_PATH.search(line)
        ]
    assert not found, "\n".join(found)


def test_the_version_stands_once(checkout: Path) -> None:
    version = yaml.safe_load((checkout / "galaxy.yml").read_text())["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    constant = re.compile(r"^(?:__version__|COLLECTION_VERSION)\b[^=\n]*= *\"([^\"]+)\"", re.MULTILINE)
    for file in pythons(checkout):
        assert all(found == version for found in constant.findall(file.read_text())), file


def test_the_action_group_holds_every_module_that_takes_options_of_a_run(checkout: Path) -> None:
    group = yaml.safe_load((checkout / "meta/runtime.yml").read_text())["action_groups"]["gateway"]
    modules = [module.stem for module in (checkout / "plugins/modules").glob("*.py")]
    assert sorted(group) == sorted(DOORS)
    assert sorted(modules) == sorted({*DOORS, *BESIDE})
    run = {opt.name for opt in options_of(RunOptions)}
    assert {name for name, door in DOORS.items() if run <= door.spec.keys()} == {*DOORS}
    assert {name for name, spec in BESIDE.items() if run & spec.keys()} == set()


def test_every_module_goes_by_the_action_that_refuses_async(checkout: Path) -> None:
    routing = yaml.safe_load((checkout / "meta/runtime.yml").read_text())["plugin_routing"]["modules"]
    modules = [module.stem for module in (checkout / "plugins/modules").glob("*.py")]
    assert routing == {module: {"action_plugin": "swanfleet.ipsec.ipsec_gateway"} for module in modules}


PROMISE = (
    'class P{base}:\n    """Do."""\n    def f(self):\n        """Do."""\nclass A:\n    """Do."""\n    def f(self): ...'
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("def f(): ...", ["f"]),
        ('class A:\n    """Do."""\n    def f(self): ...', ["A.f"]),
        ("class _A:\n    def f(self): ...", []),
        ("def _f(): ...", []),
        ('def f():\n    """Do."""', []),
        (PROMISE.format(base="(Protocol)"), []),
        (PROMISE.format(base=""), ["A.f"]),
    ],
)
def test_a_missing_docstring_is_named(text: str, names: list[str]) -> None:
    assert undocumented(ast.parse(text)) == names


def test_documentation_is_no_code() -> None:
    assert module_code_lines('#!x\n"""Doc."""\nDOCUMENTATION = r"""\na: b\n"""\n\nimport os\n\nos.nice(1)\n') == 2


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("cd /ho" + "me/alice/x", True),
        ("see /ro" + "ot/.cache", True),
        ("install -d /ro" + "ot/.ssh", False),
        ("the /ro" + "ot directory", False),
        ("https://example.org/wo" + "rk/x", False),
    ],
)
def test_a_path_of_one_machine_is_seen(line: str, found: bool) -> None:
    assert bool(HOME_PATH.search(line)) is found
