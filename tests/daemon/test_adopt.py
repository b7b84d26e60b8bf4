# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that was set up by hand, with ten tunnels up, is taken over: every SA stays, and charon hears of secrets only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import Outcome, run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import (
    READING_COMMANDS,
    Charon,
    DaemonRefused,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError
from ansible_collections.swanfleet.ipsec.tests.daemon import by_hand, charon_process, each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]
Spis = list[tuple[str, ...]]
SHUNTS = "with shunts"


@pytest.fixture
def near(request: pytest.FixtureRequest, release: str, tmp_path: Path) -> Iterator[tuple[CharonProcess, Host]]:
    """Return a host with ten tunnels up, made by swanctl from hand-written files, and its charon; with `SHUNTS` these too."""
    reason = charon_process.missing()
    if reason:
        pytest.fail(reason)
    with charon_process.wired("dos_protection = no", release=release, networks=by_hand.TUNNELS) as (here, there):
        for process, end in ((there, "there"), (here, "here")):
            directory = tmp_path / end / "etc/swanctl"
            by_hand.write(directory, end)
            if end == "here" and getattr(request, "param", None) == SHUNTS:
                by_hand.add_shunts(directory)
            process.swanctl(directory, "--load-all", "--noprompt")
        host = engine_host(tmp_path / "here", here.uri)
        with closing(host.charon):
            for number in by_hand.TRAPPED:
                host.charon.initiate(ike=f"t{number}", child="lan", timeout_ms=10_000)
            assert awaited(lambda: len(spis(host.charon)) == by_hand.TUNNELS)
            yield here, host


def spis(charon: Charon) -> Spis:
    """Return what tells each SA from a new one: unique ids and SPIs of every CHILD_SA that carries traffic."""
    return sorted(
        (name, sa["uniqueid"], child["name"], child["spi-in"], child["spi-out"])
        for name, sa in charon.sas()
        for child in sa["child-sas"].values()
        if child["state"] == "INSTALLED"
    )


def adopt(host: Host, *only: str, check: bool = False) -> Outcome:
    host.charon.close()
    host.charon.commands.clear()
    return run_transaction(host, lambda gateway: gateway, check=check, adopting=only)


def written(host: Host) -> set[str]:
    return {command for command in host.charon.commands if command not in READING_COMMANDS}


def test_ten_tunnels_stay_up_while_their_host_is_taken_over(
    near: tuple[CharonProcess, Host], record_property: Callable[[str, object], None]
) -> None:
    process, host = near
    before = spis(host.charon)
    outcome = adopt(host)
    assert sorted(outcome.after.phase1) == sorted(f"t{number}" for number in range(by_hand.TUNNELS))
    assert (outcome.changed, outcome.disruption) == (True, {})
    assert written(host) == {"load-shared", "unload-shared"}
    assert spis(host.charon) == before

    again = adopt(host)
    assert (again.changed, written(host)) == (False, set())

    # What charon's unit runs at each reload: our files mean what the hand-written ones meant.
    told = process.swanctl(Path(host.paths.swanctl), "--load-all", "--noprompt")
    assert f"loaded {by_hand.TUNNELS} connections, 0 unloaded" in told
    with unchanged_for(0.5, host.charon, before):
        process.inside("ping", "-c", "1", "-W", "2", "-I", "10.1.1.1", "10.2.1.1")
    assert adopt(host).changed is False
    record_property("SPIs unchanged", len(before))


@contextmanager
def unchanged_for(seconds: float, charon: Charon, before: Spis) -> Iterator[None]:
    yield
    time.sleep(seconds)
    assert spis(charon) == before


def test_some_tunnels_are_taken_over_and_the_others_stay_in_their_file(near: tuple[CharonProcess, Host]) -> None:
    process, host = near
    before = spis(host.charon)
    assert sorted(adopt(host, "t1", "t2").after.phase1) == ["t1", "t2"]
    assert written(host) == {"load-shared", "unload-shared"}
    assert {"ike-0", "ike-3"} <= set(host.charon.shared_ids())
    assert not {"ike-1", "ike-2"} & set(host.charon.shared_ids())
    told = process.swanctl(Path(host.paths.swanctl), "--load-all", "--noprompt")
    assert f"loaded {by_hand.TUNNELS} connections, 0 unloaded" in told
    assert spis(host.charon) == before
    assert len(adopt(host).after.phase1) == by_hand.TUNNELS
    assert spis(host.charon) == before


@pytest.mark.parametrize("near", [SHUNTS], indirect=True)
def test_shunts_beside_tunnels_and_alone_are_taken_over_while_the_tunnels_stay_up(
    near: tuple[CharonProcess, Host],
) -> None:
    process, host = near
    before = spis(host.charon)
    assert sorted(host.charon.shunts()) == [("never-out", "never-out"), ("t3", "local"), ("t4", "local")]
    outcome = adopt(host)
    assert {name: each.type for name, each in outcome.after.shunts.items()} == {
        "never-out": "drop", "t3-local": "pass", "t4-local": "pass",
    }  # fmt: skip
    # Ours are connections of their own; those with tunnels are not loaded again.
    assert written(host) == {"load-shared", "unload-shared", "load-conn", "unload-conn", "uninstall"}
    assert host.charon.commands["load-conn"] == 3
    held = {child: mode for (_connection, child), mode in host.charon.shunts().items()}
    assert (held, spis(host.charon)) == ({"never-out": "DROP", "t3-local": "PASS", "t4-local": "PASS"}, before)
    again = adopt(host)
    assert (again.changed, written(host)) == (False, set())

    mark = process.mark()
    told = process.swanctl(Path(host.paths.swanctl), "--load-all", "--noprompt")
    assert f"loaded {by_hand.TUNNELS + 3} connections, 0 unloaded" in told
    with unchanged_for(0.5, host.charon, before):
        assert "replaced vici connection" not in process.log(mark)
    assert {child: mode for (_connection, child), mode in host.charon.shunts().items()} == held
    assert adopt(host).changed is False


@pytest.mark.parametrize("near", [SHUNTS], indirect=True)
def test_a_takeover_that_fails_leaves_shunts_as_they_were(near: tuple[CharonProcess, Host]) -> None:
    process, host = near
    before = spis(host.charon), host.charon.shunts(), sorted(host.charon.connection_names())
    # What it cannot do is its last step.
    shunts = host.charon.uninstall

    def fails(*, ike: str, child: str) -> None:
        if ike == "t4":
            raise DaemonRefused("uninstall", "t4/local", "no")
        shunts(ike=ike, child=child)

    host.charon.uninstall = fails  # type: ignore[method-assign]
    mark = process.mark()
    with pytest.raises(ApplyError, match="uninstall shunt local") as failed:
        adopt(host)
    assert failed.value.restored
    assert (spis(host.charon), host.charon.shunts(), sorted(host.charon.connection_names())) == before
    assert "replaced vici connection" not in process.log(mark)
    assert "never-out" in (Path(host.paths.swanctl) / "conf.d/shunts.conf").read_text("utf-8")
