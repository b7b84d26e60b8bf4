# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module for small files as Ansible runs it: what it writes, with which rights, and what of it is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.tests.daemon.module_programs import ModulePrograms
from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import opened

pytestmark = [pytest.mark.charon, pytest.mark.root]

PLACE = "/var/lib/placed"
NEW = f"{PLACE}/anew"
GIVEN = [
    {"path": f"{NEW}/a.service.d/own.conf", "content": "[Service]\nExecStartPre=-/bin/true %n $x {{ y }}\n"},
    {"path": f"{NEW}/own.conf", "content": "long line\n" * 50},
]
WRITTEN = [each["path"] for each in GIVEN]


@pytest.fixture(scope="module")
def modules() -> Iterator[ModulePrograms]:
    with opened() as sandbox, ModulePrograms(sandbox) as programs:
        yield programs


def told(result: dict[str, Any]) -> tuple[bool, list[str]]:
    return result["changed"], result["written"]


def test_files_are_written_as_a_check_has_told_and_then_left_alone(modules: ModulePrograms) -> None:
    place = modules.sandbox.inside(NEW)
    check = {"check_mode": True, "diff": True}
    planned = modules.run("ipsec_files", special=check, files=GIVEN)
    assert told(planned) == (True, WRITTEN)
    assert [each["after"] for each in planned["diff"]] == [each["content"] for each in GIVEN]
    assert not place.exists()
    made = modules.run("ipsec_files", special={"verbosity": 3}, umask=0o077, files=GIVEN)
    assert told(made) == (True, WRITTEN)
    # Of a long text its echo tells the length.
    assert "long line" not in made["printed"]
    for each in GIVEN:
        file = modules.sandbox.inside(each["path"])
        found = file.stat()
        assert file.read_text() == each["content"]
        assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (0o644, 0, 0)
        assert file.parent.stat().st_mode & 0o7777 == 0o755
    assert sorted(each.name for each in place.iterdir()) == ["a.service.d", "own.conf"]
    assert told(modules.run("ipsec_files", files=GIVEN)) == (False, [])


def test_a_link_gives_its_place_and_what_it_leads_to_stays(modules: ModulePrograms) -> None:
    place = modules.sandbox.inside(PLACE)
    elsewhere, link = place / "elsewhere", place / "link.conf"
    place.mkdir(exist_ok=True)
    elsewhere.write_text("theirs\n")
    link.symlink_to("elsewhere")
    assert modules.run("ipsec_files", files=[{"path": f"{PLACE}/link.conf", "content": "ours\n"}])["changed"]
    assert not link.is_symlink()
    assert (link.read_text(), elsewhere.read_text()) == ("ours\n", "theirs\n")


def test_what_is_wrong_is_named(modules: ModulePrograms) -> None:
    wrong = [{"path": "own.conf", "content": ""}, {"path": "/etc/own.conf", "content": True}]
    failed = modules.run("ipsec_files", files=[*GIVEN, *wrong])
    assert failed["failed"]
    assert failed["msg"].splitlines() == [
        "files[2]: path is 'own.conf': must be a file's absolute path without detours, such as /etc/issue",
        "files[3]: content: a text (quote it, or end its template in '| string') is needed, this is a truth value",
    ]
