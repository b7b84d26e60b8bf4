# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon on the host does not know is refused before anything is touched, and only where charon is to be told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.running import RunOptions
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonAbsent
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import ONE, TWO, apply, to
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host
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


def test_without_charon_nothing_can_be_said() -> None:
    host = host_with(ONE)
    host.charon.restart()
    host.charon.unavailable = DaemonAbsent("nobody listens")
    host.units.units["strongswan.service"] = STOPPED
    outcome = run_transaction(host.host, to(TOO_NEW), check=False, demands=RunOptions(daemon="optional"))
    assert outcome.changed


def test_what_charon_is_not_told_is_not_asked_about() -> None:
    host = host_with(ONE)
    outcome = apply(host, {**ONE, "xfrm_interfaces": [{**ONE["xfrm_interfaces"][0], "mtu": 1400}]})
    assert outcome.changed
