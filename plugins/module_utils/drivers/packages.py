# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release a package has on this host, or would have: for planning where charon cannot be asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from .programs import ask

_TIMEOUT_S = 20.0
_CANDIDATE = re.compile(r"^ +Candidate: (?P<version>[0-9]\S*)$", re.MULTILINE)
_INSTALLED = re.compile(r"installed (?P<version>[0-9]\S*)")


class Packages(Protocol):
    """What the engine needs of the host's packages."""

    def release(self, package: str) -> str:
        """Return the upstream release of a package that is installed, or else would be; empty where that is not known."""


class DebianPackages:
    """dpkg and apt; other systems know of no release."""

    def release(self, package: str) -> str:
        """Return the upstream release of a package (deb-version(7)) that is installed, or else would be."""
        installed = _INSTALLED.match(
            _output(["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", "--", package])
        )
        found = installed or _CANDIDATE.search(_output(["apt-cache", "policy", "--", package]))
        return _upstream(found["version"]) if found is not None else ""


def _output(argv: Sequence[str]) -> str:
    """Return what a program says; nothing where there is none, or it fails or takes too long."""
    done = ask(argv, timeout=_TIMEOUT_S)
    return done.stdout if done is not None and done.returncode == 0 else ""


def _upstream(version: str) -> str:
    """Return a Debian version without epoch and revision."""
    return version.rpartition(":")[2].partition("-")[0]
