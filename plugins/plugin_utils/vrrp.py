# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the nodes of a pair agree on, checked word by word, and what one of them does: the values of keepalived's files.

keepalived's files know comments, parameters, includes and conditions, in the middle of words too; so nothing gets there
that is not a name of few characters, a number, or an address as `ipaddress` writes it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.marks import MARK

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface

OPTIONS = ("nodes", "node", "instances", "track_interfaces", "advert_interval", "preempt", "preempt_delay")
INSTANCE_OPTIONS = ("name", "interface", "router_id", "node_addresses", "addresses")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
# VRRP has priorities of 1 to 254 for those that do not own the address; the first node has the first.
_FIRST_PRIORITY, _PRIORITY_STEP, _MOST_NODES = 200, 20, 8
# VRRP counts in hundredths of a second, and keeps them in twelve bits.
_SHORTEST_ADVERT, _LONGEST_ADVERT = 0.1, 40.0
# keepalived puts more of them into a packet than VRRP allows, and says so.
_MOST_ADDRESSES = 20
_LONGEST_PREEMPT_DELAY = 1000


class PairError(Exception):
    """Say all that is wrong with a pair, one sentence for each option."""


def node_values(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the templates need for one node, from the options of the role without their prefix.

    `priority` and the texts `node`, `advert_interval`; `preempt_delay` in seconds, or None where nothing preempts; `mark`,
    the bit in a packet's mark that lets it pass a host's firewall; `track_interfaces`; and for each of `instances`: `name`,
    `interface`, `router_id`, `family` (4 or 6), `source`, `peers` and `addresses`, as texts in their shortest form. Raises
    PairError with everything that is wrong.
    """
    wrong: list[str] = []
    if unknown := sorted(set(options) - set(OPTIONS)):
        wrong.append(f"there is no option {', '.join(unknown)}")
    nodes = _nodes(options.get("nodes"), wrong)
    node = options.get("node")
    if nodes and node not in nodes:
        wrong.append(f"node: {node!r} is none of nodes: {', '.join(nodes)}")
    instances = _instances(options.get("instances"), nodes, wrong)
    tracked = _devices(options.get("track_interfaces", []), "track_interfaces", wrong)
    interval = _interval(options.get("advert_interval"), wrong)
    delay = _preempt_delay(options, wrong)
    if wrong:
        raise PairError("; ".join(wrong))
    return {
        "node": node,
        "priority": _FIRST_PRIORITY - _PRIORITY_STEP * nodes.index(str(node)),
        "advert_interval": interval,
        "preempt_delay": delay,
        "mark": f"0x{MARK:08x}",
        "track_interfaces": tracked,
        "instances": [_of_node(each, str(node)) for each in instances],
    }


def _of_node(instance: Mapping[str, Any], node: str) -> dict[str, Any]:
    own = instance["node_addresses"]
    return {
        **{key: instance[key] for key in ("name", "interface", "router_id", "family", "addresses")},
        "source": str(own[node]),
        "peers": [str(address) for name, address in own.items() if name != node],
    }


def _nodes(value: Any, wrong: list[str]) -> list[str]:
    found = _list(value, "nodes", wrong, "the names of the nodes, the one that is preferred first")
    bad = [each for each in found if not (isinstance(each, str) and _NAME.fullmatch(each))]
    if bad:
        wrong.append(f"nodes: {bad[0]!r} is no name: letters, digits, dots, dashes and underscores, 63 at most")
        return []
    names = [str(each) for each in found]
    if found and not (2 <= len(names) == len(set(names)) <= _MOST_NODES):
        wrong.append(f"nodes: {', '.join(names)}: from 2 to {_MOST_NODES} different names are needed")
        return []
    return names


def _instances(value: Any, nodes: Sequence[str], wrong: list[str]) -> list[dict[str, Any]]:
    found = []
    for number, each in enumerate(_list(value, "instances", wrong, "at least one shared address")):
        if not isinstance(each, Mapping):
            wrong.append(f"instances[{number}] is {each!r}: a dictionary of {', '.join(INSTANCE_OPTIONS)} is needed")
            continue
        name = each.get("name")
        where = f"instance {name}" if isinstance(name, str) else f"instances[{number}]"
        before = len(wrong)
        instance = _instance(each, where, nodes, wrong)
        if len(wrong) == before:
            found.append(instance)
    wrong.extend(_twice(found))
    return found


def _instance(value: Mapping[str, Any], where: str, nodes: Sequence[str], wrong: list[str]) -> dict[str, Any]:
    if unknown := sorted(str(each) for each in set(value) - set(INSTANCE_OPTIONS)):
        wrong.append(f"{where}: there is no option {', '.join(unknown)}: there are {', '.join(INSTANCE_OPTIONS)}")
    name = value.get("name")
    if not (isinstance(name, str) and _DEVICE.fullmatch(name)):
        wrong.append(f"{where}: name: {name!r}: 15 letters, digits, dots, dashes and underscores at most are needed")
    router_id = value.get("router_id")
    if isinstance(router_id, bool) or not isinstance(router_id, int) or not 1 <= router_id <= 255:
        wrong.append(f"{where}: router_id: {router_id!r}: a number from 1 to 255 is needed")
    (device,) = _devices([value.get("interface")], f"{where}: interface", wrong) or [""]
    own = _node_addresses(value.get("node_addresses"), where, nodes, wrong)
    shared = _shared(value.get("addresses"), where, wrong)
    families = {each.version for each in (*own.values(), *shared)}
    if len(families) > 1:
        wrong.append(f"{where}: addresses of IPv4 and of IPv6: VRRP needs an instance for each")
    for each in shared:
        holders = [node for node, address in own.items() if address == each.ip]
        if holders:
            wrong.append(f"{where}: addresses: {each.ip} is the own address of {holders[0]}: a shared one is nobody's")
    return {
        "name": name,
        "interface": device,
        "router_id": router_id,
        "family": min(families, default=4),
        "node_addresses": own,
        "addresses": [str(each) for each in shared],
    }


def _node_addresses(value: Any, where: str, nodes: Sequence[str], wrong: list[str]) -> dict[str, Address]:
    place = f"{where}: node_addresses"
    if not isinstance(value, Mapping):
        wrong.append(f"{place}: {value!r}: the own address of each node by its name is needed")
        return {}
    if nodes and sorted(map(str, value)) != sorted(nodes):
        wrong.append(f"{place}: {', '.join(map(str, value))}: one is needed for each of {', '.join(nodes)}")
    found: dict[str, Address] = {}
    for node, text in value.items():
        try:
            address = ipaddress.ip_address(text) if isinstance(text, str) else None
        except ValueError:
            address = None
        if address is None or not _usable(address):
            wrong.append(f"{place}: {node}: {text!r}: a unicast address without a prefix length is needed")
        elif address in found.values():
            wrong.append(f"{place}: {node}: {address} is another node's as well")
        else:
            found[str(node)] = address
    return found


def _shared(value: Any, where: str, wrong: list[str]) -> list[Interface]:
    place = f"{where}: addresses"
    found: list[Interface] = []
    for text in _list(value, place, wrong, "at least one address with its prefix length"):
        try:
            address = ipaddress.ip_interface(text) if isinstance(text, str) and "/" in text else None
        except ValueError:
            address = None
        if address is None or not _usable(address.ip):
            wrong.append(f"{place}: {text!r}: a unicast address with its prefix length is needed, such as 192.0.2.9/24")
        else:
            found.append(address)
    if len(found) > _MOST_ADDRESSES:
        wrong.append(f"{place}: {len(found)} of them: {_MOST_ADDRESSES} at most are needed in one instance")
    return found


def _usable(address: Address) -> bool:
    # A scope would be one more name in keepalived's file.
    return not (
        address.is_multicast or address.is_unspecified or address.is_loopback or getattr(address, "scope_id", None)
    )


def _twice(instances: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    seen: dict[tuple[Any, ...], str] = {}
    for each in instances:
        keys: list[tuple[Any, ...]] = [("name", each["name"])]
        keys += [("router_id", each["interface"], each["family"], each["router_id"])]
        keys += [("address", address.partition("/")[0]) for address in each["addresses"]]
        for key in keys:
            if key in seen:
                yield f"instance {each['name']}: {key[0]} {key[-1]} is that of instance {seen[key]} as well"
            seen.setdefault(key, each["name"])


def _devices(value: Any, where: str, wrong: list[str]) -> list[str]:
    if not isinstance(value, (list, tuple)):
        wrong.append(f"{where}: {value!r}: a list of names of interfaces is needed")
        return []
    bad = [each for each in value if not (isinstance(each, str) and _DEVICE.fullmatch(each))]
    if bad:
        wrong.append(f"{where}: {bad[0]!r}: the name of an interface is needed, such as eth0 or bond0.7")
        return []
    return [str(each) for each in value]


def _interval(value: Any, wrong: list[str]) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not _SHORTEST_ADVERT <= value <= _LONGEST_ADVERT:
        wrong.append(f"advert_interval: {value!r}: seconds from {_SHORTEST_ADVERT} to {_LONGEST_ADVERT:g} are needed")
        return ""
    return f"{value:.2f}"


def _preempt_delay(options: Mapping[str, Any], wrong: list[str]) -> int | None:
    preempt, delay = options.get("preempt"), options.get("preempt_delay")
    if not isinstance(preempt, bool):
        wrong.append(f"preempt: {preempt!r}: true or false is needed")
    if isinstance(delay, bool) or not isinstance(delay, int) or not 0 <= delay <= _LONGEST_PREEMPT_DELAY:
        wrong.append(f"preempt_delay: {delay!r}: whole seconds from 0 to {_LONGEST_PREEMPT_DELAY} are needed")
        return None
    return int(delay) if preempt is True else None


def _list(value: Any, where: str, wrong: list[str], needed: str) -> list[Any]:
    if not isinstance(value, (list, tuple)) or not value:
        wrong.append(f"{where}: {value!r}: a list is needed, with {needed}")
        return []
    return list(value)
