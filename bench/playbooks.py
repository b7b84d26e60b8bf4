# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contenders that are loops of a playbook: one file a tunnel, and our object modules; and a playbook with ipsec_gateway."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.swanfleet.ipsec.tests.daemon.module_programs import COLLECTIONS_PATH, TARGET_PYTHON
from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import Sandbox

from .gateways import gateway, phase1, phase2
from .measurements import Sample, Table, summary, timed
from .processes import CHANGED, FIRST, NOOP, REMOVED

# Run for real: more would take hours. Larger sizes are extrapolated from the largest of these.
SIZES = (1, 10)
_LOOP = "loop"
_OBJECTS = "object modules"
_FILE = """\
connections {{
  {name} {{
    version = 2
    remote_addrs = {peer}
    local {{ auth = psk
      id = hub.example.com
    }}
    remote {{ auth = psk
      id = {name}.example.com
    }}
    children {{
      lan {{
        local_ts = 10.0.0.0/16
        remote_ts = {network}
        life_time = {lifetime}
      }}
    }}
  }}
}}
secrets {{
  ike-{name} {{
    id = {name}.example.com
    secret = "{psk}"
  }}
}}
"""


def _task(name: str, module: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, module: arguments, **more}


def _play(tasks: list[dict[str, Any]], handlers: Sequence[dict[str, Any]] = ()) -> str:
    play = {"hosts": "all", "gather_facts": False, "tasks": tasks, "handlers": list(handlers)}
    return json.dumps([play])


def _loop_play(items: int, *, lifetime: int, removed: bool = False) -> str:
    """Return a play that writes one file a tunnel, the last with another lifetime or not at all, and reloads if any changed."""
    files = []
    for number in range(1, items + 1):
        one, two = phase1(number), phase2(number)
        text = _FILE.format(
            name=one["name"],
            peer=one["remote_endpoints"][0],
            psk=one["psk"],
            network=two["remote_networks"][0],
            lifetime=lifetime if number == items else 3600,
        )
        files.append({"name": one["name"], "text": text})
    gone = files.pop()["name"] if removed else None
    copy = {"content": "{{ item.text }}", "dest": "/etc/swanctl/conf.d/{{ item.name }}.conf", "mode": "0600"}
    looped = {"loop": files, "loop_control": {"label": "{{ item.name }}"}, "notify": "Reload"}
    reload = _task("Reload", "ansible.builtin.command", {"argv": ["swanctl", "--load-all", "--noprompt"]})
    tasks = [_task("One file a tunnel", "ansible.builtin.copy", copy, **looped)]
    if gone:
        absent = {"path": f"/etc/swanctl/conf.d/{gone}.conf", "state": "absent"}
        tasks.append(_task("One that goes", "ansible.builtin.file", absent, notify="Reload"))
    return _play(tasks, [reload])


def _object_play(items: int, *, lifetime: int, removed: bool = False) -> str:
    """Return a play with our object modules in loops, the last phase 2 with another lifetime, or the last tunnel absent."""
    tasks = []
    for module, make in (("ipsec_phase1", phase1), ("ipsec_phase2", phase2)):
        objects = [{**make(number), "lifetime": 3600} for number in range(1, items + 1)]
        if make is phase2:
            objects[-1]["lifetime"] = lifetime
        if removed:
            objects.pop()
        arguments = {key: f"{{{{ item.{key} }}}}" for key in make(1)} | {"lifetime": "{{ item.lifetime }}"}
        control = {"label": "{{ item.name }}"}
        tasks.append(_task(module, f"swanfleet.ipsec.{module}", arguments, loop=objects, loop_control=control))
    if removed:
        absent = {"name": phase1(items)["name"], "state": "absent"}
        tasks.append(_task("One that goes", "swanfleet.ipsec.ipsec_phase1", absent))
    return _play(tasks)


class Playbooks:
    """The loops at small sizes; larger ones are extrapolated from their cost for one item."""

    def __init__(self, sandbox: Sandbox, table: Table) -> None:
        self.sandbox = sandbox
        self.table = table
        self.empty: list[float] = []

    def round(self) -> None:
        """Measure each loop once at each work and small size, and a play that loops over nothing."""
        self.empty.append(run_playbook(self.sandbox, _loop_play(0, lifetime=3600)).seconds)
        for contender, play in ((_LOOP, _loop_play), (_OBJECTS, _object_play)):
            for size in SIZES:
                self.sandbox.fresh()
                for work, lifetime in ((FIRST, 3600), (NOOP, 3600), (CHANGED, 7200), (REMOVED, 7200)):
                    if work == REMOVED and size == 1:
                        continue
                    sample = run_playbook(self.sandbox, play(size, lifetime=lifetime, removed=work == REMOVED))
                    assert ("changed=0" in sample.printed) is (work == NOOP), sample.printed[-800:]
                    self.table.add(contender, work, size, sample)

    def extrapolate(self, sizes: Sequence[int]) -> None:
        """Add a row for each other size: the play without items, and so many times the cost of one item."""
        base, largest = statistics.median(self.empty), SIZES[-1]
        for contender in (_LOOP, _OBJECTS):
            for work in (FIRST, NOOP, CHANGED, REMOVED):
                for sample in list(self.table.samples[(contender, work, largest)]):
                    each = (sample.seconds - base) / largest
                    for size in set(sizes) - set(SIZES):
                        found = Sample(base + size * each, sample.cpu / largest * size, sample.peak_mb)
                        self.table.add(contender, work, size, found)
                        self.table.extrapolated.add((contender, size))


def gateway_playbook(sandbox: Sandbox, size: int, rounds: int) -> dict[str, Any]:
    """Return wall times of whole playbook runs with one ipsec_gateway task: first apply and no-op."""
    arguments = {"config": "{{ wanted }}", "state": "overridden"}
    play = json.dumps(
        [
            {
                "hosts": "all",
                "gather_facts": False,
                "vars_files": [str(sandbox.directory / "wanted.json")],
                "tasks": [_task("Gateway", "swanfleet.ipsec.ipsec_gateway", arguments)],
            }
        ]
    )
    (sandbox.directory / "wanted.json").write_text(json.dumps({"wanted": gateway(size)}), encoding="utf-8")
    samples: dict[str, list[Sample]] = {FIRST: [], NOOP: []}
    for _number in range(rounds):
        sandbox.fresh()
        for work, found in samples.items():
            sample = run_playbook(sandbox, play)
            assert ("changed=0" in sample.printed) is (work == NOOP), sample.printed[-800:]
            found.append(sample)
    return {"size": size, **{work: summary(found) for work, found in samples.items()}}


def run_playbook(sandbox: Sandbox, play: str) -> Sample:
    """Run a playbook (JSON is YAML) inside, on the sandbox itself, and measure the whole of ansible-playbook."""
    path = sandbox.directory / "play.yml"
    path.write_text(play, encoding="utf-8")
    program = shutil.which("ansible-playbook", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert program, "there is no ansible-playbook"
    environment = {
        "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS_PATH,
        "ANSIBLE_HOME": str(sandbox.directory / "home" / ".ansible"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "true",
    }
    host = ["-i", "sandbox,", "-c", "local", "-e", f"ansible_python_interpreter={TARGET_PYTHON}"]
    return timed(sandbox, program, *host, str(path), environment={**environment, "LC_ALL": "C.UTF-8"})
