# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of this scenario share: traffic between two addresses, SAs as charon shows them, frames by a filter."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

INVENTORY = Path(__file__).resolve().parents[2] / "inventory" / "lab.py"


@pytest.fixture(scope="session")
def traffic(lab) -> Callable[..., SimpleNamespace]:
    """Return a function that sends echo requests from one node to an address, and says how many went and came back."""

    def send(node: str, source: str, target: str, count: int, *, interval: str = "0.01") -> SimpleNamespace:
        argv = [
            "ping",
            "-n",
            "-q",
            "-i",
            interval,
            "-c",
            str(count),
            "-W",
            "3",
            *(["-I", source] if source else []),
            target,
        ]
        told = lab.run(node, argv, timeout=240, check=False).stdout
        numbers = re.search(r"(\d+) packets transmitted, (\d+) received", told)
        assert numbers, told
        return SimpleNamespace(sent=int(numbers[1]), answered=int(numbers[2]))

    return send


@pytest.fixture(scope="session")
def sas(lab) -> Callable[..., list[SimpleNamespace]]:
    """Return a function that lists the IKE SAs of a connection: number, state, text, and SPIs of installed CHILD_SAs."""

    def listed(node: str, connection: str) -> list[SimpleNamespace]:
        text = lab.run(node, ["swanctl", "--list-sas", "--ike", connection]).stdout
        parts = re.split(r"(?m)^(?=\S)", text)[1:]
        return [
            SimpleNamespace(
                number=re.search(r"#(\d+)", part)[1],
                established="ESTABLISHED" in part.split("\n")[0],
                spis=re.findall(r"INSTALLED.*\n(?:.*\n)*?\s+in\s+([0-9a-f]+)", part),
                text=part,
            )
            for part in parts
        ]

    return listed


@pytest.fixture(scope="session")
def frames(lab) -> Callable[[str, str], int]:
    """Return a function that counts the frames of the last capture at an uplink that match a filter of tcpdump."""

    def count(uplink: str, wanted: str) -> int:
        path = f"/run/swanlab/capture/{uplink}.pcap"
        told = lab.run("machine", ["tcpdump", "-n", "-r", path, "--count", *wanted.split()])
        return int(re.search(r"(\d+) packet", told.stdout + told.stderr)[1])

    return count


@pytest.fixture(scope="session")
def initiate(lab, sas) -> Callable[[str], None]:
    """Return a function that has Berlin set up a connection, unless it is up: to charon that would be a failure."""

    def up(connection: str) -> None:
        if not any(sa.spis for sa in sas("berlin", connection)):
            lab.run("berlin", ["swanctl", "--initiate", "--ike", connection, "--child", "lan", "--timeout", "30"])

    return up


@pytest.fixture(scope="session")
def module() -> Callable[..., dict[str, dict[str, Any]]]:
    """Return a function that runs a module of ours on gateways, and returns each one's result."""
    plain = {"ANSIBLE_PIPELINING": "1", "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3", "ANSIBLE_NOCOLOR": "1"}
    environment = {**os.environ, "ANSIBLE_FORCE_COLOR": "0", **plain}

    def run(hosts: str, name: str, options: dict[str, Any], *, check: bool = False) -> dict[str, dict[str, Any]]:
        argv = [str(Path(sys.executable).parent / "ansible"), "-i", str(INVENTORY), hosts]
        argv += ["-m", f"swanfleet.ipsec.{name}", "-a", json.dumps(options), *(["--check"] if check else [])]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=240, check=False, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        told = re.findall(r"^(\w+) \| \w+ => (\{$.*?^\})$", done.stdout, re.MULTILINE | re.DOTALL)
        return {host: json.loads(result) for host, result in told}

    return run
