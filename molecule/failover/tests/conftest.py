# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of this scenario share: which tunnels are used, traffic by each fallback, and what a gateway consists of."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from swanlab.stream import Stream, streaming

GATEWAYS = ("berlin", "paris")
# By fallback: from a host of Berlin's to one of Paris'.
WAYS = {
    "fast": ("10.1.0.66", "10.2.0.66"),
    "second": ("10.1.0.82", "10.2.0.82"),
    "cold": ("10.1.0.98", "10.2.0.98"),
}

LOOP = "import time; began = time.perf_counter(); sum(map(len, map(str, range(10**6)))); print(time.perf_counter() - began)"


@pytest.fixture(scope="session")
def slowness(lab, figures):
    """Return how many times as long as here Python takes in the lab."""
    there = [float(lab.run("machine", ["python3", "-c", LOOP]).stdout) for _turn in range(3)]
    argv = ["/usr/bin/python3", "-c", LOOP]
    here = [float(subprocess.run(argv, capture_output=True, text=True, check=True).stdout) for _turn in range(3)]
    figures(f"the lab: a loop that takes {min(here):.2f} s here", min(there))
    return max(1.0, min(there) / min(here))


@pytest.fixture(scope="session")
def in_use(lab) -> Callable[[str], bool]:
    """Return a function that says whether all fallbacks use the tunnels of that number, at both gateways."""

    def look(number: str) -> bool:
        told = [lab.run(name, ["cat", "/run/swanfleet/roles.json"], check=False).stdout for name in GATEWAYS]
        used = [json.loads(text or "{}").get(name, f"{name}-1") for text in told for name in WAYS]
        return all(each.endswith(f"-{number}") for each in used)

    return look


@pytest.fixture(scope="session")
def stream(lab) -> Callable[..., AbstractContextManager[Stream]]:
    """Return a context in which hosts of Berlin's send by all fallbacks, or along other ways."""
    return lambda ways=WAYS: streaming(lab, "lan-berlin", ways)


@pytest.fixture(scope="session")
def settled(until, in_use, stream) -> Callable[[], None]:
    """Return a function that awaits that all primaries are used, and carry traffic."""

    def wait() -> None:
        until("the primaries are used", lambda: in_use("1"), seconds=90)
        with stream() as traffic:
            until("traffic by all fallbacks", traffic.steady, seconds=90)

    return wait


@pytest.fixture(scope="session")
def consists_of(lab) -> Callable[[str], dict[str, list[str]]]:
    """Return a function that tells what a gateway consists of, but for SPIs and counters: it differs only if something lacks."""
    commands = {
        "routes": "ip route",
        "ways out": "ip rule; ip route show table all proto 83",
        "links": "ip -brief link show type xfrm | awk '{print $1, $2}'",
        "rules": "nft --stateless list table inet swanfleet 2>&1",
        "tunnels": "swanctl --list-sas 2>&1 | awk '/^[^ ]/ {of = $1} /^[^ ].*ESTABLISHED/ {print of}"
        " /^  [^ ].*INSTALLED/ {print of, $1}'",
        "agent": "systemctl is-active swanfleet-agent strongswan",
    }
    line = "\n".join(f"echo '== {name}'; {command}" for name, command in commands.items())

    def look(node: str) -> dict[str, list[str]]:
        _before, *parts = re.split(r"^== ", lab.run(node, ["sh", "-c", line], check=False).stdout, flags=re.MULTILINE)
        return {name: sorted(lines) for name, *lines in (part.splitlines() for part in parts)}

    return look
