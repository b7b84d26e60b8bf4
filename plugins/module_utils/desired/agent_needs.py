# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects need the program on the gateway, and of which release it must be, as its file tells."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .gateway import Gateway
from .page_settings import Dpd
from .phase1 import Phase1
from .xfrm_interface import FOLLOWING

# The release of this collection (galaxy.yml); a test compares them.
COLLECTION_RELEASE = "0.1.0"
_MARK = re.compile(rb"swanfleet\.ipsec ([0-9]{1,5})\.([0-9]{1,5})\.([0-9]{1,5})")
# A mark is the last thing in the file, as the comment of its archive.
_LONGEST_MARK = 64


def program_mark() -> bytes:
    """Return what the program's file ends with, for `release_of` to read."""
    return f"swanfleet.ipsec {COLLECTION_RELEASE}".encode()


def release_of(content: bytes) -> str | None:
    """Return the release of the collection that a program comes from; None where its file tells none."""
    match = _MARK.fullmatch(content[content.rfind(b"swanfleet.ipsec", -_LONGEST_MARK) :])
    return None if match is None else b".".join(match.groups()).decode()


def is_older(release: str, than: str = COLLECTION_RELEASE) -> bool:
    """Say whether a release comes before another one."""
    return _numbers(release) < _numbers(than)


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in release.split("."))


def needing_agent(gateway: Gateway) -> Iterator[str]:
    """Yield the objects that nothing comes of without the program on the gateway, with the option that makes it so."""
    yield from (each.where for _name, each in sorted(gateway.fallbacks.items()))
    for _name, connection in sorted(gateway.phase1.items()):
        if connection.restart_on_gateway_change:
            yield f"{connection.where} (restart_on_gateway_change: true)"
        if ends_silent_peers(connection):
            yield f"{connection.where} (dpd.timeout: {connection.dpd.timeout} with ike_version: 2)"
    for _name, link in sorted(gateway.xfrm_interfaces.items()):
        if link.link_state in FOLLOWING:
            yield f"{link.where} (link_state: {link.link_state})"


def ends_silent_peers(connection: Phase1) -> bool:
    """Say whether a peer shall be given up earlier than charon's own repetitions do so; the default is about as long as they."""
    dpd = connection.dpd
    return connection.ike_version == 2 and dpd.enabled and 0 < dpd.timeout < Dpd.timeout
