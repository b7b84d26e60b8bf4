# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role alone makes a gateway out of a plain host of either release; that its tunnels work is shown in test_tunnel."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("name", ["madrid", "rome"])
def test_the_role_installed_what_was_missing(gateways, name):
    for package in ("charon-systemd", "strongswan-swanctl", "libstrongswan-standard-plugins"):
        assert gateways[name].package(package).is_installed, package
