# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words for why a tunnel is not up, what a person does about each, and what charon says that means one of them."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

# State of a tunnel by the reason why it is not up: "unknown" where nobody can tell, "waiting" where nothing is wrong.
UNKNOWN, DOWN, STANDBY, CONNECTING, WAITING = "unknown", "down", "standby", "connecting", "waiting"


@dataclass(frozen=True)
class Reason:
    """A reason: what it makes of the tunnel's state, what is so, and what to do next.

    `child` says that it may be told of a phase 2 whose phase 1 is up.
    """

    state: str
    text: str
    child: bool = False


# Of several things that charon said about one attempt the first in this order counts: the cause stands before what
# follows from it.
REASONS: dict[str, Reason] = {
    "daemon_down": Reason(DOWN, "charon does not run, so no tunnel can be up."),
    "daemon_silent": Reason(UNKNOWN, "charon does not answer, so nobody can tell what the tunnel does."),
    "not_loaded": Reason(
        DOWN,
        "charon has not loaded it. Run the playbook again, or 'swanctl --load-all', and see what that says.",
        child=True,
    ),
    "standby": Reason(
        STANDBY,
        "It is on standby: this host has none of its addresses now, or its fallback uses another tunnel. Nothing is wrong if "
        "that is meant; else look at 'ip address' and at what moves the address (keepalived, DHCP), or at why the other tunnel "
        "is in use.",
    ),
    "certificate_expired": Reason(
        DOWN,
        "A certificate of the peer's is past its end. Renew the one that is named at the peer, or its CA; and compare the "
        "clocks of both ends.",
    ),
    "certificate_not_yet_valid": Reason(
        DOWN,
        "A certificate of the peer's is not valid yet. Compare the clocks of both ends first; else wait, or issue another.",
    ),
    "certificate_revoked": Reason(
        DOWN,
        "A certificate of the peer's was revoked by its CA. Issue another one for the peer, if it is still to be let in.",
    ),
    "certificate_status_unknown": Reason(
        DOWN,
        "Whether a certificate of the peer's was revoked could not be found out, and the tunnel demands it. See that the CRL "
        "or the OCSP service that the certificate names is reachable from this host, and its answer not out of date.",
    ),
    "certificate_untrusted": Reason(
        DOWN,
        "No CA that this host trusts has issued the peer's certificate, or the CA may not issue such a one. Give this host "
        "the CA that is named, with all CAs in between.",
    ),
    "not_authorized": Reason(
        DOWN,
        "The peer is who it says, and a plugin of charon (a whitelist, RADIUS) does not let it in. Look at that plugin's list.",
    ),
    "authentication_failed": Reason(
        DOWN,
        "The peer could not prove to be who it must be: another pre-shared key or password than ours, a certificate without "
        "its key, or an identity that no tunnel here has. Compare the key, and its identity with remote_id.",
    ),
    "authentication_refused": Reason(
        DOWN,
        "The peer does not accept who we are, or we have nothing to prove it with. Compare the key and local_id with what the "
        "peer expects, and remote_id with its own identity; see whether our certificate, if it is one, is past its end or of a "
        "CA that the peer does not know. IKE tells us no more; the peer's side does.",
    ),
    "selectors": Reason(
        DOWN,
        "The networks do not match. What is local here must be remote there and the other way round: compare local_networks "
        "and remote_networks with the peer's.",
        child=True,
    ),
    "no_proposal": Reason(
        DOWN,
        "Both ends have no combination of algorithms in common, or, for a phase 1, the peer has no tunnel for this pair of "
        "addresses and this IKE version at all. Compare proposals, ike_version and the endpoints of both ends.",
        child=True,
    ),
    "kernel_refused": Reason(
        DOWN,
        "The kernel did not take the SA or its policies. See that it has the algorithms and that no other tunnel has the same "
        "networks ('ip xfrm policy').",
        child=True,
    ),
    "no_virtual_address": Reason(
        DOWN,
        "There is no virtual address to give or to get. Look at the pools, and whether one is used up.",
        child=True,
    ),
    "duplicate": Reason(
        DOWN,
        "Another SA with the same peer is up already, and this tunnel keeps the old one. End the old one, or change unique.",
    ),
    "refused": Reason(
        DOWN,
        "The peer accepts us and not this phase 2, for another reason than its proposals: nearly always the networks. Compare "
        "local_networks and remote_networks with the peer's.",
        child=True,
    ),
    "radius_silent": Reason(DOWN, "The RADIUS server does not answer. See that it is reachable from this host."),
    "name_unresolved": Reason(
        DOWN,
        "The name of the peer has no address now. Look it up on this host ('getent ahosts NAME') and see that DNS works; the "
        "name is looked up again at each attempt.",
    ),
    "unreadable": Reason(
        DOWN,
        "What the peer sends cannot be read: different keys after all, or a fault of one of the two programs. Compare releases, "
        "and the pre-shared keys.",
    ),
    "expired": Reason(DOWN, "The SA reached its end before a new one had come up. See whether the peer answers."),
    "peer_silent": Reason(
        DOWN,
        "The peer does not answer. See that it is up, that its address is right, and that UDP 500 and 4500 pass both ways "
        "('tcpdump -n udp port 500 or udp port 4500').",
    ),
    "connecting": Reason(CONNECTING, "It is being set up right now. Look again in a moment.", child=True),
    "trap_missing": Reason(
        DOWN,
        "It is to start with the first packet, and charon has no policy that would catch one: it was uninstalled, or could not "
        "be installed since the peer's address was unknown or another tunnel has the same networks. Run 'swanctl --load-all'.",
        child=True,
    ),
    "waiting_for_traffic": Reason(
        WAITING,
        "It starts with the first packet for its networks. If packets do come and it stays down, ask with 'probe: true', which "
        "tries and tells what comes of it.",
        child=True,
    ),
    "waiting_for_peer": Reason(WAITING, "Nothing starts it here (init_type none): it waits for the peer.", child=True),
    "not_tried": Reason(
        DOWN,
        "It was started when it was loaded, has ended or failed, and nothing starts it again (init_type start). Ask with "
        "'probe: true', which tries and tells what comes of it.",
        child=True,
    ),
}

# Type of an alert (error_notify_msg.h) to the reason that it tells; those that tell none are not here.
_ALERTS: dict[int, str] = {
    1: "radius_silent", 2: "authentication_refused", 3: "authentication_failed", 4: "unreadable", 5: "unreadable",
    6: "peer_silent", 7: "peer_silent", 8: "no_proposal", 9: "no_proposal", 10: "selectors", 11: "kernel_refused",
    12: "kernel_refused", 14: "duplicate", 15: "no_virtual_address", 16: "not_authorized", 17: "certificate_expired",
    18: "certificate_revoked", 19: "certificate_untrusted", 20: "peer_silent", 23: "name_unresolved", 24: "peer_silent",
    27: "refused", 28: "expired", 29: "certificate_status_unknown", 30: "certificate_untrusted",
    31: "certificate_untrusted", 32: "certificate_untrusted",
}  # fmt: skip
# A peer's own words, by the names of RFC 7296, section 3.10.1, and RFC 2408, section 3.14.1. With IKEv1, and of selectors
# with IKEv2, charon raises no alert for them at the end that asked.
_NOTIFIES: dict[str, str] = {
    "AUTHENTICATION_FAILED": "authentication_refused", "INVALID_KEY_INFORMATION": "authentication_refused",
    "NO_PROPOSAL_CHOSEN": "no_proposal", "TS_UNACCEPTABLE": "selectors", "INVALID_ID_INFORMATION": "selectors",
    "INTERNAL_ADDRESS_FAILURE": "no_virtual_address", "FAILED_CP_REQUIRED": "no_virtual_address",
}  # fmt: skip
_SAID = re.compile(r"received ([A-Z_]+) (?:notify|error notify)\b")
# Written by charon, in English in whatever locale (libstrongswan, utils/utils/time.c).
_BEGINS = re.compile(r"valid from (\w{3}) (\d\d) (\d\d):(\d\d):(\d\d) UTC (\d{4})")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def of_alert(kind: int, text: str, epoch: float) -> str | None:
    """Return the reason that an alert tells, None for one that tells none; `epoch` is when it came, in seconds."""
    reason = _ALERTS.get(kind)
    if reason == "certificate_expired" and _begins_after(text, epoch):
        # charon has one alert for both.
        return "certificate_not_yet_valid"
    return reason


def _begins_after(text: str, epoch: float) -> bool:
    found = _BEGINS.search(text)
    if found is None or found[1] not in _MONTHS:
        return False
    day, hour, minute, second, year = (int(part) for part in found.groups()[1:])
    return _moment(epoch) < dt.datetime(year, _MONTHS.index(found[1]) + 1, day, hour, minute, second)


def of_speech(text: str) -> str | None:
    """Return the reason that the peer has given, by charon's report of its answer (vici, event log)."""
    said = _SAID.search(text)
    return _NOTIFIES.get(said[1]) if said else None


def when(epoch: float) -> str:
    """Return a time as people and programs read it: UTC, to the second (RFC 3339)."""
    return _moment(epoch).isoformat() + "Z"


def _moment(epoch: float) -> dt.datetime:
    return dt.datetime(1970, 1, 1) + dt.timedelta(seconds=int(epoch))
