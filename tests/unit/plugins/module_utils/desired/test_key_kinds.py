# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of single keys of swanctl.conf: what is taken, as what, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired import key_kinds
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import check_gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import Kind
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import (
    FIRST_ALLOTTED_IF_ID,
    allot_if_ids,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

P1: dict[str, Any] = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": "x"}
P2: dict[str, Any] = {"name": "lan", "phase1": "paris"}
HIGHEST = (
    (key_kinds.PACKETS, 999999999999999), (key_kinds.PORT, 65535), (key_kinds.DSCP, 63), (key_kinds.TRIES, 2147483647),
    (key_kinds.REPLAY_WINDOW, 4096), (key_kinds.PRIORITY, 4294967295), (key_kinds.REQID, 4294967295),
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        (key_kinds.BYTES, 0, 0),
        (key_kinds.BYTES, "999999999999999", 10**15 - 1),
        (key_kinds.BYTES, "2K", 2048),
        (key_kinds.BYTES, "3m", 3 << 20),
        (key_kinds.BYTES, "4g", 4 << 30),
        (key_kinds.PADDING, "mtu", "mtu"),
        (key_kinds.PADDING, 0, "0"),
        (key_kinds.PADDING, "0x100", "256"),
        (key_kinds.PADDING, 65535, "65535"),
        (key_kinds.FRAGMENTATION, True, "yes"),
        (key_kinds.FRAGMENTATION, False, "no"),
        (key_kinds.FRAGMENTATION, "force", "force"),
        (key_kinds.MARK, 0, "0x0/0xffffffff"),
        (key_kinds.MARK, "42", "0x2a/0xffffffff"),
        (key_kinds.MARK, "0x2A/255", "0x2a/0x000000ff"),
        (key_kinds.MARK, " %Unique ", "%unique/0xffffffff"),
        (key_kinds.MARK, "%unique-dir/0xf", "%unique-dir/0x0000000f"),
        (key_kinds.MARK, 4294967293, "0xfffffffd/0xffffffff"),
        (key_kinds.SET_MARK, "%same", "%same/0xffffffff"),
        (key_kinds.IF_ID, 1, "1"),
        (key_kinds.IF_ID, "0xFFFFFFFD", "4294967293"),
        (key_kinds.IF_ID, "%unique-dir", "%unique-dir"),
        (key_kinds.COMMAND, "/usr/lib/ipsec/_updown iptables", "/usr/lib/ipsec/_updown iptables"),
        (key_kinds.COMMAND, "/usr/bin/env A=b /x", "/usr/bin/env A=b /x"),
        (key_kinds.LABEL, "a 'b' \"c\"", "a 'b' \"c\""),
        (key_kinds.IDENTITY, "gw.example.org", "fqdn:gw.example.org"),
        *((kind, highest, highest) for kind, highest in HIGHEST),
    ],
)
def test_taken(kind: Kind, written: Any, value: Any) -> None:
    assert kind.parse(written) == value
    assert kind.parse(value) == value


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        *(
            (key_kinds.BYTES, each)
            for each in (-1, "", "1t", "1.5m", True, None, "1 k", "9999999999999999", "999999999g")
        ),
        *((key_kinds.PADDING, each) for each in ("MTU", -1, 65536, None, True)),
        *((key_kinds.UNIQUE, each) for each in ("yes", True, "", None, 1, "No")),
        *(
            (key_kinds.MARK, each)
            for each in ("%same", "", "/", "1/", "/1", -1, True, None, "0x", 4294967294, "1/4294967296")
        ),
        *((key_kinds.MARK, each) for each in ("0x100/0xff", "1/0xffffffff0", "%unique/", "1 /1")),
        *((key_kinds.SET_MARK, each) for each in ("%unique", "%unique-dir")),
        *((key_kinds.IF_ID, each) for each in (0, 4294967294, "", "%same", -1, True, None)),
        *(
            (key_kinds.COMMAND, each)
            for each in ("", "x", "bin/x", "/bin/x;y", "/bin/x  y", "/bin/x ", " /bin/x", "/", "/bin/")
        ),
        *((key_kinds.COMMAND, f"/bin/x{sign}y") for sign in "\n\t$`'\"\\;&|<>(){}[]*?!#~=^"),
        *((key_kinds.COMMAND, f"/bin/x a{sign}y") for sign in "\n\t$`'\"\\;&|<>(){}[]*?!#~^"),
        *((key_kinds.COMMAND, each) for each in (None, 1, "/" + "x" * 255, "/bin/ä")),
        *((key_kinds.LABEL, each) for each in ("", " x", "x ", "a\nb", "\0", "ä", "x" * 256, None, 1)),
        *((kind, highest + 1) for kind, highest in HIGHEST),
        *((key_kinds.IDENTITY, each) for each in ("my_address", "any", "", None, "*.example.org")),
    ],
)
def test_refused(kind: Kind, written: Any) -> None:
    with pytest.raises(ValueError, match=r".{20}"):
        kind.parse(written)


def test_a_mask_that_leaves_less_than_the_mark_says_what_is_left() -> None:
    with pytest.raises(ValueError, match="the mask 0xf leaves 0xa of it"):
        key_kinds.MARK.parse("0x1a/0xf")


def problems(phase1: list[dict[str, Any]], *phase2: dict[str, Any], links: Any = ()) -> list[str]:
    try:
        check_gateway(parse_gateway({"phase1": phase1, "phase2": list(phase2), "xfrm_interfaces": list(links)}))
    except ValidationError as error:
        return [str(problem) for problem in error.problems]
    return []


LINK = {"name": "ipsec0"}
LINKED = {**P1, "xfrm_interface": "ipsec0"}
SERVER = {**P1, "name": "server", "mediation": True}
BOTH = "xfrm_interface {}is ipsec0, which has its number; only one of them"


@pytest.mark.parametrize(
    ("phase1", "phase2", "message"),
    [
        ({"rekey_time": "8h"}, {}, "phase1 paris: rekey_time is 28800: it must be less than lifetime, which is 28800"),
        ({"over_time": "8h"}, {}, "phase1 paris: over_time is 28800: it must be less than lifetime, which is 28800"),
        ({"rekey_time": "7h", "over_time": "2h"}, {},
         "phase1 paris: over_time is 7200: with rekey_time it makes 32400, and lifetime is 28800; leave it out"),
        ({"aggressive": True}, {}, "phase1 paris: aggressive is True: it belongs to IKEv1, and ike_version is 2"),
        ({"childless": "force", "ike_version": 1}, {},
         "phase1 paris: childless is 'force': it belongs to IKEv2, and ike_version is 1"),
        ({"ppk_id": "x", "ike_version": 1}, {}, "phase1 paris: ppk_id is 'fqdn:x': it belongs to IKEv2, and ike_version is 1"),
        ({"ppk": "a key"}, {}, "phase1 paris: ppk_id: is required beside ppk"),
        ({"ppk_id": "keyid:x"}, {},
         ("phase1 paris: ppk_id is 'keyid:x': charon takes the name that a peer sends for what it looks like and finds no key of "
          "another type; write it as fqdn: or email:, such as fqdn:fleet-2026")),
        ({"ppk_required": True}, {}, "phase1 paris: ppk_id: is required, as ppk_required is true"),
        ({"mediated_by": "server"}, {}, "phase1 paris: mediation_peer: is required, as mediated_by is given"),
        ({"mediation_peer": "x"}, {}, "phase1 paris: mediation_peer is 'fqdn:x': it belongs to mediated_by, which is missing"),
        ({"mediated_by": "oslo", "mediation_peer": "x"}, {},
         "phase1 paris: mediated_by is 'oslo': there is no phase 1 of this name; there are paris, server"),
        ({"mediated_by": "paris", "mediation_peer": "x"}, {},
         "phase1 paris: mediated_by is 'paris': phase1 paris must have mediation: true"),
        ({"mediated_by": "server", "mediation_peer": "x", "mediation": True}, {},
         "phase1 paris: mediated_by is 'server': a connection to a mediation server cannot be mediated itself"),
        ({"if_id_in": 7, "xfrm_interface": "ipsec0"}, {}, f"phase1 paris: if_id_in is '7': {BOTH.format('')}"),
        ({"if_id_out": 7, "xfrm_interface": "ipsec0"}, {}, f"phase1 paris: if_id_out is '7': {BOTH.format('')}"),
        ({"xfrm_interface": "ipsec0"}, {"if_id_in": 7},
         f"phase2 paris/lan: if_id_in is '7': {BOTH.format('of phase1 paris ')}"),
        ({"xfrm_interface": "ipsec0"}, {"if_id_out": "%unique"},
         f"phase2 paris/lan: if_id_out is '%unique': {BOTH.format('of phase1 paris ')}"),
        ({}, {"rekey_time": 3600}, "phase2 paris/lan: rekey_time is 3600: it must be less than lifetime, which is 3600"),
        ({}, {"rekey_bytes": 10, "life_bytes": 10},
         "phase2 paris/lan: rekey_bytes is 10: it must be less than life_bytes, which is 10"),
        ({}, {"rekey_packets": 11, "life_packets": 10},
         "phase2 paris/lan: rekey_packets is 11: it must be less than life_packets, which is 10"),
        ({}, {"set_mark_in": "%same"},
         "phase2 paris/lan: set_mark_in is '%same/0xffffffff': there is no mark_in that it could be the same as"),
        ({}, {"set_mark_out": "%same", "mark_in": 1},
         "phase2 paris/lan: set_mark_out is '%same/0xffffffff': there is no mark_out that it could be the same as"),
        ({}, {"label_mode": "simple"}, "phase2 paris/lan: label_mode is 'simple': it belongs to label, which is missing"),
        ({"ike_version": 1}, {"label": "x"},
         "phase2 paris/lan: label is 'x': it belongs to IKEv2, and ike_version of phase1 paris is 1"),
        ({"init_type": "start"}, {"per_cpu_sas": "yes"},
         ("phase2 paris/lan: per_cpu_sas is 'yes': it needs a trap, and init_type of phase1 paris is start; use "
          "start_on_demand or on_demand")),
    ],
)  # fmt: skip
def test_combinations_that_are_wrong(phase1: dict[str, Any], phase2: dict[str, Any], message: str) -> None:
    assert problems([{**P1, **phase1}, SERVER], {**P2, **phase2}, links=[LINK]) == [message]


@pytest.mark.parametrize(
    ("phase1", "phase2"),
    [
        ({"rekey_time": "7h", "over_time": "1h"}, {"rekey_time": 0}),
        ({"rekey_time": 0, "over_time": "1d"}, {"rekey_bytes": 0, "life_bytes": 1}),
        ({"aggressive": True, "ike_version": 1}, {"rekey_bytes": 10, "life_bytes": 0}),
        ({"aggressive": False}, {"set_mark_in": "%same", "mark_in": "%unique"}),
        ({"mediated_by": "server", "mediation_peer": "x"}, {"per_cpu_sas": "yes"}),
        ({"init_type": "none", "if_id_in": 7}, {"per_cpu_sas": "no", "if_id_out": 9}),
    ],
)
def test_combinations_that_are_right(phase1: dict[str, Any], phase2: dict[str, Any]) -> None:
    assert problems([{**P1, **phase1}, SERVER], {**P2, **phase2}) == []


def test_a_number_that_is_given_by_hand_is_not_allotted() -> None:
    numbers = {"if_id_in": FIRST_ALLOTTED_IF_ID, "if_id_out": "%unique"}
    gateway = parse_gateway(
        {
            "phase1": [{**P1, **numbers}],
            "phase2": [{**P2, "if_id_out": FIRST_ALLOTTED_IF_ID + 1}],
            "xfrm_interfaces": [LINK],
        }
    )
    assert allot_if_ids(gateway, {}, set()) == {"ipsec0": FIRST_ALLOTTED_IF_ID + 2}
