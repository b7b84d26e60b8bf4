# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between two gateways, by the names of options."""

from __future__ import annotations

from typing import Any

from .gateway import Gateway
from .options import options_of


def changed_options(before: Gateway, after: Gateway, name: str) -> list[str]:
    """Return the options of a phase 1 and its phase 2s that differ, as "lifetime" or "lan.proposals"; objects added or gone not."""
    found = _different(before.phase1.get(name), after.phase1.get(name))
    for key in sorted(before.phase2.keys() & after.phase2.keys()):
        child = after.phase2[key]
        if child.phase1 == name:
            found += [f"{child.name}.{option}" for option in _different(before.phase2[key], child)]
    return found


def _different(was: Any, becomes: Any) -> list[str]:
    if was is None or becomes is None:
        return []
    return [opt.name for opt in options_of(type(was)) if getattr(was, opt.name) != getattr(becomes, opt.name)]
