# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For each option that is a key of swanctl.conf: a value, the text of its key, and how charon shows what it has understood."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One option of a phase 1 or a phase 2 with a value, the key's text, and the line of charon's log about it.

    An empty `logged` means that charon does not speak of it. `beside` are options that it needs, `along` are those that need
    it, `since` the release of strongSwan that knows it, if that is newer than the oldest of the tests.
    """

    kind: str
    option: str
    value: Any
    text: str
    logged: str
    beside: dict[str, Any] = field(default_factory=dict)
    since: str = ""
    along: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind}.{self.option} {self.value}"


ROWS = (
    Row("phase1", "keyingtries", 3, "3", "keyingtries = 3"),
    Row("phase1", "rekey_time", "7h", "25200", "rekey_time = 25200"),
    Row("phase1", "over_time", "2h", "7200", "over_time = 7200"),
    Row("phase1", "rand_time", "10m", "600", "rand_time = 600"),
    Row("phase1", "reauth_time", "1d", "86400", "reauth_time = 86400"),
    Row("phase1", "mobike", False, "no", "mobike = 0"),
    Row("phase1", "aggressive", True, "yes", "aggressive = 1", {"ike_version": 1}),
    Row("phase1", "pull", False, "no", "", {"ike_version": 1}),
    Row("phase1", "childless", "force", "force", "childless = "),
    Row("phase1", "childless", "never", "never", "childless = "),
    Row("phase1", "fragmentation", "force", "force", "fragmentation = 3"),
    Row("phase1", "fragmentation", "no", "no", "fragmentation = 0"),
    Row("phase1", "dscp", 46, "101110", "dscp = 0x2e"),
    Row("phase1", "local_port", 4500, "4500", "local_port = 4500"),
    Row("phase1", "remote_port", 4500, "4500", "remote_port = 4500"),
    Row("phase1", "unique", "replace", "replace", "unique = UNIQUE_REPLACE"),
    Row("phase1", "unique", "keep", "keep", "unique = UNIQUE_KEEP"),
    Row("phase1", "unique", "never", "never", "unique = UNIQUE_NEVER"),
    Row("phase1", "send_cert", "always", "always", "send_cert = CERT_ALWAYS_SEND"),
    Row("phase1", "send_cert", "never", "never", "send_cert = CERT_NEVER_SEND"),
    Row("phase1", "send_certreq", False, "no", "send_certreq = 0"),
    Row("phase1", "childless", "prefer", "prefer", "childless = ", since="5.9.10"),
    Row("phase1", "ocsp", "both", "both", "ocsp = OCSP_SEND_BOTH", since="5.9.14"),
    Row("phase1", "vips", ["0.0.0.0", "2001:db8::7"], "0.0.0.0,2001:db8::7", "vips:"),  # noqa: S104  # any address
    Row("phase1", "pools", ["office", "dhcp"], "office,dhcp", ""),
    Row("phase1", "ppk_id", "fqdn:quantum-7", "fqdn:quantum-7", "ppk_id = quantum-7"),
    Row("phase1", "ppk_required", True, "yes", "ppk_required = 1", {"ppk_id": "fqdn:ppk.example.org"}),
    Row("phase1", "if_id_in", 7, "7", "if_id_in = 7"),
    Row("phase1", "if_id_out", "%unique", "%unique", "if_id_out = 4294967295"),
    Row("phase1", "mediation", True, "yes", "mediation = 1"),
    Row("phase1", "mediated_by", "server", "server", "mediated_by = server", along={"mediation_peer": "keyid:p"}),
    Row(
        "phase1",
        "mediation_peer",
        "p.example.org",
        "fqdn:p.example.org",
        "mediation_peer = p.example.org",
        {},
        "",
        {"mediated_by": "server"},
    ),
    Row("phase2", "rekey_time", "50m", "3000", "rekey_time = 3000"),
    Row("phase2", "rand_time", "2m", "120", "rand_time = 120"),
    Row("phase2", "rekey_bytes", "500m", "524288000", "rekey_bytes = 524288000"),
    Row("phase2", "life_bytes", "1g", "1073741824", "life_bytes = 1073741824"),
    Row("phase2", "rand_bytes", 1000, "1000", "rand_bytes = 1000", {"life_bytes": "1g"}),
    Row("phase2", "rekey_packets", 100000, "100000", "rekey_packets = 100000"),
    Row("phase2", "life_packets", 200000, "200000", "life_packets = 200000"),
    Row("phase2", "rand_packets", 10, "10", "rand_packets = 10", {"life_packets": 200000}),
    Row("phase2", "inactivity", "5m", "300", "inactivity = 300"),
    Row("phase2", "ipcomp", True, "yes", "ipcomp = 1"),
    Row("phase2", "hw_offload", "auto", "auto", "hw_offload = auto"),
    Row("phase2", "hw_offload", "crypto", "yes", "hw_offload = "),
    Row("phase2", "copy_df", False, "no", "copy_df = 0"),
    Row("phase2", "copy_ecn", False, "no", "copy_ecn = 0"),
    Row("phase2", "copy_dscp", "in", "in", "copy_dscp = in"),
    Row("phase2", "copy_dscp", "no", "no", "copy_dscp = no"),
    Row("phase2", "replay_window", 256, "256", "replay_window = 256"),
    Row("phase2", "replay_window", 0, "0", "replay_window = 0"),
    Row("phase2", "tfc_padding", 1000, "1000", "tfc = 1000"),
    Row("phase2", "tfc_padding", "mtu", "mtu", "tfc = -1"),
    Row("phase2", "sha256_96", True, "yes", "sha256_96 = 1"),
    Row("phase2", "policies", False, "no", "policies = 0"),
    Row("phase2", "policies_fwd_out", True, "yes", "policies_fwd_out = 1"),
    Row("phase2", "priority", 1000, "1000", "priority = 1000"),
    Row("phase2", "interface", "lo", "lo", "interface = lo"),
    Row("phase2", "reqid", 4242, "4242", "reqid = 4242"),
    Row("phase2", "hw_offload", "packet", "packet", "hw_offload = packet", since="5.9.10"),
    Row("phase2", "if_id_in", "%unique-dir", "%unique-dir", "if_id_in = 4294967294"),
    Row("phase2", "if_id_out", "0x2a", "42", "if_id_out = 42"),
    Row("phase2", "mark_in", "0x2a/0xff", "0x2a/0x000000ff", "mark_in = 42/255"),
    Row("phase2", "mark_out", "%unique", "%unique/0xffffffff", "mark_out = 4294967295/4294967295"),
    Row("phase2", "mark_out", "%unique-dir", "%unique-dir/0xffffffff", "mark_out = 4294967294/4294967295"),
    Row("phase2", "set_mark_in", "%same/0xf", "%same/0x0000000f", "set_mark_in = 4294967295/15", {"mark_in": 9}),
    Row("phase2", "set_mark_out", 5, "0x5/0xffffffff", "set_mark_out = 5/4294967295"),
    Row(
        "phase2",
        "updown",
        "/usr/bin/env A=b /usr/local/bin/x",
        "/usr/bin/env A=b /usr/local/bin/x",
        "updown = /usr/bin/env A=b /usr/local/bin/x",
    ),
    Row("phase2", "label", "system_u:object_r:x_t:s0", "system_u:object_r:x_t:s0", "label = system_u:object_r:x_t:s0"),
    Row("phase2", "label_mode", "simple", "simple", "label_mode = simple", {"label": "x"}),
    Row("phase2", "per_cpu_sas", "yes", "yes", "per_cpu_sas = 1", since="6.0.2"),
    Row("phase2", "per_cpu_sas", "encap", "encap", "per_cpu_sas = encap", since="6.0.2"),
    Row("phase2", "icmp", True, "yes", "", since="6.0.5"),
    Row("phase2", "mark_in_sa", True, "yes", "mark_in_sa = 1"),
    Row("phase2", "hostaccess", True, "yes", "hostaccess = 1"),
)
PHASE1: dict[str, Any] = {
    "name": "paris",
    "remote_endpoints": ["198.51.100.7"],
    "psk": "long enough a key",
    "init_type": "on_demand",
    "proposals": ["aes256-sha256-curve25519"],
}
PHASE2: dict[str, Any] = {
    "name": "lan",
    "phase1": "paris",
    "local_networks": ["10.1.0.0/24"],
    "remote_networks": ["10.2.0.0/24"],
    "proposals": ["aes256gcm16"],
}


def config(row: Row | None = None) -> dict[str, Any]:
    """Return a gateway with one tunnel, and in it the option of a row with what it needs."""
    lists = {"phase1": [dict(PHASE1)], "phase2": [dict(PHASE2)]}
    if row is not None:
        lists[row.kind][0].update({**row.beside, **row.along, row.option: row.value})
        if "mediated_by" in lists["phase1"][0]:
            lists["phase1"].append({**PHASE1, "name": "server", "mediation": True, "init_type": "none"})
        if "pools" in lists["phase1"][0]:
            lists["pools"] = [{"name": "office", "addrs": "10.9.0.0/24"}]
    return lists


def config_beside(row: Row) -> dict[str, Any]:
    """Return the same gateway without the option of the row."""
    lists = {"phase1": [dict(PHASE1)], "phase2": [dict(PHASE2)]}
    lists[row.kind][0].update(row.beside)
    return lists
