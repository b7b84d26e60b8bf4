# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of this scenario share: who has and answers for the shared addresses, traffic, and what a node loses when."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from swanlab.stream import Stream, streaming

NODES = ("berlin", "rome")
SHARED = ("192.0.2.100", "2001:db8:1::100", "10.1.0.254", "fd00:1::fe")
PATHS = {"IPv4, route-based": "10.2.0.10", "IPv6, policy-based": "fd00:2::10"}
# Who answers for an address: a question by ARP or neighbour discovery, and the hardware addresses of all that answer.
ASK = """
import ipaddress, socket, struct, sys, time
device, own, target = sys.argv[1], *map(ipaddress.ip_address, sys.argv[2:])
asker = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
asker.bind((device, 0))
mac = asker.getsockname()[4]
if target.version == 4:
    body = struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + mac + own.packed + bytes(6) + target.packed
    asker.send(b"\\xff" * 6 + mac + struct.pack("!H", 0x806) + body)
else:
    last = target.packed[-3:]
    group = bytes.fromhex("ff0200000000000000000001ff") + last
    body = bytes(4) + target.packed + b"\\x01\\x01" + mac
    whole = own.packed + group + struct.pack("!II", 4 + len(body), 58) + struct.pack("!BBH", 135, 0, 0) + body
    total = sum(struct.unpack(f"!{len(whole) // 2}H", whole))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    message = struct.pack("!BBH", 135, 0, total ^ 0xFFFF) + body
    header = struct.pack("!IHBB", 6 << 28, len(message), 58, 255) + own.packed + group
    asker.send(b"\\x33\\x33\\xff" + last + mac + struct.pack("!H", 0x86DD) + header + message)
found, until = set(), time.monotonic() + 1
while (left := until - time.monotonic()) > 0:
    asker.settimeout(left)
    try:
        frame = asker.recv(2048)
    except TimeoutError:
        break
    arp = frame[12:14] == b"\\x08\\x06" and frame[20:22] == b"\\x00\\x02" and frame[28:32] == target.packed
    advert = frame[12:14] == b"\\x86\\xdd" and frame[20] == 58 and frame[54] == 136 and frame[62:78] == target.packed
    if arp or advert:
        found.add(frame[6:12].hex(":"))
print(*sorted(found))
"""
# From where each shared address is asked for, by which device, as whom.
ASKERS = {
    "192.0.2.100": ("router", "berlin-wan0", "192.0.2.1"),
    "2001:db8:1::100": ("router", "berlin-wan0", "2001:db8:1::1"),
    "10.1.0.254": ("lan-berlin", "eth0", "10.1.0.10"),
    "fd00:1::fe": ("lan-berlin", "eth0", "fd00:1::10"),
}


@pytest.fixture(scope="session")
def holders(lab) -> Callable[[], dict[str, set[str]]]:
    """Return a function that tells which nodes have each of the shared addresses; a node that is off has none."""

    def look() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {address: set() for address in SHARED}
        for node in NODES:
            told = lab.run(node, ["ip", "-j", "address"], check=False).stdout
            for link in json.loads(told or "[]"):
                for each in link["addr_info"]:
                    if each["local"] in found:
                        found[each["local"]].add(node)
        return found

    return look


@pytest.fixture(scope="session")
def holder(holders) -> Callable[[], str | None]:
    """Return a function that names the node that has all shared addresses alone, None while there is none."""

    def one() -> str | None:
        found = {frozenset(nodes) for nodes in holders().values()}
        return next(iter(found.pop())) if len(found) == 1 and len(min(found)) == 1 else None

    return one


@pytest.fixture(scope="session")
def answering(lab) -> Callable[[], dict[str, list[str]]]:
    """Return a function that tells whose hardware addresses answer for each shared address, asked on the wire."""

    def ask() -> dict[str, list[str]]:
        return {
            address: lab.run(node, ["python3", "-c", ASK, device, own, address]).stdout.split()
            for address, (node, device, own) in ASKERS.items()
        }

    return ask


@pytest.fixture(scope="session")
def hardware(lab) -> Callable[[str], dict[str, list[str]]]:
    """Return a function that says what `answering` must say while a node alone has the addresses."""

    def of(node: str) -> dict[str, list[str]]:
        links = {each["ifname"]: each.get("address") for each in json.loads(lab.run(node, ["ip", "-j", "link"]).stdout)}
        return {
            address: [links["lan0" if asker == "lan-berlin" else "wan0"]] for address, (asker, *_more) in ASKERS.items()
        }

    return of


@pytest.fixture(scope="session")
def settled(lab, until, holder, others, spis, answering, hardware) -> Callable[[], str]:
    """Return a function that awaits that one node alone has the addresses, keepalived on both, traffic on all paths."""

    def wait() -> str:
        for node in NODES:
            until(
                f"keepalived of {node}",
                lambda node=node: (
                    lab.run(node, ["systemctl", "is-active", "keepalived"], check=False).stdout == "active\n"
                ),
                seconds=60,
            )
        until("one holder", holder, seconds=60)
        for name, address in PATHS.items():
            argv = ["ping", "-n", "-c", "1", "-W", "1", address]
            until(name, lambda argv=argv: lab.run("lan-berlin", argv, check=False).returncode == 0, seconds=90)
        found = holder()
        assert found
        other = others(found)
        assert answering() == hardware(found)
        assert spis(found)
        assert not spis(other)
        return found

    return wait


@pytest.fixture(scope="session")
def others() -> Callable[[str], str]:
    """Return a function that names the other node."""
    return lambda node: next(each for each in NODES if each != node)


@pytest.fixture(scope="session")
def stream(lab) -> Callable[[], AbstractContextManager[Stream]]:
    """Return a context in which the site's host sends to each path's far end."""
    return lambda: streaming(lab, "lan-berlin", {name: ("", address) for name, address in PATHS.items()})


@pytest.fixture(scope="session")
def watching(lab) -> Callable[[str], object]:
    """Return a context manager: when a node loses addresses and SAs is written down by the kernel's own news."""
    commands = {"address": ["ip", "-ts", "monitor", "address"], "sa": ["ip", "-ts", "xfrm", "monitor", "SA"]}

    @contextmanager
    def running(node: str) -> Iterator[SimpleNamespace]:
        started = "; ".join(
            f"setsid stdbuf -oL {' '.join(argv)} >/run/ha-{name}.log 2>&1 </dev/null & echo $!"
            for name, argv in commands.items()
        )
        pids = lab.run(node, ["sh", "-c", started]).stdout.split()

        def seen() -> SimpleNamespace:
            texts = {name: lab.run(node, ["cat", f"/run/ha-{name}.log"]).stdout for name in commands}
            gone = rf"^\[(\S+?)\]\s*Deleted.*(?:{'|'.join(map(re.escape, SHARED))})/"
            return SimpleNamespace(
                addresses=moments(re.findall(gone, texts["address"], re.MULTILINE)),
                sas=moments(re.findall(r"^\[(\S+?)\]\s*Deleted src", texts["sa"], re.MULTILINE)),
                texts=texts,
            )

        try:
            yield SimpleNamespace(seen=seen)
        finally:
            lab.run(node, ["kill", *pids], check=False)

    return running


def moments(texts: list[str]) -> list[float]:
    """Return moments in seconds since 1970."""
    return [datetime.fromisoformat(each).replace(tzinfo=UTC).timestamp() for each in texts]
