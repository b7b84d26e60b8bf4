# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a swanctl.conf to objects and back: whether the file that we would write means what the first one means.

Both texts are read by libstrongswan's own parser, and compared by the meaning of each key, defaults included. So neither
our parser nor the inverse has a say in the verdict.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.inverse import Parsed, read_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.key_sections import KEY_KINDS
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.keys import (
    ANY_ADDRESS,
    CHILD_KEYS,
    CONNECTION_KEYS,
    LOCAL_KEYS,
    REMOTE_KEYS,
    Key,
    value_of,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import parse_settings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.swanctl import render_connections
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import SECRETS_FILE
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.identities import ANY
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.rounds import HANDLE
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.shunt import kernel_selectors
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import LocalFiles
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import IpsecError
from ansible_collections.swanfleet.ipsec.tests.daemon.libstrongswan import shapes

Tree = dict[str, Any]
_ANYONE = (ANY_ADDRESS, "0.0.0.0", "::")  # noqa: S104  # no address to bind to
_MISSING = object()
# All that charon gives to the kernel (shunt_manager.c), and what makes it do so.
_OF_SHUNTS = "mode local_ts remote_ts priority interface policies_fwd_out mark_in mark_out start_action".split()
_ROUND_KEYS = {"local": LOCAL_KEYS, "remote": REMOTE_KEYS}


@dataclass(frozen=True)
class Verdict:
    """What came of a file: why it was refused, or in what the two texts differ; neither means that they are the same."""

    file: Path
    refused: str = ""
    differing: tuple[str, ...] = ()
    rendered: str = ""

    @property
    def same(self) -> bool:
        """Say whether the file came back with the same meaning."""
        return not self.refused and not self.differing

    def __str__(self) -> str:
        if self.same:
            return f"{self.file}: same"
        said = self.refused.splitlines() or [f"differs: {each}" for each in self.differing]
        return "\n".join(f"{self.file}: {line}" for line in said)


def read_file(file: Path, release: Sequence[int] = (), directory: str = "/etc/swanctl") -> Parsed:
    """Read a file as the module does, with its includes, for a charon of some release; raises `IpsecError`.

    Certificates lie below `directory`.
    """
    local = LocalFiles()

    def include(pattern: str) -> Sequence[tuple[str, str]]:
        found = ((path, local.read(path)) for path in local.matching(pattern))
        return [(path, each.content.decode("utf-8", "surrogateescape")) for path, each in found if each is not None]

    text = file.read_bytes().decode("utf-8", "surrogateescape")
    root = parse_settings(text, file=str(file), directory=str(file.parent), include=include)
    return read_gateway(root, release=release, directory=directory)


def rendered(found: Parsed) -> str:
    """Return the text that a run would write for what was read, secrets included."""
    numbers = {name: each.if_id for name, each in found.gateway.xfrm_interfaces.items() if each.if_id is not None}
    wanted = artifacts(found.gateway, Situation(b"roundtrip", if_ids=numbers))
    return render_connections({**wanted.shunts, **wanted.connections}) + wanted.files[SECRETS_FILE].text


def verdict(file: Path) -> Verdict:
    """Take one file through objects and back, and compare."""
    try:
        text = rendered(read_file(file))
    except IpsecError as error:
        return Verdict(file, refused=str(error))
    [[before], [after]] = (shapes([str(file)], files=True), shapes([text]))
    if before is None or after is None:
        return Verdict(file, differing=(f"libstrongswan refuses {'our text' if before else 'the file'}",))
    return Verdict(file, differing=tuple(differences(_tree(before), _tree(after))), rendered=text)


def _tree(shape: Any) -> Tree:
    values, sections = shape
    return {**dict(values), **{name: _tree(section) for name, section in sections}}


def differences(before: Tree, after: Tree) -> Iterator[str]:
    """Yield each key of two texts that does not mean the same, with both meanings; of secrets never a value."""
    whole = [each.get("connections", {}) for each in (before, after)]
    olds, news = ({name: tree for name, tree in each.items() if not _only_shunts(tree)} for each in whole)
    yield from _shunts(*whole)
    for name in sorted(olds.keys() | news.keys()):
        if name not in olds or name not in news:
            yield f"connections.{name}: is only in {'the file' if name in olds else 'our text'}"
            continue
        old, new = (_connection(each) for each in (olds[name], news[name]))
        for path in sorted(old.keys() | new.keys()):
            was, becomes = old.get(path, _MISSING), new.get(path, _MISSING)
            if was != becomes:
                yield f"connections.{name}.{path}: {_shown(was)} would become {_shown(becomes)}"
    yield from _secrets(before.get("secrets", {}), after.get("secrets", {}))


def _is_shunt(child: Tree) -> bool:
    return str(child.get("mode", "")).lower() in ("pass", "drop")


def _only_shunts(connection: Tree) -> bool:
    """Say whether a connection has shunts alone, so that nothing else of it means anything."""
    children = connection.get("children", {}).values()
    proven = any(name.startswith(("local", "remote")) and isinstance(each, dict) for name, each in connection.items())
    return bool(children) and all(map(_is_shunt, children)) and not proven


def _shunts(before: Tree, after: Tree) -> Iterator[str]:
    """Yield shunts that are in one text only, by all that the kernel is told of them; where they stand does not matter."""
    olds, news = (list(_meant_by_shunts(each)) for each in (before, after))
    yield from (f"{path}: is only in the file" for path, meant in olds if meant not in [each for _path, each in news])
    yield from (f"{path}: is only in our text" for path, meant in news if meant not in [each for _path, each in olds])
    if len(olds) != len(news):
        yield f"there are {len(olds)} shunts, and there would be {len(news)}"


def _meant_by_shunts(connections: Tree) -> Iterator[tuple[str, list[Any]]]:
    for name, connection in connections.items():
        for child, tree in connection.get("children", {}).items():
            if _is_shunt(tree):
                given = {key: CHILD_KEYS[key].read(tree[key]) for key in _OF_SHUNTS if key in tree}
                meant: dict[str, Any] = {key: value_of(CHILD_KEYS, key, given) for key in _OF_SHUNTS}
                for side in ("local_ts", "remote_ts"):
                    meant[side] = sorted({part for each in meant[side] for part in kernel_selectors(each)})
                meant["start_action"] = "trap" in meant["start_action"]
                yield f"connections.{name}.children.{child}", list(meant.items())


def _shown(value: Any) -> str:
    return "nothing" if value is _MISSING else repr(value)


def _connection(tree: Tree) -> dict[str, Any]:
    """Return the meaning of each key of a connection by its path; the rounds of each end in their order."""
    found = dict(_section("", tree, CONNECTION_KEYS))
    for end in ("local", "remote"):
        rounds = [each for name, each in tree.items() if isinstance(each, dict) and name.startswith(end)]
        for number, each in enumerate(sorted(rounds, key=lambda one: int(one.get("round", 0)))):
            keys = {**_ROUND_KEYS[end], "round": Key(lambda _text: None)}
            found.update(_section(f"{end}[{number}].", each, keys))
            found.update((f"{end}[{number}].{key}", inner) for key, inner in _certificates(each).items())
    address = found["local_addrs"]
    if (
        found.get("local[0].id") == ANY
        and not found["local[0].certs"]
        and len(address) == 1
        and address != (ANY_ADDRESS,)
    ):
        found["local[0].id"] = f"address:{address[0]}"
    for name, child in tree.get("children", {}).items():
        if not _is_shunt(child):
            found.update(_section(f"children.{name}.", child, CHILD_KEYS))
    return found


def _certificates(tree: Tree) -> dict[str, Any]:
    """Return the certificates of a round: files by their whole path, and sections with those that charon reads itself."""
    found: dict[str, Any] = {}
    for key, below in (("certs", "x509"), ("cacerts", "x509ca")):
        names = [each.strip() for each in tree.get(key, "").split(",") if each.strip()]
        found[key] = tuple(str(Path("/etc/swanctl") / below / each) for each in names)
        begin = key.rstrip("s")
        found[f"{begin}<suffix>"] = [
            each for name, each in tree.items() if isinstance(each, dict) and name.startswith(begin)
        ]
    return found


def _section(prefix: str, tree: Tree, keys: Mapping[str, Key]) -> Iterator[tuple[str, Any]]:
    given = {name: keys[name].read(text) for name, text in tree.items() if isinstance(text, str)}
    for name in keys:
        value = value_of(keys, name, given)
        if name == "local_addrs":
            value = tuple(ANY_ADDRESS if each in _ANYONE else each for each in value)
        yield prefix + name, value


def _secrets(before: Tree, after: Tree) -> Iterator[str]:
    """Yield secrets that come up on one side only; whose they are is another matter, see `desired/owners.py`."""
    olds, news = ({_opened(name, each): name for name, each in tree.items()} for tree in (before, after))
    olds.pop(None, None)
    news.pop(None, None)
    yield from (f"secrets.{olds[each]}: its value is lost" for each in olds.keys() - news.keys())
    yield from (f"secrets.{news[each]}: its value is not in the file" for each in news.keys() - olds.keys())


def _opened(name: str, tree: Tree) -> Any:
    """Return what a section of secrets says: a shared secret itself, or what opens which private key; None for nothing."""
    kind = next((each for each in KEY_KINDS if name.startswith(each)), "")
    if kind == "token":
        return kind, HANDLE.parse(tree["handle"]), int(tree.get("slot", "-1"), 0), tree.get("module"), tree.get("pin")
    if kind and "secret" not in tree:
        # swanctl loads all files of its directories, whether a section speaks of them or not.
        return None
    # In our text the path of a file that nobody has read stands for it.
    return (str(Path("/etc/swanctl") / kind / tree["file"]), tree["secret"]) if kind else _value(tree["secret"])


def _value(text: str) -> bytes:
    """Return a secret as swanctl decodes it (load_creds.c, load_secret)."""
    if text[:2].lower() == "0s":
        return base64.b64decode(text[2:])
    if text[:2].lower() == "0x":
        return binascii.unhexlify(text[2:].replace(":", ""))
    return text.encode("utf-8", "surrogateescape")


def main(files: Sequence[str], *, say: Callable[[str], object] = print) -> int:
    """Say for each file whether it came back with the same meaning; return the exit status."""
    if not files:
        say("usage: make roundtrip FILES='a.conf b.conf'")
        return 2
    missing = [file for file in files if not Path(file).is_file()]
    for file in missing:
        say(f"{file}: there is no such file")
    told = [verdict(Path(file)) for file in files if file not in missing]
    for each in told:
        say(str(each))
    return 0 if all(each.same for each in told) and not missing else 1
