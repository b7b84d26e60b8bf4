# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The value of a whole gateway: its objects, how they are read from `config`, merged, removed and stored."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Union

from ..errors import Problem, ValidationError, wrong_shape
from .authority import Authority
from .checks import cross_problems, missing_references
from .fallback import Fallback, fallback_problems, missing_members
from .firewall import HostTable
from .holding import secrets_in, with_secrets, without_secrets
from .options import (
    Kind,
    dump_defaults,
    dump_object,
    list_of,
    load_object,
    object_of,
    option,
    options_of,
    parse_object,
    parse_option,
)
from .phase1 import Phase1
from .phase2 import Phase2
from .pool import Pool, missing_pools, pool_problems
from .private_key import PrivateKey
from .schedule import Schedule
from .secret import LEFT_OUT, Secret
from .shunt import Shunt, shunt_problems
from .uplink import Uplink, uplink_problems
from .xfrm_interface import XfrmInterface

# Texts (PEM) by the path that an object names; those of keys are secrets.
Contents = Mapping[str, Union[str, Secret]]


@dataclass(frozen=True)
class ObjectType:
    """One sort of object: its list in `config`, its class, and the options that identify it."""

    plural: str
    singular: str
    cls: Any
    identity: tuple[str, ...] = ("name",)

    def key(self, item: Any) -> str:
        """Return the key of an object."""
        return "/".join(str(getattr(item, name)) for name in self.identity)

    def key_of(self, raw: Mapping[str, Any]) -> str:
        """Return the key of an object that is plain data."""
        return "/".join(str(raw[name]) for name in self.identity)


PHASE1 = ObjectType("phase1", "phase1", Phase1)
PHASE2 = ObjectType("phase2", "phase2", Phase2, ("phase1", "name"))
XFRM_INTERFACES = ObjectType("xfrm_interfaces", "xfrm_interface", XfrmInterface)
POOLS = ObjectType("pools", "pool", Pool)
AUTHORITIES = ObjectType("authorities", "authority", Authority)
FIREWALL = ObjectType("firewall", "firewall", HostTable, ("family", "table"))
SHUNTS = ObjectType("shunts", "shunt", Shunt)
PRIVATE_KEYS = ObjectType("private_keys", "private_key", PrivateKey)
FALLBACKS = ObjectType("fallbacks", "fallback", Fallback)
SCHEDULES = ObjectType("schedules", "schedule", Schedule)
UPLINKS = ObjectType("uplinks", "uplink", Uplink, ("interface",))
# Where a generation keeps what was read from paths; no sort of object has this name.
_CONTENTS = "contents"
TYPES: tuple[ObjectType, ...] = (
    PHASE1,
    PHASE2,
    XFRM_INTERFACES,
    POOLS,
    AUTHORITIES,
    FIREWALL,
    SHUNTS,
    PRIVATE_KEYS,
    FALLBACKS,
    SCHEDULES,
    UPLINKS,
)


@dataclass(frozen=True)
class Config:
    """The options of `config`, as users write them: a list for each sort of object."""

    phase1: tuple[Phase1, ...] = option(list_of(object_of(Phase1)), "IKE connections.", default=())
    phase2: tuple[Phase2, ...] = option(
        list_of(object_of(Phase2)), "CHILD_SAs and their traffic selectors.", default=()
    )
    xfrm_interfaces: tuple[XfrmInterface, ...] = option(
        list_of(object_of(XfrmInterface)), "XFRM interfaces with their addresses and routes.", default=()
    )
    pools: tuple[Pool, ...] = option(
        list_of(object_of(Pool)), "Pools of virtual addresses for peers that ask for one.", default=()
    )
    authorities: tuple[Authority, ...] = option(
        list_of(object_of(Authority)), "Authorities, and where it is told which certificates they revoked.", default=()
    )
    firewall: tuple[HostTable, ...] = option(
        list_of(object_of(HostTable)),
        "Tables of the host's own firewall whose chains drop what nobody has accepted. What O(phase1[].firewall_rule) and"
        " O(phase2[].allow) let through is accepted there, by one constant rule in each of the chains.",
        "When not given, these are all chains of nftables that end packets to the host, or that it forwards.",
        default=(),
    )
    shunts: tuple[Shunt, ...] = option(
        list_of(object_of(Shunt)), "Packets that go past IPsec, or are dropped, by policies without an SA.", default=()
    )
    private_keys: tuple[PrivateKey, ...] = option(
        list_of(object_of(PrivateKey)),
        "Private keys that belong to no phase 1 by themselves: with passphrases of their own, in PKCS#12 containers, and on"
        " tokens. charon takes the one that fits the certificate which it shows.",
        default=(),
    )
    fallbacks: tuple[Fallback, ...] = option(
        list_of(object_of(Fallback)), "Tunnels that take the place of another one when that fails.", default=()
    )
    schedules: tuple[Schedule, ...] = option(
        list_of(object_of(Schedule)), "Calendar expressions with names, for O(fallbacks[].ping_schedule).", default=()
    )
    uplinks: tuple[Uplink, ...] = option(
        list_of(object_of(Uplink)), "Interfaces by which packets from their own addresses leave.", default=()
    )


CONFIG: Kind = object_of(Config)


@dataclass(frozen=True)
class Gateway:
    """What is wanted on one host: its objects by key (the name; "phase1/name" for a phase 2).

    `contents` are the certificates, keys and lists that objects name by a path, as they were read on the host.
    """

    phase1: Mapping[str, Phase1] = dataclasses.field(default_factory=dict)
    phase2: Mapping[str, Phase2] = dataclasses.field(default_factory=dict)
    xfrm_interfaces: Mapping[str, XfrmInterface] = dataclasses.field(default_factory=dict)
    pools: Mapping[str, Pool] = dataclasses.field(default_factory=dict)
    authorities: Mapping[str, Authority] = dataclasses.field(default_factory=dict)
    firewall: Mapping[str, HostTable] = dataclasses.field(default_factory=dict)
    shunts: Mapping[str, Shunt] = dataclasses.field(default_factory=dict)
    private_keys: Mapping[str, PrivateKey] = dataclasses.field(default_factory=dict)
    fallbacks: Mapping[str, Fallback] = dataclasses.field(default_factory=dict)
    schedules: Mapping[str, Schedule] = dataclasses.field(default_factory=dict)
    uplinks: Mapping[str, Uplink] = dataclasses.field(default_factory=dict)
    contents: Contents = dataclasses.field(default_factory=dict)

    def of(self, kind: ObjectType) -> Mapping[str, Any]:
        """Return the objects of one sort by key."""
        found: Mapping[str, Any] = getattr(self, kind.plural)
        return found

    @property
    def empty(self) -> bool:
        """Say whether nothing at all is wanted."""
        return not any(self.of(kind) for kind in TYPES)

    def merged(self, other: Gateway) -> Gateway:
        """Return this gateway with the objects of another added; an object of the same key is replaced whole."""
        merged = {kind.plural: {**self.of(kind), **other.of(kind)} for kind in TYPES}
        return Gateway(**merged, contents=self.contents)

    def with_object(self, kind: ObjectType, item: Any) -> Gateway:
        """Return this gateway with one object added, or replaced whole."""
        return dataclasses.replace(self, **{kind.plural: {**self.of(kind), kind.key(item): item}})

    def without(self, kind: ObjectType, key: str) -> Gateway:
        """Return this gateway without one object; with a phase 1 go its phase 2s, which cannot stand alone."""
        return self.without_all({kind.plural: (key,)})

    def without_all(self, keys: Mapping[str, Collection[str]]) -> Gateway:
        """Return this gateway without the objects of these keys, by sort ("phase1" …), and what cannot stand alone."""
        gone = {kind.plural: frozenset(keys.get(kind.plural, ())) for kind in TYPES}
        kept: dict[str, dict[str, Any]] = {
            kind.plural: {key: item for key, item in self.of(kind).items() if key not in gone[kind.plural]}
            for kind in TYPES
        }
        orphans = [key for key, item in kept["phase2"].items() if item.phase1 in gone["phase1"]]
        for key in orphans:
            del kept["phase2"][key]
        return Gateway(**kept, contents=self.contents)

    def secrets_left_out(self) -> Gateway:
        """Return this gateway with a placeholder for every secret."""
        objects = {
            kind.plural: {key: without_secrets(item, LEFT_OUT) for key, item in self.of(kind).items()} for kind in TYPES
        }
        contents = {path: LEFT_OUT if isinstance(held, Secret) else held for path, held in self.contents.items()}
        return Gateway(**objects, contents=contents)


def parse_gateway(config: Mapping[str, Any]) -> Gateway:
    """Read `config` (a dictionary of lists) into a gateway.

    Raises `ValidationError` with all problems of single objects and all keys that stand twice. References between
    objects are checked by `check_gateway`, on the whole that results from merging.
    """
    problems = _unknown_lists(config)
    parts = {kind.plural: _parse_list(kind, config, problems) for kind in TYPES}
    if problems:
        raise ValidationError(problems)
    return Gateway(**parts)


def _unknown_lists(config: Mapping[str, Any]) -> list[Problem]:
    names = [opt.name for opt in options_of(Config)]
    wanted = "there is no such list; there are " + ", ".join(names)
    return [Problem("config", str(unknown), None, wanted) for unknown in config.keys() - set(names)]


def _entries(
    kind: ObjectType, config: Mapping[str, Any], problems: list[Problem]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield how messages name each entry of a list of `config`, and the entry; what is no dictionary is a problem."""
    raw_items = config.get(kind.plural) or ()
    if not isinstance(raw_items, (list, tuple)):
        problems.append(wrong_shape("config", kind.plural, raw_items, "a list"))
        return
    for index, raw in enumerate(raw_items):
        if isinstance(raw, Mapping):
            yield _where(kind, raw, index), raw
        else:
            problems.append(wrong_shape("config", f"{kind.plural}[{index}]", raw, "a dictionary"))


def _parse_list(kind: ObjectType, config: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for where, raw in _entries(kind, config, problems):
        item = parse_one(kind, raw, where=where, problems=problems)
        if item is None:
            continue
        key = kind.key(item)
        if key in found:
            problems.append(
                Problem(
                    item.where,
                    kind.identity[-1],
                    getattr(item, kind.identity[-1]),
                    f"it stands twice among {kind.plural}; each name once",
                )
            )
        found[key] = item
    return found


def parse_names(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the keys of the objects that `config` names, by sort; of an object only what identifies it is looked at.

    Raises `ValidationError` with all names that are missing or wrong.
    """
    problems = _unknown_lists(config)
    found: dict[str, list[str]] = {}
    for kind in TYPES:
        for where, raw in _entries(kind, config, problems):
            before = len(problems)
            values = {
                opt.name: parse_option(opt, raw, where=where, problems=problems)
                for opt in options_of(kind.cls)
                if opt.identifies
            }
            if len(problems) == before:
                found.setdefault(kind.plural, []).append(kind.key_of(values))
    if problems:
        raise ValidationError(problems)
    return found


def parse_one(kind: ObjectType, raw: Mapping[str, Any], *, where: str, problems: list[Problem]) -> Any | None:
    """Read one object; returns None and adds to `problems` when anything about it alone is wrong."""
    item = parse_object(kind.cls, raw, where=where, problems=problems)
    if item is None:
        return None
    own = list(item.problems())
    problems.extend(own)
    return None if own else item


def _where(kind: ObjectType, raw: Mapping[str, Any], index: int) -> str:
    parts = [raw.get(name) for name in kind.identity]
    if not isinstance(parts[-1], str):
        return f"{kind.plural}[{index}]"
    return f"{kind.singular} " + "/".join(part for part in parts if isinstance(part, str))


def check_gateway(gateway: Gateway, others: Iterable[Problem] = ()) -> None:
    """Raise `ValidationError` with every problem between objects: references, numbers and selectors used twice.

    `others` are problems of these objects on the host, told together with them.
    """
    problems = [*others, *cross_problems(gateway.phase1, gateway.phase2, gateway.xfrm_interfaces)]
    problems += pool_problems(gateway.phase1, gateway.pools)
    problems += shunt_problems(gateway.shunts, gateway.phase1, gateway.xfrm_interfaces)
    problems += fallback_problems(gateway.fallbacks, gateway.phase1, gateway.phase2, gateway.schedules)
    problems += uplink_problems(gateway.uplinks, gateway.xfrm_interfaces)
    if problems:
        raise ValidationError(problems)


def without_dangling(gateway: Gateway) -> tuple[Gateway, list[Problem]]:
    """Return a gateway without the objects that refer to one that is not there, nor what hangs on them; and the problems."""
    problems = list(missing_references(gateway.phase1, gateway.phase2, gateway.xfrm_interfaces))
    without_pool = list(missing_pools(gateway.phase1, gateway.pools))
    problems += without_pool
    incomplete = {problem.where for problem in without_pool}
    unscheduled = list(missing_members(gateway.fallbacks, gateway.phase1, gateway.schedules))
    problems += unscheduled
    incomplete |= {problem.where for problem in unscheduled}
    links = {None, *gateway.xfrm_interfaces}
    servers = {None, *gateway.phase1}
    phase1 = {
        name: each
        for name, each in gateway.phase1.items()
        if each.xfrm_interface in links and each.mediated_by in servers and each.where not in incomplete
    }
    phase2 = {key: each for key, each in gateway.phase2.items() if each.phase1 in phase1}
    fallbacks = {
        name: each
        for name, each in gateway.fallbacks.items()
        if phase1.keys() >= {*each.members} and each.where not in incomplete
    }
    return dataclasses.replace(gateway, phase1=phase1, phase2=phase2, fallbacks=fallbacks), problems


def dump_gateway(gateway: Gateway, *, with_defaults: bool = False) -> dict[str, Any]:
    """Return the gateway as `config` takes it, without its secrets; without defaults only what differs from them."""
    return {
        kind.plural: [
            dump_object(item, with_secrets=False, with_defaults=with_defaults)
            for _key, item in sorted(gateway.of(kind).items())
        ]
        for kind in TYPES
    }


def dump_all_defaults() -> dict[str, Any]:
    """Return the defaults of every sort of object, which a stored gateway needs beside it: another release may have others."""
    return {kind.plural: dump_defaults(kind.cls) for kind in TYPES}


def dump_secrets(gateway: Gateway) -> dict[str, dict[str, dict[str, str]]]:
    """Return the gateway's secrets by sort, key and option: what a generation's 0600 file holds."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for kind in TYPES:
        for key, item in sorted(gateway.of(kind).items()):
            held = {name: secret.reveal() for name, secret in secrets_in(item)}
            if held:
                found.setdefault(kind.plural, {})[key] = held
    if gateway.contents:
        public = {path: text for path, text in gateway.contents.items() if isinstance(text, str)}
        keys = {path: text.reveal() for path, text in gateway.contents.items() if isinstance(text, Secret)}
        found[_CONTENTS] = {"public": public, "keys": keys}
    return found


def load_gateway(objects: Mapping[str, Any], secrets: Mapping[str, Any], defaults: Mapping[str, Any]) -> Gateway:
    """Read back what `dump_gateway`, `dump_secrets` and `dump_all_defaults` wrote.

    What this release refuses may be in force from one that took it, so that it is read all the same (`load_object`).
    """
    problems: list[Problem] = []
    found: dict[str, dict[str, Any]] = {}
    for kind in TYPES:
        held = secrets.get(kind.plural, {})
        now = dump_defaults(kind.cls)
        other = {name: then for name, then in defaults.get(kind.plural, {}).items() if then != now.get(name)}
        items = found[kind.plural] = {}
        for raw in _plain(objects.get(kind.plural, ())):
            key = kind.key_of(raw)
            whole = with_secrets({**other, **raw}, held.get(key, {}))
            items[key] = load_object(kind.cls, whole, where=f"stored {kind.singular} {key}", problems=problems)
    if problems:
        raise ValidationError(problems)
    read = secrets.get(_CONTENTS, {})
    contents = {**read.get("public", {}), **{path: Secret(text) for path, text in read.get("keys", {}).items()}}
    return Gateway(**found, contents=contents)


def _plain(items: Any) -> Iterable[Mapping[str, Any]]:
    return items if isinstance(items, (list, tuple)) else ()
