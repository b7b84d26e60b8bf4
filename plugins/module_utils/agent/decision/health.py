# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the primary of a group works, by rounds of echo requests.

What counts as a failure is silence: so many rounds in a row whose time is over. An answer that comes late still shows that
there is a way, so that a way that is slower than the interval is long never counts as broken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from .timing import Clock
from .values import Answer
from .wanted import Check

_SOON_S = 5.0


@dataclass(frozen=True)
class Round:
    """A round that was sent, and who has answered."""

    sequence: int
    sent: float
    answered: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Health:
    """What the rounds so far say.

    `rounds` are those after the last one that was answered, which was `heard` then; `streak` counts those answered in a row.
    """

    first: float
    sequence: int = 0
    sent: float | None = None
    rounds: tuple[Round, ...] = ()
    streak: int = 0
    failed: bool = False
    heard: float | None = None

    def doubted(self, check: Check, now: float) -> bool:
        """Say whether answers are missing, and not yet so many that it has failed, which will be known in a few seconds."""
        soon = check.again is not None and check.again * check.retries <= _SOON_S
        return soon and not self.failed and any(now >= each.sent + check.answer_within for each in self.rounds)

    def trusted(self, check: Check, now: float) -> bool:
        """Say whether enough was answered in a row, and nothing that should have come by now is missing since."""
        if self.heard is None or self.streak < check.rise:
            return False
        return now < self.heard + check.answer_within or all(
            now < each.sent + check.answer_within for each in self.rounds
        )


def step(check: Check, health: Health, answers: Iterable[Answer], *, due: bool, clock: Clock) -> Health:
    """Return the health after these answers and at this moment; a new round has begun if its `sequence` is another one."""
    for answer in answers:
        health = _heard(check, health, answer, clock.now)
    missed = sum(clock.past(each.sent + check.answer_within) for each in health.rounds)
    if _silent(check, health, missed, clock):
        health = dataclasses.replace(health, failed=True, streak=0)
    moment = _next_round(check, health, missed)
    waiting = len(health.rounds) > missed
    if (due and not waiting) or (moment is not None and clock.past(moment)):
        health = _sent(check, health, clock.now)
    return health


def anew(health: Health, now: float) -> Health:
    """Return the health of a primary of which old rounds say nothing any more; unless a calendar decides, it is checked at once."""
    return dataclasses.replace(health, first=now, sent=None, rounds=(), streak=0, failed=False, heard=None)


def _heard(check: Check, health: Health, answer: Answer, now: float) -> Health:
    index = next((at for at, each in enumerate(health.rounds) if each.sequence == answer.sequence), None)
    if index is None or answer.address not in check.addresses:
        return health
    one = health.rounds[index]
    one = dataclasses.replace(one, answered=one.answered | {answer.address})
    if len(one.answered) < check.quorum:
        rounds = (*health.rounds[:index], one, *health.rounds[index + 1 :])
        return dataclasses.replace(health, rounds=rounds)
    # A round before it that nobody has answered until now is lost, and with it the row.
    streak = 1 if index else health.streak + 1
    rounds = health.rounds[index + 1 :]
    return dataclasses.replace(health, rounds=rounds, streak=streak, failed=False, heard=now)


def _silent(check: Check, health: Health, missed: int, clock: Clock) -> bool:
    """Say whether so many rounds in a row are without an answer as are a failure.

    Whoever looks comes a little late to each of them, and these delays would add up. So the first one's time counts: after as long
    as all may take, the last one need have waited for half of its own.
    """
    if missed >= check.retries:
        return True
    if health.failed or check.again is None or len(health.rounds) < check.retries:
        return False
    over = health.rounds[-check.retries].sent + (check.retries - 1) * check.again + check.answer_within
    return clock.past(max(over, health.rounds[-1].sent + check.answer_within / 2))


def _next_round(check: Check, health: Health, missed: int) -> float | None:
    if health.sent is None:
        return None if check.interval is None else health.first
    hurried = missed > 0 and not health.failed
    pace = check.again if hurried else check.interval
    return None if pace is None else health.sent + pace


def _sent(check: Check, health: Health, now: float) -> Health:
    # One more than can be missed is kept, so that a lost round before an answered one is always seen.
    kept = health.rounds[-check.retries :]
    sequence = health.sequence + 1
    return dataclasses.replace(health, sequence=sequence, sent=now, rounds=(*kept, Round(sequence, now)))
