# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From charon's SAs to what the agent sees of each tunnel."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..observed.sas import live_sas
from .decision.values import Path, View

# Tasks that do nothing but find out whether the peer is there (task_type_names); the second is that of an initiator with
# MOBIKE, and does the same. Whatever task of an IKE SA is active has a request in the air (task_manager_v2.c, initiate), and
# while it waits for its answer charon sends no check.
_CHECKS = frozenset(("IKE_DPD", "IKE_MOBIKE"))
_ESTABLISHED = ("ESTABLISHED", "REKEYING")


@dataclass(frozen=True)
class Life:
    """What charon shows of one tunnel; `trying` says that this end is setting it up.

    `age` is how many seconds ago the oldest of its IKE SAs was established, None without one.
    """

    up: bool = False
    connecting: bool = False
    trying: bool = False
    check_pending: bool = False
    request_pending: bool = False
    unanswered: bool = False
    received: int = 0
    source: str = ""
    peer: str = ""
    age: float | None = None


NO_LIFE = Life()


def lives_of(listed: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Life]:
    """Return what charon shows by connection (vici, event list-sa); an SA that is ending counts no more."""
    trees: dict[str, list[Mapping[str, Any]]] = {}
    for name, tree in listed:
        if live_sas([(name, tree)]):
            trees.setdefault(name, []).append(tree)
    return {name: _life(name, each) for name, each in trees.items()}


def _life(name: str, trees: Sequence[Mapping[str, Any]]) -> Life:
    sas = live_sas([(name, tree) for tree in trees])[name]
    carrying = [sa.established and any(child.up for child in sa.children) for sa in sas]
    up = any(carrying)
    # In other states than ESTABLISHED charon tells no age.
    ages = [float(tree["established"]) for tree, sa in zip(trees, sas) if sa.established and "established" in tree]
    setting_up = [not sa.established or sa.busy for sa in sas]
    used = next((tree for tree, carries in zip(trees, carrying) if carries), trees[0])
    return Life(
        up=up,
        connecting=not up and any(setting_up),
        trying=not up and any(busy and tree.get("initiator") == "yes" for tree, busy in zip(trees, setting_up)),
        check_pending=all(_waits(tree) for tree in trees) and any(_CHECKS & _waits(tree) for tree in trees),
        request_pending=all(_waits(tree) for tree in trees) and not any(_CHECKS & _waits(tree) for tree in trees),
        unanswered=any(_waits(tree) for tree, carries in zip(trees, carrying) if carries),
        received=sum(_received(tree) for tree in trees),
        source=str(used.get("local-host", "")),
        peer=str(used.get("remote-host", "")),
        age=max(ages, default=None),
    )


def _waits(tree: Mapping[str, Any]) -> frozenset[str]:
    """Return the tasks of an IKE SA that wait for its peer."""
    return frozenset(tree.get("tasks-active", ()) if tree.get("state") in _ESTABLISHED else ())


def _received(tree: Mapping[str, Any]) -> int:
    return sum(int(child.get("packets-in", 0)) for child in tree.get("child-sas", {}).values())


@dataclass(frozen=True)
class Happened:
    """What has happened to a tunnel since the last look.

    Its peer was given up, we have ended it ourselves, this end began anew, its peer was heard.
    """

    given_up: bool = False
    ended: bool = False
    began: bool = False
    heard: bool = False


_NOTHING = Happened()


def view_of(
    life: Life,
    before: View | None,
    now: float,
    happened: Happened = _NOTHING,
    *,
    usable: bool,
    starts: bool,
    path: Path | None = None,
) -> View:
    """Return what is seen of a tunnel now; `starts` says that it shall always be up.

    It is down from the moment on in which somebody wants it and it is not up, until it is up, or is not wanted any more. A
    tunnel that was lost and that nobody sets up again waits for traffic, or for its peer.
    """
    down = before.down_since if before is not None else None
    if life.up or (happened.ended and not happened.given_up):
        down = None
    elif down is None and (life.trying or happened.given_up or starts):
        down = now
    tried = before is not None and before.tried
    if life.up or (happened.ended and not happened.began):
        tried = False
    elif life.trying or happened.began:
        tried = True
    return View(
        up=life.up,
        connecting=life.connecting,
        usable=usable,
        down_since=down,
        # What waits now was asked after that, or is not the peer's fault.
        check_pending=life.check_pending and not happened.heard,
        received=life.received,
        source=life.source,
        peer=life.peer,
        path=path,
        tried=tried,
        born=None if life.age is None else now - life.age,
        request_pending=life.request_pending and not happened.heard,
        unanswered=life.unanswered,
    )


def known_down(views: Mapping[str, View]) -> dict[str, float]:
    """Return since when tunnels are down, for the memory."""
    return {name: view.down_since for name, view in sorted(views.items()) if view.down_since is not None}


def remembered(names: Iterable[str], down: Mapping[str, float]) -> dict[str, View]:
    """Return views of which only that is known."""
    return {name: dataclasses.replace(View(), down_since=down[name]) for name in names if name in down}
