# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Block ciphers in CBC, as far as opening a file with a private key needs them: backwards only. AES is here.

Python's standard library has none, and a target needs nothing beside it. They open what lies in a file that root alone
can read, by a passphrase that lies beside it: nothing here protects anything, and how long it takes tells nobody anything.
Source: FIPS 197.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Callable

Block = Callable[[bytes], bytes]


def decrypted_cbc(block: Block, data: bytes, *, initial: bytes) -> bytes:
    """Return what CBC has made `data` of, its padding (RFC 8018, section 6.1.1) taken off; `block` decrypts one block.

    Raises `ValueError` where that is no padding: another key, or damaged data.
    """
    size = len(initial)
    if not data or len(data) % size:
        raise ValueError("the data are no whole blocks")
    parts = []
    for start in range(0, len(data), size):
        piece = data[start : start + size]
        plain = int.from_bytes(block(piece), "big") ^ int.from_bytes(initial, "big")
        parts.append(plain.to_bytes(size, "big"))
        initial = piece
    whole = b"".join(parts)
    count = whole[-1]
    if not 1 <= count <= size or whole[-count:] != bytes((count,)) * count:
        raise ValueError("the data end in no padding")
    return whole[:-count]


def aes(key: bytes) -> Block:
    """Return the inverse of AES with a key of 16, 24 or 32 bytes (FIPS 197, section 5.3.5)."""
    _substitute, back, mixed = _aes_tables()
    keys = _aes_keys(key)
    final, *middle = keys
    middle, first = middle[:-1], middle[-1]

    def decrypt(piece: bytes) -> bytes:
        state = [int.from_bytes(piece[4 * i : 4 * i + 4], "big") ^ first[i] for i in range(4)]
        for words in reversed(middle):
            state = [
                mixed[0][state[i] >> 24]
                ^ mixed[1][state[i - 1] >> 16 & 0xFF]
                ^ mixed[2][state[i - 2] >> 8 & 0xFF]
                ^ mixed[3][state[i - 3] & 0xFF]
                ^ words[i]
                for i in range(4)
            ]
        shifted = (
            back[state[i] >> 24] << 24
            | back[state[i - 1] >> 16 & 0xFF] << 16
            | back[state[i - 2] >> 8 & 0xFF] << 8
            | back[state[i - 3] & 0xFF]
            for i in range(4)
        )
        return b"".join((word ^ final[i]).to_bytes(4, "big") for i, word in enumerate(shifted))

    return decrypt


def _aes_keys(key: bytes) -> list[list[int]]:
    """Return the round keys, those between the first and the last through the inverse of MixColumns."""
    substitute, _back, mixed = _aes_tables()
    length = len(key) // 4
    words = [int.from_bytes(key[4 * i : 4 * i + 4], "big") for i in range(length)]
    constant = 1
    for i in range(length, 4 * (length + 7)):
        word = words[-1]
        if i % length == 0:
            word = _substituted(substitute, (word << 8 | word >> 24) & 0xFFFFFFFF) ^ constant << 24
            constant = _doubled(constant)
        elif length > 6 and i % length == 4:
            word = _substituted(substitute, word)
        words.append(words[-length] ^ word)
    rounds = [words[i : i + 4] for i in range(0, len(words), 4)]
    for each in rounds[1:-1]:
        each[:] = [
            functools.reduce(int.__xor__, (mixed[n][substitute[word >> 24 - 8 * n & 0xFF]] for n in range(4)))
            for word in each
        ]
    return rounds


def _substituted(table: Sequence[int], word: int) -> int:
    return sum(table[word >> shift & 0xFF] << shift for shift in (24, 16, 8, 0))


def _doubled(value: int) -> int:
    return value << 1 ^ (0x11B if value & 0x80 else 0)


@functools.lru_cache(maxsize=1)
def _aes_tables() -> tuple[list[int], list[int], list[list[int]]]:
    """Return the S-box, its inverse, and for each byte of a column what the last two inverse steps make of it."""
    powers, logs = [0] * 255, [0] * 256
    value = 1
    for i in range(255):
        powers[i], logs[value] = value, i
        value ^= _doubled(value)  # times 3, which generates the field
    substitute, back = [0] * 256, [0] * 256
    for i in range(256):
        inverse = powers[-logs[i] % 255] if i else 0
        rotated = inverse * 0x101
        box = inverse ^ rotated >> 7 ^ rotated >> 6 ^ rotated >> 5 ^ rotated >> 4
        substitute[i] = box & 0xFF ^ 0x63
        back[substitute[i]] = i

    def times(one: int, other: int) -> int:
        return powers[(logs[one] + logs[other]) % 255] if one and other else 0

    column = [[times(back[i], factor) for factor in (14, 9, 13, 11)] for i in range(256)]
    mixed = [[sum(each[(row - byte) % 4] << 24 - 8 * row for row in range(4)) for each in column] for byte in range(4)]
    return substitute, back, mixed
