# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes whose disruption is foretold and observed: a row for each option of phase 1 and phase 2 that can change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.authentication import Authentication
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import options_of
from ansible_collections.swanfleet.ipsec.tests.daemon import pki
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import Config

PROPOSALS, ESP = ["aes256-sha256-curve25519", "aes128-sha256-curve25519"], ["aes256gcm16", "aes128gcm16"]


@dataclass(frozen=True)
class Case:
    """One change: options of phase 1 and its phase 2s as they become, and the key that the peer has then.

    `two` begins with two phase 2s, lan and dmz; `phase2` is what becomes of lan, `dmz` of the other; None takes it away.
    `group` begins with lan and aaa, which have the same local networks and so are one CHILD_SA; `aaa` is what becomes of it.
    `base` are options of phase 1 before and after, `shunts` those before and those after. The peer has a certificate too,
    `certified` says that it takes one.
    """

    what: str
    phase1: Config = field(default_factory=dict)
    phase2: Config | None = field(default_factory=dict)
    two: bool = False
    dmz: Config | None = None
    group: bool = False
    aaa: Config | None = None
    more: tuple[Config, ...] = ()
    gone: bool = False
    key: str = "s3cret"
    base: Config = field(default_factory=dict)
    certified: bool = False
    shunts: tuple[Sequence[Config], Sequence[Config]] = ((), ())


CA, OTHER_CA = pki.authority("Right CA"), pki.authority("Other CA")
OURS, RENEWED, THEIRS = (CA.issue(f"gw{number}.example.org") for number in (1, 1, 2))


def certificate(holder: pki.Holder, *more: pki.Holder) -> Config:
    """Return options of a phase 1 that shows a certificate, and trusts our authority and others."""
    return {
        "psk": None, "auth_method": "certificate", "certificate": holder.pem, "private_key": holder.key_pem,
        "ca_certificates": [each.pem for each in (CA, *more)],
    }  # fmt: skip


DMZ = {"name": "dmz", "local_networks": ["10.1.1.0/24"], "remote_networks": ["10.2.1.0/24"]}
AAA = {"name": "aaa", "remote_networks": ["10.2.1.0/24"]}
THIRD = {"name": "third", "local_networks": ["10.1.2.0/24"], "remote_networks": ["10.2.2.0/24"]}

SHUNT = {"name": "s", "type": "pass", "local_networks": ["10.1.0.0/24"], "remote_networks": ["10.3.0.0/24"]}

# tests/daemon/test_plain_keys.py shows that charon notices a change of each of these, so that one stands for all.
OTHER_OF_PHASE1, OTHER_OF_PHASE2 = "phase1, any other option", "phase2, any other option"
RULES: Config = {"plaintext_guard": True, "allow": [{"protocol": "icmp"}], "nat_exemption": True, "mss": "auto"}
CASES = (
    Case("nothing"),
    Case("phase1.interfaces", {"interfaces": ["192.0.2.11"]}),
    Case("phase1.ip_type", {"ip_type": "ipv6", "interfaces": ["2001:db8::1"], "remote_endpoints": ["2001:db8::2"]}),
    Case("phase1.ike_version", {"ike_version": 1}),
    Case("phase1.init_type: start_on_demand", {"init_type": "start_on_demand"}),
    Case("phase1.init_type: on_demand", {"init_type": "on_demand"}),
    Case("phase1.init_type: none", {"init_type": "none"}),
    Case("phase1.xfrm_interface", {"xfrm_interface": "ipsec0"}),
    Case("phase1.remote_endpoints", {"remote_endpoints": ["192.0.2.12"]}),
    Case("phase1.psk", {"psk": "another"}, key="another"),
    Case("phase1, certificates in place of a key", certificate(OURS), certified=True),
    Case("phase1, another certificate with its key", certificate(RENEWED), base=certificate(OURS), certified=True),
    Case("phase1, one more authority", certificate(OURS, OTHER_CA), base=certificate(OURS), certified=True),
    Case("phase1.local_id", {"local_id": "gw1b.example.org"}),
    Case("phase1.remote_id", {"remote_id": "gw2b.example.org"}),
    Case("phase1.proposals", {"proposals": PROPOSALS[1:]}),
    Case("phase1.lifetime", {"lifetime": "4h"}),
    Case("phase1.responder_only", {"responder_only": True, "init_type": "none"}),
    Case("phase1.rekey", {"rekey": False}),
    Case("phase1.close_action", {"close_action": "on_demand"}),
    Case("phase1.nat_traversal", {"nat_traversal": "force"}),
    Case("phase1.dpd: delay", {"dpd": {"delay": "10s"}}),
    Case("phase1.dpd: action", {"dpd": {"action": "on_demand"}}),
    Case("phase1.dpd: timeout", {"dpd": {"timeout": "5m"}}),
    Case("phase1.dpd: timeout, of IKEv1", {"dpd": {"timeout": "5m"}}, base={"ike_version": 1}),
    Case("phase1.dscp", {"dscp": 46}),
    Case("phase1.firewall_rule", {"firewall_rule": True}),
    Case("phase1.restart_on_gateway_change", {"restart_on_gateway_change": True}),
    Case(OTHER_OF_PHASE1, {"rand_time": "1m"}),
    Case("phase1, the tunnel goes", gone=True),
    Case("phase2.local_networks", phase2={"local_networks": ["10.1.0.0/25"]}),
    Case("phase2.remote_networks", phase2={"remote_networks": ["10.2.0.0/25"]}),
    Case("phase2.proposals", phase2={"proposals": ESP[1:]}),
    Case("phase2.lifetime", phase2={"lifetime": "2h"}),
    Case("phase2.install_routes", phase2={"install_routes": False}),
    *(Case(f"phase2.{name}", phase2={name: value}) for name, value in RULES.items()),
    Case(OTHER_OF_PHASE2, phase2={"inactivity": "1h"}),
    Case("phase2.name", phase2={"name": "renamed"}),
    Case("phase2, one more", dmz={}),
    Case("phase2, the only one goes", phase2=None),
    Case("phase2, the only one goes and another comes", phase2=None, dmz={}),
    Case("one of two phase 2s", phase2={"lifetime": "2h"}, two=True, dmz={}),
    Case("both phase 2s", phase2={"lifetime": "2h"}, two=True, dmz={"lifetime": "2h"}),
    Case("both phase 2s, and one more", phase2={"lifetime": "2h"}, two=True, dmz={"lifetime": "2h"}, more=(THIRD,)),
    Case("one of two phase 2s goes", two=True),
    Case("one of two phase 2s goes, the other changes", phase2={"lifetime": "2h"}, two=True),
    Case("both phase 2s go, another comes", phase2=None, two=True, more=(THIRD,)),
    Case("one of two phase 2s in one CHILD_SA", phase2={"lifetime": "2h"}, group=True, aaa={}),
    Case("both phase 2s in one CHILD_SA", phase2={"lifetime": "2h"}, group=True, aaa={"lifetime": "2h"}),
    Case("one of two phase 2s in one CHILD_SA goes, the first", group=True),
    Case("one of two phase 2s in one CHILD_SA goes, the second", phase2=None, group=True, aaa={}),
    Case("phase2, one more that joins its CHILD_SA", aaa={}),
    Case("phase1.split_connections", {"split_connections": True}, group=True, aaa={}),
    Case("shunts, one more", shunts=((), (SHUNT,))),
    Case("shunts, any option", shunts=((SHUNT,), ({**SHUNT, "type": "drop"},))),
    Case("shunts, one that goes", shunts=((SHUNT,), ())),
    Case("phase 1, with two phase 2s", {"lifetime": "4h"}, two=True, dmz={}),
    Case("phase 1 and one of two phase 2s", {"lifetime": "4h"}, phase2={"lifetime": "2h"}, two=True, dmz={}),
)
# What cannot change by itself: ways to authenticate, a postquantum key without its name, a name without another tunnel.
# ESP in user space knows neither transport mode nor AH nor labels.
TOGETHER = {f"phase1.{each.name}" for each in options_of(Authentication)} - {"phase1.psk"} | {"phase1.ppk"}
LAB = set(
    "phase1.connection_type phase1.traffic_selector phase1.vxlan_port phase1.encryption_type phase2.ah_proposals "
    "phase2.label_mode".split()
)
NOT_ALONE = {"phase1.name", "phase2.phase1"} | TOGETHER | LAB
