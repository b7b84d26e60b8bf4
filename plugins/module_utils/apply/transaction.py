# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run: read, plan, and unless it is a check, apply as a new generation, verify, commit, or go back."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Callable

from ..artifacts.compute import artifacts
from ..artifacts.guard import still_stopped
from ..artifacts.releases import too_new, unmet, unmet_by_authorities, unmet_by_keys
from ..artifacts.values import CONNECTIONS_FILE, Artifacts, TakenOver
from ..desired.changes import changed_options
from ..desired.credentials import check_credentials, date_warnings, with_contents
from ..desired.gateway import Gateway, check_gateway, without_dangling
from ..desired.guarding import managed_from
from ..desired.roles import Resting
from ..desired.running import OPTIONAL, RunOptions
from ..desired.shunt_advice import Ends, cut_off
from ..desired.situation import Situation, interface_problems
from ..desired.xfrm_interface import DOWN
from ..drivers.host import Host
from ..errors import DependencyMissing, DisruptionRefused, ValidationError
from ..observed.read import observe
from ..observed.values import Observed
from ..plan.disruption import END, INTERRUPTING
from ..plan.steps import FIREWALL, GUARD, Plan
from ..plan.takeover import as_ours, refuse_others, without_abandoned
from .agent import agent_optional, refuse_without_agent
from .planning import planned, remember, situation_of, with_rules
from .steps import CONNECTION_LAYERS
from .takeover import give_back, kept_in, refuse_edited, taken_over

LOCK_TIMEOUT_S = 60.0
_KEY_SIZE = 32
_PACKAGE = "charon-systemd"
_NO_DEMANDS = RunOptions()
_ASSUMED = "This check assumes that an earlier task makes it, and its plan leaves this object out"

Change = Callable[[Gateway], Gateway]


@dataclass(frozen=True)
class Outcome:
    """What a run found, planned and did; the same value for a check and a real run.

    `kept_in` is the directory with hand-written files as they were, where a run has taken over from them.
    """

    before: Gateway
    after: Gateway
    plan: Plan
    changed: bool
    warnings: tuple[str, ...]
    taken_over: TakenOver = dataclasses.field(default_factory=TakenOver)
    kept_in: str = ""

    @property
    def disruption(self) -> Mapping[str, str]:
        """Return what the plan does to the traffic of each connection that it touches."""
        return self.plan.disruption


def run_transaction(
    host: Host,
    change: Change,
    *,
    check: bool,
    demands: RunOptions = _NO_DEMANDS,
    program: str = "a run",
    partial: bool = False,
    adopting: Collection[str] | None = None,
) -> Outcome:
    """Make the host what `change` makes of the gateway in force.

    In a check nothing is written, and the plan is the very one that a run would execute. Where `demands` allow it, a
    charon that is down is no error: files and links are applied, and charon loads the files when it starts. Raises
    `IpsecError`: before the first step the host is untouched, after it the error says whether it is as before.
    `program` is what others are told that wait for this run. `partial` says that other runs before this one may make what
    an object refers to: a check, before which they have made nothing, leaves that object out and warns. `adopting` names
    connections of hand-written files that are taken over; none named are all of them.
    """
    if check:
        refuse_edited(host)
        key = host_key_of(host)
        return _planned(host, change, key, check=True, demands=demands, assuming=partial, adopting=adopting)[0]
    with host.files.lock(host.paths.lock, LOCK_TIMEOUT_S, program):
        host.sweep()
        give_back(host)
        key = host_key_of(host)
        outcome, wanted, observed, situation = _planned(
            host, change, key, check=False, demands=demands, adopting=adopting
        )
        if outcome.changed:
            # What carries a plan out takes a tenth of a run's start, and most runs of a fleet have nothing to do.
            from .execution import execute

            warnings = execute(
                host, outcome.after, outcome.plan, wanted, observed, situation, gently=not demands.allow_disruption
            )
            outcome = dataclasses.replace(outcome, warnings=outcome.warnings + tuple(warnings))
            if outcome.taken_over:
                number = host.generations.current_number() or 0
                outcome = dataclasses.replace(outcome, kept_in=kept_in(host, number))
        else:
            if observed.stored.unfinished:
                host.generations.prune()
            remember(host, observed, situation)
        return outcome


def _planned(
    host: Host,
    change: Change,
    host_key: bytes,
    *,
    check: bool,
    demands: RunOptions,
    assuming: bool = False,
    adopting: Collection[str] | None = None,
) -> tuple[Outcome, Artifacts, Observed, Situation]:
    observed = observe(host, host_key=host_key)
    if check:
        observed = without_abandoned(observed)
    warnings = _without_daemon(observed, check=check, demands=demands)
    found = TakenOver() if adopting is None else taken_over(host, observed, adopting)
    before = observed.stored.gateway
    after = change(before).merged(found.gateway)
    complete, missing = without_dangling(after) if assuming else (after, [])
    check_gateway(complete, interface_problems(complete, before, observed.situation))
    # What is taken over is in force already, whatever comes of it.
    warnings += refuse_without_agent(host, complete, agent_optional(demands) if found else demands)
    complete, more = _with_credentials(host, complete, before)
    after = dataclasses.replace(after, contents=complete.contents) if complete.contents != after.contents else after
    warnings += more
    warnings += tuple(f"{problem}. {_ASSUMED}" for problem in missing)
    situation = situation_of(host, observed, complete)
    wanted = dataclasses.replace(artifacts(complete, situation), taken_over=found)
    if found:
        observed = as_ours(observed, found, wanted)
        if observed.daemon is not None:
            named = found.gateway.phase1.keys() | found.rest.emptied.keys()
            loaded = sorted(observed.daemon.connections & named)
            refuse_others(wanted, host.charon.connections(loaded) if loaded else {})
    observed = with_rules(host, wanted, observed)
    warnings += _refuse_closed(wanted, observed)
    steps = planned(host, wanted, observed)
    _refuse_cut(host, complete, situation, steps, demands)
    _refuse_unmet(steps, wanted, observed)
    if not found:
        # What is taken over is in force already.
        _refuse_lockout(steps, complete, before, observed, host)
    if observed.daemon is None:
        warnings += _for_release(host, steps, wanted, demands.daemon_version)
    warnings += (*wanted.warnings, *found.notes)
    outcome = Outcome(before, after, steps, bool(steps) or after != before, warnings, found)
    if not demands.allow_disruption:
        _refuse_disruption(outcome, wanted)
    return outcome, wanted, observed, situation


def _refuse_closed(wanted: Artifacts, observed: Observed) -> tuple[str, ...]:
    """Raise `ValidationError` where the host's firewall cannot be opened in the way that is wanted; returns what may still drop."""
    if observed.firewall is None:
        return ()
    from ..plan.firewall import firewall_problems, firewall_warnings

    problems = firewall_problems(wanted.firewall, observed.firewall)
    if problems:
        raise ValidationError(problems)
    return tuple(firewall_warnings(wanted.firewall, observed.firewall))


def _refuse_cut(host: Host, gateway: Gateway, situation: Situation, steps: Plan, demands: RunOptions) -> None:
    """Raise `ValidationError` where a guard that comes would stop answers to whoever manages the host."""
    if not any(step.layer in (GUARD, FIREWALL) and step.verb != "remove" for step in steps.steps):
        return
    if any(each.plaintext_guard for each in gateway.phase2.values()):
        known = demands.management
        seen = () if known is not None else host.management.sessions()
        addresses = known if known is not None else tuple(sorted({each.client for each in seen}))
        stopped = still_stopped(gateway, situation)
        problems = list(managed_from(addresses, gateway.phase1, gateway.phase2, stopped))
        if problems:
            raise ValidationError(problems)


def _refuse_unmet(steps: Plan, wanted: Artifacts, observed: Observed) -> None:
    """Raise `ValidationError` where charon is to be told what it does not know; without it nothing can be said.

    So for a connection that waits: charon's next start would load it, and fail as a whole by it.
    """
    if observed.daemon is None:
        return
    told = {step.name for step in steps.steps if step.layer in CONNECTION_LAYERS} & wanted.connections.keys()
    trees = {**{name: wanted.connections[name] for name in sorted(told)}, **wanted.waiting}
    state = observed.daemon.state
    problems = unmet(trees, version=state.version, plugins=state.plugins)
    loaded = {step.name: step.key for step in steps.steps if (step.verb, step.layer) == ("load", "authority")}
    authorities = {name: wanted.authorities[section] for name, section in loaded.items()}
    problems += unmet_by_authorities(authorities, plugins=state.plugins)
    touched = {step.key or step.name for step in steps.steps if step.layer in ("file", "key", "token")}
    held = {role: each for role, each in wanted.credentials.items() if role in touched}
    tokens = {section: each for section, each in wanted.tokens.items() if section in touched}
    problems += unmet_by_keys(held, tokens, plugins=state.plugins)
    if problems:
        raise ValidationError(problems)


def _refuse_lockout(steps: Plan, gateway: Gateway, before: Gateway, observed: Observed, host: Host) -> None:
    """Raise `ValidationError` where a run would cut the session that it comes by."""
    loaded = {step.name for step in steps.steps if step.layer == "shunt" and step.verb in ("load", "install")}
    if observed.daemon is None:
        # charon loads them when it starts.
        loaded = {name for name, each in gateway.shunts.items() if before.shunts.get(name) != each}
    problems = [
        problem
        for each in (host.management.sessions() if loaded else ())
        for problem in cut_off(gateway, loaded, Ends(*each), observed.situation.addresses)
    ]
    if problems:
        raise ValidationError(problems)


def _for_release(host: Host, steps: Plan, wanted: Artifacts, version: str | None) -> tuple[str, ...]:
    """Refuse what a charon of a release would refuse at its start, where connections are written and none can be asked.

    Returns a warning that says which release that is.
    """
    if not any((step.layer, step.name) == ("file", CONNECTIONS_FILE) for step in steps.steps):
        return ()
    whose = "daemon_version is" if version else f"the package {_PACKAGE} is"
    version = version or host.packages.release(_PACKAGE)
    if not version:
        return (f"no release of {_PACKAGE} is known here: set daemon_version to have the plan checked against it",)
    problems = too_new({**wanted.connections, **wanted.waiting}, version=version, whose=whose)
    if problems:
        raise ValidationError(problems)
    return (f"this is planned for strongSwan {version}, since {whose} {version}",)


def _content(host: Host, path: str) -> bytes | None:
    found = host.files.read(path)
    return found.content if found is not None else None


def _with_credentials(host: Host, gateway: Gateway, before: Gateway) -> tuple[Gateway, tuple[str, ...]]:
    """Return the gateway with the content of the paths that it names; raises `ValidationError` for what cannot be right."""
    found, warnings = with_contents(gateway, lambda path: _content(host, path), before)
    check_credentials(found)
    return found, (*warnings, *date_warnings(found, host.clock.time_of_day()))


def _refuse_disruption(outcome: Outcome, wanted: Artifacts) -> None:
    interrupted = sorted((name, told) for name, told in outcome.disruption.items() if told in INTERRUPTING)
    if interrupted:
        raise DisruptionRefused(
            [
                f"{name} ({_why(told, changed_options(outcome.before, outcome.after, name), *_causes(name, wanted))})"
                for name, told in interrupted
            ]
        )


def _why(told: str, options: Sequence[str], role: Resting | None, link: str) -> str:
    reason = f", as {role.why}" if role is not None and role.standby else ""
    what = "SAs end" if told == END else "is interrupted and set up again"
    if link and told == END:
        what = f"no traffic any more, as xfrm_interface {link} has link_state: down"
    return what + reason + (f"; changed: {', '.join(options)}" if options else "")


def _causes(name: str, wanted: Artifacts) -> tuple[Resting | None, str]:
    """Return what can end the traffic of a connection beside its own options: its role, and a link that is never up."""
    ties = ((link.name, link.bound) for link in wanted.links.values())
    muted = (link for link, bound in ties if bound.state == DOWN and name in bound.connections)
    return wanted.resting.get(name), next(muted, "")


def _without_daemon(observed: Observed, *, check: bool, demands: RunOptions) -> tuple[str, ...]:
    """Return the warning of a run that goes on without charon; raise where it may not."""
    if observed.daemon is not None:
        return ()
    if demands.daemon == OPTIONAL and observed.daemon_down:
        return (f"{observed.daemon_trouble}. charon is not told what this run changes, and loads it when it starts",)
    if check:
        return (f"{observed.daemon_trouble}. The plan leaves out what charon would be told",)
    raise DependencyMissing(observed.daemon_trouble)


def host_key_of(host: Host) -> bytes:
    """Return the host's own key for hashes of secrets; a fresh one, not stored yet, where there is none."""
    found = host.files.read(host.paths.host_key)
    return found.content if found is not None and len(found.content) >= _KEY_SIZE else host.files.random(_KEY_SIZE)
