# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The value of an authority: whose certificates are looked at, and where it is told which of them are revoked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import Problem
from . import kinds, pem
from .options import Kind, list_of, object_of, option
from .rounds import TokenCertificate

# What charon can be built to fetch from (libstrongswan/plugins/*/, FETCHER); OCSP goes over HTTP alone.
_FETCHED = ("http", "https", "file", "ftp", "ldap", "ldaps")
_ASKED = ("http", "https")
_URI = re.compile(r"([a-z]+)://[!-~]+")


def _uri(schemes: tuple[str, ...]) -> Kind:
    wanted = f"a URI is needed that begins with {', '.join(f'{each}://' for each in schemes[:-1])} or {schemes[-1]}://"

    def parse(value: Any) -> str:
        found = _URI.fullmatch(value) if isinstance(value, str) else None
        if found is None or found[1] not in schemes:
            raise ValueError(wanted)
        if "," in value:
            raise ValueError("swanctl.conf separates URIs by commas; write %2C for one inside of a URI")
        return str(value)

    return Kind("str", parse)


LIST_URI = _uri(_FETCHED)
SERVICE_URI = _uri(_ASKED)

# swanctl looks a certificate up by a section's name of 127 characters at most (load_authorities.c); 35 of these are ours.
_LONGEST_NAME = 92


@dataclass(frozen=True)
class Authority:
    """An authority that has certified peers or us, and where charon asks about its certificates."""

    name: str = option(kinds.NAME, "Name of the authority; nothing refers to it.", identifies=True)
    ca_certificate: str | None = option(
        pem.CERTIFICATE, "Its certificate: the text (PEM), or an absolute path on the target."
    )
    token_ca_certificate: TokenCertificate | None = option(
        object_of(TokenCertificate), "In place of O(ca_certificate): one that charon reads itself."
    )
    crl_uris: tuple[str, ...] | None = option(
        list_of(LIST_URI),
        "Where its list of revoked certificates is, beside what the certificates say themselves.",
    )
    ocsp_uris: tuple[str, ...] | None = option(
        list_of(SERVICE_URI),
        "Services that say of one certificate whether it is revoked (OCSP), asked before the lists.",
    )
    cert_uri_base: str | None = option(
        SERVICE_URI,
        "Where its certificates are to be had, each by the SHA-1 of it at the end; charon sends that in their place where the"
        " peer supports it, and C(charon.hash_and_url) is set.",
    )

    @property
    def where(self) -> str:
        """Return how messages name this object."""
        return f"authority {self.name}"

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong about this object by itself."""
        if len(self.name) > _LONGEST_NAME:
            wanted = f"at most {_LONGEST_NAME} characters are possible, as swanctl finds no certificate of a longer one"
            yield Problem(self.where, "name", self.name, wanted)
        token = self.token_ca_certificate
        if (self.ca_certificate is None) == (token is None):
            wanted = (
                "is required, or token_ca_certificate"
                if token is None
                else "either it or token_ca_certificate is needed"
            )
            yield Problem(self.where, "ca_certificate", None, wanted)
        if token is not None and (token.handle is None) == (token.file is None):
            yield Problem(self.where, "token_ca_certificate", None, "either handle or file is needed")
