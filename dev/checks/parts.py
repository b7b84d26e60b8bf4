# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of what `make check` and `make test` run: one part a row, nothing about how it is run."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import verdicts

CHECKOUT = Path(__file__).resolve().parent.parent.parent
COLLECTION = Path("ansible_collections/swanfleet/ipsec")
OF_THE_ENGINE = ("test_adopt", "test_prediction", "test_zero_flap")
SECRETS = "test_modules_secrets.py"
# To build what the lab is made of keeps the disk busy for minutes, for which tests of daemons would wait in vain. These do not.
BESIDE_THE_BUILD = ("mypy", "ansible-lint", "sanity", "importer", "docs")
# On a computer that is half as fast scenarios are left to another run, which is said: `make test` ends within 90 minutes, and the
# other parts get a sixth of the processor time until the scenarios have ended.
SCENARIOS_WITHIN_S = "3600"
# What takes longer hangs: the longest of these took 1,895 s on a computer of half the speed, beside a lab.
HUNG_S = 2700.0
# make prove runs all that there are.
SCENARIOS = () if os.environ.get("SWANFLEET_SCENARIOS") == "all" else ("default", "page", "failover")


@dataclass(frozen=True)
class Part:
    """One program whose exit code counts, and what else must hold for its output.

    Parts begin in the table's order, the longest first. A `live` one shows its output as it comes, and goes before others
    where there is not enough processor time for all. What `early` parts make all others wait for, but for those that may run
    `beside`; `alone` ones need what all others have made.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path = CHECKOUT
    env: dict[str, str] = field(default_factory=dict)
    early: bool = False
    beside: bool = False
    alone: bool = False
    live: bool = False
    tests: bool = False
    timeout: float = HUNG_S
    complaint: Callable[[str], str | None] = verdicts.none


def check_parts(stage: Path) -> list[Part]:
    """List what `make check` runs; `stage` is the root of the staged tree."""
    tree = stage / COLLECTION
    return [
        # These wait more than they compute, each for charons in namespaces of its own. The shortest lifetime of an IKE SA is
        # a minute.
        _pytest("healing", *_daemon_tests("healing")),
        _pytest("agent", *_daemon_tests("agent")),
        _pytest("daemon", "tests/contract", *_daemon_tests("")),
        _pytest("engine", *_daemon_tests("engine")),
        _pytest("modules", *_daemon_tests("modules")),
        _pytest("unit", "tests/unit", "tests/architecture"),
        Part("mypy", ("dev/types", str(stage))),
        Part("ansible-lint", ("ansible-lint", "--offline", "--nocolor"), cwd=tree, complaint=verdicts.ansible_lint),
        Part("format", ("ruff", "format", "--check", "--output-format", "concise", ".")),
        Part("ruff", ("ruff", "check", "--output-format", "concise", ".")),
        Part("yamllint", ("yamllint", "--strict", "."), cwd=tree),
        Part("shellcheck", ("dev/shell",)),
        Part("changelog", ("antsibull-changelog", "lint"), cwd=tree),
    ]


def _daemon_tests(part: str) -> list[str]:
    """List the tests with a charon that belong to a part; those that belong to none are of the part ""."""
    own = {
        "engine": ("test_engine_", *OF_THE_ENGINE),
        "modules": ("test_modules_",),
        "healing": ("test_agent_healing",),
        "agent": ("test_agent_",),
    }
    found = []
    for file in sorted((CHECKOUT / "tests" / "daemon").glob("test_*.py")):
        name = next((name for name, begins in own.items() if file.name.startswith(begins)), "")
        if name == part and file.name != SECRETS:
            found.append(str(file.relative_to(CHECKOUT)))
    return found


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


def with_the_build(stage: Path, parts: Sequence[Part]) -> list[Part]:
    """Return parts with one that builds what the lab is made of, where nobody has yet; few others run until that is done."""
    build = Part("lab", ("dev/scenarios", str(stage), "--build"), live=True, early=True, timeout=3600)
    return [build, *(dataclasses.replace(part, beside=part.name in BESIDE_THE_BUILD) for part in parts)]


def scenarios_part(stage: Path) -> Part:
    """Return the part that takes as long as all others: the lab waits for its emulated gateways most of the time."""
    return Part(
        "scenarios",
        ("dev/scenarios", str(stage), *SCENARIOS),
        live=True,
        tests=True,
        # Hundreds of kills and all windows take hours on an emulated computer.
        timeout=4800 if SCENARIOS else 8 * 3600,
        complaint=verdicts.scenarios,
        env={**_proofs("lab-{scenario}"), **({"SWANFLEET_WITHIN": SCENARIOS_WITHIN_S} if SCENARIOS else {})},
    )


def test_parts(stage: Path) -> list[Part]:
    """List what `make test` runs beside the parts of `make check`, but for the scenarios."""
    return [
        Part("sanity", ("dev/sanity", str(stage)), complaint=verdicts.sanity),
        # Whole playbooks, many times over.
        _pytest("secrets", f"tests/daemon/{SECRETS}"),
        # The unit tests of target code once more.
        Part("python39", ("python", "dev/target_python.py")),
        Part("importer", ("dev/importer", str(stage)), complaint=verdicts.importer),
        Part("docs", ("dev/docs", str(stage))),
    ]
