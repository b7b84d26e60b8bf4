# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine relies on in the kernel's links, addresses, routes and rules, held against the fake and the real one.

The real one is a network namespace made for each test. XFRM interfaces are tested where the kernel has them; a bridge
stands in for them elsewhere, since addresses and routes are not the link's business.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.iproute2 import IpRoute2, Kernel, KernelRefused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.kernel import (
    parse_addresses,
    parse_default_interfaces,
    parse_links,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.uplinks import (
    parse_source_rules,
    parse_uplink_routes,
)
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited
from ansible_collections.swanfleet.ipsec.tests.fakes.kernel import FakeKernel

_CLONE_NEWNET = 0x40000000
# What older kernels (Debian 12's 6.1) say, in the place of what newer ones do.
OLDER_WORDS = {
    "Error: ipv4: Address not found.": "RTNETLINK answers: Cannot assign requested address",
    "Error: ipv6: address not found.": "RTNETLINK answers: Cannot assign requested address",
}
NEEDS_XFRM = "this kernel has no XFRM interfaces; the lab runs this test"


def _libc(function: str, *arguments: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, function)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{function}: {os.strerror(ctypes.get_errno())}")


@pytest.fixture
def _own_network() -> Iterator[None]:
    """Put this thread, and the programs that it starts, in an empty network namespace for one test."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.fail("the kernel's half of this contract needs root and iproute2")
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _libc("unshare", _CLONE_NEWNET)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=10)
        yield
    finally:
        _libc("setns", home, _CLONE_NEWNET)
        os.close(home)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.root)])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    if request.param == "fake":
        return FakeKernel()
    request.getfixturevalue("_own_network")
    # No link-local addresses of the kernel's own: they come when they like.
    with open("/proc/sys/net/ipv6/conf/default/addr_gen_mode", "w") as mode:  # noqa: PTH123  # one write, no rename
        mode.write("1")
    return IpRoute2()


@pytest.fixture
def xfrm(kernel: Kernel) -> Kernel:
    try:
        run(kernel, "link add dev probe type xfrm if_id 4294967295", "link delete dev probe")
    except KernelRefused:
        pytest.skip(NEEDS_XFRM)
    return kernel


def run(kernel: Kernel, *commands: str) -> None:
    kernel.run([command.split() for command in commands])


def bridged(kernel: Kernel, *commands: str) -> Kernel:
    run(kernel, "link add dev t0 type bridge", "link set dev t0 up", *commands)
    return kernel


def seen(kernel: Kernel, name: str = "t0") -> tuple[tuple[str, ...], list[str]]:
    """Return addresses and routes of a link, as the engine reads them."""
    link = parse_links(kernel.interfaces(), kernel.routes(83))[name]
    return link.addresses, [
        f"{route.destination} table {route.table} metric {route.metric}" + (f" src {route.source}" * bool(route.source))
        for route in link.routes
    ]


def route(destination: str, rest: str = "table 254 metric 0", *, verb: str = "replace", dev: str = "t0") -> str:
    return f"route {verb} {destination} dev {dev} {rest.partition(' src')[0]} proto 83" + (
        " src" + rest.partition(" src")[2] if " src" in rest else ""
    )


A1, A2 = "address replace 10.255.0.1/30 dev t0", "address replace 10.255.0.2/30 dev t0"
A6 = "address replace 2001:db8::1/64 dev t0 nodad"


@pytest.mark.parametrize(
    ("commands", "addresses", "routes"),
    [
        pytest.param([A1, A6, A1], ("10.255.0.1/30", "2001:db8::1/64"), [], id="addresses, one of them twice"),
        pytest.param(
            [
                route("10.2.0.0/24"), route("10.4.0.1/32"), route("0.0.0.0/0", "table 101 metric 0"),
                route("2001:db8:2::/64", "table 254 metric 1024"), route("::/0", "table 101 metric 7"),
            ],
            (),
            [
                "0.0.0.0/0 table 101 metric 0", "::/0 table 101 metric 7",
                "10.2.0.0/24 table 254 metric 0", "10.4.0.1/32 table 254 metric 0",
                "2001:db8:2::/64 table 254 metric 1024",
            ],
            id="routes of both families, of hosts and of everything",
        ),
        pytest.param(
            [A1, route("10.2.0.0/24", "table 254 metric 0 src 10.255.0.1"), route("10.2.0.0/24")],
            ("10.255.0.1/30",), ["10.2.0.0/24 table 254 metric 0"], id="a replaced route loses its source",
        ),
        pytest.param(
            [route("10.2.0.0/24"), route("10.2.0.0/24", "table 254 metric 5"), route("10.2.0.0/24", verb="delete")],
            (), ["10.2.0.0/24 table 254 metric 5"], id="metrics make routes of their own",
        ),
        pytest.param(
            [A1, A2, route("10.2.0.0/24"), "address delete 10.255.0.1/30 dev t0"], (), [],
            id="the first address of a subnet takes the second along, the last IPv4 address all IPv4 routes",
        ),
        pytest.param(
            [A1, A2, route("10.2.0.0/24"), "address delete 10.255.0.2/30 dev t0"],
            ("10.255.0.1/30",), ["10.2.0.0/24 table 254 metric 0"], id="the second address goes alone",
        ),
        pytest.param(
            [A1, "address replace 10.254.0.1/24 dev t0", route("10.2.0.0/24", "table 254 metric 0 src 10.255.0.1"),
             route("10.3.0.0/24"), "address delete 10.255.0.1/30 dev t0"],
            ("10.254.0.1/24",), ["10.3.0.0/24 table 254 metric 0"], id="an address takes routes that it is source of",
        ),
        pytest.param(
            [A1, A2, A6, "address replace 10.255.0.1/24 dev t0", "address flush dev t0 to 10.255.0.1",
             "address flush dev t0 to 10.255.0.2", "address flush dev t0 to 2001:db8::9"],
            ("2001:db8::1/64",), [], id="a flush takes the address with any prefix, and none is no error",
        ),
        pytest.param(
            [A6, route("2001:db8:2::/64", "table 254 metric 1024 src 2001:db8::1"),
             "address delete 2001:db8::1/64 dev t0"],
            (), ["2001:db8:2::/64 table 254 metric 1024"], id="an IPv6 route outlives its source address",
        ),
        pytest.param(
            [A1, A6, route("10.2.0.0/24"), route("2001:db8:2::/64", "table 254 metric 1024"), "link set dev t0 down"],
            ("10.255.0.1/30",), [], id="a link that goes down keeps its IPv4 addresses only",
        ),
        pytest.param(
            [A1, A6, route("2001:db8:2::/64", "table 254 metric 1024"), "link set dev t0 mtu 1279"],
            ("10.255.0.1/30",), [], id="below 1280 octets there is no IPv6",
        ),
    ],
)  # fmt: skip
def test_what_is_there_after_commands(
    kernel: Kernel, commands: list[str], addresses: tuple[str, ...], routes: list[str]
) -> None:
    assert seen(bridged(kernel, *commands)) == (addresses, routes)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("link add dev t0 type bridge", "RTNETLINK answers: File exists"),
        ("link set dev t9 up", 'Cannot find device "t9"'),
        ("link delete dev t9", 'Cannot find device "t9"'),
        ("link set dev t0 mtu 67", "Error: mtu less than device minimum."),
        ("address replace 10.255.0.1/30 dev t9", 'Cannot find device "t9"'),
        ("address delete 10.255.0.9/30 dev t0", "Error: ipv4: Address not found."),
        ("address delete 2001:db8::9/64 dev t0", "Error: ipv6: address not found."),
        (route("10.9.0.0/24", verb="delete"), "RTNETLINK answers: No such process"),
        (route("2001:db8:9::/64", "table 254 metric 1024", verb="delete"), "RTNETLINK answers: No such process"),
        (route("10.9.0.0/24", "table 254 metric 0 src 192.0.2.9"), "Error: Invalid prefsrc address."),
        (route("2001:db8:9::/64", "table 254 metric 1024 src 2001:db8::9"), "Error: Invalid source address."),
        (route("10.9.0.0/24", dev="t1"), "Error: Device for nexthop is not up."),
        (route("2001:db8:9::/64", "table 254 metric 1024", dev="t1"), "Error: Nexthop device is not up."),
    ],
)
def test_a_batch_stops_at_the_command_that_is_refused_and_names_it(kernel: Kernel, command: str, reason: str) -> None:
    bridged(kernel, "link add dev t1 type bridge")
    with pytest.raises(KernelRefused) as refused:
        run(kernel, A1, command, A2)
    assert str(refused.value) in {f"ip {command}: {each}" for each in (reason, OLDER_WORDS.get(reason, reason))}
    assert refused.value.number == 1
    assert seen(kernel)[0] == ("10.255.0.1/30",)


@pytest.mark.parametrize("alias", ["to the head office", "Jean's", 'the "old" one', ""])
def test_an_alias_is_any_text_and_can_be_taken_away(kernel: Kernel, alias: str) -> None:
    bridged(kernel, "link set dev t0 alias swanfleet")
    kernel.run([("link", "set", "dev", "t0", "alias", alias)])
    [shown] = [each.get("ifalias", "") for each in kernel.interfaces() if each["ifname"] == "t0"]
    assert shown == alias


@pytest.mark.root
@pytest.mark.usefixtures("_own_network")
def test_an_alias_that_is_no_text_keeps_nothing_from_being_read_and_can_be_given_back() -> None:
    """The kernel takes any bytes (net/core/dev.c, dev_set_alias), such as those of another encoding."""
    kernel = bridged(IpRoute2())
    subprocess.run([b"ip", b"link", b"set", b"dev", b"t0", b"alias", b"B\xfcro"], check=True, timeout=10)
    alias = parse_links(kernel.interfaces(), [])["t0"].alias
    kernel.run([("link", "set", "dev", "t0", "alias", "swanfleet"), ("link", "set", "dev", "t0", "alias", alias)])
    shown = subprocess.run(
        ["ip", "-j", "link", "show", "dev", "t0"], check=True, timeout=10, capture_output=True
    ).stdout
    assert b'"ifalias":"B\xfcro"' in shown


@pytest.mark.parametrize("word", ["no. #7", '"both" and Jean\'s', "two\nlines"])
def test_a_word_that_a_batch_cannot_have_is_refused(word: str) -> None:
    with pytest.raises(KernelRefused, match="ip cannot be given the word"):
        IpRoute2().run([("link", "set", "dev", "t0", "alias", word)])


@pytest.mark.parametrize(
    ("destination", "rest"),
    [("10.2.0.0/24", "table 254 metric 0"), ("2001:db8:2::/64", "table 254 metric 1024")],
    ids=["IPv4", "IPv6"],
)
def test_a_route_that_is_replaced_by_another_link_has_left_the_first(
    kernel: Kernel, destination: str, rest: str
) -> None:
    bridged(kernel, "link add dev t1 type bridge", "link set dev t1 up", route(destination, rest))
    run(kernel, route(destination, rest, dev="t1"))
    assert (seen(kernel)[1], seen(kernel, "t1")[1]) == ([], [f"{destination} {rest}"])


def test_addresses_and_default_routes_are_those_of_the_situation(kernel: Kernel) -> None:
    bridged(kernel, A1, A6, "link add dev t1 type bridge", "address replace 10.1.0.1/24 dev t1")
    assert parse_default_interfaces(kernel.default_routes()) == {}
    run(kernel, "route replace 0.0.0.0/0 dev t0", "route replace ::/0 dev t0", route("0.0.0.0/0", "table 101 metric 0"))
    assert parse_default_interfaces(kernel.default_routes()) == {4: "t0", 6: "t0"}
    assert parse_addresses(kernel.interfaces()) == {"lo": (), "t0": ("10.255.0.1", "2001:db8::1"), "t1": ()}


@pytest.mark.root
@pytest.mark.usefixtures("_own_network")
def test_a_temporary_address_is_none_that_a_name_stands_for() -> None:
    """The kernel makes one beside the lasting one, and shows it first."""
    kernel = IpRoute2()
    bridged(kernel)
    for name, value in (("use_tempaddr", "2"), ("accept_dad", "0"), ("addr_gen_mode", "1")):
        with open(f"/proc/sys/net/ipv6/conf/t0/{name}", "w") as setting:  # noqa: PTH123  # one write, no rename
            setting.write(value)
    run(kernel, "address replace 2001:db8::5/64 dev t0 mngtmpaddr nodad valid_lft 86400 preferred_lft 80000")
    # Not by their number: whether the link has one of its own by then is the kernel's affair.
    assert awaited(lambda: any(own.get("temporary") for each in kernel.interfaces() for own in each["addr_info"]))
    assert parse_addresses(kernel.interfaces())["t0"] == ("2001:db8::5",)


def test_what_the_fake_shows_the_kernel_shows_alike(kernel: Kernel) -> None:
    fake = FakeKernel()
    commands = (
        "link set dev t0 alias swanfleet", "link set dev t0 mtu 1400", A1, A6, route("10.4.0.1/32"),
        route("10.2.0.0/24", "table 100 metric 5 src 10.255.0.1"), route("::/0", "table 100 metric 1024"),
    )  # fmt: skip
    for each in (fake, kernel):
        bridged(each, *commands)
    assert _within(fake.interfaces(), kernel.interfaces())
    assert _within(_by_destination(fake), _by_destination(kernel))
    assert [route["dst"] for route in _by_destination(kernel)] == ["10.2.0.0/24", "10.4.0.1", "default"]


DEFAULT = "route {} 0.0.0.0/0 via 10.255.0.2 dev t0 onlink table 8300 metric 4294967294 proto 83"
NOWHERE = "route {} unreachable {} table 8300 metric 4294967295 proto 83"
RULE = "rule {} from 10.255.0.1 lookup 8300 priority 8301 protocol 83"
RULE6 = "-6 rule {} from all oif t0 lookup 8300 priority 8301 protocol 83"
SPECIFIC = "rule {} from 10.255.0.1 lookup 254 suppress_prefixlength 0 priority 8300 protocol 83"


def uplinks(kernel: Kernel) -> tuple[int, int]:
    """Return how many routes and rules of uplinks there are, as the engine reads them."""
    return len(parse_uplink_routes(kernel.routes(83))), len(parse_source_rules(kernel.rules(83)))


def test_what_an_uplink_has_is_shown_alike_and_goes_again(kernel: Kernel) -> None:
    commands = [each.replace("{}", "add", 1) for each in (DEFAULT, NOWHERE, NOWHERE, RULE, SPECIFIC, RULE6)]
    commands[1], commands[2] = commands[1].format("0.0.0.0/0"), commands[2].format("::/0")
    fake = FakeKernel()
    for each in (fake, kernel):
        bridged(each, A1, A6, *commands)
        run(each, "rule add from 10.255.0.1 lookup 8300 priority 8301 protocol 4")
    assert _within(_by_priority(fake), _by_priority(kernel))
    assert parse_uplink_routes(fake.routes(83)) == parse_uplink_routes(kernel.routes(83))
    assert parse_source_rules(fake.rules(83)) == parse_source_rules(kernel.rules(83))
    assert uplinks(kernel) == (3, 3)
    run(kernel, *(each.replace(" add ", " delete ") for each in reversed(commands)))
    assert uplinks(kernel) == (0, 0)
    assert len(kernel.rules(4)) == 1


def _by_priority(kernel: Kernel) -> list[dict[str, Any]]:
    return sorted(kernel.rules(83), key=lambda shown: (shown["family"], shown["priority"], shown["src"]))


def test_another_gateway_takes_the_place_of_the_one_before(kernel: Kernel) -> None:
    six = "route {} ::/0 via fe80::{} dev t0 onlink table 8300 metric 4294967294 proto 83"
    bridged(kernel, A1, A6, DEFAULT.format("add"), six.format("add", 1))
    run(kernel, DEFAULT.format("replace").replace("10.255.0.2", "192.0.2.254"), six.format("replace", 2))
    assert {route.gateway for route in parse_uplink_routes(kernel.routes(83))} == {"192.0.2.254", "fe80::2"}


@pytest.mark.parametrize(
    ("before", "command", "reason"),
    [
        (RULE.format("add"), RULE.format("add"), "RTNETLINK answers: File exists"),
        ("", RULE6.format("delete"), "RTNETLINK answers: No such file or directory"),
        (RULE.format("add").replace("l 83", "l 4"), RULE.format("delete"), "RTNETLINK answers: No such file or directory"),
        (DEFAULT.format("add").replace("o 83", "o 4"), DEFAULT.format("add"), "RTNETLINK answers: File exists"),
        (NOWHERE.format("add", "::/0"), NOWHERE.format("add", "::/0"), "RTNETLINK answers: File exists"),
        (DEFAULT.format("add"), NOWHERE.format("delete", "0.0.0.0/0"), "RTNETLINK answers: No such process"),
    ],
)  # fmt: skip
def test_what_is_refused_of_an_uplink_is_named_by_its_place_among_all_commands(
    kernel: Kernel, before: str, command: str, reason: str
) -> None:
    bridged(kernel, A1, A6, *([before] if before else []))
    others = [RULE6.format("add").replace("8301", "8303"), A1, RULE6.format("add").replace("8301", "8302")]
    with pytest.raises(KernelRefused) as refused:
        run(kernel, *others, command, SPECIFIC.format("add"))
    assert (str(refused.value), refused.value.number) == (f"ip {command}: {reason}", 3)
    assert len(kernel.rules(83)) == 2 + (before.startswith("rule") and before.endswith("83"))


def _by_destination(kernel: Kernel) -> list[dict[str, Any]]:
    return sorted(kernel.routes(83), key=lambda shown: str(shown["dst"]))


def _within(small: Any, large: Any) -> bool:
    """Say whether `small` holds nothing that `large` does not say too, at every depth."""
    if isinstance(small, dict):
        return isinstance(large, dict) and all(_within(value, large.get(key)) for key, value in small.items())
    if isinstance(small, list):
        return len(small) == len(large) and all(_within(*pair) for pair in zip(small, large, strict=True))
    return bool(small == large)


class TestXfrm:
    def test_a_link_shows_its_number_mark_and_size(self, xfrm: Kernel) -> None:
        run(xfrm, "link add dev x0 type xfrm if_id 42", "link set dev x0 alias swanfleet")
        link = parse_links(xfrm.interfaces(), [])["x0"]
        assert (link.kind, link.if_id, link.parent, link.ours, link.mtu, link.up) == (
            "xfrm", 42, None, True, 1500, False,
        )  # fmt: skip

    def test_a_link_shows_its_parent(self, xfrm: Kernel) -> None:
        run(xfrm, "link add dev wan0 type bridge", "link add dev x0 type xfrm dev wan0 if_id 42")
        assert parse_links(xfrm.interfaces(), [])["x0"].parent == "wan0"

    @pytest.mark.parametrize(
        ("command", "reason"),
        [
            ("link add dev x0 type xfrm if_id 43", "RTNETLINK answers: File exists"),
            ("link add dev x1 type xfrm if_id 42", "RTNETLINK answers: File exists"),
        ],
    )
    def test_name_and_number_are_taken_once(self, xfrm: Kernel, command: str, reason: str) -> None:
        run(xfrm, "link add dev x0 type xfrm if_id 42")
        with pytest.raises(KernelRefused) as refused:
            run(xfrm, command)
        assert str(refused.value) == f"ip {command}: {reason}"

    def test_it_comes_with_addresses_and_routes_and_takes_them_along(self, xfrm: Kernel) -> None:
        run(
            xfrm, "link add dev x0 type xfrm if_id 42", "link set dev x0 up", "address replace 10.255.0.1/30 dev x0",
            "address replace 2001:db8::1/64 dev x0 nodad", route("10.2.0.0/24", dev="x0"),
            route("2001:db8:2::/64", "table 254 metric 1024 src 2001:db8::1", dev="x0"),
        )  # fmt: skip
        assert seen(xfrm, "x0") == (
            ("10.255.0.1/30", "2001:db8::1/64"),
            ["10.2.0.0/24 table 254 metric 0", "2001:db8:2::/64 table 254 metric 1024 src 2001:db8::1"],
        )
        run(xfrm, "link delete dev x0")
        assert (list(parse_links(xfrm.interfaces(), [])), xfrm.routes(83)) == (["lo"], [])
