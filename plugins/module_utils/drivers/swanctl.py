# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""swanctl(8), for the one thing that vici alone cannot do: give charon again what files of others hold."""

from __future__ import annotations

import subprocess
from typing import Protocol

from ..errors import DependencyMissing, IpsecError

_TIMEOUT_S = 60.0


class Swanctl(Protocol):
    """What the engine needs of swanctl."""

    def load_credentials(self) -> None:
        """Load all credentials from swanctl's files, as a reload of charon's unit does; raises `IpsecError`."""


class SwanctlProgram:
    """The swanctl of this host, on a directory of its own and a socket of charon's."""

    def __init__(self, directory: str, uri: str) -> None:
        self._directory, self._uri = directory, uri

    def load_credentials(self) -> None:
        """Run `swanctl --load-creds`; what it says of a single file does not fail it."""
        argv = ["swanctl", "--load-creds", "--noprompt", "--uri", self._uri]
        try:
            done = subprocess.run(
                argv,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_TIMEOUT_S,
                check=False,
                stdin=subprocess.DEVNULL,
                env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SWANCTL_DIR": self._directory},
            )
        except FileNotFoundError:
            raise DependencyMissing(
                "the program 'swanctl' is missing: install the package strongswan-swanctl"
            ) from None
        except subprocess.TimeoutExpired:
            raise IpsecError(f"swanctl --load-creds did not end within {_TIMEOUT_S:g} seconds") from None
        if done.returncode != 0:
            raise IpsecError(f"swanctl --load-creds exited {done.returncode}: {done.stderr.strip()}")
