# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the import graph of plugins/ and name every edge that the layer rules forbid (docs/architecture.md)."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "ansible_collections.swanfleet.ipsec.plugins"
EVERYWHERE = "errors"

# A layer may import itself, errors, and what stands here. The order is that of the data's way.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "desired": frozenset(),
    "artifacts": frozenset({"desired"}),
    "drivers": frozenset(),
    "observed": frozenset({"desired", "artifacts", "drivers"}),
    "plan": frozenset({"desired", "artifacts", "observed"}),
    "apply": frozenset({"desired", "artifacts", "observed", "plan", "drivers"}),
    # What the agent decides follows from values alone, so that years of failures can be played through in seconds.
    "agent/decision": frozenset({"desired"}),
    "agent": frozenset({"desired", "artifacts", "observed", "plan", "apply", "drivers", "agent/decision"}),
    "modulekit": frozenset({"desired", "artifacts", "observed", "plan", "apply", "drivers", "agent"}),
    "modules": frozenset({"modulekit"}),
    # Both are pure, so the controller may compute with them what a target would.
    "plugin_utils": frozenset({"desired", "artifacts"}),
    "action": frozenset({"desired", "plugin_utils"}),
    "filter": frozenset({"desired", "artifacts", "plugin_utils"}),
    "lookup": frozenset({"desired", "artifacts", "plugin_utils"}),
    "doc_fragments": frozenset({"desired", "plugin_utils"}),
}
CONTROLLER = frozenset({"plugin_utils", "action", "filter", "lookup", "doc_fragments"})
CONTROLLER_LIBRARIES = ("ansible", "jinja2", "netaddr", "yaml")

# From drivers these two take what describes the outside world, and are handed what acts on it.
PROTOCOLS_ONLY = frozenset({"observed", "apply"})

ACTING_MODULES = frozenset(
    {
        "asyncio",
        "ctypes",
        "fcntl",
        "ftplib",
        "glob",
        "http",
        "importlib",
        "multiprocessing",
        "os",
        "platform",
        "pwd",
        "grp",
        "random",
        "resource",
        "secrets",
        "select",
        "selectors",
        "shutil",
        "signal",
        "smtplib",
        "socket",
        "socketserver",
        "ssl",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib",
    }
)
ACTING_CALLS = frozenset({"open", "input", "__import__"})
ACTING_METHODS = frozenset(
    {
        "now",
        "utcnow",
        "today",
        "read_text",
        "write_text",
        "read_bytes",
        "write_bytes",
        "unlink",
        "mkdir",
        "touch",
        "uuid1",
        "uuid4",
        "fromtimestamp",
    }
)


@dataclass(frozen=True, order=True)
class Violation:
    """One forbidden thing: the file below plugins/, its line, and what is wrong in words."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"plugins/{self.file}:{self.line}: {self.what}"


@dataclass(frozen=True)
class Import:
    """One imported module (or a name of one), by its full name, wherever in the file it stands."""

    line: int
    module: str
    name: str | None


def violations(plugins: Path) -> list[Violation]:
    """Return what breaks the layer rules in the Python files below `plugins`, sorted."""
    found = []
    for file in sorted(plugins.rglob("*.py")):
        parts = file.relative_to(plugins).with_suffix("").parts
        layer = layer_of(parts)
        tree = ast.parse(file.read_text(), filename=str(file))
        shown = file.relative_to(plugins).as_posix()
        if layer is None:
            if tree.body:
                found.append(Violation(shown, 1, "is in no layer: name it in tests/architecture/layers.py"))
            continue
        complaints = [*_forbidden_imports(plugins, layer, imports(tree, parts))]
        if layer not in CONTROLLER | {"drivers"}:
            complaints += _actions(tree, layer)
        found += [Violation(shown, line, what) for line, what in complaints]
    return sorted(set(found))


def layer_of(parts: tuple[str, ...]) -> str | None:
    """Return the layer of a path below plugins/, None for what belongs to none."""
    if parts[:1] == ("module_utils",):
        parts = parts[1:]
        if "/".join(parts[:2]) in MAY_IMPORT:
            return "/".join(parts[:2])
        return parts[0] if parts and parts[0] in MAY_IMPORT and parts[0] not in CONTROLLER else None
    return parts[0] if parts and parts[0] in CONTROLLER | {"modules"} else None


def imports(tree: ast.Module, parts: tuple[str, ...]) -> Iterator[Import]:
    """Yield every import of a file at `parts` below plugins/, relative ones resolved, inside functions too."""
    package = (*PACKAGE.split("."), *parts[:-1])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, None)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *(node.module.split(".") if node.module else ())))
            for alias in node.names:
                yield Import(node.lineno, module, alias.name)


def _forbidden_imports(plugins: Path, layer: str, found: Iterator[Import]) -> Iterator[tuple[int, str]]:
    for each in found:
        if each.module == PACKAGE or each.module.startswith(PACKAGE + "."):
            complaint = _inner(plugins, layer, each)
        else:
            complaint = _outer(layer, each)
        if complaint:
            yield each.line, f"{layer} {complaint}"


def _inner(plugins: Path, layer: str, each: Import) -> str | None:
    parts = tuple(each.module.split(".")[len(PACKAGE.split(".")) :])
    # "from .. import errors" names the module as a name.
    if layer_of(parts) is None and each.name is not None:
        parts = (*parts, each.name)
    target = layer_of(parts)
    if target is None:
        return f"imports {'.'.join(parts)}, which is in no layer"
    if target not in {layer, EVERYWHERE} | MAY_IMPORT[layer]:
        return f"imports {target}"
    if target == "observed" and layer == "plan" and parts[-1] != "values":
        return f"imports {'.'.join(parts[1:])}: of observed, only its values"
    if target == "drivers" and layer in PROTOCOLS_ONLY and not _describes(plugins, parts, each.name):
        return f"imports {each.name or parts[-1]} of drivers, which acts: only protocols, values and errors"
    return None


def _outer(layer: str, each: Import) -> str | None:
    top = each.module.split(".")[0]
    if top in sys.stdlib_module_names:
        return None
    if layer in CONTROLLER and top in CONTROLLER_LIBRARIES:
        return None
    full = each.module if each.name is None else f"{each.module}.{each.name}"
    if layer == "modulekit" and f"{full}.".startswith("ansible.module_utils."):
        return None
    return f"imports {each.module}"


def _describes(plugins: Path, parts: tuple[str, ...], name: str | None) -> bool:
    """Tell whether a name of a driver is a protocol, a value, an error or a constant, also one imported there."""
    file = plugins.joinpath(*parts).with_suffix(".py")
    if name is None or not file.exists():
        return False
    tree = ast.parse(file.read_text())
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            bases = {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases}
            marks = {ast.unparse(mark).partition("(")[0].rpartition(".")[2] for mark in node.decorator_list}
            error = any(base.endswith(("Error", "Exception")) or "Unavailable" in base for base in bases)
            return error or bool(bases & {"Protocol", "NamedTuple", "Enum"}) or "dataclass" in marks
        if isinstance(node, ast.ImportFrom) and node.level == 1 and name in {alias.name for alias in node.names}:
            return _describes(plugins, (*parts[:-1], *(node.module or "").split(".")), name)
    return name.isupper() or _is_alias(tree, name)


def _is_alias(tree: ast.Module, name: str) -> bool:
    """Tell whether `name` is assigned at the top: a type's other name."""
    targets: list[ast.expr] = []
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets += node.targets
        elif isinstance(node, ast.AnnAssign):
            targets.append(node.target)
    return name in {target.id for target in targets if isinstance(target, ast.Name)}


def _actions(tree: ast.Module, layer: str) -> Iterator[tuple[int, str]]:
    """Yield what touches the world outside the process, or asks what time it is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _acting(alias.name, node.lineno, layer)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from _acting(node.module, node.lineno, layer)
            if node.module == "pathlib" and any(not alias.name.startswith("Pure") for alias in node.names):
                yield node.lineno, f"{layer} imports a path that acts: PurePosixPath does not"
        elif isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in ACTING_CALLS:
                yield node.lineno, f"{layer} calls {called.id}(): that is for drivers"
            elif isinstance(called, ast.Attribute) and called.attr in ACTING_METHODS:
                yield node.lineno, f"{layer} calls .{called.attr}(): that is for drivers"


def _acting(module: str, line: int, layer: str) -> Iterator[tuple[int, str]]:
    if module.split(".", maxsplit=1)[0] in ACTING_MODULES:
        yield line, f"{layer} imports {module}: that is for drivers"
