# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking over from a host as it is: hand-made XFRM interfaces by their numbers, and what charon holds by its names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

from ..artifacts.values import Artifacts, TakenOver
from ..desired.gateway import XFRM_INTERFACES, Gateway, parse_one
from ..desired.xfrm_interface import XfrmInterface
from ..errors import Problem, ValidationError
from ..observed.values import Observed, ObservedLink
from .kernel import DEFAULT_MTU, is_link_local


def as_on_host(found: TakenOver, observed: Observed) -> TakenOver:
    """Return what is taken over with the XFRM interfaces that the host has; their routes stay whose they are.

    Raises `ValidationError` for numbers that no interface of the host has, and names that are ours already.
    """
    problems = list(_taken_names(found.gateway, observed.stored.gateway))
    links = {link.if_id: link for link in observed.links.values() if link.kind == "xfrm"}
    names: dict[str, str] = {}
    interfaces: dict[str, XfrmInterface] = {}
    for name, wanted in found.gateway.xfrm_interfaces.items():
        link = links.get(wanted.if_id or 0)
        if link is None:
            problems.append(_without_link(found.gateway, name, wanted))
            continue
        names[name] = link.name
        if link.name not in observed.stored.gateway.xfrm_interfaces:
            item = parse_one(XFRM_INTERFACES, _as_options(link), where=f"xfrm_interface {link.name}", problems=problems)
            if item is not None:
                interfaces[link.name] = item
    if problems:
        raise ValidationError(problems)
    notes = (
        f"addresses of {name} are those that it has; its routes stay as they are, so install_routes is false for its tunnels"
        for name in interfaces
    )
    return dataclasses.replace(found, gateway=_renamed(found.gateway, names, interfaces), notes=(*found.notes, *notes))


def _taken_names(found: Gateway, ours: Gateway) -> list[Problem]:
    wanted = "this collection manages a {} of this name already: take one of the two away, or give it another name"
    return [
        *(
            Problem(each.where, "name", name, wanted.format("connection"))
            for name, each in found.phase1.items()
            if name in ours.phase1
        ),
        *(
            Problem(each.where, "name", name, wanted.format("shunt"))
            for name, each in found.shunts.items()
            if name in ours.shunts
        ),
    ]


def _without_link(found: Gateway, name: str, wanted: XfrmInterface) -> Problem:
    users = [each.where for each in found.phase1.values() if each.xfrm_interface == name]
    return Problem(
        users[0] if users else wanted.where,
        "if_id_in",
        wanted.if_id,
        "this host has no XFRM interface with this number; make it first, as 'ip link add NAME type xfrm if_id "
        f"{wanted.if_id}' does, or leave this connection out",
    )


def _as_options(link: ObservedLink) -> dict[str, object]:
    own = link.parent is None and link.mtu != DEFAULT_MTU
    return {
        "name": link.name,
        "if_id": link.if_id,
        "parent": link.parent,
        "addresses": [each for each in link.addresses if not is_link_local(each)],
        "mtu": link.mtu if own else None,
    }


def _renamed(gateway: Gateway, names: Mapping[str, str], interfaces: Mapping[str, XfrmInterface]) -> Gateway:
    phase1 = {
        name: dataclasses.replace(each, xfrm_interface=names.get(each.xfrm_interface or "", each.xfrm_interface))
        for name, each in gateway.phase1.items()
    }
    phase2 = {
        key: dataclasses.replace(each, install_routes=False) if phase1[each.phase1].xfrm_interface else each
        for key, each in gateway.phase2.items()
    }
    return dataclasses.replace(gateway, phase1=phase1, phase2=phase2, xfrm_interfaces=dict(interfaces))


def as_ours(observed: Observed, found: TakenOver, wanted: Artifacts) -> Observed:
    """Return the host as it is once what is taken over counts as ours.

    What charon has loaded of a file means what our objects say; so nothing has to be sent, and from now on it is known.
    """
    gateway = found.gateway
    links = {
        name: dataclasses.replace(link, ours=True, unmarked=True) if name in gateway.xfrm_interfaces else link
        for name, link in observed.links.items()
    }
    daemon = observed.daemon
    if daemon is not None:
        known = {name: wanted.parts[name] for name in gateway.phase1 if name in daemon.connections}
        daemon = dataclasses.replace(daemon, loaded={**daemon.loaded, **known})
    return dataclasses.replace(observed, links=links, daemon=daemon)


def refuse_others(wanted: Artifacts, shown: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse connections of which charon visibly holds something else than the files say, by what list-conns shows.

    They were changed in a file and not loaded, or loaded from elsewhere. Taken over as they are in the files, they would
    count as loaded, and would be another thing at charon's next start.
    """
    problems = []
    rest = wanted.taken_over.rest
    for name, listed in sorted(shown.items()):
        if name in rest.emptied:
            says: dict[str, Any] = {"children": _modes(rest.emptied[name]["children"])}
            holds: dict[str, Any] = {"children": _modes(listed.get("children", {}))}
        else:
            tree = wanted.connections[name]
            besides = [child for connection, child in rest.shunts if connection == name]
            says = {
                "version": f"IKEv{tree['version']}",
                "local_addrs": tree.get("local_addrs", ["%any"]),
                "remote_addrs": tree["remote_addrs"],
                "children": sorted([*cast(Mapping[str, Any], tree["children"]), *besides]),
            }
            holds = {**{key: listed.get(key) for key in says}, "children": sorted(listed.get("children", {}))}
        for key, value in says.items():
            if holds[key] != value:
                wanted_text = (
                    f"charon has loaded another one than the files say, with {key} {holds[key]}: run 'swanctl --load-all' "
                    "first, or make the file what charon has"
                )
                problems.append(Problem(f"phase1 {name}", key, value, wanted_text))
    if problems:
        raise ValidationError(problems)


def _modes(children: Any) -> list[str]:
    """Return the names of shunts with what each does."""
    return sorted(f"{name} ({str(child['mode']).lower()})" for name, child in children.items())


def without_abandoned(observed: Observed) -> Observed:
    """Return the host as the next run will find it, which begins by giving back what an unfinished one was taking over."""
    daemon = observed.daemon
    if daemon is None or not observed.stored.abandoned:
        return observed
    loaded = {name: parts for name, parts in daemon.loaded.items() if name not in observed.stored.abandoned}
    return dataclasses.replace(observed, daemon=dataclasses.replace(daemon, loaded=loaded))
