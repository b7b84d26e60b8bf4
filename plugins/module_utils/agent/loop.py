# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent: one process that looks, decides, acts and remembers, whenever anything has happened, or a moment has come.

A look is idempotent, so that whatever wakes it can wake it too often. Killed at any moment, the next one goes on.
"""

from __future__ import annotations

import contextlib
import errno
import traceback
from collections.abc import Sequence, Set

from ..apply.rerouting import Rerouted
from ..drivers.charon import DaemonHung
from ..drivers.charon_news import BEGAN, CAME, CHANGED, CHECKED, GAVE_UP, HEARD, WENT
from ..drivers.echoes import EchoUnavailable
from ..drivers.files import FileTrouble, sweep_temporaries
from ..drivers.host import Host
from ..drivers.netlink import ADDRESS, FIREWALL, LINK, ROUTE, RULE
from ..drivers.waking import LOOK, STOP
from ..errors import IpsecError, LockBusy
from ..plan.steps import Step
from .acting import Acting, still_to_do, still_wanted
from .agenda import Agenda
from .decision.decide import decide
from .decision.values import INITIATE, PROBE, SWITCH, Action, Answer, Observation
from .keeping import Memory, dump_memory, read_memory, read_roles, taken_up, write_roles
from .mending import EVERY_S, Mending
from .naming import Naming
from .noted import Noted
from .owed import Owed
from .resting import rest
from .scene import Scene
from .surroundings import Surroundings
from .survey import Survey
from .telling import Telling, summary
from .troubles import Troubles
from .views import known_down, remembered

# What is looked at without anybody's asking: a generation that has come into force, a decision of people, a charon that is back.
_GLANCE_S = 1.0
_SAVE_REST = 200.0
# So many tunnels that are being set up are looked at each second, and more of them less often.
_FEW, _MANY_EVERY_S = 32, 5.0
_HAPPENED = {GAVE_UP: "given_up", BEGAN: "began"}
# charon is not asked again for so long after it has let the time for an answer pass.
_HUNG_S = 10.0


class Agent:
    """The one agent of a host."""

    def __init__(self, host: Host, around: Surroundings) -> None:
        self._host = host
        self._around = around
        self._clock = host.clock
        self._telling = Telling(host, around.journal)
        self._ending = False
        self._acting = Acting(host, around.charon, around.echoes)
        memory = read_memory(host)
        self._state = memory.state
        self._roles = read_roles(host)
        self._pending: tuple[Action, ...] = memory.pending
        # The groups whose traffic may not go yet where it shall.
        self._unmoved = {each.group for each in self._pending}
        self._scene = Scene(host, around.charon, around.ways, remembered(memory.down, memory.down))
        self._mending = Mending()
        self._survey = Survey()
        self._naming = Naming(around.lookups)
        self._agenda = Agenda(around.calendar)
        self._due: frozenset[str] = frozenset()
        self._noted = Noted()
        self._owed = Owed()
        self._glanced = -_GLANCE_S
        self._all_waiting = 0.0
        self._save_again = 0.0
        self._hung_until = 0.0
        self._blind = False  # charon has let an answer wait, and was not looked at since
        self._wake: float | None = None
        self._assumed: tuple[Answer, ...] = ()
        self._troubles = Troubles(self._telling)

    def run(self) -> None:
        """Do the agent's work until it is asked to stop; tunnels and guard stay as they are."""
        notify, waking = self._around.notify, self._around.waking
        sweep_temporaries(self._host.files, [self._host.paths.agent_memory.rpartition("/")[0]])
        # What the one before was about to put in force, if anything is known of it.
        if self._state.groups:
            self._troubles.quietly("roles", self._keep_roles)
        pause = self._look()
        notify.ready()
        while True:
            waking.wait(self._descriptors(), pause)
            asked = waking.asked()
            if STOP in asked or self._ending:
                break
            if LOOK in asked:
                notify.reloading()
                self._mending.wanted(self._now())
                self._glanced = -_GLANCE_S
            pause = self._look()
            if LOOK in asked:
                notify.ready()
            notify.alive()
        notify.stopping()
        self._save()

    def _now(self) -> float:
        return self._clock.since_boot()

    def _descriptors(self) -> list[int]:
        found = [self._around.charon_news.descriptor()] if self._scene.listens else []
        with self._troubles.told("kernel"):
            found += self._around.kernel_news.descriptors(firewall=self._scene.uses_firewall)
        return [each for each in found if each is not None]

    def _look(self) -> float:
        """Look once at all that has happened or is due; returns for how long nothing more is."""
        began = self._now()
        self._hear()
        if began >= self._glanced + _GLANCE_S:
            self._glance(began)
        if self._naming.look(began, self._scene.hosts, self._scene.awaited()):
            self._mending.wanted(began)
        if self._now() >= self._mending.due and not self._mending.gives_way(self._now(), near=self._near):
            self._mend()
            self._noted.look_at_all()
        self._refresh()
        self._decide()
        ended = self._now()
        if ended >= self._save_again:
            self._save()
        # Whatever happens meanwhile is not lost: it is read after the rest.
        self._clock.pause(rest(self._state, ended - began, self._now()))
        moments = [self._glanced + _GLANCE_S, self._mending.due, self._survey.due, self._owed.next]
        moments += [self._naming.due(ended)] if self._scene.hosts else []
        moments += [self._wake] if self._wake is not None else []
        return max(min(moments) - self._now(), 0.0)

    def _near(self) -> bool:  # for whoever decides which tunnel carries traffic, a look of the engine takes long
        return any(each.undecided(self._now()) for each in self._state.groups.values())

    # What is heard and seen.

    def _hear(self) -> None:
        now = self._now()
        kinds: Set[str] = frozenset()
        with self._troubles.told("kernel"):
            kinds = self._around.kernel_news.happened()
        if kinds:
            self._mending.heard(now, urgent=not kinds.isdisjoint((ADDRESS, FIREWALL, LINK)))
        if ADDRESS in kinds:
            self._survey.wanted(now)
        elif kinds & {LINK, ROUTE, RULE}:
            self._survey.heard(now)
        if now >= self._survey.due:
            self._troubles.quietly("addresses", self._scene.read_addresses)
            self._heed_addresses()
            self._scene.read_paths()
            self._survey.done(self._now())
        news = self._around.charon_news
        # One that is not there is looked for with each glance.
        silent = news.descriptor() is None and now < self._glanced + _GLANCE_S
        if self._scene.listens and now >= self._hung_until and not silent:
            try:
                for each in news.heard():
                    self._note(each.kind, each.connection, now)
                if self._scene.following.moved():
                    self._mending.moved(now)
            except DaemonHung as error:
                self._hung(error)

    def _heed_addresses(self, *, again: bool = False) -> None:
        # What has lost its address must end, and what has got it must begin, whatever else happens on this host.
        if again or self._scene.addresses.present is not None:
            self._mending.wanted(self._now())

    def _note(self, kind: str, connection: str, now: float) -> None:
        if kind in (CAME, WENT, CHANGED, BEGAN):
            self._scene.following.heard(connection)
        if kind in (CAME, WENT):
            self._noted.look_at_all()
            self._mending.heard(now, ours=True)
            # Where it begins, it does so before anybody listens.
            self._noted.remember("began", *(self._scene.persisting if kind == CAME else ()))
        elif connection not in self._scene.names:
            return
        elif kind == CHECKED:
            self._owed.asked(connection, now)
        elif kind == HEARD:
            awaited = connection in self._state.suspicions or self._scene.views[connection].unanswered
            self._owed.heard(connection, now, again=awaited)
            if awaited:
                self._noted.remember("heard", connection)
                self._noted.look_at(connection)
        elif kind in (CHANGED, BEGAN, GAVE_UP):
            self._noted.look_at(connection)
            if kind in _HAPPENED:
                self._noted.remember(_HAPPENED[kind], connection)

    def _glance(self, now: float) -> None:
        """See whether something has changed that nobody tells of."""
        self._glanced = now
        if self._around.program.replaced():
            self._telling.say("the program was replaced by another one: ending, to be started again as that")
            self._ending = True
        self._troubles.quietly("overrides", self._scene.read_overrides)
        if self._scene.changed():
            self._troubles.quietly("generation", self._read)
            self._mending.heard(now)
        self._due |= self._agenda.due(self._scene.calendars, self._clock.epoch(), now)
        self._troubles.quietly("calendar", lambda: self._agenda.reckon(now))
        self._noted.look_at(*self._state.suspicions)
        # What is refused is told before it is gone, so that it must be looked at again; of many each look costs more.
        waiting = [name for name, view in self._scene.views.items() if view.connecting]
        if len(waiting) <= _FEW or now >= self._all_waiting + _MANY_EVERY_S:
            self._noted.look_at(*waiting)
            self._all_waiting = now
        self._around.notify.status(summary(self._scene.names, self._state, self._troubles))

    def _read(self) -> None:
        self._scene.read()
        self._state = taken_up(self._state, self._scene.wanted, self._roles, self._now())
        self._noted.look_at_all()

    def _refresh(self) -> None:
        now = self._now()
        self._noted.look_at(*self._owed.due(now))
        if now < self._hung_until or self._noted.chosen == set():
            return
        try:
            self._scene.refresh(self._noted.chosen, self._state, now, self._noted.happened)
        except DaemonHung as error:
            self._hung(error)
        except IpsecError as error:
            self._troubles.tell("charon", str(error))
        else:
            self._noted.looked()
            self._blind = False
            self._troubles.over("charon")

    def _hung(self, error: DaemonHung) -> None:
        self._hung_until = self._now() + _HUNG_S
        self._blind = True
        self._noted.look_at_all()
        self._around.charon_news.stop()
        # Whatever was asked for, it is one and the same trouble.
        self._troubles.tell("charon", str(error), anew=False)

    # What is decided and done.

    def _decide(self) -> None:
        now, scene = self._now(), self._scene
        if "generation" in self._troubles:
            # Nobody knows what is wanted; whoever forgot it now would give all traffic back to the primaries.
            self._wake = None
            return
        seen = Observation(
            scene.wanted,
            dict(scene.views),
            answers=(*self._acting.answers(), *self._assumed),
            due=self._due,
            overrides=scene.overrides,
            names=dict(self._naming.answers),
            blind=self._blind,
        )
        decided = decide(self._state, seen, now)
        self._state, self._wake, self._due = decided.state, decided.wake, frozenset()
        self._probe([each for each in decided.actions if each.kind == PROBE])
        self._act([each for each in decided.actions if each.kind != PROBE])

    def _probe(self, rounds: Sequence[Action]) -> None:
        self._assumed = ()
        if not rounds:
            return
        try:
            self._acting.probe(rounds, self._scene.ways)
        except EchoUnavailable as error:
            # Nobody was asked, so nobody is silent: no tunnel loses its place for what is wrong with this process.
            self._troubles.tell("echoes", str(error))
            self._assumed = tuple(Answer(each.group, each.sequence, to) for each in rounds for to in each.addresses)
        else:
            self._troubles.over("echoes")

    def _act(self, actions: Sequence[Action]) -> None:
        before = self._pending if self._blind else still_wanted(self._pending, self._scene.views)
        self._pending = still_to_do(before, actions)
        if actions:
            self._telling.decided(actions)
            # Before anything is done, so that whoever comes after a kill goes on with it.
            self._save()
        moved = [each.group for each in actions if each.kind == SWITCH]
        self._troubles.quietly("roles", lambda: self._keep_roles(at_once=not moved))
        if moved:
            self._move(moved)
            if self._unmoved:
                # Peers answer while the engine works.
                begun = [each for each in self._pending if each.kind == INITIATE and not each.carries]
                if begun and not self._blind:
                    self._tell_charon(begun[:_FEW])
                self._mending.wanted(self._now())
                self._mend()
            else:
                # Hot ones differ by routes alone.
                self._mending.rerouted(self._now(), owing=any(not self._state.groups[each].group.hot for each in moved))
            self._mending.switched(self._now())
        # What carries traffic carries it until that has been given to another tunnel, which another run may hold up.
        due = [each for each in self._pending if not each.carries or each.group not in self._unmoved]
        if due and not self._blind:
            self._tell_charon(due)

    def _keep_roles(self, *, at_once: bool = True) -> None:
        if write_roles(self._host, self._state) and at_once:
            self._mending.wanted(self._now())

    def _move(self, groups: Sequence[str]) -> None:
        """Give the traffic of groups to the tunnels in use now, where routes alone decide who gets it."""
        self._unmoved.update(groups)
        # Without the roles, routes would stay; whatever else is the matter, the whole engine comes to the same, and says it.
        done, scene = Rerouted(), self._scene
        try:
            with contextlib.suppress(IpsecError):
                if "roles" not in self._troubles:
                    done = self._acting.move(self._unmoved, scene.stored, scene.addresses)
        except Exception:  # a fault in it must not end what watches over tunnels
            self._telling.trouble(traceback.format_exc())
        self._unmoved -= done.fallbacks
        self._done(done.steps)

    def _tell_charon(self, due: Sequence[Action]) -> None:
        for action in due:
            try:
                refused = self._acting.tell_charon(action)
            except DaemonHung as error:
                self._hung(error)
                return
            if refused:
                self._telling.trouble(refused)
            self._pending = tuple(each for each in self._pending if each is not action)
            self._noted.told(action)
        self._save()

    def _mend(self) -> None:
        now = self._now()
        failures: list[str] = []
        changed = again = False
        try:
            named, hangs, own = self._naming.held(), now < self._hung_until, self._scene.addresses
            done = self._acting.mend(self._scene.stored, daemon_hangs=hangs, names=named, addresses=own)
            # It went by the roles that are written.
            if "roles" not in self._troubles:
                self._unmoved.clear()
            self._scene.adopt(done.stored)
            self._done(done.steps)
            changed, failures, again = bool(done.steps), list(done.failures), done.again
        except LockBusy:
            self._mending.locked(now)
            return
        except IpsecError as error:
            failures = [str(error)]
        except Exception:  # a fault in it must not end what watches over tunnels; it is told in full
            failures = [traceback.format_exc()]
        new, mended = self._mending.done(self._now(), changed=changed, failures=failures)
        self._scene.addresses.present = None
        self._troubles.quietly("generation", self._read)
        self._heed_addresses(again=again)
        for each in new:
            self._telling.trouble(each)
        if mended:
            self._telling.say("what could not be put in place before is in place now")

    def _done(self, steps: Sequence[Step]) -> None:
        self._scene.following.acted(steps)
        if steps:
            self._telling.say(f"put in place: {'; '.join(map(str, steps))}")

    # What is kept and told.

    def _save(self) -> None:
        now = self._now()
        content = dump_memory(Memory(self._state, self._pending, known_down(self._scene.views)), now)
        self._troubles.quietly("memory", lambda: self._keep(content))
        # `status` shows it; of a thousand groups it takes a while to write.
        took = self._now() - now
        self._save_again = now + (min(max(_SAVE_REST * took, _GLANCE_S), EVERY_S) if self._state.groups else EVERY_S)

    def _keep(self, content: bytes) -> None:
        try:
            self._host.files.replace(self._host.paths.agent_memory, content, 0o600)
        except FileTrouble as error:
            # Somebody has made the directory anew, and this service may write to the old one only; the next one may.
            self._ending |= isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EROFS
            raise
