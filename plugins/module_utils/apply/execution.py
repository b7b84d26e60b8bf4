# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying out a plan: a new generation, its steps, verification by reading again, the commit, or the way back."""

from __future__ import annotations

import contextlib
import dataclasses

from ..artifacts.values import Artifacts, TakenOver
from ..desired.gateway import Gateway, dump_all_defaults, dump_gateway, dump_secrets
from ..desired.situation import Situation, dump_situation
from ..drivers.host import Host
from ..errors import ApplyError, DependencyMissing, IpsecError, VerifyError
from ..observed.read import observe
from ..observed.values import Observed
from ..plan.difference import plan
from ..plan.steps import Plan
from .going_back import Back, go_back
from .planning import with_rules
from .steps import StepFailed, carry_out
from .takeover import as_stored, check_rest, keep

FORMAT = 1


def execute(
    host: Host,
    gateway: Gateway,
    steps: Plan,
    wanted: Artifacts,
    observed: Observed,
    situation: Situation,
    *,
    gently: bool,
) -> list[str]:
    """Make `gateway` a generation, carry the steps to it out, verify by reading again, commit; else go back.

    Returns warnings. Raises `ApplyError`, which says which step failed, and whether the host is as before.
    """
    store = host.generations
    number = _store(host, gateway, wanted, situation, observed)
    try:
        if wanted.taken_over:
            _keep(host, number, wanted.taken_over, observed)
        warnings = carry_out(steps, wanted, observed, host, gently=gently)
        _verify(host, wanted, situation, observed)
        store.commit(number)
    except StepFailed as failed:
        back = _back(host, observed, situation)
        if not isinstance(failed.cause, IpsecError):
            raise
        raise ApplyError(failed.step, str(failed.cause), restored=back.restored, state=back.said) from failed
    except IpsecError as error:
        back = _back(host, observed, situation)
        step = "verification" if isinstance(error, VerifyError) else "verify and commit"
        raise ApplyError(step, str(error), restored=back.restored, state=back.said) from error
    with contextlib.suppress(IpsecError):
        # The new state stands; what is too old to keep is no reason to call the run failed.
        store.prune()
    return warnings


def _keep(host: Host, number: int, found: TakenOver, observed: Observed) -> None:
    try:
        keep(host, number, found, observed)
    except Exception as error:
        raise StepFailed("keep the hand-written files as they were", error) from error


def _store(host: Host, gateway: Gateway, wanted: Artifacts, situation: Situation, observed: Observed) -> int:
    """Store what is wanted, not yet in force; what fails here has touched nothing and leaves nothing."""
    untouched = observed.stored.number is None and not observed.stored.unfinished
    try:
        host.files.make_directory(host.paths.state, 0o700)
        _store_key(host, situation.host_key)
        return host.generations.write(
            {
                "format": FORMAT,
                "objects": dump_gateway(gateway),
                "defaults": dump_all_defaults(),
                "if_ids": dict(situation.if_ids),
                "tables": dict(situation.tables),
                "situation": dump_situation(gateway, situation),
                **as_stored(wanted.taken_over),
            },
            dump_secrets(gateway),
        )
    except IpsecError:
        if untouched:
            with contextlib.suppress(IpsecError):
                host.files.remove(host.paths.state)
        raise


def _back(host: Host, observed: Observed, situation: Situation) -> Back:
    was_down = observed.daemon is None
    return go_back(host, number=observed.stored.number, host_key=situation.host_key, was_down=was_down)


def _verify(host: Host, wanted: Artifacts, situation: Situation, before: Observed) -> None:
    now = observe(host, host_key=situation.host_key, known=before.stored)
    if now.daemon is None and not (before.daemon is None and now.daemon_down):
        raise DependencyMissing(now.daemon_trouble)
    told = with_rules(host, wanted, dataclasses.replace(now, stored=before.stored))
    now = dataclasses.replace(now, firewall=told.firewall, uplinks=told.uplinks)
    left = plan(dataclasses.replace(wanted, taken_over=TakenOver()), now)
    missing = [str(step) for step in left.steps] + check_rest(host, wanted.taken_over.rest)
    if missing:
        raise VerifyError(missing)


def _store_key(host: Host, key: bytes) -> None:
    found = host.files.read(host.paths.host_key)
    if found is None or found.content != key:
        host.files.replace(host.paths.host_key, key, 0o600)
