# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand-written files, and what we make of them, loaded into a charon one after the other: it shows the same connections."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.shunt import kernel_selectors
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import IpsecError
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release, pki, roundtrip
from ansible_collections.swanfleet.ipsec.tests.daemon.by_hand import DIRECTORIES
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.listed import by_number

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
MACHINES = pki.authority("Machines")
EXAMPLE = pki.authority("Example")
CERTIFICATES = {
    "x509/gw.pem": MACHINES.issue("gw.example.org"),
    "x509ca/machines-ca.pem": MACHINES,
    "x509/west.pem": EXAMPLE.issue("west.example.com"),
    "x509ca/example-ca.pem": EXAMPLE,
}


def _with_own_addresses(connections: dict[str, Any]) -> dict[str, Any]:
    """Return connections with the identity that charon takes where none is given, which our text always names."""
    found = copy.deepcopy(connections)
    for connection in found.values():
        own = connection["local_addrs"]
        for name, proof in connection.items():
            if name.startswith("local-") and len(own) == 1 and own != ["%any"]:
                proof.setdefault("id", own[0])
    return found


def _apart(connections: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """Return connections without shunts, and the shunts, which stand in other connections in our text."""
    found, shunts = copy.deepcopy(connections), []
    for name, connection in list(found.items()):
        children = connection["children"]
        for child in [child for child, each in children.items() if each["mode"] in ("PASS", "DROP")]:
            gone = children.pop(child)
            sides = (sorted(part for ts in gone[side] for part in kernel_selectors(by_number(ts))) for side in _SIDES)
            shunts.append([gone["mode"], *sides, gone.get("priority"), gone.get("interface"), gone.get("mark-in")])
            if not children:
                del found[name]
    return found, sorted(shunts, key=str)


_SIDES = ("local-ts", "remote-ts")


def test_charon_shows_the_same_connections_of_both_texts(
    charon_daemon: CharonProcess, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    for name in DIRECTORIES:
        (tmp_path / name).mkdir()
    shutil.copytree(CORPUS, tmp_path, dirs_exist_ok=True)
    for name, holder in CERTIFICATES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(holder.pem, encoding="utf-8")
    main, compared = tmp_path / "swanctl.conf", []
    with charon_daemon.client() as charon:
        release = tuple(int(number) for number in charon.state().version.split("."))
        for file in sorted(CORPUS.glob("*.conf")):
            shutil.copy(file, main)
            try:
                ours = roundtrip.rendered(roundtrip.read_file(main, release, str(tmp_path)))
            except IpsecError:
                continue
            charon_daemon.swanctl(tmp_path, "--load-all", "--noprompt")
            by_hand, shunts = _apart(charon.connections())
            main.write_text(ours, encoding="utf-8")
            said = charon_daemon.mark()
            charon_daemon.swanctl(tmp_path, "--load-all", "--noprompt")
            shown, theirs = _apart(charon.connections())
            assert shown == _with_own_addresses(by_hand), file.name
            assert theirs == shunts, file.name
            # charon's own comparison, which sees the keys that list-conns does not show (vici_config.c, merge_config).
            replaced = "replaced vici connection" in charon_daemon.log(said)
            assert replaced is (shown != by_hand), file.name
            compared.append(file.stem)
    record_property("files", len(compared))
    by_users = {
        "client-with-virtual-ip",
        "two-rounds",
        "xauth-road-warriors",
        "certificates",
        "post-quantum-key",
        "locked-keys",
    }
    selecting = {"volume-limits", "transport-gre"}
    shunting = {"shunts", "exceptions"}
    assert {"site-psk", "secrets-of-all-forms", "only-remarks", *by_users, *selecting, *shunting} <= set(compared)
