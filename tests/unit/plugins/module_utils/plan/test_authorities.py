# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorities: those that charon lacks or shows otherwise are loaded, those of ours that nobody wants go."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import ObservedDaemon
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.authorities import plan_authorities
from ansible_collections.swanfleet.ipsec.tests.generators import material

LIST = "http://example.org/fleet.crl"
WANTED = artifacts(
    parse_gateway({"authorities": [{"name": "fleet", "ca_certificate": material.AUTHORITY, "crl_uris": [LIST]}]}),
    Situation(b"k" * 32),
)
[SECTION] = WANTED.authorities
HELD = {"crl_uris": [LIST]}
NOBODY = ObservedDaemon(DaemonState("charon-systemd", "5.9.8", (), "", 0), frozenset(), {}, frozenset())


@pytest.mark.parametrize(
    ("held", "load", "unload"),
    [
        pytest.param({SECTION: HELD}, [], [], id="charon has it"),
        pytest.param({}, [("load authority fleet", SECTION)], [], id="charon lacks it"),
        pytest.param({SECTION: {"crl_uris": []}}, [("load authority fleet", SECTION)], [], id="charon has another one"),
        pytest.param({SECTION: HELD, "theirs": {}}, [], [], id="one of others"),
        pytest.param({SECTION: HELD, **{SECTION.replace("-fleet-", f"-{name}-"): {} for name in "cab"}}, [], [
            (f"unload authority {name}", SECTION.replace("-fleet-", f"-{name}-")) for name in "abc"], id="some that were ours"),
    ],
)  # fmt: skip
def test_what_charon_is_told(held: dict[str, Any], load: list[tuple[str, str]], unload: list[tuple[str, str]]) -> None:
    steps = plan_authorities(WANTED, dataclasses.replace(NOBODY, authorities=held))
    assert tuple([(str(step), step.key) for step in each] for each in steps) == (load, unload)
