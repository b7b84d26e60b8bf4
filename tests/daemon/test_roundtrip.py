# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand-written files come back from objects with the meaning that they had, or are refused with file, line and key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.tests.daemon.roundtrip import differences, main, verdict

pytestmark = pytest.mark.charon

TESTS = Path(__file__).resolve().parents[1]
CORPUS = sorted((TESTS / "corpus").glob("*.conf"))
_SAID = re.compile(r"\S+\.conf:\d+: \S.*|and: \d+ more: .*")
OURS = """\
connections {
  paris {
    version = 2
    remote_addrs = 198.51.100.2
    proposals = aes256-sha256-modp4096
    rekey_time = 432m
    over_time = 48m
    keyingtries = 0
    local { auth = psk }
    remote { auth = psk
      id = 198.51.100.2 }
    children { lan { esp_proposals = aes256gcm16
      remote_ts = 10.2.0.0/24
      rekey_time = 54m
      life_time = 1h } }
  }
}
secrets { ike-paris { id = 198.51.100.2
  secret = 0saHVudGVyMg== } }
"""


def test_the_corpus_is_worth_its_name() -> None:
    assert len(CORPUS) >= 25


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: str(file.stem))
def test_a_hand_written_file_keeps_its_meaning_or_is_refused_with_places(file: Path) -> None:
    told = verdict(file)
    assert told.differing == ()
    assert [line for line in told.refused.splitlines() if not _SAID.fullmatch(line)] == []


def test_a_file_comes_back_and_its_secret_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "swanctl.conf"
    file.write_text(OURS, encoding="utf-8")
    told = verdict(file)
    assert (told.same, str(told)) == (True, f"{file}: same")
    assert "0saHVudGVyMg==" in told.rendered
    assert "hunter2" not in repr(told.refused)


def test_a_meaning_that_changes_is_noticed() -> None:
    before = {"connections": {"a": {"version": "2", "proposals": "x", "local": {"auth": "psk", "id": "1.2.3.4"}}}}
    after = {
        "connections": {"a": {"version": "2", "proposals": "x", "local-1": {"auth": "psk", "id": "1.2.3.5"}}, "b": {}}
    }
    for tree in (before, after):
        tree["connections"]["a"]["proposals"] = "aes256-sha256-modp2048"
    assert list(differences(before, after)) == [
        "connections.a.local[0].id: 'address:1.2.3.4' would become 'address:1.2.3.5'",
        "connections.b: is only in our text",
    ]


def test_a_secret_that_is_lost_or_made_up_is_noticed() -> None:
    one, other = ({"secrets": {f"ike-{name}": {"secret": name}}} for name in ("a", "b"))
    assert list(differences(one, other)) == [
        "secrets.ike-a: its value is lost",
        "secrets.ike-b: its value is not in the file",
    ]
    assert list(differences(one, {"secrets": {"ike-x": {"secret": "0sYQ=="}}})) == []


def test_the_program_tells_each_file_and_its_exit_status(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.conf", tmp_path / "bad.conf"
    good.write_text(OURS, encoding="utf-8")
    bad.write_text(OURS.replace("version = 2", "version = 2\n    colour = green"), encoding="utf-8")
    said: list[str] = []
    assert main([str(good)], say=said.append) == 0
    assert main([str(good), str(bad), str(tmp_path / "none.conf")], say=said.append) == 1
    assert said == [
        f"{good}: same",
        f"{tmp_path}/none.conf: there is no such file",
        f"{good}: same",
        f"{bad}: {bad}:4: connections.paris.colour: no option stands for this key yet",
    ]
    assert main([], say=said.append) == 2
