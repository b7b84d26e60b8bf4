# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide's table of reasons has every reason that ipsec_info can tell, once, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.reasons import REASONS


def test_the_guide_says_what_to_look_at_for_each_reason(checkout: Path) -> None:
    _before, _head, after = (checkout / "docs/guide.md").read_text().partition("| reason | look at |\n| --- | --- |\n")
    rows = after.partition("\n\n")[0].splitlines()
    told = [word for row in rows for word in re.findall(r"`([a-z_]+)`", row.split("|")[1])]
    assert sorted(told) == sorted(REASONS)
