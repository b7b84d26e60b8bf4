# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pre-shared keys are called weak, and that no good one is."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.strength import weak_keys


def warnings(*keys: str) -> list[str]:
    """Return the warnings for phase 1s paris0, paris1 … with these keys."""
    phase1 = [
        {
            "name": f"paris-{number}",
            "remote_endpoints": ["198.51.100.2"],
            "remote_id": f"fqdn:gw{number}.paris.example.com",
            "psk": key,
        }
        for number, key in enumerate(keys)
    ]
    return weak_keys(parse_gateway({"phase1": phase1}))


@pytest.mark.parametrize(
    ("key", "why"),
    [
        pytest.param("1", "fewer than 8 characters", id="one character"),
        pytest.param("hunter2", "fewer than 8 characters", id="seven characters"),
        pytest.param("pa\N{LATIN SMALL LETTER E WITH ACUTE}", "fewer than 8 characters", id="characters, not bytes"),
        pytest.param("198.51.100.2", "a name, an address or an identity", id="the peer's address"),
        pytest.param("GW0.Paris.example.com", "a name, an address or an identity", id="the peer's identity"),
    ],
)
def test_a_key_that_anybody_would_guess_is_told(key: str, why: str) -> None:
    (told,) = warnings(key)
    assert told.startswith("phase1 paris-0: psk ")
    assert why in told
    assert f" {key}" not in told


@pytest.mark.parametrize(
    "key",
    ["hunter22", "correct horse battery staple", "GJ0Vd1WyPzoSTKHcV5JmMwRxjXZ3aB0qYcK8m6n1u3k=", "paris-0-paris-0"],
)
def test_no_other_key_is_called_weak(key: str) -> None:
    assert warnings(key) == []


def test_many_weak_keys_are_counted() -> None:
    told = warnings(*["1"] * 8)
    assert len(told) == 6
    assert told[-1] == "the pre-shared keys of 3 more phase 1s are as weak"
