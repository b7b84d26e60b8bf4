# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a run: from wanted artifacts and an observed host to ordered steps."""

from __future__ import annotations

from ..artifacts.values import Artifacts
from ..observed.values import Carrying, LiveSas, Observed
from .connections import plan_daemon
from .credentials import stale_credentials
from .following import followed, silenced
from .guard import plan_guard
from .kernel import plan_links
from .links import renewed_numbers, tunnels_of, with_links
from .steps import Plan, Step
from .uplinks import plan_uplinks


def plan(wanted: Artifacts, observed: Observed, live: LiveSas | None = None, carrying: Carrying | None = None) -> Plan:
    """Return the steps from the host as observed to the wanted artifacts.

    The order keeps every moment safe: files first (they are the truth that charon's next start reads), links before the
    connections that need them, secrets before connections, removals last, in the opposite order. What the firewall lets
    through and stops comes before all of it, and goes after all of it; the guard's routes and policies come before links, and
    what sends packets by uplinks after them.
    Without a daemon only files and links are planned. `live` are the SAs of the connections that a plan without them
    calls `unsettled`. `carrying` decides about links that follow their tunnels; where it is not told, they stay as they are.
    """
    steps = _files(wanted, observed)
    build, remove = plan_links(followed(wanted.links, observed.links, carrying), observed.links)
    at_charon = Plan() if observed.daemon is None else plan_daemon(wanted, observed, observed.daemon, live)
    disruption, unsettled = at_charon.disruption, at_charon.unsettled
    if observed.daemon is not None:
        cut = tunnels_of(renewed_numbers(build, observed.links), wanted, observed.daemon)
        silent = observed.daemon.connections & silenced(wanted.links, observed.links).keys()
        touched = dict.fromkeys((*cut, *sorted(silent)))
        unsettled += tuple(name for name in touched if live is None and name not in unsettled)
        disruption = {**disruption, **with_links(touched, silent, disruption, live or {})}
    remove += stale_credentials(wanted, observed)
    guarded, freed = plan_guard(wanted.guard, observed.guard)
    routed, unrouted = plan_uplinks(wanted.uplinks, observed.uplinks)
    build, remove = guarded + build + routed, remove + unrouted + freed
    if observed.firewall is not None:
        from .firewall import plan_firewall

        opened, closed = plan_firewall(wanted.firewall, observed.firewall)
        steps, remove = opened + steps, remove + closed
    return Plan(tuple(steps + build) + at_charon.steps + tuple(remove), disruption, unsettled)


def _files(wanted: Artifacts, observed: Observed) -> list[Step]:
    steps = []
    for role, file in sorted(wanted.files.items(), reverse=True):
        present = observed.files.get(role)
        if not file.needed:
            steps += [Step("remove", "file", role)] * (present is not None)
        elif present is None or present.content != file.encoded or present.mode != file.mode:
            steps.append(Step("write", "file", role))
    # Ours first: where both say the same for a moment, swanctl sees one connection.
    rest = sorted(wanted.taken_over.rest.texts.items())
    steps += [Step("edit", "file", path) for path, text in rest if text is not None]
    steps += [Step("move aside", "file", path) for path, text in rest if text is None]
    return steps
