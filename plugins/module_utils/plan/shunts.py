# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that make charon hold the wanted shunts, with the policies that they are there for."""

from __future__ import annotations

from ..artifacts.shunts import shunt_name
from ..artifacts.values import Artifacts
from ..observed.values import ObservedDaemon
from .steps import Step


def plan_shunts(wanted: Artifacts, daemon: ObservedDaemon) -> tuple[list[Step], list[Step]]:
    """Return the steps that load shunts, before the connections whose traffic they are about, and those that remove some.

    A connection of this name says what is wanted. Its policies may be missing: charon takes a connection also when the kernel
    has refused them, and anybody may have had them uninstalled. What drops goes before what passes: that may be all that lets
    somebody in.
    """
    load = []
    for connection in wanted.shunts:
        name = shunt_name(connection)
        if connection not in daemon.connections:
            load.append(_step("load", connection))
        elif (connection, name) not in daemon.shunts:
            load.append(_step("install", connection))
    kept = wanted.shunts.keys() | wanted.connections.keys()
    gone = [each for each in daemon.connections if each not in kept and shunt_name(each)]
    passing = {connection for (connection, _child), mode in daemon.shunts.items() if mode == "PASS"}
    drop = [_step("unload", each) for each in sorted(gone, key=lambda name: (name in passing, name))]
    rest = wanted.taken_over.rest
    # Ours have taken their place. Connections with tunnels are not touched for that.
    drop += [Step("unload", "shunt", each, key=each) for each in rest.emptied if each in daemon.connections]
    drop += [Step("uninstall", "shunt", name, key=ike) for ike, name in rest.shunts if (ike, name) in daemon.shunts]
    return load, drop


def _step(verb: str, connection: str) -> Step:
    return Step(verb, "shunt", shunt_name(connection), key=connection)
