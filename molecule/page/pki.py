#!/usr/bin/env python
# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the certificates of this scenario: `pki.py DIRECTORY PASSPHRASE`.

One authority certifies our gateways and their peers. Madrid gets files for swanctl, among them a certificate that has
expired and one that is revoked; Rome a container for Libreswan, opened by the passphrase. IKEv1 wants RSA.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "daemon"))

import pki

PAST = (pki.NOW - 9 * pki.DAY, pki.NOW - pki.DAY)


def names(host: str) -> list[str]:
    """Return who a host is in its tunnels with certificates, of IKEv2 and of IKEv1."""
    return [f"cert2.{host}.example.com", f"cert1.{host}.example.com"]


def put(path: Path, content: str | bytes) -> None:
    """Write a file that is for its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(0o600)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def main(directory: Path, passphrase: str) -> None:
    """Make all of them."""
    fleet = pki.authority("fleet", "rsa")

    def issued(*of: str, **more: Any) -> pki.Holder:
        return fleet.issue(of[0], names=of[1:], key=pki.new_key("rsa"), **more)

    for host in ("berlin", "paris"):
        holder = issued(*names(host), "gateway.example.com")
        put(directory / f"{host}.pem", holder.pem)
        put(directory / f"{host}.key", holder.key_pem)
    peers = {
        "madrid": issued(*names("madrid"), "nothing.madrid.example.com"),
        "expired": issued("expired.madrid.example.com", valid=PAST),
        "revoked": issued("revoked.madrid.example.com"),
    }
    for name, holder in peers.items():
        put(directory / "swanctl" / "x509" / f"{name}.pem", holder.pem)
        put(directory / "swanctl" / "private" / f"{name}.pem", holder.key_pem)
    put(directory / "swanctl" / "x509ca" / "fleet.pem", fleet.pem)
    put(directory / "fleet.pem", fleet.pem)
    put(directory / "fleet.crl", fleet.crl([peers["revoked"]]))
    put(directory / "rome.p12", pki.container(issued(*names("rome")), passphrase=passphrase))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
