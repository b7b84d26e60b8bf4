# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a host back to the generation in force: at boot, after a crash, without anyone asking for a change."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable

from ..artifacts.compute import artifacts, links_only
from ..artifacts.values import Artifacts
from ..drivers.charon import DaemonUnavailable
from ..drivers.host import Host
from ..errors import IpsecError, ValidationError
from ..observed.read import observe, read_stored
from ..observed.values import Observed, Stored
from ..plan.difference import plan
from ..plan.firewall import plan_firewall
from ..plan.guard import plan_guard
from ..plan.steps import Plan, Step
from .going_back import tidy
from .piecewise import carry_out_each
from .planning import planned, remember, situation_at_boot, to_remember, with_names, with_rules
from .stranded import Addresses, end_stranded
from .takeover import give_back
from .transaction import LOCK_TIMEOUT_S, host_key_of


@dataclass(frozen=True)
class Restored:
    """What a restoring did: the steps that went through, what failed, and what is worth knowing, each in a sentence.

    `stored` is what was read of the generation in force, where it still holds: whoever restores again can hand it over. `again`
    says that it is not yet as it should be, and will be after another run.
    """

    steps: tuple[Step, ...] = ()
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    stored: Stored | None = None
    again: bool = False


def restore(
    host: Host,
    *,
    with_daemon: bool,
    daemon_hangs: bool = False,
    program: str = "swanfleet restore",
    patience: float | None = None,
    known: Stored | None = None,
    names: Mapping[str, tuple[str, ...]] | None = None,
    addresses: Addresses | None = None,
) -> Restored:
    """Apply the generation in force, as far as that goes: what fails keeps nothing else from being put back.

    At boot it runs before charon (`with_daemon` false): links, routes and files; charon then loads the files by itself.
    One that is known to hang (`daemon_hangs`) is not asked either, and what is known of it stays.
    A generation that never reached its commit point is dropped when all is in place. Raises `IpsecError` where nothing
    can be done at all, as when the lock is not to be had within `patience` seconds, or as many as a run waits; `program`
    is what others are told that wait for it. Of `known`, the generation in force is not read again. `names` are the addresses
    of names, where somebody has looked them up, `addresses` what is known of this host's from run to run: what has lost its own
    ends before all else.
    """
    with host.files.lock(host.paths.lock, LOCK_TIMEOUT_S if patience is None else patience, program):
        failures = _told(host.sweep)
        kept = _told(lambda: give_back(host))
        # What did not come back may be in our files and secrets alone: until it has, charon and its files are left alone.
        asked = with_daemon and not kept and not daemon_hangs
        addresses = addresses or Addresses()
        if asked and addresses.present is not None and known is None:
            known = read_stored(host)
        ended, in_vain = _stranded(host, known, addresses) if asked else ([], [])
        failures += in_vain
        observed = observe(host, host_key=host_key_of(host), with_daemon=asked, known=known)
        came_back = addresses.came_back(observed)
        observed = addresses.without_absent(observed)
        if observed.stored.number is None and not observed.stored.unfinished:
            return Restored(failures=tuple(kept))
        absent = [observed.daemon_trouble] if asked and observed.daemon is None else []
        gateway = observed.stored.gateway
        situation = situation_at_boot(observed, gateway, before_charon=not asked and not daemon_hangs)
        situation = with_names(situation, gateway, names or {})
        wanted = (links_only if kept else artifacts)(gateway, situation)
        if kept or daemon_hangs:
            observed = dataclasses.replace(observed, daemon=None, daemon_down=False)
        wanted, observed, refused = _without_foreign(wanted, observed)
        failures += [*kept, *refused]
        observed, unread = _with_rules(host, wanted, observed)
        failures += unread
        try:
            steps = planned(host, wanted, observed)
        except DaemonUnavailable as error:
            failures.append(str(error))
            observed = dataclasses.replace(observed, daemon=None)
            steps = plan(wanted, observed)
        work = carry_out_each(steps, wanted, observed, host)
        failures += [str(failure) for failure in work.failures]
        if not failures and (observed.daemon is not None or observed.daemon_down):
            number = observed.stored.number
            failures += _told(lambda: tidy(host, number))
            failures += _told(lambda: remember(host, observed, situation))
        if work.journalled and (observed.daemon is not None or observed.daemon_down):
            # Whatever of it went wrong differs, or is in the journal, so that the next run sets it up.
            addresses.absent.clear()
        # Where it was made another one just now, it is read anew the next time.
        holds = not to_remember(gateway, observed.stored.situation, situation)
        told = (*wanted.warnings, *work.warnings)
        steps_done, stored = (*ended, *work.done), observed.stored if holds else None
        # What could not be put in place is tried again in its own time.
        return Restored(steps_done, (*failures, *absent), told, stored, again=came_back and not addresses.absent)


def _stranded(host: Host, known: Stored | None, addresses: Addresses) -> tuple[list[Step], list[str]]:
    """End what has lost its address; returns what was done, and why that has failed where it has."""
    if addresses.present is None or known is None or known.number != host.generations.current_number():
        return [], []
    try:
        return end_stranded(host, known, addresses), []
    except IpsecError as error:
        return [], [str(error)]


def _with_rules(host: Host, wanted: Artifacts, observed: Observed) -> tuple[Observed, list[str]]:
    """Return the host with its firewall, and why that cannot be read where it cannot."""
    try:
        return with_rules(host, wanted, observed), []
    except IpsecError as error:
        return observed, [str(error)]


def _told(work: Callable[[], None]) -> list[str]:
    """Do what can be done without; returns what to say of it where it fails."""
    try:
        work()
    except IpsecError as error:
        return [str(error)]
    return []


def restore_firewall(host: Host) -> Restored:
    """Put back the guard, and what belongs into the host's firewall; nothing else is looked at.

    It runs before there is a network, and after the host's own rules were loaded.
    """
    with host.files.lock(host.paths.lock, LOCK_TIMEOUT_S, "swanfleet restore --firewall"):
        observed = observe(host, host_key=host_key_of(host), with_daemon=False)
        gateway = observed.stored.gateway
        wanted = links_only(gateway, situation_at_boot(observed, gateway, before_charon=True))
        observed, unread = _with_rules(host, wanted, observed)
        guarded, freed = plan_guard(wanted.guard, observed.guard)
        rules = observed.firewall
        opened, closed = plan_firewall(wanted.firewall, rules) if rules is not None else ([], [])
        work = carry_out_each(Plan((*opened, *guarded, *freed, *closed)), wanted, observed, host)
        return Restored(tuple(work.done), (*unread, *map(str, work.failures)), tuple(work.warnings))


def _without_foreign(wanted: Artifacts, observed: Observed) -> tuple[Artifacts, Observed, list[str]]:
    """Leave out the links that something of others stands in the way of, wanted and present, and tell of them."""
    try:
        plan(wanted, observed)
    except ValidationError as error:
        where = {problem.where for problem in error.problems}
        kept = {name: link for name, link in wanted.links.items() if f"xfrm_interface {name}" not in where}
        there = {name: link for name, link in observed.links.items() if name in kept or name not in wanted.links}
        told = [str(problem) for problem in error.problems]
        return dataclasses.replace(wanted, links=kept), dataclasses.replace(observed, links=there), told
    return wanted, observed, []
