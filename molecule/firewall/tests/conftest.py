# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of this scenario share: runs of the module, tunnels that are up, streams of packets and what left of them."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

SCENARIO = Path(__file__).resolve().parents[1]
GATEWAYS = ("berlin", "paris")
# What is sent by each host, by what should become of it: to protected networks, by the tunnel that they have, and elsewhere.
WAYS = {
    "berlin": {
        "route-based, IPv4": ("10.1.0.200", "10.2.0.200"),
        "route-based, IPv6": ("fd00:1::8000:0:0:10", "fd00:2::8000:0:0:10"),
        "policy-based, IPv4": ("10.1.0.10", "10.2.0.10"),
        "policy-based, IPv6": ("fd00:1::10", "fd00:2::10"),
        "elsewhere": ("172.16.1.10", "198.18.4.99"),
        "elsewhere, IPv6": ("fd99:1::10", "2001:db8:4::99"),
    },
    "paris": {
        "route-based, IPv4": ("10.2.0.200", "10.1.0.200"),
        "route-based, IPv6": ("fd00:2::8000:0:0:10", "fd00:1::8000:0:0:10"),
        "policy-based, IPv4": ("10.2.0.10", "10.1.0.10"),
        "policy-based, IPv6": ("fd00:2::10", "fd00:1::10"),
        "elsewhere": ("172.16.2.10", "198.18.4.99"),
        "elsewhere, IPv6": ("fd99:2::10", "2001:db8:4::99"),
    },
}
PROTECTED = tuple(name for name in WAYS["berlin"] if not name.startswith("elsewhere"))
# A hundred packets a second to protected networks, fifty elsewhere. Each is a connection of its own to the firewall, which
# so decides anew about every one.
SENDER = """
import itertools, json, os, socket, sys, time
ways, stop = json.loads(sys.argv[1]), sys.argv[2]
sent, due = dict.fromkeys(ways, 0), time.monotonic()
for name in itertools.cycle(ways):
    if os.path.exists(stop):
        break
    source, target = ways[name]
    with socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        try:
            sender.sendto(b"from " + name.encode(), (target, 9))
        except OSError as error:
            raise SystemExit(f"{name}: {error}")
    sent[name] += 1
    due += 1 / 150
    # The pace of the stream.
    time.sleep(max(0, due - time.monotonic()))
print(json.dumps(sent))
"""


@pytest.fixture(scope="session")
def configured() -> Callable[[str], dict[str, object]]:
    """Return a function that gives the objects of a gateway as the scenario has them, for a test to change."""
    read = {
        name: yaml.safe_load((SCENARIO / "host_vars" / f"{name}.yml").read_text())["gateway_config"]
        for name in GATEWAYS
    }
    return lambda name: copy.deepcopy(read[name])


@pytest.fixture(scope="session")
def apply(configured, tmp_path_factory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the module on a gateway."""
    playbook, inventory = SCENARIO / "tunnels.yml", SCENARIO.parent / "inventory" / "lab.py"
    folder = tmp_path_factory.mktemp("wanted")

    def run(gateway: str, *, check: bool = True, **options: object) -> subprocess.CompletedProcess[str]:
        wanted = options or {"state": "overridden", "config": configured(gateway)}
        variables = folder / f"{uuid.uuid4()}.json"
        variables.write_text(json.dumps({"gateway": gateway, "wanted": wanted}))
        done = subprocess.run(
            [Path(sys.executable).with_name("ansible-playbook"), "-i", inventory, "-e", f"@{variables}", playbook],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={**os.environ, "ANSIBLE_PIPELINING": "1"},
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def shell(lab) -> Callable[..., str]:
    """Return a function that runs a line on a node and returns what it printed."""

    def run(node: str, line: str, *, check: bool = True) -> str:
        return lab.run(node, ["sh", "-c", line], timeout=120, check=check).stdout

    return run


@pytest.fixture(scope="session")
def answered(lab) -> Callable[[], list[str]]:
    """Return a function that tells which kinds of tunnels carry a packet to Paris and back."""

    def ask() -> list[str]:
        ways = {name: WAYS["berlin"][name] for name in PROTECTED}
        lines = (
            f"ping -nqc1 -W2 -I {source} {target} >/dev/null && echo '{name}' &"
            for name, (source, target) in ways.items()
        )
        return sorted(lab.run("lan-berlin", ["sh", "-c", "\n".join([*lines, "wait"])]).stdout.splitlines())

    return ask


@pytest.fixture(scope="session")
def initiate(shell, answered, until) -> Callable[[], None]:
    """Return a function that has Berlin set up the tunnels that are not there."""

    def up() -> None:
        for way in sorted({*PROTECTED} - {*answered()}):
            tunnel, child = way.partition("-")[0], f"lan{way[-1]}"
            shell("berlin", f"swanctl --initiate --ike {tunnel} --child {child} --timeout 30", check=False)
        until("all tunnels", lambda: answered() == sorted(PROTECTED), seconds=60)

    return up


@pytest.fixture(scope="session")
def bring_up(shell, answered, initiate) -> Callable[[], None]:
    """Return a function that has all tunnels up, and puts back what they need if they are not."""

    def up() -> None:
        for gateway in reversed(GATEWAYS) if answered() != sorted(PROTECTED) else ():
            shell(gateway, "systemctl start nftables strongswan && swanfleet restore")
        initiate()

    return up


@pytest.fixture(scope="session")
def frames(lab) -> Callable[[str, str], int]:
    """Return a function that counts the frames at an uplink that match a filter of tcpdump, also while it is captured."""

    def count(uplink: str, wanted: str) -> int:
        path = f"/run/swanlab/capture/{uplink}.pcap"
        # A file that is being written may end in the middle of a frame.
        told = lab.run("machine", ["tcpdump", "-n", "-r", path, "--count", *wanted.split()], check=False)
        return int(re.search(r"(\d+) packet", told.stdout + told.stderr)[1])

    return count


class Stream:
    """Packets that are being sent from behind both gateways, and what leaves the gateways meanwhile."""

    def __init__(self, frames: Callable[[str, str], int], until: Callable[..., None]) -> None:
        self._frames, self._until = frames, until
        self.sent: dict[str, dict[str, int]] = {}
        self.report = None

    def left(self, gateway: str, name: str) -> int:
        """Return how many packets of a kind have left a gateway in the clear, whatever source they had then."""
        return self._frames(f"{gateway}-wan0", f"udp dst port 9 and dst host {WAYS[gateway][name][1]}")

    def protected(self, gateway: str) -> int:
        """Return how many packets for protected networks were sent from behind a gateway."""
        return sum(self.sent[gateway][name] for name in PROTECTED)

    def clear(self, gateway: str) -> int:
        """Return how many frames of protected networks a gateway sent in the clear: what `faults` wants to be none."""
        return sum(counts.clear for name, counts in self.report.taps.items() if name.startswith(f"{gateway}-"))

    def goes_on(self, gateway: str, packets: int = 50) -> None:
        """Wait until more packets have left for elsewhere: so long, others had the same chance."""
        before = self.left(gateway, "elsewhere")
        self._until("packets elsewhere", lambda: self.left(gateway, "elsewhere") >= before + packets, seconds=60)

    def faults(self, *, away: str = "") -> list[str]:
        """Return what left in the clear, and why this is no evidence; one that was switched off meanwhile sends less."""
        taps = {name: counts for name, counts in self.report.taps.items() if counts.clear}
        found = [f"{name}: {counts.clear} packets in the clear" for name, counts in sorted(taps.items())]
        for gateway in GATEWAYS:
            for name in ("elsewhere", "elsewhere, IPv6"):
                sent, left = self.sent[gateway][name], self.left(gateway, name)
                print(f"{gateway}, {name}: {left} of {sent} left; {self.sent[gateway]}")
                if left < sent * (0 if gateway == away else 0.95) or not left:
                    found.append(f"{gateway}, {name}: only {left} of {sent} packets were captured")
        return [*found, *self.report.faults()]


@pytest.fixture(scope="session")
def stream(lab, frames, until) -> Callable[[], Iterator[Stream]]:
    """Return a context in which packets are sent and captured; what came of them is known behind it."""

    @contextmanager
    def sending() -> Iterator[Stream]:
        made, stop = Stream(frames, until), f"/run/stream-{uuid.uuid4()}"
        argv = {name: ["python3", "-c", SENDER, json.dumps(WAYS[name]), stop] for name in GATEWAYS}
        with lab.capture(sites=GATEWAYS) as capture, ThreadPoolExecutor(len(GATEWAYS)) as pool:
            told = {name: pool.submit(lab.run, f"lan-{name}", argv[name], timeout=400) for name in GATEWAYS}
            try:
                yield made
            finally:
                lab.run("machine", ["touch", stop])
                made.sent = {name: json.loads(each.result().stdout) for name, each in told.items()}
        made.report = capture.report

    return sending


@pytest.fixture(scope="session")
def managed(lab, shell) -> Callable[[str], None]:
    """Return a function that logs into a gateway anew, by the network for that and by its uplink, as one from afar."""
    key = "/run/managed-key"
    lab.run("machine", ["sh", "-c", f"umask 077 && cat >{key}"], input=Path(lab.state.private_key).read_text())
    options = "-oBatchMode=yes -oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null -oConnectTimeout=20"
    uplinks = {"berlin": "192.0.2.2", "paris": "198.51.100.2"}

    def log_in(gateway: str) -> None:
        from_here = ["ssh", "-F", str(lab.state.ssh_config), "-oControlPath=none", gateway, "hostname"]
        near = subprocess.run(from_here, capture_output=True, text=True, timeout=60, check=False)
        assert near.stdout.strip() == gateway, near.stderr
        # From another network than the uplink's, so that answers take the default route.
        assert shell("router", f"ssh -i {key} -b 198.18.3.1 {options} {uplinks[gateway]} hostname").strip() == gateway

    return log_in
