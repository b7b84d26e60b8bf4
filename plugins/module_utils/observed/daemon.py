# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon holds, and how far that can be proven to be what we gave it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from ..drivers.charon import Charon, DaemonState
from ..drivers.files import Files, FileState
from ..drivers.paths import Paths
from .values import ObservedDaemon

# charon computes the time of its start anew for each answer, from two clocks in whole seconds, so that it is off by one
# now and then; and a file written within that time may be older or younger than the start.
_BLUR_S = 2.0


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
    the file with the connections; if that is the recorded one still, untouched since before the start, the record holds.
    """
    if record is None:
        return {}
    try:
        told: Any = json.loads(record.content)
        digests: dict[str, str] = dict(told["connections"])
        if _same_start(str(told["since"]), state.since):
            return digests
        same = file is not None and hashlib.sha256(file.content).hexdigest() == told["file"]
    except (ValueError, KeyError, TypeError):
        return {}
    if not same or file is None or file.modified + _BLUR_S > start_time(state.since):
        return {}
    return digests


def _same_start(one: str, other: str) -> bool:
    return one == other or (start_time(one) > 0 and abs(start_time(one) - start_time(other)) <= _BLUR_S)


def encode_record(since: str, file: bytes, digests: Mapping[str, str]) -> bytes:
    """Return the record of what was loaded into the start of charon named by `since`, for `loaded_digests` to read."""
    document = {"since": since, "file": hashlib.sha256(file).hexdigest(), "connections": dict(digests)}
    return (json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n").encode()


def start_time(since: str) -> float:
    """Return charon's start as seconds since the epoch, from `stats` (uptime.since, local time); 0 when unreadable."""
    try:
        return time.mktime(time.strptime(since, "%b %d %H:%M:%S %Y"))
    except ValueError:
        return 0.0
