# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent says about fallbacks: which tunnel of each carries the traffic now."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ..drivers.files import FileState


def parse_roles(file: FileState | None) -> dict[str, str]:
    """Return the phase 1 in use by fallback; what cannot be read says nothing, so that the primary is in use."""
    try:
        told = json.loads(file.content) if file is not None else {}
    except ValueError:
        return {}
    if not isinstance(told, dict):
        return {}
    return {name: each for name, each in told.items() if isinstance(each, str)}


def encode_roles(in_use: Mapping[str, str]) -> bytes:
    """Return the file's content, for `parse_roles` to read: a JSON object, by fallback the phase 1 in use."""
    return (json.dumps(dict(in_use), sort_keys=True) + "\n").encode()
