# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies of the kernel in a network namespace, as ip(8) shows them, and what becomes of them meanwhile."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.releases import ENVIRONMENT
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited

_ACTION = re.compile(r"dir (in|out|fwd) (?:action (\w+) )?priority (\d+)")


def policies(process: CharonProcess) -> list[str]:
    """Return the policies that are not of a socket, sorted: "out block 10.1.0.0/24 10.2.0.0/24 proto tcp … priority 7 mark …"."""
    found = []
    for block in re.split(r"\n(?=src )", process.inside("ip", "xfrm", "policy").strip()):
        lines = [line.strip() for line in block.splitlines()]
        action = _ACTION.search(block)
        if action is None or "socket" in block:
            continue
        direction, what, priority = action.groups()
        selector = lines[0].removeprefix("src ").replace(" dst ", " ").strip()
        mark = next((f" {line.strip()}" for line in lines if line.startswith("mark")), "")
        tunnel = " tunnel" if any(line.startswith("tmpl") for line in lines) else ""
        found.append(f"{direction} {what or 'allow'} {selector} priority {priority}{mark}{tunnel}")
    return sorted(found)


def without_priority(found: list[str]) -> list[str]:
    """Return policies without their priorities."""
    return [re.sub(r" priority \d+", "", each) for each in found]


@contextmanager
def watched(process: CharonProcess, file: Path) -> Iterator[None]:
    """Write what happens to policies into a file, one event after the other, as `ip xfrm monitor` tells it."""
    with file.open("wb") as out:
        argv = ["ip", "netns", "exec", process.netns, "stdbuf", "-oL", "ip", "xfrm", "monitor", "policy"]
        with subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT, env=ENVIRONMENT) as monitor:
            try:
                # It says nothing when it begins to listen: a policy of our own tells that it does.
                marker = ["src", "203.0.113.113/32", "dst", "203.0.113.114/32", "dir", "out"]

                def hears() -> bool:
                    process.inside("ip", "xfrm", "policy", "add", *marker, "action", "allow")
                    process.inside("ip", "xfrm", "policy", "delete", *marker)
                    return b"203.0.113.113" in file.read_bytes()

                assert awaited(hears)
                yield
                # What happened before it has been told when another one of ours is.
                process.inside("ip", "xfrm", "policy", "add", *marker, "action", "allow", "priority", "99")
                assert awaited(lambda: b"priority 99 " in file.read_bytes())
                process.inside("ip", "xfrm", "policy", "delete", *marker)
            finally:
                monitor.terminate()


def deleted(file: Path, selector: str) -> int:
    """Count how often a policy with this selector ("src A dst B") was deleted while it was watched."""
    text = file.read_text("utf-8", "replace")
    return len(re.findall(rf"Deleted {re.escape(selector)}\b", text))
