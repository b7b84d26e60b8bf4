# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proposals of IKE and ESP: the algorithms that charon's keywords name, and what makes a combination complete."""

from __future__ import annotations

import functools
from typing import Any

from .options import Kind

_CCM_GCM = ("8", "12", "16", "64", "96", "128")
# charon cuts what it is given (vici_config.c, parse_proposal), and would take the rest of a keyword for another one.
_LONGEST = 511

CIPHERS: frozenset[str] = frozenset(
    ["3des", "des", "cast128", "null", "aes", "camellia", "blowfish"]
    + [f"{base}{bits}" for base in ("aes", "camellia") for bits in (128, 192, 256)]
    + [f"blowfish{bits}" for bits in (128, 192, 256)]
    + [f"{base}{bits}ctr" for base in ("aes", "camellia") for bits in (128, 192, 256)]
)
AEADS: frozenset[str] = frozenset(
    ["chacha20poly1305"]
    + [f"aes{bits}gcm{icv}" for bits in (128, 192, 256) for icv in _CCM_GCM]
    + [f"{base}{bits}ccm{icv}" for base in ("aes", "camellia") for bits in (128, 192, 256) for icv in _CCM_GCM]
    + [f"aes{bits}{mode}" for bits in (128, 192, 256) for mode in ("gcm", "ccm", "gmac")]
)
INTEGRITIES: frozenset[str] = frozenset(
    "md5 md5_128 sha sha1 sha1_160 aesxcbc aescmac camelliaxcbc "
    "sha256 sha2_256 sha256_96 sha2_256_96 sha384 sha2_384 sha512 sha2_512".split()
)
PRFS: frozenset[str] = frozenset(
    "prfmd5 prfsha1 prfsha256 prfsha384 prfsha512 prfaesxcbc prfaescmac prfcamelliaxcbc".split()
)
GROUPS: frozenset[str] = frozenset(
    "modp768 modp1024 modp1536 modp2048 modp3072 modp4096 modp6144 modp8192 modp1024s160 modp2048s224 modp2048s256 "
    "ecp192 ecp224 ecp256 ecp384 ecp521 ecp224bp ecp256bp ecp384bp ecp512bp "
    "curve25519 x25519 curve448 x448".split()
)
SEQUENCES: frozenset[str] = frozenset(("esn", "noesn"))
# They have no PRF of the same name, which charon would take (proposal.c, integ_prf_map).
_WITHOUT_PRF = frozenset(("sha256_96", "sha2_256_96"))
# They keep nothing secret, which is for ESP alone (RFC 7296, section 3.3.2; RFC 4543).
_OPEN = frozenset(("null", "aes128gmac", "aes192gmac", "aes256gmac"))

_ROLE: dict[str, str] = {
    **dict.fromkeys(CIPHERS, "cipher"),
    **dict.fromkeys(AEADS, "aead"),
    **dict.fromkeys(INTEGRITIES, "integrity"),
    **dict.fromkeys(PRFS, "prf"),
    **dict.fromkeys(GROUPS, "group"),
    **dict.fromkeys(SEQUENCES, "sequence"),
}

# The page recommends AES-256, SHA-256 and DH 16 as a minimum for phase 1, and GCM for phase 2; the curve is what modern
# peers prefer, and a peer that knows only DH 16 still agrees with the very same proposal.
DEFAULT_IKE = ("aes256-sha256-curve25519-modp4096",)
DEFAULT_ESP = ("aes256gcm16-curve25519-modp4096",)
DEFAULT_AH = ("sha256-curve25519-modp4096",)


def _roles(text: str) -> dict[str, str]:
    if len(text) > _LONGEST:
        raise ValueError(f"a proposal has at most {_LONGEST} characters, this one has {len(text)}: make two")
    roles: dict[str, str] = {}
    for token in text.split("-"):
        role = _ROLE.get(token)
        if role is None:
            raise ValueError(
                f"there is no algorithm '{token}'; write them joined by '-', such as aes256-sha256-modp4096"
            )
        roles.setdefault(role, token)
    if "cipher" in roles and "aead" in roles:
        raise ValueError(
            f"'{roles['aead']}' carries its own integrity and cannot be in one proposal with '{roles['cipher']}': "
            "make two proposals"
        )
    return roles


@functools.lru_cache(maxsize=4096)
def parse_ike_proposal(text: str) -> str:
    """Accept one IKE proposal in charon's keywords: an encryption, an integrity or PRF, and a DH group (RFC 7296, 3.3.3)."""
    text = text.strip().lower()
    roles = _roles(text)
    if not {"cipher", "aead"} & roles.keys():
        raise ValueError("an encryption algorithm is missing, such as aes256")
    tokens = set(text.split("-"))
    for token in sorted(tokens & _OPEN):
        raise ValueError(f"'{token}' does not encrypt, which IKE must")
    if "cipher" in roles and "integrity" not in roles:
        raise ValueError("an integrity algorithm is missing, such as sha256")
    if "prf" not in roles and not tokens & INTEGRITIES - _WITHOUT_PRF:
        beside = roles.get("integrity") or roles["aead"]
        raise ValueError(f"a PRF is missing beside '{beside}', such as prfsha256")
    if "group" not in roles:
        raise ValueError("a Diffie-Hellman group is missing, such as modp4096 or curve25519")
    if "sequence" in roles:
        raise ValueError(f"'{roles['sequence']}' belongs to phase 2")
    return text


@functools.lru_cache(maxsize=4096)
def parse_esp_proposal(text: str) -> str:
    """Accept one ESP proposal in charon's keywords: an encryption, integrity where it needs one, a group for PFS if wanted."""
    text = text.strip().lower()
    roles = _roles(text)
    if not {"cipher", "aead"} & roles.keys():
        raise ValueError("an encryption algorithm is missing, such as aes256gcm16")
    if "cipher" in roles and "integrity" not in roles:
        raise ValueError(f"'{roles['cipher']}' needs an integrity algorithm beside it, such as sha256")
    if "prf" in roles:
        raise ValueError(f"'{roles['prf']}' belongs to phase 1")
    return text


@functools.lru_cache(maxsize=4096)
def parse_ah_proposal(text: str) -> str:
    """Accept one AH proposal in charon's keywords: an integrity algorithm, a group for PFS if wanted (RFC 4302)."""
    text = text.strip().lower()
    roles = _roles(text)
    for role in ("cipher", "aead"):
        if role in roles:
            raise ValueError(f"'{roles[role]}' encrypts, which AH does not: leave it out")
    if "prf" in roles:
        raise ValueError(f"'{roles['prf']}' belongs to phase 1")
    if "integrity" not in roles:
        raise ValueError("an integrity algorithm is missing, such as sha256")
    return text


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is needed, such as aes256-sha256-modp4096")
    return value


IKE_PROPOSAL = Kind("str", lambda value: parse_ike_proposal(_text(value)))
ESP_PROPOSAL = Kind("str", lambda value: parse_esp_proposal(_text(value)))
AH_PROPOSAL = Kind("str", lambda value: parse_ah_proposal(_text(value)))
