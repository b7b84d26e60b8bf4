# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon holds, and how far that can be proven; live SAs in one flat form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.parts import parts_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.swanctl import render_connections
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Parts, Tree
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.daemon import (
    encode_record,
    journal_begun,
    journal_done,
    journal_head,
    left_open,
    loaded_parts,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.sas import sas_as_data


def tree(letter: str) -> Tree:
    return {"version": "2", "local": {"id": letter}, "children": {"lan": {"start_action": "trap", "mode": letter}}}


def parts(letter: str) -> Parts:
    return parts_of(tree(letter))


def text(**letters: str) -> bytes:
    return render_connections({name: tree(letter) for name, letter in letters.items()}).encode()


LOADED = {"paris": parts("a"), "rome": parts("b")}
FILE = FileState(text(paris="a", rome="b"), 0o600, modified=1000.0)
EDITED = text(paris="a", rome="c", oslo="d")
RECORD = encode_record("boot/7/100", FILE.content, LOADED)


def state(start_id: str, *, started: float = 2000.0) -> DaemonState:
    return DaemonState("charon-systemd", "5.9.8", (), "Nov 23 09:02:59 2026", 0, start_id=start_id, started=started)


def file(content: bytes, modified: float = 0.0) -> FileState:
    return FileState(content, 0o600, modified)


SAME, LATER = state("boot/7/100"), state("boot/8/200")


ALL, NOTHING, PARIS = LOADED, dict[str, Parts](), {"paris": parts("a")}
IN_EDITED = {**PARIS, "rome": parts("c"), "oslo": parts("d")}


@pytest.mark.parametrize(
    ("daemon", "record", "connections", "known"),
    [
        pytest.param(SAME, RECORD, FILE, ALL, id="the start that we loaded"),
        pytest.param(SAME, RECORD, file(EDITED, 3000), PARIS, id="an edited file may have been loaded"),
        pytest.param(SAME, RECORD, file(b"# by me\n" + FILE.content, 3000), ALL, id="edited, and the same for charon"),
        pytest.param(SAME, RECORD, file(b"broken {", 3000), ALL, id="a broken file was not loaded"),
        pytest.param(SAME, RECORD, None, ALL, id="a removed file neither"),
        pytest.param(LATER, RECORD, FILE, ALL, id="a later start has read the recorded file"),
        pytest.param(LATER, RECORD, file(EDITED, 1000), IN_EDITED, id="a later start has read another file"),
        pytest.param(LATER, RECORD, file(b"broken {", 1000), NOTHING, id="a later start has read nothing"),
        pytest.param(LATER, RECORD, file(FILE.content, 1999.99), NOTHING, id="written in the tick of the start"),
        pytest.param(LATER, RECORD, file(FILE.content, 2500), NOTHING, id="written after the start"),
        pytest.param(LATER, RECORD, None, NOTHING, id="a later start had no file to read"),
        pytest.param(state("boot/8/200", started=0.0), RECORD, FILE, NOTHING, id="a start of unknown time"),
        pytest.param(
            state("", started=0.0), encode_record("", b"", LOADED), None, NOTHING, id="a daemon that cannot be seen"
        ),
        pytest.param(LATER, encode_record("", FILE.content, LOADED), FILE, ALL, id="recorded without a daemon"),
        pytest.param(LATER, None, FILE, ALL, id="no record, and the file is older than the start"),
        pytest.param(SAME, None, file(FILE.content, 3000), NOTHING, id="no record, and the file is younger"),
        *(
            pytest.param(SAME, broken, file(FILE.content, 3000), NOTHING, id=f"a record that is none: {broken!r:.12}")
            for broken in (
                b"",
                RECORD[:-9],
                b"[]",
                b'{"connections": 1, "start": "boot/7/100"}',
                b'{"connections": {}}',
            )
        ),
    ],
)
def test_what_is_loaded_is_proven(
    *, daemon: DaemonState, record: bytes | None, connections: FileState | None, known: dict[str, Parts]
) -> None:
    kept = None if record is None else file(record)
    assert loaded_parts(daemon, kept, connections, None) == known


BEGUN, DONE = journal_begun(["rome", "oslo"]), journal_done({"rome": parts("c"), "oslo": None})


@pytest.mark.parametrize(
    ("daemon", "head", "lines", "known"),
    [
        pytest.param(SAME, RECORD, b"", LOADED, id="nothing was touched"),
        pytest.param(SAME, RECORD, BEGUN, {"paris": parts("a")}, id="what a run has touched is uncertain"),
        pytest.param(SAME, RECORD, BEGUN[:-3], LOADED, id="a torn line was followed by nothing"),
        pytest.param(SAME, RECORD, BEGUN + DONE, {**LOADED, "rome": parts("c")}, id="what it has settled is known"),
        pytest.param(SAME, RECORD, BEGUN + DONE[:-9], {"paris": parts("a")}, id="if the line is whole"),
        pytest.param(SAME, RECORD, BEGUN + DONE + BEGUN, {"paris": parts("a")}, id="until it is touched again"),
        pytest.param(SAME, RECORD + b" ", BEGUN, LOADED, id="a journal of another record"),
        pytest.param(LATER, RECORD, BEGUN, LOADED, id="a later start knows nothing of it"),
    ],
)
def test_a_journal_says_what_an_unfinished_run_has_touched(
    *, daemon: DaemonState, head: bytes, lines: bytes, known: dict[str, Parts]
) -> None:
    journal = file(journal_head(file(head)) + lines)
    assert loaded_parts(daemon, file(RECORD), FILE, journal) == known


def test_beside_the_journal_of_a_run_its_own_file_is_nobodys_edit() -> None:
    journal = file(journal_head(file(RECORD)) + BEGUN)
    assert loaded_parts(SAME, file(RECORD), file(EDITED, 3000), journal) == {"paris": parts("a")}


@pytest.mark.parametrize(
    ("record", "lines", "left"),
    [
        pytest.param(file(RECORD), b"", set(), id="nothing was touched"),
        pytest.param(file(RECORD), BEGUN, {"oslo", "rome"}, id="begun"),
        pytest.param(file(RECORD), BEGUN + DONE, set(), id="settled"),
        pytest.param(file(RECORD), BEGUN + journal_done({"oslo": None}), {"rome"}, id="settled in part"),
        pytest.param(None, BEGUN, {"oslo", "rome"}, id="in the first run of a host"),
    ],
)
def test_a_journal_says_what_an_unfinished_run_has_left_open(
    record: FileState | None, lines: bytes, left: set[str]
) -> None:
    assert left_open(record, file(journal_head(record) + lines)) == left
    assert left_open(record, file(journal_head(file(b"other")) + lines)) == set()
    assert left_open(record, None) == set()


def test_a_record_that_no_file_holds_ends_with_its_start_of_charon() -> None:
    record = file(encode_record("boot/7/100", None, LOADED))
    edited = file(EDITED, 1000)
    assert loaded_parts(SAME, record, edited, None) == LOADED
    assert loaded_parts(LATER, record, edited, None) == IN_EDITED


def test_a_record_is_the_same_bytes_for_the_same_content() -> None:
    again = encode_record("boot/7/100", FILE.content, dict(reversed(list(LOADED.items()))))
    assert again == RECORD
    assert sorted(json.loads(RECORD)) == ["connections", "file", "start"]


CHILD: dict[str, Any] = {
    "name": "lan", "uniqueid": "3", "state": "INSTALLED", "mode": "TUNNEL", "protocol": "ESP", "encap": "yes",
    "spi-in": "c1", "spi-out": "c2", "encr-alg": "AES_GCM_16", "encr-keysize": "256", "bytes-in": "84",
    "packets-in": "1", "local-ts": ["10.1.0.0/24"], "remote-ts": ["10.3.0.0/24", "10.2.0.0/24"],
}  # fmt: skip
IKE: dict[str, Any] = {
    "uniqueid": "2", "version": "2", "state": "ESTABLISHED", "initiator": "yes", "local-host": "192.0.2.1",
    "local-port": "4500", "local-id": "gw1", "remote-host": "192.0.2.2", "remote-port": "500", "remote-id": "gw2",
    "encr-alg": "AES_CBC", "encr-keysize": "256", "integ-alg": "HMAC_SHA2_256_128", "prf-alg": "PRF_HMAC_SHA2_256",
    "dh-group": "CURVE_25519", "established": "12", "child-sas": {"lan-3": CHILD, "lan-1": {**CHILD, "uniqueid": "1"}},
}  # fmt: skip


def test_sas_are_flat_and_in_order() -> None:
    data = sas_as_data([("rome", {"state": "CONNECTING"}), ("paris", IKE), ("paris", {**IKE, "uniqueid": "1"})])
    assert [(sa["name"], sa["unique_id"], sa["state"]) for sa in data] == [
        ("paris", 1, "ESTABLISHED"), ("paris", 2, "ESTABLISHED"), ("rome", 0, "CONNECTING"),
    ]  # fmt: skip
    assert {key: value for key, value in data[1].items() if key != "children"} == {
        "name": "paris", "unique_id": 2, "ike_version": 2, "state": "ESTABLISHED", "initiator": True,
        "local": {"address": "192.0.2.1", "port": 4500, "id": "gw1"},
        "remote": {"address": "192.0.2.2", "port": 500, "id": "gw2"},
        "algorithms": "AES_CBC-256-HMAC_SHA2_256_128-PRF_HMAC_SHA2_256-CURVE_25519", "established_seconds": 12,
    }  # fmt: skip
    children = data[1]["children"]
    assert [child["unique_id"] for child in children] == [1, 3]
    assert children[1] == {
        "name": "lan", "unique_id": 3, "state": "INSTALLED", "mode": "TUNNEL", "protocol": "ESP", "encapsulated": True,
        "spi_in": "c1", "spi_out": "c2", "algorithms": "AES_GCM_16-256", "local_networks": ["10.1.0.0/24"],
        "remote_networks": ["10.2.0.0/24", "10.3.0.0/24"], "bytes_in": 84, "packets_in": 1, "bytes_out": 0,
        "packets_out": 0, "install_time": 0, "rekey_time": 0, "life_time": 0,
    }  # fmt: skip
