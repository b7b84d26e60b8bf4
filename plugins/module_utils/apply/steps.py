# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each step of a plan, carried out through the drivers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Callable, cast

from ..artifacts.authorities import for_vici
from ..artifacts.rounds import with_contents
from ..artifacts.values import CONNECTIONS_FILE, Artifacts, Tree
from ..drivers.charon import DaemonRefused
from ..drivers.files import NewFile
from ..drivers.host import Host
from ..errors import IpsecError
from ..observed.daemon import encode_record, journal_begun, journal_done, journal_head, left_open
from ..observed.values import Observed
from ..plan.steps import FIREWALL, GUARD, UPLINK, Plan, Step
from .pools import perform_pools, record_pools
from .sas import PeerDeclined, settle_all, snapshot
from .shunts import SHUNT_ACTIONS
from .tokens import load_token, unload_token

KERNEL_LAYERS = (GUARD, "link", "address", "route", UPLINK)
CONNECTION_LAYERS = ("connection", "sa")
_TOGETHER = 64
_HELD = {"trap|start": "trap", "start": "none", "trap": "trap", "none": "none"}


Refused = Callable[[Step, DaemonRefused], None]


class StepFailed(Exception):
    """A step did not go through: which one, and the error it met."""

    def __init__(self, step: str, cause: Exception) -> None:
        self.step = step
        self.cause = cause
        super().__init__(f"{step}: {cause}")


def carry_out(steps: Plan, wanted: Artifacts, observed: Observed, host: Host, *, gently: bool = False) -> list[str]:
    """Carry out every step in order, and return warnings about peers that did not follow.

    Consecutive steps of the kernel go in one batch, files are written together, connections and their SAs go in groups.
    Raises `StepFailed` at the first failure. `gently` forbids to end an SA that the plan has promised to renew.
    """
    warnings: list[str] = []
    if touches_connections(steps):
        try:
            begin_journal(host)
        except Exception as error:
            raise StepFailed("begin the journal of what is loaded", error) from error
    for group in grouped(steps):
        try:
            warnings += perform(group, wanted, observed, host, gently=gently)
        except Exception as error:
            raise error if isinstance(error, StepFailed) else StepFailed(_told(group), error) from error
    if needs_record(steps):
        try:
            record(steps, wanted, observed, host)
        except Exception as error:
            raise StepFailed("record what charon holds", error) from error
    return warnings


def perform(
    group: list[Step],
    wanted: Artifacts,
    observed: Observed,
    host: Host,
    *,
    gently: bool = False,
    refused: Refused | None = None,
) -> list[str]:
    """Carry out steps that go together, and return warnings about peers that did not follow.

    A connection that charon refuses fails the group, unless `refused` is there to be told: the others go on then.
    """
    if group[0].layer in KERNEL_LAYERS:
        host.kernel.run([command for step in group for command in step.commands])
    elif group[0].layer == FIREWALL:
        host.firewall.commit([command for step in group for command in step.nft])
    elif _writes_file(group[0]):
        host.files.replace_all([_new_file(step, wanted, host) for step in group])
    elif group[0].layer == "trust":
        _forget(group, wanted, host)
    elif group[0].layer == "pool":
        perform_pools(group, wanted, observed, host)
    elif group[0].layer in CONNECTION_LAYERS:
        return _carry_out_connections(group, wanted, observed, host, gently=gently, refused=refused)
    else:
        _ACTIONS[(group[0].verb, group[0].layer)](group[0], wanted, host)
    return []


def touches_connections(steps: Plan) -> bool:
    """Say whether steps change what charon holds, so that a journal is needed meanwhile."""
    return any(step.layer in CONNECTION_LAYERS for step in steps.steps)


def needs_record(steps: Plan) -> bool:
    """Say whether what charon holds, now or at its next start, is another thing after the steps, or becomes ours."""
    by_hand = any(step.layer == "file" and step.verb in ("edit", "move aside") for step in steps.steps)
    ours = any(CONNECTIONS_FILE in (step.key, step.name) for step in steps.steps)
    return touches_connections(steps) or by_hand or ours


def _told(group: list[Step]) -> str:
    return "; ".join(str(step) for step in group[:3]) + (" …" if len(group) > 3 else "")


def grouped(steps: Plan) -> list[list[Step]]:
    """Return the steps in groups that run together; all steps of one connection are in one group."""
    groups: list[list[Step]] = []
    for step in steps.steps:
        last = groups[-1] if groups else []
        if last and (_in_one_batch(step, last) or _in_one_group(step, last)):
            last.append(step)
        else:
            groups.append([step])
    return groups


def _in_one_batch(step: Step, last: list[Step]) -> bool:
    in_kernel = step.layer in KERNEL_LAYERS and last[0].layer in KERNEL_LAYERS
    in_charon = step.layer == last[0].layer and step.layer in ("trust", "pool", FIREWALL)
    return in_kernel or in_charon or (_writes_file(step) and _writes_file(last[0]))


def _writes_file(step: Step) -> bool:
    return step.layer == "file" and step.verb in ("write", "edit")


def _new_file(step: Step, wanted: Artifacts, host: Host) -> NewFile:
    if step.verb == "write":
        file = wanted.files[step.name]
        return NewFile(host.paths.path_of(step.name), file.encoded, file.mode)
    text, there = wanted.taken_over.rest.texts[step.name] or "", host.files.read(step.name)
    content = text.encode("utf-8", "surrogateescape")
    return NewFile(step.name, content, there.mode if there else 0o600, there.owner if there else None)


def _in_one_group(step: Step, last: list[Step]) -> bool:
    together = step.layer in CONNECTION_LAYERS and last[0].layer in CONNECTION_LAYERS
    return together and (step.name == last[-1].name or len(last) < _TOGETHER)


def _carry_out_connections(
    group: list[Step], wanted: Artifacts, observed: Observed, host: Host, *, gently: bool, refused: Refused | None
) -> list[str]:
    """Load and unload a group of connections, then settle their SAs; no more at once, so that no SA is rekeyed in between."""
    becomes = {step.name: wanted.parts.get(step.name) for step in group}
    _open_journal(host, becomes, strict=refused is None)
    old = snapshot(host, group)
    for step in group:
        if step.layer == "connection" and step.name in becomes:
            try:
                _ACTIONS[(step.verb, step.layer)](step, wanted, host)
            except Exception as error:
                if refused is None or not isinstance(error, DaemonRefused):
                    raise StepFailed(str(step), error) from error
                refused(step, error)
                del becomes[step.name]
    settling = [step for step in group if step.layer == "sa" and step.name in becomes]
    held = [step.name for step in settling if step.settlement is not None and step.settlement.held]
    trees = {name: _for_vici(wanted.connections[name], wanted) for name in held}
    try:
        warnings = settle_all(host, settling, old, trees, gently=gently)
    except Exception as error:
        if isinstance(error, PeerDeclined):
            before = observed.daemon.loaded if observed.daemon is not None else {}
            sas_of = {name: before[name] for name in error.names if name in before}
            kept = {name: replace(was, whole=wanted.parts[name].whole) for name, was in sas_of.items()}
            host.files.append(host.paths.journal, journal_done({**becomes, **kept}))
        raise StepFailed(_told(settling), error) from error
    try:
        host.files.append(host.paths.journal, journal_done(becomes))
    except IpsecError:
        # They stay uncertain, which is true and costs no more than that they are loaded afresh.
        if refused is None:
            raise
    return warnings


def end_journal(host: Host) -> None:
    """Remove a journal in which nothing was noted."""
    found = host.files.read(host.paths.journal)
    if found is not None and found.content == journal_head(host.files.read(host.paths.loaded_record)):
        host.files.remove(host.paths.journal)


def _open_journal(host: Host, names: Iterable[str], *, strict: bool) -> None:
    """Note that what charon holds of connections is uncertain from now on; not `strict`, it may have been noted before."""
    try:
        host.files.append(host.paths.journal, journal_begun(names))
    except IpsecError:
        noted = left_open(host.files.read(host.paths.loaded_record), host.files.read(host.paths.journal))
        if strict or not noted.issuperset(names):
            raise


def begin_journal(host: Host) -> None:
    """Begin the journal of connections that this run touches; what an earlier run left there and still holds stays."""
    head = journal_head(host.files.read(host.paths.loaded_record))
    found = host.files.read(host.paths.journal)
    if found is None or not found.content.startswith(head):
        host.files.remove(host.paths.journal)
        host.files.append(host.paths.journal, head)


def record(steps: Plan, wanted: Artifacts, observed: Observed, host: Host) -> None:
    """Record what charon holds now. The journal of this run says nothing beside the new record, and goes.

    While charon is down the record belongs to no start of it; the next start loads the file, and so makes it true. Of
    one that does not answer nothing new is known, and the record stays what it was before the steps.
    """
    if observed.daemon is None and not observed.daemon_down:
        return
    start_id, loaded = "", dict(wanted.parts)
    if observed.daemon is not None:
        touched = {step.name for step in steps.steps if step.layer in CONNECTION_LAYERS}
        start_id = observed.daemon.state.start_id
        loaded = {name: parts for name, parts in observed.daemon.loaded.items() if name not in touched}
        loaded.update((name, wanted.parts[name]) for name in touched if name in wanted.parts)
    file = _connections_file(host)
    content = encode_record(start_id, file if file == _what_starts_load(wanted) else None, loaded)
    host.files.replace(host.paths.loaded_record, content, 0o600)
    host.files.remove(host.paths.journal)
    record_pools(wanted, observed, host)


def _connections_file(host: Host) -> bytes:
    file = host.files.read(host.paths.connections_file)
    return file.content if file else b""


def _what_starts_load(wanted: Artifacts) -> bytes:
    file = wanted.files[CONNECTIONS_FILE]
    return file.encoded if file.needed else b""


def _remove_file(step: Step, _wanted: Artifacts, host: Host) -> None:
    host.files.remove(host.paths.path_of(step.name))


def _move_aside(step: Step, _wanted: Artifacts, host: Host) -> None:
    # What it held was kept before the first step (apply/takeover.py).
    host.files.remove(step.name)


def _load_secret(step: Step, wanted: Artifacts, host: Host) -> None:
    secret = wanted.shared[step.key]
    host.charon.load_shared(id=step.key, kind=secret.kind, owners=secret.owners, data=secret.data)


def _unload_secret(step: Step, _wanted: Artifacts, host: Host) -> None:
    host.charon.unload_shared(step.key)


def _load_key(step: Step, wanted: Artifacts, host: Host) -> None:
    key = wanted.credentials[step.name]
    loaded = host.charon.load_key(key.text.reveal().encode())
    if loaded != key.identity:
        host.charon.unload_key(loaded)
        raise DaemonRefused("load-key", step.name, "it is not the key of the certificate that it was given for")


def _unload_key(step: Step, _wanted: Artifacts, host: Host) -> None:
    _owe_credentials(host)
    host.charon.unload_key(step.key)


def _load_token(step: Step, wanted: Artifacts, host: Host) -> None:
    load_token(step.key, wanted, host)


def _unload_token(step: Step, wanted: Artifacts, host: Host) -> None:
    _owe_credentials(host)
    unload_token(step.key, wanted, host)


def _load_certificate(step: Step, wanted: Artifacts, host: Host) -> None:
    found = wanted.credentials[step.name]
    host.charon.load_certificate(kind="X509", flag=found.flag, data=found.text.reveal().encode())


def _forget(group: list[Step], wanted: Artifacts, host: Host) -> None:
    """Take back the trust in authorities: charon forgets all credentials, and is given again at once what is ours.

    What other files hold comes with the step after this one.
    """
    _owe_credentials(host)
    host.charon.clear_credentials()
    for step in group:
        host.files.remove(host.paths.path_of(step.name))
    for key in wanted.shared:
        _load_secret(Step("load", "secret", key, key=key), wanted, host)
    for role, each in wanted.credentials.items():
        if each.layer == "public key":
            continue
        _ACTIONS[("load", each.layer)](Step("load", each.layer, role), wanted, host)
    for section in wanted.tokens:
        load_token(section, wanted, host)
    # A bare public key is known with the connection alone, which is the same as before, and so are its SAs.
    for name, tree in wanted.connections.items():
        if any("pubkeys" in section for section in tree.values() if isinstance(section, Mapping)):
            _load_connection(Step("reload", "connection", name), wanted, host)


def _owe_credentials(host: Host) -> None:
    """Note that charon is about to lose what others have given it, so that whoever comes next gives it back."""
    host.files.replace(host.paths.credentials_owed, b"", 0o600)


def _reload_credentials(_step: Step, _wanted: Artifacts, host: Host) -> None:
    host.swanctl.load_credentials()
    host.files.remove(host.paths.credentials_owed)


def _load_connection(step: Step, wanted: Artifacts, host: Host) -> None:
    host.charon.load_connection(step.name, _for_vici(wanted.connections[step.name], wanted))


def _for_vici(tree: Tree, wanted: Artifacts) -> Tree:
    return with_contents(tree, _contents(wanted)) if wanted.credentials else tree


def _contents(wanted: Artifacts) -> dict[str, str]:
    return {role: each.text.reveal() for role, each in wanted.credentials.items()}


def _load_authority(step: Step, wanted: Artifacts, host: Host) -> None:
    host.charon.load_authority(step.key, for_vici(wanted.authorities[step.key], _contents(wanted)))


def _unload_authority(step: Step, _wanted: Artifacts, host: Host) -> None:
    host.charon.unload_authority(step.key)


def _hold_connection(step: Step, wanted: Artifacts, host: Host) -> None:
    """Load a connection without the start of what is held; traps stand all the time."""
    held = step.settlement.held if step.settlement is not None else frozenset()
    tree = _for_vici(wanted.connections[step.name], wanted)
    children = cast(Mapping[str, Tree], tree["children"])
    given = {
        name: {**child, "start_action": _HELD[str(child["start_action"])]}
        for name, child in children.items()
        if name in held
    }
    host.charon.load_connection(step.name, {**tree, "children": {**children, **given}})


def _unload_connection(step: Step, _wanted: Artifacts, host: Host) -> None:
    host.charon.unload_connection(step.name)


_ACTIONS: dict[tuple[str, str], Callable[[Step, Artifacts, Host], None]] = {
    ("remove", "file"): _remove_file,
    ("move aside", "file"): _move_aside,
    ("load", "secret"): _load_secret,
    ("unload", "secret"): _unload_secret,
    ("load", "key"): _load_key,
    ("unload", "key"): _unload_key,
    ("load", "token"): _load_token,
    ("unload", "token"): _unload_token,
    ("load", "certificate"): _load_certificate,
    ("reload", "credentials"): _reload_credentials,
    ("load", "authority"): _load_authority,
    ("unload", "authority"): _unload_authority,
    ("load", "connection"): _load_connection,
    ("reload", "connection"): _load_connection,
    ("unload", "connection"): _unload_connection,
    ("hold", "connection"): _hold_connection,
    **SHUNT_ACTIONS,
}
