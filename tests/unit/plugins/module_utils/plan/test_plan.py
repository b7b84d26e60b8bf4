# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: what is there, what is wanted, the steps between them; beside each the case where there is nothing to do."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Artifacts, Link, LinkRoute
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileState
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import (
    LiveChild,
    LiveSa,
    Observed,
    ObservedDaemon,
    ObservedGuard,
    ObservedLink,
    ObservedRoute,
    Stored,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.difference import plan
from ansible_collections.swanfleet.ipsec.plugins.module_utils.plan.kernel import plan_links
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import (
    INTERFACE,
    PARIS,
    PARIS_LAN,
    ROME,
    ROME_LAN,
    Config,
    config,
)

STATE = DaemonState("charon-systemd", "5.9.8", (), "", 0, start_id="boot/7/1")
SITUATION = Situation(b"k" * 32, {"wan0": ("192.0.2.1",)}, {4: "wan0"}, {"ipsec-paris": 7, "other": 8})
NOTHING = config([], [])
PARIS_ONLY = config([PARIS], [PARIS_LAN], [INTERFACE])
ROME_ONLY = config([ROME], [ROME_LAN])
BOTH = config([PARIS, ROME], [PARIS_LAN, ROME_LAN], [INTERFACE])
LINK = ObservedLink(
    "ipsec-paris", "xfrm", ours=True, if_id=7, mtu=1500, up=True, addresses=("10.255.0.1/30",),
    routes=(ObservedRoute("10.2.0.0/24", 0, 254, None),),
)  # fmt: skip


def wanted(wish: Config) -> Artifacts:
    return artifacts(parse_gateway(wish), SITUATION)


def there(wish: Config, **changes: Any) -> Observed:
    """Return a host on which a configuration is wholly applied, but for `changes` of the observation or the daemon."""
    made = wanted(wish)
    daemon = ObservedDaemon(
        STATE,
        frozenset(made.connections),
        made.parts,
        frozenset(made.shared),
    )
    of_daemon = {key: changes.pop(key) for key in ("connections", "loaded", "shared", "unloaded") if key in changes}
    files = {role: FileState(file.encoded, file.mode, 0) if file.needed else None for role, file in made.files.items()}
    observed = Observed(
        stored=Stored(number=1, gateway=parse_gateway(wish)),
        situation=SITUATION,
        files=files,
        links={"ipsec-paris": LINK} if made.links else {},
        daemon=dataclasses.replace(daemon, **of_daemon),
        guard=ObservedGuard(made.guard.routes),
    )
    return dataclasses.replace(observed, **changes)


def steps(wish: Config, observed: Observed) -> list[str]:
    return [str(step) for step in plan(wanted(wish), observed, {}).steps]


FILES = ["write file secrets", "write file connections"]
GUARD = "add guard unreachable 10.2.0.0/24"
LOAD_PARIS = ["load secret ike-paris", "load connection paris"]


@pytest.mark.parametrize(
    ("wish", "present", "expected"),
    [
        pytest.param(NOTHING, there(NOTHING), [], id="nothing is wanted and nothing is there"),
        pytest.param(BOTH, there(BOTH), [], id="an unchanged gateway is left alone"),
        pytest.param(BOTH, there(ROME_ONLY), [
            *FILES, GUARD, "add link ipsec-paris", "add address 10.255.0.1/30 on ipsec-paris",
            "add route 10.2.0.0/24 by ipsec-paris", *LOAD_PARIS], id="a new tunnel: files, link, secret, connection"),
        pytest.param(ROME_ONLY, there(BOTH), [
            *FILES, "unload secret ike-paris", "unload connection paris", "remove link ipsec-paris",
            "remove guard unreachable 10.2.0.0/24"],
            id="a tunnel goes, the link last"),
        pytest.param(NOTHING, there(ROME_ONLY), [
            "remove file secrets", "remove file connections", "unload secret ike-rome", "unload connection rome"],
            id="the last goes, and the files with it"),
        pytest.param(config([{**ROME, "lifetime": "2h"}], [ROME_LAN]), there(ROME_ONLY), [
            "write file connections", "reload connection rome"], id="a changed one is loaded in its place"),
        pytest.param(config([{**ROME, "psk": "new"}], [ROME_LAN]), there(ROME_ONLY), [
            "write file secrets", "load secret ike-rome", "unload secret ike-rome"], id="a new secret, then the old one"),
        pytest.param(config([{**ROME, "psk": "new", "lifetime": "2h"}], [ROME_LAN]), there(ROME_ONLY), [
            *FILES, "load secret ike-rome", "unload secret ike-rome", "reload connection rome"],
            id="charon has no old key left when it loads"),
        pytest.param(ROME_ONLY, there(ROME_ONLY, connections=frozenset()), ["load connection rome"], id="charon lost it"),
        pytest.param(ROME_ONLY, there(ROME_ONLY, loaded={}), ["unload connection rome", "load connection rome"],
                     id="what cannot be proven is loaded afresh"),
        pytest.param(ROME_ONLY, there(ROME_ONLY, shared=frozenset()), ["load secret ike-rome"], id="charon lost the secret"),
        pytest.param(ROME_ONLY, there(ROME_ONLY, connections=frozenset({"rome", "theirs"}), shared=frozenset(
                     {*wanted(ROME_ONLY).shared, "ike-theirs", "x"})), [], id="what others loaded is theirs"),
        pytest.param(ROME_ONLY, there(ROME_ONLY, connections=frozenset({"rome", "old"}), loaded={
                     **wanted(ROME_ONLY).parts, "old": wanted(ROME_ONLY).parts["rome"]}), ["unload connection old"],
                     id="what the record calls ours goes"),
        pytest.param(ROME_ONLY, there(ROME_ONLY, connections=frozenset({"rome", "half"}), stored=Stored(
                     1, parse_gateway(ROME_ONLY), unfinished_connections=frozenset({"half"}), unfinished=True)), [
                     "unload connection half"], id="what an unfinished run loaded goes"),
        pytest.param(ROME_ONLY, there(ROME_ONLY, unloaded=frozenset({"old"})), [],
                     id="what a killed run has unloaded is gone"),
        pytest.param(ROME_ONLY, there(NOTHING, unloaded=frozenset({"rome"})), [
                     *FILES, "load secret ike-rome", "load connection rome"], id="and comes again where it is wanted"),
        pytest.param(BOTH, there(BOTH, daemon=None), [], id="without a daemon only files and links"),
        pytest.param(BOTH, there(NOTHING, daemon=None), [*FILES, GUARD, "add link ipsec-paris", ("add address 10.255.0.1/30 on "
                     "ipsec-paris"), "add route 10.2.0.0/24 by ipsec-paris"], id="without a daemon, files and links all the same"),
    ],
)  # fmt: skip
def test_steps(wish: Config, present: Observed, expected: list[str]) -> None:
    assert steps(wish, present) == expected


def test_sas_of_what_a_killed_run_has_unloaded_follow_all_the_same() -> None:
    sa = LiveSa(1, established=True, busy=False, children=(LiveChild("lan", 2, up=True),))
    observed = there(ROME_ONLY, unloaded=frozenset({"old", "rome"}), connections=frozenset(), loaded={})
    assert plan(wanted(ROME_ONLY), observed).unsettled == ("rome", "old")
    told = plan(wanted(ROME_ONLY), observed, {"old": (sa,), "rome": (sa,)})
    assert [str(step) for step in told.steps] == ["restart sa rome", "end sa old"]
    assert told.disruption == {"rome": "reestablish", "old": "end"}


@pytest.mark.parametrize(
    ("role", "state", "written"),
    [
        pytest.param("secrets", lambda _found: None, True, id="missing"),
        pytest.param("connections", lambda found: FileState(found.content + b"#", found.mode, 0), True, id="edited"),
        pytest.param("secrets", lambda found: FileState(found.content, 0o644, 0), True, id="readable by others"),
        pytest.param("secrets", lambda found: FileState(found.content, found.mode, 99), False, id="another time"),
    ],
)
def test_files(*, role: str, state: Any, written: bool) -> None:
    observed = there(BOTH)
    observed = dataclasses.replace(observed, files={**observed.files, role: state(observed.files[role])})
    assert steps(BOTH, observed) == ([f"write file {role}"] if written else [])


def commands(interface: Config, link: ObservedLink) -> list[str]:
    wish = config([PARIS], [PARIS_LAN], [interface])
    found = plan(wanted(wish), there(BOTH, links={"ipsec-paris": link, "other": OTHER})).steps
    return [
        " ".join(command) for step in found if step.layer in ("link", "address", "route") for command in step.commands
    ]


OTHER = ObservedLink("other", "xfrm", ours=False, if_id=99, mtu=1500)
DEFAULT = "route replace 10.2.0.0/24 dev ipsec-paris table 254 metric 0 proto 83"
ADDRESS = "address replace 10.255.0.1/30 dev ipsec-paris"
ADD = [
    "link add dev ipsec-paris type xfrm if_id 7", "link set dev ipsec-paris alias swanfleet",
    "link set dev ipsec-paris up", ADDRESS, DEFAULT,
]  # fmt: skip
LOST_ALL = ["address flush dev ipsec-paris to 10.255.0.1", "address replace 10.255.0.2/30 dev ipsec-paris", DEFAULT]


@pytest.mark.parametrize(
    ("interface", "link", "expected"),
    [
        pytest.param(INTERFACE, LINK, [], id="unchanged"),
        pytest.param(INTERFACE, dataclasses.replace(LINK, up=False), ["link set dev ipsec-paris up", DEFAULT],
                     id="a link that is down has lost its routes"),
        pytest.param(INTERFACE, dataclasses.replace(LINK, unmarked=True), ["link set dev ipsec-paris alias swanfleet"],
                     id="a link that a killed run left without our mark"),
        pytest.param(INTERFACE, dataclasses.replace(LINK, unmarked=True, if_id=6), ["link delete dev ipsec-paris", *ADD],
                     id="one with a number that is not wanted any more"),
        pytest.param(INTERFACE, dataclasses.replace(LINK, if_id=6), ["link delete dev ipsec-paris", *ADD], id="if_id"),
        pytest.param({**INTERFACE, "parent": "wan0", "mtu": 1400}, LINK, [
            "link delete dev ipsec-paris", "link add dev ipsec-paris type xfrm dev wan0 if_id 7", ADD[1],
            "link set dev ipsec-paris mtu 1400", *ADD[2:]], id="parent"),
        pytest.param({**INTERFACE, "mtu": 1400}, LINK, ["link set dev ipsec-paris mtu 1400"], id="mtu"),
        pytest.param(INTERFACE, dataclasses.replace(LINK, mtu=1400), ["link set dev ipsec-paris mtu 1500"], id="no mtu"),
        pytest.param({**INTERFACE, "addresses": ["10.255.0.2/30"]}, LINK, LOST_ALL,
                     id="an address that moves takes the routes along"),
        pytest.param({**INTERFACE, "addresses": ["10.255.0.2/30"]}, dataclasses.replace(LINK, addresses=(
                     "10.255.0.1/30", "10.255.0.2/30")), LOST_ALL, id="and others of its subnet"),
        pytest.param({**INTERFACE, "addresses": [*INTERFACE["addresses"], "2001:db8::1/64"]}, LINK, [
            "address replace 2001:db8::1/64 dev ipsec-paris nodad"], id="a new address"),
        pytest.param(INTERFACE, dataclasses.replace(LINK, addresses=(*LINK.addresses, "fe80::1/64")), [],
                     id="the kernel's own link-local address"),
        pytest.param(INTERFACE, dataclasses.replace(LINK, addresses=(*LINK.addresses, "169.254.7.1/30")), [
            "address flush dev ipsec-paris to 169.254.7.1", ADDRESS, DEFAULT], id="one of IPv4 is nobody's own"),
        pytest.param({**INTERFACE, "addresses": [*INTERFACE["addresses"], "fe80::2/64"]}, dataclasses.replace(
                     LINK, addresses=(*LINK.addresses, "fe80::1/64")), ["address replace fe80::2/64 dev ipsec-paris nodad"],
                     id="a link-local address of the user's"),
        pytest.param(INTERFACE, dataclasses.replace(LINK, addresses=(*LINK.addresses, "2001:db8::1/64")), [
            "address flush dev ipsec-paris to 2001:db8::1"], id="an IPv6 address takes nothing along"),
        pytest.param({**INTERFACE, "routes": [{"destination": "10.2.0.0/24", "source": "10.255.0.1"}]}, LINK, [
            DEFAULT + " src 10.255.0.1"], id="a source"),
        pytest.param({**INTERFACE, "routes": [{"destination": "::/0", "metric": 5, "table": 100}]}, LINK, [
            "route add ::/0 dev ipsec-paris table 100 metric 5 proto 83"], id="a new route"),
        pytest.param(INTERFACE, dataclasses.replace(LINK, routes=(*LINK.routes, ObservedRoute("10.9.0.0/24", 5, 100, None))), [
            "route delete 10.9.0.0/24 dev ipsec-paris table 100 metric 5 proto 83"], id="a route that nobody wants"),
        pytest.param({**INTERFACE, "mtu": 576}, dataclasses.replace(LINK, addresses=(*LINK.addresses, "2001:db8::1/64")), [
            "address flush dev ipsec-paris to 2001:db8::1", "link set dev ipsec-paris mtu 576"],
            id="what goes goes before the kernel takes it"),
    ],
)  # fmt: skip
def test_links(interface: Config, link: ObservedLink, expected: list[str]) -> None:
    assert commands(interface, link) == expected


@pytest.mark.parametrize(
    ("observed", "message"),
    [
        pytest.param(there(NOTHING, connections=frozenset({"paris"})), "phase1 paris: name is 'paris': charon has a "
                     "connection of this name that is not ours; choose another name, or remove the connection from its own "
                     "file under /etc/swanctl first", id="a connection"),
        pytest.param(there(NOTHING, links={"ipsec-paris": ObservedLink("ipsec-paris", "bridge", ours=False)}),
                     "xfrm_interface ipsec-paris: name is 'ipsec-paris': the host has a link of this name that is no XFRM "
                     "interface (bridge); choose another name", id="a link"),
        pytest.param(there(NOTHING, links={"ipsec-paris": ObservedLink("ipsec-paris", "", ours=True)}),
                     "xfrm_interface ipsec-paris: name is 'ipsec-paris': the host has a link of this name that is no XFRM "
                     "interface (a device); choose another name", id="a device, whatever its alias"),
        pytest.param(there(NOTHING, links={"ipsec-paris": dataclasses.replace(LINK, ours=False)}),
                     "xfrm_interface ipsec-paris: name is 'ipsec-paris': the host has an XFRM interface of this name that is not "
                     "ours (if_id 7, parent none); choose another name, or remove it first with 'ip link delete dev ipsec-paris'",
                     id="an XFRM interface, also with the wanted number"),
        pytest.param(there(NOTHING, links={"ipsec-paris": ObservedLink("ipsec-paris", "xfrm", False, if_id=6, parent="wan0")}),
                     "xfrm_interface ipsec-paris: name is 'ipsec-paris': the host has an XFRM interface of this name that is not "
                     "ours (if_id 6, parent wan0); choose another name, or remove it first with 'ip link delete dev ipsec-paris'",
                     id="an XFRM interface with another number"),
        pytest.param(there(NOTHING, links={"x": ObservedLink("x", "xfrm", ours=False, if_id=7)}),
                     "xfrm_interface ipsec-paris: if_id is 7: link x of the host, which is not ours, has this number; choose "
                     "another, or leave it out", id="an if_id"),
    ],
)  # fmt: skip
def test_what_is_not_ours_is_refused(observed: Observed, message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        plan(wanted(PARIS_ONLY), observed)
    assert str(refused.value) == message


def test_links_of_others_are_left_alone() -> None:
    links = {
        "theirs": ObservedLink("theirs", "xfrm", ours=False, if_id=9),
        "wan0": ObservedLink("wan0", "veth", ours=True),
        "left": ObservedLink("left", "xfrm", ours=True, if_id=10),
    }
    assert steps(NOTHING, there(NOTHING, links=links)) == ["remove link left"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param({"a": 7}, [], id="unchanged"),
        pytest.param({"b": 7}, ["delete a", "add b 7"], id="another name for the number"),
        pytest.param({"b": 8}, ["add b 8", "delete a"], id="another link, the old one last"),
        pytest.param({"a": 8}, ["delete a", "add a 8"], id="another number"),
    ],
)
def test_a_number_is_free_before_it_is_used_again(names: dict[str, int], expected: list[str]) -> None:
    assert link_commands({"a": 7}, names) == expected


def test_links_may_swap_their_numbers() -> None:
    assert link_commands({"a": 7, "b": 8}, {"a": 8, "b": 7}) == ["delete a", "delete b", "add a 8", "add b 7"]


def link_commands(before: dict[str, int], after: dict[str, int]) -> list[str]:
    """Return what is deleted and added from some links to others, given by their numbers."""
    links = {
        name: ObservedLink(name, "xfrm", ours=True, if_id=number, mtu=1500, up=True) for name, number in before.items()
    }
    wish = config([], [], [{"name": name, "if_id": number} for name, number in after.items()])
    gateway = parse_gateway(wish)
    found = plan(artifacts(gateway, dataclasses.replace(SITUATION, if_ids=after)), there(NOTHING, links=links)).steps
    words = [command for step in found for command in step.commands if command[1] in ("add", "delete")]
    return [" ".join((command[1], command[3], *command[7:])) for command in words]


def test_a_step_shows_no_key_and_no_command() -> None:
    data = [step.as_data() for step in plan(wanted(PARIS_ONLY), there(NOTHING)).steps]
    assert data[2] == {"action": "add", "layer": "guard", "object": "unreachable 10.2.0.0/24"}
    assert data[3] == {"action": "add", "layer": "link", "object": "ipsec-paris"}
    assert data[6] == {"action": "load", "layer": "secret", "object": "ike-paris"}


@pytest.mark.parametrize(("held", "wanted"), [("a0", "b0"), ("b0", "a0")])
def test_a_route_comes_to_another_link_without_a_gap(held: str, wanted: str) -> None:
    route = ObservedRoute("10.2.0.0/24", 0, 254, None)
    present = {
        name: ObservedLink(name, "xfrm", True, if_id=number, mtu=1500, up=True, routes=(route,) if name == held else ())
        for number, name in enumerate(("a0", "b0"), start=1)
    }
    links = {
        name: Link(name, number, None, None, (), (LinkRoute("10.2.0.0/24", 0, 254),) if name == wanted else ())
        for number, name in enumerate(("a0", "b0"), start=1)
    }
    build, _remove = plan_links(links, present)
    verbs = [(command[1], command[4]) for step in build for command in step.commands]
    assert verbs == [("replace", wanted)]


def test_the_routes_of_two_links_change_places_before_the_worse_one_goes() -> None:
    """The one in use is there at any moment, and the other one only after it."""
    better, worse = 0, 1_000_000
    present = {
        name: ObservedLink(
            name,
            "xfrm",
            True,
            if_id=number,
            mtu=1500,
            up=True,
            routes=(ObservedRoute("10.2.0.0/24", metric, 254, None),),
        )
        for number, (name, metric) in enumerate((("a0", better), ("b0", worse * 2)), start=1)
    }
    links = {
        name: Link(name, number, None, None, (), (LinkRoute("10.2.0.0/24", metric, 254),))
        for number, (name, metric) in enumerate((("a0", worse), ("b0", better)), start=1)
    }
    build, _remove = plan_links(links, present)
    assert [(command[1], command[4], command[8]) for step in build for command in step.commands] == [
        ("add", "a0", "1000000"),
        ("replace", "b0", "0"),
        ("delete", "b0", "2000000"),
    ]


class Counted(frozenset[str]):
    """A set that counts how often another one is made of it."""

    made = 0

    def __or__(self, other: Any) -> frozenset[str]:
        Counted.made += 1
        return super().__or__(other)


def joined_for(count: int) -> int:
    """Return how often a plan for so many connections, all of them changed, makes a set of all names."""
    names = [f"peer{number}" for number in range(count)]
    lans = [{**ROME_LAN, "phase1": name} for name in names]
    before = config([{**ROME, "name": name, "remote_id": f"fqdn:{name}.example.com"} for name in names], lans)
    after = wanted({**before, "phase1": [{**each, "lifetime": "2h"} for each in before["phase1"]]})
    Counted.made = 0
    observed = there(before, connections=Counted(names), unloaded=Counted())
    assert len(plan(after, observed).steps) == count + 1
    return Counted.made


def test_a_set_of_all_names_is_not_made_for_each_of_them() -> None:
    assert joined_for(40) == joined_for(4) > 0
