# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that need the program on the gateway are refused without it, before anything is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.agent_needs import (
    COLLECTION_RELEASE,
    is_older,
    program_mark,
    release_of,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.running import RunOptions
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import DependencyMissing
from ansible_collections.swanfleet.ipsec.plugins.plugin_utils.agent_program import program_bytes
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import ROME, ROME_LAN, Config, apply, config, to
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host

OPTIONAL = RunOptions(agent="optional")


def rome(**options: Any) -> Config:
    return config([{**ROME, **options}], [ROME_LAN])


OSLO: Config = {**ROME, "name": "oslo"}
PAIR = {**config([ROME, OSLO], [ROME_LAN]), "fallbacks": [{"name": "south", "primary": "rome", "fallbacks": ["oslo"]}]}
NEEDING = {
    "fallback south needs": PAIR,
    r"phase1 rome \(restart_on_gateway_change: true\) needs": rome(restart_on_gateway_change=True),
    r"xfrm_interface ipsec0 \(link_state: follow\) needs": {
        **config([], []), "xfrm_interfaces": [{"name": "ipsec0", "link_state": "follow"}]
    },
    r"phase1 rome \(dpd.timeout: 60 with ike_version: 2\) needs": rome(dpd={"timeout": "1m"}),
}  # fmt: skip


@pytest.fixture
def host() -> FakeHost:
    return wan_host()


@pytest.mark.parametrize("check", [True, False], ids=["check", "run"])
@pytest.mark.parametrize("told", NEEDING)
def test_without_the_program_the_object_is_named_and_nothing_touched(host: FakeHost, told: str, check: bool) -> None:
    before = host.state()
    with pytest.raises(DependencyMissing, match=told) as refused:
        apply(host, NEEDING[told], check=check)
    assert "this host has none (/usr/local/sbin/swanfleet)" in str(refused.value)
    assert "Apply the role swanfleet.ipsec.gateway" in str(refused.value)
    assert (host.state(), host.calls) == (before, [])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"#!/usr/bin/python3 -I\nPK", "is of an earlier one, which tells no release"),
        (b"PKswanfleet.ipsec 0.0.9", "is of 0.0.9"),
    ],
)
def test_an_older_program_will_not_do(host: FakeHost, content: bytes, told: str) -> None:
    host.files.replace(host.paths.program, content, 0o755)
    with pytest.raises(DependencyMissing, match=f"of release {COLLECTION_RELEASE} or newer, and .*{told}"):
        apply(host, PAIR)


@pytest.mark.parametrize("release", [COLLECTION_RELEASE, "0.1.1", "0.10.0", "1.0.0"])
def test_the_same_or_a_newer_one_will(host: FakeHost, release: str) -> None:
    host.files.replace(host.paths.program, b"PKswanfleet.ipsec " + release.encode(), 0o755)
    assert apply(host, PAIR).changed


@pytest.mark.parametrize(
    "options",
    [
        {}, {"dpd": {"timeout": "150s"}}, {"dpd": {"timeout": 0}}, {"dpd": {"timeout": "5m"}},
        {"ike_version": 1, "dpd": {"timeout": "1m"}}, {"dpd": {"enabled": False, "timeout": "1m"}},
    ],
)  # fmt: skip
def test_what_charon_does_by_itself_needs_no_program(host: FakeHost, options: dict[str, Any]) -> None:
    assert not any("program" in warning for warning in apply(host, rome(**options)).warnings)


def test_where_the_program_comes_later_a_warning_says_so(host: FakeHost) -> None:
    outcome = run_transaction(host.host, to(PAIR), check=False, demands=OPTIONAL)
    assert outcome.changed
    [told] = [warning for warning in outcome.warnings if "program" in warning]
    assert told.endswith("Nothing comes of that before the role swanfleet.ipsec.gateway installs it")


def test_of_many_objects_a_few_are_named(host: FakeHost) -> None:
    many = config([{**ROME, "name": f"rome{number}", "restart_on_gateway_change": True} for number in range(5)], [])
    with pytest.raises(
        DependencyMissing, match=r"phase1 rome2 \(restart_on_gateway_change: true\) and 2 more need the"
    ):
        apply(host, many)


def test_the_programs_file_tells_the_release_of_the_collection(checkout: Path) -> None:
    assert release_of(program_bytes()) == COLLECTION_RELEASE
    assert f"\nversion: {COLLECTION_RELEASE}\n" in (checkout / "galaxy.yml").read_text()
    assert release_of(program_mark() + b"x") is None
    assert is_older("0.9.10", "0.10.0")
