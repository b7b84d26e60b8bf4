# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The value of a private key that charon has for whatever connection needs it: a file, a PKCS#12 container, or on a token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import Problem
from . import kinds, pem
from .options import option
from .rounds import HANDLE, SLOT, WORD
from .secret import Secret

_PLACES = ("private_key", "pkcs12", "handle")


@dataclass(frozen=True)
class PrivateKey:
    """A private key: where it is, and what opens it."""

    name: str = option(kinds.NAME, "Name of the key; nothing refers to it.", identifies=True)
    private_key: str | Secret | None = option(
        pem.PRIVATE_KEY, "The key: its text (PEM), or an absolute path on the target. It may be encrypted."
    )
    pkcs12: str | Secret | None = option(
        pem.CONTAINER,
        "In place of O(private_key): a PKCS#12 container with the key and its certificates, which charon gets as well, and"
        " trusts none of them for being in it: its bytes in base64, or an absolute path on the target.",
    )
    handle: str | None = option(
        HANDLE,
        "In place of O(private_key): the id of a key that stays on a token (PKCS#11, CKA_ID), or its handle in a TPM, in"
        " hexadecimal. charon must have the plugin for it.",
    )
    slot: int | None = option(SLOT, "Slot of the token; without it, all are searched.")
    module: str | None = option(WORD, "Name of the PKCS#11 module in strongswan.conf; without it, all are searched.")
    passphrase: Secret | None = option(
        kinds.SECRET, "What opens O(private_key), where that is encrypted, or O(pkcs12), which needs it."
    )
    pin: Secret | None = option(kinds.SECRET, "The PIN of the token.")

    @property
    def where(self) -> str:
        """Return how messages name this object."""
        return f"private_key {self.name}"

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong about this object by itself."""
        given = [name for name in _PLACES if getattr(self, name) is not None]
        if not given:
            yield Problem(self.where, "private_key", None, "is required, or pkcs12, or handle")
        for other in given[1:]:
            yield Problem(self.where, other, None, f"either it or {given[0]} is needed")
        if len(given) != 1:
            return
        of_token = given == ["handle"]
        for name in ("slot", "module", "pin"):
            if getattr(self, name) is not None and not of_token:
                yield Problem(
                    self.where, name, None, f"belongs to a token and its handle, and has no meaning with {given[0]}"
                )
        if self.passphrase is not None and of_token:
            yield Problem(self.where, "passphrase", None, "has no meaning with handle; a token has a pin")
        if self.passphrase is None and given == ["pkcs12"]:
            yield Problem(self.where, "passphrase", None, "is required, as pkcs12 is protected by one")
