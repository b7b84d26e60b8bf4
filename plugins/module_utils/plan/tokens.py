# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that make charon have the wanted keys on tokens, and no others of ours."""

from __future__ import annotations

from ..artifacts.key_sections import token_name
from ..artifacts.values import Artifacts
from ..observed.values import ObservedDaemon
from .steps import Step


def fresh_tokens(wanted: Artifacts, daemon: ObservedDaemon) -> list[Step]:
    """Return the steps that load what charon does not hold; another place or PIN is another section."""
    return [
        Step("load", "token", each.name, key=section)
        for section, each in wanted.tokens.items()
        if daemon.tokens.get(section) not in daemon.keys
    ]


def stale_tokens(wanted: Artifacts, daemon: ObservedDaemon) -> list[Step]:
    """Return the steps that take back the keys of sections which are not wanted any more."""
    gone = sorted(daemon.tokens.keys() - wanted.tokens.keys())
    return [Step("unload", "token", token_name(section), key=section) for section in gone]
