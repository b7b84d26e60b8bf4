# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ciphers give back what their standards' examples say; tests/daemon/test_locked_keys.py compares them with OpenSSL's."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.ciphers import Block, aes, decrypted_cbc
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.old_ciphers import rc2, triple_des

COUNTED = bytes(range(32))
DES_KEY = bytes.fromhex("133457799bbcdff1")


@pytest.mark.parametrize(
    ("block", "encrypted", "plain"),
    [
        # FIPS 197, appendix C.
        pytest.param(aes(COUNTED[:16]), "69c4e0d86a7b0430d8cdb78070b4c55a", "00112233445566778899aabbccddeeff", id="AES-128"),
        pytest.param(aes(COUNTED[:24]), "dda97ca4864cdfe06eaf70a0ec0d7191", "00112233445566778899aabbccddeeff", id="AES-192"),
        pytest.param(aes(COUNTED), "8ea2b7ca516745bfeafc49904b496089", "00112233445566778899aabbccddeeff", id="AES-256"),
        # With three equal keys it is DES, of which this example is well known.
        pytest.param(triple_des(DES_KEY * 3), "85e813540f0ab405", "0123456789abcdef", id="DES"),
        # NIST SP 800-67, appendix B.1.
        pytest.param(triple_des(bytes.fromhex("0123456789abcdef23456789abcdef01456789abcdef0123")), "a826fd8ce53b855f",
                     "5468652071756663", id="Triple DES"),
        # RFC 2268, section 5: of the keys whose bits all count.
        pytest.param(rc2(bytes.fromhex("88bca90e90875a7f0f79c384627bafb2")), "2269552ab0f85ca6", "00" * 8, id="RC2-128"),
    ],
)  # fmt: skip
def test_a_block_is_decrypted_as_the_standard_says(block: Block, encrypted: str, plain: str) -> None:
    assert block(bytes.fromhex(encrypted)).hex() == plain


def unchanged(piece: bytes) -> bytes:
    return piece


@pytest.mark.parametrize(
    ("data", "plain"),
    [
        (b"\x08" * 8, b""),
        (b"seven b\x01", b"seven b"),
        (b"8 bytes " + b"\x08" * 8, b"8 bytes " + b""),
    ],
)
def test_padding_is_taken_off(data: bytes, plain: bytes) -> None:
    # Each block is combined with the one before it.
    chained, before = b"", bytes(8)
    for start in range(0, len(data), 8):
        before = bytes(a ^ b for a, b in zip(data[start : start + 8], before))  # noqa: B905  # Python 3.9 has no strict
        chained += before
    assert decrypted_cbc(unchanged, chained, initial=bytes(8)) == plain


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "no whole blocks"), (b"x" * 9, "no whole blocks"), (b"x" * 7 + b"\0", "no padding"),
        (b"x" * 7 + b"\x09", "no padding"), (b"xxxxxx\x03\x02", "no padding"),
    ],
)  # fmt: skip
def test_what_is_not_padded_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        decrypted_cbc(unchanged, data, initial=bytes(8))
