# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates and keys that a gateway names: read from their paths, and checked before anything is touched."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
from collections.abc import Iterator
from typing import Any, Callable, Union

from ..errors import Problem, ValidationError
from .authority import Authority
from .certificates import Certificate, is_encrypted, key_id_of, public_key_id, read_certificate
from .encryption import WrongPassphrase
from .gateway import TYPES, Gateway
from .holding import options_with
from .identities import ANY, MY_ADDRESS, PEER_ADDRESS
from .locked_keys import NOT_ENCRYPTED, Container, open_container, open_key
from .options import Kind
from .owners import remote_identity
from .pem import FORMS, Material, is_path
from .phase1 import Phase1
from .private_key import PrivateKey
from .proving import by_key_alone, rounds_of
from .rounds import LocalRound, RemoteRound
from .secret import LEFT_OUT, Secret

Read = Callable[[str], Union[bytes, None]]
# Where something stands: how messages name its object, its option, its kind, and the path.
_Named = tuple[str, str, Kind, str]


def with_contents(gateway: Gateway, read: Read, known: Gateway) -> tuple[Gateway, list[str]]:
    """Return a gateway with the content of every path that it names, and warnings about paths that are gone.

    A path that is not there any more stands for what `known`, the gateway in force, has read from it. Raises
    `ValidationError` for one that is not there and was never read, and for content that is not what it should be.
    """
    contents: dict[str, str | Secret] = {}
    problems: list[Problem] = []
    warnings: list[str] = []
    for where, option, kind, path in _named(gateway):
        content = read(path)
        if content is None and path in known.contents:
            contents[path] = known.contents[path]
            warnings.append(
                f"{where}: {option}: {path} is not there any more; what was read from it before stays in force"
            )
        elif content is None:
            problems.append(Problem(where, option, path, "there is no such file on this host"))
        else:
            try:
                text = FORMS[kind].read(content)
                contents[path] = Secret(text) if kind.secret else text
            except ValueError as error:
                problems.append(Problem(where, option, path, str(error)))
    if problems:
        raise ValidationError(problems)
    return (dataclasses.replace(gateway, contents=contents) if contents or gateway.contents else gateway), warnings


def _named(gateway: Gateway) -> Iterator[_Named]:
    for sort in TYPES:
        for _key, item in sorted(gateway.of(sort).items()):
            if not isinstance(item, Phase1) or not by_key_alone(item):
                yield from _paths(item, item.where, "")


def _paths(item: Any, where: str, prefix: str) -> Iterator[_Named]:
    for opt in options_with(type(item), _is_form):
        held = getattr(item, opt.name)
        many = opt.kind.item is not None
        kind = opt.kind.item or opt.kind
        for index, each in enumerate((held or ()) if many else (held,)):
            name = f"{prefix}{opt.name}[{index}]" if many else f"{prefix}{opt.name}"
            if kind in FORMS and is_path(each):
                yield where, name, kind, each
            elif kind.of is not None and each is not None:
                yield from _paths(each, where, name + ".")


def _is_form(kind: Kind) -> bool:
    return kind in FORMS


def text_of(gateway: Gateway, material: Material) -> str | Secret:
    """Return the text (PEM) that a path stands for, or that is given itself."""
    return gateway.contents[material] if isinstance(material, str) and is_path(material) else material


def is_unread(gateway: Gateway, material: Material) -> bool:
    """Say whether something is a path whose content is not known, as where a file is only told of."""
    return isinstance(material, str) and is_path(material) and material not in gateway.contents


def plain_text(gateway: Gateway, material: Material) -> str:
    """Return the text (PEM, or base64) itself, as charon or a file is to have it."""
    found = text_of(gateway, material)
    return found.reveal() if isinstance(found, Secret) else found


def container_of(gateway: Gateway, item: PrivateKey) -> Container | None:
    """Return what is in the container of a key; None where it has none, or that is not known. Raises `ValueError`."""
    if item.pkcs12 is None or item.passphrase is None or is_unread(gateway, item.pkcs12):
        return None
    if LEFT_OUT in (text_of(gateway, item.pkcs12), item.passphrase):
        return None
    return open_container(plain_text(gateway, item.pkcs12), item.passphrase)


def check_credentials(gateway: Gateway) -> None:
    """Raise `ValidationError` with everything that is wrong about certificates and keys, each by itself and together."""
    problems = [each for item in _certified(gateway) for each in _problems(gateway, item)]
    for item, text in _authorities(gateway):
        problems += _authority_problems(item, "ca_certificate", text)
    for _name, key in sorted(gateway.private_keys.items()):
        problems += _private_key_problems(gateway, key)
    if problems:
        raise ValidationError(problems)


def _certified(gateway: Gateway) -> Iterator[Phase1]:
    return (item for _name, item in sorted(gateway.phase1.items()) if not by_key_alone(item))


def _authorities(gateway: Gateway) -> Iterator[tuple[Authority, str]]:
    for _name, item in sorted(gateway.authorities.items()):
        if item.ca_certificate is not None:
            yield item, plain_text(gateway, item.ca_certificate)


def _problems(gateway: Gateway, item: Phase1) -> Iterator[Problem]:
    rounds = rounds_of(item)
    for index, mine in enumerate(rounds.local):
        names = _Names(item, f"local_auth[{index}]")
        own = []
        for option, material in names.of("certificate", mine.certificates):
            try:
                own.append((option, read_certificate(str(text_of(gateway, material)))))
            except ValueError as error:
                yield Problem(item.where, option, None, str(error))
        yield from _public_key_problems(gateway, item, names, mine.public_keys)
        yield from _key_problems(gateway, item, mine, names, [found for _option, found in own])
        if index == 0 and own:
            yield from _identity_problems(item, mine, [found for _option, found in own])
    for index, theirs in enumerate(rounds.remote):
        yield from _peers_problems(gateway, item, index, theirs)


def _peers_problems(gateway: Gateway, item: Phase1, index: int, theirs: RemoteRound) -> Iterator[Problem]:
    names = _Names(item, f"remote_auth[{index}]")
    for option, material in names.of("ca_certificates", theirs.ca_certificates, many=True):
        for text in split(str(text_of(gateway, material))):
            yield from _authority_problems(item, option, text)
    for option, material in names.of("certificate", theirs.certificates):
        try:
            read_certificate(str(text_of(gateway, material)))
        except ValueError as error:
            yield Problem(item.where, option, None, str(error))
    yield from _public_key_problems(gateway, item, names, theirs.public_keys)
    said = theirs.id or (item.remote_id if index == 0 else ANY)
    if theirs.public_keys and _is_anyone(item, said):
        wanted = "of a bare public key it must be said whose it is: remote_id, or the round's id, is needed"
        yield Problem(item.where, f"remote_auth[{index}].public_keys", None, wanted)


def _is_anyone(item: Phase1, identity: str) -> bool:
    return identity == ANY or (identity == PEER_ADDRESS and not remote_identity(item))


def _public_key_problems(gateway: Gateway, item: Phase1, names: _Names, keys: tuple[str, ...]) -> Iterator[Problem]:
    for option, material in names.of("public_key", keys):
        try:
            public_key_id(plain_text(gateway, material))
        except ValueError as error:
            yield Problem(item.where, option, None, str(error))


class _Names:
    """How options are called: in short ("certificate"), or in a round of the long form ("local_auth[0].certificates[1]")."""

    def __init__(self, item: Phase1, place: str) -> None:
        self._place = place if item.local_auth or item.remote_auth else ""

    def of(self, name: str, values: tuple[Any, ...], *, many: bool = False) -> list[tuple[str, Any]]:
        """Return the values with their options."""
        if not self._place and not many:
            return [(name, value) for value in values]
        long = name if many or not self._place else name + "s"
        begin = f"{self._place}.{long}" if self._place else name
        return [(f"{begin}[{index}]", value) for index, value in enumerate(values)]

    def single(self, name: str) -> str:
        """Return how an option of one value is called."""
        return f"{self._place}.{name}" if self._place else name


def split(text: str) -> list[str]:
    """Return the blocks of a canonical PEM text."""
    return [f"-----BEGIN {part.rstrip()}\n" for part in text.split("-----BEGIN ")[1:]]


def _authority_problems(item: Phase1 | Authority, option: str, text: str) -> Iterator[Problem]:
    try:
        found = read_certificate(text)
    except ValueError as error:
        yield Problem(item.where, option, None, str(error))
        return
    if not found.authority:
        wanted = "the certificate of an authority is needed (basicConstraints with CA), this one is of an end"
        yield Problem(item.where, option, None, wanted)


def _key_problems(
    gateway: Gateway, item: Phase1, mine: LocalRound, names: _Names, own: list[Certificate]
) -> Iterator[Problem]:
    held = set()
    # A key may be one of the gateway as a whole.
    unknown = bool(mine.token_certificates or gateway.private_keys)
    bare = _bare_keys(gateway, mine)
    for option, material in names.of("private_key", mine.private_keys):
        if LEFT_OUT in (text_of(gateway, material), mine.passphrase):
            unknown = True
            continue
        try:
            found = key_id_of(open_key(plain_text(gateway, material), mine.passphrase))
        except ValueError as error:
            wrong = isinstance(error, WrongPassphrase)
            yield Problem(item.where, names.single("passphrase") if wrong else option, None, _told(error, option))
            unknown = True
            continue
        unknown = unknown or found is None
        if found is not None and (own or bare) and found not in {*bare, *(each.key_id for each in own)}:
            wanted = "it is not the key of the certificate: the public keys of the two differ"
            yield Problem(item.where, option, None, wanted)
        held.add(found)
    if any(each.key_id not in held for each in own) and not unknown and len(own) > 1:
        yield Problem(item.where, names.of("private_key", (None,))[0][0], None, "one is needed for each certificate")
    texts = [text_of(gateway, each) for each in mine.private_keys]
    if (
        mine.passphrase is not None
        and LEFT_OUT not in texts
        and not any(is_encrypted(_revealed(each)) for each in texts)
    ):
        yield Problem(item.where, names.single("passphrase"), None, NOT_ENCRYPTED)


def _revealed(text: Material) -> str:
    return text.reveal() if isinstance(text, Secret) else text


def _told(error: ValueError, option: str) -> str:
    """Return what is wrong about an option; of a wrong passphrase, what it does not open."""
    return f"{option} does not open with it, or is damaged" if isinstance(error, WrongPassphrase) else str(error)


def _private_key_problems(gateway: Gateway, item: PrivateKey) -> Iterator[Problem]:
    option = "pkcs12" if item.pkcs12 is not None else "private_key"
    try:
        if item.private_key is not None:
            yield from _own_key_problems(gateway, item, item.private_key)
        else:
            container_of(gateway, item)
    except ValueError as error:
        yield Problem(
            item.where, "passphrase" if isinstance(error, WrongPassphrase) else option, None, _told(error, option)
        )


def _own_key_problems(gateway: Gateway, item: PrivateKey, material: Material) -> Iterator[Problem]:
    text = text_of(gateway, material)
    if LEFT_OUT in (text, item.passphrase):
        return
    if item.passphrase is not None and not is_encrypted(_revealed(text)):
        yield Problem(item.where, "passphrase", None, NOT_ENCRYPTED)
    elif key_id_of(open_key(_revealed(text), item.passphrase)) is None:
        wanted = (
            "of a key by Ed25519 or Ed448 charon's name follows from its certificate: give it as private_key of the phase 1 "
            "with that certificate, or as pkcs12 with the certificate in it"
        )
        yield Problem(item.where, "private_key", None, wanted)


def _bare_keys(gateway: Gateway, mine: LocalRound) -> set[str]:
    """Return charon's names of our bare public keys; of damaged ones was told."""
    found = set()
    for material in mine.public_keys:
        with contextlib.suppress(ValueError):
            found.add(public_key_id(plain_text(gateway, material)))
    return found


def _identity_problems(item: Phase1, mine: LocalRound, own: list[Certificate]) -> Iterator[Problem]:
    """Yield a problem where we would claim to be somebody whom none of our certificates names."""
    identity = mine.id or item.local_id
    kind = identity.partition(":")[0]
    if mine.auth.startswith("eap") or identity == MY_ADDRESS or kind not in ("fqdn", "email", "address"):
        return
    names = {name.lower() for each in own for name in each.names}
    if identity.lower() not in names:
        told = ", ".join(sorted(names)) or "no subjectAltName"
        wanted = f"the certificate names {told}; the peer takes no identity that the certificate does not have"
        yield Problem(item.where, "local_id" if mine.id is None else "local_auth[0].id", identity, wanted)


def date_warnings(gateway: Gateway, now: dt.datetime) -> list[str]:
    """Return a sentence for every certificate that is not valid at a time.

    No errors: one expired certificate must not keep the other tunnels of a gateway from being changed.
    """
    found: dict[str, None] = {}
    for item in _certified(gateway):
        rounds = rounds_of(item)
        mine = [("certificate", each) for one in rounds.local for each in one.certificates]
        theirs = [("ca_certificates", each) for one in rounds.remote for each in one.ca_certificates]
        for option, material in [*mine, *theirs]:
            for text in split(str(text_of(gateway, material))):
                trouble = read_certificate(text).trouble(now)
                if trouble:
                    found[f"{item.where}: {option}: {trouble}, and peers refuse it then"] = None
    for authority, text in _authorities(gateway):
        trouble = read_certificate(text).trouble(now)
        if trouble:
            found[f"{authority.where}: ca_certificate: {trouble}, and with it all that it has certified"] = None
    for name, key in sorted(gateway.private_keys.items()):
        container = container_of(gateway, key)
        for text in container.certificates if container is not None else ():
            trouble = read_certificate(text).trouble(now)
            if trouble:
                found[f"private_key {name}: pkcs12: of a certificate in it, {trouble}, and peers refuse it then"] = None
    return list(found)
