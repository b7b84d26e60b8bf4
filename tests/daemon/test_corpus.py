# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand-written files, and what we make of them, loaded into a charon one after the other: it shows the same connections."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import IpsecError
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release, roundtrip
from ansible_collections.swanfleet.ipsec.tests.daemon.by_hand import DIRECTORIES
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]

CORPUS = Path(__file__).resolve().parents[1] / "corpus"


def test_charon_shows_the_same_connections_of_both_texts(
    charon_daemon: CharonProcess, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    for name in DIRECTORIES:
        (tmp_path / name).mkdir()
    shutil.copytree(CORPUS, tmp_path, dirs_exist_ok=True)
    main, compared = tmp_path / "swanctl.conf", []
    with charon_daemon.client() as charon:
        release = tuple(int(number) for number in charon.state().version.split("."))
        for file in sorted(CORPUS.glob("*.conf")):
            shutil.copy(file, main)
            try:
                ours = roundtrip.rendered(roundtrip.read_file(main, release))
            except IpsecError:
                continue
            charon_daemon.swanctl(tmp_path, "--load-all", "--noprompt")
            by_hand = charon.connections()
            main.write_text(ours, encoding="utf-8")
            said = len(charon_daemon.log())
            charon_daemon.swanctl(tmp_path, "--load-all", "--noprompt")
            assert charon.connections() == by_hand, file.name
            # charon's own comparison, which sees the keys that list-conns does not show (vici_config.c, merge_config).
            assert "replaced vici connection" not in charon_daemon.log()[said:], file.name
            compared.append(file.stem)
    record_property("files", len(compared))
    assert {"site-psk", "secrets-of-all-forms", "only-remarks"} <= set(compared)
