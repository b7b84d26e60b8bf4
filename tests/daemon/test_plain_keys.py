# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each option that is a key of swanctl.conf means to charon what it says, and charon notices when it changes, or we do."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.parts import UNSEEN, UNSEEN_OF_CHILD
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Tree
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused, ViciCharon
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.each_release import EACH
from ansible_collections.swanfleet.ipsec.tests.daemon.releases import RELEASES
from ansible_collections.swanfleet.ipsec.tests.generators.plain_rows import ROWS, Row, config, config_beside
from ansible_collections.swanfleet.ipsec.tests.proofs import proving

pytestmark = [pytest.mark.charon, pytest.mark.root]

# What charon calls a word, where it has a number for it that is another one in each release.
NUMBERS = {
    "12": {"childless = force": "2", "childless = never": "1"},
    "13": {"childless = prefer": "1", "childless = force": "3", "childless = never": "2"},
}
VERSIONS = {"12": "5.9.8", "13": "6.0.1"}
OFFLOAD = {"12": "yes", "13": "crypto"}


def tree(lists: dict[str, Any]) -> Tree:
    return artifacts(parse_gateway(lists), Situation(b"k" * 32)).connections["paris"]


def said(process: CharonProcess, charon: ViciCharon, one: Tree) -> list[str]:
    """Load a connection; return what charon says about it."""
    start = process.mark()
    charon.load_connection("paris", one)
    return [line.partition("] ")[2].strip() for line in process.log(start).splitlines()]


def understood(row: Row, release: str) -> str:
    if row.option == "childless":
        return "childless = " + NUMBERS[release][f"childless = {row.value}"]
    return row.logged + OFFLOAD[release] if row.logged == "hw_offload = " else row.logged


def release_of(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def known_to(charon: ViciCharon) -> list[Row]:
    """Return the rows that a charon is new enough for."""
    version = release_of(charon.state().version)
    return [row for row in ROWS if not row.since or release_of(row.since) <= version]


def key(row: Row) -> str:
    section = "connections.<conn>" if row.kind == "phase1" else "connections.<conn>.children.<child>"
    return f"{section}.{row.option}"


def knowing(row: Row) -> tuple[str, ...]:
    """Return the Debian releases whose charon knows an option."""
    return tuple(each for each in RELEASES if not row.since or release_of(row.since) <= release_of(VERSIONS[each]))


# Of some keys charon does not speak.
SPOKEN_OF = [
    pytest.mark.proves(key=key(row), option=f"{row.kind}.{row.option}", releases=knowing(row))
    for row in ROWS
    if row.logged and knowing(row)
]


@EACH
def test_what_is_newer_than_charon_is_refused_by_it(charon: ViciCharon) -> None:
    newer = [row for row in ROWS if row not in known_to(charon)]
    assert len(newer) >= 3
    for row in newer:
        with pytest.raises(DaemonRefused, match=f"(unknown option|invalid value for): {row.option}, config discarded"):
            charon.load_connection("paris", tree(config(row)))


@EACH
@proving(SPOKEN_OF)
def test_charon_understands_every_option(charon: ViciCharon, charon_daemon: CharonProcess) -> None:
    wrong = []
    for row in known_to(charon):
        meant = understood(row, charon_daemon.release)
        with_it = said(charon_daemon, charon, tree(config(row)))
        charon.unload_connection("paris")
        without = said(charon_daemon, charon, tree(config_beside(row)))
        charon.unload_connection("paris")
        # The line must come from the option, and not be there in any case.
        if meant and (with_it.count(meant), without.count(meant)) != (1, 0):
            wrong.append((str(row), meant, with_it.count(meant), without.count(meant)))
    assert wrong == []


@EACH
def test_charon_notices_every_change_but_those_that_we_know(charon: ViciCharon, charon_daemon: CharonProcess) -> None:
    passed_over = {"phase1": set(), "phase2": set()}  # type: dict[str, set[str]]
    for row in known_to(charon):
        charon.load_connection("paris", tree(config_beside(row)))
        told = said(charon_daemon, charon, tree(config(row)))
        charon.unload_connection("paris")
        noticed = "replaced vici connection: paris" if row.kind == "phase1" else "uninstalling 'lan'"
        if not any(line.endswith(noticed) for line in told):
            passed_over[row.kind].add(row.option)
    assert passed_over["phase1"] == UNSEEN & {row.option for row in ROWS}
    assert passed_over["phase2"] == UNSEEN_OF_CHILD & {row.option for row in ROWS}
