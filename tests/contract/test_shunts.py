# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine relies on in the shunts of the IKE daemon, held against the fake and against real charons alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import Charon, DaemonRefused
from ansible_collections.swanfleet.ipsec.tests.daemon import charon_process, releases
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.fakes.charon import FakeCharon

REAL = [
    pytest.param(release, marks=[pytest.mark.charon, pytest.mark.root], id=f"debian{release}")
    for release in releases.RELEASES
]
DROP: dict[str, Any] = {
    "mode": "drop", "local_ts": ["10.1.0.0/24"], "remote_ts": ["10.2.0.0/24"], "start_action": "trap",
}  # fmt: skip
PASS = {**DROP, "mode": "pass"}


@pytest.fixture(scope="module")
def process_of() -> Iterator[Callable[[str], CharonProcess]]:
    reason = charon_process.missing()
    if reason:
        pytest.fail(reason)
    extra = charon_process.POLICIES_IN_KERNEL
    with releases.of_each(lambda release: charon_process.running(extra, release=release)) as of:
        yield of


@pytest.fixture(params=["fake", *REAL])
def charon(request: pytest.FixtureRequest) -> Iterator[Charon]:
    """Give an empty daemon; the policies of a real one are the kernel's."""
    if request.param == "fake":
        yield FakeCharon()
        return
    with request.getfixturevalue("process_of")(request.param).client() as client:
        charon_process.clean(client)
        yield client


def tree(**children: Any) -> dict[str, Any]:
    return {"remote_addrs": ["127.0.0.1"], "children": children}


def test_shunts_are_shown_by_connection_and_child_and_go_with_the_connection(charon: Charon) -> None:
    assert charon.shunts() == {}
    charon.load_connection("one", tree(x=DROP, y=PASS))
    charon.load_connection("two", tree(x={**PASS, "start_action": "trap|start"}))
    assert charon.shunts() == {("one", "x"): "DROP", ("one", "y"): "PASS", ("two", "x"): "PASS"}
    assert charon.traps() == frozenset()
    charon.unload_connection("one")
    assert charon.shunts() == {("two", "x"): "PASS"}


def test_nothing_is_needed_beside_them(charon: Charon) -> None:
    charon.load_connection("one", {"children": {"x": DROP}})
    assert charon.shunts() == {("one", "x"): "DROP"}


def test_without_a_trap_they_are_not_installed(charon: Charon) -> None:
    charon.load_connection("one", tree(x={**DROP, "start_action": "none"}))
    assert charon.shunts() == {}


def test_a_child_that_changes_or_goes_takes_its_policies_along(charon: Charon) -> None:
    # Not of two that differ in their names alone: charon takes the one for the other (decision 8).
    charon.load_connection("one", tree(x=DROP, y={**PASS, "remote_ts": ["10.3.0.0/24"]}))
    charon.load_connection("one", tree(x=PASS))
    assert charon.shunts() == {("one", "x"): "PASS"}


def test_uninstalled_ones_come_back_by_installing_or_changing_and_not_by_loading_the_same(charon: Charon) -> None:
    charon.load_connection("one", tree(x=DROP, y=DROP))
    for child in ("x", "y"):
        charon.uninstall(ike="one", child=child)
    assert (charon.shunts(), charon.connection_names()) == ({}, ["one"])
    charon.load_connection("one", tree(x=DROP, y=DROP))
    assert charon.shunts() == {}
    charon.install(ike="one", child="x")
    # Once more changes nothing.
    charon.install(ike="one", child="x")
    assert charon.shunts() == {("one", "x"): "DROP"}
    charon.load_connection("one", tree(x=DROP, y=PASS))
    assert charon.shunts() == {("one", "x"): "DROP", ("one", "y"): "PASS"}


def test_one_that_is_uninstalled_may_go_with_its_connection(charon: Charon) -> None:
    charon.load_connection("one", tree(x=DROP))
    charon.uninstall(ike="one", child="x")
    charon.unload_connection("one")
    charon.load_connection("one", tree(x=DROP))
    assert charon.shunts() == {("one", "x"): "DROP"}


def test_what_is_not_there_is_refused(charon: Charon) -> None:
    charon.load_connection("one", tree(x=DROP))
    for ike, child in (("one", "y"), ("two", "x")):
        with pytest.raises(DaemonRefused, match="configuration name not found"):
            charon.install(ike=ike, child=child)
    charon.uninstall(ike="one", child="x")
    with pytest.raises(DaemonRefused, match="policy 'x' not found"):
        charon.uninstall(ike="one", child="x")
