# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cache of its own for each test, and states of labs that do not exist."""

from __future__ import annotations

from pathlib import Path

import pytest
from swanlab.state import State


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the cache's folder; no test sees the user's."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SWANFLEET_CACHE", str(folder))
    monkeypatch.delenv("SWANFLEET_LAB", raising=False)
    return folder


@pytest.fixture
def machine_state(tmp_path: Path) -> State:
    """Return the state of a lab in a machine."""
    return State(
        name="default",
        backend="machine",
        release="bookworm",
        image_key="k1",
        snapshot_key="s1",
        sockets=str(tmp_path),
        private_key="/cache/key with blank",
        host_key="ssh-ed25519 AAAA",
        accelerator="tcg",
        ports={"machine": 2000, "berlin": 2001, "paris": 2002, "madrid": 2003, "rome": 2004},
    )


@pytest.fixture
def direct_state(machine_state: State) -> State:
    """Return the state of a lab directly on a host."""
    from dataclasses import replace

    return replace(machine_state, backend="direct", ports={}, accelerator="")
