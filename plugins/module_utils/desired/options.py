# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an option is declared: once, with kind, default and text; argument specs, documentation and parsing derive from it."""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, Callable, NamedTuple, TypeVar

from ..errors import Problem, wrong_shape
from .secret import Secret

T = TypeVar("T")
_TOLD = 20
# What is shorter may be a name of a file, and is no private key.
_PATHS = 64


@dataclass(frozen=True, eq=False)
class Kind:
    """What one value may be.

    `parse` turns what a user wrote into the canonical value, or raises `ValueError` whose text says what would be right.
    `ansible` is the type in Ansible's words. `item` is the kind of a list's items, `of` the class of a nested object. A
    wrong value is not shown where it is `secret`; where it `hides`, a long one is not: it may hold a secret beside the rest.
    """

    ansible: str
    parse: Callable[[Any], Any]
    choices: tuple[Any, ...] = ()
    item: Kind | None = None
    of: type[Any] | None = None
    secret: bool = False
    hides: bool = False

    def parsed(self, written: Any) -> Any:
        """Return what `parse` makes of a value; of a text that is no secret it is remembered, as most stand many times."""
        return self.parse(written) if self.secret or written.__class__ is not str else _parsed(self, written)


@functools.lru_cache(maxsize=65536)
def _parsed(kind: Kind, text: str) -> Any:
    return kind.parse(text)


@dataclass(frozen=True)
class Option:
    """One option of an object: its name, kind, default and documentation (paragraphs in Ansible's markup).

    One that `identifies` is needed even to name the object; the others only to make it.
    """

    name: str
    kind: Kind
    default: Any
    required: bool
    text: tuple[str, ...]
    shown_default: Any = None
    identifies: bool = False


def option(
    kind: Kind,
    *text: str,
    default: Any = None,
    required: bool = False,
    shown_default: Any = None,
    identifies: bool = False,
) -> Any:
    """Declare a dataclass field that is an option; `shown_default` is the default as a user would write it.

    An option that `identifies` its object is required.
    """
    declared = Option(
        name="",
        kind=kind,
        default=default,
        required=required or identifies,
        text=text,
        shown_default=shown_default,
        identifies=identifies,
    )
    # Imported under its whole name: ansible-test's pylint takes a bare field() outside a class body for a mistake.
    return dataclass_field(default=default, metadata={"option": declared})


class _Table(NamedTuple):
    """The options of a class: in the order of declaration, by name, and those that must be given."""

    options: tuple[Option, ...]
    by_name: dict[str, Option]
    required: tuple[Option, ...]


def options_of(cls: type[Any]) -> tuple[Option, ...]:
    """Return the options of an object class, in the order of declaration, its own before those that it inherits."""
    return _table_of(cls).options


def _table_of(cls: type[Any]) -> _Table:
    table: _Table | None = cls.__dict__.get("_table")
    if table is None:
        options = tuple(
            dataclasses.replace(field.metadata["option"], name=field.name)
            for field in sorted(dataclasses.fields(cls), key=lambda field: field.name not in vars(cls))
            if "option" in field.metadata
        )
        table = cls._table = _Table(
            options, {opt.name: opt for opt in options}, tuple(opt for opt in options if opt.required)
        )
    return table


def list_of(item: Kind) -> Kind:
    """Return the kind of a list whose items are of `item`; parsed to a tuple."""
    return Kind(ansible="list", parse=tuple, item=item)


def object_of(cls: type[Any]) -> Kind:
    """Return the kind of a nested object."""
    return Kind(ansible="dict", parse=lambda value: value, of=cls)


def parse_object(
    cls: type[T], raw: Mapping[str, Any], *, where: str, prefix: str = "", problems: list[Problem]
) -> T | None:
    """Build one object from what a user wrote.

    Absent and null options take their default. Every wrong value is added to `problems`; then the result is None.
    """
    before = len(problems)
    table = _table_of(cls)
    known = table.by_name
    problems += (_missing(opt, where, prefix) for opt in table.required if raw.get(opt.name) is None)
    values: dict[str, Any] = {}
    for name, written in raw.items():
        opt = known.get(name)
        if opt is None:
            _refuse_unknown(name, list(known), where=where, prefix=prefix, problems=problems)
        elif written is not None:
            values[name] = _parse_value(opt, written, where=where, prefix=prefix, problems=problems)
    return None if len(problems) > before else cls(**values)


def _missing(opt: Option, where: str, prefix: str) -> Problem:
    return Problem(where, prefix + opt.name, None, "is required")


def parse_option(opt: Option, raw: Mapping[str, Any], *, where: str, prefix: str = "", problems: list[Problem]) -> Any:
    """Return the value of one option of what a user wrote; a missing or wrong one is added to `problems`."""
    written = raw.get(opt.name)
    if written is None:
        problems.append(_missing(opt, where, prefix))
        return None
    return _parse_value(opt, written, where=where, prefix=prefix, problems=problems)


def _parse_value(opt: Option, written: Any, *, where: str, prefix: str, problems: list[Problem]) -> Any:
    kind = opt.kind
    if kind.item is None:
        return _parse_item(kind, written, where, prefix, (opt.name, None), problems)
    items = written if isinstance(written, (list, tuple)) else [written]
    return tuple(
        _parse_item(kind.item, entry, where, prefix, (opt.name, index), problems) for index, entry in enumerate(items)
    )


def _parse_item(
    kind: Kind, written: Any, where: str, prefix: str, place: tuple[str, int | None], problems: list[Problem]
) -> Any:
    """Return one value; `place` is its option and its number in a list, of which a text is made only where one is needed."""
    if kind.of is None:
        try:
            return kind.parsed(written)
        except ValueError as error:
            path = _path(prefix, place)
            if isinstance(written, (Mapping, list, tuple)):
                problems.append(wrong_shape(where, path, written, "a single value"))
            else:
                problems.append(Problem(where, path, Secret("") if _unseen(kind, written) else written, str(error)))
            return None
    if not isinstance(written, Mapping):
        problems.append(wrong_shape(where, _path(prefix, place), written, "a dictionary"))
        return None
    return parse_object(kind.of, written, where=where, prefix=_path(prefix, place) + ".", problems=problems)


def _unseen(kind: Kind, written: Any) -> bool:
    return kind.secret or (kind.hides and len(str(written)) >= _PATHS)


def _path(prefix: str, place: tuple[str, int | None]) -> str:
    name, index = place
    return prefix + name if index is None else f"{prefix}{name}[{index}]"


def _refuse_unknown(name: object, names: Sequence[str], *, where: str, prefix: str, problems: list[Problem]) -> None:
    close = difflib.get_close_matches(str(name), names, n=1)
    listed = ", ".join(names[:_TOLD]) + (", …" if len(names) > _TOLD else "")
    hint = f"did you mean {close[0]}?" if close else f"the options are {listed}"
    problems.append(Problem(where, prefix + str(name), None, "there is no such option; " + hint))


def dump_object(value: Any, *, with_secrets: bool, with_defaults: bool = True) -> dict[str, Any]:
    """Return an object as plain data that `parse_object` accepts and gives back equal; without secrets if so asked.

    Options that have no value are left out: most objects set few of those that there are. Without defaults it holds
    what identifies the object, and what is not as the options' defaults say. An option that may be a secret and has a
    text that is none, such as the path of a key, is shown.
    """
    held = vars(value)
    return {
        opt.name: _dump_value(opt.kind, held[opt.name], with_secrets=with_secrets, with_defaults=with_defaults)
        for opt in options_of(type(value))
        if held[opt.name] is not None
        and (with_secrets or not opt.kind.secret or isinstance(held[opt.name], str))
        and (with_defaults or opt.required or held[opt.name] != opt.default)
    }


def dump_defaults(cls: type[Any]) -> dict[str, Any]:
    """Return what the options of a class are where nobody sets them, as plain data that `parse_object` accepts."""
    return {
        opt.name: _dump_value(opt.kind, opt.default, with_secrets=False, with_defaults=False)
        for opt in options_of(cls)
        if not opt.required
    }


def _dump_value(kind: Kind, value: Any, *, with_secrets: bool, with_defaults: bool) -> Any:
    if value is None:
        return None
    if kind.of is not None:
        return dump_object(value, with_secrets=with_secrets, with_defaults=with_defaults)
    if kind.item is not None:
        # In the place of a secret in a list stands an empty text, so that the others keep theirs.
        return [
            _dump_value(kind.item, entry, with_secrets=with_secrets, with_defaults=with_defaults) for entry in value
        ]
    if isinstance(value, Secret):
        return value.reveal() if with_secrets else ""
    return value


def load_object(cls: type[T], raw: Mapping[str, Any], *, where: str, problems: list[Problem]) -> T | None:
    """Build an object from what `dump_object` wrote, perhaps in another release of this collection.

    What is stored is in force, so a value that this release would refuse stays as it is, and an option that it does not
    know is passed over. Only what an object cannot be without is a problem.
    """
    table = _table_of(cls)
    missing = [_missing(opt, where, "") for opt in table.required if raw.get(opt.name) is None]
    problems += missing
    if missing:
        return None
    known = ((table.by_name.get(name), value) for name, value in raw.items() if value is not None)
    return cls(**{opt.name: _load_value(opt.kind, value, where, problems) for opt, value in known if opt is not None})


def _load_value(kind: Kind, value: Any, where: str, problems: list[Problem]) -> Any:
    if kind.item is not None and isinstance(value, list):
        return tuple(_load_value(kind.item, each, where, problems) for each in value)
    if kind.of is not None and isinstance(value, Mapping):
        return load_object(kind.of, value, where=where, problems=problems)
    try:
        return kind.parsed(value)
    except (ValueError, TypeError, AttributeError):
        return Secret(str(value)) if kind.secret else value
