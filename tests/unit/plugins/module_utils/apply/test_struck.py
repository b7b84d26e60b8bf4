# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are struck at every call of every driver: the host ends in the old or the new state, and never in another.

The calls are found by running each plan once; none is written down here.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonAbsent, DaemonHung
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileTrouble
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError, IpsecError
from ansible_collections.swanfleet.ipsec.tests.fakes.faults import (
    WRITING_FILES,
    Killed,
    Place,
    Strike,
    errors_at,
    once,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost
from ansible_collections.swanfleet.ipsec.tests.fakes.units import STOPPED
from ansible_collections.swanfleet.ipsec.tests.fakes.worlds import PLANS, World
from ansible_collections.swanfleet.ipsec.tests.fakes.worlds import world as set_up

Record = Callable[[str, object], None]
Tallied = Callable[[], contextlib.AbstractContextManager["Tally"]]
# A large plan has too many places for every day, and pairs of places are many; make prove goes through more of them.
LARGE, FIRSTS, PAIRS = (1, 1000, 1000) if os.environ.get("SWANFLEET_STRIKES") == "all" else (6, 8, 40)


@functools.cache
def built(name: str) -> World:
    return set_up(name)


@pytest.fixture(params=PLANS)
def world(request: pytest.FixtureRequest) -> World:
    return built(request.param)


def places(world: World) -> list[Place]:
    """Return the places to strike at; of many calls of the same name in a large run some."""
    if len(world.places) <= 150:
        return list(world.places)
    seen: Counter[tuple[str, str]] = Counter()
    chosen = []
    for place in world.places:
        if seen[place.driver, place.name] % LARGE == 0:
            chosen.append(place)
        seen[place.driver, place.name] += 1
    return chosen


class Tally:
    """What came of all runs of a test: how often which end, and what was wrong, if anything."""

    def __init__(self) -> None:
        self.ends: Counter[str] = Counter()
        self.wrong: list[str] = []

    def expect(self, what: object, *wanted: str, found: str) -> None:
        """Count an end, and note one that is none of those wanted."""
        self.ends[found] += 1
        if found not in wanted:
            self.wrong.append(f"{what}: {found}")

    def nothing(self, what: object, found: object) -> None:
        """Note what should be empty and is not."""
        if found:
            self.wrong.append(f"{what}: {found}")


@pytest.fixture
def tallied(record_property: Record) -> Tallied:
    """Return a context that gives a tally, tells its figures and fails if anything was wrong."""

    @contextlib.contextmanager
    def counted() -> Iterator[Tally]:
        tally = Tally()
        yield tally
        record_property("ends", dict(tally.ends))
        assert tally.ends
        assert not tally.wrong, f"{len(tally.wrong)} of {dict(tally.ends)}:\n" + "\n".join(tally.wrong[:8])

    return counted


def run(world: World, host: FakeHost, strike: Strike | None, tally: Tally, what: object, *, strict: bool = True) -> str:
    """Run the plan with a strike and return the state; an error must say truly whether that is the old one.

    Not `strict`: it may be better than it is said to be, and leave litter for the next run to sweep.
    """
    try:
        world.run(host, strike)
    except ApplyError as error:
        found = world.state(host, litter=strict)
        if error.restored and found != "old":
            tally.wrong.append(f"{what}: said to be as before, and is {found}")
        if strict and not error.restored and found == "old":
            tally.wrong.append(f"{what}: is as before, and said not to be: {error}")
    except IpsecError as error:
        found = world.state(host, litter=strict)
        if found != "old":
            tally.wrong.append(f"{what}: refused before the first step ({error}), and is {found}")
    else:
        found = world.state(host)
    tally.nothing(what, world.lies(host))
    return found


def completes(world: World, host: FakeHost, tally: Tally, what: object) -> None:
    """Run the plan once more: it must reach the new state, leave other tunnels alone, and find nothing to do again."""
    world.run(host)
    found = world.state(host)
    tally.nothing(f"{what}, the next run", found if found != "new" else world.disturbed(host))
    tally.nothing(f"{what}, the run after the next", world.run(host).plan.steps)


def test_one_error_at_any_call_leaves_the_old_or_the_new_state(world: World, tallied: Tallied) -> None:
    with tallied() as tally:
        for place in places(world):
            for error in errors_at(place):
                host, what = world.host(), f"{place}: {type(error).__name__}"
                found = run(world, host, once(place, error), tally, what)
                tally.expect(what, "old", "new", found=found)
                tally.nothing(what, world.disturbed(host))
                completes(world, host, tally, what)


def from_here(at: Place, error: IpsecError, calls: Callable[[Place], bool]) -> Strike:
    """Return a strike at a place and at all later ones of a kind."""
    struck: list[Place] = []

    def strike(place: Place) -> IpsecError | None:
        if place == at:
            struck.append(place)
        return error if struck and calls(place) else None

    return strike


def test_a_charon_that_hangs_from_any_call_on_costs_no_file_and_no_link(world: World, tallied: Tallied) -> None:
    error = DaemonHung("charon did not answer")
    with tallied() as tally:
        for place in places(world):
            if place.driver != "charon":
                continue
            host = world.host()
            run(world, host, from_here(place, error, lambda each: each.driver == "charon"), tally, place)
            found = host.state()
            for part in ("files", "links", "generation"):
                end = next((name for name in ("old", "new") if getattr(world, name)[part] == found[part]), "neither")
                tally.expect(f"{place}, {part}", "old", found=end)
            world.restore(host)
            tally.expect(f"{place}, restored when it answers", "old", found=world.state(host))
            tally.nothing(place, world.disturbed(host))
            completes(world, host, tally, place)


def test_a_charon_that_dies_at_any_call_finds_the_old_files_when_it_starts(world: World, tallied: Tallied) -> None:
    with tallied() as tally:
        for place in places(world):
            if place.driver != "charon":
                continue
            host = world.host()

            def dies(each: Place, at: Place = place, host: FakeHost = host) -> DaemonAbsent | None:
                if each == at:
                    host.charon.restart()
                    host.charon.unavailable = DaemonAbsent("nobody listens")
                    host.units.units["strongswan.service"] = STOPPED
                return None

            with contextlib.suppress(IpsecError):
                world.run(host, dies)
            kept = [part for part in ("files", "links", "generation") if host.state()[part] == world.old[part]]
            tally.nothing(f"{place}, besides {kept}", len(kept) < 3)
            host.charon.unavailable = None
            world.charon_starts(host)
            world.restore(host)
            tally.expect(place, "old", found=world.state(host))
            world.run(host)
            tally.nothing(place, world.state(host).replace("new", ""))


def test_a_disk_that_is_full_from_any_call_on_is_recovered_from(world: World, tallied: Tallied) -> None:
    error = FileTrouble("cannot write: No space left on device")
    with tallied() as tally:
        for place in places(world):
            if place.driver != "files" or place.name not in WRITING_FILES or place.done:
                continue
            host = world.host()
            found = run(world, host, from_here(place, error, lambda each: each.name in WRITING_FILES), tally, place)
            tally.nothing(place, world.disturbed(host))
            if found != "old":
                world.restore(host)
                found = world.state(host)
            tally.expect(place, "old", found=found)
            completes(world, host, tally, place)


@pytest.mark.parametrize("recovery", ["the next run", "restore", "power cut"])
def test_a_kill_at_any_call_is_recovered_to_the_old_or_the_new_state(
    world: World, tallied: Tallied, recovery: str
) -> None:
    with tallied() as tally:
        for place in places(world):
            if not place.writes:
                continue
            host = world.host()
            with pytest.raises(Killed):
                world.run(host, once(place, Killed()))
            tally.nothing(place, world.lies(host))
            if recovery == "restore":
                tally.nothing(place, world.restore(host).failures)
                tally.expect(place, "old", "new", found=world.state(host))
                tally.nothing(place, world.disturbed(host))
            elif recovery == "power cut":
                world.power_cut(host)
                tally.nothing(place, world.restore(host, with_daemon=False).failures)
                world.charon_starts(host)
                tally.nothing(place, world.restore(host).failures)
                tally.expect(place, "old", "new", found=world.state(host))
            else:
                world.run(host)
                tally.expect(place, "new", found=world.state(host))
                tally.nothing(place, world.disturbed(host))
            completes(world, host, tally, place) if recovery != "power cut" else world.run(host)
            tally.nothing(place, world.state(host).replace("new", ""))


def second_places(world: World, first: Place) -> list[Place]:
    """Return the places of going back after a first fault."""
    seen: list[Place] = []
    fault = once(first, errors_at(first)[0])

    def strike(place: Place) -> BaseException | None:
        seen.append(place)
        return fault(place)

    try:
        world.run(world.host(), strike)
    except IpsecError:
        return seen[seen.index(first) + 1 :]
    return []


@pytest.mark.parametrize("kind", ["error", "kill"])
def test_a_second_fault_while_going_back_is_recovered_from(world: World, tallied: Tallied, kind: str) -> None:
    firsts = [place for place in world.places if place.writes and place.done == 0 and errors_at(place)]
    pairs = [
        (first, second)
        for first in firsts[:: len(firsts) // FIRSTS + 1]
        for second in second_places(world, first)
        if second.writes or (kind == "error" and errors_at(second))
    ]
    with tallied() as tally:
        for first, second in pairs[:: len(pairs) // PAIRS + 1]:
            host, what = world.host(), f"{first}, then {second}"
            # Made anew for each: an error that was raised holds on to all that it went through.
            strikes = {first: errors_at(first)[0], second: Killed() if kind == "kill" else errors_at(second)[-1]}
            if kind == "kill":
                with pytest.raises(Killed):
                    world.run(host, strikes.get)
            else:
                run(world, host, strikes.get, tally, what, strict=False)
            tally.nothing(what, world.lies(host))
            tally.nothing(what, world.restore(host).failures)
            tally.expect(what, "old", "new", found=world.state(host))
            tally.nothing(what, world.disturbed(host))
            completes(world, host, tally, what)
