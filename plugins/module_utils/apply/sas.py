# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making live SAs follow what was loaded: new ones first where that can be, old ones ended, all of a group at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Callable

from ..artifacts.values import Tree
from ..drivers.charon import DaemonRefused
from ..drivers.host import Host
from ..errors import IpsecError
from ..observed.sas import live_sas
from ..observed.values import LiveSa, LiveSas
from ..plan.steps import Settlement, Step

# An exchange that gets no answer is repeated after 4, 7, 13 … seconds; a peer that needs more is taken for silent.
PATIENCE_S = 12.0
# charon sets SAs up and ends them in threads of its own: what cannot be seen for so long will not come.
_SETTLED_S = 1.0
_END_PATIENCE_S = 6.0
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.25


class PeerDeclined(IpsecError):
    """Peers did not accept what `names` shall be now, and their SAs may not be interrupted for that: the old ones are up."""

    def __init__(self, reason: str, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        super().__init__(f"{reason}; as allow_disruption is false, no old SA is ended for that")


@dataclass(frozen=True)
class _Item:
    """One connection to settle, with its SAs from before it was loaded anew."""

    name: str
    verb: str
    what: Settlement
    old: tuple[LiveSa, ...]

    @property
    def old_children(self) -> set[int]:
        return {child.unique_id for sa in self.old for child in sa.children}

    def initiated(self) -> list[str]:
        """Return the children that we initiate, since charon does not by itself."""
        return [name for name in self.what.bring_up if name not in self.what.by_charon]

    def ikes_to_end(self) -> list[int]:
        return [sa.unique_id for sa in self.old] if self.what.whole else []

    def children_to_end(self) -> list[int]:
        if self.what.whole:
            return []
        return [child.unique_id for sa in self.old for child in sa.children if child.name in self.what.children]

    def missing(self, live: Sequence[LiveSa]) -> list[str]:
        """Return the children that shall be up and have no new CHILD_SA yet."""
        fresh = {c.name for sa in live for c in sa.children if c.up and c.unique_id not in self.old_children}
        return [name for name in self.what.bring_up if name not in fresh]


def snapshot(host: Host, steps: Sequence[Step]) -> LiveSas:
    """Return the SAs of the connections that `steps` settle; read it before any of them is loaded."""
    names = [step.name for step in steps if step.layer == "sa"]
    return live_sas(host.charon.sas(names)) if names else {}


def settle_all(
    host: Host, steps: Sequence[Step], old: LiveSas, trees: Mapping[str, Tree], *, gently: bool
) -> list[str]:
    """Carry out steps of SAs together, and return warnings about peers that did not follow.

    `trees` are the connections as they are to be loaded where their start was held.
    A refusal of the peer, or its silence, ends an SA that carries old parameters: what is loaded is what counts. With
    `gently` it raises `PeerDeclined` instead, while the old SAs are still up.
    """
    items = [
        _Item(step.name, step.verb, step.settlement, old.get(step.name, ()))
        for step in steps
        if step.settlement is not None
    ]
    renewed = [item for item in items if item.verb == "renew"]
    others = [item for item in items if item.verb != "renew"]
    _initiate(host, renewed)
    lasting = _end(host, others)
    for item in others:
        if item.what.held:
            host.charon.load_connection(item.name, trees[item.name])
    _initiate(host, others)
    failed = _await_up(host, items)
    if gently:
        declined = [item for item in renewed if item.name in failed]
        _withdraw(host, declined)
        lasting.update(_end(host, [item for item in renewed if item.name not in failed]))
        if declined:
            raise PeerDeclined("; ".join(failed[item.name] for item in declined), (item.name for item in declined))
    lasting.update(_end(host, renewed))
    return [told[name] for told in (failed, lasting) for name in sorted(told)]


def _initiate(host: Host, items: Sequence[_Item]) -> None:
    for item in items:
        for child in item.initiated():
            # charon refuses at once what it cannot even try; that nothing comes up then is seen, and told, below.
            with contextlib.suppress(DaemonRefused):
                host.charon.initiate(ike=item.name, child=child, timeout_ms=-1)


def _end(host: Host, items: Sequence[_Item]) -> dict[str, str]:
    """End the old SAs of all items and wait until they are gone; return what to tell of those that are not.

    An IKE_SA whose peer does not confirm its end is ended without it, and one that must not wait at once. A CHILD_SA has no
    other way than through its IKE_SA, which charon gives up when it has repeated the message often enough.
    """
    ikes = {number: item.name for item in items for number in item.ikes_to_end()}
    at_once = {number for item in items if item.what.at_once for number in item.ikes_to_end()}
    children = {number: item.name for item in items for number in item.children_to_end()}
    if not ikes and not children:
        return {}
    _terminate(host, {number: name for number, name in ikes.items() if number in at_once}, {}, force=True)
    _terminate(host, {number: name for number, name in ikes.items() if number not in at_once}, children, force=False)

    def left(live: LiveSas) -> set[tuple[str, int]]:
        there = [sa for sas in live.values() for sa in sas]
        return {("ike", sa.unique_id) for sa in there if sa.unique_id in ikes} | {
            ("child", child.unique_id) for sa in there for child in sa.children if child.unique_id in children
        }

    names = sorted({*ikes.values(), *children.values()})
    live = _watch(host, names, lambda seen: len(left(seen)), patience=_END_PATIENCE_S, ending=True)
    still = left(live)
    _terminate(host, {number: ikes[number] for kind, number in still if kind == "ike"}, {}, force=True)
    return {
        children[
            number
        ]: f"{children[number]}: the peer does not confirm the end of a CHILD_SA with the old parameters; "
        "it stays until charon gives the peer up"
        for kind, number in still
        if kind == "child"
    }


def _withdraw(host: Host, items: Sequence[_Item]) -> None:
    """End what has come up beside old SAs that stay."""
    live = live_sas(host.charon.sas([item.name for item in items])) if items else {}
    for item in items:
        old = {sa.unique_id for sa in item.old}
        now = live.get(item.name, ())
        fresh = [child for sa in now if sa.unique_id in old for child in sa.children]
        ikes = {sa.unique_id: item.name for sa in now if sa.unique_id not in old}
        children = {child.unique_id: item.name for child in fresh if child.unique_id not in item.old_children}
        _terminate(host, ikes, children, force=False)


def _terminate(host: Host, ikes: Mapping[int, str], children: Mapping[int, str], *, force: bool) -> None:
    # One that has gone by itself in the meantime is what was wanted.
    for number in ikes:
        with contextlib.suppress(DaemonRefused):
            host.charon.terminate(ike_id=number, timeout_ms=-1, force=force)
    for number in children:
        with contextlib.suppress(DaemonRefused):
            host.charon.terminate(child_id=number, timeout_ms=-1, force=force)


def _await_up(host: Host, items: Sequence[_Item]) -> dict[str, str]:
    """Wait until every child that shall be up is, or can no more be expected; return what to tell, by connection."""
    waiting = [item for item in items if item.what.bring_up]
    if not waiting:
        return {}
    quiet_since: dict[str, float] = {}

    def left(live: LiveSas) -> int:
        count = 0
        for item in waiting:
            sas = live.get(item.name, ())
            missing = item.missing(sas)
            if not missing:
                continue
            if any(sa.busy or not sa.established for sa in sas):
                quiet_since.pop(item.name, None)
            elif host.clock.elapsed() - quiet_since.setdefault(item.name, host.clock.elapsed()) >= _SETTLED_S:
                continue
            count += len(missing)
        return count

    live = _watch(host, [item.name for item in waiting], left, patience=PATIENCE_S)
    failed = {item.name: item.missing(live.get(item.name, ())) for item in waiting}
    return {
        name: f"{name}: the peer does not bring {', '.join(missing)} up with the new parameters "
        f"({'it refused them' if name in quiet_since else 'it does not answer'}); see 'journalctl -u strongswan' at both ends"
        for name, missing in failed.items()
        if missing
    }


def _watch(
    host: Host, names: Sequence[str], left: Callable[[LiveSas], int], *, patience: float, ending: bool = False
) -> LiveSas:
    """Look until `left` counts nothing more, or has not become less for `patience` seconds; return what was seen last."""
    pause, least, since = _SHORTEST_PAUSE_S, None, host.clock.elapsed()
    while True:
        live = live_sas(host.charon.sas(names), ending=ending)
        count = left(live)
        if least is None or count < least:
            least, since = count, host.clock.elapsed()
        if not count or host.clock.elapsed() - since >= patience:
            return live
        host.clock.pause(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_S)
