# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The type of every secret: it compares, it hashes, and it never shows itself."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Container

# Shorter ones are found by trying: 8 characters of a keyboard are 52 bits.
SHORTEST = 8


class Secret:
    """Hold a secret text whose `repr`, `str` and pickle-free copies show `***`; `reveal()` is the only way out."""

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text; call it only where the value is written to a 0600 file or sent to charon."""
        return self._text

    @property
    def _bytes(self) -> bytes:
        return self._text.encode("utf-8", "surrogateescape")

    @property
    def length(self) -> int:
        """Return the number of characters."""
        return len(self._text)

    def is_among(self, texts: Container[str]) -> bool:
        """Say whether the text is one of `texts`, which are in lower case."""
        return self._text.lower() in texts

    def keyed_hash(self, key: bytes, *context: str) -> str:
        """Return 16 hexadecimal digits (HMAC-SHA-256, truncated) over the value and `context`: proves equality, shows nothing."""
        message = "\0".join((self._text, *context)).encode("utf-8", "surrogateescape")
        return hmac.new(key, message, hashlib.sha256).hexdigest()[:16]

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._bytes, other._bytes)

    def __hash__(self) -> int:
        return hash(self._text)


# Takes the place of a secret that is not to be shown or is not known; files have its text where the secret would be.
LEFT_OUT = Secret("*** left out ***")
