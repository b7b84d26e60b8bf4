# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What opens private keys, as swanctl takes it (swanctl.conf, sections `private`, `pkcs12` and `token` of secrets), and back.

Source: strongSwan, src/swanctl/commands/load_creds.c. A passphrase is taken as it is written, and not decoded as a shared
secret is; its section is about a file by that one's name, in the directory of the section's type.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..desired.credentials import is_unread
from ..desired.gateway import PRIVATE_KEYS, Gateway, parse_one
from ..desired.kinds import parse_secret
from ..desired.private_key import PrivateKey
from ..desired.proving import by_key_alone, rounds_of
from ..desired.secret import Secret
from ..errors import Problem
from .inverse_problems import not_known
from .settings import Section, Value
from .values import Credential, TokenKey

_TOKEN, _CONTAINER, _PRIVATE = "token", "pkcs12", "private"
# In the order in which swanctl looks what a name begins with.
KEY_KINDS = (_PRIVATE, "rsa", "ecdsa", "pkcs8", _CONTAINER, _TOKEN)
_OF_TOKEN = ("handle", "slot", "module", "pin")


def token_keys(gateway: Gateway, host_key: bytes) -> dict[str, TokenKey]:
    """Return the keys on tokens by the names of their sections.

    A name ends in a keyed hash of all that the section says, as charon shows nothing of what it was given for a token.
    """
    found = {}
    for name, item in sorted(gateway.private_keys.items()):
        if item.handle is not None:
            given = {"handle": item.handle, "slot": item.slot, "module": item.module}
            place = {key: str(value) for key, value in given.items() if value is not None}
            told = Secret(item.pin.reveal() if item.pin is not None else "")
            hashed = told.keyed_hash(host_key, _TOKEN, name, json.dumps(place, sort_keys=True))
            found[f"{_TOKEN}-{name}-{hashed}"] = TokenKey(name, place, item.pin)
    return found


def token_name(section: str) -> str:
    """Return what people call the key of a section that `token_keys` has named."""
    return section.removeprefix(f"{_TOKEN}-")[:-17] if len(section) > 17 else section


def key_sections(
    gateway: Gateway, held: Mapping[str, Credential], tokens: Mapping[str, TokenKey]
) -> dict[str, dict[str, str]]:
    """Return the sections that let swanctl have our private keys, by their names."""
    found: dict[str, dict[str, str]] = {}
    for role, each in held.items():
        if each.lock is not None:
            directory, _slash, file = role.partition("/")
            found[f"{directory}-{each.identity}"] = {"file": file, "secret": each.lock.passphrase.reveal()}
    for name, path, passphrase in _unread(gateway):
        found[name] = {"file": path, "secret": passphrase.reveal()}
    return {**found, **{section: each.tree for section, each in tokens.items()}}


def _unread(gateway: Gateway) -> Iterator[tuple[str, str, Secret]]:
    """Yield the sections of files that nobody has read, as where they are only told of: each path stands for itself."""
    for name, connection in sorted(gateway.phase1.items()):
        for each in () if by_key_alone(connection) else rounds_of(connection).local:
            for number, material in enumerate(each.private_keys, start=1):
                if each.passphrase is not None and is_unread(gateway, material):
                    yield f"{_PRIVATE}-{name}-{number}", str(material), each.passphrase
    for name, item in sorted(gateway.private_keys.items()):
        for kind, held in ((_PRIVATE, item.private_key), (_CONTAINER, item.pkcs12)):
            if held is not None and item.passphrase is not None and is_unread(gateway, held):
                yield f"{kind}-{name}", str(held), item.passphrase


def read_private_keys(section: Section, directory: str, problems: list[Problem]) -> dict[str, PrivateKey]:
    """Return the private keys that the section `secrets` of a text speaks of; what options cannot say goes to `problems`.

    `directory` is where swanctl's files lie.
    """
    found: dict[str, PrivateKey] = {}
    for title, inner in section.sections.items():
        kind = next((each for each in KEY_KINDS if title.startswith(each)), "")
        if not kind:
            continue
        path = f"secrets.{title}"
        problems += (not_known(each, f"{path}.{key}", ()) for key, each in inner.sections.items())
        reader = _token_options if kind == _TOKEN else _file_options
        name = _name(title, kind, found)
        own: list[Problem] = []
        options = reader(kind, path, directory, inner, own)
        item = None if own else parse_one(PRIVATE_KEYS, {"name": name, **options}, where=path, problems=own)
        problems += (Problem(f"{inner.place}", _placed(path, each), each.value, each.wanted) for each in own)
        if item is not None:
            found[name] = item
    return found


def _placed(path: str, problem: Problem) -> str:
    return problem.option if problem.option.startswith(path) else f"{path}.{problem.option}"


def _name(title: str, kind: str, taken: Mapping[str, PrivateKey]) -> str:
    name = title.removeprefix(kind).strip("-_") or kind
    return name if name not in taken else title


def _file_options(kind: str, path: str, directory: str, section: Section, problems: list[Problem]) -> dict[str, Any]:
    passphrases = [
        (key, value) for key, value in section.values.items() if key.startswith("secret") and value.text is not None
    ]
    file = section.values.get("file", Value(None, *section.place))
    for key, value in section.values.items():
        if key != "file" and not key.startswith("secret") and value.text is not None:
            problems.append(not_known(value, f"{path}.{key}", ("file", "secret")))
    if file.text is None or "/" in file.text:
        wanted = (
            f"the name of a file in {directory}/{kind} is needed, with no directory, as swanctl compares it with those"
        )
        problems.append(Problem(str(file.place), f"{path}.file", file.text, wanted))
        return {}
    if len(passphrases) > 1:
        wanted = "swanctl tries one after the other, and there is an option for one alone: take those out that do not open it"
        problems.append(Problem(str(passphrases[1][1].place), f"{path}.{passphrases[1][0]}", None, wanted))
    option = "pkcs12" if kind == _CONTAINER else "private_key"
    found: dict[str, Any] = {option: f"{directory}/{kind}/{file.text}"}
    found.update(("passphrase", parsed) for parsed in _secret(path, passphrases[:1], problems))
    return found


def _token_options(_kind: str, path: str, _directory: str, section: Section, problems: list[Problem]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in section.values.items():
        if value.text is None:
            continue
        if key not in _OF_TOKEN:
            problems.append(not_known(value, f"{path}.{key}", _OF_TOKEN))
        elif key == "pin":
            found.update(("pin", parsed) for parsed in _secret(path, [(key, value)], problems))
        else:
            found[key] = value.text
    return found


def _secret(path: str, values: list[tuple[str, Value]], problems: list[Problem]) -> Iterator[Secret]:
    for key, value in values:
        try:
            yield parse_secret(value.text)
        except ValueError as error:
            problems.append(Problem(str(value.place), f"{path}.{key}", None, str(error)))
