# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's settings as keys of swanctl.conf: one row for each, forwards; and back where the text says it otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.connections import connection_trees
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.inverse import read_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import parse_settings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Tree
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import dump_object
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

P1 = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": "s3cret", "init_type": "on_demand"}
P2 = {"name": "lan", "phase1": "paris", "local_networks": ["10.1.0.0/24"], "remote_networks": ["10.2.0.0/24"]}


def tree(**options: Any) -> Tree:
    gateway = parse_gateway({"phase1": [{**P1, **options}], "phase2": [P2]})
    return connection_trees(gateway, Situation(b""))["paris"]


def test_what_was_carried_does_not_rekey_either() -> None:
    options = {"life_bytes": "1g", "life_packets": 1000}
    gateway = parse_gateway({"phase1": [{**P1, "rekey": False}], "phase2": [{**P2, **options}]})
    found: Any = connection_trees(gateway, Situation(b""))["paris"]["children"]
    told = {
        key: found["lan"][key] for key in ("life_bytes", "rekey_bytes", "rand_bytes", "life_packets", "rekey_packets")
    }
    assert told == {
        "life_bytes": str(2**30), "rekey_bytes": "0", "rand_bytes": "0", "life_packets": "1000", "rekey_packets": "0",
    }  # fmt: skip


def difference(was: Any, becomes: Any) -> dict[str, Any]:
    """Return the keys that differ, those of the child as "lan.key"; None for one that is not there."""
    found = {}
    for key in was.keys() | becomes.keys():
        if key == "children":
            inner = difference(was[key]["lan"], becomes[key]["lan"])
            found.update({f"lan.{name}": value for name, value in inner.items()})
        elif was.get(key) != becomes.get(key):
            found[key] = becomes.get(key)
    return found


PLAIN = tree()


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ({"init_type": "start_on_demand"}, {"lan.start_action": "trap|start"}),
        ({"init_type": "start"}, {"lan.start_action": "start", "lan.dpd_action": "start"}),
        ({"init_type": "none"}, {"lan.start_action": "none"}),
        ({"init_type": None, "responder_only": True}, {"lan.start_action": "none"}),
        ({"rekey": False}, {"rekey_time": "0", "lan.rekey_time": "0", "lan.rand_time": "0"}),
        ({"close_action": "none"}, {}),
        ({"close_action": "connect"}, {"lan.close_action": "start"}),
        ({"close_action": "on_demand"}, {"lan.close_action": "trap"}),
        ({"close_action": "connect_on_demand"}, {"lan.close_action": "trap|start"}),
        ({"nat_traversal": "force"}, {"encap": "yes"}),
        ({"dpd": {"enabled": False}}, {"dpd_delay": None}),
        ({"dpd": {"delay": "1m"}}, {"dpd_delay": "60"}),
        ({"dpd": {"timeout": "5m"}}, {}),
        ({"dpd": {"action": "none"}}, {}),
        ({"dpd": {"action": "restart"}}, {"lan.dpd_action": "start"}),
        ({"dpd": {"action": "on_demand"}}, {"lan.dpd_action": "trap"}),
        ({"dpd": {"action": "restart_on_demand"}}, {"lan.dpd_action": "trap|start"}),
        ({"dpd": {"enabled": False, "action": "restart"}}, {"dpd_delay": None, "lan.dpd_action": "start"}),
        ({"ike_version": 1}, {"version": "1", "dpd_timeout": "150"}),
        ({"ike_version": 1, "dpd": {"timeout": 0}}, {"version": "1"}),
        ({"ike_version": 1, "dpd": {"timeout": "5m"}}, {"version": "1", "dpd_timeout": "300"}),
        ({"ike_version": 1, "dpd": {"enabled": False}}, {"version": "1", "dpd_delay": None}),
    ],
)
def test_what_an_option_changes(options: dict[str, Any], keys: dict[str, Any]) -> None:
    assert difference(PLAIN, tree(**options)) == keys


TEXT = """\
connections {
  paris {
    VERSION
    remote_addrs = 198.51.100.2
    proposals = aes256-sha256-modp4096
    keyingtries = 0
    CONNECTION
    local { auth = psk }
    remote { auth = psk }
    children {
      lan {
        esp_proposals = aes256gcm16
        CHILD
      }
      CHILDREN
    }
  }
}
"""
RENEWED = {"CONNECTION": "rekey_time = 25920\nover_time = 2880", "CHILD": "rekey_time = 3240\nlife_time = 3600"}


def read(base: dict[str, str], **more: str) -> dict[str, Any]:
    """Return the phase 1 that is read where something is added at the places of the text."""
    text = TEXT.replace("VERSION", more.pop("VERSION", "version = 2")).replace("CHILDREN", more.pop("CHILDREN", ""))
    for place, lines in base.items():
        text = text.replace(place, f"{lines}\n{more.get(place, '')}")
    [found] = read_gateway(parse_settings(text, file="text")).gateway.phase1.values()
    shown = dump_object(found, with_secrets=False)
    return {**shown, "dpd": {"action": None, **shown["dpd"]}}


OFF = {"enabled": False, "delay": 30, "timeout": 150, "action": None}
ON = {**OFF, "enabled": True}


@pytest.mark.parametrize(
    ("base", "added", "options"),
    [
        pytest.param(RENEWED, {}, {"init_type": "none", "close_action": "none", "dpd": OFF,
                                   "nat_traversal": "auto"}, id="nothing said"),
        pytest.param(RENEWED, {"CHILD": "start_action = start\nclose_action = route\ndpd_action = restart"},
                     {"init_type": "start", "close_action": "on_demand", "dpd": OFF}, id="actions"),
        pytest.param(RENEWED, {"CHILD": "start_action = start"}, {"init_type": "start", "dpd": {**OFF, "action": "none"}},
                     id="an action that is not the usual one"),
        pytest.param(RENEWED, {"CHILD": "close_action = start|trap\ndpd_action = trap|start"},
                     {"close_action": "connect_on_demand", "dpd": {**OFF, "action": "restart_on_demand"}}, id="two in one"),
        pytest.param(RENEWED, {"CONNECTION": "dpd_delay = 1m"}, {"dpd": {**ON, "delay": 60}}, id="dpd"),
        pytest.param(RENEWED, {"CONNECTION": "dpd_delay = 1m\ndpd_timeout = 2m"},
                     {"dpd": {**ON, "delay": 60, "timeout": 120}}, id="a timeout that charon has no use for is kept"),
        pytest.param(RENEWED, {"CONNECTION": "dpd_delay = 1m\ndpd_timeout = 1"}, {"dpd": {**ON, "delay": 60}},
                     id="unless it could not be"),
        pytest.param(RENEWED, {"CONNECTION": "dpd_delay = 3m"}, {"dpd": {**ON, "delay": 180, "timeout": 0}},
                     id="dpd of a longer delay than the usual timeout"),
        pytest.param(RENEWED, {"VERSION": "version = 1", "CONNECTION": "dpd_delay = 1m\ndpd_timeout = 2m"},
                     {"dpd": {**ON, "delay": 60, "timeout": 120}, "ike_version": 1}, id="dpd of IKEv1"),
        pytest.param(RENEWED, {"VERSION": "version = 1", "CONNECTION": "dpd_timeout = 2m"},
                     {"dpd": {**OFF, "timeout": 120}, "ike_version": 1}, id="a timeout of what is switched off"),
        pytest.param(RENEWED, {"VERSION": "version = 1", "CONNECTION": "dpd_delay = 1m"},
                     {"dpd": {**ON, "delay": 60, "timeout": 0}, "ike_version": 1}, id="dpd of IKEv1, as charon repeats"),
        pytest.param(RENEWED, {"CONNECTION": "encap = yes"}, {"nat_traversal": "force"}, id="encapsulation"),
    ],
)  # fmt: skip
def test_what_is_read(base: dict[str, str], added: dict[str, str], options: dict[str, Any]) -> None:
    found = read(base, **added)
    assert {name: found[name] for name in options} == options


ONE_VALUE = "one value holds for all children of a connection here, and what stands in the first one is taken"


@pytest.mark.parametrize(
    ("base", "added", "messages"),
    [
        pytest.param(
            RENEWED, {"CHILDREN": "dmz {\nesp_proposals = aes256gcm16\nrekey_time = 3240\nlife_time = 3600\ndpd_action = trap\n}"},
            [f"connections.paris.children.dmz.dpd_action is 'trap': no option can keep it; {ONE_VALUE}"], id="children differ",
        ),
        pytest.param(
            RENEWED, {"VERSION": "version = 1", "CONNECTION": "dpd_delay = 1m\ndpd_timeout = 1s"},
            ["phase1 paris: dpd.timeout is 1: at least dpd.delay is needed, 60 seconds; or 0 for charon's own"],
            id="a timeout that charon would make longer",
        ),
    ],
)  # fmt: skip
def test_what_no_option_says(base: dict[str, str], added: dict[str, str], messages: list[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        read(base, **added)
    assert [str(problem).partition(": ")[2] for problem in refused.value.problems] == messages
