# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All drivers of one host in one value, and the real ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from .charon import Charon, ViciCharon
from .clock import Clock, SystemClock
from .error_notify import Alerts, ErrorNotify
from .files import Files, LocalFiles, sweep_temporaries
from .generations import GenerationStore
from .iproute2 import IpRoute2, Kernel
from .management import Management, ParentSockets
from .names import Names, NameService
from .nftables import Firewall, Nftables
from .packages import DebianPackages, Packages
from .paths import Paths
from .swanctl import Swanctl, SwanctlProgram
from .systemd import Systemd, Units


@dataclass(frozen=True)
class Host:
    """The drivers through which one host is read and changed."""

    files: Files
    kernel: Kernel
    charon: Charon
    units: Units
    paths: Paths
    swanctl: Swanctl
    clock: Clock = field(default_factory=SystemClock)
    alerts: Alerts = field(default_factory=lambda: ErrorNotify(Paths().error_notify))
    names: Names = field(default_factory=NameService)
    packages: Packages = field(default_factory=DebianPackages)
    firewall: Firewall = field(default_factory=Nftables)
    management: Management = field(default_factory=ParentSockets)

    @property
    def generations(self) -> GenerationStore:
        """Return the store of generations on this host."""
        return GenerationStore(self.files, self.paths)

    def sweep(self) -> None:
        """Remove what a killed run left of files that it was about to replace; call it only under the lock."""
        sweep_temporaries(self.files, self.paths.written_directories)


def local_host(paths: Paths, *, patience: float = 10.0) -> Host:
    """Return the host that this process runs on; charon has `patience` seconds for each answer."""
    charon = ViciCharon(paths.vici_uri, timeout=patience)
    swanctl = SwanctlProgram(paths.swanctl, paths.vici_uri)
    return Host(LocalFiles(), IpRoute2(), charon, Systemd(), paths, swanctl, alerts=ErrorNotify(paths.error_notify))
