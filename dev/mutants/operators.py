# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutants: every small fault that the operators below can put into a module, one at a time, in its syntax tree.

Left out is what no test of behaviour can see: annotations, documentation, caches, the type that `cast` is told.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
# Functions and methods that are easily taken for each other.
_CONFUSED = {
    "all": "any",
    "any": "all",
    "max": "min",
    "min": "max",
    "sorted": "list",
    "startswith": "endswith",
    "endswith": "startswith",
    "partition": "rpartition",
    "rpartition": "partition",
    "strip": "lstrip",
    "rstrip": "lstrip",
    "lower": "upper",
    "fullmatch": "match",
    "append": "extend",
    "setdefault": "get",
}
_SHOWN = 110


@dataclass(frozen=True)
class Mutant:
    """One fault: the function it is in ("Phase1.problems", "" for none), and what it makes of what.

    `first` and `last` are the lines of the statement. `at_import` says that it runs when the module is loaded.
    """

    file: str
    function: str
    change: str
    first: int
    last: int
    at_import: bool

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what tells it from all others, also when lines have moved."""
        return self.file, self.function, self.change


@dataclass(frozen=True)
class Fault:
    """A node that is put in the place of another, and how that is told where old and new do not tell it best."""

    node: ast.AST
    told: str = ""


@dataclass(frozen=True)
class _Place:
    """Where a node stands: `owner.field`, or `owner.field[index]`, within a statement of a function."""

    owner: ast.AST
    field: str
    index: int | None
    function: str
    statement: ast.stmt | None
    at_import: bool

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.owner, self.field, node)
        else:
            getattr(self.owner, self.field)[self.index] = node


def mutants(tree: ast.Module, file: str) -> Iterator[Mutant]:
    """Yield every mutant of a module; `tree` is changed to it until the next one is asked for, and whole at the end."""
    seen: Counter[tuple[str, str]] = Counter()
    for place, node in list(_places(tree)):
        for fault in list(_faults(node, place)):
            change = _told(node, fault)
            seen[place.function, change] += 1
            number = seen[place.function, change]
            place.put(ast.fix_missing_locations(ast.copy_location(fault.node, node)))
            yield _mutant(file, place, node, change if number == 1 else f"{change} ({number})")
            place.put(node)


def _mutant(file: str, place: _Place, node: ast.AST, change: str) -> Mutant:
    statement: Any = place.statement or node
    body = getattr(statement, "body", None)
    last = max(statement.lineno, body[0].lineno - 1) if isinstance(body, list) else statement.end_lineno
    return Mutant(file, place.function, change, statement.lineno, last, place.at_import)


def _told(old: ast.AST, fault: Fault) -> str:
    if fault.told:
        return fault.told
    return f"`{_text(old)}` → `{_text(fault.node)}`"


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} … {text[-_SHOWN // 2 + 3 :]}"


def _places(tree: ast.Module) -> Iterator[tuple[_Place, ast.AST]]:
    """Yield every node that may be changed with its place, outer ones first."""
    stack: list[tuple[_Place, ast.AST]] = []

    def inside(owner: ast.AST, function: str, statement: ast.stmt | None, *, at_import: bool) -> None:
        below: list[tuple[_Place, ast.AST]] = []
        for field, index, node in _children(owner):
            name, import_time = function, at_import
            if isinstance(owner, (ast.FunctionDef, ast.ClassDef)):
                name = f"{function}.{owner.name}".lstrip(".")
                import_time = at_import and (field != "body" or isinstance(owner, ast.ClassDef))
            if isinstance(owner, ast.Lambda) and field == "body":
                import_time = False
            within = node if isinstance(node, ast.stmt) else statement
            below.append((_Place(owner, field, index, name, within, import_time), node))
        stack.extend(reversed(below))

    inside(tree, "", None, at_import=True)
    while stack:
        place, node = stack.pop()
        if _is_silent(node, place):
            continue
        yield place, node
        inside(node, place.function, place.statement, at_import=place.at_import)


def _children(owner: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    for field, value in ast.iter_fields(owner):
        if field in ("annotation", "returns", "format_spec", "cause", "ctx", "bases"):
            continue
        if isinstance(value, ast.AST):
            yield field, None, value
        elif isinstance(value, list):
            yield from ((field, index, item) for index, item in enumerate(value) if isinstance(item, ast.AST))


def _is_silent(node: ast.AST, place: _Place) -> bool:
    """Say whether no test of behaviour can see a change of this node, or of what is in it."""
    owner = place.owner
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if place.field == "decorator_list":
        return "dataclass" not in ast.unparse(node)
    if isinstance(owner, ast.Call) and place.field == "args":
        called = ast.unparse(owner.func)
        return (called == "option" and place.index != 0) or (called == "cast" and place.index == 0)
    # An alias of a type.
    return isinstance(node, ast.Assign) and place.function == "" and _names_type(node.value)


def _names_type(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return ast.unparse(value.func) == "TypeVar"
    return isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name)


def _faults(node: ast.AST, place: _Place) -> Iterator[Fault]:
    """Yield what may stand in the place of a node: faults that are made by a slip of the hand or of the mind."""
    if isinstance(node, ast.stmt):
        found = _statements(node)
    elif isinstance(node, ast.Constant):
        # A text with values in it is changed as a whole.
        found = iter(()) if isinstance(place.owner, ast.JoinedStr) else _constants(node)
    elif isinstance(node, ast.expr):
        found = _expressions(node)
    elif isinstance(node, ast.comprehension):
        found = _filters(node)
    else:
        return
    whole = ast.dump(node)
    yield from (fault for fault in found if ast.dump(fault.node) != whole)


def _expressions(node: ast.expr) -> Iterator[Fault]:
    if isinstance(node, ast.Compare):
        yield from _comparisons(node)
    elif isinstance(node, ast.BoolOp):
        yield from _conditions(node)
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        yield Fault(ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield Fault(node.operand)
    elif isinstance(node, ast.IfExp):
        yield Fault(ast.IfExp(node.test, node.orelse, node.body), f"`{_text(node)}` with its branches swapped")
    elif isinstance(node, ast.JoinedStr):
        yield from _texts(node)
    elif isinstance(node, ast.Call):
        yield from _calls(node)


def _filters(node: ast.comprehension) -> Iterator[Fault]:
    for index, condition in enumerate(node.ifs):
        kept = node.ifs[:index] + node.ifs[index + 1 :]
        without = ast.comprehension(node.target, node.iter, kept, node.is_async)
        yield Fault(without, f"filter `if {_text(condition)}` removed")


def _statements(node: ast.stmt) -> Iterator[Fault]:
    if isinstance(node, (ast.Expr, ast.Raise)):
        yield _removed(node)
    elif isinstance(node, ast.AugAssign):
        yield _removed(node)
        if type(node.op) in _ARITHMETIC:
            yield Fault(ast.AugAssign(node.target, _ARITHMETIC[type(node.op)](), node.value))
    elif isinstance(node, ast.Assign) and not isinstance(node.targets[0], (ast.Name, ast.Tuple)):
        yield _removed(node)
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield Fault(ast.Return(ast.Constant(None)))
    elif isinstance(node, ast.Continue):
        yield Fault(ast.Break())
    elif isinstance(node, ast.Break):
        yield Fault(ast.Continue())
    elif isinstance(node, ast.If) and not isinstance(node.test, (ast.Compare, ast.UnaryOp)):
        negated = ast.UnaryOp(ast.Not(), node.test)
        yield Fault(ast.If(negated, node.body, node.orelse), f"condition `{_text(node.test)}` negated")
    elif isinstance(node, ast.For):
        nothing = ast.For(node.target, ast.Tuple([], ast.Load()), node.body, node.orelse)
        yield Fault(nothing, f"loop over `{_text(node.iter)}` never entered")


def _removed(node: ast.stmt) -> Fault:
    return Fault(ast.Pass(), f"`{_text(node)}` removed")


def _constants(node: ast.Constant) -> Iterator[Fault]:
    value = node.value
    if isinstance(value, bool):
        yield Fault(ast.Constant(not value))
    elif isinstance(value, int):
        yield Fault(ast.Constant(value + 1))
    elif isinstance(value, str):
        yield Fault(ast.Constant(f"XX{value}XX"), f"text `{_text(node)}` changed")


def _comparisons(node: ast.Compare) -> Iterator[Fault]:
    for index, operator in enumerate(node.ops):
        for other in _COMPARISONS[type(operator)]:
            operators = [*node.ops[:index], other(), *node.ops[index + 1 :]]
            yield Fault(ast.Compare(node.left, operators, node.comparators))


def _conditions(node: ast.BoolOp) -> Iterator[Fault]:
    other, word = (ast.And(), "and") if isinstance(node.op, ast.Or) else (ast.Or(), "or")
    yield Fault(ast.BoolOp(other, node.values), f"`{_text(node)}` with `{word}`")
    for index, value in enumerate(node.values):
        kept = node.values[:index] + node.values[index + 1 :]
        yield Fault(kept[0] if len(kept) == 1 else ast.BoolOp(node.op, kept), f"operand `{_text(value)}` removed")


def _texts(node: ast.JoinedStr) -> Iterator[Fault]:
    """Change the first written part, and leave each computed one to its own operators."""
    values = list(node.values)
    for index, value in enumerate(values):
        if isinstance(value, ast.Constant) and str(value.value).strip():
            values[index] = ast.Constant(f"XX{value.value!s}XX")
            yield Fault(ast.JoinedStr(values), f"text `{_text(node)}` changed")
            return


def _calls(node: ast.Call) -> Iterator[Fault]:
    if isinstance(node.func, ast.Name) and node.func.id in _CONFUSED:
        keywords = [] if node.func.id == "sorted" else node.keywords
        yield Fault(ast.Call(ast.Name(_CONFUSED[node.func.id], ast.Load()), node.args, keywords))
    if isinstance(node.func, ast.Attribute) and node.func.attr in _CONFUSED:
        other = ast.Attribute(node.func.value, _CONFUSED[node.func.attr], ast.Load())
        yield Fault(ast.Call(other, node.args, node.keywords))
    if len(node.args) > 1 and not any(isinstance(each, ast.Starred) for each in node.args[:2]):
        swapped = ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords)
        yield Fault(swapped, f"`{_text(node)}` with its first two arguments swapped")
    for index, keyword in enumerate(node.keywords):
        if keyword.arg is not None and not _is_bool(keyword.value):
            without = ast.Call(node.func, node.args, node.keywords[:index] + node.keywords[index + 1 :])
            yield Fault(without, f"`{_text(node.func)}` without `{_text(keyword)}`")


def _is_bool(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, bool)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
