# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is possible and not wise: told in warnings, never refused, for the peer may leave no choice.

Sources: the page's "IPSec Action Best Practice" for what starts and restarts a tunnel and for recommended algorithms;
RFC 8247 and RFC 8221 for weak ones, section 2.15 of RFC 7296 and RFC 2409 for what aggressive mode shows.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator

from .gateway import Gateway
from .page_settings import PageSettings
from .phase1 import Phase1
from .shunt_advice import shunt_advice
from .strength import weak_keys
from .xfrm_interface import SA

_MOST = 5
_WEAK = frozenset(
    "des 3des cast128 blowfish blowfish128 blowfish192 blowfish256 md5 md5_128 sha sha1 sha1_160 prfmd5 prfsha1 "
    "modp768 modp1024 modp1536 modp1024s160 modp2048s224 modp2048s256 ecp192".split()
)
_OPEN = frozenset(("null", "aes128gmac", "aes192gmac", "aes256gmac"))
_GOOD_SETS = (
    "two sets of options do not: init_type: start with dpd.action: restart and close_action: none (connect where dpd is not "
    "enabled), or init_type: on_demand with dpd.action: none and close_action: none"
)


def advice(gateway: Gateway) -> list[str]:
    """Return a sentence for each thing in a gateway that is possible and not wise, at most five of a sort."""
    connections = [item for _name, item in sorted(gateway.phase1.items())]
    sorts: tuple[tuple[str, Iterable[str]], ...] = (
        ("objects with such algorithms", _algorithms(gateway)),
        ("phase 1s in aggressive mode", map(_aggressive, filter(lambda item: item.aggressive, connections))),
        ("phase 1s that may have two tunnels for one", _duplicates(connections)),
        ("rounds that name an authority for nothing", _needless_names(connections)),
        ("phase 1s without an end", map(_unbounded, filter(lambda item: not item.rekey, connections))),
        ("phase 1s whose trap waits in vain", _vain_traps(connections, gateway)),
        ("shunts with such effects", shunt_advice(gateway)),
    )
    return [*weak_keys(gateway), *(told for what, found in sorts for told in _few(list(found), what))]


def _few(found: list[str], what: str) -> list[str]:
    rest = len(found) - _MOST
    return found if rest <= 0 else [*found[:_MOST], f"and {rest} more {what}"]


def _algorithms(gateway: Gateway) -> Iterator[str]:
    for _name, connection in sorted(gateway.phase1.items()):
        for told in dict.fromkeys(each for proposal in connection.proposals for each in _about_ike(proposal)):
            yield f"{connection.where}: proposals: {told}"
    for _key, child in sorted(gateway.phase2.items()):
        for told in dict.fromkeys(
            each for proposal in child.ah_proposals or child.proposals for each in _about_esp(proposal)
        ):
            yield f"{child.where}: proposals: {told}"


def _about_weak(proposal: str) -> Iterator[str]:
    for token in sorted(_WEAK.intersection(proposal.split("-"))):
        yield (
            f"{token} is weak, and whoever is on the way may make both ends choose it; aes256, sha256 and modp4096 are "
            "recommended at least"
        )


@functools.lru_cache(maxsize=4096)
def _about_ike(proposal: str) -> tuple[str, ...]:
    gcm = [token for token in proposal.split("-") if "gcm" in token]
    told = [f"{token} is not recommended for a phase 1; take aes256 with sha256 or better" for token in gcm]
    return (*_about_weak(proposal), *told)


@functools.lru_cache(maxsize=4096)
def _about_esp(proposal: str) -> tuple[str, ...]:
    unread = sorted(_OPEN.intersection(proposal.split("-")))
    return (
        *_about_weak(proposal),
        *(f"{token} does not encrypt: anybody on the way can read the traffic" for token in unread),
    )


def _aggressive(connection: Phase1) -> str:
    return (
        f"{connection.where}: aggressive mode shows the identities, and to whoever asks a value by which pre-shared keys can be "
        "tried at home; use IKEv2, or main mode"
    )


def _unbounded(connection: Phase1) -> str:
    return (
        f"{connection.where}: rekey is false, so charon sets the IKE SA no end: after lifetime ({connection.lifetime} s) the "
        "agent of the role swanfleet.ipsec.gateway ends it, unless the peer has renewed it; a host without the agent never does"
    )


def _vain_traps(connections: Iterable[Phase1], gateway: Gateway) -> Iterator[str]:
    for connection in connections:
        link = gateway.xfrm_interfaces.get(connection.xfrm_interface or "")
        if link is not None and link.link_state == SA and connection.waits_for_traffic:
            yield (
                f"{connection.where}: init_type {connection.start_type} waits for traffic, and none reaches its trap by "
                f"{link.where} (link_state: sa), which is down while no SA is up; take init_type: start, or link_state: follow"
            )


def _needless_names(connections: Iterable[Phase1]) -> Iterator[str]:
    for connection in connections:
        for index, each in enumerate(connection.remote_auth or ()):
            if each.ca_id is not None and (each.ca_certificates or each.token_ca_certificates):
                yield (
                    f"{connection.where}: remote_auth[{index}].ca_id: it demands nothing beside ca_certificates, as charon takes "
                    "a certificate that fits one of the two; leave out those of other authorities, or all of them"
                )


def _duplicates(connections: Iterable[Phase1]) -> Iterator[str]:
    for connection in connections:
        both = restarting_twice(connection)
        if both:
            yield (
                f"{connection.where}: {' and '.join(both)} can each set the tunnel up again, and then there are two for one; "
                f"{_GOOD_SETS}"
            )


def restarting_twice(settings: PageSettings) -> tuple[str, ...]:
    """Return the settings that set a tunnel up again beside each other; empty where only one does, or none.

    A trap does so with the next packet, DPD's restart and close action's connect at once. Where the peer is the one that
    initiates, whatever this end does comes beside that.
    """
    at_once = [f"dpd.action {settings.dpd_action}"] if settings.dpd_action.startswith("restart") else []
    at_once += [f"close_action {settings.close_action}"] if settings.close_action.startswith("connect") else []
    by_peer = settings.start_type == "none"
    first = ["the peer"] if by_peer else [f"init_type {settings.start_type}"] if settings.start_type != "start" else []
    found = (*first, *at_once) if at_once else ()
    return found if len(found) > 1 else ()
