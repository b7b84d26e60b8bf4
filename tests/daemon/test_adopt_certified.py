# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose hand-written tunnels have certificates and users is taken over while they are up, and then keeps what it has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import dump_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.kept_secrets import with_kept_secrets
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.tests.daemon import by_hand, charon_process, each_release, pki
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host
from ansible_collections.swanfleet.ipsec.tests.daemon.test_adopt import adopt, spis, written
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]

CA = pki.authority("By hand")
HOLDERS = {end: CA.issue(f"{end}.example.org") for end in ("here", "there", "vpn")}
BASE = """
    version = 2
    proposals = aes256-sha256-curve25519
    unique = never
    local_addrs = {mine}
    remote_addrs = {theirs}"""
CHILD = (
    "children {{ {name} {{ esp_proposals = aes256gcm16\n local_ts = 10.{own}.{net}.0/24\n"
    " remote_ts = 10.{other}.{net}.0/24 }} }}"
)
OWN = "{{ certs = {end}.pem\n id = {end}.example.org }}"
GATE = (
    "gate {{"
    + BASE
    + "\n local "
    + OWN
    + "\n remote {{ cacerts = ca.pem\n id = {peer}.example.org }}\n"
    + CHILD
    + " }}\n"
)
USERS = {
    "here": "users {{" + BASE + "\n local {{ certs = vpn.pem\n id = vpn.example.org }}\n"
    " remote {{ auth = eap-md5\n eap_id = %any }}\n" + CHILD + " }}\n",
    "there": "users {{" + BASE + "\n local {{ auth = eap-md5\n eap_id = anna\n id = anna@example.org }}\n"
    " remote {{ cacerts = ca.pem\n id = vpn.example.org }}\n" + CHILD + " }}\n",
}  # fmt: skip
ANNA, BERT = "eap-anna { id = anna\n secret = of-anna-7c1d }\n", "eap-bert { id = bert\n secret = of-bert-88f0 }\n"
LOCKED = "private-here { file = here.pem\n secret = of-here-5d20 }\n"
ENDS = {
    "here": {"end": "here", "peer": "there", "mine": "192.0.2.1", "theirs": "192.0.2.2", "own": 1, "other": 2},
    "there": {"end": "there", "peer": "here", "mine": "192.0.2.2", "theirs": "192.0.2.1", "own": 2, "other": 1},
}


def write(directory: Path, end: str) -> None:
    """Write the files of one end below a directory that stands for /etc/swanctl."""
    for name in by_hand.DIRECTORIES:
        (directory / name).mkdir(parents=True)
    connections = [
        text.format(**ENDS[end], name=name, net=net)
        for net, (name, text) in enumerate((("gate", GATE), ("users", USERS[end])), start=1)
    ]
    secrets = ANNA + (BERT + LOCKED if end == "here" else "")
    text = f"connections {{\n{''.join(connections)}}}\nsecrets {{\n{secrets}}}\ninclude conf.d/*.conf\n"
    files = {
        "swanctl.conf": text,
        "x509ca/ca.pem": CA.pem,
        **{f"x509/{name}.pem": holder.pem for name, holder in HOLDERS.items()},
        **{f"private/{name}.pem": holder.key_pem for name, holder in HOLDERS.items()},
    }
    if end == "here":
        files["private/here.pem"] = pki.key_pem(HOLDERS["here"].key, passphrase="of-here-5d20")
    for name, content in files.items():
        (directory / name).touch(0o600)
        (directory / name).write_text(content, encoding="utf-8")


@pytest.fixture
def near(release: str, tmp_path: Path) -> Iterator[tuple[CharonProcess, Host]]:
    """Return a host with a tunnel of certificates and one of a user up, made by swanctl from files, and its charon."""
    reason = charon_process.missing()
    if reason:
        pytest.fail(reason)
    with charon_process.wired("dos_protection = no", release=release, networks=3) as (here, there):
        for process, end in ((there, "there"), (here, "here")):
            directory = tmp_path / end / "etc/swanctl"
            write(directory, end)
            process.swanctl(directory, "--load-all", "--noprompt")
        host = engine_host(tmp_path / "here", here.uri)
        with closing(host.charon), there.client() as far:
            host.charon.initiate(ike="gate", child="gate", timeout_ms=10_000)
            far.initiate(ike="users", child="users", timeout_ms=10_000)
            assert awaited(lambda: len(spis(host.charon)) == 2)
            yield here, host


def test_certificates_and_users_are_taken_over_while_their_tunnels_are_up(near: tuple[CharonProcess, Host]) -> None:
    process, host = near
    before = spis(host.charon)
    outcome = adopt(host)
    assert (outcome.changed, outcome.disruption) == (True, {})
    gate, users = (outcome.after.phase1[name] for name in ("gate", "users"))
    assert gate.local_auth is not None
    assert gate.local_auth[0].certificates == (f"{host.paths.swanctl}/x509/here.pem",)
    assert users.remote_auth is not None
    assert [each.username for each in users.remote_auth[0].users] == ["anna", "bert"]
    assert spis(host.charon) == before
    assert not {"eap-anna", "eap-bert"} & set(host.charon.shared_ids())
    assert "of-anna-7c1d" not in (Path(host.paths.swanctl) / "swanctl.conf").read_text(encoding="utf-8")
    assert (adopt(host).changed, written(host)) == (False, set())

    # What opens a key stays where it was, and so the key comes back whenever charon starts.
    assert "of-here-5d20" in (Path(host.paths.swanctl) / "swanctl.conf").read_text(encoding="utf-8")
    keys = sorted(host.charon.key_ids())
    told = process.swanctl(Path(host.paths.swanctl), "--load-all", "--noprompt")
    assert "loaded 2 connections, 0 unloaded" in told
    assert (spis(host.charon), sorted(host.charon.key_ids()), len(keys)) == (before, keys, 3)


def test_what_was_adopted_is_applied_again_with_the_secrets_that_the_host_has(near: tuple[CharonProcess, Host]) -> None:
    _process, host = near
    adopted = adopt(host).after
    config = dump_gateway(adopted)
    assert "of-anna" not in str(config)
    before, held = spis(host.charon), sorted(host.charon.shared_ids())
    assert not run_transaction(host, lambda gateway: with_kept_secrets(config, gateway), check=False).changed
    assert (spis(host.charon), sorted(host.charon.shared_ids())) == (before, held)
