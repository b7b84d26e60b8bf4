# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for tests against real charons on this computer; their logs are shown for a test that fails."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import ViciCharon
from ansible_collections.swanfleet.ipsec.tests.daemon import charon_process
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess

Pair = tuple[CharonProcess, CharonProcess]
_running: list[CharonProcess] = []
_log_sizes: dict[Path, int] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach to a failed test what the charons wrote during it."""
    report = yield
    for process in _running:
        log = process.log()
        if report.when == "setup":
            _log_sizes[process.directory] = len(log)
        elif report.failed:
            report.sections.append((f"charon in {process.netns}", log[_log_sizes.get(process.directory, 0) :]))
    return report


@pytest.fixture(scope="session")
def charon_process_once() -> Iterator[CharonProcess]:
    """Run one charon for all tests; use `charon` or `charon_daemon`, which come without another test's leftovers."""
    reason = charon_process.missing()
    if reason:
        pytest.fail(reason)
    with charon_process.running() as process:
        _running.append(process)
        yield process
        _running.remove(process)


@pytest.fixture
def charon_daemon(charon_process_once: CharonProcess) -> CharonProcess:
    """Return the process of a charon in which nothing is loaded."""
    with charon_process_once.client() as client:
        charon_process.clean(client)
    return charon_process_once


@pytest.fixture
def charon(charon_daemon: CharonProcess) -> Iterator[ViciCharon]:
    """Return the driver for a charon in which nothing is loaded."""
    with charon_daemon.client() as client:
        yield client


@pytest.fixture(scope="session")
def charon_pair_once() -> Iterator[Pair]:
    """Run two charons with a cable between them for all tests; use `charon_pair`."""
    reason = charon_process.missing()
    if reason:
        pytest.fail(reason)
    with charon_process.wired() as pair:
        _running.extend(pair)
        yield pair
        for process in pair:
            _running.remove(process)


@pytest.fixture
def charon_pair(charon_pair_once: Pair) -> Pair:
    """Return two charons that reach each other (see `charon_process.wired`), in which nothing is loaded."""
    for process in charon_pair_once:
        with process.client() as client:
            charon_process.clean(client)
    return charon_pair_once


@pytest.fixture
def swanctl(charon_daemon: CharonProcess, tmp_path: Path) -> Callable[..., str]:
    """Return a function of (swanctl.conf text, arguments) that runs swanctl against the charon, as its units do."""

    def run(text: str, *arguments: str) -> str:
        (tmp_path / "swanctl.conf").write_text(text, encoding="utf-8")
        return charon_daemon.swanctl(tmp_path, *(arguments or ("--load-all", "--noprompt")))

    return run
