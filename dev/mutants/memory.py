# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What earlier runs found: which test noticed a mutant, so that it is tried first the next time, and what survived."""

from __future__ import annotations

import json
from pathlib import Path

from page import SURVIVED, Key, Verdict


class Memory:
    """The last verdict on each mutant, kept in a file that grows with each: a run may be interrupted."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._found: dict[Key, tuple[str, str]] = {}
        if file.exists():
            for line in file.read_text().splitlines():
                *key, ended, by = json.loads(line)
                self._found[key[0], key[1], key[2]] = ended, by
            self._rewrite()

    def note(self, verdict: Verdict) -> None:
        """Remember a verdict."""
        self._found[verdict.mutant.key] = verdict.ended, verdict.by
        with self._file.open("a") as file:
            file.write(json.dumps([*verdict.mutant.key, verdict.ended, verdict.by]) + "\n")

    def noticed_by(self, key: Key) -> str:
        """Return the test that noticed a mutant, empty when none did or nobody knows."""
        return self._found.get(key, ("", ""))[1]

    def survivors(self) -> set[Key]:
        """Return the mutants that survived when they last ran."""
        return {key for key, (ended, _by) in self._found.items() if ended == SURVIVED}

    def _rewrite(self) -> None:
        rows = [json.dumps([*key, *found]) for key, found in self._found.items()]
        self._file.write_text("".join(f"{row}\n" for row in rows))
