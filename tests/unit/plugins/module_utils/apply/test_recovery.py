# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is proven before a run commits, what an unfinished one leaves behind, and what boot puts back."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import Restored, restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.iproute2 import KernelRefused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError, ValidationError
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import (
    CHANGED,
    ONE,
    PARIS,
    ROME,
    ROME_LAN,
    TWO,
    Config,
    apply,
    config,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host
from ansible_collections.swanfleet.ipsec.tests.fakes.kernel import FakeLink

ROME_ONLY = config([ROME], [ROME_LAN])


def on(wanted: Config) -> FakeHost:
    host = wan_host()
    apply(host, wanted)
    host.reset()
    return host


def killed(host: FakeHost, wanted: Config, *, at: str, late: bool = False) -> FakeHost:
    """Kill a run at its first call of a name, before it or after."""
    probe = on(TWO)
    apply(probe, wanted)
    host.fail_at, host.late = (probe.calls.index(at), KeyboardInterrupt()), late
    with pytest.raises(KeyboardInterrupt):
        apply(host, wanted)
    host.reset()
    return host


def told(done: Restored) -> list[str]:
    return [str(step) for step in done.steps]


def test_a_run_that_did_not_get_what_it_asked_for_is_no_success() -> None:
    host = on(ONE)
    load = host.charon.load_connection

    def forgetful(name: str, tree: object) -> None:
        if name != "rome":
            load(name, tree)  # type: ignore[arg-type]

    host.charon.load_connection = forgetful  # type: ignore[method-assign]
    with pytest.raises(
        ApplyError, match=r"verification: .*would be needed again: load connection rome; the host is as"
    ):
        apply(host, TWO)
    assert host.host.generations.numbers() == [1]
    assert host.state() == on(ONE).state()


def test_what_a_killed_run_may_have_loaded_is_loaded_afresh() -> None:
    host = killed(
        on(TWO),
        config([PARIS, {**ROME, "lifetime": "2h"}], TWO["phase2"], TWO["xfrm_interfaces"]),
        at="load_connection",
        late=True,
    )
    assert told(restore(host.host, with_daemon=True)) == [
        "write file connections", "unload connection rome", "load connection rome",
    ]  # fmt: skip


def test_what_a_killed_run_did_not_reach_is_left_alone() -> None:
    changed = config([{**PARIS, "lifetime": "2h"}, TWO["phase1"][1]], TWO["phase2"], TWO["xfrm_interfaces"])
    host = killed(on(TWO), changed, at="load_connection")
    done = told(restore(host.host, with_daemon=True))
    assert [step for step in done if "rome" in step or "terminate" in step] == []


@pytest.mark.parametrize("how", ["restore", "restore at boot", "the same again"])
def test_an_unfinished_generation_is_dropped(how: str) -> None:
    host = killed(on(TWO), CHANGED, at="load_shared")
    assert host.host.generations.unfinished() == [2]
    if how == "the same again":
        apply(host, TWO)
    else:
        restore(host.host, with_daemon=how == "restore")
    store = host.host.generations
    assert (store.numbers(), store.unfinished()) == ([1, 3] if how == "the same again" else [1], [])


def test_a_run_that_finds_all_in_place_drops_an_unfinished_generation() -> None:
    host = on(TWO)
    host.host.generations.write({"format": 1, "objects": {}, "if_ids": {}}, {})
    assert not apply(host, TWO, check=True).changed
    assert host.host.generations.unfinished() == [2]
    assert not apply(host, TWO).changed
    assert host.host.generations.numbers() == [1]


def test_a_generation_that_was_never_in_force_is_not_kept() -> None:
    host = killed(on(TWO), CHANGED, at="load_shared")
    apply(host, ROME_ONLY)
    assert (host.host.generations.numbers(), host.host.generations.current_number()) == ([1, 3], 3)


def cut(host: FakeHost, after: int, error: BaseException) -> None:
    """Let the kernel carry out so many commands and then raise, also in the middle of a batch; once."""
    carry_out, left = host.kernel._run, [after]

    def cutting(layer: str, verb: str, rest: list[str]) -> None:
        if left[0] == 0:
            host.kernel._run = carry_out  # type: ignore[method-assign]
            raise error
        left[0] -= 1
        carry_out(layer, verb, rest)

    host.kernel._run = cutting  # type: ignore[method-assign]


MADE = ("the guard", "the link", "its mark", "its state", "its address", "its route")


@pytest.mark.parametrize("done", range(len(MADE)), ids=["nothing", *MADE[:-1]])
@pytest.mark.parametrize("then", ["the same again", "another number", "without it", "restore"])
def test_a_link_of_a_run_that_was_killed_while_it_made_it_is_ours(done: int, then: str) -> None:
    host = on(ROME_ONLY)
    cut(host, done, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        apply(host, TWO)
    assert ("ipsec-paris" in host.kernel.links) == (done > 1)
    host.reset()
    wanted = ROME_ONLY
    if then == "restore":
        restore(host.host, with_daemon=True)
    else:
        other = config(TWO["phase1"], TWO["phase2"], [{**TWO["xfrm_interfaces"][0], "if_id": 9}])
        wanted = {"the same again": TWO, "another number": other, "without it": ROME_ONLY}[then]
        apply(host, wanted)
    assert {host.state()[part] == on(wanted).state()[part] for part in ("links", "guard")} == {True}
    assert host.host.generations.unfinished() == []


@pytest.mark.parametrize("done", range(len(MADE)), ids=["nothing", *MADE[:-1]])
def test_a_link_whose_making_is_refused_halfway_goes_again(done: int) -> None:
    host = on(ROME_ONLY)
    cut(host, done, KernelRefused("no memory"))
    with pytest.raises(ApplyError, match=r"no memory; the host is as before"):
        apply(host, TWO)
    assert host.state() == on(ROME_ONLY).state()


def test_a_link_that_lost_its_mark_gets_it_again() -> None:
    host = on(TWO)
    host.kernel.links["ipsec-paris"].alias = None
    assert told(restore(host.host, with_daemon=True)) == ["change link ipsec-paris"]
    assert host.state() == on(TWO).state()


def test_a_link_that_somebody_else_made_is_neither_taken_nor_removed() -> None:
    host = on(ROME_ONLY)
    host.kernel.links["ipsec-paris"] = FakeLink("xfrm", if_id=9)
    before = host.state()
    wanted = config(TWO["phase1"], TWO["phase2"], [{**TWO["xfrm_interfaces"][0], "if_id": 9}])
    for _attempt in range(2):
        with pytest.raises(ValidationError, match=r"has an XFRM interface of this name that is not ours \(if_id 9"):
            apply(host, wanted)
        assert host.state() == before
    restore(host.host, with_daemon=True)
    assert host.state() == before


class TestBoot:
    def test_links_and_routes_come_back_and_charon_is_not_asked(self) -> None:
        host = on(TWO)
        before = host.state()
        del host.kernel.links["ipsec-paris"]
        host.charon.restart()
        done = restore(host.host, with_daemon=False)
        assert told(done) == [
            "add link ipsec-paris", "add address 10.255.0.1/30 on ipsec-paris", "add route 10.2.0.0/24 by ipsec-paris",
        ]  # fmt: skip
        assert not host.charon.commands
        assert host.state()["links"] == before["links"]
        assert told(restore(host.host, with_daemon=False)) == []

    def test_a_host_without_objects_is_left_alone(self) -> None:
        host = wan_host()
        assert told(restore(host.host, with_daemon=False)) == []
        assert host.calls == []
        assert host.files.files == {}

    def test_early_at_boot_addresses_are_what_they_were(self) -> None:
        host = on(TWO)
        files = host.state()["files"]
        del host.kernel.links["ipsec-paris"], host.kernel.links["wan0"]
        done = restore(host.host, with_daemon=False)
        assert "ipsec-paris" in host.kernel.links
        assert host.state()["files"] == files
        assert done.failures == ()
        assert done.notes == (
            "this host has no interface wan0 now; its last known addresses are used for phase1 paris, rome",
        )

    def test_a_line_that_is_down_keeps_no_unfinished_run_from_being_taken_back(self) -> None:
        host = killed(on(TWO), CHANGED, at="load_shared")
        host.kernel.links["wan0"].addresses.clear()
        assert restore(host.host, with_daemon=True).failures == ()
        assert host.host.generations.unfinished() == []
        assert host.charon.connections()["rome"]["local_addrs"] == ["192.0.2.1"]
