# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What validation takes, charon takes, and understands as it is meant; and what swanctl.conf can say is taken."""

from __future__ import annotations

import copy
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.releases import unmet
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired import identities, proposals
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.authentication import (
    Authentication,
    SecondAuthentication,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.authority import Authority
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.fallback import Fallback
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.firewall import Allow, HostTable
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import options_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.page_settings import Dpd
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.phase1 import Phase1
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.phase2 import Phase2
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.pool import Pool, PoolAttribute
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.private_key import PrivateKey
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.rounds import (
    LocalRound,
    RemoteRound,
    TokenCertificate,
    User,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.schedule import Schedule
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.shunt import Shunt
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.uplink import Uplink
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.xfrm_interface import Route, XfrmInterface
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused, ViciCharon
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.libstrongswan import identity_types
from ansible_collections.swanfleet.ipsec.tests.daemon.listed import without_tokens
from ansible_collections.swanfleet.ipsec.tests.daemon.taken import Taken, loads_as_meant, loads_by_swanctl, taken
from ansible_collections.swanfleet.ipsec.tests.generators import material
from ansible_collections.swanfleet.ipsec.tests.generators.authentication import authentication
from ansible_collections.swanfleet.ipsec.tests.generators.objects import OPTION_CLASSES, Made, made_gateway
from ansible_collections.swanfleet.ipsec.tests.generators.values import WILD

pytestmark = [pytest.mark.charon, pytest.mark.root]

GATEWAYS = 1500
KNOWN_GOOD = yaml.safe_load(Path(__file__).with_name("known_good.yml").read_text("utf-8"))
PHASE1: Made = {"name": "paris", "remote_endpoints": ["198.51.100.7"], "psk": "s3cret"}
PHASE2: Made = {"name": "lan", "local_networks": ["10.1.0.0/24"], "remote_networks": ["10.2.0.0/24"]}
ON_TOKEN: Made = {"handle": "0a"}
WHERE_A_KEY_IS: dict[str, Made] = {
    "private_key": {"private_key": material.OTHER_LOCKED_KEY, "passphrase": material.PASSPHRASE},
    "pkcs12": {"pkcs12": material.CONTAINER, "passphrase": material.PASSPHRASE},
    **dict.fromkeys(("handle", "slot", "module", "pin"), ON_TOKEN),
}
CHECKED: Made = {"ping_check": True, "ping_address": PHASE1["remote_endpoints"]}
# Numbers of types in an ID payload (RFC 7296, section 3.5).
TYPES = {"address": {1, 5}, "fqdn": {2}, "email": {3}, "dn": {9}, "keyid": {11}}


def types_are_as_written(all_taken: list[Taken]) -> int:
    """Fail unless libstrongswan gives each identity the type that it was written with; return how many there were."""
    connections = [connection for each in all_taken for connection in each.gateway.phase1.values()]
    written = {
        each for connection in connections for each in (connection.local_id, connection.remote_id) if ":" in each
    }
    known = sorted(written)
    found = identity_types(*map(identities.swanctl_identity, known))
    wrong = [
        (each, number) for each, number in zip(known, found, strict=True) if number not in TYPES[each.partition(":")[0]]
    ]
    assert wrong == []
    return len(known)


def test_what_is_taken_is_loaded_as_it_is_meant(
    charon: ViciCharon, charon_daemon: CharonProcess, tmp_path: Path
) -> None:
    accepted: list[Taken] = []
    too_new = 0
    for number in range(GATEWAYS):
        try:
            one = taken(without_tokens(made_gateway(number)))
        except ValidationError:
            continue
        if not known_to(charon, one):
            too_new += 1
            continue
        loads_as_meant(charon, one)
        accepted.append(one)
    assert too_new >= 5
    loads_by_swanctl(charon_daemon, tmp_path, accepted)
    known = types_are_as_written(accepted)
    connections = sum(len(each.connections) for each in accepted)
    print(f"{len(accepted)} of {GATEWAYS} gateways taken, with {connections} connections and {known} identities")
    # Few would prove little, and so would a validation that refuses nothing.
    assert GATEWAYS * 0.3 <= len(accepted) <= GATEWAYS * 0.75
    assert min(connections, known) >= 300


def known_to(charon: ViciCharon, one: Taken) -> bool:
    """Say whether all of it is known to this charon; where it is not, fail unless charon refuses that itself."""
    state = charon.state()
    problems = unmet(one.connections, version=state.version, plugins=state.plugins)
    if problems:
        with pytest.raises(
            DaemonRefused, match=rf"(unknown option|invalid value for): ({'|'.join(each.option for each in problems)}),"
        ):
            loads_as_meant(charon, one)
    return not problems


def wild_values() -> Iterator[tuple[type, str, Any]]:
    """Yield each option with each wild value; those whose kind had them all before have every fifth."""
    seen = set()
    for turn, (cls, option) in enumerate((each, option) for each in OPTION_CLASSES for option in options_of(each)):
        kind = (option.kind.parse, option.kind.item and option.kind.item.parse)
        for value in WILD[turn % 5 :: 5] if kind in seen else WILD:
            yield cls, option.name, [value] if option.kind.item is not None else value
        seen.add(kind)


def objects_in(way: Made, cls: type) -> list[Made]:
    """Return the objects of a class in options of a phase 1 that say how to authenticate."""
    rounds = {LocalRound: way.get("local_auth", []), RemoteRound: way.get("remote_auth", [])}
    tokens = [each for side in rounds.values() for one in side for name in one if "token" in name for each in one[name]]
    second = way.get("second_authentication")
    found: dict[type, list[Made]] = {
        **rounds,
        TokenCertificate: tokens,
        User: [each for side in rounds.values() for one in side for each in one.get("users", ())],
        SecondAuthentication: [second] if second else [],
        Phase1: [way],
    }
    return found[cls]


def way_with(cls: type, name: str, value: Any) -> Made:
    """Return a way to authenticate in which an option that it gives to such an object has another value."""
    for number in range(10_000):
        way = copy.deepcopy(authentication(random.Random(number)))  # noqa: S311  # the same in every run
        for each in objects_in(way, cls):
            if each.get(name) is not None:
                each[name] = value
                return way
    raise LookupError(f"no way to authenticate gives {cls.__name__} the option {name}")


def with_wild_value(number: int, cls: type, name: str, value: Any) -> Made:
    """Return a tunnel in which an option has this value; `number` tells tunnels apart."""
    given: dict[type, Made] = {
        Phase1: {**PHASE1, "name": f"p{number}"},
        Phase2: dict(PHASE2),
        XfrmInterface: {"name": "ipsec0"},
        Pool: {"name": f"pool{number}", "addrs": "10.7.0.0/24"},
        Authority: {"name": f"ca{number}", "ca_certificate": material.AUTHORITY},
        Shunt: {
            "name": f"shunt{number}",
            "type": "drop",
            "local_networks": ["10.1.0.0/24"],
            "remote_networks": ["10.2.0.0/24"],
        },
        PrivateKey: {"name": f"key{number}", **WHERE_A_KEY_IS.get(name, WHERE_A_KEY_IS["private_key"])},
        Fallback: {"name": f"fallback{number}", "primary": f"p{number}", "fallbacks": [f"other{number}"], **CHECKED},
        Schedule: {"name": f"schedule{number}", "calendar": "03:00"},
        Route: {"destination": "10.9.0.0/16"},
        PoolAttribute: {"number": 7, "values": ["x"]},
        Dpd: {},
        Allow: {"protocol": "tcp"},
        HostTable: {"family": "inet", "table": "filter"},
        Uplink: {"interface": "wan1", "gateways": ["203.0.113.254"]},
    }
    if cls not in given or (cls is Phase1 and name in {opt.name for opt in options_of(Authentication)} - {"psk"}):
        given[Phase1].update(way_with(cls, name, value))
    else:
        given[cls][name] = value
    lists: dict[type, tuple[str, type]] = {
        Pool: ("pools", Pool),
        PoolAttribute: ("pools", Pool),
        Authority: ("authorities", Authority),
        Shunt: ("shunts", Shunt),
        PrivateKey: ("private_keys", PrivateKey),
        Fallback: ("fallbacks", Fallback),
        Schedule: ("schedules", Schedule),
        XfrmInterface: ("xfrm_interfaces", XfrmInterface),
        Route: ("xfrm_interfaces", XfrmInterface),
        HostTable: ("firewall", HostTable),
        Uplink: ("uplinks", Uplink),
    }
    made: Made = {"phase1": [given[Phase1]], "phase2": [{"phase1": given[Phase1]["name"], **given[Phase2]}]}
    if cls is Dpd:
        given[Phase1]["dpd"] = given[Dpd]
    if cls is Allow:
        made["phase2"][0]["allow"] = [given[Allow]]
    if cls is Route:
        given[XfrmInterface]["routes"] = [given[Route]]
    if cls is PoolAttribute:
        given[Pool]["attributes"] = [given[PoolAttribute]]
    if cls is Fallback:
        made["phase1"].append({**PHASE1, "name": f"other{number}"})
    if cls in lists:
        plural, whole = lists[cls]
        made[plural] = [given[whole]]
    return made


def test_a_wild_value_is_refused_or_loaded_as_it_is_meant(
    charon: ViciCharon, charon_daemon: CharonProcess, tmp_path: Path
) -> None:
    accepted: list[Taken] = []
    of_class: Counter[tuple[type, bool]] = Counter()
    for number, (cls, name, value) in enumerate(wild_values()):
        config = with_wild_value(number, cls, name, value)
        try:
            taken(config)
        except ValidationError:
            of_class[cls, False] += 1
            continue
        of_class[cls, True] += 1
        one = taken(without_tokens(config))
        if known_to(charon, one):
            loads_as_meant(charon, one)
            accepted.append(one)
    print({f"{cls.__name__} {'taken' if well else 'refused'}": count for (cls, well), count in of_class.items()})
    # A class of which all are taken, or none, has not been tried where it counts.
    assert of_class.keys() == set(itertools.product(OPTION_CLASSES, (True, False)))
    loads_by_swanctl(charon_daemon, tmp_path, accepted)
    types_are_as_written(accepted)


def known_good(entry: Made) -> Made:
    link = entry.get("xfrm_interface")
    named = {"xfrm_interface": link["name"]} if link else {}
    children = entry.get("phase2", {})
    return {
        "phase1": [{**PHASE1, **named, **entry.get("phase1", {})}],
        "phase2": [
            {**PHASE2, "phase1": "paris", **child} for child in (children if isinstance(children, list) else [children])
        ],
        "xfrm_interfaces": [link] if link else [],
    }


def test_what_swanctl_conf_can_say_is_taken_and_loaded(
    charon: ViciCharon, charon_daemon: CharonProcess, tmp_path: Path
) -> None:
    assert len({entry["id"] for entry in KNOWN_GOOD}) == len(KNOWN_GOOD) >= 60
    accepted = []
    for entry in KNOWN_GOOD:
        assert entry.keys() <= {"id", "phase1", "phase2", "xfrm_interface"}, entry["id"]
        # Here they start too, as they would on a gateway.
        loads_as_meant(charon, taken(known_good(entry), starting=True))
        accepted.append(taken(known_good(entry)))
    loads_by_swanctl(charon_daemon, tmp_path, accepted)
    types_are_as_written(accepted)


def combinations() -> Iterator[tuple[str, str]]:
    """Yield, for each keyword, an IKE and an ESP proposal with it; an empty text where it has no place there."""
    for token in sorted(proposals.CIPHERS):
        yield f"{token}-sha256-modp2048" if token != "null" else "", f"{token}-sha256"
    for token in sorted(proposals.AEADS):
        yield f"{token}-prfsha256-modp2048" if "gmac" not in token else "", token
    for token in sorted(proposals.INTEGRITIES):
        yield f"aes256-{token}-prfsha256-modp2048", f"aes256-{token}"
    for token in sorted(proposals.PRFS):
        yield f"aes256-sha256-{token}-modp2048", ""
    for token in sorted(proposals.GROUPS):
        yield f"aes256-sha256-{token}", f"aes256gcm16-{token}"
    for token in sorted(proposals.SEQUENCES):
        yield "", f"aes256gcm16-{token}"


def test_charon_knows_every_keyword_of_proposals(charon: ViciCharon) -> None:
    made = list(combinations())
    assert len(made) >= 120
    for ike, esp in made:
        phase1 = {**PHASE1, **({"proposals": [ike]} if ike else {})}
        phase2 = {**PHASE2, "phase1": "paris", **({"proposals": [esp]} if esp else {})}
        loads_as_meant(charon, taken({"phase1": [phase1], "phase2": [phase2]}))
