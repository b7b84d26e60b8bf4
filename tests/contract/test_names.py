# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is relied on in the name service, held against the fake and against that of this computer."""

from __future__ import annotations

import subprocess
import time

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.names import Names, NameService
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeNames


@pytest.fixture(params=["fake", "real"])
def names(request: pytest.FixtureRequest) -> Names:
    return FakeNames({"nowhere.invalid"}) if request.param == "fake" else NameService()


def test_a_name_without_an_address_is_told(names: Names) -> None:
    assert names.unresolved(["localhost", "nowhere.invalid", "localhost"], timeout=5) == {"nowhere.invalid"}
    assert names.unresolved([], timeout=5) == frozenset()


def test_what_looks_like_an_option_is_a_name(names: Names) -> None:
    assert names.unresolved(["--help"], timeout=5) <= {"--help"}


def test_a_service_that_does_not_answer_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda _argv, **named: real(["sleep", "60"], **named))
    began = time.monotonic()
    many = {f"gw{number}.example.com" for number in range(40)}
    assert NameService().unresolved(many, timeout=0.1) == many
    assert time.monotonic() - began < 5
