# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program `swanfleet` on a gateway: the agent, what it tells and is told, and putting back what a reboot took away."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..apply.restore import restore, restore_firewall
from ..drivers.host import Host, local_host
from ..drivers.lock import lock_holder
from ..drivers.paths import Paths
from ..errors import IpsecError
from ..observed.read import read_stored
from . import status
from .keeping import OVERRIDES, write_override
from .telling import SHOWN


def main(arguments: Sequence[str] | None = None, host: Host | None = None) -> int:
    """Run one command, on this host where none is given.

    Returns the exit status: 0, or 1 with what failed on standard error, a sentence a line.
    """
    chosen = _parser().parse_args(arguments)
    host = local_host(Paths(), patience=chosen.patience) if host is None else host
    try:
        return int(chosen.run(host, chosen))
    except IpsecError as error:
        sys.stderr.write(f"swanfleet: {error}\n")
        return 1
    except BrokenPipeError:
        # Whoever reads has read enough, as head(1) does.
        sys.stderr.close()
        return 1
    finally:
        host.charon.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="swanfleet", description="The IPsec gateway's own program.")
    parser.set_defaults(patience=10.0)
    commands = parser.add_subparsers(dest="command", required=True)
    restoring = commands.add_parser("restore", help="put links, routes and files of the generation in force back")
    restoring.add_argument(
        "--before-charon", action="store_true", help="at boot: charon is not running yet, and loads the files by itself"
    )
    restoring.add_argument(
        "--firewall",
        action="store_true",
        help="put back the guard and rules in the host's firewall, and nothing else",
    )
    restoring.set_defaults(run=_restore)
    commands.add_parser("agent", help="watch over tunnels; systemd runs it as swanfleet-agent").set_defaults(run=_agent)
    showing = commands.add_parser("status", help="show tunnels and fallbacks as they are now")
    showing.add_argument("--json", action="store_true", help="for programs")
    # Whoever looks has a reason to be in a hurry.
    showing.set_defaults(run=_status, patience=3.0)
    explaining = commands.add_parser("explain", help="say what the agent did about a tunnel or fallback, and why")
    explaining.add_argument("name", metavar="TUNNEL", help="name of a phase 1, or of a fallback for all of its tunnels")
    explaining.add_argument("--json", action="store_true", help="for programs")
    explaining.add_argument(
        "--last", type=_count, default=SHOWN, metavar="N", help="that many decisions (default: %(default)s)"
    )
    explaining.set_defaults(run=_explain)
    overriding = commands.add_parser("override", help="decide by hand which tunnel a fallback uses, until 'auto'")
    overriding.add_argument("name", metavar="FALLBACK_OR_TUNNEL", help="name of a fallback, or of a phase 1 in one")
    overriding.add_argument("tunnel", choices=OVERRIDES, help="'auto' leaves it to the agent again")
    overriding.set_defaults(run=_override)
    return parser


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of decisions: 1 or more is possible")
    return int(text)


def _restore(host: Host, chosen: argparse.Namespace) -> int:
    done = restore_firewall(host) if chosen.firewall else restore(host, with_daemon=not chosen.before_charon)
    for step in done.steps:
        sys.stdout.write(f"{step}\n")
    for sentence in (*done.notes, *done.failures):
        sys.stderr.write(f"swanfleet: {sentence}\n")
    if done.failures:
        sys.stderr.write("swanfleet: all else that could be done is done\n")
    return 1 if done.failures else 0


def _agent(host: Host, _chosen: argparse.Namespace) -> int:
    # What the agent needs is nothing that a boot has to wait for.
    from .service import serve

    serve(host)
    return 0


def _status(host: Host, chosen: argparse.Namespace) -> int:
    data = status.tunnels_data(host, lock_holder(host.paths.agent_lock))
    sys.stdout.write(status.as_json(data) if chosen.json else status.tunnels_table(data))
    return 0


def _explain(host: Host, chosen: argparse.Namespace) -> int:
    found = status.explained(host, chosen.name, most=chosen.last)
    sys.stdout.write(status.as_json(found) if chosen.json else status.explained_text(chosen.name, found))
    _warn_without_agent(host)
    return 0


def _override(host: Host, chosen: argparse.Namespace) -> int:
    group = status.group_named(read_stored(host).gateway, chosen.name)
    write_override(host, group, chosen.tunnel)
    until = "" if chosen.tunnel == "auto" else f", until 'swanfleet override {group} auto'"
    sys.stdout.write(f"override of {group} is {chosen.tunnel} now{until}\n")
    _warn_without_agent(host)
    return 0


def _warn_without_agent(host: Host) -> None:
    if lock_holder(host.paths.agent_lock) is None:
        sys.stderr.write(f"swanfleet: {status.NOT_RUNNING}\n")
