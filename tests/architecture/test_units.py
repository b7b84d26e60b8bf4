# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the units of the roles may do, as systemd itself judges it, and as the agent's tests rely on."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

AGENT = "roles/gateway/files/swanfleet-agent.service"


def exposure(unit: Path, threshold: int) -> subprocess.CompletedProcess[str]:
    """Have systemd judge a unit; it fails where the exposure is over so many tenths."""
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is not installed: it is part of Debian's package systemd"
    return subprocess.run(
        [program, "security", "--no-pager", "--offline=true", f"--threshold={threshold}", str(unit)],
        capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_the_agent_is_exposed_as_little_as_can_be(checkout: Path) -> None:
    judged = exposure(checkout / AGENT, 20)
    assert judged.returncode == 0, judged.stdout


@pytest.mark.parametrize("line", ["CapabilityBoundingSet=", "ProtectSystem=", "SystemCallFilter="])
def test_a_protection_that_is_gone_is_noticed(checkout: Path, tmp_path: Path, line: str) -> None:
    unit = tmp_path / "swanfleet-agent.service"
    lines = (checkout / AGENT).read_text().splitlines(keepends=True)
    unit.write_text("".join(each for each in lines if not each.startswith(line)))
    assert exposure(unit, 20).returncode != 0


def test_the_agent_leaves_tunnels_alone_when_it_ends_and_is_started_again(checkout: Path) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # as its documentation says
    unit.read(checkout / AGENT)
    service = unit["Service"]
    assert (service["Type"], service["Restart"], service["RuntimeDirectoryPreserve"]) == ("notify", "always", "yes")
    assert "ExecStop" not in service
    assert "ExecStopPost" not in service
    assert set(service["CapabilityBoundingSet"].split()) == {"CAP_NET_ADMIN", "CAP_NET_RAW"}
    # What it waits for in a row, each with its own bound, must be over before it counts as dead.
    assert int(service["WatchdogSec"]) >= 120
    assert int(service["TimeoutStartSec"]) >= 120
