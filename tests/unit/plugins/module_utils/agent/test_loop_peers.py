# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's loop in simulated time: a peer that owes answers is dead, and one that gives each is not, however many it owes."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon_news import CHECKED, HEARD, News
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, apply, config
from ansible_collections.swanfleet.ipsec.tests.fakes.host import wan_host, with_program
from ansible_collections.swanfleet.ipsec.tests.fakes.surroundings import FakeLife

SILENT_FROM = 60.0
TIMEOUT = 10


@pytest.fixture
def life(monkeypatch: pytest.MonkeyPatch) -> FakeLife:
    """Return a gateway that renews the keys of one tunnel after the other, so that an answer is owed at each look."""
    host = with_program(wan_host())
    dpd = {"enabled": True, "delay": 5, "timeout": TIMEOUT, "action": "none"}
    apply(host, config([{**PARIS, "init_type": "start", "dpd": dpd}], [PARIS_LAN], [{"name": "ipsec-paris"}]))
    listed = host.charon.sas
    monkeypatch.setattr(
        host.charon,
        "sas",
        lambda names=None: [(name, {**tree, "tasks-active": ["CHILD_REKEY"]}) for name, tree in listed(names)],
    )
    return FakeLife(host, until=SILENT_FROM + 2 * TIMEOUT)


def test_one_that_gives_each_answer_is_not_dead_until_it_is_silent(life: FakeLife) -> None:
    def exchange() -> None:
        life.charon.extend((News(HEARD, "paris"), News(CHECKED, "paris")))

    for half in range(2, 2 * int(SILENT_FROM) + 1):
        life.at(half / 2, exchange)
    up: dict[float, bool] = {}
    for moment in (SILENT_FROM, SILENT_FROM + TIMEOUT - 0.5, SILENT_FROM + TIMEOUT + 2.5):
        life.at(moment, lambda moment=moment: up.update({moment: bool(life.host.charon.sas())}))  # type: ignore[misc]  # mypy cannot infer a default
    life.run()
    assert list(up.values()) == [True, True, False]
