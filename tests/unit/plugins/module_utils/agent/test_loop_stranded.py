# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tunnel whose own address has gone has no SA any more before anything else is looked at: another node may have the address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply import piecewise, restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.steps import begin_journal
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonHung
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileTrouble
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.netlink import ADDRESS
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import IpsecError
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.read import observe
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, ROME, ROME_LAN, apply, config
from ansible_collections.swanfleet.ipsec.tests.fakes.host import wan_host, with_program
from ansible_collections.swanfleet.ipsec.tests.fakes.surroundings import FakeLife

SHARED = "192.0.2.100/32"
LOST_AT, BACK_AT = 10.0, 14.0


def has(life: FakeLife, there: bool) -> None:
    """Have the kernel give the shared address to this host, or take it, and tell of it."""
    addresses = life.host.kernel.links["wan0"].addresses
    (addresses.append if there else addresses.remove)(SHARED)
    life.kernel.add(ADDRESS)


@pytest.fixture
def life() -> FakeLife:
    """Return a gateway with two tunnels that are up, of which one loses its address at `LOST_AT`."""
    host = with_program(wan_host())
    host.kernel.links["wan0"].addresses.append(SHARED)
    shared = SHARED.partition("/")[0]
    tunnels = [
        {**PARIS, "interfaces": [shared], "init_type": "start"},
        {**ROME, "interfaces": ["192.0.2.1"], "init_type": "start"},
    ]
    apply(host, config(tunnels, [PARIS_LAN, ROME_LAN], [{"name": "ipsec-paris"}]))
    life = FakeLife(host)
    life.at(LOST_AT, lambda: has(life, False))
    return life


def sas(life: FakeLife) -> list[str]:
    return sorted(name for name, _tree in life.host.charon.sas())


@pytest.fixture
def looks(life: FakeLife, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, list[str]]]:
    """Return which tunnels have SAs whenever the engine begins to look at the host."""
    found: list[tuple[float, list[str]]] = []

    def looking(*arguments: Any, **named: Any) -> Any:
        found.append((life.host.clock.time, sas(life)))
        return observe(*arguments, **named)

    monkeypatch.setattr(restore, "observe", looking)
    return found


def test_what_has_lost_its_address_ends_before_the_engine_looks(
    life: FakeLife, looks: list[tuple[float, list[str]]]
) -> None:
    life.run()
    assert [names for moment, names in looks if moment < LOST_AT][-1] == ["paris", "rome"]
    assert next(names for moment, names in looks if moment >= LOST_AT) == ["rome"]
    [told] = [each for each in life.said if "end sa" in each]
    assert told.startswith("put in place: end sa paris; ")
    assert "rome" not in told


def test_an_address_that_is_back_before_the_engine_looks_has_its_tunnel_set_up_again(
    life: FakeLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    returns: list[Callable[[], None]] = [lambda: has(life, True)]

    def looking(*arguments: Any, **named: Any) -> Any:
        if life.host.clock.time >= LOST_AT and returns:
            assert sas(life) == ["rome"]
            returns.pop()()
        return observe(*arguments, **named)

    monkeypatch.setattr(restore, "observe", looking)
    life.run()
    assert returns == []
    assert sas(life) == ["paris", "rome"]


def test_an_address_that_is_back_when_a_run_lets_go_of_the_lock_ends_nothing(life: FakeLife) -> None:
    before = life.host.charon.sas()
    life.at(LOST_AT - 1, lambda: setattr(life.host.files, "locked_by", "a run"))
    life.at(BACK_AT, lambda: has(life, True))
    life.at(BACK_AT + 1, lambda: setattr(life.host.files, "locked_by", None))
    life.run()
    assert life.host.charon.sas() == before


def test_an_interface_that_blinks_ends_no_tunnel_that_goes_by_its_name() -> None:
    host = with_program(wan_host())
    apply(host, config([{**ROME, "init_type": "start"}], [ROME_LAN]))
    life = FakeLife(host)
    before = host.charon.sas()
    kept = list(host.kernel.links["wan0"].addresses)

    def blinks(*, there: bool) -> None:
        host.kernel.links["wan0"].addresses[:] = kept if there else []
        life.kernel.add(ADDRESS)

    life.at(LOST_AT, lambda: blinks(there=False))
    life.at(LOST_AT + 1.5, lambda: blinks(there=True))
    life.run()
    assert host.charon.sas() == before != []


def test_a_second_one_that_goes_while_the_engine_looks_ends_as_soon_as_it_has(
    life: FakeLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = ["192.0.2.1/24"]
    seen: list[list[str]] = []

    def looking(*arguments: Any, **named: Any) -> Any:
        found = observe(*arguments, **named)
        if life.host.clock.time >= LOST_AT and others:
            life.host.kernel.links["wan0"].addresses.remove(others.pop())
            life.kernel.add(ADDRESS)
        return found

    monkeypatch.setattr(restore, "observe", looking)
    life.at(LOST_AT + 0.2, lambda: seen.append(sas(life)))
    life.run()
    assert seen == [[]]


@pytest.mark.parametrize("back", [True, False])
def test_a_charon_that_hangs_just_then_is_asked_when_it_is_well(life: FakeLife, back: bool) -> None:
    life.at(LOST_AT - 0.1, lambda: setattr(life.host.charon, "unavailable", DaemonHung("it hangs")))
    if back:
        life.at(BACK_AT, lambda: has(life, True))
    life.at(BACK_AT + 5, lambda: setattr(life.host.charon, "unavailable", None))
    life.until = LOST_AT + 80
    life.run()
    assert sas(life) == (["paris", "rome"] if back else ["rome"])


def test_what_was_ended_by_a_run_that_failed_is_set_up_when_the_address_is_back(
    life: FakeLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [IpsecError("not now")]

    def looking(*arguments: Any, **named: Any) -> Any:
        if life.host.clock.time >= LOST_AT and failures:
            assert sas(life) == ["rome"]
            has(life, True)
            raise failures.pop()
        return observe(*arguments, **named)

    monkeypatch.setattr(restore, "observe", looking)
    life.until = LOST_AT + 20
    life.run()
    assert sas(life) == ["paris", "rome"]


def test_a_run_that_always_fails_sets_up_what_is_back_and_is_not_repeated_without_a_pause(
    life: FakeLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[float] = []

    def looking(*arguments: Any, **named: Any) -> Any:
        runs.append(life.host.clock.time)
        if LOST_AT <= life.host.clock.time < LOST_AT + 1:
            has(life, True)
        return observe(*arguments, **named)

    def unreadable(*_arguments: Any) -> Any:
        raise IpsecError("no rules to be had")

    monkeypatch.setattr(restore, "observe", looking)
    life.at(LOST_AT - 1, lambda: monkeypatch.setattr(restore, "with_rules", unreadable))
    life.run()
    assert sas(life) == ["paris", "rome"]
    assert len([moment for moment in runs if moment >= LOST_AT]) < 12


def test_what_could_not_be_put_on_standby_is_waited_for(life: FakeLife, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a journal no connection is touched, and the next run would take it for what it is wanted to be."""
    full = [True]

    def journal(host: Host) -> None:
        if full and life.host.clock.time >= LOST_AT:
            full.pop()
            has(life, True)
            raise FileTrouble("no room")
        begin_journal(host)

    monkeypatch.setattr(piecewise, "begin_journal", journal)
    # Sooner than an attempt that has failed is made again.
    life.until = LOST_AT + 4
    life.run()
    assert full == []
    assert sas(life) == ["paris", "rome"]


def test_what_was_ended_while_there_was_no_room_is_set_up_when_there_is(life: FakeLife) -> None:
    """Nothing could be put on standby then, so that nothing differs."""
    files = life.host.files
    writing = {name: getattr(files, name) for name in ("append", "replace", "replace_all")}

    def no_room(*_arguments: Any) -> None:
        raise FileTrouble("No space left on device")

    def room(there: bool) -> None:
        for name, write in writing.items():
            setattr(files, name, write if there else no_room)

    life.at(LOST_AT - 0.1, lambda: room(False))
    life.at(BACK_AT, lambda: has(life, True))
    life.at(BACK_AT + 10, lambda: room(True))
    life.until = BACK_AT + 45
    life.run()
    assert sas(life) == ["paris", "rome"]


def test_what_was_ended_when_charon_began_to_hang_is_set_up_when_it_is_well(
    life: FakeLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = life.host.charon.terminate

    def hanging(**named: Any) -> int:
        ended = end(**named)
        life.host.charon.unavailable = DaemonHung("it hangs")
        return ended

    monkeypatch.setattr(life.host.charon, "terminate", hanging)
    life.at(BACK_AT, lambda: has(life, True))
    life.at(BACK_AT + 5, lambda: monkeypatch.setattr(life.host.charon, "terminate", end))
    life.at(BACK_AT + 5, lambda: setattr(life.host.charon, "unavailable", None))
    life.until = LOST_AT + 80
    life.run()
    assert sas(life) == ["paris", "rome"]


def test_an_address_of_a_link_that_comes_back_with_the_run_ends_nothing() -> None:
    host = with_program(wan_host())
    link = {"name": "ipsec-paris", "addresses": ["10.255.0.1/30"]}
    rome = {**ROME, "interfaces": ["10.255.0.1"], "init_type": "start"}
    apply(host, config([PARIS, rome], [PARIS_LAN, ROME_LAN], [link]))
    life = FakeLife(host)
    before = [sa for sa in host.charon.sas() if sa[0] == "rome"]

    def gone() -> None:
        del host.kernel.links["ipsec-paris"]
        life.kernel.add(ADDRESS)

    life.at(LOST_AT, gone)
    life.run()
    assert [sa for sa in host.charon.sas() if sa[0] == "rome"] == before != []


def test_the_next_loss_is_heeded_as_the_first_one(life: FakeLife, looks: list[tuple[float, list[str]]]) -> None:
    before: list[list[str]] = []
    life.at(BACK_AT, lambda: has(life, True))
    life.at(BACK_AT + 3.9, lambda: before.append(sas(life)))
    life.at(BACK_AT + 4, lambda: has(life, False))
    life.run()
    assert before == [["paris", "rome"]]
    assert next(names for moment, names in looks if moment >= BACK_AT + 4) == ["rome"]
