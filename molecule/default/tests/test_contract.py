# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contracts of drivers, held against what only the lab has: XFRM interfaces, a real systemd, both releases' tools."""

from __future__ import annotations

import base64
import io
import re
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
INSIDE = "ansible_collections/swanfleet/ipsec"
PARTS = ("plugins/module_utils", "tests/contract", "tests/fakes", "tests/daemon/waiting.py")
# Paris has the other release's tools beside the same kernel.
CONTRACTS = {
    "berlin": ("kernel", "systemd", "firewall", "firewall_traffic", "guard"),
    "paris": ("kernel", "firewall", "guard"),
}
# The file of a contract that cannot be met here says so; this one is met on computers without systemd.
ACCEPTED = {"systemd runs here"}


def packed():
    """Return the code under test and its contracts as a tar archive in base64."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for part in PARTS:
            for path in sorted((ROOT / part).rglob("*.py")) or [ROOT / part]:
                archive.add(path, f"{INSIDE}/{path.relative_to(ROOT)}")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize("gateway", CONTRACTS)
def test_the_contracts_hold_on_a_real_kernel_and_systemd(lab, gateway):
    lab.run(gateway, ["sh", "-c", "mkdir -p /run/contract && base64 -d | tar -C /run/contract -xz"], input=packed())
    files = [f"{INSIDE}/tests/contract/test_{name}.py" for name in CONTRACTS[gateway]]
    options = ["-c", "/dev/null", "--rootdir", ".", "-p", "no:cacheprovider", "--import-mode=importlib", "-q", "-rs"]
    told = lab.run(
        gateway,
        ["env", "--chdir=/run/contract", "PYTHONPATH=/run/contract", "python3", "-m", "pytest", *options, *files],
        timeout=600,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-6000:] + told.stderr[-2000:]
    reasons = set(re.findall(r"^SKIPPED \[\d+\] [^:]+(?::\d+)?: (.+)$", told.stdout, re.MULTILINE))
    assert reasons <= ACCEPTED, told.stdout[-6000:]
    passed = re.search(r"(\d+) passed", told.stdout)
    assert passed
    assert int(passed[1]) > 20, told.stdout[-2000:]
