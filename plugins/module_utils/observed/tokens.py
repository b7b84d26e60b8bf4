# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon calls the keys on tokens that it was given, by the names of their sections.

It shows keys by their ids alone, and the id of one on a token is told when it is loaded. So a record keeps it; empty where
a run was stopped in between. charon's own start loads the same sections from our file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..drivers.files import FileState


def recorded_tokens(record: FileState | None) -> dict[str, str]:
    """Return the ids of keys by the names of their sections; nothing where there is no record, or a broken one."""
    try:
        told: Any = json.loads(record.content) if record is not None else {}
        return {str(section): str(key_id) for section, key_id in told.items()}
    except (ValueError, AttributeError):
        return {}


def encode_tokens(tokens: Mapping[str, str]) -> bytes:
    """Return the record for `recorded_tokens` to read."""
    return (json.dumps(dict(tokens), sort_keys=True) + "\n").encode()
