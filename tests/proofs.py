# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plugin for pytest: what came of each test that says, by the marker `proves`, which rows of docs/features.md it proves.

`@pytest.mark.proves("S05", key="connections.<conn>.version", option="ike_version")` names fields of the page by their
ids, or a key of swanctl.conf, or both. The result counts for the Debian release that the test ran on: the one in
`releases=("12", "13")` of the marker, else the test's parameter `release`, else the host's own; for tests that need no
daemon, all. With SWANFLEET_PROOFS set to a path, the results are written there, for dev/features to read.

It imports nothing of the collection, so that the lab's tests can load it from its file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any, TypeVar

import pytest

RELEASES = ("12", "13")
_WORST_FIRST = ("failed", "skipped", "passed")
F = TypeVar("F", bound=Callable[..., Any])


def proving(marks: Iterable[pytest.MarkDecorator]) -> Callable[[F], F]:
    """Return a decorator that puts many marks on one test, such as one for each row of its table."""

    def decorate(test: F) -> F:
        for mark in marks:
            test = mark(test)
        return test

    return decorate


class Proofs:
    """Collects the outcomes of marked tests during a session."""

    def __init__(self, path: str) -> None:
        # Several scenarios of the lab run one after the other, each in a session of its own.
        self.path = Path(path.replace("{scenario}", os.environ.get("MOLECULE_SCENARIO_NAME", "")))
        self.outcomes: dict[str, str] = {}
        self.claims: dict[str, list[dict[str, Any]]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note the worst outcome of a test's setup, call and teardown, and what it claims to prove by then."""
        report = yield
        marks = list(item.iter_markers("proves"))
        if marks:
            both = (report.outcome, self.outcomes.get(item.nodeid, "passed"))
            self.outcomes[item.nodeid] = min(both, key=_WORST_FIRST.index)
            self.claims[item.nodeid] = [_claim(item, mark) for mark in marks]
        return report

    def pytest_sessionfinish(self) -> None:
        """Write the results."""
        results = [
            {**claim, "outcome": self.outcomes[nodeid]} for nodeid, claims in self.claims.items() for claim in claims
        ]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _claim(item: pytest.Item, mark: pytest.Mark) -> dict[str, Any]:
    unknown = mark.kwargs.keys() - {"key", "option", "releases"}
    if unknown or not (mark.args or "key" in mark.kwargs):
        raise pytest.UsageError(f"{item.nodeid}: proves takes ids of fields, key, option and releases")
    return {
        "test": item.nodeid.partition("[")[0],
        "ids": list(mark.args),
        "key": mark.kwargs.get("key", ""),
        "option": mark.kwargs.get("option", ""),
        "releases": list(mark.kwargs.get("releases") or _releases(item)),
    }


def _releases(item: pytest.Item) -> tuple[str, ...]:
    callspec = getattr(item, "callspec", None)
    release = callspec.params.get("release") if callspec is not None else None
    if release is not None:
        return (str(release),)
    return RELEASES if item.nodeid.startswith("tests/unit/") else RELEASES[:1]


def register(config: pytest.Config) -> None:
    """Collect what the tests of this session prove, where somebody wants to know."""
    path = os.environ.get("SWANFLEET_PROOFS")
    if path:
        config.pluginmanager.register(Proofs(path))
