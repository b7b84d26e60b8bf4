# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a phase 1 that each stand for one key of a connection in swanctl.conf; not given, charon's own default holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import Problem
from . import key_kinds, kinds
from .options import list_of, option


@dataclass(frozen=True)
class IkeKeys:
    """What an IKE connection can be told beyond the page's fields; the names are those of swanctl.conf(5)."""

    keyingtries: int = option(
        key_kinds.TRIES,
        "How many times in a row this end tries to set the IKE SA up before it gives up; V(0) is without end.",
        default=0,
    )
    rekey_time: int | None = option(
        kinds.DURATION,
        "Age at which the IKE SA is rekeyed, less than O(lifetime), whose rest is left for the attempt.",
        "Not given, nine tenths of O(lifetime). With V(0) it is never rekeyed, and ends by O(reauth_time) only.",
    )
    over_time: int | None = option(
        kinds.DURATION,
        "How long after rekeying or authenticating again was due the IKE SA ends, if that has not come about.",
        "Not given, the rest of O(lifetime) after O(rekey_time), or a tenth of it where there is none.",
    )
    rand_time: int | None = option(
        kinds.DURATION,
        "Rekeying comes earlier by a random time of at most this, so that the two ends do not begin together.",
        "charon's default is O(over_time), or half of O(rekey_time) where that is less.",
    )
    reauth_time: int | None = option(
        kinds.DURATION,
        "Age at which both ends authenticate again; with IKEv2 by a new IKE SA. charon's default is V(0), never.",
    )
    mobike: bool | None = option(
        kinds.BOOL,
        "Whether an IKE SA may follow when an end gets another address (RFC 4555). It has an effect with IKEv2 only.",
        "charon's default is V(true).",
    )
    aggressive: bool | None = option(
        kinds.BOOL,
        "Whether IKEv1 negotiates in aggressive mode, with half the messages and identities in the clear.",
        "With a pre-shared key whoever listens can then try keys at home. charon's default is V(false), main mode.",
        "charon answers to it with a pre-shared key only where its own option"
        " C(i_dont_care_about_security_and_use_aggressive_mode_psk) says so.",
    )
    pull: bool | None = option(
        kinds.BOOL,
        "In IKEv1, whether the side that wants a virtual address asks for it (pull) or is sent it (push).",
        "charon's default is V(true). The peer must do the same.",
    )
    childless: str | None = option(
        key_kinds.CHILDLESS,
        "Whether IKEv2 sets up the IKE SA without a first CHILD_SA (RFC 6023), so that each of them has its own key exchange.",
        "charon's default is V(allow): it does so for a peer that does. V(prefer), which needs strongSwan 5.9.10, does it"
        " where the peer can. V(force) takes nothing else, V(never) refuses it.",
    )
    fragmentation: str | None = option(
        key_kinds.FRAGMENTATION,
        "Whether large IKE messages are sent in fragments of their own, which pass where fragments of IP do not (RFC 7383).",
        "charon's default is V(yes), where the peer can. V(accept) only announces it, V(force) is for IKEv1 and begins with it.",
    )
    dscp: int | None = option(
        key_kinds.DSCP,
        "Number of the DSCP in packets of IKE (RFC 2474), such as V(46) for EF. charon's default is V(0).",
    )
    local_port: int | None = option(
        key_kinds.PORT,
        "UDP port that IKE is sent from. charon's default is 500, or what charon itself is set to listen on.",
        "Another one needs a charon that listens there too, by its options or its plugin C(socket-dynamic).",
    )
    remote_port: int | None = option(
        key_kinds.PORT,
        "UDP port of the peer. charon's default is 500; a connection that begins with 4500 needs no port 500 at all.",
    )
    unique: str | None = option(
        key_kinds.UNIQUE,
        "What becomes of an IKE SA when its peer, by its identity, sets up another one. V(replace) ends the old one,"
        " V(keep) refuses the new one.",
        "charon's default is V(no): a second one stands beside the first unless the peer says that it has no other.",
        "V(never) does not heed that word either.",
    )
    send_cert: str | None = option(
        key_kinds.SEND_CERT,
        "When we send our certificate. charon's default is V(ifasked): when the peer has asked for certificates.",
    )
    send_certreq: bool | None = option(
        kinds.BOOL, "Whether we ask the peer for its certificate. charon's default is V(true)."
    )

    ocsp: str | None = option(
        key_kinds.OCSP,
        "Whether OCSP answers go along with certificates (RFC 4806): V(reply) sends ours where the peer asks, V(request) asks"
        " for the peer's, V(both) and V(never) say it. charon's default is V(reply). Needs strongSwan 5.9.14.",
    )
    vips: tuple[str, ...] | None = option(
        list_of(kinds.ADDRESS),
        "Virtual addresses that this end asks the peer for; V(0.0.0.0) and V(::) leave the address to the peer.",
    )
    pools: tuple[str, ...] | None = option(
        list_of(kinds.NAME),
        "Pools that peers which ask for a virtual address get one from, the first that has one of the right family: names"
        " of pools in C(config), V(dhcp) or V(radius), which need charon's plugins C(dhcp) and C(eap-radius).",
    )
    ppk_id: str | None = option(
        key_kinds.IDENTITY,
        "Name of the postquantum key that is mixed into the IKE SA (RFC 8784), such as"
        " V(fqdn:fleet-2026). Both ends need the same.",
    )
    ppk_required: bool | None = option(
        kinds.BOOL, "Whether the IKE SA fails without a postquantum key. charon's default is V(false)."
    )
    if_id_in: str | None = option(
        key_kinds.IF_ID,
        "Number of the XFRM interface that inbound traffic comes by, where somebody else makes that link; V(%unique) and"
        " V(%unique-dir) let charon take one for each SA. For links of ours see O(xfrm_interface).",
    )
    if_id_out: str | None = option(key_kinds.IF_ID, "The same for outbound traffic.")
    mediation: bool | None = option(
        kinds.BOOL,
        "Whether this is a connection to a mediation server, by which peers behind NAT find each other."
        " charon's default is V(false).",
    )
    mediated_by: str | None = option(
        kinds.NAME, "Name of the phase 1, with O(mediation=true), by which the peer of this one is found."
    )
    mediation_peer: str | None = option(
        key_kinds.IDENTITY,
        "Identity that the peer has at the mediation server, with O(mediated_by). Needed with it.",
    )

    def key_problems(self, where: str, *, ike_version: int, lifetime: int, link: str | None) -> Iterator[Problem]:
        """Yield what is wrong about these options of the object named `where`, with `link` as its XFRM interface."""
        yield from self._time_problems(where, lifetime)
        for name in ("if_id_in", "if_id_out"):
            if link is not None and getattr(self, name) is not None:
                yield Problem(
                    where,
                    name,
                    getattr(self, name),
                    f"xfrm_interface is {link}, which has its number; only one of them",
                )
        if self.ppk_required and self.ppk_id is None:
            yield Problem(where, "ppk_id", None, "is required, as ppk_required is true")
        if self.ppk_id is not None and self.ppk_id.startswith(("keyid:", "address:")):
            # Measured with 5.9.8 and 6.0.1: "received PPK_ID 'x', but require 'x'" (ike_auth.c, parse_ppk_identity()).
            wanted = (
                "charon takes the name that a peer sends for what it looks like and finds no key of another type; write it as "
                "fqdn: or email:, such as fqdn:fleet-2026"
            )
            yield Problem(where, "ppk_id", self.ppk_id, wanted)
        if self.mediation and self.mediated_by is not None:
            yield Problem(
                where, "mediated_by", self.mediated_by, "a connection to a mediation server cannot be mediated itself"
            )
        if self.mediated_by is not None and self.mediation_peer is None:
            # charon could take the peer's identity, and 5.9.8 ends itself by a signal when it is to do so.
            yield Problem(where, "mediation_peer", None, "is required, as mediated_by is given")
        if self.mediation_peer is not None and self.mediated_by is None:
            yield Problem(where, "mediation_peer", self.mediation_peer, "it belongs to mediated_by, which is missing")
        for name, version in (("aggressive", 1), ("childless", 2), ("ppk_id", 2)):
            value = getattr(self, name)
            if value not in (None, False) and ike_version not in (0, version):
                yield Problem(where, name, value, f"it belongs to IKEv{version}, and ike_version is {ike_version}")

    def _time_problems(self, where: str, lifetime: int) -> Iterator[Problem]:
        if self.rekey_time is not None and self.rekey_time >= lifetime:
            yield Problem(where, "rekey_time", self.rekey_time, f"it must be less than lifetime, which is {lifetime}")
        elif self.rekey_time and self.over_time is not None and self.rekey_time + self.over_time != lifetime:
            total = self.rekey_time + self.over_time
            yield Problem(
                where,
                "over_time",
                self.over_time,
                f"with rekey_time it makes {total}, and lifetime is {lifetime}; leave it out",
            )
        elif self.rekey_time is None and self.over_time is not None and self.over_time >= lifetime:
            yield Problem(where, "over_time", self.over_time, f"it must be less than lifetime, which is {lifetime}")

    def times(self, lifetime: int) -> tuple[int, int]:
        """Return `rekey_time` and `over_time` as charon is told, which together make `lifetime` where it is rekeyed."""
        if self.rekey_time is not None:
            rest = lifetime - self.rekey_time if self.rekey_time else lifetime // 10
            return self.rekey_time, rest if self.over_time is None else self.over_time
        over_time = lifetime // 10 if self.over_time is None else self.over_time
        return lifetime - over_time, over_time
