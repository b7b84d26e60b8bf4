# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run on a host in memory: what it does, what it leaves alone, and what is left when anything fails at any point."""

from __future__ import annotations

import json

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import (
    READING_COMMANDS,
    DaemonAbsent,
    DaemonUnavailable,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.systemd import UnitState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import (
    ApplyError,
    DependencyMissing,
    IpsecError,
    LockBusy,
    ValidationError,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import (
    CHANGED,
    ONE,
    PARIS,
    PARIS_LAN,
    TWO,
    Config,
    apply,
    config,
    steps,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host
from ansible_collections.swanfleet.ipsec.tests.fakes.units import ABSENT, RUNNING, STOPPED

HANGS, NOBODY = DaemonUnavailable("it hangs"), DaemonAbsent("nobody listens")


def on(wanted: Config | None) -> FakeHost:
    host = wan_host()
    if wanted is not None:
        apply(host, wanted)
    host.reset()
    return host


def calls(before: Config | None, wanted: Config) -> list[str]:
    host = on(before)
    apply(host, wanted)
    return list(host.calls)


def same(found: FakeHost, expected: FakeHost) -> bool:
    return found.state() == expected.state()


class TestARun:
    def test_the_first_makes_everything(self) -> None:
        host = on(None)
        outcome = apply(host, TWO)
        assert steps(outcome) == [
            "write file secrets", "write file connections", "add guard unreachable 10.2.0.0/24",
            "add link ipsec-paris", "add address 10.255.0.1/30 on ipsec-paris", "add route 10.2.0.0/24 by ipsec-paris",
            "load secret ike-paris", "load secret ike-rome", "load connection paris", "load connection rome",
        ]  # fmt: skip
        assert outcome.changed
        assert sorted(host.charon.loaded) == ["paris", "rome"]
        assert len(host.kernel.batches) == 1

    @pytest.mark.parametrize("wanted", [ONE, TWO, CHANGED])
    def test_the_second_only_reads(self, wanted: Config) -> None:
        host = on(wanted)
        outcome = apply(host, wanted)
        assert (steps(outcome), outcome.changed, host.calls) == ([], False, [])
        assert set(host.charon.commands) <= READING_COMMANDS

    def test_a_check_shows_the_very_plan_and_writes_nothing(self) -> None:
        host = on(TWO)
        before = host.state()
        planned = apply(host, CHANGED, check=True)
        assert (host.calls, host.state()) == ([], before)
        assert planned.plan == apply(host, CHANGED).plan
        assert planned.changed

    def test_a_change_touches_no_other_tunnel(self) -> None:
        host = on(TWO)
        faster = config([{**PARIS, "lifetime": "4h"}, TWO["phase1"][1]], TWO["phase2"], TWO["xfrm_interfaces"])
        outcome = apply(host, faster)
        assert steps(outcome) == ["write file connections", "hold connection paris", "restart sa paris"]
        assert outcome.disruption == {"paris": "reestablish"}
        assert host.kernel.batches == []

    def test_an_object_that_changes_nothing_on_the_host_is_a_change_all_the_same(self) -> None:
        host = on(TWO)
        outcome = apply(host, {**TWO, "phase2": [PARIS_LAN, {**TWO["phase2"][1], "install_routes": False}]})
        assert (steps(outcome), outcome.changed) == ([], True)
        assert host.state()["generation"] != on(TWO).state()["generation"]

    def test_what_drifted_is_mended(self) -> None:
        host = on(TWO)
        host.charon.unload_connection("rome")
        host.charon.secrets.clear()
        host.kernel.links["ipsec-paris"].addresses.clear()
        host.files.remove(host.paths.secrets_file)
        assert steps(apply(host, TWO)) == [
            "write file secrets", "add address 10.255.0.1/30 on ipsec-paris", "load secret ike-paris",
            "load secret ike-rome", "load connection rome",
        ]  # fmt: skip
        assert same(host, on(TWO))

    def test_secrets_are_in_no_plan_and_in_files_for_root_only(self) -> None:
        host = on(None)
        assert "s3cret" not in repr(apply(host, TWO))
        holding = {path: file for path, file in host.files.files.items() if b"s3cret" in file.content}
        assert [path.rpartition("/")[2] for path in holding] == ["secrets.json"]
        assert {file.mode for path, file in host.files.files.items() if "secret" in path} == {0o600}


class TestAFailure:
    def test_a_bug_keeps_its_traceback_and_the_host_its_state(self) -> None:
        host = on(ONE)
        host.fail_at = (calls(ONE, TWO).index("load_connection"), ZeroDivisionError("a bug"))
        with pytest.raises(Exception, match="a bug") as failed:
            apply(host, TWO)
        assert not isinstance(failed.value, IpsecError)
        assert same(host, on(ONE))

    def test_a_host_that_cannot_be_brought_back_is_called_so_and_the_next_run_mends_it(self) -> None:
        host = on(TWO)
        host.charon.refuse = {("load-conn", "paris"): "it is full", ("unload-conn", "oslo"): "no"}
        with pytest.raises(
            ApplyError, match=r"hold connection paris: .*it is full.*; the host could NOT be brought back"
        ):
            apply(host, CHANGED)
        host.charon.refuse.clear()
        apply(host, CHANGED)
        assert same(host, on(CHANGED))

    def test_a_charon_that_dies_during_a_run_keeps_what_the_next_run_must_know(self) -> None:
        host = on(ONE)
        gone = DaemonUnavailable("charon hangs")
        load = host.charon.load_connection

        def dies(name: str, tree: object) -> None:
            load(name, tree)  # type: ignore[arg-type]
            host.charon.unavailable = gone
            raise gone

        host.charon.load_connection = dies  # type: ignore[method-assign]
        with pytest.raises(ApplyError, match=r"load connection rome: charon hangs; files and links are as before"):
            apply(host, TWO)
        assert host.state()["files"] == on(ONE).state()["files"]
        host.charon.unavailable, host.charon.load_connection = None, load  # type: ignore[method-assign]
        apply(host, ONE)
        assert same(host, on(ONE))


class TestBeforeTheFirstStep:
    @pytest.mark.parametrize(
        ("unit", "trouble", "message"),
        [
            pytest.param(ABSENT, NOBODY, "strongSwan with charon-systemd is not installed", id="not installed"),
            pytest.param(STOPPED, NOBODY, "charon is not running, strongswan.service is inactive", id="stopped"),
            pytest.param(RUNNING, HANGS, "it hangs", id="running"),
        ],
    )
    def test_a_charon_that_does_not_answer_is_one_error(
        self, unit: UnitState, trouble: DaemonUnavailable, message: str
    ) -> None:
        host = on(TWO)
        host.charon.unavailable = trouble
        host.units.units["strongswan.service"] = unit
        with pytest.raises(DependencyMissing, match=message):
            apply(host, CHANGED)
        assert host.calls == []
        warning, _release = apply(host, CHANGED, check=True).warnings
        assert message in warning

    def test_a_busy_lock_is_one_error(self) -> None:
        host = on(TWO)
        host.files.locked_by = "process 7, ipsec_gateway, since 2026-11-23 09:00:00"
        with pytest.raises(
            LockBusy, match="process 7, ipsec_gateway, since 2026-11-23 09:00:00 holds /run/swanfleet/lock"
        ):
            apply(host, CHANGED)
        assert host.calls == []
        assert apply(host, CHANGED, check=True).changed

    def test_an_interface_that_does_not_exist_is_one_error(self) -> None:
        host = on(None)
        with pytest.raises(
            ValidationError, match=r"interfaces\[0\] is 'wan9': this host has no such interface; it has"
        ):
            apply(host, config([{**PARIS, "interfaces": ["wan9"], "xfrm_interface": None}], []))
        assert host.calls == []


class TestGenerations:
    def test_a_few_are_kept(self) -> None:
        host = on(None)
        for lifetime in range(100, 108):
            apply(host, config([{**PARIS, "xfrm_interface": None, "lifetime": lifetime}], []))
        store = host.host.generations
        assert (store.numbers(), store.current_number()) == ([4, 5, 6, 7, 8], 8)

    def test_allotted_numbers_are_kept(self) -> None:
        host = on(ONE)
        before = host.kernel.links["ipsec-paris"].if_id
        apply(host, config([], [], [{"name": "a-first"}, *ONE["xfrm_interfaces"]]))
        assert host.kernel.links["ipsec-paris"].if_id == before
        assert host.kernel.links["a-first"].if_id == before + 1

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (None, "is missing: restore it from a backup"),
            (b"{", "is no valid JSON"),
            (b"[]", "holds no JSON object"),
        ],
    )
    def test_a_broken_one_is_named(self, content: bytes | None, message: str) -> None:
        host = on(ONE)
        path = f"{host.paths.generations}/1/objects.json"
        host.files.remove(path)
        if content is not None:
            host.files.replace(path, content, 0o600)
        with pytest.raises(IpsecError, match=message) as broken:
            apply(host, TWO)
        assert path in str(broken.value)

    def test_objects_hold_no_secret(self) -> None:
        host = on(TWO)
        objects = json.loads(host.files.files[f"{host.paths.generations}/1/objects.json"].content)
        assert [sorted(each) for each in objects["objects"]["phase1"]] == [
            sorted({*given} - {"psk"}) for given in TWO["phase1"]
        ]
