# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program `swanfleet` on a gateway: `restore` puts back what a reboot or a crash took away."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..apply.restore import restore, restore_firewall
from ..drivers.host import local_host
from ..drivers.paths import Paths
from ..errors import IpsecError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, or 1 with what failed on standard error, a sentence a line."""
    parser = argparse.ArgumentParser(prog="swanfleet", description="The IPsec gateway's own program.")
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
    chosen = parser.parse_args(arguments)
    host = local_host(Paths())
    try:
        done = restore_firewall(host) if chosen.firewall else restore(host, with_daemon=not chosen.before_charon)
    except IpsecError as error:
        sys.stderr.write(f"swanfleet: {error}\n")
        return 1
    finally:
        host.charon.close()
    for step in done.steps:
        sys.stdout.write(f"{step}\n")
    for sentence in (*done.notes, *done.failures):
        sys.stderr.write(f"swanfleet: {sentence}\n")
    if done.failures:
        sys.stderr.write("swanfleet: all else that could be done is done\n")
    return 1 if done.failures else 0
