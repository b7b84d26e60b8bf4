# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten tunnels as somebody writes them by hand: references, includes, files of their own, keys in all forms."""

from __future__ import annotations

import base64
from pathlib import Path

TUNNELS = 10
# Those that wait for a packet; charon starts the others by itself.
TRAPPED = range(0, TUNNELS, 2)
_ENDS = {"here": ("192.0.2.1", "192.0.2.2", 1, 2), "there": ("192.0.2.2", "192.0.2.1", 2, 1)}
_QUOTED = '"with blanks and \\"quotes\\""'
# Directories that swanctl looks into, and that Debian's package makes.
DIRECTORIES = (
    "conf.d x509 x509ca x509ocsp x509aa x509ac x509crl pubkey private rsa ecdsa bliss pkcs8 pkcs12 tunnels".split()
)


def write(directory: Path, end: str) -> None:
    """Write the files of one end below a directory that stands for /etc/swanctl."""
    for name in DIRECTORIES:
        (directory / name).mkdir(parents=True)
    mine, theirs, _own, _other = _ENDS[end]
    files = {
        "swanctl.conf": f"""\
# All tunnels to the other house.
base {{
    version = 2
    local_addrs = {mine}
    remote_addrs = {theirs}
    proposals = aes256-sha256-curve25519
    include common.conf
}}
lan-base {{
    esp_proposals = aes256gcm16
    life_time = 66m
}}
connections {{
    # here first
    {_connection(0, end)}
    {_connection(1, end)}
    {_connection(2, end)} # a remark behind it
    include tunnels/*.conf
}}
secrets {{
    {_secret(0, end, _QUOTED)}
    {_secret(1, end, "0s" + base64.b64encode(b"in base64").decode())}
    {_secret(2, end, "0x" + b"in hexadecimal".hex())}
}}
include conf.d/*.conf
""",
        "common.conf": "rekey_time = 3h\nkeyingtries = 0 # for ever\n",
        "conf.d/late.conf": f"connections {{\n{_connection(9, end)}\n}}\nconnections {{ t9 {{ unique = no }} }}\n",
        "conf.d/keys.conf": "secrets {\n" + "\n".join(_secret(n, end, f"plain-{n}") for n in range(3, 10)) + "\n}\n",
        **{f"tunnels/t{number}.conf": _connection(number, end) + "\n" for number in range(3, 9)},
    }
    for name, text in files.items():
        path = directory / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600 if "secrets" in text else 0o640)


def add_shunts(directory: Path) -> None:
    """Put shunts beside two tunnels, one that charon starts and one that waits, and some into a connection of their own."""
    for number in (3, 4):
        path = directory / f"tunnels/t{number}.conf"
        shunt = f"""local {{ mode = pass
            local_ts = 10.1.{number}.0/24
            remote_ts = 10.1.{number}.0/24
            start_action = trap }}"""
        path.write_text(path.read_text("utf-8").replace("children {", f"children {{ {shunt}"), encoding="utf-8")
    path = directory / "conf.d/shunts.conf"
    path.write_text(
        """connections { never-out {
    remote_addrs = 127.0.0.1
    children { never-out { mode = drop
        local_ts = 10.1.7.0/24
        remote_ts = 10.66.0.0/16
        start_action = trap } }
} }
""",
        encoding="utf-8",
    )


def _connection(number: int, end: str) -> str:
    _mine, _theirs, own, other = _ENDS[end]
    action = "none" if end == "there" else "trap" if number in TRAPPED else "start"
    return f"""t{number} : base {{
        local-1 {{ auth = psk
            id = end{own}-{number}.example.org }}
        remote-1 {{ auth = psk
            id = @end{other}-{number}.example.org }}
        children {{ lan : lan-base {{
            local_ts = 10.{own}.{number}.0/24
            remote_ts = 10.{other}.{number}.0/24
            start_action = {action} }} }}
    }}"""


def _secret(number: int, end: str, key: str) -> str:
    _mine, _theirs, own, other = _ENDS[end]
    return f"""ike-{number} {{ id-a = end{own}-{number}.example.org
        id-b = fqdn:end{other}-{number}.example.org
        secret = {key} }}"""
