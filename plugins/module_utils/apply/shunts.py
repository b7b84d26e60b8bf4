# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading and removing shunts, ours and those that ours take the place of, and giving the latter back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from ..artifacts.values import Artifacts, Rest
from ..drivers.charon import DaemonRefused
from ..drivers.host import Host
from ..observed.values import Observed
from ..plan.steps import Step


def _load(step: Step, wanted: Artifacts, host: Host) -> None:
    host.charon.load_connection(step.key, wanted.shunts[step.key])
    if (step.key, step.name) not in host.charon.shunts():
        # charon takes the connection all the same, and the next one may drop what this one was to let through.
        raise DaemonRefused(
            "load-conn", step.key, "the kernel has not taken its policies; see 'journalctl -u strongswan'"
        )


def _install(step: Step, _wanted: Artifacts, host: Host) -> None:
    host.charon.install(ike=step.key, child=step.name)


def _uninstall(step: Step, _wanted: Artifacts, host: Host) -> None:
    host.charon.uninstall(ike=step.key, child=step.name)


def _unload(step: Step, _wanted: Artifacts, host: Host) -> None:
    host.charon.unload_connection(step.key)


SHUNT_ACTIONS: dict[tuple[str, str], Callable[[Step, Artifacts, Host], None]] = {
    ("load", "shunt"): _load,
    ("install", "shunt"): _install,
    ("uninstall", "shunt"): _uninstall,
    ("unload", "shunt"): _unload,
}


def shunts_to_give_back(rest: Rest, observed: Observed) -> dict[str, Any]:
    """Return what charon holds of shunts that it is to be rid of: connections as they are loaded, and single policies."""
    daemon = observed.daemon
    if daemon is None:
        return {}
    emptied = {name: tree for name, tree in rest.emptied.items() if name in daemon.connections}
    return {"shunts": [each for each in rest.shunts if each in daemon.shunts], "emptied": emptied}


def give_shunts_back(host: Host, manifest: Mapping[str, Any]) -> None:
    """Give charon back the shunts that it was rid of; ours go after that, so that they never were without policies."""
    emptied, shunts = manifest.get("emptied", {}), manifest.get("shunts", [])
    if not emptied and not shunts:
        return
    loaded = set(host.charon.connection_names())
    for name in sorted(emptied.keys() - loaded):
        host.charon.load_connection(name, emptied[name])
    shown = host.charon.connections(sorted({connection for connection, _child in shunts} & loaded)) if shunts else {}
    for connection, child in shunts:
        # One that somebody has taken out of its connection meanwhile is no longer in question.
        if child in shown.get(connection, {}).get("children", {}):
            host.charon.install(ike=connection, child=child)
