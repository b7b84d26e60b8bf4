# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `ipsec_info` tells: managed objects, loaded connections, SAs, the daemon, and why tunnels are not up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from ..apply.probe import Probed, probe
from ..desired.gateway import dump_gateway
from ..drivers.host import Host
from ..errors import IpsecError
from ..observed.read import read_stored
from ..observed.sas import sas_as_data
from ..observed.tunnels import look
from ..observed.why import why_down

LONGEST_PROBE_S = 300


def _objects(host: Host) -> Any:
    return dump_gateway(read_stored(host).gateway, with_defaults=True)


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
_WHY = "why_down"
INFO_SPEC: dict[str, Any] = {
    "gather": {
        "type": "list",
        "elements": "str",
        "choices": [*_SUBJECTS, _WHY],
        "default": [*_SUBJECTS, _WHY],
    },
    "probe": {"type": "bool", "default": False},
    "probe_timeout": {"type": "int", "default": 10},
}


def gather(host: Host, params: Mapping[str, Any], *, check: bool = False) -> tuple[dict[str, Any], list[str]]:
    """Return what was asked for, by subject, and warnings.

    Raises `IpsecError` where the daemon is asked about and does not answer; that tunnels are down then is no error.
    """
    subjects = params["gather"]
    seconds = params["probe_timeout"]
    if not 1 <= seconds <= LONGEST_PROBE_S:
        raise IpsecError(f"probe_timeout is {seconds}: a number of seconds from 1 to {LONGEST_PROBE_S} is needed")
    result: dict[str, Any] = {"changed": False}
    warnings: list[str] = []
    if _WHY in subjects:
        # First: what a probe brings up is among the SAs.
        probed, result[_WHY] = _why_down(host, seconds if params["probe"] else None, initiate=not check)
        result["changed"] = bool(probed.came_up)
        if probed.trouble:
            warnings.append(
                f"probe: {probed.trouble}. Without it only what the peers answer is told, of IKEv2 and IKEv1"
            )
    result.update({subject: _SUBJECTS[subject](host) for subject in subjects if subject != _WHY})
    return result, warnings


def _why_down(host: Host, seconds: int | None, *, initiate: bool) -> tuple[Probed, list[dict[str, Any]]]:
    gateway = read_stored(host).gateway
    found = Probed(look(host, gateway))
    if seconds is not None:
        found = probe(host, gateway, found.sight, seconds=seconds, initiate=initiate)
    return found, [each.as_data() for each in why_down(gateway, found.sight)]
