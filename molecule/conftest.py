# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of all scenarios share: the running lab, hosts for testinfra, and waiting for a condition."""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
import testinfra
from swanlab import Lab, LabError
from swanlab.host import topology

# Lines of each gateway's journal that are shown where a test fails.
LINES_SHOWN = 400


def pytest_configure(config: pytest.Config) -> None:
    """Collect what the tests prove, where somebody wants to know."""
    spec = importlib.util.spec_from_file_location("proofs", Path(__file__).parents[1] / "tests/proofs.py")
    assert spec is not None
    assert spec.loader is not None
    proofs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(proofs)
    proofs.register(config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the gateways said while a test failed."""
    report = yield
    lab = getattr(item, "funcargs", {}).get("lab")
    if report.when != "teardown" and report.failed and lab is not None:
        since = f"--since=@{int(report.start)}"
        for gateway in topology.GATEWAYS:
            argv = ["journalctl", "--no-pager", "--output=short-precise", since, f"--lines={LINES_SHOWN}"]
            try:
                said = lab.run(gateway, argv, check=False).stdout
            except LabError as error:  # it may be down, and the test is told of all the same
                said = str(error)
            report.sections.append((f"journal of {gateway}", said))
    return report


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
        for name in topology.GATEWAYS
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
def spis(lab: Lab) -> Callable[[str], set[str]]:
    """Return a function that lists the SPIs of all SAs in a gateway's kernel."""

    def listed(gateway: str) -> set[str]:
        return set(re.findall(r"spi (0x[0-9a-f]+)", lab.run(gateway, ["ip", "xfrm", "state"]).stdout))

    return listed


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> Iterator[Callable[[str, float], None]]:
    """Return a function that notes a time in seconds by what it is of; all are printed at the end."""
    noted: dict[str, list[float]] = {}
    yield lambda name, seconds: noted.setdefault(name, []).append(seconds)
    with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        for name, values in noted.items():
            ordered = sorted(values)
            half, most = (ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in (0.5, 0.95))
            print(f"\n{name}: n {len(values)}, p50 {half:.2f} s, p95 {most:.2f} s, max {ordered[-1]:.2f} s", end="")
        print()


@pytest.fixture(scope="session")
def paths() -> dict[str, tuple[str, str]]:
    """Return the tunnels' ways by what they are: the host that sends, and the address of one behind the other gateway."""
    return {
        "12 to 13, IPv4, route-based": ("lan-berlin", "10.2.0.10"),
        "12 to 13, IPv6, policy-based": ("lan-berlin", "fd00:2::10"),
        "12 to 12, IPv4, route-based": ("lan-berlin", "10.3.0.10"),
        "12 to 12, IPv6, policy-based": ("lan-berlin", "fd00:3::10"),
        "13 to 13, IPv4, route-based": ("lan-paris", "10.4.0.10"),
        "13 to 13, IPv6, policy-based": ("lan-paris", "fd00:4::10"),
    }


@pytest.fixture(scope="session")
def ping(lab: Lab) -> Callable[..., int]:
    """Return a function that sends echo requests along one of `paths`, and says how many were answered."""

    def send(path: tuple[str, str], count: int) -> int:
        source, address = path
        argv = ["ping", "-n", "-q", "-i", "0.01", "-c", str(count), "-W", "5", address]
        told = lab.run(source, argv, timeout=120, check=False).stdout
        return int(told.split(" packets transmitted, ")[1].split(" ")[0])

    return send
