# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes of the figures: a table to read, ratios, and the files of bench/results."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import Sandbox

from .chart import chart
from .measurements import Table
from .processes import CHANGED, FIRST, NOOP, WORKS

# At 1,000 tunnels: the work, what it is held against, and how many seconds more it may take.
_TARGETS = (
    (NOOP, ("copy", NOOP), 0.35),
    (FIRST, ("swanctl", FIRST), 1.0),
    (CHANGED, ("ipsec_gateway", NOOP), 0.15),
)
_FASTER_THAN_LOOP = 150
# At 10,000 tunnels, the module alone: seconds and MB of a no-op, kB of its result.
_LARGE, _LARGE_NOOP_S, _LARGE_MB, _RESULT_KB = 10_000, 6.0, 300, 20
_TARGET_SIZE = 1000


def machine(sandbox: Sandbox) -> dict[str, Any]:
    """Describe the computer by what the figures depend on."""
    release = platform.freedesktop_os_release()
    return {
        "cpus": os.cpu_count(),
        "system": release.get("PRETTY_NAME", ""),
        "kernel": platform.release(),
        "python": sandbox.run(["python3", "--version"]).stdout.split()[-1],
        "strongswan": sandbox.run(["swanctl", "--version"]).stdout.split()[-1],
        "load": round(os.getloadavg()[0], 2),
    }


def write_results(document: Mapping[str, Any], table: Table, directory: Path) -> None:
    """Write `latest.json` and `latest.svg`."""
    directory.mkdir(exist_ok=True)
    (directory / "latest.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (directory / "latest.svg").write_text(chart(table), encoding="utf-8")


def print_report(document: Mapping[str, Any], table: Table) -> None:
    """Print every figure, the ratios, and how the targets are met."""
    print(f"\n{document['machine']}\nmedians of {document['rounds']}, seconds (~ extrapolated); then peak memory\n")
    for size in table.sizes():
        _print_size(table, size)
    _print_anatomy(document["argument_spec"])
    _print_playbooks(document["playbooks"], table)
    _print_targets(table)
    _print_large(document, table)


def _print_size(table: Table, size: int) -> None:
    print(
        f"{size:,} tunnels".ljust(18)
        + "".join(work.rjust(14) for work in WORKS)
        + "   first/swanctl   no-op/copy      MB"
    )
    for contender in table.contenders():
        cells = [table.median(contender, work, size) for work in WORKS]
        if not any(cells):
            continue
        mark = "~" if (contender, size) in table.extrapolated else ""
        shown = "".join(("-" if cell is None else f"{mark}{cell:.3f}").rjust(14) for cell in cells)
        first = _ratio(cells[0], table.median("swanctl", FIRST, size))
        noop = _ratio(cells[1], table.median("copy", NOOP, size))
        peak = max(
            sample.peak_mb
            for (name, _work, found), samples in table.samples.items()
            if (name, found) == (contender, size)
            for sample in samples
        )
        print(contender.ljust(18) + shown + first.rjust(16) + noop.rjust(13) + f"{peak:8.0f}")
    print()


def _ratio(value: float | None, base: float | None) -> str:
    return "-" if value is None or not base else f"{value / base:.2f} x"


def _print_anatomy(anatomies: Mapping[int, Mapping[str, float]]) -> None:
    print("a no-op of ipsec_gateway, with a probe (seconds)")
    for size, parts in anatomies.items():
        print(
            f"{size:>8,} tunnels: start and imports {parts['imports_s']:.3f}, argument spec {parts['argument_spec_s']:.3f}"
            f" = {parts['share']:.0%} of the process, engine {parts['engine_s']:.3f}"
        )


def _print_playbooks(playbooks: Mapping[str, Any], table: Table) -> None:
    if not playbooks:
        return
    size = playbooks["size"]
    first, noop = playbooks[FIRST]["median_s"], playbooks[NOOP]["median_s"]
    print(f"\nipsec_gateway as a whole playbook run, {size:,} tunnels: first apply {first:.2f} s, no-op {noop:.2f} s")
    loop = table.median("loop", NOOP, size)
    if loop:
        verdict = _verdict(loop / noop >= _FASTER_THAN_LOOP) if size == _TARGET_SIZE else "not judged at this size"
        print(f"a loop of one file a tunnel takes {loop:.0f} s for its no-op: {loop / noop:.0f} x: {verdict}")


def _verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def _print_targets(table: Table) -> None:
    print()
    for work, (contender, base_work), more in _TARGETS:
        found = table.median("ipsec_gateway", work, _TARGET_SIZE)
        base = table.median(contender, base_work, _TARGET_SIZE)
        if found is not None and base is not None:
            verdict = _verdict(found <= base + more)
            print(
                f"{_TARGET_SIZE:,} tunnels, {work}: {found:.3f} s, "
                f"{contender} {base_work} + {more} = {base + more:.3f} s: {verdict}"
            )


def _print_large(document: Mapping[str, Any], table: Table) -> None:
    """Print what is promised of a very large gateway, and how it grows against the daemon's own work."""
    noops = table.samples.get(("ipsec_gateway", NOOP, _LARGE))
    if not noops:
        return
    noop = table.median("ipsec_gateway", NOOP, _LARGE) or 0.0
    peak, kilobytes = max(sample.peak_mb for sample in noops), document["result_kb"][_LARGE]
    print(
        f"{_LARGE:,} tunnels, no-op: {noop:.2f} s of {_LARGE_NOOP_S:g}: {_verdict(noop <= _LARGE_NOOP_S)}; {peak:.0f} MB of "
        f"{_LARGE_MB}: {_verdict(peak <= _LARGE_MB)}; result {kilobytes:g} kB of {_RESULT_KB}: {_verdict(kilobytes <= _RESULT_KB)}"
    )
    small = [table.median(name, work, _TARGET_SIZE) for name, work in (("ipsec_gateway", NOOP), ("swanctl", NOOP))]
    large = [noop, table.median("swanctl", NOOP, _LARGE)]
    if all(small) and all(large):
        ours, daemon = ((large[n] or 0) / (small[n] or 1) for n in (0, 1))
        print(
            f"from {_TARGET_SIZE:,} to {_LARGE:,} tunnels a no-op grows {ours:.1f} x, swanctl --load-all {daemon:.1f} x: "
            f"{_verdict(ours <= daemon)}"
        )
