# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's "Phase 1 Settings": what starts and restarts a tunnel, who may rekey it, and how dead peers are found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import Problem
from . import kinds
from .options import object_of, option

INIT_TYPES = ("start_on_demand", "on_demand", "start", "none")
CLOSE_ACTIONS = ("none", "connect", "on_demand", "connect_on_demand")
DPD_ACTIONS = ("none", "restart", "on_demand", "restart_on_demand")
VXLAN_PORT = 4789
# Protocols by their numbers, since names need a file on the host: GRE and UDP.
TRAFFIC = {"gre": "47", "vxlan": "17"}
# What charon's own repetitions of a message take until it gives up, with its defaults (strongswan.conf, retransmit_*).
RETRANSMISSIONS_S = 165


@dataclass(frozen=True)
class Dpd:
    """Dead peer detection (RFC 7296, section 2.4; RFC 3706 for IKEv1)."""

    enabled: bool = option(
        kinds.BOOL,
        "Whether the peer is asked for a sign of life when none has come for O(dpd.delay).",
        "Without it a dead peer is noticed when something else is to be told to it, such as new keys.",
        default=True,
    )
    delay: int = option(
        kinds.DURATION, "Time between checks: seconds, or with V(s), V(m), V(h), V(d).", default=30, shown_default="30s"
    )
    timeout: int = option(
        kinds.DURATION,
        "How long the peer may be silent before it counts as dead, from its last sign of life on; V(0) leaves that to"
        " charon's repetitions, 165 seconds with its own settings.",
        "charon itself has a time of its own for IKEv1 only. With O(ike_version=2) it gives the peer up after its"
        " repetitions, which are the same for all tunnels of a host (C(retransmit_tries) and C(retransmit_timeout) of"
        " C(strongswan.conf)). A value below the default is kept by the program on the gateway, which the role"
        " P(swanfleet.ipsec.gateway#role) installs, and refused without it.",
        default=150,
        shown_default="150s",
    )
    action: str | None = option(
        kinds.choice(DPD_ACTIONS),
        "What follows when the peer is dead. V(restart) connects again at once, V(on_demand) when traffic flows,"
        " V(restart_on_demand) does both, V(none) only ends the SAs.",
        "V(restart) when not given and O(init_type=start), V(none) otherwise: what is on demand comes back by its trap.",
    )


@dataclass(frozen=True)
class PageSettings:
    """The settings of a phase 1 beside its endpoints, its authentication and its algorithms."""

    init_type: str | None = option(
        kinds.choice(INIT_TYPES),
        "What starts the tunnel. V(start_on_demand) connects at once and keeps a trap that rebuilds it when traffic flows.",
        "V(on_demand) only keeps the trap, V(start) only connects at once, V(none) waits for the peer.",
        "V(start_on_demand) when not given; V(none) with O(responder_only=true).",
    )
    connection_type: str = option(
        kinds.choice(("tunnel", "transport")),
        "V(tunnel) carries whole packets between networks. V(transport) protects what the two endpoints themselves send to"
        " each other, by one phase 2 without networks; it cannot have an XFRM interface, whose packets would come back to it.",
        default="tunnel",
    )
    traffic_selector: str = option(
        kinds.choice(("any", *TRAFFIC)),
        "What transport mode protects: V(any) traffic between the endpoints, or only V(gre) or V(vxlan); the rest stays in"
        " the clear.",
        default="any",
    )
    vxlan_port: int | None = option(
        kinds.integer(1, 65535), "UDP port of O(traffic_selector=vxlan), 4789 when not given (RFC 7348)."
    )
    encryption_type: str = option(
        kinds.choice(("esp", "ah")),
        "V(esp) encrypts (RFC 4303). V(ah) only proves where packets come from (RFC 4302); it cannot pass a NAT.",
        default="esp",
    )
    split_connections: bool = option(
        kinds.BOOL,
        "Whether each phase 2 gets a CHILD_SA of its own. With V(false) those share one that differ in nothing but their"
        " networks, where that lets through exactly the pairs of networks that are listed. With IKEv1 each always has its own.",
        "Both ends must do the same. Some peers need V(true), and each SA is the work of one CPU.",
        default=False,
    )
    responder_only: bool = option(
        kinds.BOOL,
        "Whether only the peer may ever initiate. O(init_type), O(close_action) or O(dpd.action) that would initiate from"
        " this end are an error beside it.",
        default=False,
    )
    rekey: bool = option(
        kinds.BOOL,
        "Whether this end renews keys before O(lifetime) is over, of the IKE SA and of its CHILD_SAs. With V(false) only"
        " the peer does so.",
        "With V(false) a CHILD_SA still ends after its lifetime; charon sets the IKE SA no end then. The agent ends it"
        " after O(lifetime), unless the peer has renewed it, and sets it up again where O(init_type) starts the tunnel.",
        default=True,
    )
    close_action: str = option(
        kinds.choice(CLOSE_ACTIONS),
        "What follows when the peer closes a CHILD_SA. V(connect) connects again at once, V(on_demand) when traffic flows,"
        " V(connect_on_demand) does both, V(none) does nothing more.",
        default="none",
    )
    nat_traversal: str = option(
        kinds.choice(("auto", "force")),
        "When ESP is put into UDP packets. V(auto) does so where a NAT is found on the way, V(force) always.",
        default="auto",
    )
    dpd: Dpd = option(object_of(Dpd), "Dead peer detection.", default=Dpd())

    @property
    def start_type(self) -> str:
        """Return what starts the tunnel, given or not."""
        return self.init_type or ("none" if self.responder_only else "start_on_demand")

    @property
    def waits_for_traffic(self) -> bool:
        """Say whether a trap takes the packet that starts the tunnel."""
        return self.start_type in ("on_demand", "start_on_demand")

    @property
    def dpd_action(self) -> str:
        """Return what follows when the peer is dead, given or not."""
        return self.dpd.action or ("restart" if self.start_type == "start" else "none")

    @property
    def initiated_by(self) -> str:
        """Return the option, with its value, by which this end may start the IKE SA by itself; empty if there is none."""
        return next((f"{name} {value}" for name, value in self._initiating()), "")

    @property
    def initiates(self) -> bool:
        """Say whether this end may start the IKE SA by itself."""
        return bool(self.initiated_by)

    def page_problems(self, where: str, ike_version: int) -> Iterator[Problem]:
        """Yield what is wrong about these settings."""
        if self.responder_only:
            wanted = "none is needed, as responder_only says that only the peer initiates"
            yield from (Problem(where, name, value, wanted) for name, value in self._initiating())
        yield from self._mode_problems(where)
        if self.dpd.enabled:
            yield from self._dpd_problems(where, ike_version)

    def _initiating(self) -> Iterator[tuple[str, str]]:
        """Yield the options by which this end starts the IKE SA by itself, with their values."""
        actions = {"init_type": self.start_type, "close_action": self.close_action, "dpd.action": self.dpd_action}
        return ((name, value) for name, value in actions.items() if value != "none")

    def _mode_problems(self, where: str) -> Iterator[Problem]:
        if self.traffic_selector != "any" and self.connection_type != "transport":
            wanted = "any is needed, since it chooses what transport mode protects; or set connection_type: transport"
            yield Problem(where, "traffic_selector", self.traffic_selector, wanted)
        if self.vxlan_port is not None and self.traffic_selector != "vxlan":
            yield Problem(where, "vxlan_port", self.vxlan_port, "it belongs to traffic_selector: vxlan; leave it out")
        if self.encryption_type == "ah" and self.nat_traversal == "force":
            wanted = "auto is needed, since AH has no UDP encapsulation and passes no NAT; or set encryption_type: esp"
            yield Problem(where, "nat_traversal", self.nat_traversal, wanted)

    def _dpd_problems(self, where: str, ike_version: int) -> Iterator[Problem]:
        delay, timeout = self.dpd.delay, self.dpd.timeout
        if delay < 1:
            yield Problem(
                where, "dpd.delay", delay, "at least 1 second is needed; to have no detection set dpd.enabled: false"
            )
        elif timeout and timeout < delay:
            yield Problem(
                where, "dpd.timeout", timeout, f"at least dpd.delay is needed, {delay} seconds; or 0 for charon's own"
            )
        elif not timeout and ike_version == 1 and delay > RETRANSMISSIONS_S:
            # charon counts the timeout from the check on, and would come out below zero (ikev1/task_manager_v1.c).
            yield Problem(where, "dpd.timeout", timeout, f"at least dpd.delay is needed, {delay} seconds")
