# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way packets would take, and when a calendar comes round: as the kernel and systemd say."""

from __future__ import annotations

import datetime as dt
import subprocess
import time

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.calendar import NEVER, SystemdCalendar
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.ways import Asked, KernelWays, Way
from ansible_collections.swanfleet.ipsec.tests.contract.test_kernel import _own_network

__all__ = ["_own_network"]


def ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True, timeout=10)


def _two_lines() -> None:
    for number in (0, 1):
        ip(f"link add wan{number} type bridge")
        ip(f"address add 192.0.{number}.1/24 dev wan{number}")
        ip(f"address add 2001:db8:{number}::1/64 dev wan{number} nodad")
        ip(f"link set wan{number} up")


def way(address: str, source: str = "") -> Way | None:
    return KernelWays().to([(address, source)]).get((address, source))


@pytest.mark.root
@pytest.mark.usefixtures("_own_network")
def test_the_way_is_that_of_routes_and_rules() -> None:
    assert way("198.51.100.2") is None
    _two_lines()
    ip("route add default via 192.0.0.254")
    ip("-6 route add default via 2001:db8:1::fe")
    assert way("198.51.100.2") == Way("wan0", "192.0.0.254", "192.0.0.1")
    assert way("2001:db8:99::2") == Way("wan1", "2001:db8:1::fe", "2001:db8:1::1")
    assert way("192.0.1.7") == Way("wan1", "", "192.0.1.1")
    ip("route add default via 192.0.1.254 table 7")
    ip("rule add from 192.0.1.1 lookup 7")
    assert way("198.51.100.2", "192.0.1.1") == Way("wan1", "192.0.1.254", "192.0.1.1")
    assert way("198.51.100.2", "203.0.113.1") is None
    ip("route add unreachable 198.51.100.2")
    assert way("198.51.100.2") is None


@pytest.mark.root
@pytest.mark.usefixtures("_own_network")
def test_what_has_no_way_or_is_no_address_takes_none_from_the_others() -> None:
    _two_lines()
    for kind, last in (("unreachable", 9), ("blackhole", 8), ("prohibit", 7)):
        ip(f"route add {kind} 198.51.100.{last}")
    ip("route add default via 192.0.0.254")
    ip("-6 route add default via 2001:db8:1::fe")
    without: list[Asked] = [
        *((f"198.51.100.{last}", "") for last in (7, 8, 9)),
        *(("203.0.113.1", source) for source in ("203.0.113.9", "2001:db8:1::1", "wan0", "192.0.0.1/24")),
        *((each, "") for each in ("rome.example.net", "", "fe80::1%wan0", "198.51.100.0/24", "198.51.100.2 dev wan1", "%any")),
    ]  # fmt: skip
    ways: dict[Asked, Way] = {
        ("203.0.113.1", ""): Way("wan0", "192.0.0.254", "192.0.0.1"),
        ("203.0.113.1", "192.0.1.1"): Way("wan0", "192.0.0.254", "192.0.1.1"),
        ("2001:DB8:99:0::2", ""): Way("wan1", "2001:db8:1::fe", "2001:db8:1::1"),
        ("2001:db8:99::2", ""): Way("wan1", "2001:db8:1::fe", "2001:db8:1::1"),
        ("2001:db8:99::2", "2001:db8:0::1"): Way("wan1", "2001:db8:1::fe", "2001:db8:0::1"),
        ("192.0.0.1", ""): Way("lo", "", "192.0.0.1"),
        **{(f"192.0.1.{last}", ""): Way("wan1", "", "192.0.1.1") for last in range(2, 250)},
    }
    assert KernelWays().to([*without, *ways, *without]) == ways
    assert KernelWays().to(without) == {}
    assert KernelWays().to([]) == {}


def test_a_calendar_comes_round_as_systemd_says() -> None:
    now = time.time()
    moments = SystemdCalendar().next(["*:*:00 UTC", "hourly", "2001-01-01", "hourly"])
    assert moments.keys() == {"*:*:00 UTC", "hourly", "2001-01-01"}
    assert moments["2001-01-01"] == NEVER
    assert 0 < moments["*:*:00 UTC"] - now <= 61
    assert dt.datetime.fromtimestamp(moments["hourly"]).minute == 0
    assert SystemdCalendar().next([]) == {}


def test_one_that_is_not_understood_takes_no_answer_from_the_others() -> None:
    moments = SystemdCalendar().next(["*-*-* *:00:00", "hourly", "each hour", "*:0/7"])
    assert moments.keys() == {"*-*-* *:00:00", "hourly", "*:0/7"}
    assert moments["hourly"] == moments["*-*-* *:00:00"]
    assert dt.datetime.fromtimestamp(moments["*:0/7"]).minute % 7 == 0


def test_without_systemd_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_argv: object, *, timeout: float) -> None:
        assert timeout > 0

    monkeypatch.setattr("ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.calendar.ask", absent)
    assert SystemdCalendar().next(["hourly"]) == {}
