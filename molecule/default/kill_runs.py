# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill runs of the engine at random moments on a real gateway, and see that each leaves the old or the new state.

Runs on the gateway itself, with the engine out of the installed program. Arguments: number of kills, seed. Prints one
JSON object: for each kill its moment, how it was recovered (by `swanfleet restore`, or by the next run alone), the state
found then, and whether the next run completed.
"""

from __future__ import annotations

import dataclasses
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
from swanfleet.desired.gateway import (  # noqa: E402
    dump_all_defaults,
    dump_gateway,
    dump_secrets,
    load_gateway,
    parse_gateway,
)
from swanfleet.drivers.host import local_host  # noqa: E402
from swanfleet.drivers.paths import Paths  # noqa: E402
from swanfleet.observed.read import read_stored  # noqa: E402

ADDED = 40
OLD = "/run/kill-runs-old.json"
# Of the playbook's tunnels this one changes with every run, and the other one must not notice any of them.
CHANGED, UNTOUCHED = "paris", "paris-v6"


def keep_old():
    """Store the old state: what the playbook left, and an on-demand tunnel and a route that the new state changes."""
    host = local_host(Paths())
    try:
        old = read_stored(host).gateway.merged(
            parse_gateway(
                {
                    "xfrm_interfaces": [
                        {"name": "left", "routes": [{"destination": "10.97.0.0/24"}]},
                        {"name": "right", "addresses": ["10.253.0.1/30"]},
                    ],
                    "phase1": [
                        {
                            "name": "demand",
                            "remote_endpoints": ["198.51.100.99"],
                            "init_type": "on_demand",
                            "psk": "only-for-the-lab-demand",
                            "xfrm_interface": "left",
                        }
                    ],
                    "phase2": [{"name": "lan", "phase1": "demand", "remote_networks": ["10.98.0.0/24"]}],
                }
            )
        )
    finally:
        host.charon.close()
    descriptor = os.open(OLD, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        json.dump([dump_gateway(old), dump_secrets(old), dump_all_defaults()], handle)


def wanted(name):
    """Return the gateway "old", or "new": tunnels that start and tunnels on demand changed, a route moved, many more."""
    with open(OLD, encoding="utf-8") as handle:
        old = load_gateway(*json.load(handle))
    if name == "old":
        return old
    phase1, phase2, links = dict(old.phase1), dict(old.phase2), dict(old.xfrm_interfaces)
    phase1["demand"] = dataclasses.replace(phase1["demand"], lifetime=4 * 3600)
    phase2[f"{CHANGED}/lan"] = dataclasses.replace(phase2[f"{CHANGED}/lan"], lifetime=2 * 3600)
    links["right"] = dataclasses.replace(links["right"], routes=links["left"].routes)
    links["left"] = dataclasses.replace(links["left"], routes=())
    changed = dataclasses.replace(old, phase1=phase1, phase2=phase2, xfrm_interfaces=links)
    return changed.merged(parse_gateway(more()))


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
        # A route of the guard leads nowhere and so has no device.
        routes = sorted((each["dst"], each.get("dev", each.get("type"))) for each in host.kernel.routes(83))
        files = {
            role: (host.files.read(path).content.decode(), host.files.read(path).mode)
            for role, path in host.paths.managed.items()
        }
        return json.dumps(
            {
                "files": files,
                "connections": host.charon.connections(),
                "secrets": sorted(host.charon.shared_ids()),
                "SAs of what is gone": sorted({name for name, _sa in host.charon.sas()} - {*host.charon.connections()}),
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


def bring_up():
    """Have the tunnels to the other gateway up, whoever of the two was there first."""
    host = local_host(Paths())
    try:
        up = {name for name, sa in host.charon.sas() if sa["child-sas"]}
        for name in {CHANGED, UNTOUCHED} - up:
            host.charon.initiate(ike=name, child="lan", timeout_ms=30000)
    finally:
        host.charon.close()


def untouched():
    """Return the CHILD_SAs of the tunnel that no run changes, by what tells one from its successor."""
    host = local_host(Paths())
    try:
        return sorted(
            child["spi-in"]
            for name, sa in host.charon.sas()
            if name == UNTOUCHED
            for child in sa["child-sas"].values()
            if child["state"] == "INSTALLED"
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
    """Start a run and kill it at a moment (seconds after its start); returns whether it was still at work, and its seconds."""
    began = time.monotonic()
    child = run_child(towards)
    try:
        child.wait(timeout=moment)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
    return child.wait() == -signal.SIGKILL, time.monotonic() - began


def recovered(by, towards):
    """Recover from a kill by restoring, or by the next run alone; returns how, with what success, in how many steps."""
    if by == "the next run":
        return {"by": by, "recovered": completed(towards) == 0, "steps of the recovery": 0}
    done = subprocess.run([PROGRAM, "restore"], capture_output=True, text=True, timeout=120, check=False)
    return {
        "by": by,
        "recovered": done.returncode == 0,
        "steps of the recovery": len(done.stdout.splitlines()),
        "said": done.stderr,
    }


def moments(kills, rng):
    """Return a fraction of a run in each equal part of it, with how to recover in turn, in any order."""
    found = [((part + rng.random()) / kills, ("restore", "the next run")[part % 2]) for part in range(kills)]
    rng.shuffle(found)
    return found


def main(kills, seed):
    """Kill runs with nobody else at work on the host."""
    # The agent would put things back on its own, at a moment of its own.
    subprocess.run(["systemctl", "stop", "swanfleet-agent.service"], check=True)
    try:
        measured(kills, seed)
    finally:
        subprocess.run(["systemctl", "start", "swanfleet-agent.service"], check=True)


def measured(kills, seed):
    """Kill runs from the old state to the new one and back in turn; recover, compare, and complete each."""
    rng = random.Random(seed)
    keep_old()
    assert completed("old") == 0
    bring_up()
    states = {"old": state()}
    began = time.monotonic()
    assert completed("new") == 0
    lasts = time.monotonic() - began
    states["new"] = state()
    assert states["old"] != states["new"]
    assert completed("old") == 0
    assert state() == states["old"], "going back to the old state does not give the old state"
    undisturbed = untouched()
    assert undisturbed, f"{UNTOUCHED} is not up"
    told, waiting, runs = [], moments(kills, rng), 0
    while waiting and runs < 3 * kills:
        fraction, by = waiting.pop(0)
        towards, runs = "old" if runs % 2 else "new", runs + 1
        killed, seconds = killed_run(towards, fraction * lasts)
        if not killed:
            # It has ended before its moment came: so long does a run last now.
            lasts = seconds
            waiting.append((fraction, by))
            assert state() == states[towards], f"a run that nobody killed has not made the {towards} state"
            continue
        recovery = recovered(by, towards)
        found = state()
        told.append(
            {
                "towards": towards,
                "moment": round(fraction, 3),
                **recovery,
                "state": next((name for name, each in states.items() if each == found), "mixture"),
                "next run completes": completed(towards) == 0 and state() == states[towards],
                "others undisturbed": untouched() == undisturbed,
            }
        )
    print(json.dumps({"seed": seed, "run_s": round(lasts, 2), "runs": runs, "kills": told}))


if __name__ == "__main__":
    if sys.argv[1] == "apply":
        apply(sys.argv[2])
    else:
        main(int(sys.argv[1]), int(sys.argv[2]))
