# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section `secrets` of swanctl.conf: the passwords of users of EAP and XAuth, and which rounds need them.

Source: strongSwan, src/swanctl/commands/load_creds.c; vici_cred.c, by which secrets of EAP and of XAuth are of one kind;
eap_mschapv2.c, which takes the hash of a password first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..desired.identities import ANY
from ..desired.secret import Secret
from ..errors import Problem
from .inverse_parts import Part
from .inverse_problems import not_known
from .owned_secrets import belongs_to_nobody, owner_values, secret_in
from .settings import Section
from .tokens import Place

USER_KINDS = ("eap", "xauth", "ntlm")
_HASHED = ("eap-mschapv2", "eap", "eap-dynamic", "eap-peap", "eap-ttls")
# Methods for which charon looks for a password itself; others ask a token, a certificate, or another server.
_BY_PASSWORD = (*_HASHED, "eap-md5", "eap-gtc", "xauth", "xauth-generic", "xauth-eap")


@dataclass(frozen=True)
class _UserSecret:
    """A password or its hash: its section, where that is, the option for it, the users that it belongs to, itself."""

    name: str
    place: Place
    option: str
    users: tuple[str, ...]
    value: Secret | None

    def fits(self, user: str) -> int:
        """Return how well the secret belongs to a user: 2 to this one, 1 to anyone, 0 not at all."""
        return 2 if user.lower() in (each.lower() for each in self.users) else int(not self.users)


class UserSecrets:
    """The passwords of a text, and which of them rounds have taken."""

    def __init__(self, secrets: Iterable[_UserSecret]) -> None:
        self._secrets = list(secrets)
        self._known: set[str] = set()
        self._taken: dict[str, None] = {}

    def know(self, rounds: Iterable[Part]) -> None:
        """Be told of all rounds of a text before any is asked about: a secret of a known user is no stranger's."""
        if self._secrets:
            self._known.update(user.lower() for user in map(_user_of, rounds) if user)

    def of_client(self, found: Part, problems: list[Problem]) -> dict[str, Any]:
        """Return the options with the secret by which this end proves who it is in a round."""
        user = _user_of(found) or str(found["id"]).partition(":")[2]
        secret = self._best(found, user, problems)
        return {} if secret is None else {secret.option: secret.value}

    def of_server(self, found: Part, problems: list[Problem]) -> dict[str, Any]:
        """Return the options with the secrets of the users that a round may be proven by."""
        user = _user_of(found)
        if user:
            return self.of_client(found, problems)
        wanted = self._wanted(found)
        rest = [each for each in wanted if each.name not in self._taken and not self._is_known(each)]
        self._taken.update(dict.fromkeys(each.name for each in rest))
        named = [
            {"username": one, each.option: each.value} if one else {each.option: each.value}
            for each in rest
            for one in each.users or (None,)
            if each.value is not None
        ]
        return named[0] if len(named) == 1 else {"users": named} if named else {}

    def _is_known(self, secret: _UserSecret) -> bool:
        return any(each.lower() in self._known for each in secret.users)

    def _wanted(self, found: Part) -> list[_UserSecret]:
        auth = found["auth"]
        if auth not in _BY_PASSWORD:
            return []
        return [each for each in self._secrets if each.option == "password" or auth in _HASHED]

    def _best(self, found: Part, user: str, problems: list[Problem]) -> _UserSecret | None:
        fitting = [each for each in self._wanted(found) if each.fits(user)]
        # The hash comes first, and of each kind the one that fits best.
        kind = "nt_hash" if any(each.option == "nt_hash" for each in fitting) else "password"
        fitting = [each for each in fitting if each.option == kind]
        best = [each for each in fitting if each.fits(user) == max(one.fits(user) for one in fitting)]
        self._taken.update(dict.fromkeys(each.name for each in best))
        if any(each.value != best[0].value for each in best):
            names = " and ".join(f"secrets.{each.name}" for each in best[:2])
            wanted = (
                f"{names} fit it equally well, with different values: charon takes what was loaded first; take one out"
            )
            problems.append(Problem(str(found.section.place), found.path, None, wanted))
        return best[0] if best and best[0].value is not None else None

    @property
    def taken(self) -> tuple[str, ...]:
        """Return the sections of the secrets that rounds have taken."""
        return tuple(self._taken)

    def orphans(self) -> Iterator[Problem]:
        """Yield the secrets that no round has taken."""
        return (belongs_to_nobody(each.name, each.place) for each in self._secrets if each.name not in self._taken)


def _user_of(found: Part) -> str:
    """Return the user that a round names; empty for anyone."""
    names: Sequence[Any] = [found[key] for key in ("xauth_id", "eap_id") if key in found.keys]
    return next((str(each) for each in names if each not in (None, ANY)), "")


def read_user_secrets(section: Section, problems: list[Problem], *, kept: bool = False) -> UserSecrets:
    """Return the passwords of the section; what options cannot say about them is added to `problems`."""
    return UserSecrets(
        _user_secret(name, inner, problems, kept=kept)
        for name, inner in section.sections.items()
        if name.startswith(USER_KINDS)
    )


def _user_secret(name: str, section: Section, problems: list[Problem], *, kept: bool) -> _UserSecret:
    path = f"secrets.{name}"
    problems += (not_known(each, f"{path}.{key}", ()) for key, each in section.sections.items())
    users = [value.text or "" for _key, value in owner_values(section, path, problems)]
    option = "nt_hash" if name.startswith("ntlm") else "password"
    value = secret_in(section, path, problems, option=option, kept=kept)
    anyone = any(each in ("", "%any", "*") for each in users)
    return _UserSecret(name, section.place, option, () if anyone else tuple(dict.fromkeys(users)), value)
