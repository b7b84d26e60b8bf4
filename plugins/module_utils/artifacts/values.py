# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values that artifacts are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Union

from ..desired.secret import Secret

Tree = Mapping[str, Union[str, Sequence[str], "Tree"]]

CONNECTIONS_FILE = "connections"
SECRETS_FILE = "secrets"


@dataclass(frozen=True)
class SharedSecret:
    """A shared secret as charon takes it: its type ("ike"), the identities that own it, its value."""

    kind: str
    owners: tuple[str, ...]
    value: Secret


@dataclass(frozen=True)
class LinkRoute:
    """A route through a link: network, metric and table as the kernel shows them (0 and 254 by default), source."""

    destination: str
    metric: int
    table: int
    source: str | None = None


@dataclass(frozen=True)
class Link:
    """An XFRM interface as it must exist: number, parent, MTU (None: as the kernel gives), addresses, routes."""

    name: str
    if_id: int
    parent: str | None
    mtu: int | None
    addresses: tuple[str, ...]
    routes: tuple[LinkRoute, ...]


@dataclass(frozen=True)
class FileText:
    """A whole file: its mode, its text, and whether it must exist even where it says nothing."""

    mode: int
    text: str
    needed: bool = True

    @property
    def encoded(self) -> bytes:
        """Return the bytes of the file."""
        return self.text.encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Artifacts:
    """Everything that must exist on a host. `files` are keyed by role (`CONNECTIONS_FILE` …), not by path."""

    connections: Mapping[str, Tree]
    shared: Mapping[str, SharedSecret]
    links: Mapping[str, Link]
    files: Mapping[str, FileText]
    warnings: tuple[str, ...] = ()
