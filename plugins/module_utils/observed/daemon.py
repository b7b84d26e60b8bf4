# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon holds, and how far that can be proven to be what we gave it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..artifacts.parts import parts_from_data, parts_in_text
from ..artifacts.values import Parts
from ..drivers.charon import Charon, DaemonState
from ..drivers.files import Files, FileState
from ..drivers.paths import Paths
from .pools import observe_pools
from .starts import was_there
from .tokens import recorded_tokens
from .values import ObservedDaemon


def observe_daemon(charon: Charon, files: Files, paths: Paths) -> ObservedDaemon:
    """Read charon's state, names, secrets, keys and certificates; raises `DaemonUnavailable`."""
    state = charon.state()
    names = frozenset(charon.connection_names())
    record, journal = files.read(paths.loaded_record), files.read(paths.journal)
    proven = loaded_parts(state, record, files.read(paths.connections_file), journal)
    return ObservedDaemon(
        state=state,
        connections=names,
        loaded={name: parts for name, parts in proven.items() if name in names},
        shared=frozenset(charon.shared_ids()),
        unloaded=left_open(record, journal) - names,
        keys=frozenset(charon.key_ids()),
        certificates=frozenset(_sha(data) for _kind, data in charon.certificates()),
        pools=observe_pools(charon, state, files, paths),
        authorities=charon.authorities(),
        shunts=charon.shunts(),
        tokens=recorded_tokens(files.read(paths.tokens_record)),
    )


def loaded_parts(
    state: DaemonState, record: FileState | None, file: FileState | None, journal: FileState | None
) -> dict[str, Parts]:
    """Return the parts of what is loaded, by connection, as far as they can be proven.

    `list-conns` hides most keys, so a record says what was loaded into which start of charon, and a journal beside it
    which connections a run has touched since that never came to its end. Where the file is another one than the recorded,
    somebody has changed it by hand and may have told charon, so that what differs in it is uncertain. A later start has
    loaded the file, if that is untouched since before the start.
    """
    recorded = _recorded(record)
    if recorded is not None and state.start_id and recorded.start == state.start_id:
        if journal is not None and journal.content.startswith(journal_head(record)):
            return _journalled(journal, record, recorded.loaded)
        if file is None or recorded.file in ("", _sha(file.content)):
            return recorded.loaded
        by_hand = _in_file(file)
        return {name: parts for name, parts in recorded.loaded.items() if by_hand is None or by_hand.get(name) == parts}
    if file is None or not was_there(file, state):
        return {}
    if recorded is not None and _sha(file.content) == recorded.file:
        return recorded.loaded
    return _in_file(file) or {}


@dataclass(frozen=True)
class _Record:
    """What `encode_record` has written."""

    start: str
    file: str
    loaded: dict[str, Parts]


def _recorded(record: FileState | None) -> _Record | None:
    try:
        told: Any = json.loads(record.content) if record is not None else None
        loaded = {str(name): parts_from_data(data) for name, data in told["connections"].items()}
        return _Record(str(told["start"]), str(told["file"]), loaded)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _in_file(file: FileState) -> dict[str, Parts] | None:
    """Return what a file says; None for one that swanctl does not read, and so unloads everything."""
    from ..artifacts.tokens import SettingsError

    try:
        return parts_in_text(file.content.decode("utf-8", "surrogateescape"))
    except SettingsError:
        return None


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def encode_record(start_id: str, file: bytes | None, loaded: Mapping[str, Parts]) -> bytes:
    """Return the record of what was loaded into the start of charon named by `start_id`, for `loaded_parts` to read.

    `file` is the file that holds the same, which a later start of charon loads; None where none does.
    """
    document = {
        "start": start_id,
        "file": "" if file is None else _sha(file),
        "connections": {name: parts.as_data() for name, parts in loaded.items()},
    }
    return (json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n").encode()


def record_without(content: bytes, names: Iterable[str]) -> bytes:
    """Return a record that says nothing of some connections; one that cannot be read stays as it is."""
    try:
        document = json.loads(content)
        document["connections"] = {
            name: each for name, each in document["connections"].items() if name not in set(names)
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return content
    return (json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n").encode()


def journal_head(record: FileState | None) -> bytes:
    """Return the first line of a journal: which record it belongs to. Beside another record it says nothing."""
    return hashlib.sha256(record.content if record is not None else b"").hexdigest().encode() + b"\n"


def journal_begun(names: Iterable[str]) -> bytes:
    """Return the line that says that what charon holds of these connections is uncertain from now on."""
    return (json.dumps(sorted(names)) + "\n").encode()


def journal_done(loaded: Mapping[str, Parts | None]) -> bytes:
    """Return the line that says what charon holds of these connections now, and that their SAs follow it."""
    told = {name: parts.as_data() if parts is not None else None for name, parts in loaded.items()}
    return (json.dumps(told, sort_keys=True, separators=(",", ":")) + "\n").encode()


def left_open(record: FileState | None, journal: FileState | None) -> frozenset[str]:
    """Return the connections that a run has begun to change and not come to an end with."""
    names: set[str] = set()
    for told in _journal_lines(record, journal):
        names = names - told.keys() if isinstance(told, dict) else names | set(told)
    return frozenset(names)


def _journalled(journal: FileState, record: FileState | None, recorded: Mapping[str, Parts]) -> dict[str, Parts]:
    """Return the recorded parts as a run has changed them since; without those of which it did not come to know."""
    loaded = dict(recorded)
    for told in _journal_lines(record, journal):
        for name in told:
            loaded.pop(name, None)
        if isinstance(told, dict):
            loaded.update((name, parts_from_data(data)) for name, data in told.items() if data is not None)
    return loaded


def _journal_lines(record: FileState | None, journal: FileState | None) -> Iterator[Any]:
    """Yield the lines of the journal that belongs to a record: lists of names that were begun, mappings of those done."""
    head = journal_head(record)
    if journal is None or not journal.content.startswith(head):
        return
    for line in journal.content[len(head) :].splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            # Torn: the run died while it wrote the line, before it did anything else.
            return
