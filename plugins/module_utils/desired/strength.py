# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that anybody would guess: told in a warning, never refused, for the peer may leave no choice."""

from __future__ import annotations

from collections.abc import Iterator

from .gateway import Gateway
from .phase1 import Phase1
from .secret import SHORTEST

_MOST = 5
_ADVICE = (
    "whoever can answer in the peer's place can find it by trying; "
    "take 32 random bytes, as 'openssl rand -base64 32' prints them"
)


def weak_keys(gateway: Gateway) -> list[str]:
    """Return a sentence for each pre-shared key that is certainly weak, at most five and one for the rest.

    Who answers an initiator in the peer's place gets all that is needed to try keys at home (RFC 7296, section 2.15). A key
    is certainly weak when it is shorter than `SHORTEST`, or is itself a name, an address or an identity of the gateway.
    """
    public = {text.lower() for item in gateway.phase1.values() for text in _public(item)}
    found = []
    for _name, item in sorted(gateway.phase1.items()):
        key = item.shared_key
        if key is not None and key.length < SHORTEST:
            found.append(f"{item.where}: psk has fewer than {SHORTEST} characters: {_ADVICE}")
        elif key is not None and key.is_among(public):
            found.append(f"{item.where}: psk is a name, an address or an identity of this gateway: {_ADVICE}")
    if len(found) > _MOST:
        found[_MOST:] = [f"the pre-shared keys of {len(found) - _MOST} more phase 1s are as weak"]
    return found


def _public(item: Phase1) -> Iterator[str]:
    yield item.name
    yield from item.remote_endpoints
    for identity in (item.local_id, item.remote_id):
        yield identity
        yield identity.partition(":")[2]
