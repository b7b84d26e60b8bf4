# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that make charon hold the wanted pools."""

from __future__ import annotations

from ..artifacts.pools import pools_named
from ..artifacts.values import Artifacts
from ..errors import Problem, ValidationError
from ..observed.values import Observed, ObservedDaemon
from .steps import Step


def plan_pools(wanted: Artifacts, observed: Observed, daemon: ObservedDaemon) -> tuple[list[Step], list[Step]]:
    """Return the steps that load pools, which come before the connections that use them, and those that remove some.

    charon does not show what it tells along with addresses, so that a pool of which nothing is proven is loaded again,
    which changes nothing where it is the same.
    """
    before = observed.stored.gateway.pools
    owned = before.keys() | daemon.pools.proven.keys()
    _refuse(wanted, observed, daemon, owned)
    digests = pools_named(wanted.pools)
    load = [
        Step("load", "pool", name)
        for name, digest in digests.items()
        if name not in daemon.pools.online or daemon.pools.proven.get(name) != digest
    ]
    gone = sorted((owned & daemon.pools.online.keys()) - wanted.pools.keys())
    return load, [Step("unload", "pool", name) for name in gone]


def _refuse(wanted: Artifacts, observed: Observed, daemon: ObservedDaemon, owned: set[str]) -> None:
    problems = []
    for name, tree in wanted.pools.items():
        online = daemon.pools.online.get(name)
        was = observed.stored.gateway.pools.get(name)
        if online is not None and name not in owned:
            problems.append(
                Problem(
                    f"pool {name}",
                    "name",
                    name,
                    "charon has a pool of this name that is not ours; choose another name, or remove the pool from its own "
                    "file under /etc/swanctl first",
                )
            )
        elif online and was is not None and was.addrs != tree["addrs"]:
            problems.append(
                Problem(
                    f"pool {name}",
                    "addrs",
                    tree["addrs"],
                    f"charon cannot change the addresses of a pool while peers have some of them, and {online} do; end "
                    "their tunnels first, or add another pool",
                )
            )
    if problems:
        raise ValidationError(problems)
