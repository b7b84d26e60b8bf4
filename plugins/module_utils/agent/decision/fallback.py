# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tunnel of a group carries its traffic (S32 to S36, B06).

A tunnel is set up before it takes over: a switch goes to one that is up, and a search among tunnels that do not come up
switches nothing. Each switch away from the primary begins a hold, in which the primary does not get its place back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from . import health as checking
from .standing import Attempts, Standing, Trial
from .timing import CONNECT_WITHIN_S, Clock, backoff
from .values import (
    AUTO,
    FALLBACK,
    INITIATE,
    NOTE,
    PRIMARY,
    PROBE,
    REKEY,
    RESTART,
    SWITCH,
    TERMINATE,
    Action,
    Answer,
    Observation,
    View,
)

# A peer that is about another exchange of the same SA refuses for now, and charon asks again after 6 to 15 s.
REKEYED_WITHIN_S = 30.0
# What its DPD action brings back by itself is back within this time.
PATIENCE_S = 5.0
_UNTRIED = Attempts(0, 0.0)


class Turned(NamedTuple):
    """A group after one look at it: where it stands, what is to be done, and when to look again."""

    standing: Standing
    actions: tuple[Action, ...]
    wake: float | None


def turn(standing: Standing, seen: Observation, answers: Sequence[Answer], seed: str, now: float) -> Turned:
    """Return what a group does at one moment; it is over when nothing more follows from what is seen.

    `answers` are those of `seen` to this group's checks.
    """
    due = standing.group.name in seen.due
    actions: list[Action] = []
    while True:
        one = _Turn(standing, seen, seed, now)
        one.take(answers, due=due)
        actions += one.actions
        if one.standing == standing:
            return Turned(standing, tuple(actions), one.clock.wake)
        standing, answers, due = one.standing, (), False


class _Turn:
    """One pass over a group; `standing` and `actions` grow while it goes on."""

    def __init__(self, standing: Standing, seen: Observation, seed: str, now: float) -> None:
        self.standing = standing
        self.group = standing.group
        self.seen = seen
        self.seed = seed
        self.clock = Clock(now)
        self.actions: list[Action] = []

    def take(self, answers: Iterable[Answer], *, due: bool) -> None:
        """Look once at everything, and do what follows."""
        self._probe(answers, due=due)
        self._judge()
        self._heed_override()
        active, primary = self.standing.active, self.group.primary
        trouble = self._trouble(active) if active in self._allowed() else f"override is {self.standing.override}"
        if trouble and not self.standing.alarmed:
            # However long ago the last attempt was, what is kept ready is needed now.
            self._become(attempts={})
        self._become(alarmed=bool(trouble))
        if trouble:
            self._search(trouble)
        elif self.standing.override != AUTO or active == primary or not self._may_return():
            self._rest()
        elif self._view(primary).up:
            self._return()
        else:
            self._try_return()
        self._keep_ready()

    # What is known of each tunnel.

    def _probe(self, answers: Iterable[Answer], *, due: bool) -> None:
        check, before = self.group.check, self.standing.health
        if check is None or before is None:
            return
        after = checking.step(check, before, answers, due=due, clock=self.clock)
        if after.sequence != before.sequence:
            how = "the calendar says so" if due else "its time has come"
            reason = f"check of {self.group.primary}, round {after.sequence}: {how}"
            self._act(PROBE, self.group.primary, reason, addresses=check.addresses, sequence=after.sequence)
        self._become(health=after)

    def _judge(self) -> None:
        """Note since when the primary is good: it answers its checks, or, where there are none, it is up."""
        view, health = self._view(self.group.primary), self.standing.health
        good = view.usable and (view.up if health is None else health.streak > 0 and not health.failed)
        if not good:
            self._become(good_since=None)
        elif self.standing.good_since is None:
            # What was tried in vain was tried while it was not good.
            others = {each: tried for each, tried in self.standing.attempts.items() if each != self.group.primary}
            self._become(good_since=self.clock.now, attempts=others)

    def _view(self, member: str) -> View:
        return self.seen.view(member)

    def _initiates(self, member: str) -> bool:
        return not self.seen.wanted.tunnel(member).responder_only

    def _trouble(self, member: str) -> str:
        """Return why a tunnel cannot carry traffic; empty if nothing speaks against it."""
        view, health = self._view(member), self.standing.health
        if not view.usable:
            return f"{member} has no address of its own now"
        if member == self.group.primary:
            if health is not None and health.failed and self.group.check is not None:
                return f"{member} has not answered {self.group.check.retries} checks in a row"
        elif not view.up:
            return f"{member} is not up"
        if not view.up and (self._in_search(member) or self._long_down(view)):
            return f"the peer of {member} is dead, or does not answer"
        return ""

    def _in_search(self, member: str) -> bool:
        # What has failed has failed until it is up, also while it is being set up once more.
        return self.standing.search is not None and member == self.standing.active

    def _long_down(self, view: View) -> bool:
        return view.down_since is not None and self.clock.past(view.down_since + PATIENCE_S)

    # Which one is used.

    def _heed_override(self) -> None:
        override = self.seen.overrides.get(self.group.name, AUTO)
        if override != self.standing.override:
            self._note(self.standing.active, f"override is {override} now", once=False)
            self._end_trial(f"override is {override} now")
            self._become(override=override, search=None)

    def _allowed(self) -> tuple[str, ...]:
        by_hand = {PRIMARY: (self.group.primary,), FALLBACK: self.group.fallbacks}
        return by_hand.get(self.standing.override, self.group.members)

    def _good(self) -> str:
        since = self.standing.good_since or 0.0
        return f"{self.group.primary} has been good for {_seconds(self.clock.now - since)}"

    def _may_return(self) -> bool:
        since, health, check = self.standing.good_since, self.standing.health, self.group.check
        if not self.group.returns or since is None:
            return False
        if self.standing.trial is not None and self.standing.trial.tunnel == self.group.primary:
            # It was good enough when its trial began; one lost round since then is no reason to end that.
            return True
        view = self._view(self.group.primary)
        if view.up and view.unanswered:
            # What was asked while the line was cut is repeated ever more seldom: charon may yet give up a peer that is there.
            return False
        if health is not None and check is not None and not health.trusted(check, self.clock.now):
            return False
        return self.clock.past(max(since, self.standing.left or since) + self.standing.hold)

    def _rest(self) -> None:
        """Nothing is to be changed: what was tried for that ends, and so does what was told about it."""
        self._end_trial("it is not needed any more")
        self._become(search=None, told="")

    def _return(self) -> None:
        """Give the primary its place back, once both ends have something of it that is younger than its last failure.

        A peer whose charon asked something during the failure gives its end up when that stays unanswered, and tells nobody. An
        IKE SA with new keys takes the place of that one; one that was set up since then is as good.
        """
        asked, trial = self.standing.asked, self.standing.trial
        born, since = self._view(self.group.primary).born or 0.0, self.standing.good_since or 0.0
        tried = trial is not None and trial.tunnel == self.group.primary
        if tried or born > since or not self.group.rekeys:
            self._switch(self.group.primary, self._good())
        elif asked is None or asked < since:
            self._become(asked=self.clock.now)
            self._act(REKEY, self.group.primary, f"{self._good()}; both ends shall know of it before traffic returns")
            self.clock.past(self.clock.now + REKEYED_WITHIN_S)
        # Ages come in whole seconds, so that an SA may seem older than it is by less than one.
        elif born >= asked - 1.0 or self.clock.past(asked + REKEYED_WITHIN_S):
            self._switch(self.group.primary, self._good())

    def _try_return(self) -> None:
        """Set the primary up beside the fallback that is used; a primary that does not come up has cost nothing."""
        primary, trial = self.group.primary, self.standing.trial
        if trial is None or trial.tunnel != primary:
            self._rest()
            if self._initiates(primary) and not self.standing.kept_ready(primary):
                self._start_trial(primary, f"{self._good()}, to return to it")
        elif self.clock.past(trial.until):
            self._end_trial(f"it has not come up within {_seconds(CONNECT_WITHIN_S)}")
            hold = self._longer_hold()
            self._become(hold=hold, left=self.clock.now)
            self._note(
                primary, f"the return has failed: the next one is in {_seconds(hold)} at the earliest", once=False
            )

    def _longer_hold(self) -> float:
        return max(self.standing.hold, min(2 * self.standing.hold, self.group.hold_down_most))

    def _search(self, trouble: str) -> None:
        """Find another tunnel for the traffic, or bring back the one that is in use."""
        candidates = self._candidates()
        taking_over = next((each for each in candidates if self._takes_over(each)), None)
        if taking_over is None and self._carries_nothing():
            # What is up is better than nothing, whatever old rounds of its check say; new ones may say it again.
            taking_over = next((each for each in candidates if self._view(each).up and self._view(each).usable), None)
        if taking_over is not None:
            self._switch(taking_over, trouble)
        else:
            self._try(self._cycle(candidates), trouble)

    def _candidates(self) -> tuple[str, ...]:
        """Return what may take over, in the order in which it is tried: whoever comes after the one in use, in a circle."""
        allowed, active = self._allowed(), self.standing.active
        at = allowed.index(active) if active in allowed else 0
        circle = [each for each in (*allowed[at:], *allowed[:at]) if each != active]
        # A primary that answers its checks is the best guess.
        return tuple(sorted(circle, key=lambda each: each != self.group.primary or self.standing.good_since is None))

    def _takes_over(self, member: str) -> bool:
        # By hand also a primary that does not answer its checks.
        view = self._view(member)
        return view.up and (view.usable if self.standing.override != AUTO else not self._trouble(member))

    def _carries_nothing(self) -> bool:
        """Say whether the tunnel in use is down, and not just being set up anew."""
        view = self._view(self.standing.active)
        return not view.usable or (not view.up and (view.down_since is None or self._long_down(view)))

    def _cycle(self, candidates: Iterable[str]) -> Sequence[str]:
        """Return what is worth being set up, the one in use at last; who is kept ready anyway is not among them."""
        active, view = self.standing.active, self._view(self.standing.active)
        others = [each for each in candidates if self._view(each).usable and not self._view(each).up]
        found = [each for each in others if not self.standing.kept_ready(each)]
        # Who has chosen a tunnel by hand has looked at it: while it is up it stays as it is.
        anew = self.standing.override == AUTO if view.up else not self.group.hot
        if active in self._allowed() and view.usable and anew:
            found.append(active)
        return found

    def _try(self, cycle: Sequence[str], trouble: str) -> None:
        trial, search = self.standing.trial, self.standing.search or Attempts(0, self.clock.now)
        if trial is not None:
            if not self.clock.past(trial.until):
                return
            self._end_trial(f"it has not come up within {_seconds(CONNECT_WITHIN_S)}")
        if not cycle:
            self._note(self.standing.active, f"{trouble}; no tunnel of {self.group.name} can take its place now")
        elif self.clock.past(search.next):
            count = search.count + 1
            pause = 0.0 if count % len(cycle) else backoff(self.seed, self.group.name, count // len(cycle))
            self._start_trial(cycle[search.count % len(cycle)], trouble)
            self._become(search=Attempts(count, self.clock.now + CONNECT_WITHIN_S + pause))

    # What is done for that.

    def _switch(self, to: str, reason: str) -> None:
        before, primary = self.standing.active, self.group.primary
        carries = not self._trouble(before)
        if self.standing.trial is not None and self.standing.trial.tunnel != to:
            self._end_trial(f"{to} takes over")
        if to == primary:
            by_itself = self.standing.override == AUTO
            self._become(left=None, returned=self.clock.now if by_itself else None)
            if self.standing.health is not None and self.standing.health.failed:
                self._become(health=checking.anew(self.standing.health, self.clock.now))
        elif before == primary:
            self._become(hold=self._hold_from_now(), left=self.clock.now, returned=None)
        self._act(SWITCH, to, reason, instead_of=before)
        self._become(active=to, trial=None, search=None, told="", attempts={})
        if not self.standing.kept_ready(before) or (before == primary and not self.group.hot):
            # Where it is kept ready it is set up anew: what it was set up with has failed.
            self._terminate(before, f"{to} has taken its place: {reason}", carries=carries)

    def _hold_from_now(self) -> float:
        """Return how long the primary must be good to return: twice as long if it has just returned in vain."""
        returned, check = self.standing.returned, self.group.check
        # What is known to have failed now has failed before.
        known_after = (check.budget if check is not None else None) or 0.0
        vain = returned is not None and self.clock.now < returned + self.standing.hold + known_after
        return self._longer_hold() if vain else self.group.hold_down

    def _start_trial(self, tunnel: str, reason: str) -> None:
        self._become(trial=Trial(tunnel, self.clock.now + CONNECT_WITHIN_S))
        if not self._initiates(tunnel):
            self._note(tunnel, f"{reason}: its peer must set it up, as it only responds", once=False)
        elif self._view(tunnel).connecting:
            # A second initiation beside the first would make its CHILD_SAs twice.
            self._note(tunnel, f"{reason}: it is being set up already", once=False)
        elif self._view(tunnel).up:
            self._act(RESTART, tunnel, reason)
        else:
            self._act(INITIATE, tunnel, reason)

    def _end_trial(self, why: str) -> None:
        trial = self.standing.trial
        self._become(trial=None)
        if trial is None or trial.tunnel == self.standing.active or self.standing.kept_ready(trial.tunnel):
            return
        if self._initiates(trial.tunnel):
            # Whatever is seen of it yet: what was begun must not come up later.
            self._act(TERMINATE, trial.tunnel, why)

    def _terminate(self, tunnel: str, reason: str, *, carries: bool) -> None:
        view = self._view(tunnel)
        if view.up or view.connecting:
            self._act(TERMINATE, tunnel, reason, carries=carries)

    def _keep_ready(self) -> None:
        """Bring up what shall be up and is not, less and less often."""
        active = self.standing.active
        wanted = [each for each in self.group.members if each != active and self.standing.kept_ready(each)]
        if self.group.hot and self._trouble(active):
            wanted.append(active)
        attempts = {each: self.standing.attempts[each] for each in wanted if each in self.standing.attempts}
        for member in wanted:
            view, tried = self._view(member), attempts.get(member, _UNTRIED)
            if view.up:
                attempts.pop(member, None)
            elif view.usable and not view.connecting and self._initiates(member) and self.clock.past(tried.next):
                count = tried.count + 1
                attempts[member] = Attempts(count, self.clock.now + backoff(self.seed, member, count))
                self._act(INITIATE, member, f"it is kept ready, and is not up (attempt {count})")
        self._become(attempts=attempts)

    # The words for it.

    def _become(self, **changes: Any) -> None:
        if any(getattr(self.standing, name) != value for name, value in changes.items()):
            self.standing = dataclasses.replace(self.standing, **changes)

    def _act(self, kind: str, tunnel: str, reason: str, **more: Any) -> None:
        self.actions.append(Action(kind, tunnel, reason, self.group.name, **more))

    def _note(self, tunnel: str, reason: str, *, once: bool = True) -> None:
        if not once or self.standing.told != reason:
            self.actions.append(Action(NOTE, tunnel, reason, self.group.name))
        if once:
            self._become(told=reason)


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + " s"
