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
# How many characters of a key are enough to tell it.
_PIECE = 12


@dataclass(frozen=True)
class Canary:
    """A secret whose two ends are letters and digits, which every escaping of text leaves as they are.

    So one search finds it as it is, in JSON, YAML, a repr, a shell's quotes, HTML, a URL, cut off at one side, and with
    what it has in its middle censored. Base64, hexadecimal and UTF-16 are looked for besides.
    """

    name: str
    ascii: bool = False

    @property
    def text(self) -> str:
        """Return the secret itself."""
        inside = "".join(each for each in _ESCAPED if each.isascii() or not self.ascii)
        return f"{self.name}{_ENDS[0]}{inside}{self.name}{_ENDS[1]}"

    def traces(self) -> Iterator[bytes]:
        """Yield what stands in any data that holds either end of the secret in one of the encodings."""
        for end in _ENDS:
            yield from _encodings(f"{self.name}{end}".encode())


@dataclass(frozen=True)
class KeyCanary:
    """A private key (PEM, PKCS #8, elliptic curve), of which only the secret number is looked for: the rest is public."""

    pem: str

    @property
    def text(self) -> str:
        """Return the key."""
        return self.pem

    def traces(self) -> Iterator[bytes]:
        """Yield what stands in data that holds a part of the number, in binary or as a part of the PEM text."""
        # The lab runs this file on gateways, which lack the library and look for texts alone.
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = serialization.load_pem_private_key(self.pem.encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        number = key.private_numbers().private_value.to_bytes(32, "big")
        body = "".join(self.pem.splitlines()[1:-1])
        begin = base64.b64decode(body).index(number)
        for half in (number[:16], number[16:]):
            yield from _encodings(half)
        # Whole groups of four characters, in pieces that no line break of 64 characters divides.
        first, last = -(-begin // 3) * 4, (begin + len(number)) // 3 * 4
        for piece in (body[max(first, line) : min(last, line + 64)] for line in range(0, len(body), 64)):
            if len(piece) >= _PIECE:
                yield from _encodings(piece[:_PIECE].encode())


def _encodings(plain: bytes) -> Iterator[bytes]:
    yield plain
    yield plain.hex().encode()
    yield plain.decode("latin-1").encode("utf-16-le")
    # Where base64 begins in a group of three is not known; its first and last characters hang on neighbours.
    for before in range(3):
        yield base64.b64encode(b"\0" * before + plain)[4 if before else 0 : -4]


class Search:
    """Looks for canaries in data; upper and lower case are the same to it."""

    def __init__(self, canaries: Iterable[Canary | KeyCanary]) -> None:
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
