# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent as a service of this host: what it lives in, and that there is only one."""

from __future__ import annotations

import dataclasses

from ..artifacts import firewall as wanted_firewall
from ..artifacts import owned_secrets, references, settings, takeover, tokens
from ..desired.firewall import OURS
from ..desired.xfrm_interface import ROUTE_PROTOCOL
from ..drivers.calendar import SystemdCalendar
from ..drivers.charon import ViciCharon
from ..drivers.charon_news import ViciNews
from ..drivers.echoes import RawEchoes
from ..drivers.host import Host
from ..drivers.journal import SystemdJournal
from ..drivers.netlink import Netlink
from ..drivers.notify import SystemdNotify
from ..drivers.program import RunningFile
from ..drivers.resolver import Getent
from ..drivers.waking import Signals
from ..drivers.ways import KernelWays
from ..observed import by_hand, firewall
from ..plan import firewall as plan_firewall
from .loop import Agent
from .surroundings import Surroundings

# What others load when they need it. The file that all this is in may be replaced by a newer one, of which a part that is
# loaded late would make no sense; and the first switch shall not have to wait for it.
LOADED_NOW = (
    *(by_hand, firewall, owned_secrets, plan_firewall, references, settings, takeover, tokens, wanted_firewall),
)
# charon answers in milliseconds; checks of other tunnels wait meanwhile.
_PATIENCE_S = 2.0
# While it hangs, routes must move all the same.
_ENGINE_S = 5.0
# One that is being restarted is gone by then.
_OTHER_ENDS_S = 5.0


def serve(host: Host) -> None:
    """Be the host's agent until somebody asks it to stop; raises `LockBusy` where another one is."""
    with host.files.lock(host.paths.agent_lock, _OTHER_ENDS_S, "swanfleet agent"):
        uri, notify = host.paths.vici_uri, SystemdNotify()
        # A run may load many connections, and a silent name server holds each of them up.
        host = dataclasses.replace(host, charon=ViciCharon(uri, timeout=_ENGINE_S, obeyed=notify.alive))
        around = Surroundings(
            charon=ViciCharon(uri, timeout=_PATIENCE_S),
            charon_news=ViciNews(uri, timeout=_PATIENCE_S),
            kernel_news=Netlink(frozenset({ROUTE_PROTOCOL}), OURS),
            echoes=RawEchoes(),
            waking=Signals(),
            notify=notify,
            journal=SystemdJournal("swanfleet"),
            program=RunningFile(),
            calendar=SystemdCalendar(),
            ways=KernelWays(),
            lookups=Getent(),
        )
        try:
            Agent(host, around).run()
        finally:
            for each in (around.charon_news, around.kernel_news, around.echoes, around.waking, around.lookups):
                each.stop()
            around.charon.close()
            host.charon.close()
