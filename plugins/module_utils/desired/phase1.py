# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The value of a phase 1: an IKE connection to a peer, as the page's "Phase 1" describes it."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import Problem
from . import identities, kinds, proposals
from .authentication import Authentication
from .ike_keys import IkeKeys
from .options import list_of, option
from .page_settings import PageSettings
from .proving import authentication_problems, shared_key
from .secret import Secret

ANYONE = ("0.0.0.0", "::", "0.0.0.0/0", "::/0")  # noqa: S104  # the page's word for any peer, not an address to bind to


@dataclass(frozen=True)
class Phase1(Authentication, IkeKeys, PageSettings):
    """An IKE connection: endpoints, authentication, algorithms, and what starts it."""

    name: str = option(kinds.NAME, "Name of the connection; phase 2 objects refer to it.", identifies=True)
    interfaces: tuple[str, ...] = option(
        list_of(kinds.LOCAL_INTERFACE),
        "Where this end sends from: interface names, addresses of this host, or V(any) for whatever the routes say.",
        "A name stands for its addresses of the chosen O(ip_type). With several, the default route's comes first.",
        default=("any",),
    )
    ip_type: str = option(
        kinds.choice(("ipv4", "ipv6", "any")),
        "Family of the endpoints' addresses. V(any) leaves it to the addresses that a host name has, and to the peers.",
        default="ipv4",
    )
    ike_version: int = option(kinds.choice((1, 2)), "Version of IKE. Version 2 is safer and more robust.", default=2)
    xfrm_interface: str | None = option(
        kinds.INTERFACE_NAME,
        "Name of the XFRM interface that carries this connection's traffic; several connections may share one.",
        "Without it the tunnel is policy-based.",
    )
    remote_endpoints: tuple[str, ...] = option(
        list_of(kinds.ENDPOINT),
        "The peer: addresses, subnets, ranges (V(192.0.2.1-192.0.2.9)) or host names; the first address is who we initiate to.",
        "V(0.0.0.0) or V(::) stands for anyone. Host names are resolved at each lookup.",
        required=True,
    )
    local_id: str = option(
        identities.LOCAL_IDENTITY,
        "Who we are: V(my_address), an address, or a type and a value such as V(fqdn:gw.example.com),"
        " V(email:user@example.com), V(keyid:branch-7), V(dn:C=DE, CN=gw). The type of a bare value follows from its form.",
        default=identities.MY_ADDRESS,
    )
    remote_id: str = option(
        identities.REMOTE_IDENTITY,
        "Who the peer must be: V(peer_address), V(any), or an identity as in O(local_id).",
        "With O(init_type=none) V(*) may stand for a part: V(fqdn:*.example.com), V(email:*@example.com), V(dn:C=DE, CN=*).",
        default=identities.PEER_ADDRESS,
    )
    proposals: tuple[str, ...] = option(
        list_of(proposals.IKE_PROPOSAL),
        "Algorithms in charon's keywords, in order of preference.",
        default=proposals.DEFAULT_IKE,
    )
    lifetime: int = option(
        kinds.DURATION,
        "Hard lifetime of the IKE SA in seconds, or with V(s), V(m), V(h), V(d). It is rekeyed after nine tenths of it.",
        default=28800,
        shown_default="8h",
    )

    restart_on_gateway_change: bool = option(
        kinds.BOOL,
        "Whether the tunnel is set up anew when the way to its peer has become another one: by another interface, another"
        " gateway or from another address, as after a change of the default route. A route that is only refreshed is none.",
        "The program on the gateway does so, which the role P(swanfleet.ipsec.gateway#role) installs.",
        default=False,
    )
    firewall_rule: bool = option(
        kinds.BOOL,
        "Whether the host's firewall lets this connection's IKE, ESP and AH in: from O(remote_endpoints) only, to the ports"
        " that charon listens on, on the interfaces or addresses of O(interfaces).",
        "It needs nftables. Where the host drops what nobody has accepted, one constant rule of ours stands in its own chain,"
        " which C(firewall) of M(swanfleet.ipsec.ipsec_gateway) can name.",
        default=False,
    )
    ppk: Secret | None = option(
        kinds.SECRET,
        "The postquantum key that belongs to O(ppk_id), taken literally. It should be random and have 256 bits at least, such"
        " as 43 characters of base64.",
    )

    @property
    def where(self) -> str:
        """Return how messages name this object."""
        return f"phase1 {self.name}"

    @property
    def families(self) -> tuple[int, ...]:
        """Return the families whose addresses the endpoints may have, of 4 and 6."""
        return {"ipv4": (4,), "ipv6": (6,)}.get(self.ip_type, (4, 6))

    @property
    def shared_key(self) -> Secret | None:
        """Return the pre-shared key, wherever it stands among the ways to authenticate."""
        return shared_key(self)

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong about this object by itself: combinations that no single option shows."""
        yield from self._empty_lists()
        yield from self._family_problems()
        yield from self.page_problems(self.where, self.ike_version)
        if self.connection_type == "transport" and self.xfrm_interface is not None:
            wanted = (
                "it must be left out with connection_type: transport, whose packets would come back to the interface"
            )
            yield Problem(self.where, "xfrm_interface", self.xfrm_interface, wanted)
        first, by = self.first_address(), self.initiated_by
        if self.remote_endpoints and by and first is None:
            yield Problem(
                self.where,
                "remote_endpoints",
                list(self.remote_endpoints),
                f"{by} initiates, so an address or a host name is needed among them; or set {by.partition(' ')[0]}: none",
            )
        if by and self.remote_endpoints and self.remote_endpoints[0] in ANYONE:
            yield Problem(
                self.where,
                "remote_endpoints[0]",
                self.remote_endpoints[0],
                "the peer that we initiate to must come first, 'anyone' after it",
            )
        if by and identities.is_pattern(self.remote_id) and self.shared_key is not None:
            yield Problem(
                self.where,
                "remote_id",
                self.remote_id,
                f"{by} initiates, and the key is chosen before the peer shows itself, so its identity is "
                f"needed in full; or set {by.partition(' ')[0]}: none",
            )
        yield from authentication_problems(
            self,
            self.where,
            ike_version=self.ike_version,
            initiates=self.initiates,
            local_id=self.local_id,
            remote_id=self.remote_id,
        )
        if self.lifetime < 60:
            yield Problem(self.where, "lifetime", self.lifetime, "at least 60 seconds are needed")
        yield from self.key_problems(
            self.where, ike_version=self.ike_version, lifetime=self.lifetime, link=self.xfrm_interface
        )
        if self.ppk is not None and self.ppk_id is None:
            yield Problem(self.where, "ppk_id", None, "is required beside ppk")
        if self.responder_only and self.restart_on_gateway_change:
            wanted = "false is needed, as responder_only says that only the peer initiates"
            yield Problem(self.where, "restart_on_gateway_change", True, wanted)
        for name in ("rekey_time", "reauth_time") if not self.rekey else ():
            if getattr(self, name):
                yield Problem(self.where, name, getattr(self, name), "0 is needed, or nothing, as rekey is false")

    def first_address(self) -> str | None:
        """Return the endpoint that we initiate to: the first address or host name, never a subnet, a range or anyone."""
        for endpoint in self.remote_endpoints:
            if endpoint not in ANYONE and "/" not in endpoint and not _is_range(endpoint):
                return endpoint
        return None

    def _empty_lists(self) -> Iterator[Problem]:
        # To charon an empty list is none, and none means anyone, or its own choice.
        needed = {
            "interfaces": (self.interfaces, "'any', an interface or an address of this host"),
            "remote_endpoints": (self.remote_endpoints, "an endpoint, or 0.0.0.0 or :: for anyone,"),
            "proposals": (self.proposals, "a proposal"),
        }
        for name, (values, wanted) in needed.items():
            if not values:
                yield Problem(self.where, name, [], f"{wanted} is needed")

    def _family_problems(self) -> Iterator[Problem]:
        listed = [("remote_endpoints", self.remote_endpoints), ("interfaces", self.interfaces)]
        for name, values in listed:
            for index, value in enumerate(values):
                family = address_family(value)
                if family is not None and family not in self.families:
                    yield Problem(
                        self.where,
                        f"{name}[{index}]",
                        value,
                        f"an IPv{self.families[0]} address is needed, as ip_type is {self.ip_type}",
                    )


def _is_range(endpoint: str) -> bool:
    return "-" in endpoint and address_family(endpoint) is not None


def address_family(value: str) -> int | None:
    """Return 4 or 6 for an address, a network or a range; None for names and words."""
    low, dash, high = value.partition("/")[0].partition("-")
    family = _version(low)
    return None if dash and _version(high) != family else family


@functools.lru_cache(maxsize=65536)
def _version(text: str) -> int | None:
    if not text or (text[0].isalpha() and ":" not in text):
        return None
    try:
        return ipaddress.ip_address(text).version
    except ValueError:
        return None
