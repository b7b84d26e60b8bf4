# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The situation of a host: what decides about its artifacts beside what is wanted, such as addresses and allotted numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from ..errors import Problem, ValidationError
from .gateway import Gateway
from .phase1 import Phase1, address_family

FIRST_ALLOTTED_IF_ID = 0x5F000001


@dataclass(frozen=True)
class Situation:
    """What the host is like while artifacts are computed.

    `addresses`: usable addresses by interface name (global scope; no tentative or failed ones), in the kernel's order.
    `default_interface`: name of the default route's interface by family (4, 6).
    `if_ids`: allotted numbers by XFRM interface name. `host_key`: this host's own key for hashes of secrets.
    """

    host_key: bytes
    addresses: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    default_interface: Mapping[int, str | None] = dataclasses.field(default_factory=dict)
    if_ids: Mapping[str, int] = dataclasses.field(default_factory=dict)


def allot_if_ids(gateway: Gateway, previous: Mapping[str, int], taken: Set[int]) -> dict[str, int]:
    """Return the `if_id` of every XFRM interface: as written, else as allotted before, else the lowest free number.

    `taken` are the numbers of links on the host that are not ours.
    """
    written = {name: item.if_id for name, item in gateway.xfrm_interfaces.items() if item.if_id is not None}
    allotted: dict[str, int] = dict(written)
    used = set(written.values()) | set(taken) | set(_by_hand(gateway))
    for name in sorted(gateway.xfrm_interfaces.keys() - written.keys()):
        before = previous.get(name)
        if before is not None and before not in used:
            allotted[name] = before
            used.add(before)
    candidate = FIRST_ALLOTTED_IF_ID
    for name in sorted(gateway.xfrm_interfaces.keys() - allotted.keys()):
        while candidate in used:
            candidate += 1
        allotted[name] = candidate
        used.add(candidate)
    return allotted


def _by_hand(gateway: Gateway) -> Iterator[int]:
    """Yield the numbers that connections and CHILD_SAs have of links that somebody else makes."""
    numbers = [(each.if_id_in, each.if_id_out) for each in gateway.phase1.values()]
    numbers += [(each.if_id_in, each.if_id_out) for each in gateway.phase2.values()]
    yield from (int(number) for both in numbers if any(both) for number in both if number and number.isdigit())


def local_addresses(connection: Phase1, situation: Situation) -> tuple[str, ...]:
    """Return the addresses that `interfaces` of a phase 1 stand for now; empty means whatever the routes say ("any").

    Raises `ValidationError` for a name that is no interface of the host, or one without an address of the family.
    """
    if "any" in connection.interfaces:
        return ()
    families = {"ipv4": (4,), "ipv6": (6,)}.get(connection.ip_type, (4, 6))
    found: dict[str, None] = {}
    default = next(filter(None, (situation.default_interface.get(family) for family in families)), None)
    for index, entry in sorted(enumerate(connection.interfaces), key=lambda pair: (pair[1] != default, pair[0])):
        if address_family(entry) is not None:
            found[entry] = None
            continue
        if entry not in situation.addresses:
            known = ", ".join(sorted(situation.addresses)) or "none"
            raise ValidationError(
                [
                    Problem(
                        connection.where,
                        f"interfaces[{index}]",
                        entry,
                        f"this host has no such interface; it has {known}",
                    )
                ]
            )
        found.update(dict.fromkeys(a for a in situation.addresses[entry] if address_family(a) in families))
    if not found:
        raise ValidationError(
            [
                Problem(
                    connection.where,
                    "interfaces",
                    list(connection.interfaces),
                    f"none of them has an IPv{' or IPv'.join(map(str, families))} address now, as ip_type "
                    f"{connection.ip_type} needs",
                )
            ]
        )
    return tuple(found)
