# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section `secrets` of swanctl.conf: whose the pre-shared keys are. Their values are looked at, and not kept.

Source: strongSwan, src/swanctl/commands/load_creds.c, and src/libstrongswan/credentials/sets/mem_cred.c for owners.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..desired.identities import ANY, parse_swanctl_identity
from ..desired.kinds import parse_secret
from ..desired.owners import local_identity, owners, remote_identity
from ..desired.phase1 import Phase1
from ..errors import Problem
from .inverse_problems import no_value_here, not_known
from .settings import Section, Value
from .tokens import Place

_KIND = "ike"
# Other names are not shown: they may be the rest of a secret that had a brace.
_OTHER_KINDS = ("eap", "xauth", "ntlm", "ppk", "private", "rsa", "ecdsa", "bliss", "pkcs8", "pkcs12", "token")


@dataclass(frozen=True)
class _Owned:
    """One pre-shared key: its section, where that is, and the identities that own it ("type:value", or "any")."""

    name: str
    place: Place
    owners: frozenset[str]


class OwnedSecrets:
    """The pre-shared keys of a text by their owners, and which of them belong to a connection."""

    def __init__(self, secrets: Iterable[_Owned]) -> None:
        self._secrets = list(secrets)
        self._owners = {owner for each in self._secrets for owner in each.owners}
        self._sets = {each.owners for each in self._secrets}
        self._seen: set[str] = set()

    def has(self, connection: Phase1) -> bool:
        """Say whether one of the keys belongs to a connection: an owner is one of its ends, or anyone."""
        ends = {parse_swanctl_identity(each) for each in owners(connection)}
        # An end whose identity is not given shows its address; IKEv1 looks for a key before it knows identities.
        if not local_identity(connection) or connection.ike_version == 1:
            ends |= {f"address:{each}" for each in connection.interfaces}
        if not remote_identity(connection) or connection.ike_version == 1:
            ends |= {f"address:{each}" for each in connection.remote_endpoints}
        self._seen |= ends | {ANY}
        return not self._owners.isdisjoint(ends | {ANY})

    def owned_by(self, owners: Iterable[str]) -> bool:
        """Say whether a key has exactly these owners, as swanctl writes them."""
        return frozenset(map(parse_swanctl_identity, owners)) in self._sets

    def orphans(self) -> Iterator[Problem]:
        """Yield the keys that belong to none of the connections that were asked about."""
        for each in self._secrets:
            if each.owners.isdisjoint(self._seen):
                yield Problem(
                    str(each.place),
                    f"secrets.{each.name}",
                    None,
                    "it belongs to no connection of this text, so that there is no option for it: take it out",
                )


def read_secrets(section: Section, problems: list[Problem]) -> OwnedSecrets:
    """Return the pre-shared keys of the section; what options cannot say about them is added to `problems`."""
    problems += no_value_here(section, "secrets")
    found = []
    for name, inner in section.sections.items():
        path = f"secrets.{name}"
        if not name.startswith(_KIND):
            shown = path if name.startswith(_OTHER_KINDS) else "secrets"
            wanted = "only pre-shared keys, in sections whose names begin with ike, have an option yet"
            problems.append(Problem(str(inner.place), shown, None, wanted))
            continue
        problems += (not_known(each, f"{path}.{key}", ()) for key, each in inner.sections.items())
        owners = frozenset(_owners(inner, path, problems))
        found.append(_Owned(name, inner.place, owners or frozenset((ANY,))))
        _check_value(inner, path, problems)
    return OwnedSecrets(found)


def _owners(section: Section, path: str, problems: list[Problem]) -> Iterator[str]:
    for key, value in section.values.items():
        if key == "secret" or value.text is None:
            continue
        if not key.startswith("id"):
            problems.append(not_known(value, f"{path}.{key}", ("secret", "id")))
            continue
        try:
            yield parse_swanctl_identity(value.text)
        except ValueError as error:
            problems.append(Problem(str(value.place), f"{path}.{key}", value.text, str(error)))


def _check_value(section: Section, path: str, problems: list[Problem]) -> None:
    """Add why a key could not be given as `psk`; never anything of the key itself."""
    value = section.values.get("secret", Value(None, *section.place))
    wanted = "is not given; the key is needed" if value.text is None else _why_no_psk(value.text)
    if wanted:
        problems.append(Problem(str(value.place), f"{path}.secret", None, wanted))


def _why_no_psk(text: str) -> str:
    try:
        parse_secret(_decoded(text).decode("utf-8"))
    except binascii.Error:
        return "what follows 0s must be base64, what follows 0x hexadecimal"
    except UnicodeDecodeError:
        return "psk is a text in UTF-8, and the bytes of this key are none"
    except ValueError as error:
        return f"psk cannot be this key: {error}"
    return ""


def _decoded(text: str) -> bytes:
    if text[:2].lower() == "0x":
        return binascii.unhexlify(text[2:].replace(":", ""))
    if text[:2].lower() == "0s":
        return base64.b64decode(text[2:])
    return text.encode("utf-8", "surrogateescape")
