# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one tree of errors: what a person can mend, told in sentences; bugs are never of these types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 20
_SHAPES = {str: "a text", dict: "a dictionary", list: "a list", tuple: "a list", bool: "a truth value"}


class IpsecError(Exception):
    """Tell a person what is wrong; the base of everything that `fail_json` prints without a traceback."""


@dataclass(frozen=True)
class Problem:
    """One wrong value: where it stands, what it is, and what would be right.

    `where` names the object ("phase1 berlin"), `option` the option with index ("remote_endpoints[0]"), `value` is the
    value as shown to people (secrets are shown as `***` by their own type), `wanted` says what would be right.
    """

    where: str
    option: str
    value: object
    wanted: str

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.where}: {self.option}: {self.wanted}"
        return f"{self.where}: {self.option} is {self.value!r}: {self.wanted}"


def wrong_shape(where: str, option: str, value: object, wanted: str) -> Problem:
    """Return the problem of a value that is no list, dictionary or text where one is needed.

    It tells what the value is and never shows it: a secret may be anywhere in it.
    """
    return Problem(where, option, None, f"{wanted} is needed, this is {_SHAPES.get(type(value), 'a number')}")


class ValidationError(IpsecError):
    """Refuse what a user wrote, with all problems of the call together, before anything is touched."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DisruptionRefused(IpsecError):
    """A run would interrupt tunnels, and is not allowed to; `tunnels` names each with the reason. Nothing was touched."""

    def __init__(self, tunnels: Sequence[str]) -> None:
        self.tunnels = tuple(tunnels)
        shown = "; ".join(self.tunnels[:_SHOWN]) + (
            f"; and {len(tunnels) - _SHOWN} more" if len(tunnels) > _SHOWN else ""
        )
        super().__init__(
            f"allow_disruption is false, and this would interrupt live tunnels: {shown}. Nothing was changed; run it with "
            "allow_disruption: true when that may happen"
        )


class DependencyMissing(IpsecError):
    """Name a program, package or daemon that the host lacks, and how to get it."""


class LockBusy(IpsecError):
    """Another run holds the host's lock; the message says which process and since when."""


class ApplyError(IpsecError):
    """A step of a plan failed; `step` is its text, `restored` says whether the host is as before the run, `state` how so."""

    def __init__(self, step: str, reason: str, *, restored: bool, state: str) -> None:
        self.step = step
        self.reason = reason
        self.restored = restored
        super().__init__(f"{step}: {reason}; {state}")


class VerifyError(IpsecError):
    """All steps went through, and the host still differs from what is wanted; `missing` lists the steps left."""

    def __init__(self, missing: Sequence[str]) -> None:
        self.missing = tuple(missing)
        super().__init__("after all steps the host still differs, these would be needed again: " + "; ".join(missing))
