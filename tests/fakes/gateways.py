# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small gateways that tests of the engine want, change and take away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import Outcome, run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost

Config = dict[str, Any]

INTERFACE: Config = {"name": "ipsec-paris", "addresses": ["10.255.0.1/30"]}
PARIS: Config = {
    "name": "paris", "interfaces": ["wan0"], "remote_endpoints": ["198.51.100.2"], "psk": "s3cret",
    "xfrm_interface": "ipsec-paris", "proposals": ["aes256-sha256-curve25519"],
}  # fmt: skip
PARIS_LAN: Config = {
    "name": "lan", "phase1": "paris", "local_networks": ["10.1.0.0/24"], "remote_networks": ["10.2.0.0/24"],
    "proposals": ["aes256gcm16"],
}  # fmt: skip
ROME: Config = {
    "name": "rome", "interfaces": ["wan0"], "remote_endpoints": ["198.51.100.3"], "psk": "another",
    "init_type": "on_demand", "proposals": ["aes256-sha256-curve25519"],
}  # fmt: skip
ROME_LAN: Config = {**PARIS_LAN, "phase1": "rome", "remote_networks": ["10.3.0.0/24"]}


def config(phase1: list[Config], phase2: list[Config], interfaces: list[Config] | None = None) -> Config:
    """Return the lists of a whole gateway."""
    return {"phase1": phase1, "phase2": phase2, "xfrm_interfaces": interfaces or []}


ONE = config([PARIS], [PARIS_LAN], [INTERFACE])
TWO = config([PARIS, ROME], [PARIS_LAN, ROME_LAN], [INTERFACE])
# Another secret and lifetime for paris, rome gone, the link's address moved, a policy-based tunnel more.
CHANGED = config(
    [{**PARIS, "psk": "new", "lifetime": "4h"}, {**ROME, "name": "oslo", "remote_endpoints": ["198.51.100.4"]}],
    [PARIS_LAN, {**ROME_LAN, "phase1": "oslo"}],
    [{**INTERFACE, "addresses": ["10.255.0.2/30"], "mtu": 1400}],
)


def to(wanted: Config) -> Callable[[Gateway], Gateway]:
    """Return the change that makes a gateway what is wanted, whatever it was."""
    gateway = parse_gateway(wanted)
    return lambda _before: gateway


def apply(host: FakeHost, wanted: Config, *, check: bool = False) -> Outcome:
    """Run one transaction."""
    return run_transaction(host.host, to(wanted), check=check)


def steps(outcome: Outcome) -> list[str]:
    """Return the plan as people read it."""
    return [str(step) for step in outcome.plan.steps]


def ruled(count: int) -> Config:
    """Return a gateway with a rule of each kind for each of some peers: a hub, whose own network holds those of its spokes.

    No two of these touch, so that nothing can be put together.
    """
    phase1 = [
        {**ROME, "name": f"p{n}", "remote_endpoints": [f"198.51.{n // 250}.{n % 250 + 1}"], "firewall_rule": True}
        for n in range(count)
    ]
    phase2 = [
        {
            **ROME_LAN, "phase1": f"p{n}", "remote_networks": [f"10.{n // 125}.{n % 125 * 2}.0/24"], "nat_exemption": True,
            "local_networks": ["10.0.0.0/8"], "allow": [{"protocol": "tcp", "ports": [443]}], "mss": "auto",
        }
        for n in range(count)
    ]  # fmt: skip
    return config(phase1, phase2)
