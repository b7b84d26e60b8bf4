# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a host: one pass over its drivers, one value out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..artifacts.credentials import is_our_file
from ..artifacts.values import UplinkRouting
from ..desired.gateway import load_gateway
from ..desired.situation import Situation, load_situation
from ..desired.xfrm_interface import ROUTE_PROTOCOL
from ..drivers.charon import DaemonAbsent, DaemonUnavailable
from ..drivers.files import FileState
from ..drivers.generations import GenerationBroken
from ..drivers.host import Host
from ..drivers.paths import CREDENTIAL_DIRECTORIES
from .daemon import observe_daemon
from .kernel import (
    parse_addresses,
    parse_connected,
    parse_default_interfaces,
    parse_guard_routes,
    parse_links,
    parse_mtus,
    parse_own,
)
from .roles import parse_roles
from .uplinks import parse_sources, parse_uplink_routes
from .values import Observed, ObservedDaemon, ObservedGuard, Stored

# States of a unit in which its process does not run, and does not come by itself.
_DOWN = ("inactive", "failed")


def observe(host: Host, *, host_key: bytes, with_daemon: bool = True, known: Stored | None = None) -> Observed:
    """Read everything that a plan depends on; a charon that is not asked (`with_daemon` false) is taken to be down.

    Of `known`, read before under the same lock, the generation in force is not read again: it changes with the commit.
    """
    interfaces = host.kernel.interfaces()
    routes = host.kernel.routes(ROUTE_PROTOCOL)
    addresses = parse_addresses(interfaces)
    stored = read_stored(host, known=known)
    daemon, trouble, down = _daemon(host) if with_daemon else (None, "charon was not asked", True)
    return Observed(
        stored=stored,
        situation=Situation(
            host_key=host_key,
            addresses=addresses,
            default_interface=parse_default_interfaces(host.kernel.default_routes()),
            if_ids=stored.if_ids,
            tables=stored.tables,
            own=parse_sources(interfaces),
            mtus=parse_mtus(interfaces),
            connected=parse_connected(interfaces),
            interfaces=frozenset(addresses),
            present=parse_own(interfaces),
            in_use=parse_roles(host.files.read(host.paths.roles)),
        ).after(stored.situation),
        files=_files(host),
        links=parse_links(interfaces, routes, stored.recorded_links),
        guard=ObservedGuard(parse_guard_routes(routes)),
        uplinks=UplinkRouting(parse_uplink_routes(routes)),
        daemon=daemon,
        daemon_trouble=trouble,
        daemon_down=down,
        owes_credentials=host.files.read(host.paths.credentials_owed) is not None,
    )


def _files(host: Host) -> dict[str, FileState | None]:
    """Read the files that a plan may write, and those of ours that it may take away."""
    found = {role: host.files.read(path) for role, path in host.paths.managed.items()}
    for directory in CREDENTIAL_DIRECTORIES:
        for name in host.files.names(f"{host.paths.swanctl}/{directory}"):
            if is_our_file(name):
                role = f"{directory}/{name}"
                found[role] = host.files.read(host.paths.path_of(role))
    return found


def _daemon(host: Host) -> tuple[ObservedDaemon | None, str, bool]:
    try:
        return observe_daemon(host.charon, host.files, host.paths), "", False
    except DaemonUnavailable as error:
        return (None, *why_unavailable(host, error))


def why_unavailable(host: Host, error: DaemonUnavailable) -> tuple[str, bool]:
    """Say why charon does not answer, and whether that means that it is known to be down."""
    return _why_absent(host, error) if isinstance(error, DaemonAbsent) else (str(error), False)


def _why_absent(host: Host, error: DaemonAbsent) -> tuple[str, bool]:
    """Say why nobody listens, by what systemd tells of the unit, and whether that means that charon is down."""
    unit = host.units.state("strongswan.service")
    said = f"strongswan.service is {unit.active} ({unit.sub})"
    if unit.load == "not-found":
        return (
            "strongSwan with charon-systemd is not installed on this host: apply the role swanfleet.ipsec.gateway, "
            "or install the packages charon-systemd and strongswan-swanctl"
        ), True
    if not unit.active:
        return str(error), True
    if unit.active in _DOWN:
        return (
            f"charon is not running, {said}: start it with "
            "'systemctl start strongswan', and see 'journalctl -u strongswan' if it does not stay up"
        ), True
    if unit.active in ("activating", "deactivating"):
        return (
            f"charon is just being {'started' if unit.active == 'activating' else 'stopped'}, {said}: run again when it "
            "is up, and see 'journalctl -u strongswan' if it does not come up"
        ), False
    return (
        f"charon does not listen on {host.paths.vici_uri.removeprefix('unix://')} though {said}: its socket was removed, "
        "it has just crashed, or it runs without its plugin vici; see 'journalctl -u strongswan', and restart it with "
        "'systemctl restart strongswan'"
    ), False


def read_stored(host: Host, *, known: Stored | None = None) -> Stored:
    """Read the generation in force, unless it is `known`, and what an unfinished run may have left behind."""
    store = host.generations
    number = store.current_number()
    unfinished = store.unfinished()
    names: frozenset[str] = frozenset()
    links: frozenset[tuple[str, int]] = frozenset()
    abandoned: frozenset[str] = frozenset()
    for each in unfinished:
        objects = _objects_of(host, each)
        foreign = objects.get("taken_over", {})
        abandoned |= set(foreign.get("phase1", ()))
        names |= {str(item["name"]) for item in objects.get("objects", {}).get("phase1", ())}
        links |= {link for link in _numbers_of(objects, "if_ids") if link[0] not in foreign.get("xfrm_interfaces", ())}
    names -= abandoned
    if number is None:
        return Stored(
            unfinished=bool(unfinished), unfinished_connections=names, recorded_links=links, abandoned=abandoned
        )
    in_force = known if known is not None and known.number == number else _in_force(host, number)
    return dataclasses.replace(
        in_force,
        unfinished_connections=names,
        recorded_links=links | frozenset(in_force.if_ids.items()),
        unfinished=bool(unfinished),
        abandoned=abandoned,
    )


def _in_force(host: Host, number: int) -> Stored:
    generation = host.generations.read(number)
    objects = generation.objects
    return Stored(
        number=number,
        gateway=load_gateway(objects.get("objects", {}), generation.secrets, objects.get("defaults", {})),
        if_ids=dict(_numbers_of(objects, "if_ids")),
        tables=dict(_numbers_of(objects, "tables")),
        situation=load_situation(objects.get("situation", {})),
    )


def _objects_of(host: Host, number: int) -> Mapping[str, Any]:
    """Return the objects of a generation that was never committed; a torn one was killed before its first step.

    One that cannot be read tells nothing, and is dropped like any that was never in force.
    """
    found = host.files.read(f"{host.paths.generations}/{number}/objects.json")
    try:
        return {} if found is None else host.generations.read(number).objects
    except GenerationBroken:
        return {}


def _numbers_of(objects: Mapping[str, Any], allotted: str) -> frozenset[tuple[str, int]]:
    return frozenset((str(name), int(number)) for name, number in objects.get(allotted, {}).items())
