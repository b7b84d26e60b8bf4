# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of a connection does to its live SAs, and what has to be done so that the change comes true; pure.

charon acts by the start actions that it *had* loaded. With `start` among them it closes what has changed and initiates
it again, in an order of its own that loses tunnels on 5.9.8; so what it would start is held back until the old SAs are
gone. Without `start` it keeps every SA with its old parameters, and new ones can be set up beside them first. Measured
on 5.9.8 and 6.0.1: docs/decisions/0008.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..artifacts.values import Parts
from ..observed.values import LiveChild, LiveSa
from .heirs import heirs_of
from .steps import Settlement

NONE, REKEY, REESTABLISH, END = "none", "rekey", "reestablish", "end"
INTERRUPTING = (REESTABLISH, END)


@dataclass(frozen=True)
class Change:
    """A connection that charon has loaded, and what is wanted in its place.

    `loaded` is None where nobody can prove what charon holds; `wanted` is None where the connection goes. `new_key`: its
    secret has changed. `may_initiate`: this end may set up an IKE_SA with the peer. `standby`: nothing of it shall be up.
    """

    name: str
    loaded: Parts | None
    wanted: Parts | None
    new_key: bool = False
    may_initiate: bool = False
    standby: bool = False

    @property
    def afresh(self) -> bool:
        """Say whether it must be unloaded before it is loaded: charon passes over some changes, such as of a child's name."""
        return self.loaded is None or self.wanted is None or bool(self.renamed) or self.passed_over

    @property
    def passed_over(self) -> bool:
        """Say whether something changes that charon does not look at when it compares connections."""
        return self.loaded is not None and self.wanted is not None and self.loaded.unseen != self.wanted.unseen

    @property
    def renamed(self) -> dict[str, str]:
        """Return the new names of children that differ in nothing but their name."""
        if self.loaded is None or self.wanted is None:
            return {}
        new = {part: name for name, part in sorted(self.wanted.children.items()) if name not in self.loaded.children}
        old = {name: part for name, part in self.loaded.children.items() if name not in self.wanted.children}
        return {name: new[part] for name, part in old.items() if part in new}

    @property
    def maybe_started(self) -> bool:
        """Say whether charon may close and initiate by itself when this is loaded."""
        return self.loaded is None or (self.loaded.starts and self.loads)

    @property
    def loads(self) -> bool:
        """Say whether charon must be given another connection, and not only another key."""
        return self.loaded is None or self.wanted is None or self.loaded.whole != self.wanted.whole


@dataclass(frozen=True)
class Outlook:
    """What a change does to the traffic of a connection, and how its SAs follow: "renew", "restart", "end" or "".

    `renew` sets new SAs up before the old ones end, `restart` ends the old ones first, `end` only ends them.
    """

    disruption: str
    verb: str = ""
    settlement: Settlement | None = None


def outlook(change: Change, live: Sequence[LiveSa]) -> Outlook:
    """Return what a change means for the SAs that are live."""
    up = [child for sa in live for child in sa.children if child.up]
    if not live:
        return Outlook(NONE)
    if change.standby:
        return put_on_standby(live)
    if change.wanted is None or not change.wanted.children:
        return Outlook(END if up else NONE, "end", Settlement(whole=True))
    if change.loaded is None or change.loaded.ike != change.wanted.ike or change.new_key or change.passed_over:
        return _ike_replaced(change, change.wanted, up)
    return _children_replaced(change, change.loaded, change.wanted, live, up)


def put_on_standby(live: Sequence[LiveSa]) -> Outlook:
    """Return what becomes of the SAs of a connection on standby: they end without their peer, which may be out of reach."""
    up = any(child.up for sa in live for child in sa.children)
    return Outlook(END if up else NONE, "end", Settlement(whole=True, at_once=True))


def _ike_replaced(change: Change, wanted: Parts, up: Sequence[LiveChild]) -> Outlook:
    loaded = change.loaded.children if change.loaded is not None else {}
    heirs = heirs_of(up, loaded, wanted.children, {})
    again = heirs.names
    started = frozenset(name for name, child in wanted.children.items() if child.starts and change.loads)
    # With nothing but a new key, or what it passes over, charon takes the IKE_SA for the wanted one, and would set a
    # CHILD_SA up under it.
    another = change.loaded is not None and change.loaded.ike != wanted.ike
    gentle = change.may_initiate and another and not change.maybe_started and bool(again)
    settlement = Settlement(
        whole=True,
        bring_up=again if change.may_initiate else (),
        by_charon=started,
        held=_held(change, frozenset(wanted.children), started, gentle=gentle),
    )
    told = NONE if not up else END if not heirs.complete else REKEY if gentle else REESTABLISH
    return Outlook(told, "renew" if gentle else "restart", settlement)


def _held(change: Change, children: frozenset[str], started: frozenset[str], *, gentle: bool) -> frozenset[str]:
    """Return what waits for the end of the old SAs: what charon would close and start, or start on an SA that is to end."""
    return children if change.maybe_started or (started and not gentle) else frozenset()


def _children_replaced(
    change: Change, loaded: Parts, wanted: Parts, live: Sequence[LiveSa], up: Sequence[LiveChild]
) -> Outlook:
    names = sorted({child.name for child in up})
    affected = tuple(name for name in names if _affected(name, loaded, wanted, afresh=change.afresh))
    heirs = heirs_of(
        [child for child in up if child.name in affected], loaded.children, wanted.children, change.renamed
    )
    replaced = heirs.names
    changed = frozenset(name for name, part in wanted.children.items() if loaded.children.get(name) != part)
    # An IKE_SA that is still being set up holds its children's parameters already.
    pending = not all(sa.established for sa in live) and loaded.children != wanted.children
    if not affected and not pending:
        return Outlook(NONE)
    if not replaced and not pending:
        return Outlook(END, "end", Settlement(whole=False, children=affected))
    # Where several peers share a connection, nobody can say on which IKE_SA charon would set a new CHILD_SA up; and it
    # sets none up beside one that differs in nothing but its name.
    possible = (change.may_initiate or len(live) == 1) and not change.renamed.keys() & set(affected)
    gentle = possible and not change.maybe_started and not pending
    started = frozenset(name for name in changed if wanted.children[name].starts)
    settlement = Settlement(
        # charon 5.9.8 ends an IKE_SA when it has closed all that it carries, but not at once.
        whole=pending or (change.maybe_started and len(affected) == len(names)),
        children=affected,
        bring_up=replaced if gentle or change.may_initiate else (),
        by_charon=started,
        held=_held(change, changed, started, gentle=gentle),
    )
    told = NONE if not affected else END if not heirs.complete else REKEY if gentle else REESTABLISH
    return Outlook(told, "renew" if gentle else "restart", settlement)


def _affected(name: str, loaded: Parts, wanted: Parts, *, afresh: bool) -> bool:
    was, becomes = loaded.children.get(name), wanted.children.get(name)
    if was is None or becomes is None or was.digest != becomes.digest:
        return True
    if afresh:
        # Unloaded and loaded, what was started is closed, and what starts comes beside what is up.
        return was.starts or becomes.starts
    # Another start action is no parameter of an SA, but charon closes what it had started, and starts it beside what is up.
    return was.start != becomes.start and (was.starts or becomes.starts)
