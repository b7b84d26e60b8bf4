# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section `secrets` of swanctl.conf: whose the pre-shared keys are, and which of them charon takes for a connection.

Source: strongSwan, src/swanctl/commands/load_creds.c; src/libstrongswan/credentials/sets/mem_cred.c for owners, and
credential_manager.c, get_shared(), for the choice among several.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from ..desired.identities import ANY, is_pattern, parse_swanctl_identity
from ..desired.kinds import parse_secret
from ..desired.owners import local_identity, owners, remote_identity
from ..desired.phase1 import Phase1
from ..desired.rounds import NT_HASH
from ..desired.secret import Secret
from ..errors import Problem
from .inverse_problems import no_value_here, not_known
from .key_sections import KEY_KINDS
from .settings import Section, Value
from .tokens import Place
from .values import SharedSecret

_KIND = "ike"
# Those of users are read elsewhere; names that begin otherwise may be the rest of a secret that had a brace.
_OF_USERS = ("eap", "xauth", "ntlm")
_POSTQUANTUM = "ppk"
# No strongSwan that this is for knows such keys any more.
_GONE = "bliss"


@dataclass(frozen=True)
class _Owned:
    """One pre-shared key: its section, where that is, the identities that own it ("type:value", or "any"), itself.

    The key is None where it cannot be one; then a problem was told.
    """

    name: str
    place: Place
    owners: frozenset[str]
    key: Secret | None


class OwnedSecrets:
    """The pre-shared keys of a text by their owners, and which of them belong to a connection."""

    def __init__(self, secrets: Iterable[_Owned], postquantum: Iterable[_Owned] = ()) -> None:
        self._secrets = list(secrets)
        self._postquantum = list(postquantum)
        self._sets = {each.owners for each in self._secrets}
        self._by_owner: dict[str, list[_Owned]] = {}
        for each in self._secrets:
            for owner in each.owners:
                self._by_owner.setdefault(owner, []).append(each)
        self._patterns = [owner for owner in self._by_owner if owner != ANY and is_pattern(owner)]
        self._taken: dict[str, None] = {}

    def of(self, connection: Phase1, place: Place, problems: list[Problem]) -> Secret | None:
        """Return the key that charon takes for a connection, None if there is none.

        It is the one whose owners fit the peer best, then ourselves; two that fit equally well are a problem, since the
        order in which they were loaded decides between them. Owners that fit better than others: the identity itself, a
        pattern, anyone.
        """
        theirs, mine = _ends(connection)
        best: tuple[int, int] = (0, 0)
        found: list[_Owned] = []
        for each in self._candidates(theirs | mine):
            fits = (max(_fits(one, theirs) for one in each.owners), max(_fits(one, mine) for one in each.owners))
            if fits > best:
                best, found = fits, []
            if fits == best:
                found.append(each)
        if not found:
            return None
        self._taken.update(dict.fromkeys(each.name for each in found))
        if any(each.key != found[0].key for each in found):
            names = " and ".join(f"secrets.{each.name}" for each in found[:2])
            wanted = (
                f"{names} fit this connection equally well, with different keys: charon takes what was loaded first; "
            )
            problems.append(
                Problem(str(place), f"connections.{connection.name}", None, wanted + "take one of them out")
            )
        return found[0].key

    def postquantum(self, identity: str | None, where: Place, path: str, problems: list[Problem]) -> Secret | None:
        """Return the postquantum key of a name, None if there is none; two that differ are a problem."""
        if identity is None:
            return None
        named = [each for each in self._postquantum if identity in each.owners]
        best = named or [each for each in self._postquantum if ANY in each.owners]
        self._taken.update(dict.fromkeys(each.name for each in best))
        if any(each.key != best[0].key for each in best):
            names = " and ".join(f"secrets.{each.name}" for each in best[:2])
            wanted = f"{names} have this name, and differ: charon takes what was loaded first; take one of them out"
            problems.append(Problem(str(where), path, None, wanted))
        return best[0].key if best else None

    def _candidates(self, ends: Collection[str]) -> Iterator[_Owned]:
        covering = [each for each in self._patterns if _fits(each, ends)]
        owners = [*ends, *covering, ANY]
        told: dict[str, _Owned] = {each.name: each for owner in owners for each in self._by_owner.get(owner, ())}
        yield from told.values()

    def owned_by(self, owners: Iterable[str]) -> bool:
        """Say whether a key has exactly these owners, as swanctl writes them."""
        return frozenset(map(parse_swanctl_identity, owners)) in self._sets

    @property
    def taken(self) -> tuple[str, ...]:
        """Return the sections of the keys that the connections which were asked about have taken."""
        return tuple(self._taken)

    def orphans(self) -> Iterator[Problem]:
        """Yield the keys that none of the connections which were asked about has taken."""
        return (
            belongs_to_nobody(each.name, each.place)
            for each in (*self._secrets, *self._postquantum)
            if each.name not in self._taken
        )


def belongs_to_nobody(name: str, place: Place) -> Problem:
    """Tell of a secret that no connection needs."""
    wanted = "it belongs to no connection of this text, so that there is no option for it: take it out"
    return Problem(str(place), f"secrets.{name}", None, wanted)


def _ends(connection: Phase1) -> tuple[set[str], set[str]]:
    """Return the identities under which charon looks for a key: the peer's, and ours."""
    owned = {parse_swanctl_identity(each) for each in owners(connection)}
    mine, theirs = local_identity(connection), remote_identity(connection)
    ours = {parse_swanctl_identity(mine)} if mine else set()
    # An end whose identity is not given shows its address; IKEv1 looks for a key before it knows identities.
    if not mine or connection.ike_version == 1:
        ours |= {f"address:{each}" for each in connection.interfaces}
    others = (owned - ours - {ANY}) | ({parse_swanctl_identity(theirs)} if theirs else set())
    if not theirs or connection.ike_version == 1:
        others |= {f"address:{each}" for each in connection.remote_endpoints}
    return others, ours


def _fits(owner: str, identities: Collection[str]) -> int:
    if owner == ANY:
        return 1
    if owner in identities:
        return 3
    kind, star, end = owner.partition("*")
    return 2 if star and any(each.startswith(kind) and each.endswith(end) for each in identities) else 0


def read_secrets(section: Section, problems: list[Problem], *, kept: bool = False) -> OwnedSecrets:
    """Return the pre-shared keys of the section; what options cannot say about them is added to `problems`.

    Where keys are `kept` on the host, one may be any bytes: nobody has to write it as `psk`.
    """
    problems += no_value_here(section, "secrets")
    found: list[_Owned] = []
    postquantum: list[_Owned] = []
    for name, inner in section.sections.items():
        path = f"secrets.{name}"
        if name.startswith((*_OF_USERS, *KEY_KINDS)):
            continue
        if not name.startswith((_KIND, _POSTQUANTUM)):
            shown = path if name.startswith(_GONE) else "secrets"
            kinds = ("ike", *_OF_USERS, "ppk", *KEY_KINDS)
            wanted = (
                f"only secrets in sections whose names begin with {', '.join(kinds[:-1])} or {kinds[-1]} have an option"
            )
            problems.append(Problem(str(inner.place), shown, None, wanted))
            continue
        problems += (not_known(each, f"{path}.{key}", ()) for key, each in inner.sections.items())
        owners = frozenset(_owners(inner, path, problems))
        second = name.startswith(_POSTQUANTUM)
        key = secret_in(inner, path, problems, option="ppk" if second else "psk", kept=kept)
        (postquantum if second else found).append(_Owned(name, inner.place, owners or frozenset((ANY,)), key))
    return OwnedSecrets(found, postquantum)


def _owners(section: Section, path: str, problems: list[Problem]) -> Iterator[str]:
    for key, value in owner_values(section, path, problems):
        try:
            yield parse_swanctl_identity(value.text or "")
        except ValueError as error:
            problems.append(Problem(str(value.place), f"{path}.{key}", value.text, str(error)))


def owner_values(section: Section, path: str, problems: list[Problem]) -> Iterator[tuple[str, Value]]:
    """Yield the keys and values of a secret that say whose it is."""
    for key, value in section.values.items():
        if key == "secret" or value.text is None:
            continue
        if key.startswith("id"):
            yield key, value
        else:
            problems.append(not_known(value, f"{path}.{key}", ("secret", "id")))


def secret_in(section: Section, path: str, problems: list[Problem], *, option: str, kept: bool) -> Secret | None:
    """Return a secret for an option; where it cannot be given so, None, and a problem that says nothing of the secret itself.

    Where secrets are `kept` on the host, one may be any bytes. A hash (`nt_hash`) is returned in hexadecimal.
    """
    value = section.values.get("secret", Value(None, *section.place))
    if value.text is None:
        wanted = "is not given; the key is needed"
    else:
        try:
            data = _decoded(value.text)
            if option == "nt_hash":
                return NT_HASH.parse(Secret(data.hex()))  # type: ignore[no-any-return]
            if kept and data:
                return Secret(data.decode("utf-8", "surrogateescape"))
            return parse_secret(data.decode("utf-8"))
        except binascii.Error:
            wanted = "what follows 0s must be base64, what follows 0x hexadecimal"
        except UnicodeDecodeError:
            wanted = f"{option} is a text in UTF-8, and the bytes of this key are none"
        except ValueError as error:
            wanted = f"{option} cannot be this key: {error}"
    problems.append(Problem(str(value.place), f"{path}.secret", None, wanted))
    return None


def as_loaded(name: str, section: Section) -> SharedSecret:
    """Return a secret as swanctl loads it; raises `KeyError` or `ValueError` for one that it does not load."""
    kind = next(each for each in ("ike", "eap", "xauth", "ntlm", "ppk") if name.startswith(each))
    held_by = [each.text for key, each in section.values.items() if key.startswith("id") and each.text]
    value = _decoded(section.values["secret"].text or "").decode("utf-8", "surrogateescape")
    return SharedSecret(kind, tuple(held_by), Secret(value))


def _decoded(text: str) -> bytes:
    if text[:2].lower() == "0x":
        return binascii.unhexlify(text[2:].replace(":", ""))
    if text[:2].lower() == "0s":
        return base64.b64decode(text[2:])
    return text.encode("utf-8", "surrogateescape")
