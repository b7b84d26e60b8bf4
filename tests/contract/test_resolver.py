# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent relies on where it looks names up, held against the fake and against getent(1) of this computer."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.resolver import AT_ONCE, Getent, Lookups
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited
from ansible_collections.swanfleet.ipsec.tests.fakes.surroundings import FakeLookups


@pytest.fixture(params=["fake", "real"])
def lookups(request: pytest.FixtureRequest) -> Iterator[Lookups]:
    made = FakeLookups({"localhost": ("127.0.0.1",)}) if request.param == "fake" else Getent()
    yield made
    made.stop()


def told(lookups: Lookups) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}

    def all_told() -> bool:
        found.update(lookups.told())
        return not lookups.under_way

    assert awaited(all_told, timeout=30)
    return found


def test_names_are_told_with_their_addresses_or_none(lookups: Lookups) -> None:
    for name in ("localhost", "nowhere.invalid", "--help"):
        assert lookups.ask(name)
    found = told(lookups)
    assert set(found["localhost"]) & {"127.0.0.1", "::1"}
    assert (found["nowhere.invalid"], found["--help"]) == ((), ())
    assert lookups.told() == {}


def test_a_service_that_does_not_answer_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.Popen
    started: list[subprocess.Popen[bytes]] = []

    def silent(_argv: list[str], **named: object) -> subprocess.Popen[bytes]:
        started.append(real(["sleep", "60"], **named))  # type: ignore[call-overload]  # as the driver calls it
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", silent)
    now = 1000.0
    lookups = Getent(given_up_after=20, clock=lambda: now)
    began = time.monotonic()
    assert [lookups.ask(f"gw{number}.example.com") for number in range(10)] == [True] * AT_ONCE + [False] * 2
    now += 19.9
    assert lookups.told() == {}
    assert time.monotonic() - began < 5
    now += 0.2
    assert told(lookups) == {f"gw{number}.example.com": () for number in range(AT_ONCE)}
    assert lookups.ask("gw.example.com")
    lookups.stop()
    assert lookups.under_way == 0
    # Nothing is left behind.
    assert all(each.poll() is not None for each in started)
