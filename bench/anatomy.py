# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a run of ipsec_gateway spends its time, and the share of Ansible's argument spec in it."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from ansible_collections.swanfleet.ipsec.tests.daemon.module_programs import TARGET_PYTHON
from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import Sandbox

from .measurements import timed
from .processes import NOOP, Processes

_PROBE = str(Path(__file__).parent / "probe.py")


def anatomy(sandbox: Sandbox, processes: Processes, rounds: int) -> dict[str, float]:
    """Return medians in seconds of a no-op's parts, from runs with a probe that are not counted otherwise."""
    sandbox.fresh()
    program = str(processes.programs[NOOP])
    timed(sandbox, TARGET_PYTHON, program)
    told = sandbox.directory / "probe.json"
    parts: dict[str, list[float]] = {}
    for _number in range(rounds):
        sample = timed(sandbox, TARGET_PYTHON, _PROBE, str(told), program)
        found: dict[str, float] = json.loads(told.read_text("utf-8"))
        found["process_s"] = sample.seconds
        found["share"] = found["argument_spec_s"] / sample.seconds
        for name, value in found.items():
            parts.setdefault(name, []).append(value)
    return {name: round(statistics.median(values), 4) for name, values in parts.items()}
