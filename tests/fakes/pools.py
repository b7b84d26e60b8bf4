# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pools of the fake charon."""

from __future__ import annotations

from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused, Section, Tree

_POOL = frozenset("addrs address dns nbns dhcp netmask server subnet split_include split_exclude".split())


class FakePools:
    """Pools by name as they were loaded; `leases` says how many addresses of each are in use."""

    def __init__(self) -> None:
        self.held_pools: dict[str, Tree] = {}
        self.leases: dict[str, int] = {}

    def _command(self, command: str, subject: str = "") -> None:
        raise NotImplementedError

    def pools(self) -> dict[str, Section]:
        self._command("get-pools")
        return {
            name: {"base": str(tree["addrs"]), "online": str(self.leases.get(name, 0))}
            for name, tree in self.held_pools.items()
        }

    def load_pool(self, name: str, tree: Tree) -> None:
        self._command("load-pool", name)
        for key, value in tree.items():
            if key not in _POOL and not key.isdigit():
                raise DaemonRefused("load-pool", name, f"invalid attribute: {key}")
            if (key == "addrs") != isinstance(value, str):
                raise DaemonRefused("load-pool", name, f"invalid attribute: {key}")
        was = self.held_pools.get(name)
        if was is not None and self.leases.get(name) and was["addrs"] != tree["addrs"]:
            raise DaemonRefused("load-pool", name, f"vici pool {name} has online leases, unable to replace")
        self.held_pools[name] = dict(tree)

    def unload_pool(self, name: str) -> None:
        self._command("unload-pool", name)
        if name not in self.held_pools:
            raise DaemonRefused("unload-pool", name, f"{name} not found")
        if self.leases.get(name):
            raise DaemonRefused("unload-pool", name, f"{name} has online leases, unable to unload")
        del self.held_pools[name]
