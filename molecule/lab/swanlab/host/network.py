# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make wires, router and hosts; plug gateways in and out; impair uplinks."""

from __future__ import annotations

from . import topology
from .running import HostError, Place, namespaces, run, run_batches, set_sysctls


def make_bridge(place: Place) -> None:
    """Make the management bridge where it is missing; the machine made its own at boot, to be reached at all."""
    if run(["ip", "-o", "link", "show", "type", "bridge", "dev", place.bridge], check=False):
        return
    lines = (*topology.bridge(place.bridge), f"address add {topology.MANAGEMENT_HOST}/24 dev {place.bridge}")
    run_batches([topology.Batch("", lines)])


# SO_TIMESTAMP of asm-generic/socket.h, which Python's socket has no name for.
_STAMPED = (
    "import signal, socket\n"
    "one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
    "one.setsockopt(socket.SOL_SOCKET, 29, 1)\n"
    "signal.pause()\n"
)
_HOOKS = ("prerouting", "input", "forward", "output", "postrouting")


def hold_switches() -> None:
    """Keep on what the machine's kernel otherwise switches on and off all the time: noting when packets came, and hooks.

    Each ping, each tcpdump and each ruleset does that, and the kernel then rewrites code that both processors run. An emulated
    one was seen to go on for ever with the breakpoint that stands there meanwhile: a soft lockup in
    netif_receive_skb_list_internal.
    """
    unit = "lab-timestamps.service"
    if run(["systemctl", "is-active", unit], check=False).strip() != "active":
        run(["systemd-run", "--quiet", f"--unit={unit}", "python3", "-c", _STAMPED])
    chains = "".join(f"chain {hook} {{ type filter hook {hook} priority 0; }}\n" for hook in _HOOKS)
    run(["nft", "-f", "-"], stdin=f"table inet lab {{\n{chains}}}\n")


def remove_bridge(place: Place) -> None:
    """Remove the management bridge."""
    run(["ip", "link", "delete", place.bridge], check=False)


def make_lasting(place: Place) -> None:
    """Make wires, router and hosts, once."""
    mark = place.folder / "wired"
    if mark.exists():
        return
    names = [f"{place.prefix}{name}" for name in ("wires", *topology.PLAIN_NODES)]
    for name in names:
        if name in namespaces():
            run(["ip", "netns", "delete", name])
        run(["ip", "netns", "add", name])
    wires, router = f"{place.prefix}wires", f"{place.prefix}router"
    # The wires are cables: they must not speak.
    set_sysctls(wires, net__ipv6__conf__default__disable_ipv6="1", net__ipv6__conf__all__disable_ipv6="1")
    run_batches(topology.lasting_batches(prefix=place.prefix))
    set_sysctls(
        router,
        net__ipv4__ip_forward="1",
        net__ipv6__conf__all__forwarding="1",
        net__ipv4__conf__all__rp_filter="0",
        net__ipv4__conf__default__rp_filter="0",
    )
    mark.touch()


def plug(place: Place, gateway: str) -> None:
    """Give a gateway a new network namespace with its links, as a computer has them at power-on."""
    name = f"{place.prefix}{gateway}"
    run(["ip", "netns", "add", name])
    site = place.site(gateway)
    run_batches(topology.gateway_batches(site, prefix=place.prefix, bridge_name=place.bridge))


def unplug(place: Place, gateway: str) -> None:
    """Remove a gateway's links and namespace."""
    site = topology.SITES[gateway]
    for batch in topology.unplug_batches(site, prefix=place.prefix, bridge_name=place.bridge):
        where = ["-n", batch.namespace] if batch.namespace else []
        # -force goes on where a link is gone already.
        run(["ip", *where, "-force", "-batch", "-"], stdin="\n".join(batch.lines) + "\n", check=False)
    if f"{place.prefix}{gateway}" in namespaces():
        run(["ip", "netns", "delete", f"{place.prefix}{gateway}"])


def impair(place: Place, site: str, uplink: str, *, delay: str | None, loss: str | None) -> None:
    """Delay and lose packets of an uplink, the same in each direction."""
    how = [*(("delay", delay) if delay else ()), *(("loss", loss) if loss else ())]
    for device in impaired_devices(site, uplink):
        # netem's own limit of 1000 packets would drop more than was asked for.
        run([*qdisc(place, "replace", device), "netem", "limit", "100000", *how])


def clear(place: Place, site: str, uplink: str) -> None:
    """Let an uplink pass everything at once again."""
    for device in impaired_devices(site, uplink):
        # Fails where nothing is set, which is what is wanted.
        run(qdisc(place, "delete", device), check=False)


def impaired_devices(site: str, uplink: str) -> tuple[str, str]:
    """Return the wires' ends towards the router and towards the gateway, both behind the capture."""
    tag = topology.uplink(site, uplink).tag
    return f"{tag}-in", f"{tag}-net"


def qdisc(place: Place, verb: str, device: str) -> list[str]:
    """Return the beginning of a tc command for a wire's root queue."""
    return ["tc", "-n", f"{place.prefix}wires", "qdisc", verb, "dev", device, "root"]


def set_link(place: Place, site: str, uplink: str, *, state: str) -> None:
    """Plug an uplink in (up) or out (down: no carrier), or pass nothing with the carrier on (silent)."""
    if state == "silent" and place.seat_file(site).exists():
        raise HostError(f"{site} stands beside another gateway, whose wires it uses: make that one's uplink silent")
    tag = topology.uplink(site, uplink).tag
    plugged = "down" if state == "down" else "up"
    joined = "nomaster" if state == "silent" else f"master {tag}-y"
    lines = (f"link set {tag}-gw {plugged}", f"link set {tag}-net {joined}")
    run_batches([topology.Batch(f"{place.prefix}wires", lines)])
