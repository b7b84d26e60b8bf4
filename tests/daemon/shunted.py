# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shunts between what is behind two ends of a cable, and whether packets go between them."""

from __future__ import annotations

import re
import subprocess
from typing import Any

from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.releases import ENVIRONMENT
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import Config, config

HERE, THERE = "10.1.0.1", "10.2.0.1"


def shunt(name: str, kind: str, local: str, remote: str, **options: Any) -> Config:
    return {"name": name, "type": kind, "local_networks": [local], "remote_networks": [remote], **options}


NO = shunt("no", "drop", "10.1.0.0/16", "10.2.0.0/16")
YES = shunt("yes", "pass", f"{HERE}/32", f"{THERE}/32")
NOBODY = shunt("nobody", "drop", "0.0.0.0/0", "0.0.0.0/0")


def gateway(*shunts: Config) -> Config:
    return {**config([], []), "shunts": list(shunts)}


def answered(netns: str, source: str, target: str, *more: str) -> bool:
    """Say whether one of two echo requests comes back; the second is sent when the first was late."""
    argv = [
        "ip",
        "netns",
        "exec",
        netns,
        "ping",
        "-n",
        "-q",
        "-c",
        "2",
        "-i",
        "0.1",
        "-W",
        "1",
        *more,
        "-I",
        source,
        target,
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False, env=ENVIRONMENT)
    found = re.search(r"(\d) received", done.stdout)
    assert found is not None, done.stdout + done.stderr
    return found[1] != "0"


def both_ways(ends: Pair) -> tuple[bool, bool]:
    return answered(ends[0].netns, HERE, THERE), answered(ends[1].netns, THERE, HERE)
