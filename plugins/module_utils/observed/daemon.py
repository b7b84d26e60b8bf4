# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon holds, and how far that can be proven to be what we gave it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ..drivers.charon import Charon, DaemonState
from ..drivers.files import Files, FileState
from ..drivers.paths import Paths
from .values import ObservedDaemon

# The kernel counts a process's start in ticks of 10 ms, and its own file times in ticks of up to 4 ms.
_TICK_S = 0.02


def observe_daemon(charon: Charon, files: Files, paths: Paths) -> ObservedDaemon:
    """Read charon's state, names and secrets; raises `DaemonUnavailable`."""
    state = charon.state()
    names = frozenset(charon.connection_names())
    digests = loaded_digests(state, files.read(paths.loaded_record), files.read(paths.connections_file))
    return ObservedDaemon(
        state=state,
        connections=names,
        digests={name: digest for name, digest in digests.items() if name in names},
        shared=frozenset(charon.shared_ids()),
    )


def loaded_digests(state: DaemonState, record: FileState | None, file: FileState | None) -> dict[str, str]:
    """Return the digests of what is loaded, by connection, as far as they can be proven.

    `list-conns` hides most keys, so a record says what was loaded into which start of charon. A later start has loaded
    the file with the connections; if that is the recorded one still, untouched since before the start, the record holds,
    but for what an unfinished run may have loaded into the recorded start.
    """
    if record is None:
        return {}
    try:
        told: Any = json.loads(record.content)
        digests: dict[str, str] = dict(told["connections"])
        if state.start_id and told["start"] == state.start_id:
            return digests
        same = file is not None and hashlib.sha256(file.content).hexdigest() == told["file"]
    except (ValueError, KeyError, TypeError):
        return {}
    if not same or file is None or file.modified + _TICK_S > state.started:
        return {}
    return {name: digest for name, digest in digests.items() if digest}


def encode_record(start_id: str, file: bytes, digests: Mapping[str, str]) -> bytes:
    """Return the record of what was loaded into the start of charon named by `start_id`, for `loaded_digests` to read."""
    document = {"start": start_id, "file": hashlib.sha256(file).hexdigest(), "connections": dict(digests)}
    return (json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n").encode()
