# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's settings of a phase 1: what follows from what is not given, and what cannot be together."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    check_gateway,
    dump_gateway,
    parse_gateway,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.phase1 import Phase1
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

P1 = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": "s3cret"}
SUBNET = ["198.51.100.0/24"]


def made(**options: Any) -> Phase1:
    return parse_gateway({"phase1": [{**P1, **options}]}).phase1["paris"]


def refused(**options: Any) -> list[str]:
    with pytest.raises(ValidationError) as failed:
        made(**options)
    return [str(problem).removeprefix("phase1 paris: ") for problem in failed.value.problems]


@pytest.mark.parametrize(
    ("options", "init_type", "dpd_action", "initiated_by"),
    [
        pytest.param({}, "start_on_demand", "none", "init_type start_on_demand", id="nothing given"),
        pytest.param({"init_type": "start"}, "start", "restart", "init_type start", id="started, and restarted"),
        pytest.param({"init_type": "on_demand"}, "on_demand", "none", "init_type on_demand", id="by its trap, also again"),
        pytest.param({"init_type": "none"}, "none", "none", "", id="the peer's"),
        pytest.param({"responder_only": True}, "none", "none", "", id="responder only"),
        pytest.param({"responder_only": True, "init_type": "none"}, "none", "none", "", id="responder only, said twice"),
        pytest.param({"init_type": "start", "dpd": {"action": "none"}}, "start", "none", "init_type start", id="as given"),
        pytest.param({"init_type": "none", "close_action": "connect"}, "none", "none", "close_action connect", id="close"),
        pytest.param({"init_type": "none", "dpd": {"action": "restart"}}, "none", "restart", "dpd.action restart", id="dpd"),
    ],
)  # fmt: skip
def test_what_starts_and_restarts(options: dict[str, Any], init_type: str, dpd_action: str, initiated_by: str) -> None:
    found = made(**options)
    assert (found.start_type, found.dpd_action, found.initiated_by) == (init_type, dpd_action, initiated_by)
    assert found.initiates == bool(initiated_by)


def test_what_is_stored_is_read_back_the_same() -> None:
    gateway = parse_gateway({"phase1": [{**P1, "responder_only": True, "dpd": {"delay": "1m", "timeout": "5m"}}]})
    stored = dump_gateway(gateway)
    again = parse_gateway({"phase1": [{**stored["phase1"][0], "psk": "s3cret"}]})
    assert again == gateway
    assert (again.phase1["paris"].dpd.delay, again.phase1["paris"].dpd.timeout) == (60, 300)


ONLY_PEER = "none is needed, as responder_only says that only the peer initiates"


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        pytest.param(
            {"responder_only": True, "init_type": "on_demand", "close_action": "connect", "dpd": {"action": "on_demand"}},
            [f"init_type is 'on_demand': {ONLY_PEER}", f"close_action is 'connect': {ONLY_PEER}",
             f"dpd.action is 'on_demand': {ONLY_PEER}"],
            id="responder only, and initiating",
        ),
        pytest.param(
            {"rekey": False, "rekey_time": "1h", "reauth_time": "2h"},
            ["rekey_time is 3600: 0 is needed, or nothing, as rekey is false",
             "reauth_time is 7200: 0 is needed, or nothing, as rekey is false"], id="rekeying, and not",
        ),
        pytest.param(
            {"dpd": {"delay": 0}}, ["dpd.delay is 0: at least 1 second is needed; to have no detection set dpd.enabled: false"],
            id="no delay",
        ),
        pytest.param(
            {"dpd": {"delay": 60, "timeout": 59}},
            ["dpd.timeout is 59: at least dpd.delay is needed, 60 seconds; or 0 for charon's own"], id="dead before it is asked",
        ),
        pytest.param(
            {"ike_version": 1, "dpd": {"delay": 166, "timeout": 0}},
            ["dpd.timeout is 0: at least dpd.delay is needed, 166 seconds"], id="charon's own timeout below the delay",
        ),
        pytest.param(
            {"init_type": "none", "close_action": "connect", "remote_endpoints": SUBNET},
            [(f"remote_endpoints is {SUBNET}: close_action connect initiates, so an address or a host name is needed among "
             "them; or set close_action: none")], id="nobody to connect to again",
        ),
        pytest.param(
            {"init_type": "none", "dpd": {"action": "restart"}, "remote_id": "*.example.org"},
            [("remote_id is 'fqdn:*.example.org': dpd.action restart initiates, and the key is chosen before the peer shows "
             "itself, so its identity is needed in full; or set dpd.action: none")], id="a pattern for whom we restart",
        ),
        pytest.param(
            {"dpd": {"actoin": "none"}}, ["dpd.actoin: there is no such option; did you mean action?"], id="a misspelt option",
        ),
        pytest.param(
            {"dpd": "off", "mobike": "maybe"},
            ["dpd: a dictionary is needed, this is a text", "mobike is 'maybe': true or false is needed"],
            id="other kinds of values",
        ),
    ],
)  # fmt: skip
def test_refused(options: dict[str, Any], messages: list[str]) -> None:
    assert refused(**options) == messages


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"rekey": False, "rekey_time": 0, "reauth_time": 0}, id="no rekeying, said twice"),
        pytest.param({"dpd": {"enabled": False, "delay": 0, "timeout": 0}}, id="switched off, whatever the rest says"),
        pytest.param({"dpd": {"enabled": False, "delay": 60, "timeout": 1}}, id="switched off, and in the wrong order"),
        pytest.param({"dpd": {"delay": 166, "timeout": 0}}, id="IKEv2 has no timeout of its own"),
        pytest.param({"ike_version": 1, "dpd": {"delay": 165, "timeout": 0}}, id="charon's own timeout"),
        pytest.param({"dpd": {"delay": 1, "timeout": 1}}, id="the shortest"),
        pytest.param({"responder_only": True, "remote_endpoints": SUBNET}, id="only answering needs no address"),
    ],
)
def test_taken(options: dict[str, Any]) -> None:
    assert made(**options).name == "paris"


def test_a_phase_2_does_not_rekey_where_its_phase_1_does_not() -> None:
    child = {"name": "lan", "phase1": "paris", "remote_networks": ["10.2.0.0/24"]}
    config = {"phase1": [{**P1, "rekey": False}], "phase2": [{**child, "rekey_time": 60, "rekey_bytes": "1g"}]}
    with pytest.raises(ValidationError) as failed:
        check_gateway(parse_gateway(config))
    told = "0 is needed, or nothing, as rekey of phase1 paris is false"
    assert [(each.option, each.wanted) for each in failed.value.problems] == [
        ("rekey_time", told),
        ("rekey_bytes", told),
    ]
    check_gateway(parse_gateway({**config, "phase2": [{**child, "rekey_time": 0, "life_bytes": "1g"}]}))
