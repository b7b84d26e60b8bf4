# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies of the fake charon: traps, and shunts, which pass or drop packets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused, Tree

_MODES = ("pass", "drop")


class FakePolicies:
    """Policies by (connection, child), which come with a connection; `taken_out` are those that somebody had uninstalled.

    `kernel_refuses` names children of which the kernel takes no policy.
    """

    loaded: dict[str, Tree]

    def __init__(self) -> None:
        self.taken_out: set[tuple[str, str]] = set()
        self.kernel_refuses: set[str] = set()

    def _command(self, command: str, subject: str = "") -> None:
        raise NotImplementedError

    def traps(self) -> frozenset[tuple[str, str]]:
        self._command("list-policies")
        return frozenset(key for key, mode in self._policies() if mode not in _MODES)

    def shunts(self) -> dict[tuple[str, str], str]:
        self._command("list-policies")
        return self.held_shunts()

    def held_shunts(self) -> dict[tuple[str, str], str]:
        """Return what `shunts` does, without asking for it."""
        return {key: mode.upper() for key, mode in self._policies() if mode in _MODES}

    def install(self, *, ike: str, child: str) -> None:
        self._command("install", f"{ike}/{child}")
        if (ike, child) not in dict(self._children()):
            raise DaemonRefused("install", f"{ike}/{child}", "configuration name not found")
        if child in self.kernel_refuses:
            raise DaemonRefused("install", f"{ike}/{child}", f"installing policy '{child}' failed")
        self.taken_out.discard((ike, child))

    def uninstall(self, *, ike: str, child: str) -> None:
        self._command("uninstall", f"{ike}/{child}")
        if (ike, child) not in dict(self._policies()):
            raise DaemonRefused("uninstall", f"{ike}/{child}", f"policy '{child}' not found")
        self.taken_out.add((ike, child))

    def replace_policies(self, name: str, before: Tree, after: Tree) -> None:
        """Follow a connection that is another one now, or gone: what has changed in it is installed anew."""
        whole = any(before.get(key) != after.get(key) for key in {*before, *after} - {"children"})
        old: Any = before.get("children", {})
        new: Any = after.get("children", {})
        self.taken_out -= {(name, child) for child in old if whole or old[child] != new.get(child)}

    def _children(self) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
        for name, tree in self.loaded.items():
            children: Any = tree.get("children", {})
            yield from (((name, child), what) for child, what in children.items())

    def _policies(self) -> Iterator[tuple[tuple[str, str], str]]:
        for key, what in self._children():
            installed = "trap" in str(what.get("start_action", "")) and key not in self.taken_out
            if installed and key[1] not in self.kernel_refuses:
                yield key, str(what.get("mode", "tunnel"))
