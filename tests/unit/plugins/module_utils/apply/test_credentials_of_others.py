# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other files have given charon, and a run has to take from it, comes back: also after an error, and after a kill."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError, IpsecError
from ansible_collections.swanfleet.ipsec.tests.fakes.charon import FakeCharon
from ansible_collections.swanfleet.ipsec.tests.fakes.faults import Killed
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import ROME, apply, steps
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host
from ansible_collections.swanfleet.ipsec.tests.generators import material

AUTHORITY = {"name": "fleet", "ca_certificate": material.AUTHORITY}
WITH: dict[str, Any] = {"phase1": [ROME], "authorities": [AUTHORITY]}
WITHOUT: dict[str, Any] = {"phase1": [ROME], "authorities": []}
AGAIN = "reload credentials of other files"


class Swanctl:
    """Loads the one secret that a file of somebody else holds; or fails, so often."""

    def __init__(self, charon: FakeCharon) -> None:
        self.charon = charon
        self.failures = 0

    def load_credentials(self) -> None:
        if self.failures:
            self.failures -= 1
            raise IpsecError("swanctl --load-creds did not end within 60 seconds")
        self.charon.load_shared(id="theirs", kind="ike", owners=[], data=b"by hand")


@pytest.fixture
def host() -> FakeHost:
    made = wan_host()
    made.charon = FakeCharon(plugins=("openssl", "vici"))
    apply(made, WITH)
    swanctl(made).load_credentials()
    made.reset()
    return made


def swanctl(host: FakeHost) -> Swanctl:
    """Give a host its swanctl, and return it."""
    found = Swanctl(host.charon)
    host.load_credentials = found.load_credentials  # type: ignore[method-assign]
    return found


def test_they_are_there_after_a_run_that_forgets_an_authority(host: FakeHost) -> None:
    assert steps(apply(host, WITHOUT))[-1] == AGAIN
    assert "theirs" in host.charon.shared_ids()
    assert not apply(host, WITHOUT).changed


def test_a_run_that_cannot_give_them_back_goes_back_and_then_gives_them_back(host: FakeHost) -> None:
    swanctl(host).failures = 1
    with pytest.raises(ApplyError, match=AGAIN) as failed:
        apply(host, WITHOUT)
    assert failed.value.restored
    assert "theirs" in host.charon.shared_ids()
    assert not apply(host, WITH).changed


def test_where_going_back_cannot_either_it_is_said_and_the_next_run_does(host: FakeHost) -> None:
    swanctl(host).failures = 2
    with pytest.raises(ApplyError, match="did not end within") as failed:
        apply(host, WITHOUT)
    assert not failed.value.restored
    assert "theirs" not in host.charon.shared_ids()
    assert steps(apply(host, WITH)) == [AGAIN]
    assert "theirs" in host.charon.shared_ids()


def test_after_a_kill_the_next_run_does(host: FakeHost) -> None:
    copy = wan_host()
    copy.charon = FakeCharon(plugins=("openssl", "vici"))
    apply(copy, WITH)
    copy.reset()
    apply(copy, WITHOUT)
    number = next(index for index, call in enumerate(copy.calls) if "clear_credentials" in call)
    host.fail_at, host.late = (number, Killed()), True
    with pytest.raises(Killed):
        apply(host, WITHOUT)
    host.reset()
    assert "theirs" not in host.charon.shared_ids()
    assert AGAIN in steps(apply(host, WITHOUT))
    assert "theirs" in host.charon.shared_ids()
