# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What reading a host says of a charon that does not answer: why, what to do, and whether it is down."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonAbsent, DaemonUnavailable
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.systemd import UnitState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.read import observe
from ansible_collections.swanfleet.ipsec.tests.fakes.host import wan_host
from ansible_collections.swanfleet.ipsec.tests.fakes.units import ABSENT, NO_SYSTEMD, RUNNING, STOPPED

HANGS = DaemonUnavailable("charon did not answer 'version'")
NOBODY = DaemonAbsent("charon does not listen on /run/charon.vici: start it")


@pytest.mark.parametrize(
    ("error", "unit", "down", "said"),
    [
        pytest.param(None, STOPPED, False, "", id="it answers, whatever systemd says"),
        pytest.param(NOBODY, STOPPED, True, "strongswan.service is inactive (dead): start it with", id="stopped"),
        pytest.param(
            NOBODY, UnitState("loaded", "failed", "failed"), True, "service is failed (failed): start it", id="failed"
        ),
        pytest.param(NOBODY, ABSENT, True, "not installed on this host: apply the role", id="not installed"),
        pytest.param(NOBODY, NO_SYSTEMD, True, "charon does not listen on /run/charon.vici: start it", id="no systemd"),
        pytest.param(
            NOBODY, UnitState("loaded", "activating", "start-pre"), False,
            "charon is just being started, strongswan.service is activating (start-pre): run again when it is up",
            id="starting",
        ),
        pytest.param(
            NOBODY, UnitState("loaded", "deactivating", "stop-sigterm"), False,
            "charon is just being stopped, strongswan.service is deactivating (stop-sigterm): run again", id="stopping",
        ),
        pytest.param(
            NOBODY, RUNNING, False,
            "charon does not listen on /run/charon.vici though strongswan.service is active (running): its socket was "
            "removed", id="without its socket",
        ),
        pytest.param(HANGS, STOPPED, False, "charon did not answer 'version'", id="it hangs, whatever systemd says"),
    ],
)  # fmt: skip
def test_a_charon_that_does_not_answer_is_told_with_what_to_do(
    *, error: DaemonUnavailable | None, unit: UnitState, down: bool, said: str
) -> None:
    host = wan_host()
    host.charon.unavailable = error
    host.units.units["strongswan.service"] = unit
    host.units.without_systemd = unit == NO_SYSTEMD
    found = observe(host.host, host_key=b"")
    assert (found.daemon is None, found.daemon_down) == (error is not None, down)
    assert said in found.daemon_trouble
    assert len(found.daemon_trouble.splitlines()) == (error is not None)


def test_a_charon_that_is_not_asked_is_taken_to_be_down() -> None:
    host = wan_host()
    found = observe(host.host, host_key=b"", with_daemon=False)
    assert (found.daemon, found.daemon_down, sum(host.charon.commands.values())) == (None, True, 0)
