# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gateways as people might write them, made from the options' own declarations: mostly right, and wild at the edges.

Chance makes them, and not Hypothesis, which likes to draw the same values again, and takes 3 ms for a gateway.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired import identities, kinds
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.authentication import (
    Authentication,
    SecondAuthentication,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.authority import Authority
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.child_keys import ChildKeys
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.fallback import Fallback
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.firewall import PORTS, Allow, HostTable
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.ike_keys import IkeKeys
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import Kind, Option, options_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.page_settings import (
    CLOSE_ACTIONS,
    DPD_ACTIONS,
    INIT_TYPES,
    Dpd,
    PageSettings,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.phase1 import Phase1
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.phase2 import Phase2
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.pool import ATTRIBUTES, Pool, PoolAttribute
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.private_key import PrivateKey
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.rounds import (
    LocalRound,
    RemoteRound,
    TokenCertificate,
    User,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.schedule import Schedule
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.shunt import Shunt
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.uplink import Uplink
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.xfrm_interface import Route, XfrmInterface
from ansible_collections.swanfleet.ipsec.tests.generators import values
from ansible_collections.swanfleet.ipsec.tests.generators.authentication import (
    authentication,
    local_round,
    private_key,
    remote_round,
    token,
    user,
)
from ansible_collections.swanfleet.ipsec.tests.generators.fallbacks import fallback, schedule
from ansible_collections.swanfleet.ipsec.tests.generators.values import Chance

Made = dict[str, Any]

# The host that the gateways are for.
ADDRESSES = {"lo": (), "wan0": ("192.0.2.1", "2001:db8::1"), "wan1": ("203.0.113.1", "2001:db8:f::1"), "off": ()}
SITUATION = Situation(
    b"k" * 32,
    ADDRESSES,
    {4: "wan0", 6: "wan1"},
    tables={name: 9000 + n for n, name in enumerate(ADDRESSES)},
    own=ADDRESSES,
)
OPTION_CLASSES = (
    *(Phase1, Dpd, Phase2, XfrmInterface, Route, Pool, PoolAttribute, Authority, Allow, HostTable, Shunt),
    *(SecondAuthentication, LocalRound, RemoteRound, TokenCertificate, User, PrivateKey),
    *(Fallback, Schedule, Uplink),
)
# These are made as a whole, so that they fit each other.
_TOGETHER = {opt.name for opt in options_of(Authentication)} - {"psk"}

_AUTHORITY = {opt.name: opt for opt in options_of(Authority)}
_WILD_SHARE = 1 / 80
_WRITTEN_SHARE = 0.4
# There are many of them, and what is wild in one of them is tried one by one.
_RARE = {opt.name: 0.07 for cls in (IkeKeys, ChildKeys) for opt in options_of(cls)} | dict.fromkeys(ATTRIBUTES, 0.2)
# What the oldest charon does not know, so that it takes nothing of such a gateway.
_RARE.update(dict.fromkeys(("ocsp", "per_cpu_sas", "icmp"), 0.05))
_RARE.update((opt.name, 0.15) for opt in options_of(PageSettings) if opt.name != "init_type")
_RARE.update(restart_on_gateway_change=0.1, plaintext_guard=0.08, allow=0.15, mss=0.15, nat_exemption=0.15)
_RARE.update(connection_type=0.4, traffic_selector=0.9, vxlan_port=0.9, encryption_type=0.3, ah_proposals=0.9)
_FIRST = tuple(
    "ip_type ppk_id connection_type traffic_selector encryption_type init_type close_action rekey ike_version lifetime delay "
    "source destination addresses local_networks protocol".split()
)


def _version(made: Made) -> int:
    return 6 if made.get("ip_type") == "ipv6" else 4


def _endpoints(chance: Chance, made: Made) -> list[str]:
    version = _version(made)
    first = [] if made.get("init_type") == "none" else [values.endpoint(chance, version, single=True)]
    count = chance.randint(0, 3) if first else chance.randint(1, 4)
    return first + [values.endpoint(chance, version) for _number in range(count)]


def _interfaces(chance: Chance, made: Made) -> list[str]:
    own = ADDRESSES["wan0"][0 if _version(made) == 4 else 1]
    return chance.choices(["any", "wan0", "wan1", own], k=chance.randint(1, 2))


def _remote_id(chance: Chance, made: Made) -> Any:
    if made.get("init_type") == "none" and chance.random() < 0.2:
        return values.pattern(chance)
    return values.MAKERS[identities.REMOTE_IDENTITY](chance)


def _close_action(chance: Chance, made: Made) -> str:
    # Who only waits for the peer is seldom told to connect when it goes.
    waits = made.get("init_type") == "none" and chance.random() < 0.9
    return "none" if waits else chance.choice(CLOSE_ACTIONS)


def _responder_only(chance: Chance, made: Made) -> bool:
    waits = all(made.get(name, "none") == "none" for name in ("init_type", "close_action"))
    return waits and chance.random() < 0.5


def _dpd(chance: Chance, made: Made) -> Made:
    waits = made.get("init_type") == "none" or made.get("responder_only")
    return made_object(Dpd, chance, **({"action": "none"} if waits else {}))


def _dpd_timeout(chance: Chance, made: Made) -> Any:
    return chance.choice((0, made.get("delay", 30), "1h"))


def _selectors(chance: Chance, made: Made) -> list[str]:
    if chance.random() < 0.03:
        return [f"10.{number}.0.0/16" for number in range(chance.randint(100, 254))]
    version = 6 if ":" in str(made.get("local_networks")) else 4
    found = [values.selector(chance, version) for _number in range(chance.randint(1, 4))]
    return list(dict.fromkeys(found if chance.random() < 0.8 else [*found, "dynamic"]))


def _first_selectors(chance: Chance, _made: Made) -> list[str]:
    return _selectors(chance, {"local_networks": chance.choice((".", ".", ":"))})


def _unique(chance: Chance, kind: Kind) -> list[Any]:
    found = [values.MAKERS[kind](chance) for _number in range(chance.randint(1, 3))]
    return list({str(each): each for each in found}.values())


def _within_lifetime(default: int) -> Callable[[Chance, Made], Any]:
    def maker(chance: Chance, made: Made) -> Any:
        try:
            longest = kinds.parse_duration(made.get("lifetime", default)) - 1
        except ValueError:
            longest = 59
        return chance.choice((0, 1, longest, f"{longest}s", chance.randint(1, max(1, longest))))

    return maker


def _for_version(version: int, values: tuple[Any, ...], otherwise: tuple[Any, ...]) -> Callable[[Chance, Made], Any]:
    return lambda chance, made: chance.choice(values if made.get("ike_version", 2) == version else otherwise)


def _over_time(chance: Chance, made: Made) -> Any:
    return None if made.get("rekey_time") else _within_lifetime(28800)(chance, made)


def _allow(chance: Chance, _made: Made) -> list[Made]:
    return [made_object(Allow, chance) for _number in range(chance.choice((0, 1, 1, 3)))]


def _ports(chance: Chance, made: Made) -> list[Any]:
    bearing = str(made.get("protocol", "any")).lower() in ("tcp", "udp", "132")
    return _unique(chance, PORTS) if bearing else []


def _same_family(chance: Chance, made: Made) -> list[str]:
    version = 6 if ":" in str(made.get("source")) else 4
    return [values.network(chance, version) for _number in range(chance.randint(1, 2))]


# What depends on other options, or has limits of its own: (class, option) → a maker that sees what is drawn already.
FITTING: dict[tuple[type, str], Callable[[Chance, Made], Any]] = {
    (Phase1, "remote_endpoints"): _endpoints,
    (Phase1, "interfaces"): _interfaces,
    (Phase1, "remote_id"): _remote_id,
    (Phase1, "init_type"): lambda chance, _made: chance.choice(("none", "none", *INIT_TYPES)),
    (Phase1, "connection_type"): lambda chance, _made: chance.choice(("tunnel", "transport")),
    (Phase1, "traffic_selector"): lambda chance, made: (
        chance.choice(("any", "gre", "vxlan", "vxlan")) if made.get("connection_type") == "transport" else "any"
    ),
    (Phase1, "vxlan_port"): lambda _chance, made: 8472 if made.get("traffic_selector") == "vxlan" else None,
    (Phase1, "nat_traversal"): lambda chance, made: (
        "auto" if made.get("encryption_type") == "ah" else chance.choice(("auto", "force"))
    ),
    (Phase1, "close_action"): _close_action,
    (Phase1, "responder_only"): _responder_only,
    (Phase1, "dpd"): _dpd,
    (Dpd, "delay"): lambda chance, _made: chance.choice((1, "10s", "1m", 150)),
    (Dpd, "timeout"): _dpd_timeout,
    (Dpd, "action"): lambda chance, _made: chance.choice(DPD_ACTIONS),
    (Phase1, "rekey_time"): _within_lifetime(28800),
    (Phase1, "over_time"): _over_time,
    (Phase1, "aggressive"): _for_version(1, (True, False), (False,)),
    (Phase1, "childless"): _for_version(2, ("allow", "prefer", "force", "never"), (None,)),
    (Phase1, "ppk_id"): _for_version(2, ("user@example.org", "ppk.example.org"), (None,)),
    (Phase1, "ppk"): lambda _chance, made: None if made.get("ppk_id") is None else f"key of {made['ppk_id']}",
    (Phase1, "ppk_required"): lambda _chance, made: made.get("ppk_id") is not None,
    (Authority, "token_ca_certificate"): lambda chance, _made: token(chance),
    (Phase1, "pools"): lambda _chance, _made: None,
    (Shunt, "local_networks"): lambda chance, _made: values.shunt_selectors(chance, chance.choice((4, 4, 6))),
    (Shunt, "remote_networks"): lambda chance, made: values.shunt_selectors(
        chance, 6 if ":" in str(made.get("local_networks")) else 4
    ),
    (Shunt, "interface"): lambda chance, _made: chance.choice([name for name in ADDRESSES if name != "lo"]),
    (Pool, "attributes"): lambda chance, _made: [
        {"number": number, "values": ["some text", "10.9.9.9"]} for number in range(1, chance.randint(2, 4))
    ],
    # See made_gateway.
    (Phase2, "label_mode"): lambda _chance, _made: None,
    (Phase1, "mediation"): lambda _chance, _made: None,
    (Phase1, "mediated_by"): lambda _chance, _made: None,
    (Phase1, "mediation_peer"): lambda _chance, _made: None,
    (Phase2, "rekey_time"): _within_lifetime(3600),
    (Phase2, "rekey_bytes"): lambda chance, _made: chance.choice((0, 1000, "1k", chance.randint(1, 10_000))),
    (Phase2, "life_bytes"): lambda chance, _made: chance.choice((0, "1m", 10**15 - 1, "7G")),
    (Phase2, "rekey_packets"): lambda chance, _made: chance.randint(0, 1000),
    (Phase2, "life_packets"): lambda chance, _made: chance.choice((0, 2000, 10**15 - 1)),
    (Phase2, "local_networks"): _first_selectors,
    (Phase2, "remote_networks"): _selectors,
    (Phase2, "allow"): _allow,
    (Phase2, "mss"): lambda chance, _made: chance.choice(("auto", 536, "1300", 65495)),
    (XfrmInterface, "allow"): _allow,
    (Allow, "ports"): _ports,
    (Allow, "destination"): _same_family,
    (XfrmInterface, "if_id"): lambda chance, _made: chance.choice(
        (chance.randint(1, 2**32 - 3), 2**32 - 3, "0x7", None)
    ),
    (XfrmInterface, "mtu"): lambda chance, made: chance.choice(
        (1280, 1400, 65535) if ":" in str(made) else (576, 1400)
    ),
    (XfrmInterface, "routes"): lambda chance, _made: [
        {"destination": values.network(chance, 4), "metric": number} for number in range(1, chance.randint(2, 4))
    ],
    (Uplink, "gateways"): lambda chance, _made: [
        values.router(chance, version) for version in chance.choice(((4,), (6,), (4, 6)))
    ],
    (Uplink, "table"): lambda chance, _made: chance.choice(
        (chance.randint(256, 2**32 - 1), hex(chance.randint(256, 2**32 - 1)))
    ),
    (Route, "metric"): lambda chance, _made: chance.choice((1, chance.randint(1, 2**32 - 1), 2**32 - 1)),
    (Route, "table"): lambda chance, _made: chance.choice((1, chance.randint(1, 2**32 - 1), "0xff")),
    (Route, "source"): lambda chance, made: values.address(chance, 6 if ":" in str(made.get("destination")) else 4),
}


def _of_a_way(chance: Chance, name: str) -> Any:
    found = None
    while found is None:
        found = authentication(chance).get(name)
    return found


def _entry_of(maker: Callable[[Chance], Made], name: str) -> Callable[[Chance, Made], Any]:
    return lambda chance, _made: maker(chance).get(name)


def _second(chance: Chance) -> Made:
    found: Made = _of_a_way(chance, "second_authentication")
    return found


_MADE_AS_A_WHOLE = {
    LocalRound: local_round,
    RemoteRound: remote_round,
    User: user,
    TokenCertificate: token,
    SecondAuthentication: _second,
    PrivateKey: private_key,
    Fallback: fallback,
    Schedule: schedule,
}
for _cls, _maker in _MADE_AS_A_WHOLE.items():
    FITTING.update(
        {(_cls, each.name): _entry_of(_maker, each.name) for each in options_of(_cls) if not each.identifies}
    )
FITTING.update({(Phase1, name): _entry_of(authentication, name) for name in _TOGETHER})


def right(cls: type, option: Option, chance: Chance, made: Made) -> Any:
    """Return what is mostly right for an option; raises `LookupError` that names an option nothing is known about."""
    fitting = FITTING.get((cls, option.name))
    if fitting is not None:
        return fitting(chance, made)
    kind = option.kind
    if kind.choices:
        return chance.choice(kind.choices)
    if kind.item in values.MAKERS:
        return _unique(chance, kind.item)
    if kind not in values.MAKERS:
        raise LookupError(
            f"nothing is made for {cls.__name__}.{option.name}: add its kind to MAKERS, or the option to FITTING"
        )
    return values.MAKERS[kind](chance)


def made_object(cls: type, chance: Chance, **given: Any) -> Made:
    """Return an object as a user writes it; `given` holds options whose values are not left to chance."""
    made: Made = dict(given)
    written = [
        each
        for each in options_of(cls)
        if (cls is not Phase1 or each.name not in _TOGETHER)
        and (each.required or each.kind.secret or chance.random() < _RARE.get(each.name, _WRITTEN_SHARE))
    ]
    for option in sorted(written, key=lambda each: each.name not in _FIRST):
        if option.name not in made:
            wild = chance.random() < _WILD_SHARE and option.name not in _RARE
            made[option.name] = chance.choice(values.WILD) if wild else right(cls, option, chance, made)
    return made


def _made_child(chance: Chance, parent: Made) -> Made:
    made = made_object(Phase2, chance, phase1=parent.get("name"))
    other = ["proposals" if parent.get("encryption_type") == "ah" else "ah_proposals"]
    other += ["local_networks", "remote_networks"] if parent.get("connection_type") == "transport" else []
    return {name: value for name, value in made.items() if name not in other}


def made_gateway(number: int) -> dict[str, list[Made]]:
    """Return `config` number so and so, always the same: objects that mostly refer to each other rightly."""
    chance = random.Random(number)  # noqa: S311  # the same in every run
    links = [made_object(XfrmInterface, chance) for _number in range(chance.choice((0, 0, 1, 2)))]
    for item in links:
        if item.get("routes") and chance.random() < 0.5:
            item["routes"] = [made_object(Route, chance)]
    phase1 = [made_object(Phase1, chance) for _number in range(chance.choice((1, 1, 2, 3)))]
    for connection in phase1:
        if chance.random() < 0.6:
            connection.update(authentication(chance))
        if connection.get("connection_type") != "transport":
            connection["xfrm_interface"] = chance.choice([None, *(item.get("name") for item in links)])
    names = [connection.get("name") for connection in phase1]
    if len(phase1) > 1 and chance.random() < 0.25:
        phase1[0]["mediation"] = True
        phase1[1].update(mediated_by=names[0], mediation_peer="keyid:peer 7")
    phase2 = [_made_child(chance, chance.choice(phase1)) for _number in range(chance.choice((0, 1, 2, 3)))]
    for child in phase2:
        if isinstance(child.get("label"), str) and chance.random() < 0.8:
            child["label_mode"] = chance.choice(("simple", "system"))
    return {
        "phase1": phase1, "phase2": phase2, "xfrm_interfaces": links, "pools": _made_pools(chance, phase1[0]),
        "authorities": [_made_authority(chance, number) for number in range(chance.choice((0, 0, 1)))],
        "firewall": [made_object(HostTable, chance) for _number in range(chance.choice((0, 0, 0, 1)))],
        "shunts": [made_object(Shunt, chance, name=f"shunt{number}") for number in range(chance.choice((0, 0, 0, 1, 2)))],
        "private_keys": [{"name": f"key{number}", **private_key(chance)} for number in range(chance.choice((0, 0, 0, 1, 2)))],
        "fallbacks": [fallback(chance, phase1)] if len(phase1) > 1 and chance.random() < 0.5 else [],
        "schedules": [schedule(chance)],
        "uplinks": _made_uplinks(chance),
    }  # fmt: skip


def _made_uplinks(chance: Chance) -> list[Made]:
    """Return uplinks, few of them with tables that somebody has chosen."""
    names = chance.choice(((), (), (), (), (), ("wan1",), ("wan0", "wan1"), ("off",)))
    return [made_object(Uplink, chance, interface=name) for name in names]


def _made_authority(chance: Chance, number: int) -> Made:
    """Return an authority with a certificate, or one on a token."""
    kept = "token_ca_certificate" if chance.random() < 0.15 else "ca_certificate"
    proof = {kept: right(Authority, _AUTHORITY[kept], chance, {})}
    made = made_object(Authority, chance, name=f"ca{number}", **proof)
    return {name: value for name, value in made.items() if name == kept or not name.endswith("ca_certificate")}


def _made_pools(chance: Chance, user: Made) -> list[Made]:
    """Return pools, and let a phase 1 name most of them."""
    pools = [
        made_object(Pool, chance, name=f"pool{number}", addrs=values.pool_addresses(chance, number))
        for number in range(chance.choice((0, 0, 1, 2)))
    ]
    for pool in pools:
        if pool.get("attributes") and chance.random() < 0.5:
            pool["attributes"] = [made_object(PoolAttribute, chance)]
        if chance.random() < 0.8:
            user["pools"] = [*(user.get("pools") or []), pool["name"]]
    return pools
