# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From which address of this host a check from inside the tunnel goes: a packet from any other is none of the tunnel's.

Left to itself the kernel takes the address of whatever interface it likes, such as the line's, which stands in no selector.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .fallback import Fallback, checked_inside, children_of, takes_echoes
from .gateway import Gateway
from .phase1 import Phase1
from .phase2 import Phase2
from .selectors import Selector, selector_of
from .situation import Situation

# No address of ours is in a selector; an empty source is the kernel's own choice, where that is as good as any.
NOWHERE = None
_MOST = 5


def check_sources(
    each: Fallback, primary: Phase1, children: Sequence[Phase2], own: Mapping[str, Sequence[str]], endpoint: str = ""
) -> dict[str, str | None]:
    """Return for each address that is asked from inside the address that its check goes from, or `NOWHERE`.

    `own` are the addresses of this host by interface; those of the primary's XFRM interface come first, as the kernel has
    it. `endpoint` is the one that the primary's IKE SA has, for selectors that are dynamic. None is needed where one is given.
    """
    if each.ping_source is not None or not checked_inside(each, primary, list(children)):
        return {}
    link = primary.xfrm_interface
    at_hand = [address for name in sorted(own, key=lambda name: name != link) for address in own[name]]
    return {asked: _source(_local_sides(asked, children), primary, at_hand, endpoint) for asked in each.ping_address}


def _local_sides(asked: str, children: Iterable[Phase2]) -> Iterator[Selector]:
    """Yield our sides of the phase 2s that hold an address which is asked."""
    wanted = selector_of(asked)
    for child in children:
        if any(takes_echoes(remote) and wanted.overlaps(remote) for remote in map(selector_of, child.remote_networks)):
            sides = map(selector_of, child.local_networks)
            yield from (side for side in sides if side.family in (0, wanted.family) and takes_echoes(side))


def _source(sides: Iterable[Selector], primary: Phase1, own: Sequence[str], endpoint: str) -> str | None:
    for side in sorted(sides, key=lambda side: side.high - side.low):
        if not side.family:
            # A virtual address is known to charon alone, which has a route for it.
            return endpoint if primary.vips is None else ""
        if side.low == 0 and side.high + 1 == 1 << (32 if side.family == 4 else 128):
            return ""
        found = next((each for each in own if _holds(side, each)), None)
        if found is not None:
            return found
    return NOWHERE


def _holds(side: Selector, address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return parsed.version == side.family and side.low <= int(parsed) <= side.high


def chooses_sources(gateway: Gateway) -> bool:
    """Say whether any check goes from an address that depends on those of the host."""
    checked = _checked(gateway, given=False)
    children = children_of({each.primary for each in checked}, gateway.phase2)
    return any(checked_inside(each, gateway.phase1[each.primary], children[each.primary]) for each in checked)


def _checked(gateway: Gateway, *, given: bool) -> list[Fallback]:
    """Return the fallbacks with checks, those whose `ping_source` is given or the others, by name."""
    return [
        each for _name, each in sorted(gateway.fallbacks.items()) if each.checked and bool(each.ping_source) == given
    ]


def unfit_sources(gateway: Gateway, situation: Situation) -> list[str]:
    """Return a sentence for each fallback whose checks from inside come from an address that the tunnel does not take.

    That this host has none that it takes is told where anybody has looked. There are five at most.
    """
    found = list(_strays(gateway))
    if situation.interfaces is not None:
        found += _without(gateway, situation)
    more = len(found) - _MOST
    return found if more <= 0 else [*found[:_MOST], f"and {more} more fallbacks without such an address"]


def _strays(gateway: Gateway) -> Iterator[str]:
    checked = _checked(gateway, given=True)
    children = children_of({each.primary for each in checked}, gateway.phase2)
    for each in checked:
        own = children[each.primary]
        inside = checked_inside(each, gateway.phase1[each.primary], list(own))
        asked = [address for address in each.ping_address if inside and not _takes(each.ping_source, address, own)]
        if asked:
            yield (
                f"{each.where}: ping_source {each.ping_source} is not in local_networks of the phase 2s of {each.primary} "
                f"({_networks(own)}) to {', '.join(asked)}: the tunnel does not carry these checks, and they fail; take an address "
                "of this host that is in there"
            )


def _takes(source: str | None, asked: str, children: Iterable[Phase2]) -> bool:
    """Say whether the tunnel carries a check from there."""
    return source is None or any(not side.family or _holds(side, source) for side in _local_sides(asked, children))


def _without(gateway: Gateway, situation: Situation) -> Iterator[str]:
    checked = _checked(gateway, given=False)
    to_be = {name: [one.partition("/")[0] for one in link.addresses] for name, link in gateway.xfrm_interfaces.items()}
    own = {name: (*situation.own.get(name, ()), *to_be.get(name, ())) for name in {**situation.own, **to_be}}
    children = children_of({each.primary for each in checked}, gateway.phase2)
    for each in checked:
        sources = check_sources(each, gateway.phase1[each.primary], children[each.primary], own)
        asked = [address for address, source in sources.items() if source is NOWHERE]
        if asked:
            yield (
                f"{each.where}: this host has no address in local_networks of the phase 2s of {each.primary} "
                f"({_networks(children[each.primary])}) for its checks of {', '.join(asked)}: they leave from whatever address the "
                "routes say, and the tunnel may not carry them; give the host an address there, or add one of its own to "
                "local_networks"
            )


def _networks(children: Iterable[Phase2]) -> str:
    return ", ".join(dict.fromkeys(network for child in children for network in child.local_networks))
