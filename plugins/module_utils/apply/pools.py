# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading and removing pools, and the record of what charon holds of them."""

from __future__ import annotations

from ..artifacts.pools import pools_named, tree_digest
from ..artifacts.values import Artifacts
from ..drivers.host import Host
from ..observed.pools import encode_pools, recorded_pools
from ..observed.values import Observed
from ..plan.steps import Step


class Pools:
    """What this run knows of charon's pools; the record says at every moment no more than is true."""

    def __init__(self, observed: Observed, host: Host) -> None:
        self._host = host
        self._start = observed.daemon.state.start_id if observed.daemon is not None else ""
        noted = recorded_pools(host.files.read(host.paths.pools_record), self._start)
        proven = observed.daemon.pools.proven if observed.daemon is not None else {}
        self._known = dict(proven if noted is None else noted)

    def load(self, name: str, wanted: Artifacts) -> None:
        """Load a pool, or replace one of the same addresses."""
        self._note(name, "")
        self._host.charon.load_pool(name, wanted.pools[name])
        self._note(name, tree_digest(wanted.pools[name]))

    def unload(self, name: str) -> None:
        """Remove a pool from charon, which refuses that while peers have addresses of it."""
        self._note(name, "")
        self._host.charon.unload_pool(name)
        self._known.pop(name)
        self._write()

    def _note(self, name: str, digest: str) -> None:
        self._known[name] = digest
        self._write()

    def _write(self) -> None:
        self._host.files.replace(self._host.paths.pools_record, encode_pools(self._start, self._known), 0o600)


def perform_pools(group: list[Step], wanted: Artifacts, observed: Observed, host: Host) -> None:
    """Carry out steps of pools."""
    pools = Pools(observed, host)
    for step in group:
        if step.verb == "load":
            pools.load(step.name, wanted)
        else:
            pools.unload(step.name)


def record_pools(wanted: Artifacts, observed: Observed, host: Host) -> None:
    """Record the pools when all steps went through: the file that a start of charon read may be another one now."""
    if wanted.pools and observed.daemon is not None:
        content = encode_pools(observed.daemon.state.start_id, pools_named(wanted.pools))
        host.files.replace(host.paths.pools_record, content, 0o600)
    elif observed.stored.gateway.pools:
        host.files.remove(host.paths.pools_record)
