# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP through tunnels of gateways that masquerade: with its own addresses, where it is allowed, on a path that takes less."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

WAYS = {
    "route-based, IPv4": ("10.1.0.200", "10.2.0.200"),
    "route-based, IPv6": ("fd00:1::8000:0:0:10", "fd00:2::8000:0:0:10"),
    "policy-based, IPv4": ("10.1.0.10", "10.2.0.10"),
    "policy-based, IPv6": ("fd00:1::10", "fd00:2::10"),
}
SIZE = 1_000_000
OPEN, CLOSED = 8000, 8001
SERVER = """
import socket, sys
server = socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)
server.settimeout(10)
received, address = 0, "nobody"
try:
    connection, (address, *_more) = server.accept()
    connection.settimeout(10)
    while data := connection.recv(65536):
        received += len(data)
except TimeoutError:
    pass
print(address.removeprefix("::ffff:"), received)
"""
CLIENT = """
import socket, sys, time
source, target, port, size = sys.argv[1:]
for attempt in range(20):
    try:
        with socket.create_connection((target, int(port)), timeout=10, source_address=(source, 0)) as connection:
            connection.sendall(bytes(int(size)))
        break
    except ConnectionRefusedError:
        # The other end does not listen yet.
        time.sleep(0.1)
    except TimeoutError:
        break
"""


@pytest.fixture
def transfer(lab):
    """Return a function that sends bytes to a host behind Paris, and says who sent how many to that host's mind."""

    def send(way, port=OPEN, size=SIZE):
        source, target = WAYS[way]
        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(lab.run, "lan-paris", ["python3", "-c", SERVER, str(port)])
            lab.run("lan-berlin", ["python3", "-c", CLIENT, source, target, str(port), str(size)])
            address, received = told.result().stdout.split()
        return address, int(received)

    return send


@pytest.fixture
def narrow(shell):
    """Let the path between the gateways take 1,400 bytes, and have nobody told."""
    line = "ip link set berlin-wan0 mtu {0} && ip link set paris-wan0 mtu {0}"
    shell("router", line.format(1400))
    yield
    shell("router", line.format(1500))


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("way", WAYS)
def test_a_megabyte_arrives_with_its_own_source_on_a_path_of_1400_bytes(transfer, bring_up, way):
    bring_up()
    assert transfer(way) == (WAYS[way][0], SIZE)


# A packet of IPv6 that is too long comes back to its sender, who learns from that.
@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("way", [way for way in WAYS if way.endswith("IPv4")])
def test_it_would_not_with_segments_that_do_not_fit(shell, transfer, bring_up, way):
    bring_up()
    for gateway in ("berlin", "paris"):
        # It would put them back.
        shell(gateway, "systemctl stop swanfleet-agent && nft flush chain inet swanfleet mss")
    try:
        address, received = transfer(way)
    finally:
        for gateway in ("berlin", "paris"):
            shell(gateway, "swanfleet restore --firewall; systemctl start swanfleet-agent")
    assert address == WAYS[way][0]
    assert received < SIZE


@pytest.mark.proves("S43", option="phase2.allow", releases=("12", "13"))
@pytest.mark.proves("S43", option="xfrm_interface.allow", releases=("12", "13"))
@pytest.mark.parametrize("way", WAYS)
def test_a_port_that_is_not_allowed_does_not_come_out_of_the_tunnel(transfer, bring_up, way):
    bring_up()
    assert transfer(way, OPEN, 100) == (WAYS[way][0], 100)
    assert transfer(way, CLOSED, 100) == ("nobody", 0)
