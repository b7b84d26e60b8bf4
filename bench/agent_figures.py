# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the agent takes to switch, and what it costs: between real charons in namespaces of this computer."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.swanfleet.ipsec.tests.daemon.agents import LINES, AgentHost, answer, gateway, two_lines
from ansible_collections.swanfleet.ipsec.tests.daemon.releases import ENVIRONMENT

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "30"))
MANY = int(os.environ.get("BENCH_TUNNELS", "1000"))
# How long the load of a running agent is measured: two full looks and more.
SECONDS = 65.0
CHECK = {
    "ping_check": True, "ping_address": [f"{LINES['paris']}.2"], "ping_fallback": True, "rise": 3,
    # One cut follows the other, so that each return is in vain.
    "hold_down": 1, "hold_down_max": 1,
}  # fmt: skip


# What no figure may be beyond: the longest of the times, in seconds, and what an agent costs.
BOUNDS: dict[str, dict[str, float]] = {
    "hot-100ms": {"cut to route": 1.0},
    "hot-1s": {"cut to route": 4.5},
    "cold-1s": {"cut to tunnel up": 6.5},
    "many": {"percent of a core": 10.0, "resident MB": 50.0},
    "idle": {"percent of a core": 0.5},
}


class Watch:
    """Notes when a line that says something comes out of a program, or is written to a file."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, str]] = []

    def read(self, lines: Iterable[str]) -> None:
        """Note lines as they come, until there are no more."""
        for line in lines:
            self.lines.append((time.time(), line))

    def first(self, since: float, said: str) -> float:
        """Wait for a line, and return when it came."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = next((at for at, line in [*self.lines] if at >= since and said in line), None)
            if found is not None:
                return found
            time.sleep(0.001)
        raise AssertionError(f"nobody said {said!r}:\n" + "\n".join(line for _at, line in self.lines[-20:]))


@contextmanager
def routes_of(host: AgentHost) -> Iterator[Watch]:
    """Watch the routes of the gateway as they change."""
    watch = Watch()
    inside = ["ip", "netns", "exec", host.here.netns, "ip", "monitor", "route"]
    with subprocess.Popen(inside, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as monitor:
        assert monitor.stdout is not None
        threading.Thread(target=watch.read, args=(monitor.stdout,), daemon=True).start()
        try:
            yield watch
        finally:
            monitor.terminate()


@contextmanager
def host_with(interval: str, *, hot: bool) -> Iterator[AgentHost]:
    """Have a gateway whose primary is in use and checked so often."""
    with tempfile.TemporaryDirectory(prefix="swf-", dir="/tmp") as root, two_lines(Path(root)) as host:
        answer(host.there)
        host.apply(gateway({**CHECK, "ping_interval": interval}, hot=hot))
        host.start()
        host.awaits(lambda: "paris" in host.up() and (not hot or "lyon" in host.up()))
        yield host


def switches(interval: str, *, hot: bool) -> dict[str, list[float]]:
    """Cut the primary's line at random moments; return times in seconds, a list for each part of the way."""
    chance = random.Random(1)  # noqa: S311  # the same moments each time
    found: dict[str, list[float]] = {}
    with host_with(interval, hot=hot) as host, routes_of(host) as routes:
        for _round in range(ROUNDS):
            host.awaits(lambda: host.in_use() == "paris" and host.status()["fallbacks"][0]["check"] == "answered")
            host.awaits(lambda: host.up() == (["lyon", "paris"] if hot else ["paris"]))
            time.sleep(1 + chance.random())
            cut = time.time()
            host.cut("paris")
            parts = _hot(host, routes, cut) if hot else _cold(host, cut)
            for name, seconds in parts.items():
                found.setdefault(name, []).append(seconds)
            host.mend("paris")
    return found


def _hot(host: AgentHost, routes: Watch, cut: float) -> dict[str, float]:
    moved = routes.first(cut, "dev xlyon proto 83 scope link")
    decided = _decided(host, "switch", cut)
    return {"cut to decision": decided - cut, "decision to route": moved - decided, "cut to route": moved - cut}


def _cold(host: AgentHost, cut: float) -> dict[str, float]:
    host.awaits(lambda: host.in_use() == "lyon")
    began, up = _decided(host, "initiate", cut), _decided(host, "switch", cut)
    return {"cut to decision": began - cut, "decision to tunnel up": up - began, "cut to tunnel up": up - cut}


def _decided(host: AgentHost, kind: str, since: float) -> float:
    return next(float(each["at"]) for each in host.explained("site") if each["kind"] == kind and each["at"] >= since)


def load(count: int, interval: str) -> dict[str, float]:
    """Return what an agent costs that checks so many primaries: parts of a core, and megabytes."""
    with tempfile.TemporaryDirectory(prefix="swf-", dir="/tmp") as root, two_lines(Path(root)) as host:
        peers = [f"10.20.{number // 250}.{number % 250 + 1}" for number in range(count)]
        batch = Path(root) / "addresses"
        batch.write_text("".join(f"address add {peer}/32 dev lo\n" for peer in peers))
        host.there.inside("ip", "-batch", str(batch), timeout=60)
        host.here.inside("ip", "route", "add", "10.20.0.0/16", "via", f"{LINES['paris']}.2")
        host.apply(_many(peers, interval))
        host.start()
        assert host.agent is not None
        host.awaits(lambda: len(host.status()["fallbacks"]) == count)
        time.sleep(5)
        pid, before, began = host.agent.pid, _processor_s(host.agent.pid), time.monotonic()
        time.sleep(SECONDS)
        used = _processor_s(pid) - before
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return {
            "percent of a core": 100 * used / (time.monotonic() - began),
            "resident MB": int(status["VmRSS"].split()[0]) / 1024,
            "peak MB": int(status["VmHWM"].split()[0]) / 1024,
        }


def _processor_s(pid: int) -> float:
    """Return the processor time of a process with its children that have ended (proc(5), /proc/pid/stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _many(peers: Sequence[str], interval: str) -> dict[str, Any]:
    found: dict[str, Any] = {"phase1": [], "phase2": [], "xfrm_interfaces": [], "fallbacks": []}
    for number, peer in enumerate(peers):
        for name in (f"p{number}", f"f{number}"):
            found["phase1"].append(
                {
                    "name": name, "interfaces": [f"{LINES['paris']}.1"], "remote_endpoints": [peer], "psk": "s3cret",
                    "init_type": "none", "proposals": ["aes256-sha256-curve25519"],
                }
            )  # fmt: skip
            found["phase2"].append(
                {
                    "name": "lan", "phase1": name, "local_networks": ["10.1.0.0/16"], "proposals": ["aes256gcm16"],
                    "remote_networks": [f"10.{100 + number // 250}.{number % 250}.0/24"],
                }
            )  # fmt: skip
        found["fallbacks"].append(
            {
                "name": f"g{number}", "primary": f"p{number}", "fallbacks": [f"f{number}"], "ping_check": True,
                "ping_address": [peer], "ping_interval": interval,
            }
        )  # fmt: skip
    return found


def noise() -> list[float]:
    """Return how much later than asked this computer wakes a process that sleeps for 10 ms, in seconds."""
    found = []
    for _sleep in range(500):
        began = time.monotonic()
        time.sleep(0.01)
        found.append(time.monotonic() - began - 0.01)
    return found


def summary(times: Sequence[float]) -> dict[str, float]:
    """Return number, p50, p95 and maximum."""
    ordered = sorted(times)
    at = [ordered[min(len(ordered) - 1, round(part * (len(ordered) - 1)))] for part in (0.5, 0.95, 1)]
    return {"n": len(ordered), **dict(zip(("p50", "p95", "max"), (round(each, 4) for each in at), strict=True))}


def _summaries(interval: str, *, hot: bool) -> dict[str, Any]:
    return {name: summary(times) for name, times in switches(interval, hot=hot).items()}


def beyond(name: str, figures: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each figure of a measurement that is beyond its bound; of several times the longest counts."""
    for what, bound in BOUNDS.get(name, {}).items():
        figure = figures[what]["max"] if isinstance(figures[what], dict) else figures[what]
        if figure > bound:
            yield f"{name}: {what} is {figure:.3g}, and {bound:g} is the bound"


def main(
    arguments: Sequence[str], results: Path, measurements: Mapping[str, Callable[[], dict[str, Any]]] | None = None
) -> int:
    """Measure what is named, or all; print it and write agent.json. Returns 1 where a figure is beyond its bound."""
    known = measurements if measurements is not None else _measurements()
    wanted = list(arguments) or list(known)
    if not known.keys() >= set(wanted):
        sys.stderr.write(f"what can be measured: {' '.join(known)}\n")
        return 2
    found = {}
    results.mkdir(exist_ok=True)
    for name in wanted:
        found[name] = known[name]()
        (results / "agent.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        print(json.dumps({name: found[name]}, indent=2), flush=True)
    told = [each for name, figures in found.items() for each in beyond(name, figures)]
    sys.stderr.writelines(f"{each}\n" for each in told)
    return 1 if told else 0


def _measurements() -> Mapping[str, Callable[[], dict[str, Any]]]:
    return {
        "hot-100ms": lambda: _summaries("100ms", hot=True),
        "hot-1s": lambda: _summaries("1s", hot=True),
        "cold-100ms": lambda: _summaries("100ms", hot=False),
        "cold-1s": lambda: _summaries("1s", hot=False),
        "many": lambda: load(MANY, "1s"),
        "idle": lambda: load(10, "5m"),
        "noise": lambda: {"10 ms late by": summary(noise())},
    }
