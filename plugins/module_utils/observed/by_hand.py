# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that people wrote for swanctl, as they lie on the host: what `include` finds, and all beside our own."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Callable, Mapping, Sequence

from ..artifacts.takeover import HandWritten
from ..drivers.files import Files
from ..drivers.host import Host

Include = Callable[[str], Sequence["tuple[str, str]"]]


def including(files: Files, notes: list[str]) -> Include:
    """Return what follows the patterns of `include` on this host; patterns that match nothing are noted.

    What it returns raises `ValueError` for a file that is named and is not there: swanctl would read nothing at all.
    """

    def include(pattern: str) -> Sequence[tuple[str, str]]:
        paths = files.matching(pattern)
        if not paths:
            if not set(pattern) & set("*?["):
                raise ValueError("there is no such file on this host")
            notes.append(f"include {pattern}: no file on this host matches")
        found = ((posixpath.normpath(path), files.read(path)) for path in paths)
        return [(path, file.content.decode("utf-8", "surrogateescape")) for path, file in found if file is not None]

    return include


def read_by_hand(host: Host, instead: Mapping[str, str] | None = None) -> HandWritten:
    """Read `swanctl.conf` with all that it includes, each file once; ours are found, there or not, and not read.

    `instead` are texts of files as they will be again. Raises `SettingsError` for a text that swanctl would not read.
    """
    main, ours = host.paths.swanctl_conf, frozenset(host.paths.managed.values())
    other = dict(instead or {})
    there = host.files.read(main)
    texts = {} if there is None else {main: there.content.decode("utf-8", "surrogateescape")}
    texts.update((path, text) for path, text in other.items() if path == main)
    find = including(host.files, [])

    def include(pattern: str) -> Sequence[tuple[str, str]]:
        more = [path for path in (*ours, *other) if _matches(path, posixpath.normpath(pattern))]
        found = {} if more and not host.files.matching(pattern) else dict(find(pattern))
        found.update({path: "" if path in ours else other[path] for path in more})
        return [
            (path, "" if path in ours else texts.setdefault(path, text))
            for path, text in sorted(found.items(), key=lambda pair: pair[0].encode("utf-8", "surrogateescape"))
        ]

    hand = HandWritten(main, texts, ours, include)
    hand.parsed({})
    return hand


def _matches(path: str, pattern: str) -> bool:
    """Say whether a shell pattern matches a path, as glob(3) does: nothing special matches a slash, or a dot in front."""
    names, parts = path.split("/"), pattern.split("/")
    return len(names) == len(parts) and all(
        fnmatch.fnmatchcase(name, part) and (part[:1] == "." or name[:1] != ".")
        for name, part in zip(names, parts)  # Python 3.9 has no strict
    )
