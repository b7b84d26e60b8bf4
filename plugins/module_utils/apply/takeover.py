# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking over what was written by hand: reading it, keeping the files as they were, and giving back what came to nothing.

Copies of the files lie beside the generations, under the number of the one that took over. A number above the one in
force belongs to a run that never came to its end; then the copies go back to where they came from.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ..artifacts.values import Rest, TakenOver
from ..desired.gateway import Gateway
from ..drivers.charon import DaemonAbsent
from ..drivers.files import FileTrouble, NewFile
from ..drivers.host import Host
from ..drivers.iproute2 import KernelRefused
from ..errors import Problem, ValidationError
from ..observed.daemon import record_without
from ..observed.values import Observed
from ..plan.takeover import as_on_host
from .shunts import give_shunts_back, shunts_to_give_back

_MANIFEST = "manifest.json"


def taken_over(host: Host, observed: Observed, only: Collection[str]) -> TakenOver:
    """Return what taking over the connections of `only` means, or all that stand in files; raises `IpsecError`."""
    # Each module that is imported costs every run some time, and this is done once in the life of a host.
    from ..artifacts.takeover import names_in, take_over
    from ..observed.by_hand import read_by_hand

    hand = read_by_hand(host, _given_back(host))
    version = observed.daemon.state.version if observed.daemon is not None else ""
    release = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    found = take_over(hand, only or names_in(hand), release)
    links = [path for path in found.rest.texts if host.files.target(path) is not None]
    if links:
        wanted = "it is a symbolic link, and would become a file; put the file itself there first"
        raise ValidationError([Problem(path, "file", None, wanted) for path in links])
    return as_on_host(found, observed)


def adoptable(host: Host, observed: Observed) -> tuple[Gateway, dict[str, list[str]]]:
    """Return what of the hand-written files could be taken over, and why the other connections could not, by their names.

    Raises `SettingsError` for files that swanctl would not read.
    """
    from ..artifacts.takeover import names_in
    from ..observed.by_hand import read_by_hand

    left = list(names_in(read_by_hand(host)))
    refused: dict[str, list[str]] = {}
    while left:
        try:
            return taken_over(host, observed, left).gateway, refused
        except ValidationError as error:
            blamed = {name: [str(each) for each in error.problems if _is_about(each, name)] for name in left}
            if not any(blamed.values()):
                # What is wrong is not about one of them.
                blamed = {name: [str(error)] for name in left}
            refused.update((name, told) for name, told in blamed.items() if told)
            left = [name for name in left if name not in refused]
    return Gateway(), refused


def _is_about(problem: Problem, name: str) -> bool:
    words = f"{problem.where} {problem.option} "
    return any(
        each in words for each in (f"connections.{name}.", f"connections.{name} ", f"phase1 {name} ", f"phase2 {name}/")
    )


def kept_in(host: Host, number: int) -> str:
    """Return the directory with the files as they were before generation `number` took over from them."""
    return f"{host.paths.taken_over}/{number}"


def keep(host: Host, number: int, found: TakenOver, observed: Observed) -> None:
    """Keep copies of the files that change, for root alone, and what else is needed to give everything back.

    The manifest has mode and owner of each file, and the digest of what it becomes: None where it goes.
    """
    directory = kept_in(host, number)
    host.files.make_directory(host.paths.taken_over, 0o700)
    host.files.remove(directory)
    host.files.make_directory(directory, 0o700)
    copies, files = [], {}
    for path, text in sorted(found.rest.texts.items()):
        there = host.files.read(path)
        if there is not None:
            # They hold secrets, and stay when all is well; the files themselves may have been open to many.
            copies.append(NewFile(_copy(host, directory, path), there.content, 0o600))
            becomes = None if text is None else _digest(_bytes(text))
            files[path] = {"mode": there.mode, "owner": there.owner, "becomes": becomes}
    host.files.replace_all(copies)
    manifest = {
        "connections": sorted(found.gateway.phase1),
        "files": files,
        "links": {name: observed.links[name].alias for name in sorted(found.gateway.xfrm_interfaces)},
        "secrets": list(found.rest.secrets),
        **shunts_to_give_back(found.rest, observed),
    }
    host.files.replace(f"{directory}/{_MANIFEST}", (json.dumps(manifest, indent=1) + "\n").encode(), 0o600)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _copy(host: Host, directory: str, path: str) -> str:
    return f"{directory}{path[len(host.paths.root) :]}"


def as_stored(found: TakenOver) -> dict[str, Any]:
    """Return what a generation says of it, so that its connections and links are not ours before it is in force."""
    if not found:
        return {}
    names = {"phase1": sorted(found.gateway.phase1), "xfrm_interfaces": sorted(found.gateway.xfrm_interfaces)}
    return {"taken_over": names}


def check_rest(host: Host, rest: Rest) -> list[str]:
    """Return the files that are not what they were to become."""
    wrong = []
    for path, text in sorted(rest.texts.items()):
        found = host.files.read(path)
        content = None if text is None else _bytes(text)
        if (found.content if found is not None else None) != content:
            wrong.append(f"{'move aside' if text is None else 'edit'} file {path}")
    return wrong


def give_back(host: Host) -> None:
    """Put back what a run that never came to its end has taken over: files, secrets, marks of links.

    Its connections were never touched at charon, and are not ours any more after this. Raises `IpsecError` where not all
    came back; then the copies stay, and the next call goes on. charon comes last: with `DaemonUnavailable` nothing is
    missing but the secrets that it shall have again.
    """
    for directory, manifest in _abandoned(host):
        # Without it, the run ended before its first step.
        if manifest is not None:
            _give_back(host, directory, manifest)
        host.files.remove(directory)


def _abandoned(host: Host) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Yield the directories of runs that never came to their end, with what they were about to do."""
    current = host.generations.current_number() or 0
    for name in host.files.names(host.paths.taken_over):
        if name.isdigit() and int(name) > current:
            directory = f"{host.paths.taken_over}/{name}"
            manifest = host.files.read(f"{directory}/{_MANIFEST}")
            yield directory, None if manifest is None else json.loads(manifest.content)


def _given_back(host: Host) -> dict[str, str]:
    """Return the texts of files as they will be when they are given back: what a check goes by, which must not write."""
    found = {}
    for directory, manifest in _abandoned(host):
        for path in manifest["files"] if manifest is not None else ():
            copy = host.files.read(_copy(host, directory, path))
            if copy is not None:
                found[path] = copy.content.decode("utf-8", "surrogateescape")
    return found


def _give_back(host: Host, directory: str, manifest: Mapping[str, Any]) -> None:
    found = host.files.read(host.paths.loaded_record)
    if found is not None:
        content = record_without(found.content, manifest["connections"])
        if content != found.content:
            host.files.replace(host.paths.loaded_record, content, 0o600)
    for link, alias in manifest["links"].items():
        _unmark(host, link, alias)
    edited = _edited(host, directory, manifest)
    host.files.replace_all(
        [
            NewFile(path, copy.content, was["mode"], tuple(was["owner"]))
            for path, was in manifest["files"].items()
            for copy in [host.files.read(_copy(host, directory, path))]
            if copy is not None and path not in edited
        ]
    )
    # A charon that is not there loads them from the files when it starts. One that hangs may hold the tunnels without keys.
    with contextlib.suppress(DaemonAbsent):
        _load_secrets(host, manifest["secrets"], edited)
        give_shunts_back(host, manifest)
    _refuse(host, directory, edited)


def _edited(host: Host, directory: str, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return what the files held, by their paths, that are neither as they were nor as the run was to leave them."""
    found = {}
    for path, was in manifest["files"].items():
        copy, there = host.files.read(_copy(host, directory, path)), host.files.read(path)
        if (
            copy is not None
            and there is not None
            and there.content != copy.content
            and _digest(there.content) != was["becomes"]
        ):
            found[path] = copy.content.decode("utf-8", "surrogateescape")
    return found


def refuse_edited(host: Host) -> None:
    """Raise `FileTrouble` where `give_back` will for files that somebody has edited, and write nothing."""
    for directory, manifest in _abandoned(host):
        if manifest is not None:
            _refuse(host, directory, _edited(host, directory, manifest))


def _refuse(host: Host, directory: str, edited: Iterable[str]) -> None:
    told = [
        f"{path} has been edited since a run took connections out of it and was ended half-way, so it is left as it is. As it "
        f"was before that run, it is {_copy(host, directory, path)}: make {path} what it shall be and remove that copy; the "
        "next run goes on from there"
        for path in sorted(edited)
    ]
    if told:
        raise FileTrouble("\n".join(told))


def _unmark(host: Host, link: str, alias: str) -> None:
    """Give a link its alias back, or none where ip(8) cannot be given that: with ours it would be removed as a leftover."""
    for text in (alias, ""):
        # The link may be gone by now.
        with contextlib.suppress(KernelRefused):
            host.kernel.run([("link", "set", "dev", link, "alias", text)])
            return


def _load_secrets(host: Host, names: Collection[str], texts: Mapping[str, str]) -> None:
    """Load the secrets of these names again from the hand-written files, some of them with the `texts` that they had."""
    from ..artifacts.owned_secrets import as_loaded
    from ..artifacts.references import resolved
    from ..observed.by_hand import read_by_hand

    missing = set(names) - set(host.charon.shared_ids()) if names else set()
    if not missing:
        return
    root = resolved(read_by_hand(host, texts).parsed({})).sections
    # Who has edited a file may have taken them out.
    secrets = root["secrets"].sections if "secrets" in root else {}
    for name in sorted(missing & secrets.keys()):
        loaded = as_loaded(name, secrets[name])
        data = loaded.value.reveal().encode("utf-8", "surrogateescape")
        host.charon.load_shared(id=name, kind=loaded.kind, owners=loaded.owners, data=data)
