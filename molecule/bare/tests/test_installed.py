# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role alone makes a gateway out of a plain host."""

from __future__ import annotations


def test_the_role_installed_what_was_missing(gateways):
    for package in ("charon-systemd", "strongswan-swanctl", "libstrongswan-standard-plugins"):
        assert gateways["berlin"].package(package).is_installed, package


def test_the_tunnels_carry_traffic(paths, ping, until):
    for path, address in paths.items():
        until(path, lambda to=address: ping(to, 1), seconds=90)
