# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying out as much of a plan as goes: for a host that is to be brought back, where half is better than nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..artifacts.values import Artifacts
from ..drivers.charon import DaemonUnavailable
from ..drivers.host import Host
from ..drivers.iproute2 import KernelRefused
from ..errors import IpsecError
from ..observed.values import Observed
from ..plan.steps import GUARD, UPLINK, Plan, Step
from .steps import (
    CONNECTION_LAYERS,
    KERNEL_LAYERS,
    StepFailed,
    begin_journal,
    grouped,
    needs_record,
    perform,
    record,
    touches_connections,
)

_TOLD_TO_CHARON = (
    "secret",
    "key",
    "token",
    "certificate",
    "trust",
    "credentials",
    "pool",
    "authority",
    "shunt",
    *CONNECTION_LAYERS,
)


@dataclass
class Work:
    """What became of a plan: the steps that went through, in order, those that did not with their reason, warnings.

    Without a journal, not `journalled`, no connection is touched. `unrecorded` says that the record of what is loaded
    could not be written.
    """

    done: list[Step] = field(default_factory=list)
    failures: list[StepFailed] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    journalled: bool = True
    unrecorded: bool = False
    _shunts_lost: bool = False
    _lost: set[tuple[str, str]] = field(default_factory=set)

    def lost(self, step: Step) -> bool:
        """Say whether a step has become pointless, or a danger, by an earlier failure."""
        silent = any(isinstance(failure.cause, DaemonUnavailable) for failure in self.failures)
        pointless = (silent and step.layer in _TOLD_TO_CHARON) or (
            not self.journalled and step.layer in CONNECTION_LAYERS
        )
        # One that is not there may be what lets somebody in, so that nothing is dropped after it.
        unsafe = self._shunts_lost and step.layer == "shunt" and step.verb != "unload"
        return pointless or unsafe or _subject(step) in self._lost

    def fail(self, step: Step, error: Exception) -> None:
        """Note a failure, which takes the later steps on the same object along; or all for a charon that is gone."""
        self.failures.append(StepFailed(str(step), error))
        self._shunts_lost |= step.layer == "shunt"
        self._lost.add(_subject(step))


def carry_out_each(steps: Plan, wanted: Artifacts, observed: Observed, host: Host) -> Work:
    """Carry out every step that goes, in order. What fails keeps no other object from being mended; bugs are raised."""
    work = Work()
    if touches_connections(steps):
        try:
            begin_journal(host)
        except IpsecError as error:
            work.failures.append(StepFailed("begin the journal of what is loaded", error))
            work.journalled = False
    for group in grouped(steps):
        if group[0].layer in KERNEL_LAYERS:
            _run(group, host, work)
        elif group[0].layer in CONNECTION_LAYERS:
            _load(group, wanted, observed, host, work)
        else:
            for step in group:
                _single(step, wanted, observed, host, work)
    # Where anything is left undone, the record from before says with the journal what is known; and so it does where a
    # new record cannot be written.
    done = {id(step) for step in work.done}
    if needs_record(steps) and all(id(step) in done for step in steps.steps if step.layer in CONNECTION_LAYERS):
        try:
            record(steps, wanted, observed, host)
        except IpsecError as error:
            work.warnings.append(f"record what charon holds: {error}")
            work.unrecorded = True
    return work


def _single(step: Step, wanted: Artifacts, observed: Observed, host: Host, work: Work) -> None:
    if work.lost(step):
        return
    try:
        perform([step], wanted, observed, host)
    except IpsecError as error:
        work.fail(step, error)
    else:
        work.done.append(step)


def _load(group: list[Step], wanted: Artifacts, observed: Observed, host: Host, work: Work) -> None:
    """Carry out steps of connections together; charon may refuse some of them."""
    left = [step for step in group if not work.lost(step)]
    if not left:
        return
    try:
        work.warnings += perform(left, wanted, observed, host, refused=work.fail)
    except StepFailed as failed:
        if not isinstance(failed.cause, IpsecError):
            raise
        work.failures.append(failed)
    except IpsecError as error:
        work.fail(left[0], error)
    else:
        work.done += [step for step in left if not work.lost(step)]


def _run(group: list[Step], host: Host, work: Work) -> None:
    """Run the commands of a batch; where one is refused, go on behind it with the other links."""
    left = [(step, command) for step in group for command in step.commands]
    failed: set[int] = set()
    while left:
        try:
            host.kernel.run([command for _step, command in left])
            break
        except IpsecError as refused:
            number = refused.number if isinstance(refused, KernelRefused) else None
            step = left[number or 0][0]
            work.fail(step, refused)
            behind = [] if number is None else left[number + 1 :]
            failed.add(id(step))
            failed.update(id(other) for other, _command in left if number is None)
            failed.update(id(other) for other, _command in behind if work.lost(other))
            left = [(other, command) for other, command in behind if id(other) not in failed]
    work.done += [step for step in group if id(step) not in failed]


def _subject(step: Step) -> tuple[str, str]:
    """Return what a step works on: the link of its commands for a step of the kernel, else its sort and name."""
    if step.commands and step.layer not in (GUARD, UPLINK):
        words = step.commands[0]
        return "kernel", words[words.index("dev") + 1]
    return "connection" if step.layer in CONNECTION_LAYERS else step.layer, step.key or step.name
