# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of all scenarios share: the running lab, hosts for testinfra, and waiting for a condition."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import testinfra
from swanlab import Lab


def pytest_configure(config: pytest.Config) -> None:
    """Collect what the tests prove, where somebody wants to know."""
    spec = importlib.util.spec_from_file_location("proofs", Path(__file__).parents[1] / "tests/proofs.py")
    assert spec is not None
    assert spec.loader is not None
    proofs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(proofs)
    proofs.register(config)


@pytest.fixture(scope="session")
def lab() -> Lab:
    """Return the running lab."""
    return Lab.running()


@pytest.fixture(scope="session")
def gateways(lab: Lab) -> dict[str, testinfra.host.Host]:
    """Return testinfra's hosts by name, over the lab's own ssh."""
    return {
        name: testinfra.get_host(
            f"ssh://{name}", ssh_config=str(lab.state.ssh_config), ssh_identity_file=lab.state.private_key
        )
        for name in ("berlin", "paris")
    }


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """Return a function that awaits a condition, and fails with its last answer when the time is over."""

    def wait(what: str, condition: Callable[[], object], *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not (answer := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"{what}: not within {seconds:g} s; the last answer was {answer!r}")

    return wait


@pytest.fixture(scope="session")
def paths() -> dict[str, str]:
    """Return the address of the host behind Paris by the tunnel that leads there."""
    return {"IPv4, route-based": "10.2.0.10", "IPv6, policy-based": "fd00:2::10"}


@pytest.fixture(scope="session")
def ping(lab: Lab) -> Callable[..., int]:
    """Return a function that sends echo requests from the host behind Berlin, and says how many were answered."""

    def send(address: str, count: int) -> int:
        argv = ["ping", "-n", "-q", "-i", "0.01", "-c", str(count), "-W", "5", address]
        told = lab.run("lan-berlin", argv, timeout=120, check=False).stdout
        return int(told.split(" packets transmitted, ")[1].split(" ")[0])

    return send
