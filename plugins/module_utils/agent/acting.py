# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying out what was decided: echo requests, charon's tunnels, and the engine for all that is in files and the kernel.

Nothing here waits for a peer: charon is told what to do, and what comes of it is seen later.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

from ..apply.rerouting import Rerouted, reroute
from ..apply.restore import Restored, restore
from ..apply.stranded import Addresses
from ..drivers.charon import Charon, DaemonHung, DaemonRefused, DaemonUnavailable
from ..drivers.echoes import Echoes
from ..drivers.host import Host
from ..errors import IpsecError
from ..observed.values import Stored
from .decision.values import END, INITIATE, REKEY, RESTART, SWITCH, TERMINATE, TRAP, Action, Answer, View
from .probing import Asked, Way

# charon ends an SA in a thread of its own, as soon as it is told to.
_ENDED_WITHIN_S = 0.3
_PAUSE_S = 0.005
_PROGRAM = "swanfleet agent"


class Acting:
    """The hands of the agent. `charon` is a client whose patience is short, and `host` has one for the engine."""

    def __init__(self, host: Host, charon: Charon, echoes: Echoes) -> None:
        self._host = host
        self._charon = charon
        self._echoes = echoes
        self._asked = Asked()

    def answers(self) -> tuple[Answer, ...]:
        """Return the answers to checks that have come."""
        return self._asked.answers(self._echoes.heard())

    def probe(self, rounds: Sequence[Action], ways: Mapping[str, Way]) -> None:
        """Ask the addresses of checks; what cannot be sent is what nobody answers. Raises `EchoUnavailable`."""
        self._echoes.ask(self._asked.requests(rounds, ways))

    def tell_charon(self, action: Action) -> str:
        """Carry out one decision at charon; returns why that has failed, or nothing. Raises `DaemonHung`."""
        try:
            self._carry_out(action)
        except DaemonHung:
            raise
        except DaemonUnavailable:
            # It has gone, and its tunnels with it; what comes back with it is seen, and decided about, anew.
            return ""
        except IpsecError as error:
            return str(error)
        return ""

    def mend(
        self,
        known: Stored | None,
        *,
        daemon_hangs: bool,
        names: Mapping[str, tuple[str, ...]],
        addresses: Addresses,
    ) -> Restored:
        """Have the engine make the host what the generation in force says, which may be `known`, in the situation of now.

        `names` are the addresses of names, as they were looked up, `addresses` what is known of this host's.
        Raises `LockBusy` at once where somebody else is changing the host, and `IpsecError` where nothing can be done.
        """
        return restore(
            self._host,
            with_daemon=True,
            daemon_hangs=daemon_hangs,
            program=_PROGRAM,
            patience=0.0,
            known=known,
            names=names,
            addresses=addresses,
        )

    def move(self, groups: Collection[str], known: Stored | None, addresses: Addresses) -> Rerouted:
        """Give the traffic of groups to the tunnels in use, as far as that goes by routes alone.

        What there is to change beside is for `mend`. Raises `IpsecError`, after which `mend` finds out what is left.
        """
        return reroute(self._host, groups, program=_PROGRAM, known=known, addresses=addresses)

    def _carry_out(self, action: Action) -> None:
        if action.older_than and self._ids(action.tunnel) and not self._over(action):
            # Its peer has renewed it at the last moment.
            return
        if action.kind in (TERMINATE, RESTART, TRAP):
            self._end(action.tunnel)
        if action.kind == END:
            self._end_over(action)
        if action.kind == REKEY:
            # One that has gone meanwhile is set up anew.
            with contextlib.suppress(DaemonRefused):
                self._charon.rekey(ike=action.tunnel)
        if action.kind in (INITIATE, RESTART):
            for child in self._children(action.tunnel):
                self._charon.initiate(ike=action.tunnel, child=child, timeout_ms=-1)
        elif action.kind == TRAP:
            for child in self._children(action.tunnel):
                self._charon.install(ike=action.tunnel, child=child)

    def _children(self, tunnel: str) -> list[str]:
        return sorted(self._charon.connections([tunnel]).get(tunnel, {}).get("children", {}))

    def _end(self, tunnel: str) -> None:
        """End all SAs of a tunnel without their peer, and see them gone: what is initiated next must not join them."""
        old = self._ids(tunnel)
        if not old:
            return
        with contextlib.suppress(DaemonRefused):
            self._charon.terminate(ike=tunnel, timeout_ms=-1, force=True)
        clock = self._host.clock
        deadline = clock.elapsed() + _ENDED_WITHIN_S
        while self._ids(tunnel) & old and clock.elapsed() < deadline:
            clock.pause(_PAUSE_S)

    def _over(self, action: Action) -> list[int]:
        """Return the IKE SAs that an action is about: those that are as old as it says."""
        found = self._charon.sas([action.tunnel])
        return [int(tree["uniqueid"]) for _name, tree in found if int(tree.get("established", 0)) >= action.older_than]

    def _end_over(self, action: Action) -> None:
        # A tunnel to anyone has an SA with each peer, and the others go on.
        for each in self._over(action):
            with contextlib.suppress(DaemonRefused):
                self._charon.terminate(ike_id=each, timeout_ms=-1, force=True)

    def _ids(self, tunnel: str) -> set[str]:
        return {str(tree.get("uniqueid", "")) for _name, tree in self._charon.sas([tunnel])}


def still_wanted(pending: Iterable[Action], views: Mapping[str, View]) -> tuple[Action, ...]:
    """Return what has waited for charon and is still to be done, by what is seen of the tunnels now.

    A peer that was taken for dead may have answered since, or its tunnel may be another one. What was decided for other reasons
    holds: nobody would decide it again.
    """

    def lasts(action: Action) -> bool:
        view = views.get(action.tunnel)
        return not action.owed or view is None or not view.up or view.check_pending or view.request_pending

    return tuple(each for each in pending if lasts(each))


def still_to_do(pending: Sequence[Action], actions: Iterable[Action]) -> tuple[Action, ...]:
    """Return what charon is to be told of after these decisions, one thing for each tunnel: the last one counts.

    charon may have been away, or another run may hold what must be done first, so that decisions wait for each other.
    """
    found = {each.tunnel: each for each in pending}
    for action in actions:
        if action.kind == SWITCH:
            # It is in use again before it was ended.
            found.pop(action.tunnel, None)
        elif action.kind in (INITIATE, TERMINATE, RESTART, TRAP, END):
            before = found.pop(action.tunnel, None)
            anew = action.kind == INITIATE and before is not None and before.kind not in (INITIATE, REKEY)
            found[action.tunnel] = dataclasses.replace(action, kind=RESTART) if anew else action
        elif action.kind == REKEY:
            found.setdefault(action.tunnel, action)
    return tuple(found.values())
