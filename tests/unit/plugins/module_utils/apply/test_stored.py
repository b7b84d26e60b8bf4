# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A generation that another release has stored: what this one would refuse is in force all the same, and stops no run."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import PHASE1, Gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.read import read_stored
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import TWO, apply, steps
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host

STORE = "/var/lib/swanfleet/generations"
OSLO = {"name": "oslo", "remote_endpoints": ["198.51.100.9"], "psk": "a third one", "init_type": "none"}


def stored(change: Callable[[dict[str, Any]], None]) -> FakeHost:
    """Return a host with two tunnels whose stored phase 1 "rome" was written otherwise, and is in force like that."""
    host = wan_host()
    apply(host, TWO)
    path = f"{STORE}/1/objects.json"
    document = json.loads(host.files.files[path].content)
    change(next(each for each in document["objects"]["phase1"] if each["name"] == "rome"))
    host.files.files[path] = FileState(json.dumps(document).encode(), 0o600, host.files.now)
    # As the other release has left it.
    restore(host.host, with_daemon=True)
    host.reset()
    return host


def with_oslo(gateway: Gateway) -> Gateway:
    return gateway.with_object(PHASE1, parse_gateway({"phase1": [OSLO]}).phase1["oslo"])


@pytest.mark.parametrize(
    ("option", "value"),
    [
        pytest.param("lifetime", 5, id="a combination"),
        pytest.param("remote_endpoints", ["198.51.100.3", "no host!"], id="a list with a value"),
        pytest.param("lifetime", 99_999_999_999, id="a number"),
        pytest.param("remote_id", "smoke:signals", id="an identity"),
        pytest.param("colour", "green", id="an option that there is not"),
    ],
)
def test_what_this_release_refuses_stops_no_run_that_leaves_it_alone(option: str, value: Any) -> None:
    def change(raw: dict[str, Any]) -> None:
        raw[option] = value

    host = stored(change)
    found = read_stored(host.host).gateway.phase1["rome"]
    held = getattr(found, option, None)
    assert (list(held) if isinstance(held, tuple) else held) == (None if option == "colour" else value)
    outcome = run_transaction(host.host, with_oslo, check=False)
    assert steps(outcome) == [
        "write file secrets",
        "write file connections",
        "load secret ike-oslo",
        "load connection oslo",
    ]
    assert read_stored(host.host).gateway.phase1["rome"] == found
    assert run_transaction(host.host, lambda gateway: gateway, check=False).changed is False
    assert restore(host.host, with_daemon=True).failures == ()


def test_what_a_user_writes_is_refused_all_the_same() -> None:
    with pytest.raises(ValidationError, match="no host!"):
        parse_gateway({"phase1": [{**OSLO, "remote_endpoints": ["no host!"]}]})


def test_an_object_that_lacks_what_it_needs_is_told() -> None:
    host = wan_host()
    apply(host, TWO)
    path = f"{STORE}/1/objects.json"
    document = json.loads(host.files.files[path].content)
    del document["objects"]["phase1"][0]["remote_endpoints"]
    host.files.files[path] = FileState(json.dumps(document).encode(), 0o600, host.files.now)
    with pytest.raises(ValidationError, match="stored phase1 paris: remote_endpoints: is required"):
        read_stored(host.host)


def test_an_unfinished_generation_that_cannot_be_read_is_dropped() -> None:
    host = wan_host()
    apply(host, TWO)
    host.files.replace(f"{STORE}/2/objects.json", b"{", 0o600)
    assert read_stored(host.host).unfinished
    assert run_transaction(host.host, lambda gateway: gateway, check=False).changed is False
    assert host.host.generations.numbers() == [1]
