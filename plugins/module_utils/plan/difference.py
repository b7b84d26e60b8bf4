# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a run: from wanted artifacts and an observed host to ordered steps."""

from __future__ import annotations

from collections.abc import Mapping, Set

from ..artifacts.connections import is_our_secret, secret_name
from ..artifacts.digest import tree_digest
from ..artifacts.values import Artifacts, SharedSecret, Tree
from ..desired.phase1 import STARTING
from ..errors import Problem, ValidationError
from ..observed.values import Observed, ObservedDaemon
from .kernel import plan_links
from .steps import Plan, Step


def plan(wanted: Artifacts, observed: Observed) -> Plan:
    """Return the steps from the host as observed to the wanted artifacts.

    The order keeps every moment safe: files first (they are the truth that charon's next start reads), links before the
    connections that need them, new secrets before connections, removals last, in the opposite order.
    Without a daemon only files and links are planned.
    """
    steps = _files(wanted, observed)
    build, remove = plan_links(wanted.links, observed.links)
    steps += build
    if observed.daemon is not None:
        steps += _daemon(wanted, observed, observed.daemon)
    return Plan(tuple(steps + remove))


def _files(wanted: Artifacts, observed: Observed) -> list[Step]:
    steps = []
    for role, file in sorted(wanted.files.items(), reverse=True):
        present = observed.files.get(role)
        if present is None or present.content != file.encoded or present.mode != file.mode:
            if present is None and not file.needed:
                continue
            steps.append(Step("write", "file", role))
    return steps


def _daemon(wanted: Artifacts, observed: Observed, daemon: ObservedDaemon) -> list[Step]:
    owned = _owned(observed, daemon)
    _refuse_foreign(wanted, daemon, owned)
    steps = [
        Step("load", "secret", secret_name(key), key=key) for key in sorted(wanted.shared) if key not in daemon.shared
    ]
    for name, tree in wanted.connections.items():
        if name not in daemon.connections:
            steps.append(Step("load", "connection", name))
        elif daemon.digests.get(name) != tree_digest(tree):
            steps += [Step(verb, "connection", name) for verb in _reload(name, tree, observed, daemon)]
    for name in sorted(daemon.connections & owned - wanted.connections.keys()):
        steps += [Step("unload", "connection", name), Step("terminate", "connection", name)]
    steps.extend(
        Step("unload", "secret", secret_name(key), key=key) for key in sorted(_stale(daemon.shared, wanted.shared))
    )
    return steps


def _reload(name: str, tree: Tree, observed: Observed, daemon: ObservedDaemon) -> list[str]:
    """Return how a connection is loaded anew so that no SA with its old parameters stays.

    charon goes by the start actions that it had loaded: with start among them it ends the live SAs itself, without it
    they stay, and what the new ones start comes beside them (measured on 5.9.8). There the new connection is first
    loaded without its start, which only comes when the old SAs are gone; its trap stands all the time.
    """
    digest = daemon.digests.get(name)
    if digest is None:
        return ["reload"]
    if digest == "":
        # A run that did not end may have loaded either; a tunnel that it did not reach shall not suffer.
        return ["reload"] if _starts(tree) else ["reload", "terminate"]
    before = observed.stored.gateway
    had_children = any(child.phase1 == name for child in before.phase2.values())
    if name in before.phase1 and had_children and before.phase1[name].init_type in STARTING:
        return ["reload"]
    return ["hold", "terminate", "reload"] if _starts(tree) else ["reload", "terminate"]


def _starts(tree: Tree) -> bool:
    children = tree["children"]
    return isinstance(children, Mapping) and any(
        isinstance(child, Mapping) and "start" in str(child["start_action"]).split("|") for child in children.values()
    )


def _owned(observed: Observed, daemon: ObservedDaemon) -> Set[str]:
    """Return the names that this collection has loaded, or that a run of it which did not end may have."""
    return observed.stored.gateway.phase1.keys() | observed.stored.unfinished_connections | daemon.digests.keys()


def _refuse_foreign(wanted: Artifacts, daemon: ObservedDaemon, owned: Set[str]) -> None:
    problems = [
        Problem(
            f"phase1 {name}",
            "name",
            name,
            "charon has a connection of this name that is not ours; choose another "
            "name, or remove the connection from its own file under /etc/swanctl first",
        )
        for name in wanted.connections
        if name in daemon.connections and name not in owned
    ]
    if problems:
        raise ValidationError(problems)


def _stale(loaded: Set[str], wanted: Mapping[str, SharedSecret]) -> list[str]:
    """Return the ids of our form that are loaded and not wanted any more."""
    return [key for key in loaded if key not in wanted and is_our_secret(key)]
