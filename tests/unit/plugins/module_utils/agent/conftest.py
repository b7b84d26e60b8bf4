# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several tests of the loop watch, whatever the `life` of their own is."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.read import observe
from ansible_collections.swanfleet.ipsec.tests.fakes.surroundings import FakeLife


@pytest.fixture
def looks(life: FakeLife, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return when the engine has looked at the whole host."""
    found: list[float] = []

    def looking(*arguments: Any, **named: Any) -> Any:
        found.append(life.host.clock.time)
        return observe(*arguments, **named)

    monkeypatch.setattr(restore, "observe", looking)
    return found
