# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill runs of the engine at random moments on a real gateway, and see that each leaves the old or the new state.

Runs on the gateway itself, with the engine out of the installed program. Arguments: number of kills, seed. Prints one
JSON object: for each kill its moment, the state found after recovery, and whether the next run completed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

PROGRAM = "/usr/local/sbin/swanfleet"
sys.path.insert(0, PROGRAM)

from swanfleet.apply.transaction import run_transaction  # noqa: E402  # the path above comes first
from swanfleet.desired.gateway import parse_gateway  # noqa: E402
from swanfleet.drivers.host import local_host  # noqa: E402
from swanfleet.drivers.paths import Paths  # noqa: E402
from swanfleet.observed.read import read_stored  # noqa: E402

ADDED = 40


def wanted(name):
    """Return the gateway "old" (as the playbook left it) or "new" (with many tunnels more)."""
    host = local_host(Paths())
    try:
        if not os.path.exists("/run/old.json"):
            gateway = read_stored(host).gateway
            with open("/run/old.json", "w", encoding="utf-8") as handle:
                json.dump({"names": sorted(gateway.phase1)}, handle)
        with open("/run/old.json", encoding="utf-8") as handle:
            kept = set(json.load(handle)["names"])
        now = read_stored(host).gateway
    finally:
        host.charon.close()
    old = now
    for key in sorted(now.phase1.keys() - kept):
        old = old.without(_kind("phase1"), key)
    for key in [each for each in now.xfrm_interfaces if each.startswith("more")]:
        old = old.without(_kind("xfrm_interfaces"), key)
    return old if name == "old" else old.merged(parse_gateway(more()))


def _kind(plural):
    from swanfleet.desired.gateway import TYPES

    return next(kind for kind in TYPES if kind.plural == plural)


def more():
    """Return the tunnels that the new state has beside the old ones."""
    numbers = range(ADDED)
    return {
        "xfrm_interfaces": [{"name": f"more{n}", "addresses": [f"10.254.{n}.1/30"]} for n in numbers],
        "phase1": [
            {
                "name": f"more{n}",
                "remote_endpoints": [f"198.51.100.{100 + n}"],
                "init_type": "none",
                "psk": f"only-for-the-lab-{n}",
                "xfrm_interface": f"more{n}",
            }
            for n in numbers
        ],
        "phase2": [
            {
                "name": "lan",
                "phase1": f"more{n}",
                "local_networks": ["10.1.0.0/24"],
                "remote_networks": [f"10.99.{n}.0/24"],
            }
            for n in numbers
        ],
    }


def apply(name):
    """Make the host the old or the new gateway."""
    host = local_host(Paths())
    try:
        target = wanted(name)
        return run_transaction(host, lambda _now: target, check=False).changed
    finally:
        host.charon.close()


def state():
    """Return all that a run may change, as it is: files, what charon holds, links, routes, the gateway in force."""
    host = local_host(Paths())
    try:
        links = [
            (
                each["ifname"],
                each.get("linkinfo", {}).get("info_data"),
                each.get("ifalias"),
                "UP" in each["flags"],
                sorted(a["local"] for a in each["addr_info"] if a.get("scope") != "link"),
            )
            for each in host.kernel.interfaces()
            if each.get("linkinfo", {}).get("info_kind") == "xfrm"
        ]
        routes = sorted((each["dst"], each["dev"]) for each in host.kernel.routes(83))
        files = {
            role: (host.files.read(path).content.decode(), host.files.read(path).mode)
            for role, path in host.paths.managed.items()
        }
        return json.dumps(
            {
                "files": files,
                "connections": host.charon.connections(),
                "secrets": sorted(host.charon.shared_ids()),
                "links": sorted(links, key=str),
                "routes": routes,
                "in force": sorted(read_stored(host).gateway.phase1),
                "unfinished": host.generations.unfinished(),
                "litter": sorted(
                    n
                    for d in ("/etc/swanctl/conf.d", "/var/lib/swanfleet", "/var/lib/swanfleet/generations")
                    for n in os.listdir(d)
                    if n.endswith(".swanfleet")
                ),
            },
            sort_keys=True,
        )
    finally:
        host.charon.close()


def run_child(name):
    """Start a process that applies a state."""
    return subprocess.Popen([sys.executable, __file__, "apply", name], stdin=subprocess.DEVNULL)


def completed(name):
    """Apply a state in a process of its own; returns its exit status."""
    return run_child(name).wait(timeout=120)


def killed_run(towards, moment):
    """Start a run and kill it at a moment (seconds after its start); returns whether it was still at work then."""
    child = run_child(towards)
    try:
        child.wait(timeout=moment)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
    return child.wait() == -signal.SIGKILL


def main(kills, seed):
    """Kill runs from the old state to the new one and back in turn; recover, compare, and complete each."""
    rng = random.Random(seed)
    states = {"old": state()}
    began = time.monotonic()
    assert completed("new") == 0
    lasts = time.monotonic() - began
    states["new"] = state()
    assert states["old"] != states["new"]
    assert completed("old") == 0
    assert state() == states["old"], "going back to the old state does not give the old state"
    told = []
    for number in range(kills):
        towards = "old" if number % 2 else "new"
        moment = rng.uniform(0, lasts)
        killed = killed_run(towards, moment)
        recovered = subprocess.run([PROGRAM, "restore"], capture_output=True, text=True, timeout=120, check=False)
        found = state()
        told.append(
            {
                "towards": towards,
                "moment": round(moment / lasts, 3),
                "killed": killed,
                "recovered": recovered.returncode == 0,
                "steps of the recovery": len(recovered.stdout.splitlines()),
                "state": next((name for name, each in states.items() if each == found), "mixture"),
                "next run completes": completed(towards) == 0 and state() == states[towards],
            }
        )
    print(json.dumps({"seed": seed, "run_s": round(lasts, 2), "kills": told}))


if __name__ == "__main__":
    if sys.argv[1] == "apply":
        apply(sys.argv[2])
    else:
        main(int(sys.argv[1]), int(sys.argv[2]))
