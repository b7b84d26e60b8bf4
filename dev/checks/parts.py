# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of what `make check` and `make test` run: one part a row, nothing about how it is run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import verdicts

CHECKOUT = Path(__file__).resolve().parent.parent.parent
COLLECTION = Path("ansible_collections/swanfleet/ipsec")


@dataclass(frozen=True)
class Part:
    """One program whose exit code counts, and what else must hold for its output.

    `alone` parts run after the others, one at a time with their output as it comes: they are long, or own something
    there is one of (the lab).
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path = CHECKOUT
    env: dict[str, str] = field(default_factory=dict)
    alone: bool = False
    tests: bool = False
    timeout: float = 600.0
    complaint: Callable[[str], str | None] = verdicts.none


def check_parts(stage: Path) -> list[Part]:
    """List what `make check` runs; `stage` is the root of the staged tree."""
    tree = stage / COLLECTION
    parts = [
        Part("mypy", ("dev/types", str(stage))),
        Part("ansible-lint", ("ansible-lint", "--offline", "--nocolor"), cwd=tree, complaint=verdicts.ansible_lint),
        Part("format", ("ruff", "format", "--check", "--output-format", "concise", ".")),
        Part("ruff", ("ruff", "check", "--output-format", "concise", ".")),
        Part("yamllint", ("yamllint", "--strict", "."), cwd=tree),
        Part("shellcheck", ("dev/shell",)),
        Part("changelog", ("antsibull-changelog", "lint"), cwd=tree),
        Part("python39", ("python", "dev/target_python.py")),
        _pytest("unit", "tests/unit", "tests/architecture"),
    ]
    # Both wait more than they compute, each for charons in namespaces of its own, so the two run at the same time.
    return [
        *parts,
        _pytest("daemon", "tests/contract", *_daemon_tests(modules=False)),
        _pytest("modules", *_daemon_tests(modules=True)),
    ]


def _daemon_tests(*, modules: bool) -> list[str]:
    files = sorted((CHECKOUT / "tests" / "daemon").glob("test_*.py"))
    return [str(file.relative_to(CHECKOUT)) for file in files if file.name.startswith("test_modules_") is modules]


def _pytest(name: str, *paths: str) -> Part:
    argv = ("python", "-m", "pytest", "--color=no", "-q", "--durations=5", "--durations-min=2", *paths)
    # A cache for each: two runs at the same time in one checkout must not share a file.
    argv += ("-o", f"cache_dir={os.environ['SWANFLEET_CACHE']}/pytest-{name}")
    return Part(name, argv, tests=True, complaint=verdicts.pytest, env=_proofs(name))


def _proofs(name: str) -> dict[str, str]:
    """Return where tests write what they have proven; each part replaces its own."""
    return {"SWANFLEET_PROOFS": f"{os.environ['SWANFLEET_STAGE']}/proofs/{name}.json"}


def features_part(stage: Path, *, lab: bool) -> Part:
    """Return the part that compares docs/features.md with what the parts before it have proven."""
    argv = ("python", "dev/proofs", *(() if lab else ("--keep", "lab")), str(stage / "proofs"))
    return Part("features", argv, alone=True)


def test_parts(stage: Path) -> list[Part]:
    """List what `make test` runs after the parts of `make check`."""
    return [
        Part("sanity", ("dev/sanity", str(stage)), alone=True, timeout=1200, complaint=verdicts.sanity),
        Part("importer", ("dev/importer", str(stage)), alone=True, complaint=verdicts.importer),
        Part("docs", ("dev/docs", str(stage)), alone=True),
        Part(
            "scenarios",
            ("dev/scenarios", str(stage)),
            alone=True,
            tests=True,
            timeout=3600,
            complaint=verdicts.scenarios,
            env=_proofs("lab-{scenario}"),
        ),
    ]
