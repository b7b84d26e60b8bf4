# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going back: after a run that failed, the host becomes again what the generation in force says."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass

from ..artifacts.compute import artifacts
from ..drivers.charon import DaemonHung, DaemonUnavailable
from ..drivers.host import Host
from ..errors import IpsecError, VerifyError
from ..observed.read import observe
from ..plan.difference import plan
from .piecewise import carry_out_each
from .planning import planned, remember, situation_of, with_rules
from .steps import end_journal, record
from .takeover import give_back

# A charon that restarts during a run goes once and comes once.
_ATTEMPTS = 3
_AS_BEFORE = "the host is as before the run"
_CHARON_DOWN = (
    "files and links are as before the run, and charon, which is down now, loads them when it starts: "
    "'systemctl start strongswan'"
)
_CHARON_SILENT = (
    "files and links are as before the run, but charon could not be told: run again when it answers, "
    "or restart it with 'systemctl restart strongswan'"
)


@dataclass(frozen=True)
class Back:
    """What became of going back: whether the host is as before the run, and the same in words."""

    restored: bool
    said: str


def go_back(host: Host, *, number: int | None, host_key: bytes, was_down: bool) -> Back:
    """Apply the generation in force, `number`, again, as far as that goes, and read whether the host is like it.

    A charon that hangs is waited for once more and not again, so that the time is bounded; files and links come back
    without it. Raises no `IpsecError`. `was_down` says that charon was down when the run began.
    """
    for _attempt in range(_ATTEMPTS):
        try:
            hangs = _hangs_in_giving_back(host)
            back = _attempt_back(host, number=number, host_key=host_key, was_down=was_down, hangs=hangs)
        except DaemonUnavailable:
            # It went while it was given its secrets back; with the next attempt it has come again, or is down.
            continue
        except IpsecError as error:
            return _failed(error)
        if back is not None:
            return back
    return _failed(DaemonUnavailable("charon comes and goes, see 'journalctl -u strongswan'"))


def _hangs_in_giving_back(host: Host) -> bool:
    """Give back what was taken over; returns whether charon, which hangs, still lacks its secrets. Raises `IpsecError`."""
    try:
        give_back(host)
    except DaemonHung:
        return True
    return False


def _attempt_back(host: Host, *, number: int | None, host_key: bytes, was_down: bool, hangs: bool) -> Back | None:
    """Try once; returns None where charon has come back meanwhile, and another attempt can tell it.

    A charon that `hangs` is not asked: what it still has to be given back must come before anything is taken from it.
    """
    observed = observe(host, host_key=host_key, with_daemon=not hangs)
    gateway = observed.stored.gateway
    situation = situation_of(host, observed, gateway)
    wanted = artifacts(gateway, situation)
    observed = with_rules(host, wanted, observed)
    troubles: list[Exception] = []
    try:
        steps = planned(host, wanted, observed)
    except DaemonUnavailable as error:
        troubles.append(error)
        observed = dataclasses.replace(observed, daemon=None)
        steps = plan(wanted, observed)
    work = carry_out_each(steps, wanted, observed, host)
    troubles += [failure.cause for failure in work.failures]
    for failure in work.failures:
        if not isinstance(failure.cause, DaemonUnavailable):
            return _failed(failure)
    hangs = hangs or any(isinstance(trouble, DaemonHung) for trouble in troubles)
    hangs = hangs or (not troubles and observed.daemon is None and not observed.daemon_down)
    found = observe(host, host_key=host_key, with_daemon=not hangs)
    found = with_rules(host, wanted, found)
    left = plan(wanted, found)
    if found.daemon is not None and (troubles or (left and observed.daemon is None)):
        return None
    if left:
        return _failed(VerifyError([str(step) for step in left.steps]))
    if hangs or (found.daemon is None and not found.daemon_down):
        return Back(restored=False, said=_CHARON_SILENT)
    with contextlib.suppress(IpsecError):
        tidy(host, number)
        remember(host, observed, situation)
        if work.unrecorded and number is not None:
            # There may be room for it, now that the generation of the run that failed is gone.
            record(steps, wanted, observed, host)
    if found.daemon is None and not was_down:
        return Back(restored=False, said=_CHARON_DOWN)
    return Back(restored=True, said=_AS_BEFORE)


def tidy(host: Host, number: int | None) -> None:
    """Drop what was stored and never came into force; a host that has nothing in force keeps no store at all."""
    if number is None:
        host.files.remove(host.paths.journal)
        host.files.remove(host.paths.state)
    else:
        host.generations.prune()
        end_journal(host)


def _failed(error: Exception) -> Back:
    return Back(restored=False, said=f"the host could NOT be brought back to its state before the run: {error}")
