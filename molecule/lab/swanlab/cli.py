# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the lab."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import connection, image, lifecycle, places, process, requirements, state
from .errors import LabError
from .host import topology
from .lab import NODES, Lab
from .progress import Progress


def do_up(arguments: argparse.Namespace) -> int:
    """Bring the lab up."""
    progress = Progress()
    present = lifecycle.up(
        name=places.lab_name(), backend=arguments.backend, release=arguments.release, progress=progress
    )
    progress.say(f"up after {progress.elapsed:.1f} s: {present.release} on {present.backend}; try `lab ssh berlin`")
    return 0


def do_down(_args: argparse.Namespace) -> int:
    """Take the lab down."""
    name = places.lab_name()
    progress = Progress()
    progress.say(f"{name} is down" if lifecycle.down(name=name, progress=progress) else f"{name} was down already")
    return 0


def do_status(arguments: argparse.Namespace) -> int:
    """Say what runs; exit code 3 if nothing does."""
    name = places.lab_name()
    present = state.read(name)
    up = bool(present and present.ready and state.runs(present))
    facts: dict[str, object] = {"name": name, "up": up, "cache": str(places.cache_root())}
    if present and up:
        facts |= {
            "backend": present.backend,
            "why": present.why,
            "release": present.release,
            "accelerator": present.accelerator,
            "pid": present.pid,
            "ports": present.ports,
            "ssh_config": str(present.ssh_config),
            "folder": str(present.folder),
        }
    if arguments.json:
        print(json.dumps(facts, indent=2, sort_keys=True))
    else:
        for key, value in facts.items():
            print(f"{key:12} {value}")
    return 0 if up else 3


def do_ssh(arguments: argparse.Namespace) -> int:
    """Become ssh to a host."""
    present = Lab.running().state
    if arguments.host == "machine" and present.backend == "direct":
        raise LabError("this lab runs directly on this computer: there is no machine")
    tty = ["-t"] if sys.stdin.isatty() else []
    argv = connection.ssh_argv(present, arguments.host, options=tty)
    os.execvpe("ssh", [*argv, *arguments.words], process.environment())  # noqa: S606  # becomes ssh, or the lab host's own command


def do_exec(arguments: argparse.Namespace) -> int:
    """Run a command on a node with this terminal's streams."""
    lab = Lab.running()
    if not arguments.words:
        raise LabError("exec needs a command")
    command = lab.command(arguments.node, arguments.words)
    if lab.state.backend == "direct":
        os.execvpe("sh", ["sh", "-c", command], process.environment())  # noqa: S606  # becomes ssh, or the lab host's own command
    os.execvpe("ssh", [*connection.ssh_argv(lab.state, "machine"), command], process.environment())  # noqa: S606  # becomes ssh, or the lab host's own command


def do_reset(_args: argparse.Namespace) -> int:
    """Put the lab back to its snapshot."""
    progress = Progress()
    lab = Lab.running()
    with progress.step("back to the snapshot"):
        lab.reset()
    return 0


def do_power(arguments: argparse.Namespace) -> int:
    """Restart, stop or start a gateway."""
    lab = Lab.running()
    wait = not getattr(arguments, "no_wait", False)
    with Progress().step(f"{arguments.command} {arguments.node}"):
        if arguments.command == "restart":
            lab.restart(arguments.node, kill=arguments.kill, wait=wait)
        elif arguments.command == "stop":
            lab.stop(arguments.node, kill=arguments.kill)
        else:
            lab.start(arguments.node, wait=wait)
    return 0


def do_bare(arguments: argparse.Namespace) -> int:
    """Purge strongSwan from a gateway."""
    lab = Lab.running()
    with Progress().step(f"purge strongSwan from {arguments.node}"):
        lab.bare(arguments.node)
    return 0


def do_beside(arguments: argparse.Namespace) -> int:
    """Move a gateway beside another one, into the same networks."""
    with Progress().step(f"move {arguments.node} beside {arguments.other}"):
        Lab.running().beside(arguments.node, arguments.other)
    return 0


def do_netem(arguments: argparse.Namespace) -> int:
    """Impair an uplink."""
    if not arguments.clear and not (arguments.delay or arguments.loss):
        raise LabError("say --delay, --loss or --clear")
    Lab.running().netem(arguments.site, arguments.uplink, delay=arguments.delay, loss=arguments.loss)
    return 0


def do_link(arguments: argparse.Namespace) -> int:
    """Plug an uplink in or out."""
    Lab.running().link(arguments.site, arguments.uplink, arguments.state)
    return 0


def do_capture(arguments: argparse.Namespace) -> int:
    """Start, stop or report a capture; a report that is no evidence has exit code 1."""
    lab = Lab.running()
    if arguments.action == "start":
        lab.start_capture(sites=arguments.site or topology.GATEWAYS)
        return 0
    if arguments.action == "stop":
        lab.stop_capture()
        return 0
    report = lab.capture_report(protected=arguments.protected or ())
    print(report.to_json() if arguments.json else report.to_text())
    return 1 if report.faults(expected=arguments.expected) else 0


def do_inventory(arguments: argparse.Namespace) -> int:
    """Write the Ansible inventory."""
    text = Lab.running().inventory()
    if arguments.file:
        arguments.file.write_text(text)
    else:
        sys.stdout.write(text)
    return 0


def do_copy(arguments: argparse.Namespace) -> int:
    """Copy files to or from a host."""
    present = Lab.running().state
    remote, local = f"{arguments.host}:", arguments.command == "push"
    pair = [arguments.source, remote + arguments.target] if local else [remote + arguments.source, arguments.target]
    process.run(["scp", "-q", "-r", "-F", str(present.ssh_config), *pair], timeout=600)
    return 0


def do_clean(_args: argparse.Namespace) -> int:
    """Delete what the lab has stored; refuses while one runs."""
    root = places.cache_root()
    for entry in sorted((root / "run").glob("*/state.json")):
        present = state.read(entry.parent.name)
        if present and state.runs(present):
            raise LabError(f"lab {present.name} is up", advice=f"SWANFLEET_LAB={present.name} lab down")
    for name in ("images", "snapshots", "rootfs", "probes", "logs", "run"):
        image.remove_tree(root / name)
    return 0


def do_requirements(_args: argparse.Namespace) -> int:
    """Print the Debian packages that the host needs."""
    print(" ".join(requirements.packages()))
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(prog="lab", description="Four gateways with a real kernel, a router between them.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, does: Callable[[argparse.Namespace], int], text: str = "") -> argparse.ArgumentParser:
        summary = text or (does.__doc__ or "").split("\n")[0]
        command = commands.add_parser(name, help=summary, description=summary)
        command.set_defaults(does=does)
        return command

    command = add("up", do_up)
    command.add_argument("--backend", choices=("auto", "machine", "direct"), default="auto")
    command.add_argument(
        "--release", choices=image.RELEASES, help=f"Debian release of the machine (default {image.DEFAULT_RELEASE})"
    )
    add("down", do_down)
    add("status", do_status).add_argument("--json", action="store_true")
    command = add("ssh", do_ssh)
    command.add_argument("host", choices=connection.HOSTS)
    command.add_argument("words", nargs=argparse.REMAINDER)
    command = add("exec", do_exec)
    command.add_argument("node", choices=NODES)
    command.add_argument("words", nargs=argparse.REMAINDER)
    add("reset", do_reset)
    for name, text in (("restart", "Reboot a gateway."), ("stop", "Switch a gateway off."), ("start", "Switch it on.")):
        command = add(name, do_power, text)
        command.add_argument("node", choices=topology.GATEWAYS)
        if name != "start":
            command.add_argument("--kill", action="store_true", help="a power cut instead of a shutdown")
        if name != "stop":
            command.add_argument("--no-wait", action="store_true", help="return while it still boots")
    add("bare", do_bare).add_argument("node", choices=topology.GATEWAYS)
    command = add("beside", do_beside)
    command.add_argument("node", choices=topology.GATEWAYS)
    command.add_argument("other", choices=topology.GATEWAYS)
    command = add("netem", do_netem)
    command.add_argument("site", choices=topology.GATEWAYS)
    command.add_argument("uplink", choices=("wan0", "wan1"))
    command.add_argument("--delay", default="", help="for each direction, such as 20ms")
    command.add_argument("--loss", default="", help="for each direction, such as 5%%")
    command.add_argument("--clear", action="store_true")
    command = add("link", do_link, "Plug an uplink in or out; silent keeps the carrier.")
    command.add_argument("site", choices=topology.GATEWAYS)
    command.add_argument("uplink", choices=("wan0", "wan1"))
    command.add_argument("state", choices=("up", "down", "silent"))
    command = add("capture", do_capture, "Capture what the gateways send.")
    command.add_argument("action", choices=("start", "stop", "report"))
    command.add_argument("--site", choices=topology.GATEWAYS, action="append", help="default: all")
    command.add_argument("--json", action="store_true")
    command.add_argument(
        "--protected", action="append", metavar="NETWORK", help="default: the networks behind all gateways"
    )
    command.add_argument("--expected", type=int, default=0, metavar="FRAMES", help="fail below 95 %% of these")
    add("inventory", do_inventory).add_argument("file", nargs="?", type=Path)
    for name, text in (("push", "Copy to a host."), ("pull", "Copy from a host.")):
        command = add(name, do_copy, text)
        command.add_argument("host", choices=connection.HOSTS)
        command.add_argument("source")
        command.add_argument("target")
    add("clean", do_clean)
    add("requirements", do_requirements)
    return top


def main(argv: Sequence[str]) -> int:
    """Run one command; an error that a person can act on is one message and exit code 1."""
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.does(arguments))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: stopped; nothing was left half done", file=sys.stderr)
        return 130
