# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who takes over what a live child carries: whoever has room for its addresses, protocol and ports."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import ChildPart
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import LiveChild
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.heirs import Heirs, heirs_of

HERE = "10.1.0.0/24"
ALL, NONE = Heirs(("net",), complete=True), Heirs((), complete=False)
SOME = Heirs(("net",), complete=False)


def part(*remote: str, digest: str = "new") -> ChildPart:
    return ChildPart("trap", digest, (HERE,), remote)


def live(*remote: str, name: str = "lan") -> LiveChild:
    return LiveChild(name, 1, up=True, local=(HERE,) if remote else (), remote=remote)


@pytest.mark.parametrize(
    ("shown", "wanted", "heirs"),
    [
        pytest.param("10.2.0.0/24", "10.2.0.0/24", ALL, id="the same network"),
        pytest.param("10.2.0.0/24", "10.2.0.0/16", ALL, id="a wider one"),
        pytest.param("10.2.0.0/16", "10.2.0.0/24", SOME, id="a narrower one"),
        pytest.param("10.2.0.0/24", "10.3.0.0/24", NONE, id="another one"),
        pytest.param("10.2.0.0/24", "::/0", NONE, id="another family"),
        pytest.param("198.51.100.2/32", "dynamic", ALL, id="the address that was agreed on"),
        pytest.param("10.2.0.0/24[6]", "10.2.0.0/16", ALL, id="any protocol"),
        pytest.param("10.2.0.0/24", "10.2.0.0/16[6]", SOME, id="one protocol of all"),
        pytest.param("10.2.0.0/24[17]", "10.2.0.0/16[6]", NONE, id="another protocol"),
        pytest.param("10.2.0.0/24[6/443]", "10.2.0.0/16[6/443]", ALL, id="the same port"),
        pytest.param("10.2.0.0/24[6/443]", "10.2.0.0/16[6/80]", NONE, id="another port"),
        pytest.param("10.2.0.0/24[6/443]", "10.2.0.0/16[6/1-443]", ALL, id="the last of the ports"),
        pytest.param("10.2.0.0/24[6/1]", "10.2.0.0/16[6/1-443]", ALL, id="the first of the ports"),
        pytest.param("10.2.0.0/24[6/443-444]", "10.2.0.0/16[6/1-443]", SOME, id="a port more than there are"),
        pytest.param("10.2.0.0/24[6/opaque]", "10.2.0.0/16[6/opaque]", ALL, id="ports that are hidden"),
    ],
)
def test_another_child_takes_over_what_it_has_room_for(shown: str, wanted: str, heirs: Heirs) -> None:
    assert heirs_of([live(shown)], {}, {"net": part(wanted)}, {}) == heirs


def test_heirs_are_told_in_the_order_of_names() -> None:
    names = [f"n{number}" for number in range(9)]
    children = {name: part(f"10.2.{number}.0/24") for number, name in enumerate(names)}
    found = heirs_of([live(*(each.remote[0] for each in children.values()))], {}, children, {})
    assert found == Heirs(tuple(names), complete=True)


def test_a_child_that_shows_no_selectors_has_the_heir_of_its_name_alone() -> None:
    assert heirs_of([live()], {}, {"lan": part("10.2.0.0/24")}, {}) == Heirs(("lan",), complete=True)
    assert heirs_of([live()], {}, {"net": part("10.2.0.0/24")}, {}) == NONE
    assert heirs_of([live()], {}, {"net": part("10.2.0.0/24")}, {"lan": "net"}) == ALL


def test_what_stays_as_it_is_carries_nothing_more_than_before() -> None:
    kept = part("10.2.0.0/16", digest="old")
    assert heirs_of([live("10.2.0.0/24")], {"net": ChildPart("trap", "old")}, {"net": kept}, {}) == NONE
    assert heirs_of([live("10.2.0.0/24")], {"net": ChildPart("trap", "older")}, {"net": kept}, {}) == ALL
