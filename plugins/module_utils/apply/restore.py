# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a host back to the generation in force: at boot, after a crash, without anyone asking for a change."""

from __future__ import annotations

from ..artifacts.compute import artifacts, links_only
from ..drivers.host import Host
from ..errors import ApplyError, ValidationError
from ..observed.read import observe
from ..plan.steps import Plan
from .steps import StepFailed, carry_out
from .transaction import LOCK_TIMEOUT_S, host_key_of, planned, with_numbers


def restore(host: Host, *, with_daemon: bool) -> Plan:
    """Apply the generation in force and return the steps that it took.

    At boot it runs before charon (`with_daemon` false): links, routes and files; charon then loads the files by itself.
    A generation that never reached its commit point is dropped. Raises `IpsecError`.
    """
    with host.files.lock(host.paths.lock, LOCK_TIMEOUT_S):
        host.sweep()
        observed = observe(host, host_key=host_key_of(host), with_daemon=with_daemon)
        if observed.stored.number is None and not observed.stored.unfinished:
            return Plan()
        situation = with_numbers(observed, observed.stored.gateway)
        complete = True
        try:
            wanted = artifacts(observed.stored.gateway, situation)
        except ValidationError:
            if with_daemon:
                raise
            # Early at boot an interface may not have its address yet; what charon will load stays as it is on disk, and
            # what an unfinished run has stored stays for the next run, which must know what may have been loaded.
            complete = False
            wanted = links_only(observed.stored.gateway, situation)
        steps = planned(host, wanted, observed)
        try:
            carry_out(steps, wanted, observed, host)
        except StepFailed as failed:
            raise ApplyError(failed.step, str(failed.cause), restored=False) from failed
        if complete:
            host.generations.prune()
        return steps
