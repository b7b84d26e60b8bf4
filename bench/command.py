# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `bench/run`: what is measured in which order, and where it goes."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.swanfleet.ipsec.tests.daemon.module_programs import ModulePrograms
from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import opened

from .anatomy import anatomy
from .measurements import Table
from .playbooks import Playbooks, gateway_playbook
from .processes import Processes
from .report import machine, print_report, write_results

_SIZES = "1,10,100,1000,10000"
_FEWEST_ROUNDS = 5


def main(argv: Sequence[str], results: Path) -> int:
    """Measure, print, and write `latest.json` and `latest.svg` to `results`."""
    options = _options(argv)
    table, started = Table(), time.monotonic()
    with opened() as sandbox, ModulePrograms(sandbox) as modules:
        anatomies, results_kb = {}, {}
        for size in options.sizes:
            processes = Processes(modules, size, table)
            for number in range(options.rounds):
                _progress(started, f"{size} tunnels, round {number + 1} of {options.rounds}")
                processes.round()
            anatomies[size] = anatomy(sandbox, processes, options.rounds)
            results_kb[size] = processes.result_kb
        playbooks = {}
        if not options.no_playbooks:
            looped = Playbooks(sandbox, table)
            for number in range(options.rounds):
                _progress(started, f"loops in playbooks, round {number + 1} of {options.rounds}")
                looped.round()
            looped.extrapolate(options.sizes)
            size = max(each for each in options.sizes if each <= options.playbook_size)
            _progress(started, f"ipsec_gateway in a playbook, {size} tunnels")
            playbooks = gateway_playbook(sandbox, size, options.rounds)
        where = machine(sandbox)
    document = {
        "machine": where,
        "rounds": options.rounds,
        "rows": table.rows(),
        "extrapolated": [{"contender": name, "size": size} for name, size in sorted(table.extrapolated)],
        "argument_spec": anatomies,
        "playbooks": playbooks,
        "result_kb": results_kb,
    }
    write_results(document, table, results)
    print_report(document, table)
    print(f"\nwritten to {results}/latest.json and latest.svg, after {time.monotonic() - started:.0f} s")
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run", description="Measure the collection against what else there is.")
    parser.add_argument(
        "--sizes",
        type=_sizes,
        default=_sizes(os.environ.get("BENCH_SIZES") or _SIZES),
        help="tunnels, by commas or blanks",
    )
    parser.add_argument("--rounds", type=int, default=_FEWEST_ROUNDS, help="how often each figure is taken")
    parser.add_argument(
        "--no-playbooks", action="store_true", help="leave out the contenders that need ansible-playbook"
    )
    parser.add_argument(
        "--playbook-size", type=int, default=1000, help="the most tunnels for ipsec_gateway in a playbook"
    )
    options = parser.parse_args(argv)
    options.playbook_size = max(options.playbook_size, min(options.sizes))
    return options


def _sizes(text: str) -> list[int]:
    return sorted({int(word) for word in text.replace(",", " ").split()})


def _progress(started: float, text: str) -> None:
    print(f"[{time.monotonic() - started:4.0f} s] {text}", flush=True)
