# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `ipsec_info` tells: managed objects, loaded connections, SAs, the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable

from ..desired.gateway import dump_gateway
from ..drivers.host import Host
from ..observed.read import read_stored
from ..observed.sas import sas_as_data


def _objects(host: Host) -> Any:
    return dump_gateway(read_stored(host).gateway)


def _connections(host: Host) -> Any:
    return dict(sorted(host.charon.connections().items()))


def _sas(host: Host) -> Any:
    return sas_as_data(host.charon.sas())


def _daemon(host: Host) -> Any:
    state = host.charon.state()
    return {"name": state.daemon, "version": state.version, "plugins": sorted(state.plugins), "since": state.since}


_SUBJECTS: dict[str, Callable[[Host], Any]] = {
    "objects": _objects,
    "connections": _connections,
    "sas": _sas,
    "daemon": _daemon,
}
INFO_SPEC: dict[str, Any] = {
    "gather": {"type": "list", "elements": "str", "choices": list(_SUBJECTS), "default": list(_SUBJECTS)},
}


def gather(host: Host, subjects: Sequence[str]) -> dict[str, Any]:
    """Return what was asked for, by subject; raises `IpsecError` where the daemon is asked about and does not answer."""
    return {"changed": False, **{subject: _SUBJECTS[subject](host) for subject in subjects}}
