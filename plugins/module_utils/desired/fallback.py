# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The value of a fallback: tunnels that take the place of a primary, and how that is checked (the page's 'Fallback IPSec')."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Problem
from . import kinds
from .naming import nothing_named
from .options import Kind, list_of, option
from .phase1 import ANYONE, Phase1, address_family
from .phase2 import Phase2
from .schedule import CALENDAR_OR_NAME, Schedule, is_calendar
from .selectors import Selector, selector_of

_TIME = re.compile(r"([0-9]{1,8})(ms|s|m|h)?")
_MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
# More often would be a load, and tell nothing more.
_SHORTEST_MS = 50
_LONGEST_MS = 86_400_000
_ICMP = (1, 58)


def parse_interval(value: Any) -> str:
    """Accept minutes, as on the page, or a number with ms, s, m or h; returns it with the largest unit that it is whole in."""
    wanted = "a time is needed: minutes, or a number with ms, s, m or h, such as 5, 500ms or 1s"
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(wanted)
    match = _TIME.fullmatch(str(value))
    if match is None:
        raise ValueError(wanted)
    found = int(match.group(1)) * _MILLISECONDS[match.group(2) or "m"]
    if not _SHORTEST_MS <= found <= _LONGEST_MS:
        raise ValueError(f"from {_SHORTEST_MS}ms to {_LONGEST_MS // _MILLISECONDS['h']}h are possible")
    return next(f"{found // size}{unit}" for unit, size in _MILLISECONDS.items() if not found % size)


def milliseconds(interval: str) -> int:
    """Return an interval as a number."""
    digits = interval.rstrip("hms")
    return int(digits) * _MILLISECONDS[interval[len(digits) :]]


INTERVAL = Kind("str", parse_interval)


@dataclass(frozen=True)
class Fallback:
    """A primary tunnel, what takes its place, and when."""

    name: str = option(kinds.NAME, "Name of the fallback.", identifies=True)
    primary: str = option(kinds.NAME, "Name of the phase 1 that is used as long as it works.", required=True)
    fallbacks: tuple[str, ...] = option(
        list_of(kinds.NAME),
        "Names of the phase 1 that take its place, in the order in which they are tried. Each phase 1 once in all fallbacks.",
        required=True,
    )
    mode: str = option(
        kinds.choice(("cold", "hot")),
        "V(cold) keeps a tunnel that is not used on standby, and sets it up when it is needed. V(hot) keeps all of them up, so"
        " that only routes move; each needs an XFRM interface of its own then.",
        default="cold",
    )
    ping_check: bool = option(
        kinds.BOOL,
        "Whether O(ping_address) is asked for answers. Without it the primary has failed when dead peer detection says so.",
        default=False,
    )
    ping_address: tuple[str, ...] = option(
        list_of(kinds.ADDRESS),
        "Addresses that are asked over the primary's way: its peer's own, or others behind it, in C(remote_networks) of its"
        " phase 2s.",
        default=(),
    )
    ping_quorum: int = option(
        kinds.integer(1, 100), "How many of O(ping_address) must answer for a check to be answered.", default=1
    )
    ping_source: str | None = option(
        kinds.ADDRESS,
        "Address of this host that checks are sent from; without it the way decides, and for addresses behind the tunnel"
        " C(local_networks), of which one of this host's is taken.",
    )
    ping_interval: str | None = option(
        INTERVAL,
        "Time between checks, in minutes, or with V(ms), V(s), V(m), V(h).",
        "V(5m) when not given, without O(ping_schedule).",
    )
    ping_schedule: str | None = option(
        CALENDAR_OR_NAME,
        "When to check, in the place of O(ping_interval): as C(OnCalendar=) of systemd's timers has it, such as V(hourly) or"
        " V(Mon..Fri *:0/15), or the name of one of C(schedules).",
    )
    ping_retries: int = option(
        kinds.integer(0, 100), "How many checks in a row without an answer are a failure; V(0) is no check.", default=3
    )
    retry_interval: str | None = option(
        INTERVAL,
        "Time to the next check after one without an answer, O(ping_interval) when not given; with O(ping_schedule) that"
        " says it, too.",
    )
    ping_fallback: bool = option(
        kinds.BOOL,
        "Whether the primary gets its place back when it answers again.",
        "It cannot where a policy-based primary is checked by an address behind it: there the fallback answers as well.",
        default=False,
    )
    rise: int = option(
        kinds.integer(1, 100),
        "How many checks in a row must be answered before the primary gets its place back.",
        default=3,
    )
    hold_down: int | None = option(
        kinds.DURATION,
        "How long the primary must have worked before it gets its place back: seconds, or with V(s), V(m), V(h), V(d). A return"
        " in vain doubles it, up to O(hold_down_max).",
        "As long as it takes to notice a failure when not given, and a minute at least.",
    )
    hold_down_max: int = option(
        kinds.DURATION, "What O(hold_down) is doubled to at most.", default=3600, shown_default="1h"
    )

    @property
    def where(self) -> str:
        """Return how messages name this object."""
        return f"fallback {self.name}"

    @property
    def members(self) -> tuple[str, ...]:
        """Return the names of all its phase 1, the primary first."""
        return (self.primary, *self.fallbacks)

    @property
    def interval(self) -> str | None:
        """Return the time between checks, given or not; None where a calendar says when."""
        return None if self.ping_schedule is not None else self.ping_interval or "5m"

    @property
    def checked(self) -> bool:
        """Say whether the primary is checked."""
        return self.ping_check and self.ping_retries > 0

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong about this object by itself."""
        if not self.fallbacks:
            yield Problem(self.where, "fallbacks", [], "at least one phase 1 is needed")
        for index, each in enumerate(self.fallbacks):
            if each in self.members[: index + 1]:
                yield Problem(self.where, f"fallbacks[{index}]", each, "each phase 1 once, the primary among them")
        yield from self._check_problems()
        if self.hold_down is not None and self.hold_down > self.hold_down_max:
            yield Problem(
                self.where, "hold_down", self.hold_down, f"at most hold_down_max is possible, {self.hold_down_max}"
            )

    def _check_problems(self) -> Iterator[Problem]:
        if not self.ping_check:
            if self.ping_address:
                wanted = "it belongs to ping_check: true; leave it out, or set that"
                yield Problem(self.where, "ping_address", list(self.ping_address), wanted)
            if self.ping_schedule is not None:
                wanted = "it belongs to ping_check: true; leave it out, or set that"
                yield Problem(self.where, "ping_schedule", self.ping_schedule, wanted)
            return
        if self.ping_schedule is not None and self.ping_interval is not None:
            wanted = f"either it, or ping_interval, which is {self.ping_interval}"
            yield Problem(self.where, "ping_schedule", self.ping_schedule, wanted)
        if not self.ping_address:
            yield Problem(self.where, "ping_address", None, "is required with ping_check: true")
        elif self.ping_quorum > len(self.ping_address):
            wanted = f"at most {len(self.ping_address)} can answer, which is how many ping_address has"
            yield Problem(self.where, "ping_quorum", self.ping_quorum, wanted)
        if len(set(self.ping_address)) < len(self.ping_address):
            yield Problem(self.where, "ping_address", list(self.ping_address), "each address once")
        family = address_family(self.ping_source or "")
        if family is not None and {address_family(each) for each in self.ping_address} - {family}:
            wanted = (
                f"an IPv{10 - family} address is needed, or none, as the addresses that are asked have another family"
            )
            yield Problem(self.where, "ping_source", self.ping_source, wanted)


def fallback_problems(
    fallbacks: Mapping[str, Fallback],
    connections: Mapping[str, Phase1],
    children: Mapping[str, Phase2],
    schedules: Mapping[str, Schedule],
) -> Iterator[Problem]:
    """Yield every problem between the fallbacks and the other objects of one gateway."""
    yield from missing_members(fallbacks, connections, schedules)
    owner: dict[str, Fallback] = {}
    of_primary = children_of({each.primary for each in fallbacks.values() if each.checked}, children)
    for _name, each in sorted(fallbacks.items()):
        for option_name, member in _members(each):
            if member in connections and owner.setdefault(member, each) is not each:
                yield Problem(
                    each.where, option_name, member, f"it stands in {owner[member].where}; each phase 1 once in all"
                )
        known = [connections[member] for member in each.members if member in connections]
        if each.mode == "hot":
            yield from _hot_problems(each, known)
        if each.checked and each.primary in connections:
            yield from _address_problems(each, connections[each.primary], of_primary[each.primary])


def missing_members(
    fallbacks: Mapping[str, Fallback], connections: Mapping[str, Phase1], schedules: Mapping[str, Schedule]
) -> Iterator[Problem]:
    """Yield a problem for every phase 1, and every schedule, that a fallback names and that is not there."""
    for _name, each in sorted(fallbacks.items()):
        for option_name, member in _members(each):
            if member not in connections:
                yield Problem(each.where, option_name, member, nothing_named(member, "phase 1", list(connections)))
        when = each.ping_schedule
        if when is not None and when not in schedules and not is_calendar(when):
            told = nothing_named(when, "schedule", list(schedules))
            wanted = f"{told}{'' if told.endswith('?') else '.'} Nor is it a calendar expression"
            yield Problem(each.where, "ping_schedule", when, wanted)


def calendars(fallbacks: Mapping[str, Fallback], schedules: Mapping[str, Schedule]) -> dict[str, str]:
    """Return the calendar expression of every fallback that is checked by one."""
    found = {}
    for name, each in sorted(fallbacks.items()):
        if each.checked and each.ping_schedule is not None:
            named = schedules.get(each.ping_schedule)
            found[name] = named.calendar if named is not None else each.ping_schedule
    return found


def children_of(names: Collection[str], children: Mapping[str, Phase2]) -> dict[str, list[Phase2]]:
    """Return the phase 2s of some phase 1s, by these; in one pass, whatever their number."""
    found: dict[str, list[Phase2]] = {name: [] for name in names}
    for child in children.values() if found else ():
        if child.phase1 in found:
            found[child.phase1].append(child)
    return found


def _members(each: Fallback) -> Iterator[tuple[str, str]]:
    yield "primary", each.primary
    yield from ((f"fallbacks[{index}]", member) for index, member in enumerate(each.fallbacks))


def _hot_problems(each: Fallback, members: list[Phase1]) -> Iterator[Problem]:
    """Of two policies with the same selectors one wins, whatever the routes say; XFRM interfaces keep them apart."""
    owner: dict[str, Phase1] = {}
    for member in members:
        link = member.xfrm_interface
        if link is None:
            wanted = f"cold is needed, as {member.where} has no XFRM interface, and of two tunnels for the same networks one wins"
            yield Problem(each.where, "mode", "hot", wanted)
        elif owner.setdefault(link, member) is not member:
            wanted = f"cold is needed, as {owner[link].where} and {member.where} share {link}, and no route can tell them apart"
            yield Problem(each.where, "mode", "hot", wanted)


def _address_problems(each: Fallback, primary: Phase1, children: list[Phase2]) -> Iterator[Problem]:
    places = {address: _place(address, primary, children) for address in each.ping_address}
    for index, (address, place) in enumerate(places.items()):
        if not place:
            wanted = (
                f"an address of the peer is needed, or one in remote_networks of the phase 2s of {primary.where}: the way to any "
                "other says nothing about the tunnel"
            )
            yield Problem(each.where, f"ping_address[{index}]", address, wanted)
    if len(set(places.values()) - {""}) > 1:
        wanted = f"either addresses of the peer are needed, or such in remote_networks of {primary.where}: what they need differs"
        yield Problem(each.where, "ping_address", list(each.ping_address), wanted)
    if _INSIDE in places.values() and primary.xfrm_interface is None and each.ping_fallback:
        wanted = (
            f"false is needed, or an XFRM interface for {primary.where}, or the peer's own address in ping_address: the policies "
            "of the fallback take packets for an address behind it as well, so that it would answer while the primary is down"
        )
        yield Problem(each.where, "ping_fallback", True, wanted)


_OUTSIDE, _INSIDE = "outside", "inside"


def checked_inside(each: Fallback, primary: Phase1, children: list[Phase2]) -> bool:
    """Say whether the addresses that are asked are behind the tunnel, so that it must be up for them to answer."""
    return any(_place(address, primary, children) == _INSIDE for address in each.ping_address)


def _place(address: str, primary: Phase1, children: list[Phase2]) -> str:
    asked = selector_of(address)
    # The peer itself comes first: it may lie in a network that is everything.
    known = [endpoint for endpoint in primary.remote_endpoints if endpoint not in ANYONE]
    if any(address_family(endpoint) and asked.overlaps(selector_of(endpoint)) for endpoint in known):
        return _OUTSIDE
    for child in children:
        for network in map(selector_of, child.remote_networks):
            if network.family and takes_echoes(network) and asked.overlaps(network):
                return _INSIDE
    # Where the peer's address is not known beforehand, whoever writes it down must know.
    unknown = len(known) < len(primary.remote_endpoints) or any(address_family(endpoint) is None for endpoint in known)
    return _OUTSIDE if unknown else ""


def takes_echoes(network: Selector) -> bool:
    """Say whether echo requests may be of a side of a selector."""
    return not network.limited or network.protocol in _ICMP
