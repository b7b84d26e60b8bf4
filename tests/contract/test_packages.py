# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is relied on in the host's packages, held against the fake and against those of this computer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.packages import DebianPackages, Packages
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakePackages


@pytest.fixture(params=["fake", "real"])
def packages(request: pytest.FixtureRequest) -> Packages:
    if request.param == "fake":
        return FakePackages({"dpkg": "1.2.3"})
    return DebianPackages()


def test_an_installed_package_has_a_release_of_numbers(packages: Packages) -> None:
    assert all(number.isdigit() for number in packages.release("dpkg").split("."))


@pytest.mark.parametrize("package", ["no-such-package-anywhere", "--help", ""])
def test_what_is_no_package_has_none(packages: Packages, package: str) -> None:
    assert packages.release(package) == ""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder whose programs take the place of dpkg-query and apt-cache."""
    real = vars(subprocess)["run"]
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda argv, **named: real([str(tmp_path / argv[0]), *argv[1:]], **named),
    )
    return tmp_path


def program(folder: Path, name: str, says: str, status: int = 0) -> None:
    (folder / name).write_text(f"#!/bin/sh\ncat <<'END'\n{says}\nEND\nexit {status}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


POLICY = "charon-systemd:\n  Installed: (none)\n  Candidate: {}\n  Version table:\n     5.9.8-5+deb12u1 500"


@pytest.mark.parametrize(
    ("installed", "candidate", "release"),
    [
        pytest.param("installed 5.9.8-5+deb12u1", "6.0.1-6", "5.9.8", id="installed"),
        pytest.param("installed 1:6.0.1-6", "6.0.1-6", "6.0.1", id="with an epoch"),
        pytest.param("config-files 5.9.8-5", "6.0.1-6+deb13u2", "6.0.1", id="removed"),
        pytest.param("not-installed ", "6.0.1-6+deb13u2", "6.0.1", id="never installed"),
        pytest.param("not-installed ", "(none)", "", id="not to be had"),
    ],
)
def test_the_one_that_is_there_counts_before_the_one_that_could_be(
    programs: Path, installed: str, candidate: str, release: str
) -> None:
    program(programs, "dpkg-query", installed)
    program(programs, "apt-cache", POLICY.format(candidate))
    assert DebianPackages().release("charon-systemd") == release


def test_without_these_programs_nothing_is_known(programs: Path) -> None:
    assert DebianPackages().release("charon-systemd") == ""
    program(programs, "dpkg-query", "", status=1)
    assert DebianPackages().release("charon-systemd") == ""
