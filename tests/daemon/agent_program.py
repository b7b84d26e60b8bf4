# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway's own program for tests: as on a target, but with its files below a directory, a charon of the test's, and
bridges for XFRM interfaces, which not every kernel has. What it does to links, addresses and routes is real.

The command "apply" makes the host what the configuration (JSON) on standard input says, as a module would.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent import cli
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.agent_needs import program_mark
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host, local_host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.iproute2 import IpRoute2
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.paths import Paths
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import IpsecError
from ansible_collections.swanfleet.ipsec.tests.fakes.firewall import FakeFirewall
from ansible_collections.swanfleet.ipsec.tests.fakes.units import FakeUnits

# How another process runs it: COLLECTIONS ROOT VICI COMMAND …
START = """
import sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.swanfleet.ipsec.tests.daemon.agent_program import main
sys.exit(main(*sys.argv[2:]))
"""
_MARK = "02:00:"


class BridgedKernel(IpRoute2):
    """The kernel of this namespace, in which a bridge stands for an XFRM interface; its number is in the MAC address."""

    def interfaces(self) -> list[dict[str, Any]]:
        return [_as_xfrm(entry) for entry in super().interfaces()]

    def run(self, commands: Sequence[Sequence[str]]) -> None:
        super().run([_as_bridge(command) for command in commands])


def _as_bridge(command: Sequence[str]) -> Sequence[str]:
    if tuple(command[:2]) != ("link", "add") or "xfrm" not in command:
        return command
    octets = int(command[command.index("if_id") + 1]).to_bytes(4, "big")
    return (
        "link",
        "add",
        "dev",
        command[3],
        "address",
        _MARK + ":".join(f"{each:02x}" for each in octets),
        "type",
        "bridge",
    )


def _as_xfrm(entry: dict[str, Any]) -> dict[str, Any]:
    address = str(entry.get("address", ""))
    if entry.get("linkinfo", {}).get("info_kind") != "bridge" or not address.startswith(_MARK):
        return entry
    number = int.from_bytes(bytes.fromhex(address.removeprefix(_MARK).replace(":", "")), "big")
    return {**entry, "linkinfo": {"info_kind": "xfrm", "info_data": {"if_id": hex(number)}}}


def host_at(root: str, uri: str) -> Host:
    """Return the host."""
    main = Path(root) / "etc/swanctl/swanctl.conf"
    main.parent.mkdir(parents=True, exist_ok=True)
    main.write_text("include conf.d/*.conf\n", encoding="utf-8")
    host = local_host(Paths(root=root, vici_uri=uri))
    program = Path(host.paths.program)
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_bytes(program_mark())
    return dataclasses.replace(
        host, kernel=BridgedKernel(), units=FakeUnits(without_systemd=True), firewall=FakeFirewall()
    )


def main(root: str, uri: str, *arguments: str) -> int:
    """Run one command."""
    host = host_at(root, uri)
    if arguments == ("apply",):
        from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import run_transaction
        from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import to

        try:
            run_transaction(host, to(json.load(sys.stdin)), check=False)
        except IpsecError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        return 0
    return cli.main(arguments, host)
