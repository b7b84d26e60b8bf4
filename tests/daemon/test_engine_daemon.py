# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine on a real charon: what a run tells it, what it leaves alone, and that swanctl agrees."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    PHASE1,
    PHASE2,
    TYPES,
    Gateway,
    check_gateway,
    parse_gateway,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import READING_COMMANDS
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host, many, run, state, swanctl_all
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import steps

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]

THREE = many(3)


@pytest.fixture
def host(charon_daemon: CharonProcess, tmp_path: Path) -> Iterator[Host]:
    made = engine_host(tmp_path, charon_daemon.uri)
    yield made
    made.charon.close()


def quiet(host: Host) -> bool:
    """Say whether a run of what is there does nothing, and asks charon only."""
    before = state(host)
    outcome = run_transaction(host, lambda gateway: gateway, check=False)
    host.charon.close()
    assert (steps(outcome), outcome.changed) == ([], False)
    return state(host) == before


def test_a_run_loads_everything_and_the_next_only_reads(host: Host) -> None:
    assert run(host, THREE).changed
    assert sorted(host.charon.connection_names()) == ["peer0", "peer1", "peer2"]
    assert not run(host, THREE).changed
    assert set(host.charon.commands) <= READING_COMMANDS
    assert host.charon.commands["version"] == 1


def test_a_changed_connection_is_loaded_and_no_other(host: Host) -> None:
    run(host, THREE)
    changed = [{**THREE["phase1"][0], "lifetime": "4h"}, *THREE["phase1"][1:]]
    outcome = run(host, {**THREE, "phase1": changed})
    assert steps(outcome) == ["write file connections", "reload connection peer0"]
    assert (host.charon.commands["load-conn"], host.charon.commands["load-shared"]) == (1, 0)
    assert host.charon.connections(["peer0"])["peer0"]["rekey_time"] == "12960"
    assert quiet(host)


def test_a_removed_connection_goes_with_its_secret(host: Host) -> None:
    run(host, THREE)
    run(host, many(2))
    assert sorted(host.charon.connection_names()) == ["peer0", "peer1"]
    assert [name.rpartition("-")[0] for name in sorted(host.charon.shared_ids())] == ["ike-peer0", "ike-peer1"]
    assert quiet(host)


def test_a_stale_secret_is_replaced_and_the_new_one_comes_first(host: Host) -> None:
    run(host, THREE)
    before = set(host.charon.shared_ids())
    changed = [{**THREE["phase1"][0], "psk": "new"}, *THREE["phase1"][1:]]
    outcome = run(host, {**THREE, "phase1": changed})
    assert steps(outcome) == ["write file secrets", "load secret ike-peer0", "unload secret ike-peer0"]
    after = set(host.charon.shared_ids())
    assert [len(before - after), len(after - before), len(after)] == [1, 1, 3]


def test_load_all_after_us_changes_nothing_and_we_nothing_after_it(host: Host, charon_daemon: CharonProcess) -> None:
    run(host, THREE)
    before = state(host)
    host.charon.close()
    log = charon_daemon.mark()
    said = swanctl_all(charon_daemon, host)
    assert "successfully loaded 3 connections, 0 unloaded" in said
    assert "replaced vici" not in charon_daemon.log(log)
    assert state(host) == before
    assert quiet(host)


def test_nothing_is_done_after_a_restart_that_loaded_the_files(host: Host, charon_daemon: CharonProcess) -> None:
    run(host, THREE)
    host.charon.close()
    # A file of the very moment of the start proves nothing, and is loaded again.
    minute_ago = time.time() - 60
    os.utime(host.paths.connections_file, (minute_ago, minute_ago))
    charon_daemon.stop()
    charon_daemon.start()
    assert host.charon.connection_names() == []
    swanctl_all(charon_daemon, host)
    assert quiet(host)


def test_everything_is_loaded_after_a_restart_that_loaded_nothing(host: Host, charon_daemon: CharonProcess) -> None:
    run(host, THREE)
    before = state(host)
    host.charon.close()
    charon_daemon.kill()
    charon_daemon.start()
    outcome = run(host, THREE)
    assert [step.layer for step in outcome.plan.steps] == ["secret"] * 3 + ["connection"] * 3
    assert state(host) == before


@pytest.mark.parametrize("how", ["reloaded", "restarted"])
def test_a_file_edited_by_hand_and_loaded_is_drift(host: Host, charon_daemon: CharonProcess, how: str) -> None:
    run(host, THREE)
    path = Path(host.paths.connections_file)
    path.write_text(path.read_text().replace('over_time = "2880"', 'over_time = "2881"', 1))
    host.charon.close()
    if how == "restarted":
        minute_ago = time.time() - 60
        os.utime(path, (minute_ago, minute_ago))
        charon_daemon.stop()
        charon_daemon.start()
    swanctl_all(charon_daemon, host)
    outcome = run(host, THREE)
    # After a restart the file says what charon holds. Otherwise nobody knows whether it was loaded.
    mended = ["reload connection peer0"] if how == "restarted" else ["unload connection peer0", "load connection peer0"]
    assert steps(outcome) == ["write file connections", *mended]
    assert quiet(host)


def test_objects_one_by_one_make_what_a_gateway_makes(host: Host) -> None:
    def one(item: object, kind: object) -> None:
        run_transaction(host, lambda gateway: gateway.with_object(kind, item), check=False)  # type: ignore[arg-type]

    wanted = parse_gateway(THREE)
    for kind in reversed(TYPES):
        if kind is not PHASE2:
            for item in wanted.of(kind).values():
                one(item, kind)
    for item in wanted.of(PHASE2).values():
        one(item, PHASE2)
    apart = state(host)
    host.charon.close()
    outcome = run(host, THREE)
    assert (outcome.changed, apart["connections"].keys()) == (False, {"peer0", "peer1", "peer2"})
    assert apart == state(host)


def test_a_connection_of_somebody_else_is_neither_taken_nor_removed(host: Host) -> None:
    host.charon.load_connection("peer1", {"version": "2", "children": {}})
    host.charon.load_connection("theirs", {"version": "2", "children": {}})
    host.charon.load_shared(id="theirs", kind="ike", owners=[], data=b"x")
    with pytest.raises(ValidationError, match="phase1 peer1: name is 'peer1': charon has a connection of this name"):
        run(host, THREE)
    assert not Path(host.paths.connections_file).exists()
    host.charon.unload_connection("peer1")
    run(host, THREE)
    run(host, {**many(0), "xfrm_interfaces": THREE["xfrm_interfaces"]})
    assert (host.charon.connection_names(), host.charon.shared_ids()) == (["theirs"], ["theirs"])


def test_what_is_wanted_is_checked_as_a_whole(host: Host) -> None:
    run(host, THREE)
    before = state(host)

    def orphan(gateway: Gateway) -> Gateway:
        kept = gateway.without(PHASE1, "peer0")
        return Gateway(kept.phase1, gateway.phase2, kept.xfrm_interfaces)

    with pytest.raises(ValidationError, match="phase2 peer0/lan: phase1 is 'peer0'"):
        check_gateway(orphan(parse_gateway(THREE)))
    with pytest.raises(ValidationError, match="phase2 peer0/lan: phase1 is 'peer0'"):
        run_transaction(host, orphan, check=False)
    assert state(host) == before


def test_a_line_that_goes_away_changes_nothing_at_charon(host: Host) -> None:
    first, *others = [{**each, "interfaces": ["wan0"]} for each in THREE["phase1"]]
    bound = {**THREE, "phase1": [first, *others]}
    run(host, bound)
    before = host.charon.connections(["peer0"])
    assert before["peer0"]["local_addrs"] == ["192.0.2.1"]
    host.kernel.run([("address", "flush", "dev", "wan0", "to", "192.0.2.1")])
    assert quiet(host)
    changed = {**bound, "phase1": [bound["phase1"][0], {**others[0], "lifetime": "4h"}, others[1]]}
    assert steps(run(host, changed)) == ["write file connections", "reload connection peer1"]
    assert host.charon.connections(["peer0"]) == before
    assert quiet(host)
