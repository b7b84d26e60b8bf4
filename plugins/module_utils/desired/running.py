# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run goes about it: options of every module that changes a host, beside what the gateway is to be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from . import kinds
from .options import Kind, list_of, option

OPTIONAL = "optional"
_RELEASE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){2}")


def parse_release(value: Any) -> str:
    """Accept a release of strongSwan by its three numbers; what YAML makes of two is no text."""
    if not isinstance(value, str) or not _RELEASE.fullmatch(value):
        raise ValueError("a release of strongSwan is needed, three numbers such as 5.9.8")
    return value


RELEASE = Kind("str", parse_release)


@dataclass(frozen=True)
class RunOptions:
    """What a run demands of the host, and of its own report."""

    daemon: str = option(
        kinds.choice(("required", OPTIONAL)),
        "Whether charon must run. With V(required) a run without it ends with an error before anything is changed.",
        "With V(optional) a run without it applies files and links, warns, and is done; charon loads the files when it"
        " starts. Where charon runs, it is told as with V(required).",
        "A charon that runs and does not answer is an error either way.",
        default="required",
    )
    agent: str = option(
        kinds.choice(("required", OPTIONAL)),
        "Whether the program on the gateway must be there where objects need it: a fallback, a phase 1 with"
        " C(restart_on_gateway_change), or one with C(ike_version=2) and a C(dpd.timeout) below the default, an XFRM interface"
        " whose C(link_state) is C(follow) or C(sa).",
        "With V(required) a run without it, or with one of an older release, ends with an error before anything is changed."
        " With V(optional) it warns. The role P(swanfleet.ipsec.gateway#role) installs the program.",
        default="required",
    )
    daemon_version: str | None = option(
        RELEASE,
        "Release of strongSwan to plan for where charon does not run and so cannot be asked: what it would be too old for"
        " is refused.",
        "That of the package C(charon-systemd) when not given, as it is installed, or would be. The plan says which it is.",
        "Where charon runs its own release counts.",
    )
    allow_disruption: bool = option(
        kinds.BOOL,
        "Whether a run may interrupt the traffic of tunnels that are up.",
        "With V(false) it is refused before anything is touched, with the names of the tunnels, where it would do so:"
        " where RV(disruption) would be V(reestablish) or V(end). New SAs that come up before the old ones go are allowed.",
        default=True,
    )
    management: tuple[str, ...] | None = option(
        list_of(kinds.NETWORK),
        "Where this host is managed from: addresses or networks that C(plaintext_guard: true) must not cut off;"
        " an empty list if it can be reached in another way whatever happens.",
        "When not given, the other ends of the ssh sessions that the run came by.",
    )
    diff_limit: int = option(
        kinds.integer(0, 1_000_000),
        "How many objects a diff shows with their old and new values; of more it tells the number.",
        default=200,
    )
