# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon holds of pools, and how far that can be proven to be what we gave it.

`get-pools` shows addresses and how many are in use, and nothing of attributes. So a record says what was loaded into which
start of charon; it is written around every load.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..artifacts.pools import pools_in_text
from ..drivers.charon import Charon, DaemonState
from ..drivers.files import Files, FileState
from ..drivers.paths import Paths
from .starts import was_there
from .values import ObservedPools


def observe_pools(charon: Charon, state: DaemonState, files: Files, paths: Paths) -> ObservedPools:
    """Read charon's pools; raises `DaemonUnavailable`."""
    online = {name: int(str(told.get("online", 0))) for name, told in charon.pools().items()}
    if not online:
        return ObservedPools()
    return ObservedPools(online, _proven(state, files.read(paths.pools_record), files.read(paths.connections_file)))


def _proven(state: DaemonState, record: FileState | None, file: FileState | None) -> dict[str, str]:
    noted = recorded_pools(record, state.start_id)
    if noted is not None:
        return noted
    if file is None or not was_there(file, state):
        return {}
    return _in_file(file)


def recorded_pools(record: FileState | None, start_id: str) -> dict[str, str] | None:
    """Return the digests of the pools that a record tells of this start of charon; None where it is about another one."""
    try:
        told: Any = json.loads(record.content) if record is not None else {}
        if start_id and told.get("start") == start_id:
            return {str(name): str(digest) for name, digest in told["pools"].items()}
    except (ValueError, KeyError, AttributeError):
        return {}
    return None


def _in_file(file: FileState) -> dict[str, str]:
    from ..artifacts.tokens import SettingsError

    try:
        return pools_in_text(file.content.decode("utf-8", "surrogateescape"))
    except SettingsError:
        return {}


def encode_pools(start_id: str, pools: Mapping[str, str]) -> bytes:
    """Return the record of the pools that were loaded into a start of charon, by their digests; empty: it may be anything."""
    return (json.dumps({"start": start_id, "pools": dict(pools)}, sort_keys=True) + "\n").encode()
