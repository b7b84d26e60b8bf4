# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key that is a common word: it is warned about, and results stay true although its text stands all over them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.tests.daemon.module_programs import ModulePrograms
from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import opened

pytestmark = [pytest.mark.charon, pytest.mark.root]

STRONG = "GJ0Vd1WyPzoSTKHcV5JmMwRxjXZ3aB0qYcK8m6n1u3k="
PHASE1: dict[str, Any] = {"name": "paris-lan1", "remote_endpoints": ["198.51.100.2"], "init_type": "none"}
PHASE2: dict[str, Any] = {"name": "lan", "phase1": "paris-lan1", "remote_networks": ["10.2.0.0/24"]}
MODULES = [
    pytest.param("ipsec_phase1", lambda key: {**PHASE1, "psk": key}, id="ipsec_phase1"),
    pytest.param(
        "ipsec_gateway",
        lambda key: {"config": {"phase1": [{**PHASE1, "psk": key}], "phase2": [PHASE2]}},
        id="ipsec_gateway",
    ),
]


@pytest.fixture(scope="module")
def programs() -> Iterator[ModulePrograms]:
    with opened() as sandbox, ModulePrograms(sandbox) as opened_once:
        yield opened_once


def applied(programs: ModulePrograms, module: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a module on a gateway without anything."""
    programs.sandbox.fresh()
    return programs.run(module, special={"diff": True}, **arguments)


@pytest.mark.parametrize("key", ["1", "lan", "load", "paris-lan1", "198.51.100"])
@pytest.mark.parametrize(("module", "arguments"), MODULES)
def test_a_result_does_not_depend_on_the_key(programs: ModulePrograms, module: str, arguments: Any, key: str) -> None:
    strong = applied(programs, module, arguments(STRONG))
    weak = applied(programs, module, arguments(key))
    assert strong["plan"]
    for part in ("changed", "plan", "diff", "invocation"):
        assert weak[part] == strong[part]


@pytest.mark.parametrize(("module", "arguments"), MODULES)
def test_an_error_does_not_depend_on_the_key(programs: ModulePrograms, module: str, arguments: Any) -> None:
    def message(key: str) -> str:
        wrong = arguments(key)
        for each in wrong["config"]["phase1"] if "config" in wrong else [wrong]:
            each["lifetime"] = "1x"
        return str(programs.run(module, **wrong)["msg"])

    assert "phase1 paris-lan1: lifetime is '1x'" in message(STRONG)
    assert message("lan") == message("1") == message(STRONG)


@pytest.mark.parametrize(("module", "arguments"), MODULES)
def test_only_a_weak_key_is_warned_about_and_not_by_its_text(
    programs: ModulePrograms, module: str, arguments: Any
) -> None:
    assert "warnings" not in applied(programs, module, arguments(STRONG))
    (told,) = applied(programs, module, arguments("7q"))["warnings"]
    assert "phase1 paris-lan1: psk has fewer than 8 characters" in str(told)
    assert "7q" not in str(told)
