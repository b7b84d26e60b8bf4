# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times and memory of whole processes in the sandbox, and their medians."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.swanfleet.ipsec.tests.daemon.module_programs import TARGET_PYTHON
from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import Sandbox

_STOPWATCH = str(Path(__file__).parent / "stopwatch.py")
LIMIT_S = 600


@dataclass(frozen=True)
class Sample:
    """One run of one or more processes: seconds in all, of CPU, the highest peak in MB, what the last one printed."""

    seconds: float
    cpu: float
    peak_mb: float
    printed: str = ""

    def __add__(self, other: Sample) -> Sample:
        return Sample(
            self.seconds + other.seconds, self.cpu + other.cpu, max(self.peak_mb, other.peak_mb), other.printed
        )


def timed(sandbox: Sandbox, *argv: str, environment: Mapping[str, str] | None = None) -> Sample:
    """Run a program inside, and measure its process from start to end; raises AssertionError if it fails."""
    output = sandbox.directory / "output"
    stopwatch = [TARGET_PYTHON, "-I", "-S", _STOPWATCH, str(output), str(LIMIT_S)]
    done = sandbox.run([*stopwatch, *argv], timeout=LIMIT_S + 30, environment=environment)
    assert done.returncode == 0, done.stderr
    status, seconds, cpu, peak = done.stdout.split()
    printed = output.read_text("utf-8", "replace")
    assert status == "0", f"{' '.join(argv)} exited {status}: {printed[-2000:]}"
    return Sample(float(seconds), float(cpu), int(peak) / 1024, printed)


@dataclass
class Table:
    """All samples by contender, work and size, in the order in which they came."""

    samples: dict[tuple[str, str, int], list[Sample]] = field(default_factory=dict)
    extrapolated: set[tuple[str, int]] = field(default_factory=set)

    def add(self, contender: str, work: str, size: int, sample: Sample) -> None:
        """Add one sample."""
        self.samples.setdefault((contender, work, size), []).append(sample)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each contender, work and size."""
        return [
            {"contender": contender, "work": work, "size": size, **summary(found)}
            for (contender, work, size), found in self.samples.items()
        ]

    def median(self, contender: str, work: str, size: int) -> float | None:
        """Return the median in seconds, or None for what was not measured."""
        found = self.samples.get((contender, work, size))
        return statistics.median(sample.seconds for sample in found) if found else None

    def median_cpu(self, contender: str, work: str, size: int) -> float | None:
        """Return the median of CPU time, which other programs on the computer disturb less."""
        found = self.samples.get((contender, work, size))
        return statistics.median(sample.cpu for sample in found) if found else None

    def sizes(self) -> list[int]:
        """Return the sizes in order."""
        return sorted({size for _contender, _work, size in self.samples})

    def contenders(self) -> list[str]:
        """Return the contenders in the order in which they were measured."""
        return list(dict.fromkeys(contender for contender, _work, _size in self.samples))


def summary(samples: Sequence[Sample]) -> dict[str, float]:
    """Return median, minimum, maximum in seconds, the median of CPU time, and the highest peak in MB."""
    seconds = [sample.seconds for sample in samples]
    return {
        "median_s": round(statistics.median(seconds), 4),
        "min_s": round(min(seconds), 4),
        "max_s": round(max(seconds), 4),
        "cpu_s": round(statistics.median(sample.cpu for sample in samples), 4),
        "peak_mb": round(max(sample.peak_mb for sample in samples), 1),
    }
