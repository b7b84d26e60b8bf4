# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bit in a packet's mark that says that it may pass: who sets it, who takes it away, which rule of the host heeds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..desired.firewall import OURS
from .nft import NftRule, rule

# One bit, which a packet has from our chain to behind the host's own.
MARK = 0x02000000
# The host's own chains are at 0 ("filter"); ours come before them, and take the mark away after them.
BEFORE, AFTER = -10, 10
# What tells our rule in a chain of the host from the host's own.
COMMENT = OURS
_KEY: Mapping[str, Any] = {"meta": {"key": "mark"}}
_IS_MARKED: Mapping[str, Any] = {"match": {"op": "==", "left": {"&": [_KEY, MARK]}, "right": MARK}}
MARKING: Mapping[str, Any] = {"mangle": {"key": _KEY, "value": {"|": [_KEY, MARK]}}}
ACCEPTING: tuple[Mapping[str, Any], ...] = (_IS_MARKED, {"accept": None})


def unmark(chain: str) -> NftRule:
    """Return the rule that takes the mark away."""
    return rule(chain, _IS_MARKED, {"mangle": {"key": _KEY, "value": {"&": [_KEY, 0xFFFFFFFF ^ MARK]}}})
