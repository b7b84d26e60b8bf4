# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host for the engine with a real charon and real files, below a directory of the test's; the kernel is the fake."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import Outcome, run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.agent_needs import program_mark
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import ViciCharon
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.error_notify import ErrorNotify
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import LocalFiles
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.paths import Paths
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.swanctl import SwanctlProgram
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.fakes.firewall import FakeFirewall
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import Config, config, to
from ansible_collections.swanfleet.ipsec.tests.fakes.host import wan_host
from ansible_collections.swanfleet.ipsec.tests.fakes.kernel import FakeKernel, FakeLink
from ansible_collections.swanfleet.ipsec.tests.fakes.rules import FakeRules
from ansible_collections.swanfleet.ipsec.tests.fakes.units import FakeUnits


class KeptKernel(FakeKernel):
    """A fake kernel that outlives a killed process: its links are in a file, as the kernel's are outside the engine."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        begun: tuple[Any, ...] = ({**wan_host().kernel.links, "ends0": ends()}, set(), set(), set(), FakeRules())
        kept = pickle.loads(file.read_bytes()) if file.exists() else begun  # noqa: S301  # our own
        self.links, self.unreachable, self.blocks, self.dead_ends, self.rules_there = kept

    def run(self, commands: Any) -> None:
        """Run the commands and keep what came of them, whole or not at all."""
        try:
            super().run(commands)
        finally:
            scratch = self.file.with_suffix(".new")
            all_of_it = (self.links, self.unreachable, self.blocks, self.dead_ends, self.rules_there)
            scratch.write_bytes(pickle.dumps(all_of_it))
            scratch.replace(self.file)


def ends() -> FakeLink:
    """Return a link with the addresses of all ends that tests have in one network: what has none here is on standby."""
    numbers = (*range(2, 9), 11, 12)
    return FakeLink("veth", up=True, addresses=[f"192.0.2.{number}/24" for number in numbers] + ["2001:db8::2/64"])


def engine_host(root: Path, uri: str, *, timeout: float = 10.0, alerts: str = "/nonexistent") -> Host:
    """Return the host; charon's session is opened by the first call and closed by the caller."""
    main = root / "etc/swanctl/swanctl.conf"
    main.parent.mkdir(parents=True, exist_ok=True)
    if not main.exists():
        # As Debian's package has it.
        main.write_text("include conf.d/*.conf\n", encoding="utf-8")
    paths = Paths(root=str(root), vici_uri=uri)
    files = LocalFiles()
    # As the role has put it there.
    files.replace(paths.program, program_mark(), 0o755)
    return Host(
        files=files,
        kernel=KeptKernel(root / "kernel"),
        charon=ViciCharon(uri, timeout=timeout),
        units=FakeUnits(without_systemd=True),
        paths=paths,
        alerts=ErrorNotify(alerts),
        swanctl=SwanctlProgram(str(root / "etc/swanctl"), uri),
        firewall=FakeFirewall(),
        # Whoever runs the tests may have come by ssh.
        management=wan_host(),
    )


def run(host: Host, wanted: Config, *, check: bool = False) -> Outcome:
    """Run one transaction in a session of its own, as a module does."""
    host.charon.close()
    host.charon.commands.clear()
    return run_transaction(host, to(wanted), check=check)


def state(host: Host) -> dict[str, Any]:
    """Return all that a run may change: files, kernel, what charon holds and is recorded to hold, what is stored."""
    record = host.files.read(host.paths.loaded_record)
    current = host.generations.current_number()
    generation = host.generations.read(current) if current is not None else None
    files = {role: host.files.read(path) for role, path in host.paths.managed.items()}
    return {
        "files": {role: (file.content, file.mode) for role, file in files.items() if file is not None},
        "links": {name: repr(link) for name, link in KeptKernel(Path(host.paths.root) / "kernel").links.items()},
        "connections": host.charon.connections(),
        "shunts": host.charon.shunts(),
        "secrets": sorted(host.charon.shared_ids()),
        "loaded": json.loads(record.content)["connections"] if record is not None else {},
        "generation": (generation.objects, generation.secrets) if generation is not None else None,
    }


def many(count: int, *, lifetime: str = "8h", first: int = 0) -> Config:
    """Return a gateway of policy-based connections and one XFRM interface, none of which initiates."""
    names = [f"peer{number}" for number in range(first, first + count)]
    phase1 = [
        {
            "name": name, "interfaces": ["192.0.2.1"], "remote_endpoints": [f"198.51.100.{number % 250 + 1}"],
            "psk": f"s3cret {name} {lifetime}", "init_type": "none", "lifetime": lifetime,
            "proposals": ["aes256-sha256-curve25519"],
        }
        for number, name in enumerate(names)
    ]  # fmt: skip
    phase2 = [
        {
            "name": "lan", "phase1": name, "local_networks": ["10.1.0.0/24"], "proposals": ["aes256gcm16"],
            "remote_networks": [f"10.{number // 250 + 2}.{number % 250}.0/24"],
        }
        for number, name in enumerate(names)
    ]  # fmt: skip
    return config(phase1, phase2, [{"name": "ipsec0", "addresses": [f"10.255.{first}.1/30"]}])


def swanctl_all(process: CharonProcess, host: Host) -> str:
    """Run what charon's unit runs after each start and at each reload, on the files that the engine wrote."""
    return process.swanctl(Path(host.paths.root) / "etc/swanctl", "--load-all", "--noprompt")
