# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are struck at calls of their drivers, with a real charon, real files and live SAs: old or new, and no other.

tests/unit/plugins/module_utils/apply/test_struck.py goes through all calls and more plans, with fakes.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError, IpsecError
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host, run, state
from ansible_collections.swanfleet.ipsec.tests.daemon.test_engine_sas import both, children, tunnel
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited
from ansible_collections.swanfleet.ipsec.tests.fakes.faults import Killed, Place, Strike, Wires, errors_at, once
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import Config, to

pytestmark = [pytest.mark.charon, pytest.mark.root]

EVERY = 1 if os.environ.get("SWANFLEET_STRIKES") == "all" else 3
# t2 is up and not touched; t3 is up and gets another lifetime; t4 is new and answers to nobody; a route changes its link. What
# is dropped becomes more, and some of it passes.
NO = {"name": "no", "type": "drop", "local_networks": ["10.1.0.0/24"], "remote_networks": ["10.66.0.0/16"]}
YES = {**NO, "name": "yes", "type": "pass", "remote_networks": ["10.66.1.0/24"]}
OLD = {
    **both(tunnel(2, "start_on_demand"), tunnel(3, "on_demand")),
    "xfrm_interfaces": [{"name": "here", "routes": [{"destination": "10.9.0.0/24"}]}, {"name": "there"}],
    "shunts": [NO],
}
NEW = {
    **both(both(tunnel(2, "start_on_demand"), tunnel(3, "on_demand", lifetime="2h")), tunnel(4, "none")),
    "xfrm_interfaces": [{"name": "here"}, {"name": "there", "routes": [{"destination": "10.9.0.0/24"}]}],
    "shunts": [YES, {**NO, "remote_networks": ["10.66.0.0/15"]}],
}


@pytest.fixture
def pair(charon_pair: tuple[CharonProcess, CharonProcess]) -> CharonProcess:
    """Return our end; the other one answers t2 and t3."""
    here, there = charon_pair
    there.inside("ip", "address", "replace", "10.3.0.1/32", "dev", "lo")
    with there.client() as peer:
        peer.load_shared(id="any", kind="ike", owners=[], data=b"s3cret")
        for number in (2, 3):
            tree: dict[str, Any] = {
                "version": "2",
                "proposals": ["aes256-sha256-curve25519"],
                "local": {"auth": "psk", "id": f"fqdn:gw{number}.example.org"},
                "remote": {"auth": "psk"},
            }
            selectors = {"local_ts": [f"10.{number}.0.0/24"], "remote_ts": ["10.1.0.0/24"]}
            lan = {**selectors, "esp_proposals": ["aes256gcm16"]}
            peer.load_connection(f"t{number}", {**tree, "children": {"lan": lan}})
    return here


class World:
    """One host below a directory, and the two states that it may be in."""

    def __init__(self, root: Path, uri: str) -> None:
        self.root, self.uri = root, uri
        self.host = engine_host(root, uri)
        self.new = self._reached(NEW)
        self.old = self._reached(OLD)
        self.untouched = self._spi()

    def _reached(self, wanted: Config) -> dict[str, Any]:
        run(self.host, wanted)
        return self.seen()

    def _spi(self) -> list[tuple[int, str]]:
        assert awaited(lambda: len(children(self.host.charon, "t2")) == 1)
        return children(self.host.charon, "t2")

    def seen(self) -> dict[str, Any]:
        """Return what a run may change, without the record, which is another thing beside a journal."""
        return {**state(self.host), "loaded": None, "unfinished": self.host.generations.unfinished()}

    def begin(self) -> None:
        """Go to the old state, with an SA for t3 too."""
        self.again()
        run(self.host, OLD)
        if not children(self.host.charon, "t3"):
            self.host.charon.initiate(ike="t3", child="lan", timeout_ms=5000)

    def again(self) -> None:
        """Begin with a new session, as another process does."""
        self.host.charon.close()
        self.host = engine_host(self.root, self.uri)

    def strike(self, strike: Strike | None) -> list[Place]:
        """Run towards the new state, and return the places that the run has passed."""
        wires = Wires(self.host, strike)
        run_transaction(wires.host, to(NEW), check=False)
        return wires.places

    def struck(self, strike: Strike) -> str:
        """Run with a strike, and return what is said of it."""
        try:
            self.strike(strike)
        except ApplyError as error:
            return "as before" if error.restored else str(error)
        except IpsecError:
            return "refused"
        except Killed:
            return "killed"
        return "done"

    def found(self) -> str:
        """Tell the state; the tunnel that nobody touches has its one SA still."""
        assert children(self.host.charon, "t2") == self.untouched
        # What is dropped is at every moment, in one of its two forms or in both.
        assert "no" in {child for _connection, child in self.host.charon.shunts()}
        seen = self.seen()
        differing = sorted(key for key in seen if seen[key] != self.old[key] and seen[key] != self.new[key])
        return "old" if seen == self.old else "new" if seen == self.new else f"a mixture, and neither in {differing}"

    def completes(self) -> None:
        """Reach the new state from wherever it is; no SA of t3 with old parameters stays."""
        self.again()
        run(self.host, NEW)
        assert self.found() == "new"
        assert awaited(lambda: all(life > 5400 for life, _spi in children(self.host.charon, "t3")))
        assert not run(self.host, NEW).changed


@pytest.fixture
def world(pair: CharonProcess, tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, pair.uri)
    yield made
    made.host.charon.close()


def places(world: World) -> list[Place]:
    world.begin()
    found = world.strike(None)
    assert sum(place.writes for place in found) > 20
    return found


def test_an_error_at_a_call_leaves_the_old_or_the_new_state(world: World, record_property: Any) -> None:
    ends: Counter[str] = Counter()
    for place in places(world)[::EVERY]:
        for error in errors_at(place)[:1]:
            world.begin()
            said = world.struck(once(place, error))
            found = world.found()
            ends[found] += 1
            assert (found, said) in (("old", "as before"), ("old", "refused"), ("new", "done")), place
            world.completes()
    record_property("ends", dict(ends))
    assert ends["old"] > ends["new"] > 0


@pytest.mark.parametrize("recovery", ["restore", "the next run"])
def test_a_kill_at_a_call_is_recovered_to_the_old_or_the_new_state(
    world: World, recovery: str, record_property: Any
) -> None:
    ends: Counter[str] = Counter()
    for place in [place for place in places(world) if place.writes][::EVERY]:
        world.begin()
        if world.struck(once(place, Killed())) == "done":
            ends["not met"] += 1  # how often charon must be asked to end an SA is its own affair
            continue
        world.again()
        if recovery == "restore":
            assert restore(world.host, with_daemon=True).failures == (), place
            found = world.found()
            ends[found] += 1
            assert found in ("old", "new"), (place, found)
        world.completes()
        ends["completed"] += 1
    record_property("ends", dict(ends))
    assert ends["completed"] > 5 * ends["not met"]
