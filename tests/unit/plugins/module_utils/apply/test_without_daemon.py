# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that may do without charon: what they do, what they leave to its start, and when they refuse all the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import Outcome, run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.parts import parts_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Tree
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.running import RunOptions
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import (
    DaemonAbsent,
    DaemonState,
    DaemonUnavailable,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import NewFile
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.iproute2 import KernelRefused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError, DependencyMissing
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.daemon import loaded_parts
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import CHANGED, ONE, TWO, Config, apply, steps, to
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host
from ansible_collections.swanfleet.ipsec.tests.fakes.units import RUNNING, STOPPED

LATER_START = DaemonState("charon-systemd", "5.9.8", (), "", 0, start_id="boot/9/9", started=4e9)


def without_charon(applied: Config | None) -> FakeHost:
    """Return a host that has a gateway and whose charon was stopped then."""
    host = wan_host()
    if applied is not None:
        apply(host, applied)
    host.reset()
    host.charon.restart()
    host.charon.unavailable = DaemonAbsent("nobody listens")
    host.units.units["strongswan.service"] = STOPPED
    return host


def optional(host: FakeHost, wanted: Config, *, check: bool = False) -> Outcome:
    return run_transaction(host.host, to(wanted), check=check, demands=RunOptions(daemon="optional"))


@pytest.mark.parametrize(("before", "wanted"), [(None, TWO), (TWO, CHANGED), (TWO, ONE)])
def test_files_and_links_are_those_of_a_run_with_charon(before: Config | None, wanted: Config) -> None:
    host, other = without_charon(before), wan_host()
    if before is not None:
        apply(other, before)
    apply(other, wanted)
    planned = optional(host, wanted, check=True)
    assert host.calls == []
    outcome = optional(host, wanted)
    assert (planned.plan, planned.warnings) == (outcome.plan, outcome.warnings)
    assert {step.layer for step in outcome.plan.steps} <= {"file", "guard", "link", "address", "route"}
    assert {key: host.state()[key] for key in ("files", "links", "generation")} == {
        key: other.state()[key] for key in ("files", "links", "generation")
    }
    assert (sum(host.charon.commands.values()), host.charon.loaded) == (0, {})
    again = optional(host, wanted)
    assert (steps(again), again.changed, again.warnings) == ([], False, outcome.warnings[:1])


def test_the_warning_says_why_charon_was_not_told_and_what_becomes_of_it() -> None:
    warning, _release = optional(without_charon(None), ONE).warnings
    assert "strongswan.service is inactive (dead): start it with 'systemctl start strongswan'" in warning
    assert warning.endswith("charon is not told what this run changes, and loads it when it starts")


def test_the_record_holds_for_the_next_start_of_charon() -> None:
    host = without_charon(TWO)
    optional(host, CHANGED)
    loaded = wan_host()
    apply(loaded, CHANGED)
    read = host.files.read
    file = read(host.paths.connections_file)
    assert loaded_parts(LATER_START, read(host.paths.loaded_record), file, None) == {
        name: parts_of(cast(Tree, tree)) for name, tree in loaded.charon.loaded.items()
    }


def test_with_charon_it_is_told_as_ever() -> None:
    host, other = wan_host(), wan_host()
    outcome = optional(host, TWO)
    assert (outcome.plan, outcome.warnings) == (apply(other, TWO).plan, ())
    assert host.state() == other.state()


def test_a_failure_leaves_files_and_links_as_before() -> None:
    host = without_charon(TWO)
    before = host.state()
    probe = without_charon(TWO)
    optional(probe, CHANGED)
    host.fail_at = (probe.calls.index("run"), KernelRefused("no memory"))
    with pytest.raises(ApplyError, match=r"no memory; the host is as before the run$"):
        optional(host, CHANGED)
    assert host.state() == before
    assert host.host.generations.numbers() == [1]


@pytest.mark.parametrize(
    ("trouble", "unit", "message"),
    [
        pytest.param(DaemonUnavailable("charon did not answer"), RUNNING, "did not answer", id="hung"),
        pytest.param(DaemonAbsent("nobody listens"), RUNNING, "its socket was removed", id="without its socket"),
    ],
)
def test_a_charon_that_runs_and_does_not_answer_is_an_error_all_the_same(
    trouble: DaemonUnavailable, unit: object, message: str
) -> None:
    host = without_charon(TWO)
    host.charon.unavailable, host.units.units["strongswan.service"] = trouble, unit  # type: ignore[assignment]
    with pytest.raises(DependencyMissing, match=message):
        optional(host, CHANGED)
    assert host.calls == []
    warning, _release = optional(host, CHANGED, check=True).warnings
    assert "The plan leaves out what charon would be told" in warning


def test_a_charon_that_starts_during_the_run_and_has_not_loaded_it_fails_the_run() -> None:
    host = without_charon(ONE)
    replace_all = host.files.replace_all

    def starting(files: Sequence[NewFile]) -> None:
        replace_all(files)
        if host.paths.connections_file in {file.path for file in files}:
            host.charon.unavailable = None

    host.files.replace_all = starting  # type: ignore[method-assign]
    with pytest.raises(ApplyError, match=r"verification: .*load connection rome.*; the host is as before the run$"):
        optional(host, TWO)
    assert sorted(host.charon.loaded) == ["paris"]
    assert not apply(host, ONE).changed
