# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A switch by routes alone: it leaves links and routes as a full run would, and needs neither charon nor nftables for it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.rerouting import by_routes_alone, reroute
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.stranded import Addresses
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.iproute2 import KernelRefused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import LockBusy
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.read import read_stored
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.roles import encode_roles
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import Stored
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, Config, apply, config
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host, with_program

OWN = {"fibre": "192.0.2.1", "lte": "192.0.2.100"}


def tunnels(mode: str = "hot", **of_links: str) -> Config:
    """Return two tunnels to one site, each with an address of its own and a link, and a fallback of the two."""
    phase1 = [
        {**PARIS, "name": name, "remote_endpoints": [peer], "xfrm_interface": name, "interfaces": [OWN[name]]}
        for name, peer in (("fibre", "198.51.100.2"), ("lte", "198.51.100.3"))
    ]
    networks = ["10.2.0.0/24", "2001:db8:2::/64"]
    children = [
        {**PARIS_LAN, "phase1": name, "remote_networks": networks, "local_networks": ["10.1.0.0/24", "2001:db8:1::/64"]}
        for name in OWN
    ]
    links = [{"name": name, "addresses": ["10.255.0.1/30"] if name == "fibre" else [], **of_links} for name in OWN]
    fallback = {"name": "paris", "primary": "fibre", "fallbacks": ["lte"], "mode": mode}
    return {**config(phase1, children, links), "fallbacks": [fallback]}


def in_use(host: FakeHost, name: str, **others: str) -> None:
    host.files.replace(host.paths.roles, encode_roles({"paris": name, **others}), 0o644)


def ways(host: FakeHost) -> set[tuple[str, str, int]]:
    return {
        (name, route.destination, route.metric)
        for name, link in host.kernel.links.items()
        for route in link.routes
        if name in OWN
    }


def gateway(mode: str = "hot", **of_links: str) -> FakeHost:
    host = with_program(wan_host())
    host.kernel.links["wan0"].addresses.append(f"{OWN['lte']}/32")
    apply(host, tunnels(mode, **of_links))
    host.reset()
    return host


def start_action(host: FakeHost) -> str:
    tree: dict[str, Any] = dict(host.charon.loaded["lte"])
    return str(tree["children"]["lan"]["start_action"])


def moved(host: FakeHost, known: Stored | None = None, addresses: Addresses | None = None) -> list[str] | None:
    done = reroute(host.host, ["paris"], program="a test", known=known, addresses=addresses or Addresses())
    return [str(step) for step in done.steps] if done.fallbacks else None


@pytest.mark.parametrize("mode", ["hot", "cold"])
@pytest.mark.parametrize("name", ["lte", "fibre"])
def test_links_and_routes_are_as_a_full_run_leaves_them(mode: str, name: str) -> None:
    host, other = gateway(mode=mode), gateway(mode=mode)
    for each in (host, other):
        in_use(each, "fibre" if name == "lte" else "lte")
        restore(each.host, with_daemon=True)
        in_use(each, name)
    before = ways(host)
    assert moved(host)
    assert not restore(other.host, with_daemon=True).failures
    assert ways(host) == ways(other) != before
    assert moved(host) == []


def test_nothing_else_is_looked_at_or_changed() -> None:
    host = gateway()
    in_use(host, "lte")
    known, reads = read_stored(host.host), host.firewall.reads
    host.reset()
    assert moved(host, known)
    assert not host.charon.commands
    assert host.firewall.reads == reads
    assert host.calls == ["run"]
    assert len(host.kernel.batches) == 1


def test_what_is_left_is_for_a_full_run() -> None:
    host = gateway(mode="cold")
    in_use(host, "lte")
    assert moved(host)
    assert start_action(host) == "none"
    assert not restore(host.host, with_daemon=True).failures
    assert start_action(host) != "none"
    assert moved(host) == []


def test_an_address_that_counts_as_absent_does() -> None:
    """Its tunnel was ended for the lack of it, and is not given traffic though it has come back meanwhile."""
    host = gateway()
    in_use(host, "lte")
    own = Addresses(latest=frozenset(OWN.values()), absent={OWN["lte"]})
    assert moved(host, addresses=own)
    assert not [route for route in ways(host) if route[0] == "lte"]


def test_the_generation_in_force_is_the_one_that_is_gone_by() -> None:
    host = gateway()
    known = read_stored(host.host)
    more = tunnels()
    for child in more["phase2"]:
        child["remote_networks"] = ["10.9.0.0/24"]
    apply(host, more)
    in_use(host, "lte")
    assert moved(host, known)
    assert {destination for _name, destination, _metric in ways(host)} == {"10.9.0.0/24"}


def test_after_a_run_that_was_stopped_nothing_is_done() -> None:
    probe, host = gateway(), gateway()
    apply(probe, tunnels("cold"))
    host.fail_at = (probe.calls.index("load_connection"), KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        apply(host, tunnels("cold"))
    host.reset()
    before = ways(host)
    in_use(host, "lte")
    assert moved(host) is None
    assert ways(host) == before


def test_a_lock_that_is_held_is_not_waited_for() -> None:
    host = gateway()
    host.files.locked_by = "process 7, ipsec_gateway"
    with pytest.raises(LockBusy, match="process 7"):
        moved(host)


def test_what_the_kernel_refuses_is_told() -> None:
    host = gateway()
    in_use(host, "lte")
    host.fail_at = (0, KernelRefused("ip route replace: No such process", 0))
    with pytest.raises(KernelRefused, match="No such process"):
        moved(host)


def test_of_many_those_that_have_to_do_with_the_same_links_are_looked_at() -> None:
    """Another tunnel by a link of the fallback keeps its routes, as does the fallback that this one is a member of."""
    wanted = tunnels()
    more = {"guest": "fibre", "other": "cable", "apart": "alone"}
    for number, (name, link) in enumerate(more.items(), start=4):
        phase1 = {
            **wanted["phase1"][0],
            "name": name,
            "xfrm_interface": link,
            "remote_endpoints": [f"198.51.100.{number}"],
        }
        wanted["phase1"].append(phase1)
        wanted["phase2"].append({**PARIS_LAN, "phase1": name, "remote_networks": [f"10.{number}.0.0/24"]})
    wanted["xfrm_interfaces"] += [{"name": "cable", "link_state": "sa"}, {"name": "alone"}]
    checked = {"ping_check": True, "ping_address": ["10.5.0.1"], "ping_fallback": True}
    wanted["fallbacks"].append({"name": "more", "primary": "other", "fallbacks": ["guest"], "mode": "hot", **checked})
    hosts = []
    for _each in range(2):
        host = with_program(wan_host())
        host.kernel.links["wan0"].addresses.append(f"{OWN['lte']}/32")
        apply(host, wanted)
        in_use(host, "lte", more="guest")
        hosts.append(host)
    del hosts[0].kernel.links["alone"]
    followed = hosts[0].kernel.links["cable"].told()
    assert moved(hosts[0])
    assert hosts[0].kernel.links["cable"].told() == followed
    assert not restore(hosts[1].host, with_daemon=True).failures
    found = [{name: each.kernel.links[name].told() for name in OWN} for each in hosts]
    assert found[0] == found[1]
    assert "alone" not in hosts[0].kernel.links


@pytest.mark.parametrize("state", ["follow", "sa", "down"])
def test_routes_of_a_link_that_follows_its_tunnel_come_with_that(state: str) -> None:
    assert not by_routes_alone(parse_gateway(tunnels(link_state=state)), ["paris"])


def with_another(link: str | None) -> Config:
    """Return the two tunnels with links and their fallback, and another one: its primary has this link, its fallback none."""
    wanted = tunnels()
    for number, name in enumerate(("rome", "rome2"), start=4):
        theirs: Config = {"name": name, "remote_endpoints": [f"198.51.100.{number}"]}
        theirs["xfrm_interface"] = link if name == "rome" else None
        wanted["phase1"].append({**wanted["phase1"][0], **theirs})
        wanted["phase2"].append({**PARIS_LAN, "phase1": name, "remote_networks": ["10.4.0.0/24"]})
    wanted["fallbacks"].append({"name": "rome", "primary": "rome", "fallbacks": ["rome2"], "mode": "cold"})
    return wanted


def test_one_that_needs_a_full_run_is_left_to_that_and_keeps_no_other() -> None:
    host = gateway()
    apply(host, with_another(None))
    in_use(host, "lte", rome="rome2")
    before = ways(host)
    done = reroute(host.host, ["paris", "rome"], program="a test", known=None, addresses=Addresses())
    assert done.fallbacks == {"paris"}
    assert done.steps
    assert ways(host) != before
    before = ways(host)
    assert not restore(host.host, with_daemon=True).failures
    assert ways(host) == before


def test_those_that_share_a_link_move_together_or_not_at_all() -> None:
    """The other one's routes would leave the link, and come with the full run alone where they are to go."""
    host = gateway()
    apply(host, with_another("fibre"))
    in_use(host, "lte", rome="rome2")
    before = ways(host)
    done = reroute(host.host, ["paris", "rome"], program="a test", known=None, addresses=Addresses())
    assert (done.fallbacks, done.steps, ways(host)) == (frozenset(), (), before)
    in_use(host, "lte", rome="rome")
    assert moved(host)


@pytest.mark.parametrize(("with_link", "decide"), [(("fibre", "lte"), True), (("fibre",), False), ((), False)])
def test_routes_decide_where_each_tunnel_has_a_link(with_link: tuple[str, ...], decide: bool) -> None:
    wanted = tunnels("cold")
    for each in wanted["phase1"]:
        each["xfrm_interface"] = each["name"] if each["name"] in with_link else None
    found = parse_gateway(wanted)
    assert by_routes_alone(found, ["paris", "nobody"]) == ({"paris", "nobody"} if decide else {"nobody"})
