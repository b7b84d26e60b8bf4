# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon on the host does not know is refused before anything is touched, and only where charon is to be told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import Outcome, run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.running import RunOptions
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonAbsent
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import ONE, TWO, apply, to
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host
from ansible_collections.swanfleet.ipsec.tests.fakes.kernel import FakeLink
from ansible_collections.swanfleet.ipsec.tests.fakes.units import STOPPED

TOO_NEW: dict[str, Any] = {
    **TWO,
    "phase1": [{**TWO["phase1"][0], "ocsp": "both"}, TWO["phase1"][1]],
    "phase2": [TWO["phase2"][0], {**TWO["phase2"][1], "per_cpu_sas": "yes", "updown": "/bin/true"}],
}


def host_with(wanted: dict[str, Any]) -> FakeHost:
    host = wan_host()
    apply(host, wanted)
    host.reset()
    return host


@pytest.mark.parametrize("check", [False, True])
def test_all_of_it_is_told_and_nothing_is_touched(*, check: bool) -> None:
    host = host_with(ONE)
    before = host.state()
    with pytest.raises(ValidationError) as refused:
        apply(host, TOO_NEW, check=check)
    assert [(each.where, each.option) for each in refused.value.problems] == [
        ("phase1 paris", "ocsp"), ("phase2 rome/lan", "per_cpu_sas"), ("phase2 rome/lan", "updown"),
    ]  # fmt: skip
    assert (host.calls, host.state()) == ([], before)


WAITING: dict[str, Any] = {**TOO_NEW, "phase1": [{**each, "interfaces": ["ppp0"]} for each in TOO_NEW["phase1"]]}


def test_a_connection_that_waits_for_an_address_is_refused_too() -> None:
    """Written later by whoever puts the host back, it would have swanctl fail at charon's start, and with it the unit."""
    host = host_with(ONE)
    host.kernel.links["ppp0"] = FakeLink("ppp", up=True)
    with pytest.raises(ValidationError) as refused:
        apply(host, WAITING)
    assert [each.option for each in refused.value.problems] == ["ocsp", "per_cpu_sas", "updown"]
    without = without_charon("5.9.8")
    without.kernel.links["ppp0"] = FakeLink("ppp", up=True)
    with pytest.raises(ValidationError) as refused:
        planned(without, WAITING, check=True)
    assert [each.option for each in refused.value.problems] == ["ocsp", "per_cpu_sas"]


def without_charon(package: str) -> FakeHost:
    host = host_with(ONE)
    host.charon.restart()
    host.charon.unavailable = DaemonAbsent("nobody listens")
    host.units.units["strongswan.service"] = STOPPED
    host.packages.known = {"charon-systemd": package}
    return host


def planned(host: FakeHost, wanted: dict[str, Any], *, check: bool, version: str | None = None) -> Outcome:
    demands = RunOptions(daemon="optional", daemon_version=version)
    return run_transaction(host.host, to(wanted), check=check, demands=demands)


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(
    ("package", "version", "told"),
    [
        pytest.param("5.9.8", None, "the package charon-systemd is 5.9.8", id="that of the package"),
        pytest.param("6.1.0", "5.9.8", "daemon_version is 5.9.8", id="that was given"),
    ],
)
def test_without_charon_a_release_is_planned_for(*, check: bool, package: str, version: str | None, told: str) -> None:
    host = without_charon(package)
    before = host.state()
    with pytest.raises(ValidationError) as refused:
        planned(host, TOO_NEW, check=check, version=version)
    assert [str(each) for each in refused.value.problems] == [
        f"phase1 paris: ocsp is 'both': it needs strongSwan 5.9.14 or newer, and {told}",
        f"phase2 rome/lan: per_cpu_sas is 'yes': it needs strongSwan 6.0.2 or newer, and {told}",
    ]
    assert (host.calls, host.state()) == ([], before)
    [*_others, warning] = planned(host, TWO, check=check, version=version).warnings
    assert warning == f"this is planned for strongSwan 5.9.8, since {told}"


def test_a_release_that_knows_all_of_it_is_planned_for() -> None:
    assert planned(without_charon("6.1.0"), TOO_NEW, check=False).changed


def test_where_no_release_is_known_the_plan_says_so() -> None:
    [*_others, warning] = planned(without_charon(""), TOO_NEW, check=True).warnings
    assert warning.startswith("no release of charon-systemd is known here: set daemon_version")


def test_nothing_is_said_of_releases_where_no_connection_is_written() -> None:
    assert len(planned(without_charon("5.9.8"), ONE, check=True).warnings) == 1


def test_what_charon_is_not_told_is_not_asked_about() -> None:
    host = host_with(ONE)
    outcome = apply(host, {**ONE, "xfrm_interfaces": [{**ONE["xfrm_interfaces"][0], "mtu": 1400}]})
    assert outcome.changed
