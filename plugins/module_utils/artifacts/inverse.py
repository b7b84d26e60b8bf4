# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inverse of `connections`: from the sections of swanctl.conf back to the gateway that they are artifacts of.

Options are taken from keys, and then the way forward is gone with them: what comes out must mean to charon what stands
in the text. So nothing of a text is lost in silence, and what an option becomes is known in one place only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ..desired.gateway import PHASE1, PHASE2, XFRM_INTERFACES, Gateway, check_gateway, parse_one
from ..desired.holding import secrets_in
from ..desired.identities import ANY, MY_ADDRESS, PEER_ADDRESS
from ..desired.owners import local_identity, owners
from ..desired.phase1 import Phase1, address_family
from ..desired.phase2 import Phase2
from ..desired.proving import rounds_of
from ..desired.secret import LEFT_OUT
from ..desired.situation import Situation
from ..errors import Problem, ValidationError
from .authorities import read_authorities
from .children import child_sas, of_one_protocol
from .connections import connection_trees
from .inverse_parts import Part, read_leaf, read_part
from .inverse_problems import no_value_here, not_kept, not_known, told
from .inverse_rounds import authentications, certified, read_rounds, unlike_rounds, with_key
from .inverse_shunts import has_only_shunts, read_shunts, without_shunts
from .key_sections import read_private_keys
from .keys import ANY_ADDRESS, CHILD_KEYS, CONNECTION_KEYS, as_before_5_9_9, value_of
from .owned_secrets import OwnedSecrets, read_secrets
from .page_keys import meaningless, page_options
from .plain_keys import PHASE1_KEYS, PHASE2_KEYS
from .pools import read_pools
from .references import referred, resolved
from .settings import Section, Value
from .user_secrets import UserSecrets, read_user_secrets
from .values import Tree

# What swanctl reads; other sections mean nothing to it but where something refers to them.
_SECTIONS = ("connections", "secrets", "authorities", "pools")
_ANYONE = "0.0.0.0"  # noqa: S104  # the page's word for any peer, not an address to bind to


@dataclass(frozen=True)
class Parsed:
    """What a text says: the gateway, with a placeholder for a secret that is not in the text, and which connections had one.

    `secrets` are the names of the sections that these secrets stand in, `opened_keys` the private keys that come with a
    passphrase or a PIN.
    """

    gateway: Gateway
    with_secret: tuple[str, ...]
    without_secret: tuple[str, ...]
    made_up_interfaces: tuple[str, ...]
    secrets: tuple[str, ...] = ()
    opened_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Connection:
    """The parts of a connection's section."""

    name: str
    whole: Part
    local: Sequence[Part]
    remote: Sequence[Part]
    children: Mapping[str, Part]

    @property
    def first(self) -> Part | None:
        """Return the first child, by which all are taken; None where there is none."""
        return next(iter(self.children.values()), None)

    @property
    def one_protocol(self) -> tuple[str, str, int | None] | None:
        """Return what `of_one_protocol` finds; in tunnel mode there is no such thing."""
        transport = self.first is not None and self.first["mode"] == "transport"
        return of_one_protocol(self.children) if transport else None


def read_gateway(
    text: Section,
    *,
    only: Collection[str] | None = None,
    release: Sequence[int] = (),
    directory: str = "/etc/swanctl",
) -> Parsed:
    """Return the gateway that a text describes, or of its connections those in `only`, whatever else the text says.

    `release` is charon's, as (5, 9, 8), where it is known: a few keys mean another thing to an older one. `directory` is
    where the files of certificates lie that are not named by a whole path.
    Raises `SettingsError` for references that cannot be resolved, and `ValidationError` with every key that no option
    stands for, every value that no option can keep, and all that the resulting objects have wrong about them.
    """
    problems: list[Problem] = []
    root = resolved(text)
    sections = root.sections.get("connections", Section(root.place))
    if only is None:
        _refuse_others(root, {name.partition(".")[0] for name in referred(text)}, problems)
        problems += no_value_here(sections, "connections")
    chosen = {
        name: without_shunts(each)
        for name, each in sections.sections.items()
        if (only is None or name in only) and not has_only_shunts(each)
    }
    found = [_read_connection(name, section, directory, problems) for name, section in chosen.items()]
    of_secrets: list[Problem] = []
    written = root.sections.get("secrets", Section(root.place))
    secrets = read_secrets(written, of_secrets, kept=only is not None)
    users = read_user_secrets(written, of_secrets, kept=only is not None)
    connections = [each for each in found if each is not None]
    if release and tuple(release) < (5, 9, 9):
        for child in (child for each in connections for child in each.children.values()):
            as_before_5_9_9(child.given)
    pools = read_pools(root.sections.get("pools", Section(root.place)), problems, only=_pools_of(connections, only))
    gateway = _gateway(connections, secrets, users, problems)
    # Nothing refers to an authority, so that one is no part of connections that are asked about.
    of_text = Section(root.place) if only is not None else root.sections.get("authorities", Section(root.place))
    gateway = dataclasses.replace(
        gateway,
        pools=pools,
        authorities=read_authorities(of_text, directory, problems),
        shunts=read_shunts(sections.sections, only, problems),
    )
    if only is None:
        # Nor does anything refer to a private key; charon goes on having those of other files.
        gateway = dataclasses.replace(gateway, private_keys=read_private_keys(written, directory, problems))
    taken = (*secrets.taken, *users.taken)
    problems += of_secrets if only is None else [each for each in of_secrets if _is_about(each, taken)]
    _raise(problems)
    check_gateway(gateway)
    trees = connection_trees(gateway, Situation(b"", if_ids=_numbers(gateway)))
    for connection in connections:
        problems += _differences(connection, trees[connection.name])
    if only is None:
        problems += (*secrets.orphans(), *users.orphans())
    _raise(problems)
    held = {name: [secret for _place, secret in secrets_in(each)] for name, each in gateway.phase1.items()}
    had = {name: LEFT_OUT not in own for name, own in held.items() if own}
    return Parsed(
        gateway,
        with_secret=tuple(name for name, one in had.items() if one),
        without_secret=tuple(name for name, one in had.items() if not one),
        made_up_interfaces=tuple(gateway.xfrm_interfaces),
        opened_keys=tuple(name for name, each in gateway.private_keys.items() if any(secrets_in(each))),
        secrets=taken,
    )


def _is_about(problem: Problem, secrets: Collection[str]) -> bool:
    return problem.option.split(".")[1:2] in ([name] for name in secrets)


def _pools_of(connections: Sequence[_Connection], only: Collection[str] | None) -> Collection[str] | None:
    """Return the pools that connections name, where only some are asked about; else None, for all of them."""
    return None if only is None else {name for each in connections for name in each.whole["pools"]}


def _raise(problems: list[Problem]) -> None:
    if problems:
        raise ValidationError(told(problems))


def _refuse_others(root: Section, referred_to: Collection[str], problems: list[Problem]) -> None:
    problems += no_value_here(root, "outside of any section")
    for name, inner in root.sections.items():
        if name not in _SECTIONS and name not in referred_to:
            problems.append(not_known(inner, name, _SECTIONS))


def _read_connection(name: str, section: Section, directory: str, problems: list[Problem]) -> _Connection | None:
    path = f"connections.{name}"
    before = len(problems)
    whole = read_part(section, path, CONNECTION_KEYS, problems)
    ends = {side: read_rounds(side, section, path, directory, problems) for side in ("local", "remote")}
    for inner in section.sections:
        if not inner.startswith(("local", "remote")) and inner != "children":
            problems.append(not_known(section.sections[inner], f"{path}.{inner}", ("local", "remote", "children")))
    children = section.sections.get("children", Section(section.place))
    problems += no_value_here(children, f"{path}.children")
    parts = {
        key: read_leaf(child, f"{path}.children.{key}", CHILD_KEYS, problems)
        for key, child in children.sections.items()
    }
    if len(problems) > before:
        return None
    if "mediated_by" in whole.given and "mediation_peer" not in whole.given:
        # The identity that charon takes then.
        whole = dataclasses.replace(whole, given={**whole.given, "mediation_peer": ends["remote"][0]["id"]})
    return _Connection(name, whole, ends["local"], ends["remote"], parts)


def _gateway(
    connections: Sequence[_Connection], secrets: OwnedSecrets, users: UserSecrets, problems: list[Problem]
) -> Gateway:
    phase1: dict[str, Phase1] = {}
    phase2, interfaces = {}, {}
    users.know(each for connection in connections for each in (*connection.local, *connection.remote))
    for connection in connections:
        options = _phase1_options(connection)
        found = _authenticated(options, connection, users, problems)
        if found is not None and found.shared_key is not None:
            found = _with_owners(found, secrets)
            found = with_key(found, secrets.of(found, connection.whole.section.place, problems))
        if found is not None:
            place, path = connection.whole.section.place, f"connections.{connection.name}.ppk_id"
            second = secrets.postquantum(found.ppk_id, place, path, problems)
            phase1[found.name] = found if second is None else dataclasses.replace(found, ppk=second)
        for name, child in _members(connection).items():
            item = _object(PHASE2, _phase2_options(name, connection.name, child), child, problems)
            if item is not None:
                phase2[PHASE2.key(item)] = item
        if connection.name in phase1:
            phase1[connection.name] = _with_split(phase1[connection.name], phase2, connection)
        link = options.get("xfrm_interface")
        if link is not None and link not in interfaces:
            raw = {"name": link, "if_id": connection.whole["if_id_in"]}
            interfaces[link] = _object(XFRM_INTERFACES, raw, connection.whole, problems)
    return Gateway(phase1, phase2, {name: item for name, item in interfaces.items() if item is not None})


def _authenticated(
    options: Mapping[str, Any], connection: _Connection, users: UserSecrets, problems: list[Problem]
) -> Phase1 | None:
    """Return the phase 1 with the shortest options that say how its ends prove who they are."""
    addresses = connection.whole["local_addrs"], connection.whole["remote_addrs"]
    ways = authentications(connection.local, connection.remote, addresses, users, problems)
    short, *full = [{**options, **each} for each in ways]
    if not full:
        return _object(PHASE1, short, connection.whole, problems)
    found, whole = _object(PHASE1, short, connection.whole, []), _object(PHASE1, full[0], connection.whole, problems)
    same = found is not None and whole is not None and rounds_of(found) == rounds_of(whole)
    return found if same else whole


def _members(connection: _Connection) -> dict[str, Part]:
    """Return the phase 2s of a connection: its children, or one where they only choose what transport mode protects."""
    first, one = connection.first, connection.one_protocol
    if first is None or one is None:
        return dict(connection.children)
    return {
        one[0]: dataclasses.replace(first, given={**first.given, "local_ts": ("dynamic",), "remote_ts": ("dynamic",)})
    }


def _with_split(found: Phase1, phase2: Mapping[str, Phase2], connection: _Connection) -> Phase1:
    """Let children stay apart that would become one."""
    own = {key: each for key, each in phase2.items() if each.phase1 == found.name}
    made = {child.name for child in child_sas(Gateway({found.name: found}, own))[found.name]}
    complete = len(own) == len(_members(connection))
    return (
        found
        if made == connection.children.keys() or not complete
        else dataclasses.replace(found, split_connections=True)
    )


def _object(kind: Any, raw: Mapping[str, Any], part: Part, problems: list[Problem]) -> Any | None:
    own: list[Problem] = []
    item = parse_one(kind, raw, where=f"{kind.singular} {raw['name']}", problems=own)
    problems += (dataclasses.replace(each, where=f"{part.section.place}: {each.where}") for each in own)
    return item


def _phase1_options(connection: _Connection) -> dict[str, Any]:
    whole = connection.whole
    local, remote = whole["local_addrs"], whole["remote_addrs"]
    ip_type = _ip_type(local, remote)
    endpoints = [_ANYONE if each == ANY_ADDRESS else each for each in remote]
    options: dict[str, Any] = {
        "name": connection.name,
        "interfaces": ["any"] if _is_any(local) else list(local),
        "ip_type": ip_type,
        "ike_version": whole["version"],
        "remote_endpoints": endpoints,
        "proposals": list(whole["proposals"]),
        **_ike_times(whole["rekey_time"], whole["over_time"]),
        **page_options(whole, connection.first),
        **PHASE1_KEYS.read(whole.given),
    }
    if connection.one_protocol is not None:
        _name, options["traffic_selector"], options["vxlan_port"] = connection.one_protocol
    if whole["if_id_in"] == whole["if_id_out"] and whole["if_id_in"].isdigit() and whole["if_id_in"] != "0":
        options["xfrm_interface"] = f"xfrm-{options.pop('if_id_in')}"
        del options["if_id_out"]
    return options


def _ike_times(rekey_time: int, over_time: int) -> dict[str, int]:
    """Return the lifetime, and what is not as it follows from that."""
    if not rekey_time:
        return {"rekey_time": 0, "over_time": over_time}
    found = {"lifetime": rekey_time + over_time}
    return found if over_time == found["lifetime"] // 10 else {**found, "rekey_time": rekey_time}


def _rekeying(child: Part) -> dict[str, int]:
    """Return what rekeys a CHILD_SA, where that is not as it follows from its end."""
    found = {what: child[f"rekey_{what}"] for what in ("time", "bytes", "packets")}
    ends = {what: child[f"life_{what}"] for what in found}
    usual = {what: end - end // 10 if f"life_{what}" in child.given else 0 for what, end in ends.items()}
    usual["time"] = ends["time"] - ends["time"] // 10
    return {f"rekey_{what}": after for what, after in found.items() if after != usual[what]}


def _ip_type(local: Sequence[str], remote: Sequence[str]) -> str:
    """Return the family of a connection, "any" where the text leaves it open."""
    families = {address_family(each) for each in (*local, *remote) if each != ANY_ADDRESS}
    named = None in families and ANY_ADDRESS in local
    one = families - {None}
    if ANY_ADDRESS in remote or named or len(one) != 1:
        return "any"
    return "ipv6" if 6 in one else "ipv4"


def _is_any(addresses: Sequence[str]) -> bool:
    return all(each in (ANY_ADDRESS, _ANYONE, "::") for each in addresses)


def _phase2_options(name: str, phase1: str, child: Part) -> dict[str, Any]:
    return {
        "name": name,
        "phase1": phase1,
        "local_networks": list(child["local_ts"]),
        "remote_networks": list(child["remote_ts"]),
        **(
            {"ah_proposals": list(child["ah_proposals"])}
            if child["ah_proposals"]
            else {"proposals": list(child["esp_proposals"])}
        ),
        "lifetime": child["life_time"],
        **_rekeying(child),
        **PHASE2_KEYS.read(child.given),
    }


def _with_owners(connection: Phase1, secrets: OwnedSecrets) -> Phase1:
    """Let the owners of a secret decide what the rest of a text leaves open: whether the peer's addresses are identities."""
    if connection.remote_id != ANY or len(connection.remote_endpoints) == 1:
        return connection
    by_address = dataclasses.replace(connection, remote_id=PEER_ADDRESS)
    owned_by = owners(by_address)
    # The address of an interface that was meant by its name is our identity to charon, and yet owns nothing.
    mine = local_identity(connection) if connection.local_id == MY_ADDRESS else ""
    sets = (owned_by, [each for each in owned_by if each != mine])
    return by_address if any(map(secrets.owned_by, sets)) else connection


def _numbers(gateway: Gateway) -> dict[str, int]:
    return {name: each.if_id for name, each in gateway.xfrm_interfaces.items() if each.if_id is not None}


def _differences(connection: _Connection, tree: Tree) -> Iterator[Problem]:
    """Yield what the found options would not say as the text says it."""
    yield from _unlike(connection.whole, tree, apart=meaningless(connection.whole))
    addresses = connection.whole["local_addrs"]
    own = f"address:{addresses[0]}" if len(addresses) == 1 and not _is_any(addresses) else ANY
    # Our own identity is our address where none is given, and there is no certificate that says another.
    first, *later = connection.local
    if first["id"] == ANY and not certified(first):
        first = dataclasses.replace(first, given={**first.given, "id": own})
    yield from unlike_rounds("local", [first, *later], tree)
    yield from unlike_rounds("remote", connection.remote, tree)
    trees = cast("Mapping[str, Tree]", tree["children"])
    for name, child in connection.children.items():
        yield from _unlike(child, trees[name])


def _unlike(part: Part, tree: Tree, *, apart: Collection[str] = ()) -> Iterator[Problem]:
    texts = {
        name: each if isinstance(each, str) else ",".join(each)
        for name, each in tree.items()
        if not isinstance(each, Mapping)
    }
    would = {name: part.keys[name].read(text) for name, text in texts.items()}
    for name in dict.fromkeys((*part.given, *would)):
        if name not in apart and _meaning(name, part[name]) != _meaning(name, value_of(part.keys, name, would)):
            value = part.section.values.get(name, Value(None, *part.section.place))
            yield not_kept(value, f"{part.path}.{name}", part.keys[name].hint, texts.get(name))


def _meaning(name: str, value: Any) -> Any:
    """Return a value so that equal ones mean the same: our own address may be any, and the peer's says of which family."""
    if name == "local_addrs":
        return tuple(ANY_ADDRESS if _is_any((each,)) else each for each in value)
    return value
