# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Echo requests that go on while something happens: how long nobody answered, and how many were lost."""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from .errors import LabError
from .lab import Lab

#: Seconds between two requests of a way.
INTERVAL = 0.05
# A request that waits for its neighbour's address, or of which an error comes back, does not count as sent by ping(8).
_ANSWER = re.compile(r"^\[(\d+\.\d+)\] .*bytes from .*icmp_seq=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Answers:
    """The answers of one way: when each came, in seconds since 1970, and the number of its request."""

    times: tuple[float, ...]
    numbers: tuple[int, ...]

    @classmethod
    def read(cls, text: str) -> Answers:
        """Read what `ping -n -D` has printed so far."""
        found = [(float(moment), int(number)) for moment, number in _ANSWER.findall(text)]
        return cls(tuple(each[0] for each in found), tuple(each[1] for each in found))

    @property
    def gap(self) -> float:
        """Return the longest time between two answers, seconds; LabError where there are not two."""
        if len(self.times) < 2:
            raise LabError(f"{len(self.times)} answers have no time between them")
        return max(after - before for before, after in itertools.pairwise(self.times))

    @property
    def lost(self) -> int:
        """Return how many requests between the first and the last that were answered were not."""
        known = {*self.numbers}
        return max(known) - min(known) + 1 - len(known) if known else 0

    def within(self, begin: float, end: float) -> int:
        """Return how many came after a moment and not after another."""
        return sum(begin < moment <= end for moment in self.times)


class Stream:
    """Echo requests from a node along several ways, twenty a second each; a way is a name, a source and a target."""

    def __init__(self, lab: Lab, node: str, ways: Mapping[str, tuple[str, str]]) -> None:
        self._lab, self._node, self._ways = lab, node, dict(ways)
        self._folder = f"/run/stream-{uuid.uuid4()}"
        self._pids: list[str] = []

    def start(self) -> None:
        """Begin to send."""
        lines = [f"mkdir {self._folder}"]
        for number, (source, target) in enumerate(self._ways.values()):
            bound = f"-I {source} " if source else ""
            log = f"{self._folder}/{number}"
            lines.append(f"setsid ping -n -D {bound}-i {INTERVAL} {target} >{log} 2>&1 </dev/null & echo $!")
        self._pids = self._lab.run(self._node, ["sh", "-c", "\n".join(lines)]).stdout.split()

    def stop(self) -> None:
        """End, once."""
        pids, self._pids = self._pids, []
        if pids:
            self._lab.run(self._node, ["kill", "-INT", *pids], check=False)

    def answers(self) -> dict[str, Answers]:
        """Return what has been answered so far, by way."""
        read, _now = self._look()
        return read

    def steady(self) -> bool:
        """Say whether what was sent in the last second was answered on each way, but for a few."""
        read, now = self._look()
        return min(each.within(now - 1, now) for each in read.values()) >= 0.75 / INTERVAL

    def goes_on(self, more: int) -> Callable[[], bool]:
        """Return a condition: each way has so many answers more than now."""
        before = {name: len(each.times) for name, each in self.answers().items()}
        return lambda: all(len(each.times) >= before[name] + more for name, each in self.answers().items())

    def _look(self) -> tuple[dict[str, Answers], float]:
        """Return the answers and the lab's time of day, in one command, since each takes a while there."""
        paths = " ".join(f"{self._folder}/{number}" for number in range(len(self._ways)))
        line = f'date +%s.%N; for each in {paths}; do echo "== $each"; cat "$each"; done'
        now, *texts = re.split(r"^== .*\n", self._lab.run("machine", ["sh", "-c", line]).stdout, flags=re.MULTILINE)
        return {name: Answers.read(text) for name, text in zip(self._ways, texts, strict=True)}, float(now)


@contextmanager
def streaming(lab: Lab, node: str, ways: Mapping[str, tuple[str, str]]) -> Iterator[Stream]:
    """Send during the block; what was answered can be read behind it."""
    made = Stream(lab, node, ways)
    made.start()
    try:
        yield made
    finally:
        made.stop()
