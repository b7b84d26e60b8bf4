# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for tests against real charons on this computer; their logs are shown for a test that fails."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import ViciCharon
from ansible_collections.swanfleet.ipsec.tests.daemon import charon_process, releases
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.releases import HOST

Pair = tuple[CharonProcess, CharonProcess]
T = TypeVar("T")
_running: list[CharonProcess] = []
_marks: dict[Path, charon_process.Mark] = {}
# Of a failed test the last lines of each charon, since whoever reads the output of many has to find their own.
_SHOWN = 80


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach to a failed test what the charons wrote during it."""
    report = yield
    for process in _running:
        if report.when == "setup":
            _marks[process.directory] = process.mark()
        elif report.failed:
            said = process.log(_marks.get(process.directory, (0, 0))).splitlines()
            told = [f"({len(said) - _SHOWN} lines before)"] if len(said) > _SHOWN else []
            if said:
                report.sections.append((f"charon in {process.netns}", "\n".join([*told, *said[-_SHOWN:]])))
    return report


@pytest.fixture(scope="session")
def charon_of() -> Iterator[Callable[[str], CharonProcess]]:
    """Return a function that gives the one charon of a release for all tests; it starts at the first call."""
    with releases.of_each(lambda release: _shown(charon_process.running(release=release), lambda one: [one])) as of:
        yield of


@pytest.fixture(scope="session")
def charon_pair_of() -> Iterator[Callable[[str], Pair]]:
    """Return a function that gives two charons of a release with a cable between them, started at the first call."""
    with releases.of_each(lambda release: _shown(charon_process.wired(release=release), list)) as of:
        yield of


@pytest.fixture(scope="session")
def kernel_pair_of() -> Iterator[Callable[[str], Pair]]:
    """Return a function that gives two wired charons of a release whose policies are the kernel's."""
    extra = charon_process.POLICIES_IN_KERNEL
    with releases.of_each(lambda release: _shown(charon_process.wired(extra, release=release), list)) as of:
        yield of


@contextmanager
def _shown(starting: AbstractContextManager[T], processes: Callable[[T], Sequence[CharonProcess]]) -> Iterator[T]:
    """Start charons whose logs are shown for a test that fails."""
    reason = charon_process.missing()
    if reason:
        pytest.fail(reason)
    with starting as made:
        _running.extend(processes(made))
        yield made
        for process in processes(made):
            _running.remove(process)


@pytest.fixture(scope="module")
def release(request: pytest.FixtureRequest) -> str:
    """Return the Debian release whose strongSwan is tested: the host's, or each in turn with `each_release.EACH`."""
    return str(getattr(request, "param", HOST))


@pytest.fixture
def charon_daemon(charon_of: Callable[[str], CharonProcess], release: str) -> CharonProcess:
    """Return the process of a charon in which nothing is loaded."""
    process = charon_of(release)
    with process.client() as client:
        charon_process.clean(client)
    return process


@pytest.fixture
def charon(charon_daemon: CharonProcess) -> Iterator[ViciCharon]:
    """Return the driver for a charon in which nothing is loaded."""
    with charon_daemon.client() as client:
        yield client


@pytest.fixture(scope="module")
def charon_pair_once(charon_pair_of: Callable[[str], Pair], release: str) -> Pair:
    """Return two charons that reach each other, with what other tests have left in them; see `charon_pair`."""
    return charon_pair_of(release)


@pytest.fixture
def charon_pair(charon_pair_once: Pair) -> Pair:
    """Return two charons that reach each other (see `charon_process.wired`), in which nothing is loaded."""
    for process in charon_pair_once:
        with process.client() as client:
            charon_process.clean(client)
    return charon_pair_once


@pytest.fixture
def kernel_pair(kernel_pair_of: Callable[[str], Pair], release: str) -> Pair:
    """Return two charons whose policies are the kernel's; each routes to what is behind the other one, and nothing is loaded."""
    pair = kernel_pair_of(release)
    for number, process in enumerate(pair, start=1):
        process.inside("ip", "route", "replace", f"10.{3 - number}.0.0/16", "via", f"192.0.2.{3 - number}")
        process.inside("ip", "xfrm", "policy", "flush")
        with process.client() as client:
            charon_process.clean(client)
    return pair


@pytest.fixture
def swanctl(charon_daemon: CharonProcess, tmp_path: Path) -> Callable[..., str]:
    """Return a function of (swanctl.conf text, arguments) that runs swanctl against the charon, as its units do."""

    def run(text: str, *arguments: str) -> str:
        (tmp_path / "swanctl.conf").write_text(text, encoding="utf-8")
        return charon_daemon.swanctl(tmp_path, *(arguments or ("--load-all", "--noprompt")))

    return run
