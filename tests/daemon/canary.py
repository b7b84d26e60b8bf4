# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that are easy to find, however they are written, and the search for them in texts and files."""

from __future__ import annotations

import base64
import gzip
import stat
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# What every escaping changes: quotes for JSON, shells and YAML, a backslash, HTML's and URLs' own, no ASCII, Jinja's.
_ESCAPED = "\"'\\<&%+ \t$`é€😀 {x} "
_ENDS = ("0d9eHead", "4b1fTail")


@dataclass(frozen=True)
class Canary:
    """A secret whose two ends are letters and digits, which every escaping of text leaves as they are.

    So one search finds it as it is, in JSON, YAML, a repr, a shell's quotes, HTML, a URL, cut off at one side, and with
    what it has in its middle censored. Base64, hexadecimal and UTF-16 are looked for besides.
    """

    name: str

    @property
    def text(self) -> str:
        """Return the secret itself."""
        return f"{self.name}{_ENDS[0]}{_ESCAPED}{self.name}{_ENDS[1]}"

    def traces(self) -> Iterator[bytes]:
        """Yield what stands in any data that holds either end of the secret in one of the encodings."""
        for end in _ENDS:
            plain = f"{self.name}{end}".encode()
            yield plain
            yield plain.hex().encode()
            yield plain.decode().encode("utf-16-le")
            # Where base64 begins in a group of three is not known; its first and last characters hang on neighbours.
            for before in range(3):
                yield base64.b64encode(b"\0" * before + plain)[4 if before else 0 : -4]


class Search:
    """Looks for canaries in data; upper and lower case are the same to it."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self._traces = {trace.lower() for canary in canaries for trace in canary.traces()}

    def found_in(self, data: bytes | str) -> bool:
        """Say whether data, or what it unpacks to, holds one."""
        raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        for each in (raw, _unpacked(raw)):
            lower = each.lower()
            if any(trace in lower for trace in self._traces):
                return True
        return False

    def lines(self, text: str) -> list[str]:
        """Return the lines of a text that hold one."""
        return [line for line in text.splitlines() if self.found_in(line)]

    def files(self, *tops: Path) -> dict[Path, str]:
        """Return the files below `tops` that hold one, with their modes as octal digits."""
        return {
            path: f"{stat.S_IMODE(path.stat().st_mode):04o}"
            for top in tops
            for path in sorted(top.rglob("*"))
            if path.is_file() and not path.is_symlink() and self.found_in(path.read_bytes())
        }


def _unpacked(data: bytes) -> bytes:
    try:
        if data.startswith(b"\x1f\x8b"):
            return gzip.decompress(data)
        if data[:1] == b"\x78":
            return zlib.decompress(data)
    except (OSError, EOFError, zlib.error):
        pass
    return b""
