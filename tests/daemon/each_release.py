# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mark of tests that run on each Debian release; apart from `releases`, which programs without pytest use too."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.tests.daemon.releases import RELEASES

#: Runs a test on each release; for what uses conftest's fixtures, which go by `release`.
EACH = pytest.mark.parametrize("release", RELEASES, ids=[f"debian{each}" for each in RELEASES], indirect=True)
