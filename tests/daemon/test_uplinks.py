# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two uplinks on a real kernel, the default route by the first: what leaves by which, and that nothing else is touched.

The peer has an address behind both lines, and counts what comes to it by each.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.agents import LINES, AgentHost, answer, gateway, two_lines
from ansible_collections.swanfleet.ipsec.tests.daemon.releases import HOST

pytestmark = [pytest.mark.charon, pytest.mark.root]

FAR = {4: "203.0.113.9", 6: "2001:db8:99::9"}
OWN = {4: {"paris": "192.0.2.1", "lyon": "198.51.100.1"}, 6: {"paris": "2001:db8:1::1", "lyon": "2001:db8:2::1"}}
GATEWAYS = {"paris": ["192.0.2.2", "2001:db8:1::2"], "lyon": ["198.51.100.2", "2001:db8:2::2"]}
UPLINKS = {"uplinks": [{"interface": name, "gateways": hops} for name, hops in GATEWAYS.items()]}
NOTHING: dict[str, Any] = {"phase1": [], "phase2": [], "fallbacks": [], "xfrm_interfaces": []}
# What somebody else has, and keeps.
FOREIGN = ("from 192.0.2.77 lookup 7 priority 8301", "from 198.51.100.1 fwmark 0x7 lookup 7 priority 9000")
# What charon sends: IKE, and ESP in UDP, which it makes itself here. How the kernel sends its own is shown in the lab.
CHARON, PING = "charon", "ping"


@pytest.fixture
def release() -> str:
    return HOST


@pytest.fixture
def host(release: str) -> Iterator[AgentHost]:
    """Return a gateway with two uplinks, and no agent; its default routes lead to Paris."""
    with tempfile.TemporaryDirectory(prefix="swf-", dir="/tmp") as root, two_lines(Path(root), release=release) as made:
        for number, name in enumerate(LINES, start=1):
            for end, process in enumerate((made.here, made.there), start=1):
                process.inside("ip", "address", "add", f"2001:db8:{number}::{end}/64", "dev", name, "nodad")
        for address in (f"{FAR[4]}/32", f"{FAR[6]}/128"):
            made.there.inside("ip", "address", "add", address, "dev", "lo")
        made.here.inside("ip", "route", "add", "default", "via", GATEWAYS["paris"][0])
        made.here.inside("ip", "-6", "route", "add", "default", "via", GATEWAYS["paris"][1])
        for rule in FOREIGN:
            made.here.inside("ip", "rule", "add", *rule.split())
        made.there.inside("nft", _counting())
        yield made


def _counting() -> str:
    """Return a table that counts what comes to the peer by each line, by its kind."""
    kinds = {CHARON: "udp dport { 500, 4500 }", PING: "meta l4proto { icmp, ipv6-icmp }"}
    lines = ["add table inet seen", "add chain inet seen in { type filter hook prerouting priority -300; }"]
    for name in LINES:
        for kind, match in kinds.items():
            lines.append(f"add counter inet seen {name}-{kind}")
            for ip, far in (("ip", FAR[4]), ("ip6", FAR[6])):
                lines.append(
                    f'add rule inet seen in iifname "{name}" {ip} daddr {far} {match} counter name {name}-{kind}'
                )
    return "\n".join(lines)


def seen(host: AgentHost, kind: str) -> set[str]:
    """Return by which lines something of a kind has come since somebody asked."""
    told = json.loads(host.there.inside("nft", "-j", "reset", "counters", "table", "inet", "seen"))["nftables"]
    counted = {each["counter"]["name"]: each["counter"]["packets"] for each in told if "counter" in each}
    return {name for name in LINES if counted[f"{name}-{kind}"]}


def comes_by(host: AgentHost, family: int, *options: str) -> set[str]:
    """Return by which lines an echo request comes to the peer."""
    seen(host, PING)
    # Whether it is answered is not asked; where it has no way, ping says so by its exit code.
    host.here.inside("sh", "-c", f"ping -{family} -n -c 1 -W 1 {' '.join(options)} {FAR[family]} || true")
    return seen(host, PING)


def rules(host: AgentHost) -> list[str]:
    return [line for family in ("-4", "-6") for line in host.here.inside("ip", family, "rule", "show").splitlines()]


def ours(host: AgentHost) -> list[str]:
    return [line for line in rules(host) if line.endswith("proto 83")]


def everything(host: AgentHost) -> list[str]:
    """Return all rules, and all routes but those of charon and of the kernel."""
    tables = [host.here.inside("ip", family, "route", "show", "table", "all") for family in ("-4", "-6")]
    routes = [
        line for text in tables for line in text.splitlines() if "proto kernel" not in line and "table 220" not in line
    ]
    return sorted([*rules(host), *routes])


@pytest.mark.proves("S40", option="uplinks")
@pytest.mark.parametrize("family", [4, 6])
def test_a_packet_from_an_uplinks_address_leaves_by_it(host: AgentHost, family: int) -> None:
    own = OWN[family]

    def by_all() -> list[set[str]]:
        ways = ((), ("-I", own["paris"]), ("-I", own["lyon"]))
        return [comes_by(host, family, *options) for options in ways]

    before = everything(host)
    assert by_all() == [{"paris"}, {"paris"}, {"paris"}], "without uplinks all goes by the default route"
    host.apply({**NOTHING, **UPLINKS})
    assert by_all() == [{"paris"}, {"paris"}, {"lyon"}]
    assert comes_by(host, family, "-I", "lyon") == {"lyon"}
    assert set(before) < set(everything(host))
    host.apply(NOTHING)
    assert everything(host) == before
    assert by_all() == [{"paris"}, {"paris"}, {"paris"}]


@pytest.mark.proves("S40", option="uplinks")
def test_what_is_on_the_link_needs_no_gateway(host: AgentHost) -> None:
    host.apply({**NOTHING, **UPLINKS})
    for own in OWN.values():
        for name, there in (("paris", "192.0.2.2"), ("lyon", "198.51.100.2")):
            if "." in own[name]:
                told = host.here.inside("ip", "route", "get", there, "from", own["lyon"])
                assert (f"dev {name}" in told, "via" in told) == (True, False)


@pytest.mark.proves("S40", option="uplinks")
def test_a_broken_uplink_is_not_left_by_another_one(host: AgentHost) -> None:
    host.apply({**NOTHING, **UPLINKS})
    host.here.inside("ip", "route", "delete", "default", "via", GATEWAYS["lyon"][0], "table", "8300")
    assert comes_by(host, 4, "-I", OWN[4]["lyon"]) == set()
    assert comes_by(host, 4, "-I", OWN[4]["paris"]) == {"paris"}


@pytest.mark.proves("S40", option="uplinks")
def test_a_rule_or_route_that_is_deleted_is_put_back_and_others_stay_as_they_are(host: AgentHost) -> None:
    host.apply({**NOTHING, **UPLINKS})
    whole = everything(host)
    assert len(ours(host)) == 2 * 2 * 4
    for rule in ("-4 rule delete from 198.51.100.1 table 8300", "-6 rule delete oif lyon table 8300"):
        host.here.inside("ip", *rule.split())
    host.here.inside("ip", "route", "flush", "table", "8300")
    assert everything(host) != whole
    host.run("restore")
    assert everything(host) == whole
    host.here.inside(
        "sh", "-c", "for f in -4 -6; do for n in 1 2 3 4 5 6 7 8; do ip $f rule delete protocol 83; done; done"
    )
    host.run("restore", "--before-charon")
    assert everything(host) == whole


@each_release.EACH
@pytest.mark.proves("S40", option="uplinks")
def test_ike_and_esp_leave_by_the_uplink_of_their_address(host: AgentHost) -> None:
    lyon = {**gateway(None)["phase1"][1], "interfaces": ["lyon"], "remote_endpoints": [FAR[4]], "init_type": "none"}
    lone = {**NOTHING, "phase1": [lyon], "phase2": gateway(None)["phase2"][1:]}
    answer(host.there, ["lyon"], local=FAR[4])
    for more, way in ((NOTHING, "paris"), (UPLINKS, "lyon")):
        host.apply({**lone, "uplinks": more.get("uplinks", [])})
        seen(host, CHARON)
        with host.here.client() as charon:
            charon.initiate(ike="lyon", child="lan", timeout_ms=5000)
        assert host.source("lyon") == OWN[4]["lyon"]
        assert seen(host, CHARON) == {way}
        host.here.inside("ping", "-n", "-c", "2", "-i", "0.2", "-W", "5", "-I", "10.1.0.1", "10.2.0.1")
        assert seen(host, CHARON) == {way}
        with host.here.client() as charon:
            charon.terminate(ike="lyon", timeout_ms=5000)


@each_release.EACH
@pytest.mark.proves("S40", option="uplinks")
def test_a_connection_without_interfaces_keeps_to_the_default_route(host: AgentHost) -> None:
    """charon takes its source from the best default route of all tables (kernel_netlink_net.c, get_route)."""
    paris = {**gateway(None)["phase1"][0], "interfaces": ["any"], "remote_endpoints": [FAR[4]], "init_type": "none"}
    answer(host.there, ["paris"], local=FAR[4])
    host.apply({**NOTHING, **UPLINKS, "phase1": [paris], "phase2": gateway(None)["phase2"][:1]})
    for metric in ("0", "1024", "4294967293"):
        host.here.inside("ip", "route", "add", "default", "via", GATEWAYS["paris"][0], "metric", "77")
        host.here.inside("ip", "route", "flush", "default", "metric", "0")
        host.here.inside("ip", "route", "replace", "default", "via", GATEWAYS["paris"][0], "metric", metric)
        host.here.inside("ip", "route", "delete", "default", "metric", "77")
        with host.here.client() as charon:
            charon.initiate(ike="paris", child="lan", timeout_ms=5000)
            assert host.source("paris") == OWN[4]["paris"], metric
            charon.terminate(ike="paris", timeout_ms=5000)


@pytest.mark.proves("S40", option="uplinks")
def test_protected_networks_stay_in_their_tunnels_whatever_the_source(host: AgentHost) -> None:
    routed = gateway({}, hot=True)
    host.apply({**routed, **UPLINKS})

    def way(source: str) -> str:
        # That there is no way is an answer too, in words and by the exit code.
        return host.here.inside("sh", "-c", f"ip route get 10.2.0.1 from {source} 2>&1 || true")

    for source in OWN[4].values():
        assert "dev xparis" in way(source), way(source)
    for name in LINES:
        host.here.inside("ip", "link", "delete", "dev", f"x{name}")
    for source in OWN[4].values():
        assert "No route to host" in way(source), way(source)


@pytest.mark.proves("S40", option="uplinks")
def test_the_agent_follows_addresses_and_puts_back_what_is_deleted(host: AgentHost) -> None:
    host.apply({**NOTHING, **UPLINKS})
    host.start()
    whole = everything(host)
    host.here.inside("ip", "rule", "delete", "from", "198.51.100.1", "table", "8300")
    host.awaits(lambda: everything(host) == whole)
    # As DHCP does it.
    host.here.inside("ip", "address", "delete", "198.51.100.1/24", "dev", "lyon")
    host.here.inside("ip", "address", "add", "198.51.100.50/24", "dev", "lyon")
    host.awaits(lambda: any("198.51.100.50" in each for each in ours(host)))
    host.awaits(lambda: not any("198.51.100.1 " in each for each in ours(host)))
    assert comes_by(host, 4, "-I", "198.51.100.50") == {"lyon"}
    host.here.inside("ip", "link", "delete", "dev", "lyon")
    host.awaits(lambda: not any("lyon" in each or "lookup 8300" in each for each in ours(host)))
    assert "Traceback" not in host.said()
    assert {f"from {rule.split()[1]}" for rule in FOREIGN} <= {" ".join(each.split()[1:3]) for each in rules(host)}
