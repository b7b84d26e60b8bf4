# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each step of a plan, carried out through the drivers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable, cast

from ..artifacts.digest import tree_digest
from ..artifacts.values import CONNECTIONS_FILE, Artifacts, Tree
from ..drivers.charon import DaemonRefused
from ..drivers.host import Host
from ..observed.daemon import encode_record
from ..observed.values import Observed
from ..plan.steps import Plan, Step

KERNEL_LAYERS = ("link", "address", "route")
_TERMINATE_TIMEOUT_MS = 5000
_TERMINATE_ATTEMPTS = 3
_HELD = {"trap|start": "trap", "start": "none", "trap": "trap", "none": "none"}


class StepFailed(Exception):
    """A step did not go through: which one, and the error it met."""

    def __init__(self, step: str, cause: Exception) -> None:
        self.step = step
        self.cause = cause
        super().__init__(f"{step}: {cause}")


def carry_out(steps: Plan, wanted: Artifacts, observed: Observed, host: Host) -> None:
    """Carry out every step in order; consecutive kernel steps go in one batch. Raises `StepFailed` at the first failure."""
    touches_daemon = any(step.layer == "connection" for step in steps.steps)
    if touches_daemon:
        _record(steps, wanted, observed, host, finished=False)
    for group in _grouped(steps):
        try:
            if group[0].layer in KERNEL_LAYERS:
                host.kernel.run([command for step in group for command in step.commands])
            else:
                _ACTIONS[(group[0].verb, group[0].layer)](group[0], wanted, host)
        except Exception as error:
            raise StepFailed(
                "; ".join(str(step) for step in group[:3]) + (" …" if len(group) > 3 else ""), error
            ) from error
    if touches_daemon or any(step.key == CONNECTIONS_FILE or step.name == CONNECTIONS_FILE for step in steps.steps):
        _record(steps, wanted, observed, host, finished=True)


def _grouped(steps: Plan) -> list[list[Step]]:
    groups: list[list[Step]] = []
    for step in steps.steps:
        together = groups and step.layer in KERNEL_LAYERS and groups[-1][0].layer in KERNEL_LAYERS
        if together:
            groups[-1].append(step)
        else:
            groups.append([step])
    return groups


def _record(steps: Plan, wanted: Artifacts, observed: Observed, host: Host, *, finished: bool) -> None:
    try:
        _write_record(steps, wanted, observed, host, finished=finished)
    except Exception as error:
        raise StepFailed("record what charon holds", error) from error


def _write_record(steps: Plan, wanted: Artifacts, observed: Observed, host: Host, *, finished: bool) -> None:
    """Record what charon holds: before the steps without what they load, so that a crash leaves no false claim.

    While charon is down the record belongs to no start of it; the next start loads the file, and so makes it true. Of
    one that does not answer nothing new is known, and the record stays what it was before the steps.
    """
    if observed.daemon is None and not observed.daemon_down:
        return
    if observed.daemon is None:
        content = encode_record(
            "", _connections_file(host), {name: tree_digest(tree) for name, tree in wanted.connections.items()}
        )
        host.files.replace(host.paths.loaded_record, content, 0o600)
        return
    touched = {step.name for step in steps.steps if step.layer == "connection"}
    digests = {name: digest for name, digest in observed.daemon.digests.items() if name not in touched}
    if finished:
        digests.update((name, tree_digest(wanted.connections[name])) for name in touched if name in wanted.connections)
    else:
        digests.update((name, "") for name in touched if name in observed.daemon.connections)
    content = encode_record(observed.daemon.state.start_id, _connections_file(host), digests)
    host.files.replace(host.paths.loaded_record, content, 0o600)


def _connections_file(host: Host) -> bytes:
    file = host.files.read(host.paths.connections_file)
    return file.content if file else b""


def _write_file(step: Step, wanted: Artifacts, host: Host) -> None:
    file = wanted.files[step.name]
    host.files.replace(host.paths.managed[step.name], file.encoded, file.mode)


def _load_secret(step: Step, wanted: Artifacts, host: Host) -> None:
    secret = wanted.shared[step.key]
    data = secret.value.reveal().encode("utf-8", "surrogateescape")
    host.charon.load_shared(id=step.key, kind=secret.kind, owners=secret.owners, data=data)


def _unload_secret(step: Step, _wanted: Artifacts, host: Host) -> None:
    host.charon.unload_shared(step.key)


def _load_connection(step: Step, wanted: Artifacts, host: Host) -> None:
    host.charon.load_connection(step.name, wanted.connections[step.name])


def _unload_connection(step: Step, _wanted: Artifacts, host: Host) -> None:
    host.charon.unload_connection(step.name)


def _terminate(step: Step, _wanted: Artifacts, host: Host) -> None:
    # charon ends the SAs of an unloaded start by itself, in its own time, and refuses to end one that it found and that
    # has gone since. Asked again it does not find it; an SA that really cannot be ended is refused each time.
    for last in (False,) * (_TERMINATE_ATTEMPTS - 1) + (True,):
        try:
            host.charon.terminate(ike=step.name, timeout_ms=_TERMINATE_TIMEOUT_MS, force=True)
        except DaemonRefused:
            if last:
                raise
        else:
            return


def _hold_connection(step: Step, wanted: Artifacts, host: Host) -> None:
    tree = wanted.connections[step.name]
    children = cast(Mapping[str, Tree], tree["children"])
    held = {name: {**child, "start_action": _HELD[str(child["start_action"])]} for name, child in children.items()}
    host.charon.load_connection(step.name, {**tree, "children": held})


_ACTIONS: dict[tuple[str, str], Callable[[Step, Artifacts, Host], None]] = {
    ("write", "file"): _write_file,
    ("load", "secret"): _load_secret,
    ("unload", "secret"): _unload_secret,
    ("load", "connection"): _load_connection,
    ("reload", "connection"): _load_connection,
    ("unload", "connection"): _unload_connection,
    ("terminate", "connection"): _terminate,
    ("hold", "connection"): _hold_connection,
}
