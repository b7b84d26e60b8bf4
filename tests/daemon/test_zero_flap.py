# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hundred tunnels under traffic: a run that changes nothing, and one that changes a single tunnel, lose no packet."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import Outcome
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import READING_COMMANDS
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.tests.daemon import charon_process
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host, run
from ansible_collections.swanfleet.ipsec.tests.daemon.releases import ENVIRONMENT
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import Config, config

pytestmark = [pytest.mark.charon, pytest.mark.root]

TUNNELS = 200
RATE = 2  # packets a second through each tunnel
PROGRAM = Path(__file__).with_name("traffic.py")
ENDS = {"here": ("192.0.2.1", "192.0.2.2", 1, 2), "there": ("192.0.2.2", "192.0.2.1", 2, 1)}


def gateway(end: str, *, longer: frozenset[int] = frozenset()) -> Config:
    """Return all tunnels as one end has them; the phase 2s of the tunnels `longer` have a longer lifetime.

    One end waits; the other has a trap for those of even numbers, and charon starts the odd ones.
    """
    mine, theirs, own, other = ENDS[end]
    numbers = range(TUNNELS)
    phase1 = [
        {
            "name": f"t{n}", "interfaces": [mine], "remote_endpoints": [theirs], "psk": f"s3cret {n}",
            "local_id": f"end{own}-{n}.example.org", "remote_id": f"end{other}-{n}.example.org",
            "proposals": ["aes256-sha256-curve25519"],
            "init_type": "none" if end == "there" else "start_on_demand" if n % 2 else "on_demand",
        }
        for n in numbers
    ]  # fmt: skip
    phase2 = [
        {
            "name": "lan", "phase1": f"t{n}", "proposals": ["aes256gcm16"], "lifetime": "2h" if n in longer else "1h",
            "local_networks": [f"10.{own}.{n}.0/24"], "remote_networks": [f"10.{other}.{n}.0/24"],
        }
        for n in numbers
    ]  # fmt: skip
    return config(phase1, phase2)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Run two charons that take two hundred peers at one address for what they are, and not for an attack."""
    reason = charon_process.missing()
    if reason:
        pytest.fail(reason)
    with charon_process.wired("dos_protection = no", networks=TUNNELS) as processes:
        yield processes


@pytest.fixture(scope="module")
def here(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Return a host with all tunnels up to another one."""
    near, far = pair
    far_host, near_host = (engine_host(tmp_path_factory.mktemp(each.netns), each.uri) for each in (far, near))
    with closing(far_host.charon), closing(near_host.charon):
        run(far_host, gateway("there"))
        run(near_host, gateway("here"))
        for number in range(0, TUNNELS, 2):
            near_host.charon.initiate(ike=f"t{number}", child="lan", timeout_ms=-1)
        assert awaited(lambda: len(spis(near_host)) == TUNNELS)
        yield near_host


def spis(host: Host) -> dict[str, list[tuple[str, str]]]:
    """Return both SPIs of every installed CHILD_SA by its connection."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, sa in host.charon.sas():
        for child in sa["child-sas"].values():
            if child["state"] == "INSTALLED":
                found.setdefault(name, []).append((child["spi-in"], child["spi-out"]))
    return found


@contextmanager
def traffic(pair: Pair, directory: Path) -> Iterator[Callable[[], dict[int, int]]]:
    """Send through every tunnel; what is yielded stops it and returns how many packets which tunnels have lost."""
    file = directory / "pairs"
    file.write_text("".join(f"10.1.{n}.1 10.2.{n}.1\n" for n in range(TUNNELS)), encoding="ascii")

    def started(process: CharonProcess, *arguments: str) -> subprocess.Popen[str]:
        argv = ["ip", "netns", "exec", process.netns, sys.executable, str(PROGRAM), *arguments]
        return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)

    def rounds(count: int) -> None:
        assert sender.stdout is not None
        assert [sender.stdout.readline() for _round in range(count)] == ["round\n"] * count

    receiver = started(pair[1], "receive", str(file))
    assert receiver.stdout is not None
    assert receiver.stdout.readline() == "ready\n"
    sender = started(pair[0], "send", str(RATE), str(file))
    rounds(2)

    def stop() -> dict[int, int]:
        rounds(4)
        sent = sender.communicate(timeout=30)[0].splitlines()[-1]
        lost = json.loads(receiver.communicate(sent + "\n", timeout=30)[0])
        assert min(json.loads(sent).values()) >= 6
        return {int(to.split(".")[2]): count for to, count in lost.items()}

    try:
        yield stop
    finally:
        for process in (sender, receiver):
            process.kill()
            process.communicate()


def overrun(pair: Pair) -> int:
    """Count what the computer itself has dropped so far, for want of time to take it: at sockets and at devices."""
    count = 0
    for process in pair:
        for table in ("udp", "udp6"):
            lines = process.inside("cat", f"/proc/net/{table}").splitlines()[1:]
            count += sum(int(line.split()[-1]) for line in lines)
        for link in json.loads(process.inside("ip", "-s", "-j", "link", "show")):
            count += sum(link["stats64"][way]["dropped"] for way in ("rx", "tx"))
    return count


def changed(before: dict[str, list[tuple[str, str]]], after: dict[str, list[tuple[str, str]]]) -> set[str]:
    assert len(before) == len(after) == TUNNELS
    return {name for name in before if before[name] != after[name]}


def measured(host: Host, pair: Pair, directory: Path, before: Config, after: Config) -> tuple[Outcome, dict[int, int]]:
    """Go from one gateway to another under traffic; return the run's outcome and the packets lost, by tunnel.

    Where the computer was too busy to carry all packets, the measurement says nothing, and is taken again.
    """
    for _attempt in range(3):
        run(host, before)
        dropped = overrun(pair)
        with traffic(pair, directory) as stop:
            outcome = run(host, after)
            lost = stop()
        if not lost or overrun(pair) == dropped:
            return outcome, lost
    raise AssertionError("this computer is too busy to carry the traffic of the test")


def test_a_run_without_changes_writes_nothing_and_loses_nothing(here: Host, pair: Pair, tmp_path: Path) -> None:
    before = spis(here)
    outcome, lost = measured(here, pair, tmp_path, gateway("here"), gateway("here"))
    assert (outcome.changed, outcome.disruption, set(here.charon.commands) - READING_COMMANDS) == (False, {}, set())
    assert changed(before, spis(here)) == set()
    assert lost == {}


@pytest.mark.parametrize(("number", "told"), [(8, "rekey"), (7, "reestablish")])
def test_a_changed_tunnel_costs_the_others_nothing(
    here: Host, pair: Pair, tmp_path: Path, number: int, told: str
) -> None:
    run(here, gateway("here"))
    before = spis(here)
    outcome, lost = measured(here, pair, tmp_path, gateway("here"), gateway("here", longer=frozenset({number})))
    assert outcome.disruption == {f"t{number}": told}
    assert changed(before, spis(here)) == {f"t{number}"}
    assert {n: count for n, count in lost.items() if n != number} == {}
    if told == "rekey":
        assert lost == {}


def test_the_count_of_lost_packets_finds_a_tunnel_that_is_down(here: Host, pair: Pair, tmp_path: Path) -> None:
    with traffic(pair, tmp_path) as stop:
        here.charon.terminate(ike="t10", timeout_ms=5000)
        lost = stop()
    # A busy computer may lose others too; the one that is down has lost the most.
    assert lost.get(10, 0) == max(lost.values(), default=0) > 1, lost
