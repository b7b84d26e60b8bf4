# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon and the host are given of certificates and keys, and what is taken back when a tunnel goes or changes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import Observed, ObservedDaemon, Stored
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.difference import plan
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import Config, config
from ansible_collections.swanfleet.ipsec.tests.generators import material

SITUATION = Situation(b"k" * 32, {"wan0": ("192.0.2.1",)}, {4: "wan0"})
STATE = DaemonState("charon-systemd", "5.9.8", (), "", 0, start_id="boot/7/1")
CERTIFIED: Config = {
    "name": "paris", "remote_endpoints": ["198.51.100.2"], "remote_id": "any", "init_type": "none",
    "auth_method": "certificate", "certificate": material.CERTIFICATE, "private_key": material.PRIVATE_KEY,
    "ca_certificates": [material.AUTHORITY], "local_id": "fqdn:gw.example.org",
}  # fmt: skip
TWO = {**CERTIFIED, "ca_certificates": [material.AUTHORITY, material.OTHER_AUTHORITY]}
WITH_KEY = {**CERTIFIED, **dict.fromkeys(("auth_method", "certificate", "private_key", "ca_certificates")), "psk": "k"}


def wanted(phase1: Config | None) -> Artifacts:
    return artifacts(parse_gateway(config([] if phase1 is None else [phase1], [])), SITUATION)


ALL = wanted(TWO).credentials
KEY, OWN, CA, OTHER_CA = (
    next(role for role, each in ALL.items() if role.startswith(begin) and (text is None or each.text.reveal() == text))
    for begin, text in (
        ("private/", None), ("x509/", None), ("x509ca/", material.AUTHORITY), ("x509ca/", material.OTHER_AUTHORITY)
    )
)  # fmt: skip


def there(phase1: Config | None, *lost: str, files: dict[str, Any] | None = None, down: bool = False) -> Observed:
    """Return a host on which a tunnel is wholly applied, but for credentials that charon has lost, and for `files`."""
    made = wanted(phase1)
    held = {role: each for role, each in made.credentials.items() if role not in lost}
    daemon = ObservedDaemon(
        STATE, frozenset(made.connections), made.parts, frozenset(made.shared),
        keys=frozenset(each.identity for each in held.values() if each.layer == "key"),
        certificates=frozenset(each.identity for each in held.values() if each.layer == "certificate"),
    )  # fmt: skip
    present = {
        role: FileState(file.encoded, file.mode, 0) if file.needed else None for role, file in made.files.items()
    }
    gateway = parse_gateway(config([] if phase1 is None else [phase1], []))
    return Observed(
        stored=Stored(number=1, gateway=gateway),
        situation=SITUATION,
        files={**present, **(files or {})},
        links={},
        daemon=None if down else daemon,
        daemon_down=down,
    )


def steps(phase1: Config | None, observed: Observed) -> list[tuple[str, str, str, str]]:
    """Return the steps of credentials: verb, layer, name, and what charon calls it."""
    found = plan(wanted(phase1), observed, {}).steps
    ours = [each for each in found if each.layer in ("key", "certificate", "trust", "credentials") or "/" in each.name]
    return [(each.verb, each.layer, each.name, each.key) for each in ours]


def load(role: str) -> tuple[str, str, str, str]:
    return ("load", ALL[role].layer, role, "")


def gone(role: str) -> tuple[str, str, str, str]:
    return ("remove", "file", role, "")


UNLOAD_KEY = ("unload", "key", KEY, ALL[KEY].identity)
FORGET = ("forget", "trust", OTHER_CA, "")
AGAIN = ("reload", "credentials", "of other files", "")
WRITE = [("write", "file", role, "") for role in (OWN, KEY)]
STRANGE = {"x509ca/swanfleet-0123456789abcdef.pem": FileState(b"no certificate", 0o644, 0)}
DAMAGED = gone("x509ca/swanfleet-0123456789abcdef.pem")


@pytest.mark.parametrize(
    ("wish", "observed", "expected"),
    [
        pytest.param(TWO, there(TWO), [], id="all is there"),
        pytest.param(TWO, there(TWO, KEY), [load(KEY)], id="charon has lost the key"),
        pytest.param(TWO, there(TWO, OWN, CA), [load(OWN), load(CA)], id="charon has lost certificates"),
        pytest.param(CERTIFIED, there(TWO), [FORGET, AGAIN], id="an authority is trusted no more"),
        pytest.param(CERTIFIED, there(TWO, OTHER_CA), [gone(OTHER_CA)], id="and charon does not hold it"),
        pytest.param(CERTIFIED, there(TWO, down=True), [gone(OTHER_CA)], id="and charon is down"),
        pytest.param(None, there(CERTIFIED), [UNLOAD_KEY, gone(KEY), gone(OWN), ("forget", "trust", CA, ""), AGAIN], id="all goes"),
        pytest.param(None, there(CERTIFIED, KEY, CA), [gone(KEY), gone(OWN), gone(CA)], id="of which charon has lost some"),
        pytest.param(CERTIFIED, there(CERTIFIED, files=STRANGE), [DAMAGED], id="a damaged file of ours"),
        pytest.param(CERTIFIED, there(CERTIFIED, files=dict.fromkeys(STRANGE)), [], id="a file that is not there"),
        pytest.param(WITH_KEY, there(WITH_KEY), [], id="a tunnel without certificates"),
    ],
)  # fmt: skip
def test_what_is_done(wish: Config | None, observed: Observed, expected: list[Any]) -> None:
    assert steps(wish, observed) == expected


@pytest.mark.parametrize(("down", "expected"), [(False, [AGAIN]), (True, [])])
def test_what_an_unfinished_run_took_from_others_comes_back(*, down: bool, expected: list[Any]) -> None:
    owing = dataclasses.replace(there(CERTIFIED, down=down), owes_credentials=True)
    assert steps(CERTIFIED, owing) == expected


def test_a_new_tunnel_brings_its_files_and_what_charon_needs_before_its_connection() -> None:
    found = [str(step) for step in plan(wanted(CERTIFIED), there(None), {}).steps]
    loads = [f"load {ALL[role].layer} {role}" for role in (KEY, OWN, CA)]
    assert sorted(found) == sorted([*loads, *(f"write file {role}" for role in (KEY, OWN, CA)), "write file connections",
                                    "load connection paris"])  # fmt: skip
    assert found[-1] == "load connection paris"


def test_a_key_that_another_tunnel_needs_stays() -> None:
    other = {**CERTIFIED, "name": "rome", "remote_endpoints": ["198.51.100.3"]}
    both = dataclasses.replace(
        there(CERTIFIED), stored=Stored(number=1, gateway=parse_gateway(config([CERTIFIED, other], [])))
    )
    assert [step for step in steps(CERTIFIED, both) if step[0] != "write"] == []


def test_a_bare_public_key_comes_with_its_connection_and_not_by_itself() -> None:
    rounds = {
        "local_auth": [{"public_keys": [material.PUBLIC_KEY], "private_keys": [material.PRIVATE_KEY]}],
        "remote_auth": [{"public_keys": [material.OTHER_PUBLIC_KEY], "id": "fqdn:peer.example.org"}],
    }
    ends = {key: CERTIFIED[key] for key in ("name", "remote_endpoints", "init_type")}
    loaded = [each for each in steps({**ends, **rounds}, there(None)) if each[0] == "load"]
    assert [layer for _verb, layer, _name, _key in loaded] == ["key"]


def test_a_key_on_a_token_is_loaded_with_the_others() -> None:
    card = {"name": "card", "handle": "0a", "pin": "1234"}
    made = artifacts(parse_gateway({"private_keys": [card]}), SITUATION)
    found = plan(made, there(None), {}).steps
    assert "load token card" in [str(step) for step in found]


def test_files_go_in_the_order_of_their_names() -> None:
    names = [f"x509/swanfleet-{number:016x}.pem" for number in range(9)]
    files = dict.fromkeys(reversed(names), FileState(b"no certificate", 0o644, 0))
    assert steps(CERTIFIED, there(CERTIFIED, files=files)) == [gone(name) for name in names]
