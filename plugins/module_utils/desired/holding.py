# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What objects hold in their depths: secrets, and the options that may hold something of a kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable, TypeVar, cast

from .options import Kind, Option, options_of
from .secret import Secret

T = TypeVar("T")
Wanted = Callable[[Kind], bool]
_options: dict[tuple[type[Any], Wanted], tuple[Option, ...]] = {}


def options_with(cls: type[Any], wanted: Wanted) -> tuple[Option, ...]:
    """Return the options of a class whose kind is `wanted`, or the kind of something in it.

    Thousands of objects are looked through for the few options that may hold a secret, or a path.
    """
    found = _options.get((cls, wanted))
    if found is None:
        found = _options[cls, wanted] = tuple(opt for opt in options_of(cls) if _has(opt.kind, wanted))
    return found


def _has(kind: Kind, wanted: Wanted) -> bool:
    inner = kind.item or kind
    return wanted(inner) or (inner.of is not None and bool(options_with(inner.of, wanted)))


def _is_secret(kind: Kind) -> bool:
    return kind.secret


def secrets_in(value: Any) -> Iterator[tuple[str, Secret]]:
    """Yield every secret of an object with where it stands: "psk", "second_authentication.password", "local_auth[0].psk"."""
    for opt in options_with(type(value), _is_secret):
        held = getattr(value, opt.name)
        if isinstance(held, Secret):
            yield opt.name, held
        elif held:
            yield from _nested_secrets(opt.kind, held, opt.name)


def _nested_secrets(kind: Kind, held: Any, name: str) -> Iterator[tuple[str, Secret]]:
    if kind.item is not None:
        if kind.item.of is not None or kind.item.secret:
            for index, entry in enumerate(held):
                yield from _nested_secrets(kind.item, entry, f"{name}[{index}]")
    elif isinstance(held, Secret):
        yield name, held
    elif kind.of is not None:
        for inner, secret in secrets_in(held):
            yield f"{name}.{inner}", secret


def with_secrets(raw: Mapping[str, Any], held: Mapping[str, str]) -> dict[str, Any]:
    """Return an object's plain data with secrets put where `secrets_in` says that they stand."""
    found: dict[str, Any] = {**raw, **{name: text for name, text in held.items() if not set(name) & set(".[")}}
    for name, text in held.items():
        if set(name) & set(".["):
            first, *rest = name.replace("[", ".[").split(".")
            found[first] = _with_secret(found[first], rest, text)
    return found


def _with_secret(inside: Any, path: Sequence[str], text: str) -> Any:
    if not path:
        return text
    if path[0].startswith("["):
        index = int(path[0][1:-1])
        return [_with_secret(each, path[1:], text) if number == index else each for number, each in enumerate(inside)]
    return {**inside, path[0]: _with_secret(inside.get(path[0]), path[1:], text)}


def with_secret(item: T, place: str, secret: Secret) -> T:
    """Return an object with a secret put where `secrets_in` would say that it stands."""
    return cast(T, _put(item, place.replace("[", ".[").split("."), secret))


def _put(inside: Any, path: Sequence[str], secret: Secret) -> Any:
    if not path:
        return secret
    if path[0].startswith("["):
        index = int(path[0][1:-1])
        return tuple(_put(each, path[1:], secret) if at == index else each for at, each in enumerate(inside))
    return dataclasses.replace(inside, **{path[0]: _put(getattr(inside, path[0]), path[1:], secret)})


def without_secrets(value: T, placeholder: Secret) -> T:
    """Return an object with a placeholder for every secret."""
    changed: dict[str, Any] = {}
    for opt in options_of(type(value)):
        held = getattr(value, opt.name)
        becomes = _left_out(opt.kind, held, placeholder) if held else held
        if becomes is not held:
            changed[opt.name] = becomes
    return dataclasses.replace(value, **changed) if changed else value  # type: ignore[type-var]


def _left_out(kind: Kind, held: Any, placeholder: Secret) -> Any:
    if isinstance(held, Secret):
        return placeholder
    if kind.item is not None:
        entries = tuple(_left_out(kind.item, each, placeholder) for each in held)
        return held if all(new is old for new, old in zip(entries, held)) else entries
    return without_secrets(held, placeholder) if kind.of is not None else held
