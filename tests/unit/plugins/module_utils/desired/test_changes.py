# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which options of a connection and its children differ between two gateways."""

from __future__ import annotations

from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.changes import changed_options
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, ROME, ROME_LAN, config


def test_changed_options() -> None:
    names = [f"n{number}" for number in range(10)]
    before = parse_gateway(config([PARIS, ROME], [ROME_LAN, *({**PARIS_LAN, "name": name} for name in names)]))
    children = [{**PARIS_LAN, "name": name, "lifetime": "2h"} for name in names]
    after = parse_gateway(config([{**PARIS, "psk": "new"}, ROME], [{**ROME_LAN, "lifetime": "2h"}, *children]))
    assert changed_options(before, after, "paris") == ["psk", *(f"{name}.lifetime" for name in names)]
    assert changed_options(before, after, "rome") == ["lan.lifetime"]
    assert changed_options(before, before, "paris") == []
    assert changed_options(Gateway(), after, "paris") == changed_options(after, Gateway(), "paris") == []
