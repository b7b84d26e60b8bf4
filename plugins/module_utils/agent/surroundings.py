# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent lives in beside the host: who tells it something, and whom it tells."""

from __future__ import annotations

from dataclasses import dataclass

from ..drivers.calendar import Calendar
from ..drivers.charon import Charon
from ..drivers.charon_news import CharonNews
from ..drivers.echoes import Echoes
from ..drivers.journal import Journal
from ..drivers.netlink import KernelNews
from ..drivers.notify import Notify
from ..drivers.program import Program
from ..drivers.resolver import Lookups
from ..drivers.waking import Waking
from ..drivers.ways import Ways


@dataclass(frozen=True)
class Surroundings:
    """What the agent lives in, beside the host itself. `charon` is a client that gives up soon."""

    charon: Charon
    charon_news: CharonNews
    kernel_news: KernelNews
    echoes: Echoes
    waking: Waking
    notify: Notify
    journal: Journal
    program: Program
    calendar: Calendar
    ways: Ways
    lookups: Lookups
