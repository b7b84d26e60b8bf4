# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What vici is given in the place of files that only swanctl reads."""

from __future__ import annotations

from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.rounds import with_contents


def test_vici_gets_the_contents_of_the_files_of_each_round() -> None:
    contents = {"x509/a.pem": "CERTIFICATE", "x509ca/a.pem": "AUTHORITY", "pubkey/a.pem": "KEY"}
    tree: Any = {
        "version": "2",
        "local": {"auth": "pubkey", "certs": ["a.pem"]},
        "remote-1": {"auth": "pubkey", "cacerts": ["a.pem"]},
        "remote-2": {"pubkeys": ["a.pem"]},
    }
    assert with_contents(tree, contents) == {
        "version": "2",
        "local": {"auth": "pubkey", "certs": ["CERTIFICATE"]},
        "remote-1": {"auth": "pubkey", "cacerts": ["AUTHORITY"]},
        "remote-2": {"pubkeys": ["KEY"]},
    }
