# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations that validation takes, loaded into a charon: over vici, and from the files by swanctl."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.authorities import for_vici, says
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.credentials import credential_files
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.key_sections import key_sections
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.rounds import with_contents
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.shunts import shunt_name
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.swanctl import (
    render_connections,
    render_secrets,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Credential, SharedSecret, Tree
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired import credentials
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    Gateway,
    check_gateway,
    parse_gateway,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation, allot_if_ids
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import ViciCharon
from ansible_collections.swanfleet.ipsec.tests.daemon import charon_process
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.listed import expected, expected_shunt, shown, shown_owners
from ansible_collections.swanfleet.ipsec.tests.generators.objects import SITUATION, Made

_OWNERS = re.compile(r"loaded (?:IKE|EAP|NTLM|PPK) shared key with id '([^']*)' for: (.*)")


@dataclass(frozen=True)
class Taken:
    """A configuration that validation took: its gateway, and what charon is to be told."""

    config: Made
    gateway: Gateway
    situation: Situation
    connections: dict[str, Tree]
    shared: dict[str, SharedSecret]
    credentials: dict[str, Credential]
    pools: dict[str, Tree]
    authorities: dict[str, Tree]
    shunts: dict[str, Tree]


def taken(config: Made, *, starting: bool = False) -> Taken:
    """Put a configuration through validation; raises `ValidationError`.

    Unless `starting`, its connections wait for their peers: each that starts would cost a key exchange, and go nowhere.
    """
    # On this host there is no file of a certificate or key.
    gateway, _warnings = credentials.with_contents(parse_gateway(config), lambda _path: None, Gateway())
    check_gateway(gateway)
    credentials.check_credentials(gateway)
    return made(config, gateway, starting=starting)


def made(config: Made, gateway: Gateway, *, starting: bool = False) -> Taken:
    """Make what charon is to be told of a gateway, checked or not."""
    situation = Situation(
        SITUATION.host_key, SITUATION.addresses, SITUATION.default_interface, allot_if_ids(gateway, {}, set())
    )
    wanted = artifacts(gateway, situation)
    trees = {name: tree if starting else _waiting(tree) for name, tree in wanted.connections.items()}
    return Taken(
        config,
        gateway,
        situation,
        trees,
        dict(wanted.shared),
        dict(wanted.credentials),
        dict(wanted.pools),
        dict(wanted.authorities),
        dict(wanted.shunts),
    )


def _waiting(tree: Tree) -> Tree:
    children: Any = tree["children"]
    return {**tree, "children": {name: {**child, "start_action": "none"} for name, child in children.items()}}


def load(charon: ViciCharon, each: Taken) -> None:
    """Load secrets and connections over vici."""
    for key, secret in each.shared.items():
        charon.load_shared(id=key, kind=secret.kind, owners=secret.owners, data=secret.data)
    for held in each.credentials.values():
        if held.layer == "public key":
            continue
        if held.layer == "key":
            assert charon.load_key(held.text.reveal().encode()) == held.identity
        else:
            charon.load_certificate(kind="X509", flag=held.flag, data=held.text.reveal().encode())
    contents = {role: held.text.reveal() for role, held in each.credentials.items()}
    for name, tree in each.authorities.items():
        charon.load_authority(name, for_vici(tree, contents))
    for name, tree in each.pools.items():
        charon.load_pool(name, tree)
    for name, tree in {**each.shunts, **each.connections}.items():
        charon.load_connection(name, with_contents(tree, contents))


def loads_as_meant(charon: ViciCharon, each: Taken) -> None:
    """Fail unless charon takes it all and shows each connection as it is meant; nothing of it is left in charon."""
    try:
        load(charon, each)
        listed = charon.connections([*each.connections, *each.shunts])
        assert sorted(charon.shared_ids()) == sorted(each.shared)
        certificates = [data for kind, data in charon.certificates() if kind != "PUBKEY"]
        held = [hashlib.sha256(data).hexdigest() for data in certificates] + charon.key_ids()
        meant = {one.identity for one in each.credentials.values() if one.layer != "public key"}
        assert sorted(held) == sorted(meant)
        assert sorted(charon.pools()) == sorted(each.pools)
        told = charon.authorities()
        assert sorted(told) == sorted(each.authorities)
        assert all(says(tree, told[name]) for name, tree in each.authorities.items())
        for name in each.connections:
            is_shown, is_meant = shown(listed[name]), expected(each.gateway, name, each.situation)
            different = {key: (is_shown[key], value) for key, value in is_meant.items() if is_shown[key] != value}
            assert not different, f"{name}, shown and meant: {different}"
        # Whether the kernel has them too is another test's: ESP in user space wants addresses for each.
        for connection in each.shunts:
            name = shunt_name(connection)
            assert shown(listed[connection])["children"] == {name: expected_shunt(each.gateway.shunts[name])}
    finally:
        charon_process.clean(charon)


def _in_batches(all_taken: Sequence[Taken], size: int) -> Iterator[list[Taken]]:
    """Yield them together with others of other names, since swanctl merges sections of one name."""
    left = list(all_taken)
    while left:
        batch: list[Taken] = []
        names: set[str] = set()
        for each in left:
            # A bare public key gets its identity in charon from the first connection that names it.
            keys = (role for role in each.credentials if role.startswith("pubkey/"))
            pools = (f"pool {name}" for name in each.pools)
            held = {*each.connections, *pools, *each.authorities, *each.shunts, *keys}
            if len(batch) < size and not names & held:
                batch.append(each)
                names |= held
        yield batch
        left = [each for each in left if not any(each is other for other in batch)]


def _held(charon: ViciCharon) -> list[Any]:
    held = [sorted(charon.shared_ids()), sorted(charon.key_ids()), sorted(charon.certificates())]
    return [charon.connections(), charon.pools(), charon.authorities(), *held]


def _by_swanctl(process: CharonProcess, directory: Path, batch: Sequence[Taken]) -> str:
    """Load the files of a batch by swanctl into a charon that has them over vici; return what is not as it should be."""
    for old in (*directory.glob("conf.d/*"), *directory.glob("*/swanfleet-*")):
        old.unlink()
    (directory / "conf.d").mkdir(exist_ok=True)
    (directory / "swanctl.conf").write_text("include conf.d/*.conf\n", encoding="utf-8")
    for number, each in enumerate(batch):
        (directory / f"conf.d/{number}.conf").write_text(
            render_connections({**each.shunts, **each.connections}, each.pools, each.authorities), encoding="utf-8"
        )
        for role, file in credential_files(each.credentials).items():
            (directory / role).parent.mkdir(exist_ok=True)
            (directory / role).write_bytes(file.encoded)
        secrets = render_secrets(each.shared, key_sections(each.gateway, each.credentials, {}))
        (directory / f"conf.d/{number}-secrets.conf").write_text(secrets, encoding="utf-8")
    with process.client() as charon:
        for each in batch:
            load(charon, each)
        before = _held(charon)
        start = process.log_path.stat().st_size
        said = process.swanctl(directory, "--load-all", "--noprompt")
        with process.log_path.open("rb") as log:
            log.seek(start)
            told = log.read().decode("utf-8", "replace")
        after = _held(charon)
        charon_process.clean(charon)
    count = sum(len(each.connections) + len(each.shunts) for each in batch)
    summary = f"successfully loaded {count} connections, 0 unloaded"
    # Directories of certificates do not exist here, of which swanctl speaks in each of its runs.
    told_of = [line for line in said.splitlines() if not line.startswith("opening directory")]
    wrong = [line for line in told_of if any(word in line for word in ("failed", "invalid", "ignor"))]
    wrong += [] if count == 0 or summary in said else [f"{summary!r} is not said:", said]
    # charon compares all that it has of a connection, also what list-conns does not show.
    wrong += [line for line in told.splitlines() if "replaced vici connection" in line]
    wrong += [] if before == after else ["charon holds something else than before"]
    owners = {key: shown_owners(secret.owners) for each in batch for key, secret in each.shared.items()}
    wrong += [f"owners of {key}: {found}" for key, found in _OWNERS.findall(told) if found != owners.pop(key, None)]
    wrong += [f"charon does not speak of {key}" for key in owners]
    return "\n".join(wrong)


def loads_by_swanctl(process: CharonProcess, directory: Path, all_taken: Sequence[Taken]) -> None:
    """Fail, with the first configuration of which it is so, unless the files say to charon what vici said."""
    for batch in _in_batches(all_taken, 100):
        if _by_swanctl(process, directory, batch):
            for each in batch:
                wrong = _by_swanctl(process, directory, [each])
                assert not wrong, f"{wrong}\n{each.config}"
            raise AssertionError("together, and not each by itself:\n" + _by_swanctl(process, directory, batch))
