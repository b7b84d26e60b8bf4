# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values that artifacts are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Union

from ..desired.firewall import HostTable
from ..desired.gateway import Gateway
from ..desired.roles import Resting
from ..desired.secret import Secret
from ..desired.xfrm_interface import FOLLOWING, UP

if TYPE_CHECKING:
    from .nft import NftTable

Tree = Mapping[str, Union[str, Sequence[str], "Tree"]]

CONNECTIONS_FILE = "connections"
SECRETS_FILE = "secrets"


@dataclass(frozen=True)
class ChildPart:
    """A child of a connection: its start action ("trap|start" …), and a digest of everything else.

    `local` and `remote` are the selectors of one that is wanted, as they are written; one that was stored has none.
    """

    start: str
    digest: str
    local: tuple[str, ...] = field(default=(), compare=False)
    remote: tuple[str, ...] = field(default=(), compare=False)

    @property
    def starts(self) -> bool:
        """Say whether charon initiates it by itself when it is loaded."""
        return "start" in self.start.split("|")


@dataclass(frozen=True)
class Parts:
    """A connection's parts: a digest of the whole, one of what an IKE_SA has of it, and its children by name.

    `unseen` is a digest of the keys whose change charon passes over, empty where none is set. All but the first are what
    its live SAs were made of, which is what is loaded but for a moment of a change.
    """

    whole: str
    ike: str
    children: Mapping[str, ChildPart]
    unseen: str = ""

    @property
    def starts(self) -> bool:
        """Say whether charon starts any of its children by itself, and so ends them itself when they change."""
        return any(child.starts for child in self.children.values())

    def as_data(self) -> list[Any]:
        """Return the parts as JSON takes them."""
        children = {name: [part.start, part.digest] for name, part in self.children.items()}
        return [self.whole, self.ike, children, *([self.unseen] if self.unseen else [])]


@dataclass(frozen=True)
class SharedSecret:
    """A shared secret as charon takes it: its type ("ike", "eap", "xauth", "ntlm", "ppk"), whose it is, its value."""

    kind: str
    owners: tuple[str, ...]
    value: Secret

    @property
    def data(self) -> bytes:
        """Return the bytes for charon; a hash (ntlm) is given in hexadecimal."""
        text = self.value.reveal()
        return bytes.fromhex(text) if self.kind == "ntlm" else text.encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Lock:
    """What a file has in the place of a key that a passphrase opens, and that passphrase.

    `owner` is how messages name the object, `option` its option. `plugins` are those that must be there to open it, one
    of each tuple.
    """

    content: Secret
    passphrase: Secret
    owner: str
    option: str
    plugins: frozenset[tuple[str, ...]] = frozenset()


@dataclass(frozen=True)
class Credential:
    """What charon holds: a "certificate", "key" or "public key", its identity there, its text, and a certificate's flag.

    A certificate's identity is the SHA-256 of its DER, a key's is what charon calls it. What lies in the file of another
    one is not `filed`.
    """

    layer: str
    identity: str
    text: Secret
    flag: str = ""
    lock: Lock | None = None
    filed: bool = True

    @property
    def content(self) -> Secret:
        """Return what its file holds."""
        return self.text if self.lock is None else self.lock.content


@dataclass(frozen=True)
class TokenKey:
    """A private key that stays on a token: how people call it, where it is (as vici's `load-token` takes it), the PIN."""

    name: str
    place: Mapping[str, str]
    pin: Secret | None

    @property
    def tree(self) -> dict[str, str]:
        """Return all of it, as a section of secrets says it too."""
        return {**self.place, **({"pin": self.pin.reveal()} if self.pin is not None else {})}


@dataclass(frozen=True)
class LinkRoute:
    """A route through a link: network, metric and table as the kernel shows them (0 and 254 by default), source."""

    destination: str
    metric: int
    table: int
    source: str | None = None


@dataclass(frozen=True)
class Bound:
    """What decides whether a link is up: its `link_state`, the connections that go by it, whether one of them has a trap."""

    state: str = UP
    connections: tuple[str, ...] = ()
    trapped: bool = False

    @property
    def follows(self) -> bool:
        """Say whether it goes up and down with its tunnels."""
        return self.state in FOLLOWING


@dataclass(frozen=True)
class Link:
    """An XFRM interface as it must exist: number, parent, MTU (None: as the kernel gives), addresses, routes.

    `up` is what plan/following.py makes of `bound` on a host; one that is down has no routes.
    """

    name: str
    if_id: int
    parent: str | None
    mtu: int | None
    addresses: tuple[str, ...]
    routes: tuple[LinkRoute, ...]
    bound: Bound = Bound()
    up: bool = True


@dataclass(frozen=True)
class FileText:
    """A whole file: its mode, its text, and whether it is needed; one that says nothing goes away."""

    mode: int
    text: str
    needed: bool = True

    @property
    def encoded(self) -> bytes:
        """Return the bytes of the file."""
        return self.text.encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Rest:
    """What is left of hand-written files when connections were taken over from them.

    `texts` by path: None for a file that goes. `secrets` are the ids of shared secrets that go. `shunts` are shunts as
    (connection, child) that stood beside tunnels, `emptied` connections that had nothing but shunts, as they are loaded.
    """

    texts: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = ()
    shunts: tuple[tuple[str, str], ...] = ()
    emptied: Mapping[str, Tree] = field(default_factory=dict)


@dataclass(frozen=True)
class TakenOver:
    """What is taken over: objects with their secrets, what is left of the files, and what is worth knowing."""

    gateway: Gateway = field(default_factory=Gateway)
    rest: Rest = field(default_factory=Rest)
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return not self.gateway.empty


@dataclass(frozen=True)
class Guard:
    """What stops packets in the clear beside nftables: networks of `unreachable` routes, and of policies that block."""

    routes: frozenset[str] = frozenset()
    blocks: frozenset[str] = frozenset()


@dataclass(frozen=True, order=True)
class UplinkRoute:
    """The default route of an uplink's table; without a gateway it leads nowhere, and says so."""

    family: int
    table: int
    metric: int
    gateway: str = ""
    interface: str = ""


@dataclass(frozen=True, order=True)
class SourceRule:
    """A rule of the kernel for packets from a source, or bound to an interface: which table it has them look into.

    A `specific` one takes any route but a default one from there.
    """

    family: int
    priority: int
    table: int
    source: str = ""
    interface: str = ""
    specific: bool = False


@dataclass(frozen=True)
class UplinkRouting:
    """The routes and rules that send packets by uplinks."""

    routes: frozenset[UplinkRoute] = frozenset()
    rules: frozenset[SourceRule] = frozenset()


@dataclass(frozen=True)
class FirewallArtifact:
    """What must be of the host's firewall: our table, the hooks at which a host that drops must accept what it marks.

    Without a table of ours there is nothing. `named` are tables of the host with the chains that do; none named are all that do.
    """

    table: NftTable | None = None
    hooks: tuple[str, ...] = ()
    named: tuple[HostTable, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.table)


@dataclass(frozen=True)
class Artifacts:
    """Everything that must exist on a host. `files` are keyed by role (`CONNECTIONS_FILE` …), not by path.

    Of each connection: its tree, its parts, the ids of its secrets; `initiators` are those that this end may set up.
    `credentials` are keyed by the path below swanctl's directory, which is their role among the files too, `authorities`
    `tokens` and `shunts` by the names of their sections; the last stand in the order in which they are to be loaded.
    `waiting` are the connections that are loaded and written only when an interface has an address, without it. `resting`
    are those that carry no traffic now, with why.
    """

    connections: Mapping[str, Tree]
    shared: Mapping[str, SharedSecret]
    links: Mapping[str, Link]
    files: Mapping[str, FileText]
    warnings: tuple[str, ...] = ()
    parts: Mapping[str, Parts] = field(default_factory=dict)
    secret_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    taken_over: TakenOver = field(default_factory=TakenOver)
    initiators: frozenset[str] = frozenset()
    credentials: Mapping[str, Credential] = field(default_factory=dict)
    pools: Mapping[str, Tree] = field(default_factory=dict)
    authorities: Mapping[str, Tree] = field(default_factory=dict)
    firewall: FirewallArtifact = field(default_factory=FirewallArtifact)
    guard: Guard = field(default_factory=Guard)
    uplinks: UplinkRouting = UplinkRouting()
    waiting: Mapping[str, Tree] = field(default_factory=dict)
    shunts: Mapping[str, Tree] = field(default_factory=dict)
    tokens: Mapping[str, TokenKey] = field(default_factory=dict)
    resting: Mapping[str, Resting] = field(default_factory=dict)
