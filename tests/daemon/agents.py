# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway with two lines to its peer, a real charon at each end, and the agent as a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import LocalFiles
from ansible_collections.swanfleet.ipsec.tests.daemon import charon_process
from ansible_collections.swanfleet.ipsec.tests.daemon.agent_program import START
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess, namespace, run
from ansible_collections.swanfleet.ipsec.tests.daemon.releases import ENVIRONMENT, HOST
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited

# The two lines, by the first three octets of their addresses: the gateway is .1 on each, its peer .2.
LINES = {"paris": "192.0.2", "lyon": "198.51.100"}
# As other processes find it, too: where a checkout is linked, by the link.
_COLLECTIONS = str(Path(__file__).parents[5])
_PSK = "s3cret"


class AgentHost:
    """The gateway (`here`), its peer (`there`), and the agent's process."""

    def __init__(self, here: CharonProcess, there: CharonProcess, root: Path) -> None:
        self.here = here
        self.there = there
        self.root = root
        self.agent: subprocess.Popen[bytes] | None = None
        self.log = root / "agent.log"

    def command(self, *arguments: str) -> list[str]:
        """Return the argument list of a command of the gateway's program."""
        inside = ["ip", "netns", "exec", self.here.netns]
        return [*inside, sys.executable, "-c", START, _COLLECTIONS, str(self.root), self.here.uri, *arguments]

    def run(self, *arguments: str, given: str = "", status: int = 0) -> str:
        """Run a command of the gateway's program, which must end with this status; returns all that it said."""
        done = subprocess.run(
            self.command(*arguments),
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=ENVIRONMENT,
        )
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def apply(self, config: Mapping[str, Any]) -> None:
        """Make the gateway what is wanted, as a module does."""
        self.run("apply", given=json.dumps(config))

    def start(self) -> None:
        """Start the agent, and return when it tells whoever has started it that it is ready, as it tells systemd."""
        place = self.root / "notify"
        place.unlink(missing_ok=True)
        # The journal of this computer has nothing to do with it, and names are those that charon knows (`know`).
        argv = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", _WITHOUT_JOURNAL, "agent"]
        inside, command = self.command("agent")[:4], self.command("agent")[4:]
        with self.log.open("ab") as log, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            notified.bind(str(place))
            notified.settimeout(20)
            self.agent = subprocess.Popen(
                [*argv, *inside, *_AS_THE_UNIT, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**ENVIRONMENT, "NOTIFY_SOCKET": str(place), "KNOWN": str(self.here.directory)},
            )
            try:
                while notified.recv(4096) != b"READY=1":
                    pass
            except TimeoutError:
                raise AssertionError(f"the agent is not ready:\n{self.said()}") from None

    def kill(self) -> None:
        """End the agent as a crash would."""
        assert self.agent is not None
        self.agent.kill()
        self.agent.wait()
        self.agent = None

    def stop(self) -> None:
        """End the agent in order."""
        if self.agent is not None:
            self.agent.send_signal(signal.SIGTERM)
            assert self.agent.wait(20) == 0, self.said()
            self.agent = None

    def said(self) -> str:
        """Return what the agent has said."""
        return self.log.read_text() if self.log.exists() else ""

    def status(self) -> dict[str, Any]:
        """Return what `swanfleet status --json` shows."""
        told: dict[str, Any] = json.loads(self.run("status", "--json"))
        return told

    def explained(self, name: str) -> list[dict[str, Any]]:
        """Return what `swanfleet explain --json` shows."""
        out = self.run("explain", name, "--json")
        told: list[dict[str, Any]] = json.loads(out[: out.rindex("]") + 1])
        return told

    def awaits(self, condition: Callable[[], Any], *, timeout: float = 20.0) -> None:
        """Wait until a condition holds; if it does not, tell what the agent has said, and charon of late."""
        if not awaited(condition, timeout=timeout):
            of_late = "\n".join(self.here.log().splitlines()[-60:])
            raise AssertionError(f"{self.said()}\n{self.run('status')}\n{of_late}")

    def ask_to_look(self) -> None:
        """Have the agent look at everything now."""
        assert self.agent is not None
        self.agent.send_signal(signal.SIGHUP)

    def spis(self) -> dict[str, list[str]]:
        """Return the SPIs of all CHILD_SAs by tunnel."""
        with self.here.client() as charon:
            sas = charon.sas()
        return {name: sorted(child["spi-in"] for child in tree["child-sas"].values()) for name, tree in sas}

    def ike_sas(self) -> list[tuple[str, str]]:
        """Return the IKE_SAs as (tunnel, unique id)."""
        with self.here.client() as charon:
            return sorted((name, str(tree["uniqueid"])) for name, tree in charon.sas())

    def age(self, name: str) -> int:
        """Return for how many seconds a tunnel's IKE_SA has been there."""
        with self.here.client() as charon:
            [age] = [int(tree["established"]) for _name, tree in charon.sas([name])]
        return age

    def source(self, name: str) -> str:
        """Return the address of ours that a tunnel which is up has."""
        with self.here.client() as charon:
            found = [tree for _name, tree in charon.sas([name]) if tree["state"] == "ESTABLISHED" and tree["child-sas"]]
        return str(found[0]["local-host"]) if found else ""

    def way(self) -> str:
        """Return the interface of the best route to the peer's network."""
        routes = json.loads(self.here.inside("ip", "-j", "route", "show", "proto", "83", "10.2.0.0/16"))
        # One that leads nowhere has no device.
        return str(min(routes, key=lambda route: route.get("metric", 0)).get("dev", "")) if routes else ""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of all that changes the host, as a run does."""
        with LocalFiles().lock(str(self.root / "run/swanfleet/lock"), 10.0, "a test"):
            yield

    def in_use(self) -> str:
        """Return which tunnel the engine takes to be in use."""
        file = self.root / "run/swanfleet/roles.json"
        return str(json.loads(file.read_text()).get("site", "")) if file.exists() else ""

    def up(self) -> list[str]:
        """Return the tunnels that are up."""
        with self.here.client() as charon:
            return sorted({name for name, tree in charon.sas() if tree["state"] == "ESTABLISHED" and tree["child-sas"]})

    def cut(self, name: str) -> None:
        """Have a line lose every packet somewhere on its way; neither end notices anything but silence."""
        rules = "".join(
            f"add chain inet cut {name}-{hook} {{ type filter hook {hook} priority -300; }}\n"
            f"add rule inet cut {name}-{hook} {direction}name {name} drop\n"
            for hook, direction in (("prerouting", "iif"), ("postrouting", "oif"))
        )
        self.there.inside("nft", f"add table inet cut\n{rules}")

    def mend(self, name: str) -> None:
        """Have a line that was cut work again."""
        for hook in ("prerouting", "postrouting"):
            self.there.inside("nft", f"flush chain inet cut {name}-{hook}")

    def routes(self) -> str:
        """Return our routes, a line each."""
        return self.here.inside("ip", "route", "show", "proto", "83")


# What the unit lets it do: see roles/gateway/files/swanfleet-agent.service.
_AS_THE_UNIT = (
    *("setpriv", "--bounding-set=-all,+net_admin,+net_raw", "--inh-caps=-all", "--no-new-privs"),
    *("--pdeathsig", "KILL"),
)
_WITHOUT_JOURNAL = """\
mount --make-rprivate /
[ ! -d /run/systemd/journal ] || mount -t tmpfs none /run/systemd/journal
for name in hosts resolv.conf; do [ ! -f "$KNOWN/$name" ] || mount --bind "$KNOWN/$name" "/etc/$name"; done
exec "$@"
"""


def tunnel(name: str, **more: Any) -> dict[str, Any]:
    """Return a phase 1 over one of the lines."""
    return {
        "name": name, "interfaces": [f"{LINES[name]}.1"], "remote_endpoints": [f"{LINES[name]}.2"], "psk": _PSK,
        "proposals": ["aes256-sha256-curve25519"], **more,
    }  # fmt: skip


def gateway(fallback: Mapping[str, Any] | None = None, *, hot: bool = False, **more: Any) -> dict[str, Any]:
    """Return a gateway with a tunnel over each line to the same network, and a fallback `site` of them."""
    names = list(LINES)
    links = [{"name": f"x{name}", "addresses": [f"10.255.{n}.1/30"]} for n, name in enumerate(names)] if hot else []
    own = {name: {"xfrm_interface": f"x{name}", "init_type": "start"} if hot else {} for name in names}
    return {
        "phase1": [tunnel(name, **own[name], **more) for name in names],
        "phase2": [
            {
                "name": "lan", "phase1": name, "local_networks": ["10.1.0.0/16"], "remote_networks": ["10.2.0.0/16"],
                "proposals": ["aes256gcm16"],
            }
            for name in names
        ],
        "xfrm_interfaces": links,
        "fallbacks": [{"name": "site", "primary": names[0], "fallbacks": names[1:], "mode": "hot" if hot else "cold", **fallback}]
        if fallback is not None
        else [],
    }  # fmt: skip


def answer(peer: CharonProcess, names: Sequence[str] = tuple(LINES), *, local: str = "", dpd_delay: str = "0s") -> None:
    """Have the peer answer the gateway's tunnels, at the ends of its lines or at one address for all; it initiates none."""
    with peer.client() as charon:
        charon.load_shared(id="any", kind="ike", owners=[], data=_PSK.encode())
        for name in names:
            charon.load_connection(
                name,
                {
                    "version": "2", "local_addrs": [local or f"{LINES[name]}.2"],
                    "remote_addrs": ["%any" if local else f"{LINES[name]}.1"],
                    "proposals": ["aes256-sha256-curve25519"], "local": {"auth": "psk"}, "remote": {"auth": "psk"},
                    "dpd_delay": dpd_delay,
                    "children": {
                        "lan": {"local_ts": ["10.2.0.0/16"], "remote_ts": ["10.1.0.0/16"], "esp_proposals": ["aes256gcm16"]}
                    },
                },
            )  # fmt: skip


@contextmanager
def two_lines(root: Path, *, release: str = HOST, extra: str = "") -> Iterator[AgentHost]:
    """Make two namespaces with two cables between them, and a charon in each; no agent runs yet."""
    with namespace() as here, namespace() as there:
        for name, network in LINES.items():
            run("ip", "link", "add", name, "netns", here, "type", "veth", "peer", "name", name, "netns", there)
            for number, netns in enumerate((here, there), start=1):
                run("ip", "-n", netns, "address", "add", f"{network}.{number}/24", "dev", name)
                run("ip", "-n", netns, "link", "set", name, "up")
        for number, netns in enumerate((here, there), start=1):
            run("ip", "-n", netns, "address", "add", f"10.{number}.0.1/32", "dev", "lo")
        with (
            charon_process.running(extra, netns=here, release=release) as one,
            charon_process.running(extra, netns=there, release=release) as two,
        ):
            host = AgentHost(one, two, root)
            try:
                yield host
            finally:
                if host.agent is not None:
                    host.kill()
