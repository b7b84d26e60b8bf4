# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file in which the agent says which tunnel of each fallback is used."""

from __future__ import annotations

from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.roles import encode_roles, parse_roles


def test_what_is_written_is_read() -> None:
    roles = {"paris": "lte", "rome": "fibre"}
    assert parse_roles(FileState(encode_roles(roles), 0o644, 0.0)) == roles
    assert encode_roles({}) == b"{}\n"


def test_what_is_no_name_is_passed_over() -> None:
    assert parse_roles(FileState(b'{"paris": ["lte"], "rome": "fibre"}', 0o644, 0.0)) == {"rome": "fibre"}
