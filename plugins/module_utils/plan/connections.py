# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that make charon hold the wanted connections and secrets, and its live SAs follow."""

from __future__ import annotations

from collections.abc import Set

from ..artifacts.connections import is_our_secret, secret_name
from ..artifacts.values import Artifacts
from ..errors import Problem, ValidationError
from ..observed.values import LiveSas, Observed, ObservedDaemon
from .authorities import plan_authorities
from .credentials import fresh_credentials
from .disruption import NONE, Change, outlook, put_on_standby
from .pools import plan_pools
from .shunts import plan_shunts
from .steps import Plan, Settlement, Step


def plan_daemon(wanted: Artifacts, observed: Observed, daemon: ObservedDaemon, live: LiveSas | None) -> Plan:
    """Return the steps at charon. Without `live` those of SAs are left out, and the plan names whose SAs it needs.

    All secrets come before the connections: what charon initiates while it loads shall find the new key, and only that.
    """
    owned = _owned(observed, daemon)
    _refuse_foreign(wanted, daemon, owned)
    fresh = sorted(wanted.shared.keys() - daemon.shared)
    stale = sorted(key for key in daemon.shared if key not in wanted.shared and is_our_secret(key))
    steps = [Step("load", "secret", secret_name(key), key=key) for key in fresh]
    steps += [Step("unload", "secret", secret_name(key), key=key) for key in stale]
    steps += [Step("unload", "secret", key, key=key) for key in wanted.taken_over.rest.secrets if key in daemon.shared]
    steps += fresh_credentials(wanted, daemon)
    add_authorities, drop_authorities = plan_authorities(wanted, daemon)
    add_pools, drop_pools = plan_pools(wanted, observed, daemon)
    add_shunts, drop_shunts = plan_shunts(wanted, daemon)
    steps += add_authorities + add_pools + add_shunts
    disruption: dict[str, str] = {}
    unsettled: list[str] = []
    outdated = {secret_name(key) for key in stale}
    replaced = {key for key in fresh if secret_name(key) in outdated}
    # Once, and not for each of thousands.
    held = daemon.connections | daemon.unloaded
    for name in wanted.connections:
        if name not in held:
            steps.append(Step("load", "connection", name))
            disruption[name] = NONE
    changes = _changes(wanted, daemon, held, owned, replaced)
    for change in changes:
        there = change.name in daemon.connections
        if live is None:
            unsettled.append(change.name)
            steps += _loading(change, None, there=there)
            continue
        told = outlook(change, live.get(change.name, ()))
        disruption[change.name] = told.disruption
        steps += _loading(change, told.settlement, there=there)
        if told.settlement is not None:
            steps.append(Step(told.verb, "sa", change.name, settlement=told.settlement))
    for name in sorted(_without_address(wanted, daemon) - {change.name for change in changes}):
        if live is None:
            unsettled.append(name)
        elif live.get(name):
            told = put_on_standby(live[name])
            disruption[name] = told.disruption
            steps.append(Step(told.verb, "sa", name, settlement=told.settlement))
    return Plan(tuple(steps + drop_shunts + drop_pools + drop_authorities), disruption, tuple(unsettled))


def _changes(
    wanted: Artifacts, daemon: ObservedDaemon, held: Set[str], owned: Set[str], replaced: Set[str]
) -> list[Change]:
    """Return every loaded connection that is to be another one, or has another secret; those that go last.

    `held` are the loaded ones, and those that a killed run has unloaded, for their SAs may be up.
    """
    found = []
    for name, parts in wanted.parts.items():
        if name not in held:
            continue
        loaded = daemon.loaded.get(name)
        new_key = not replaced.isdisjoint(wanted.secret_of.get(name, ()))
        if new_key or loaded is None or loaded.whole != parts.whole:
            role = wanted.resting.get(name)
            standby = role is not None and role.standby
            found.append(Change(name, loaded, parts, new_key, name in wanted.initiators, standby))
    gone = sorted((daemon.connections & owned | daemon.unloaded) - wanted.connections.keys())
    return found + [Change(name, daemon.loaded.get(name), None) for name in gone]


def _without_address(wanted: Artifacts, daemon: ObservedDaemon) -> Set[str]:
    """Return the loaded connections whose address this host has lost: no SA of theirs can go on, however it came up."""
    return {name for name, role in wanted.resting.items() if role.absent} & daemon.connections


def _loading(change: Change, settlement: Settlement | None, *, there: bool) -> list[Step]:
    """Return how charon is given a changed connection; where something is held, the last load belongs to the SAs' step.

    `there` says that charon has it loaded, so that there is something to unload.
    """
    unload = ("unload",) if there else ()
    if change.wanted is None:
        verbs: tuple[str, ...] = unload
    elif not change.loads:
        verbs = ()
    elif settlement is not None and settlement.held:
        verbs = unload if change.afresh else ("hold",)
    else:
        verbs = (*unload, "load") if change.afresh else ("reload",)
    held = settlement if settlement is not None and settlement.held else None
    return [Step(verb, "connection", change.name, settlement=held) for verb in verbs]


def _owned(observed: Observed, daemon: ObservedDaemon) -> Set[str]:
    """Return the names that this collection has loaded, or that a run of it which did not end may have."""
    return observed.stored.gateway.phase1.keys() | observed.stored.unfinished_connections | daemon.loaded.keys()


def _refuse_foreign(wanted: Artifacts, daemon: ObservedDaemon, owned: Set[str]) -> None:
    # The name of one that waits is claimed all the same: it would count as ours to unload, and with it its SAs would end.
    problems = [
        Problem(
            f"phase1 {name}",
            "name",
            name,
            "charon has a connection of this name that is not ours; choose another "
            "name, or remove the connection from its own file under /etc/swanctl first",
        )
        for name in (*wanted.connections, *wanted.waiting)
        if name in daemon.connections and name not in owned
    ]
    if problems:
        raise ValidationError(problems)
