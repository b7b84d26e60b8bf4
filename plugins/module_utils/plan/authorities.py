# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that make charon hold the wanted authorities."""

from __future__ import annotations

from ..artifacts.authorities import authority_name, says
from ..artifacts.values import Artifacts
from ..observed.values import ObservedDaemon
from .steps import Step


def plan_authorities(wanted: Artifacts, daemon: ObservedDaemon) -> tuple[list[Step], list[Step]]:
    """Return the steps that load authorities, before the connections whose peers they are about, and those that remove some."""
    load = [
        _step("load", section)
        for section, tree in wanted.authorities.items()
        if section not in daemon.authorities or not says(tree, daemon.authorities[section])
    ]
    gone = sorted(each for each in daemon.authorities if each not in wanted.authorities and authority_name(each))
    return load, [_step("unload", each) for each in gone]


def _step(verb: str, section: str) -> Step:
    return Step(verb, "authority", authority_name(section), key=section)
