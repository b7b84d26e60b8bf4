# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every way to a plan shares: allotted numbers, and live SAs where the plan depends on them."""

from __future__ import annotations

import dataclasses

from ..artifacts.values import Artifacts
from ..desired.gateway import Gateway
from ..desired.situation import Situation, allot_if_ids
from ..drivers.host import Host
from ..observed.sas import live_sas
from ..observed.values import Observed
from ..plan.difference import plan
from ..plan.steps import Plan


def with_numbers(observed: Observed, gateway: Gateway) -> Situation:
    """Return the situation with an `if_id` for every XFRM interface of the gateway."""
    foreign = {link.if_id for link in observed.links.values() if link.kind == "xfrm" and not link.ours}
    return dataclasses.replace(observed.situation, if_ids=allot_if_ids(gateway, observed.stored.if_ids, foreign))


def planned(host: Host, wanted: Artifacts, observed: Observed) -> Plan:
    """Return the plan; live SAs are only asked for where it touches connections that charon has loaded."""
    first = plan(wanted, observed)
    return plan(wanted, observed, live_sas(host.charon.sas(first.unsettled))) if first.unsettled else first
