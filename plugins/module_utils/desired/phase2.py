# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The value of a phase 2: a CHILD_SA and its traffic selectors below a phase 1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import Problem
from . import kinds
from .child_keys import ChildKeys
from .firewall import ALLOW, ALLOW_TEXT, Allow, allow_problems
from .options import Kind, list_of, option
from .proposals import AH_PROPOSAL, DEFAULT_ESP, ESP_PROPOSAL
from .selectors import SELECTOR, one_sided

# Their number is one octet of the message (RFC 7296, section 3.13); for a trap charon adds that of the packet itself.
MOST_SELECTORS = 254


AUTO = "auto"


def parse_mss(value: Any) -> str:
    """Accept "auto", or a number of bytes; returned as text."""
    wanted = "auto is needed, or a number of bytes from 536 to 65495"
    if value == AUTO:
        return AUTO
    try:
        return str(kinds.integer(536, 65495).parse(value))
    except ValueError:
        raise ValueError(wanted) from None


MSS = Kind("str", parse_mss)


@dataclass(frozen=True)
class Phase2(ChildKeys):
    """A CHILD_SA: what it protects, with which algorithms, for how long."""

    name: str = option(kinds.NAME, "Name of the CHILD_SA; unique among those of its phase 1.", identifies=True)
    phase1: str = option(kinds.NAME, "Name of the phase 1 that it belongs to.", identifies=True)
    local_networks: tuple[str, ...] = option(
        list_of(SELECTOR),
        "Networks on this side, ranges such as V(10.1.0.1-10.1.0.9), or V(dynamic) for the endpoint's own address.",
        "In brackets a protocol, and after a slash a port, two with a dash between them, or V(opaque), by name or number:"
        " V(10.1.0.0/24[tcp/443]), V(dynamic[udp/1024-2048]), V(10.1.0.0/24[icmp/8]), V(10.1.0.0/24[any/53]).",
        default=("dynamic",),
    )
    remote_networks: tuple[str, ...] = option(
        list_of(SELECTOR),
        "Networks on the peer's side, written as O(local_networks); V(dynamic) is the peer's own address.",
        default=("dynamic",),
    )
    ah_proposals: tuple[str, ...] | None = option(
        list_of(AH_PROPOSAL),
        "Algorithms in charon's keywords where the phase 1 has C(encryption_type: ah), in the place of O(proposals);"
        " C(sha256-curve25519-modp4096) when not given.",
    )
    proposals: tuple[str, ...] = option(
        list_of(ESP_PROPOSAL),
        "Algorithms in charon's keywords, in order of preference; a Diffie-Hellman group among them asks for PFS.",
        default=DEFAULT_ESP,
    )
    lifetime: int = option(
        kinds.DURATION,
        "Hard lifetime of the CHILD_SA in seconds, or with V(s), V(m), V(h), V(d). It is rekeyed after nine tenths of it.",
        default=3600,
        shown_default="1h",
    )
    install_routes: bool = option(
        kinds.BOOL,
        "Whether the remote networks get routes through the XFRM interface of the phase 1, if it has one.",
        "A default route, and a network that holds the peer's own endpoint, never gets one: add it to the interface's routes.",
        default=True,
    )
    plaintext_guard: bool | None = option(
        kinds.BOOL,
        "Whether packets for O(remote_networks) are kept from leaving in the clear when the tunnel, its XFRM interface or"
        " charon is not there. By lasting C(unreachable) routes of the highest metric, which lose to any other route for the"
        " same network; with V(true) also by nftables, whatever way they take, and for a policy-based tunnel by a policy of"
        " the kernel.",
        "When not given, the networks that get a route through an XFRM interface have such routes, and a policy-based tunnel"
        " has none. V(true) is refused where it would stop IKE and ESP, or answers to whoever manages the host.",
    )
    allow: tuple[Allow, ...] = option(
        ALLOW,
        ALLOW_TEXT[0].format("this tunnel"),
        "O(allow[].source) is O(remote_networks) when not given, O(allow[].destination) is O(local_networks).",
        ALLOW_TEXT[1],
        default=(),
    )
    nat_exemption: bool = option(
        kinds.BOOL,
        "Whether the host's own masquerading is kept away from traffic between O(local_networks) and O(remote_networks): an"
        " address that was translated is none that the tunnel takes. It needs nftables.",
        default=False,
    )
    mss: str | None = option(
        MSS,
        "Largest segment that TCP connections through the tunnel may agree on: V(auto) for what fits into the MTU of the"
        " uplink, or of the XFRM interface where it has one set, or a number of bytes. It needs nftables.",
        "A number is needed where the path to the peer takes less than the uplink does, and says nothing about it.",
    )

    @property
    def where(self) -> str:
        """Return how messages name this object."""
        return f"phase2 {self.phase1}/{self.name}"

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong about this object by itself."""
        if self.lifetime < 60:
            yield Problem(self.where, "lifetime", self.lifetime, "at least 60 seconds are needed")
        yield from self.key_problems(self.where, lifetime=self.lifetime)
        for name, values in (("local_networks", self.local_networks), ("remote_networks", self.remote_networks)):
            if not values:
                yield Problem(self.where, name, [], "at least one network, or 'dynamic', is needed")
            if len(values) > MOST_SELECTORS:
                yield Problem(
                    self.where,
                    name,
                    len(values),
                    f"at most {MOST_SELECTORS} fit into one negotiation; make two phase 2",
                )
            if len(set(values)) < len(values):
                yield Problem(self.where, name, list(values), "each network once")
        yield from allow_problems(self.where, self.allow)
        if self.ah_proposals is not None and not self.ah_proposals:
            yield Problem(self.where, "ah_proposals", [], "a proposal is needed")
        if not self.proposals:
            # To charon an empty list is none, and none means its own choice.
            yield Problem(self.where, "proposals", [], "a proposal is needed")
        wanted = one_sided(self.local_networks, self.remote_networks)
        if wanted:
            yield Problem(self.where, "remote_networks", list(self.remote_networks), wanted)
