# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contenders that are processes on the target: ipsec_gateway, swanctl, copy, and one template with a reload."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.swanfleet.ipsec.tests.daemon.module_programs import TARGET_PYTHON, ModulePrograms

from .gateways import gateway, one_changed, one_removed
from .measurements import Sample, Table, timed

FIRST, NOOP, CHANGED, REMOVED = "first apply", "no-op", "one changed", "one removed"
WORKS = (FIRST, NOOP, CHANGED, REMOVED)
_LOAD_ALL = ("swanctl", "--load-all", "--noprompt")
# At one tunnel, the tunnel that is left after "one removed" would be none, which ipsec_gateway refuses.
_SMALLEST_TO_REMOVE_FROM = 2


class Processes:
    """The contenders at one size. Each round begins with a fresh charon for every contender."""

    def __init__(self, modules: ModulePrograms, size: int, table: Table) -> None:
        self.modules = modules
        self.sandbox = modules.sandbox
        self.size = size
        self.table = table
        whole = gateway(size)
        self.works = [work for work in WORKS if work != REMOVED or size >= _SMALLEST_TO_REMOVE_FROM]
        configs = {FIRST: whole, NOOP: whole, CHANGED: one_changed(whole), REMOVED: one_removed(one_changed(whole))}
        self.programs = {
            work: self._program(
                f"gateway-{work}", "swanfleet.ipsec.ipsec_gateway", config=configs[work], state="overridden"
            )
            for work in self.works
        }
        self.texts: dict[str, dict[str, bytes]] = {}
        self.result_kb = 0.0

    def _program(self, name: str, module: str, **arguments: Any) -> Path:
        return self.modules.build(module, arguments, f"{name.replace(' ', '-')}.py")

    def round(self) -> None:
        """Measure every contender once at every work."""
        self._ipsec_gateway()
        self._swanctl()
        self._template()

    def _ipsec_gateway(self) -> None:
        self.sandbox.fresh()
        for work in self.works:
            sample = timed(self.sandbox, TARGET_PYTHON, str(self.programs[work]))
            assert json.loads(sample.printed)["changed"] is (work != NOOP), f"{work}: {sample.printed[:500]}"
            if work == NOOP:
                self.result_kb = round(len(sample.printed) / 1000, 1)
            self.table.add("ipsec_gateway", work, self.size, sample)
            self.texts.setdefault(work, {path.name: path.read_bytes() for path in self._conf_d.glob("*.conf")})

    @property
    def _conf_d(self) -> Path:
        return self.sandbox.swanctl / "conf.d"

    def _swanctl(self) -> None:
        self.sandbox.fresh()
        for work in self.works:
            self._write(self.texts[work])
            self.table.add("swanctl", work, self.size, self._load_all(work))

    def _write(self, texts: Mapping[str, bytes]) -> None:
        for name, text in texts.items():
            (self._conf_d / name).write_bytes(text)

    def _load_all(self, work: str) -> Sample:
        sample = timed(self.sandbox, *_LOAD_ALL)
        expected = self.size - (work == REMOVED)
        assert f"loaded {expected} connections" in sample.printed, sample.printed[-500:]
        return sample

    def _template(self) -> None:
        """Copy one file that holds everything, and reload if it changed; what Jinja costs on the controller is left out."""
        self.sandbox.fresh()
        source, target = self.sandbox.directory / "all.conf", self._conf_d / "all.conf"
        arguments = {"src": str(source), "dest": "/etc/swanctl/conf.d/all.conf", "mode": "0600", "remote_src": True}
        copy = self._program("copy", "ansible.builtin.copy", **arguments)
        command = self._program(
            "command", "ansible.builtin.command", _raw_params=" ".join(_LOAD_ALL), _uses_shell=False
        )
        for work in self.works:
            source.write_bytes(b"".join(self.texts[work].values()))
            sample = timed(self.sandbox, TARGET_PYTHON, str(copy))
            changed = json.loads(sample.printed)["changed"]
            assert changed is (work != NOOP), sample.printed
            assert target.read_bytes() == source.read_bytes()
            if work == NOOP:
                self.table.add("copy", work, self.size, sample)
            if changed:
                sample += timed(self.sandbox, TARGET_PYTHON, str(command))
            self.table.add("template", work, self.size, sample)
