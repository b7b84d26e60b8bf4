# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an option is declared: once, with kind, default and text; argument specs, documentation and parsing derive from it."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, Callable, TypeVar

from ..errors import Problem
from .secret import Secret

T = TypeVar("T")
_TOLD = 20


@dataclass(frozen=True)
class Kind:
    """What one value may be.

    `parse` turns what a user wrote into the canonical value, or raises `ValueError` whose text says what would be right.
    `ansible` is the type in Ansible's words. `item` is the kind of a list's items, `of` the class of a nested object.
    """

    ansible: str
    parse: Callable[[Any], Any]
    choices: tuple[Any, ...] = ()
    item: Kind | None = None
    of: type[Any] | None = None
    secret: bool = False


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


def options_of(cls: type[Any]) -> tuple[Option, ...]:
    """Return the options of an object class in the order of declaration, its own before those that it inherits."""
    cached = cls.__dict__.get("_options")
    if cached is None:
        cached = tuple(
            dataclasses.replace(field.metadata["option"], name=field.name)
            for field in sorted(dataclasses.fields(cls), key=lambda field: field.name not in vars(cls))
            if "option" in field.metadata
        )
        cls._options = cached
    return tuple(cached)


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
    values: dict[str, Any] = {}
    known = options_of(cls)
    for opt in known:
        if raw.get(opt.name) is not None or opt.required:
            values[opt.name] = parse_option(opt, raw, where=where, prefix=prefix, problems=problems)
    if len(raw) > len(known) or not raw.keys() <= {opt.name for opt in known}:
        _refuse_unknown(raw, known, where=where, prefix=prefix, problems=problems)
    if len(problems) > before:
        return None
    return cls(**values)


def parse_option(opt: Option, raw: Mapping[str, Any], *, where: str, prefix: str = "", problems: list[Problem]) -> Any:
    """Return the value of one option of what a user wrote; a missing or wrong one is added to `problems`."""
    written = raw.get(opt.name)
    if written is None:
        problems.append(Problem(where, prefix + opt.name, None, "is required"))
        return None
    return _parse_value(opt.kind, written, where=where, option=prefix + opt.name, problems=problems)


def _parse_value(kind: Kind, written: Any, *, where: str, option: str, problems: list[Problem]) -> Any:
    if kind.of is not None:
        if not isinstance(written, Mapping):
            problems.append(Problem(where, option, written, "a dictionary is needed"))
            return None
        return parse_object(kind.of, written, where=where, prefix=option + ".", problems=problems)
    if kind.item is not None:
        items = written if isinstance(written, (list, tuple)) else [written]
        return tuple(
            _parse_value(kind.item, entry, where=where, option=f"{option}[{index}]", problems=problems)
            for index, entry in enumerate(items)
        )
    try:
        return kind.parse(written)
    except ValueError as error:
        shown = Secret("") if kind.secret else written
        problems.append(Problem(where, option, shown, str(error)))
        return None


def _refuse_unknown(
    raw: Mapping[str, Any], known: Sequence[Option], *, where: str, prefix: str, problems: list[Problem]
) -> None:
    names = [opt.name for opt in known]
    for name in raw:
        if name in names:
            continue
        close = difflib.get_close_matches(str(name), names, n=1)
        listed = ", ".join(names[:_TOLD]) + (", …" if len(names) > _TOLD else "")
        hint = f"did you mean {close[0]}?" if close else f"the options are {listed}"
        problems.append(Problem(where, prefix + str(name), None, "there is no such option; " + hint))


def dump_object(value: Any, *, with_secrets: bool) -> dict[str, Any]:
    """Return an object as plain data that `parse_object` accepts and gives back equal; without secrets if so asked.

    Options that have no value are left out: most objects set few of those that there are.
    """
    held = vars(value)
    return {
        opt.name: _dump_value(opt.kind, held[opt.name], with_secrets=with_secrets)
        for opt in options_of(type(value))
        if held[opt.name] is not None and not (opt.kind.secret and not with_secrets)
    }


def _dump_value(kind: Kind, value: Any, *, with_secrets: bool) -> Any:
    if value is None:
        return None
    if kind.of is not None:
        return dump_object(value, with_secrets=with_secrets)
    if kind.item is not None:
        return [_dump_value(kind.item, entry, with_secrets=with_secrets) for entry in value]
    if isinstance(value, Secret):
        return value.reveal()
    return value


def secrets_in(value: Any) -> Iterator[tuple[str, Secret]]:
    """Yield every secret of an object with the name of its option."""
    for opt in options_of(type(value)):
        held = getattr(value, opt.name)
        if isinstance(held, Secret):
            yield opt.name, held
