# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Block ciphers that older programs encrypt private keys with: Triple DES and RC2, backwards only (see `ciphers`).

Sources: FIPS 46-3, whose tables these are, and RFC 2268.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

from .ciphers import Block

_INITIAL = tuple(start - 8 * step for start in (58, 60, 62, 64, 57, 59, 61, 63) for step in range(8))
_FINAL = tuple(_INITIAL.index(number) + 1 for number in range(1, 65))
_PERMUTATION = (
    *(16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10),
    *(2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25),
)
_CHOICE_1 = (
    *(57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36),
    *(63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4),
)
_CHOICE_2 = (
    *(14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2),
    *(41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32),
)
_SHIFTS = (1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1)
_BOXES = (
    "e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d",
    "f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9",
    "a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c",
    "7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e",
    "2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453",
    "c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d",
    "4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c",
    "d2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b",
)
_MASK = 0xFFFFFFFF


def triple_des(key: bytes) -> Block:
    """Return the inverse of Triple DES (encrypt, decrypt, encrypt) with a key of 24 bytes."""
    first, second, third = (_des_keys(key[start : start + 8]) for start in (0, 8, 16))
    rounds = (*reversed(third), None, *second, None, *reversed(first))

    def decrypt(piece: bytes) -> bytes:
        both = _permuted(int.from_bytes(piece, "big"), 64, _INITIAL)
        left, right = both >> 32, both & _MASK
        for each in rounds:
            # Between two of the three, the final and the initial permutation undo each other, and the halves change places.
            left, right = (right, left) if each is None else (right, left ^ _mangled(right, each))
        return _permuted(right << 32 | left, 64, _FINAL).to_bytes(8, "big")

    return decrypt


def _permuted(value: int, width: int, table: Iterable[int]) -> int:
    """Return the bits of a value that a table names, counted from 1 at the left."""
    found = 0
    for place in table:
        found = found << 1 | value >> width - place & 1
    return found


def _des_keys(key: bytes) -> list[tuple[int, ...]]:
    """Return the 16 round keys, each as eight numbers of six bits."""
    both = _permuted(int.from_bytes(key, "big"), 64, _CHOICE_1)
    halves = [both >> 28, both & 0xFFFFFFF]
    found = []
    for shift in _SHIFTS:
        halves = [(half << shift | half >> 28 - shift) & 0xFFFFFFF for half in halves]
        bits = _permuted(halves[0] << 28 | halves[1], 56, _CHOICE_2)
        found.append(tuple(bits >> place & 0x3F for place in range(42, -6, -6)))
    return found


@functools.lru_cache(maxsize=1)
def _boxes() -> list[list[int]]:
    """Return what each S-box and the permutation after it make of six bits."""
    tables = []
    for number, box in enumerate(_BOXES):
        rows = [int(digit, 16) for digit in box]
        chosen = (rows[(six >> 4 & 2 | six & 1) * 16 + (six >> 1 & 0xF)] for six in range(64))
        tables.append([_permuted(four << 28 - 4 * number, 32, _PERMUTATION) for four in chosen])
    return tables


def _mangled(half: int, key: Sequence[int]) -> int:
    # Each box gets four bits and the neighbours of these on both sides.
    wide = (half & 1) << 33 | half << 1 | half >> 31
    found = 0
    for number, table in enumerate(_boxes()):
        found |= table[wide >> 28 - 4 * number & 0x3F ^ key[number]]
    return found


@functools.lru_cache(maxsize=1)
def _pi_table() -> bytes:
    """Return the permutation of RFC 2268, section 2, which is made of the digits of pi."""
    return bytes.fromhex(
        "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2"
        "179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82"
        "54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626"
        "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7"
        "08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec"
        "c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731"
        "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9"
        "0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad"
    )


def rc2(key: bytes) -> Block:
    """Return the inverse of RC2 with a key of 5 or 16 bytes, all of which count (RFC 2268)."""
    words = _rc2_keys(key)

    def decrypt(piece: bytes) -> bytes:
        r = [int.from_bytes(piece[place : place + 2], "little") for place in (0, 2, 4, 6)]
        at = 63
        for mixing in range(16):
            for i in (3, 2, 1, 0):
                turn = (1, 2, 3, 5)[i]
                r[i] = (r[i] >> turn | r[i] << 16 - turn) & 0xFFFF
                r[i] = r[i] - words[at] - (r[i - 1] & r[i - 2]) - (~r[i - 1] & r[i - 3]) & 0xFFFF
                at -= 1
            if mixing in (4, 10):
                for i in (3, 2, 1, 0):
                    r[i] = r[i] - words[r[i - 1] & 63] & 0xFFFF
        return b"".join(each.to_bytes(2, "little") for each in r)

    return decrypt


def _rc2_keys(key: bytes) -> list[int]:
    pi, length = _pi_table(), len(key)
    long = list(key)
    while len(long) < 128:
        long.append(pi[long[-1] + long[-length] & 0xFF])
    long[128 - length] = pi[long[128 - length]]
    for i in range(127 - length, -1, -1):
        long[i] = pi[long[i + 1] ^ long[i + length]]
    return [long[2 * i] | long[2 * i + 1] << 8 for i in range(64)]
