# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tunnel whose own address has gone has no SA any more before anything else is done: another node may have the address now."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.acting import Acting
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonHung
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.netlink import ADDRESS
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, ROME, ROME_LAN, apply, config
from ansible_collections.swanfleet.ipsec.tests.fakes.host import wan_host, with_program
from ansible_collections.swanfleet.ipsec.tests.fakes.surroundings import FakeLife

LOST_AT = 10.0


@pytest.fixture
def life() -> FakeLife:
    """Return a gateway with two tunnels that are up, of which one will lose its address."""
    host = with_program(wan_host())
    host.kernel.links["wan0"].addresses.append("192.0.2.100/32")
    tunnels = [{**PARIS, "interfaces": ["192.0.2.100"], "init_type": "start"}, {**ROME, "init_type": "start"}]
    apply(host, config(tunnels, [PARIS_LAN, ROME_LAN], [{"name": "ipsec-paris"}]))
    life = FakeLife(host, until=LOST_AT + 5)

    def lost() -> None:
        host.kernel.links["wan0"].addresses.remove("192.0.2.100/32")
        life.kernel.add(ADDRESS)

    life.at(LOST_AT, lost)
    return life


def sas(life: FakeLife) -> list[str]:
    return sorted(name for name, _tree in life.host.charon.sas())


def test_what_has_lost_its_address_ends_before_the_engine_looks(
    life: FakeLife, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[float, list[str]]] = []
    mend = Acting.mend

    def looked(acting: Acting, *arguments: object, **named: object) -> object:
        seen.append((life.host.clock.time, sas(life)))
        return mend(acting, *arguments, **named)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(Acting, "mend", looked)
    assert sas(life) == ["paris", "rome"]
    life.run()
    assert [names for moment, names in seen if LOST_AT <= moment < LOST_AT + 1] == [["rome"]]
    assert "end paris: none of its own addresses is on this host any more" in life.said
    assert sas(life) == ["rome"]


def test_a_charon_that_hangs_just_then_is_left_to_the_engine(life: FakeLife) -> None:
    life.at(LOST_AT - 0.1, lambda: setattr(life.host.charon, "unavailable", DaemonHung("it hangs")))
    life.at(LOST_AT + 1, lambda: setattr(life.host.charon, "unavailable", None))
    life.until = LOST_AT + 60
    life.run()
    assert sas(life) == ["rome"]
