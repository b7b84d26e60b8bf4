# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a host: one pass over its drivers, one value out."""

from __future__ import annotations

from ..desired.gateway import load_gateway
from ..desired.situation import Situation
from ..desired.xfrm_interface import ROUTE_PROTOCOL
from ..drivers.charon import DaemonUnavailable
from ..drivers.host import Host
from .daemon import observe_daemon
from .kernel import parse_addresses, parse_default_interfaces, parse_links
from .values import Observed, ObservedDaemon, Stored


def observe(host: Host, *, host_key: bytes, with_daemon: bool = True) -> Observed:
    """Read everything that a plan depends on."""
    interfaces = host.kernel.interfaces()
    stored = read_stored(host)
    daemon, trouble = _daemon(host) if with_daemon else (None, "charon was not asked")
    return Observed(
        stored=stored,
        situation=Situation(
            host_key=host_key,
            addresses=parse_addresses(interfaces),
            default_interface=parse_default_interfaces(host.kernel.default_routes()),
            if_ids=stored.if_ids,
        ),
        files={role: host.files.read(path) for role, path in host.paths.managed.items()},
        links=parse_links(interfaces, host.kernel.routes(ROUTE_PROTOCOL)),
        daemon=daemon,
        daemon_trouble=trouble,
    )


def _daemon(host: Host) -> tuple[ObservedDaemon | None, str]:
    try:
        return observe_daemon(host.charon, host.files, host.paths), ""
    except DaemonUnavailable as error:
        return None, _why_unavailable(host, error)


def _why_unavailable(host: Host, error: DaemonUnavailable) -> str:
    unit = host.units.state("strongswan.service")
    if unit.load == "not-found":
        return (
            "strongSwan with charon-systemd is not installed on this host: apply the role swanfleet.ipsec.gateway, "
            "or install the packages charon-systemd and strongswan-swanctl"
        )
    if unit.active and unit.active != "active":
        return (
            f"charon is not running, strongswan.service is {unit.active} ({unit.sub}): start it with "
            "'systemctl start strongswan', and see 'journalctl -u strongswan' if it does not stay up"
        )
    return str(error)


def read_stored(host: Host) -> Stored:
    """Read the generation in force, and what an unfinished run may have left behind."""
    store = host.generations
    number = store.current_number()
    unfinished = store.unfinished()
    names: frozenset[str] = frozenset()
    for each in unfinished:
        names |= _names_of(host, each)
    if number is None:
        return Stored(unfinished=bool(unfinished), unfinished_connections=names)
    generation = store.read(number)
    return Stored(
        number=number,
        gateway=load_gateway(generation.objects.get("objects", {}), generation.secrets),
        if_ids=dict(generation.objects.get("if_ids", {})),
        unfinished_connections=names,
        unfinished=bool(unfinished),
    )


def _names_of(host: Host, number: int) -> frozenset[str]:
    """Return the connections of a generation that was never committed; a torn one was killed before its first step."""
    found = host.files.read(f"{host.paths.generations}/{number}/objects.json")
    if found is None:
        return frozenset()
    objects = host.generations.read(number).objects
    return frozenset(str(item["name"]) for item in objects.get("objects", {}).get("phase1", ()))
