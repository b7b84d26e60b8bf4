# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorities through the engine: order of steps, changes, drift, and starts of charon."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import READING_COMMANDS
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError, ValidationError
from ansible_collections.swanfleet.ipsec.tests.fakes.charon import FakeCharon
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import ROME, apply, steps
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host
from ansible_collections.swanfleet.ipsec.tests.generators import material

FLEET: dict[str, Any] = {
    "name": "fleet", "ca_certificate": material.AUTHORITY, "crl_uris": ["http://crl.example.org/a.crl"],
}  # fmt: skip
ELSEWHERE = {**FLEET, "crl_uris": ["http://crl.example.org/b.crl"]}


def gateway(*authorities: dict[str, Any]) -> dict[str, Any]:
    return {"phase1": [ROME], "authorities": list(authorities)}


def new_host() -> FakeHost:
    host = wan_host()
    host.charon = FakeCharon(plugins=("openssl", "vici", "curl"))
    return host


@pytest.fixture
def host() -> FakeHost:
    made = new_host()
    apply(made, gateway(FLEET))
    made.reset()
    return made


def told(outcome: Any) -> list[str]:
    """Return the steps, with the digests of files left out."""
    return [each.partition("/swanfleet-")[0] for each in steps(outcome)]


def uris(host: FakeHost) -> list[list[str]]:
    return [each["crl_uris"] for each in host.charon.authorities().values()]


def test_an_authority_comes_before_connections_and_an_unchanged_one_is_only_read() -> None:
    host = new_host()
    assert told(apply(host, gateway(FLEET)))[-4:] == [
        "load secret ike-rome", "load certificate x509ca", "load authority fleet", "load connection rome",
    ]  # fmt: skip
    host.reset()
    assert not apply(host, gateway(FLEET)).changed
    assert set(host.charon.commands) <= READING_COMMANDS


def test_a_changed_one_is_there_before_the_old_one_goes_and_touches_no_tunnel(host: FakeHost) -> None:
    outcome = apply(host, gateway(ELSEWHERE))
    assert told(outcome) == ["write file connections", "load authority fleet", "unload authority fleet"]
    assert (outcome.disruption, uris(host)) == ({}, [ELSEWHERE["crl_uris"]])


def test_one_that_goes_takes_its_certificate_along(host: FakeHost) -> None:
    assert told(apply(host, gateway())) == [
        "write file connections", "unload authority fleet", "forget trust x509ca", "reload credentials of other files",
    ]  # fmt: skip
    assert (host.charon.authorities(), host.charon.certificates()) == ({}, [])


def test_what_somebody_else_did_is_mended(host: FakeHost) -> None:
    [(section, tree)] = host.charon.held_authorities.items()
    host.charon.unload_authority(section)
    assert told(apply(host, gateway(FLEET))) == ["load authority fleet"]
    host.charon.load_authority(section, {**tree, "crl_uris": ["http://elsewhere/"]})
    assert told(apply(host, gateway(FLEET))) == ["load authority fleet"]
    assert uris(host) == [FLEET["crl_uris"]]


def test_those_of_others_are_left_alone(host: FakeHost) -> None:
    host.charon.load_authority("fleet", {"file": "/etc/ca.pem"})
    assert not apply(host, gateway(FLEET)).changed
    apply(host, {})
    assert list(host.charon.authorities()) == ["fleet"]


def test_a_refused_one_leaves_everything_as_it_was(host: FakeHost) -> None:
    before = uris(host)
    sections = set(host.charon.held_authorities)
    probe = new_host()
    apply(probe, gateway(ELSEWHERE))
    section = next(iter(probe.charon.held_authorities))
    host.charon.refuse["load-authority", section] = "parsing request failed"
    with pytest.raises(ApplyError, match="load authority fleet"):
        apply(host, gateway(ELSEWHERE))
    assert (uris(host), set(host.charon.held_authorities)) == (before, sections)
    assert not apply(host, gateway(FLEET)).changed


def test_where_charon_cannot_ask_nothing_is_done() -> None:
    host = wan_host()
    before = host.state()
    with pytest.raises(ValidationError, match=r"crl_uris\[0\] is .* it needs charon's plugin curl or soup"):
        apply(host, gateway(FLEET))
    assert host.state() == before


def test_after_a_start_of_charon_it_is_loaded_again(host: FakeHost) -> None:
    host.charon.restart()
    assert "load authority fleet" in told(apply(host, gateway(FLEET)))
