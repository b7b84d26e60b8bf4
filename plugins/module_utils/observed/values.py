# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values that describe a host as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..artifacts.values import Parts, UplinkRouting
from ..desired.gateway import Gateway
from ..desired.situation import Situation
from ..drivers.charon import DaemonState
from ..drivers.files import FileState

if TYPE_CHECKING:
    from ..artifacts.nft import NftTable


@dataclass(frozen=True)
class ObservedRoute:
    """One of our routes as the kernel has it."""

    destination: str
    metric: int
    table: int
    source: str | None


@dataclass(frozen=True)
class ObservedLink:
    """A link as the kernel has it; `kind` is "xfrm" for XFRM interfaces.

    `ours` says that it carries our mark, or would if the run that made it had not been stopped just then (`unmarked`).
    """

    name: str
    kind: str
    ours: bool
    if_id: int = 0
    parent: str | None = None
    mtu: int = 0
    up: bool = False
    addresses: tuple[str, ...] = ()
    routes: tuple[ObservedRoute, ...] = ()
    unmarked: bool = False
    alias: str = dataclasses.field(default="", compare=False)


@dataclass(frozen=True)
class ObservedPools:
    """The pools that charon has: how many addresses of each are in use, and the digests of those that can be proven."""

    online: Mapping[str, int] = dataclasses.field(default_factory=dict)
    proven: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class ObservedDaemon:
    """What charon holds: its state, names of loaded connections, what is proven of them, ids of shared secrets.

    A connection that is not in `loaded` was loaded by somebody else, or by a run that did not end well. Those in
    `unloaded` such a run has unloaded; their SAs may be up, with nothing that they belong to. `keys` are what charon calls
    its private keys, `certificates` the SHA-256 of the DER of each, `authorities` what charon shows of each by its section,
    `tokens` what it calls the keys on tokens by their sections, as far as that is recorded.
    `shunts` are the children, as (connection, child), whose policies it says to have installed: "PASS" or "DROP" of each.
    """

    state: DaemonState
    connections: frozenset[str]
    loaded: Mapping[str, Parts]
    shared: frozenset[str]
    unloaded: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    certificates: frozenset[str] = frozenset()
    pools: ObservedPools = dataclasses.field(default_factory=ObservedPools)
    authorities: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    shunts: Mapping[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    tokens: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class LiveChild:
    """A CHILD_SA: the name of its configuration, its unique id, whether it carries traffic, the selectors agreed on."""

    name: str
    unique_id: int
    up: bool
    local: tuple[str, ...] = ()
    remote: tuple[str, ...] = ()


@dataclass(frozen=True)
class LiveSa:
    """An IKE_SA: its unique id, whether it is established, whether anything is going on in it, its CHILD_SAs.

    `answered` says whether the other end has answered at all.
    """

    unique_id: int
    established: bool
    busy: bool
    children: tuple[LiveChild, ...] = ()
    answered: bool = True


LiveSas = Mapping[str, "tuple[LiveSa, ...]"]


@dataclass(frozen=True)
class Carrying:
    """The connections that have a CHILD_SA which carries traffic, and those that have a trap."""

    sas: frozenset[str] = frozenset()
    traps: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Stored:
    """What this collection keeps on the host: the gateway in force with allotted numbers, names of an unfinished run.

    `recorded_links` are names and numbers of XFRM interfaces of both. What an unfinished run was about to take over is
    among neither: it is not ours before that is done. `abandoned` are the connections of that kind. `situation` is what
    the generation in force was made for.
    """

    number: int | None = None
    gateway: Gateway = dataclasses.field(default_factory=Gateway)
    if_ids: Mapping[str, int] = dataclasses.field(default_factory=dict)
    tables: Mapping[str, int] = dataclasses.field(default_factory=dict)
    situation: Situation = Situation(host_key=b"")
    unfinished_connections: frozenset[str] = frozenset()
    recorded_links: frozenset[tuple[str, int]] = frozenset()
    unfinished: bool = False
    abandoned: frozenset[str] = frozenset()


Place = tuple[str, str, str]


@dataclass(frozen=True)
class HostChain:
    """A chain of others: its place (family, table, chain), its hook ("" for none), whether it, or one it calls, ends by a drop.

    `closed` says that all packets end there that nobody has accepted, and `drops_some` that some do by whatever rule.
    Chains without a hook have no priority of their own.
    """

    place: Place
    hook: str
    drops: bool
    closed: bool = False
    drops_some: bool = False
    priority: int = 0


@dataclass(frozen=True)
class HostRule:
    """A rule with our comment in a chain of others; `right` says that it is what we write."""

    place: Place
    handle: int
    right: bool


@dataclass(frozen=True)
class ObservedFirewall:
    """What nftables has: our table, chains of others, our rules in them; and whether firewalld has a table.

    `legacy` are the families of which the kernel has rules of the iptables before nftables, which nft does not show.
    """

    table: NftTable | None = None
    chains: tuple[HostChain, ...] = ()
    rules: tuple[HostRule, ...] = ()
    firewalld: bool = False
    legacy: tuple[str, ...] = ()


@dataclass(frozen=True)
class ObservedGuard:
    """Networks of our `unreachable` routes; and of policies that block, None where nothing of ours is among these."""

    routes: frozenset[str] = frozenset()
    blocks: frozenset[str] | None = None


@dataclass(frozen=True)
class Observed:
    """A host as it is. `daemon` is None where charon does not answer, and `daemon_trouble` says why.

    `daemon_down` says that it is known not to run: it holds nothing, and loads the files at its start. One that does
    not answer and may run, because it hangs or is just starting, is in trouble and not down. `owes_credentials`: a run that
    did not end may have taken credentials from charon that other files have. `uplinks` are our routes of that kind, and the
    rules where somebody has asked for them.
    """

    stored: Stored
    situation: Situation
    files: Mapping[str, FileState | None]
    links: Mapping[str, ObservedLink]
    daemon: ObservedDaemon | None
    daemon_trouble: str = ""
    daemon_down: bool = False
    owes_credentials: bool = False
    firewall: ObservedFirewall | None = None
    guard: ObservedGuard = dataclasses.field(default_factory=ObservedGuard)
    uplinks: UplinkRouting = UplinkRouting()
