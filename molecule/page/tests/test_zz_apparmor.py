# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway where AppArmor enforces Debian's profiles. Last, for it restarts Berlin's daemon.

Profiles hold by the paths of programs, in the gateways as on the machine that they are loaded on.
"""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

PROFILES = ("usr.sbin.swanctl", "usr.sbin.charon-systemd")
OUTSIDE, INSIDE = "/root/outside.pem", "/etc/swanctl/x509/outside.pem"
CONNECTION = (
    "connections {{ outside {{ remote_addrs = 192.0.2.99\n local {{ auth = pubkey\n certs = {path}\n }} }} }}\n"
)


@pytest.fixture(scope="module", autouse=True)
def enforced(lab):
    """Enforce the profiles, also one that Debian ships as complaining only; without them again afterwards."""
    for name in PROFILES:
        lab.run("machine", ["sh", "-c", f"sed 's/complain,//' /etc/apparmor.d/{name} | apparmor_parser --replace"])
    lab.run("berlin", ["systemctl", "restart", "strongswan"], timeout=120)
    yield
    for name in PROFILES:
        lab.run("machine", ["sh", "-c", f"apparmor_parser --remove /etc/apparmor.d/{name}"])
    lab.run("berlin", ["systemctl", "restart", "strongswan"], timeout=120)


def test_the_daemon_and_its_command_are_confined(lab):
    told = lab.run("berlin", ["sh", "-c", "cat /proc/$(pidof charon-systemd)/attr/current"]).stdout
    assert told.strip("\0\n") == "/usr/sbin/charon-systemd (enforce)"
    listed = lab.run("machine", ["cat", "/sys/kernel/security/apparmor/profiles"]).stdout
    assert "/usr/sbin/swanctl (enforce)" in listed


def test_our_files_load_and_the_tunnels_come_up(lab, traffic, until):
    done = lab.run("berlin", ["swanctl", "--load-all", "--noprompt"])
    assert "successfully loaded" in done.stdout, done.stdout + done.stderr
    assert "failed" not in done.stdout + done.stderr
    until("a tunnel is up", lambda: traffic("lan-berlin", "10.1.0.26", "10.2.0.26", 1).answered, seconds=60)


def test_a_path_outside_the_directory_of_swanctl_is_refused(lab):
    lab.run("berlin", ["sh", "-c", f"tee {OUTSIDE} >{INSIDE}"], input=certificate())
    try:
        refused = load(lab, OUTSIDE)
        assert refused.returncode != 0, refused
        assert "Permission denied" in refused.stdout + refused.stderr, refused
        # The very same file where the profile allows it: so it was the place.
        taken = load(lab, INSIDE)
        assert taken.returncode == 0, taken
        assert "loaded connection 'outside'" in taken.stdout, taken
    finally:
        lab.run("berlin", ["rm", "-f", "/etc/swanctl/conf.d/outside.conf", OUTSIDE, INSIDE])
        lab.run("berlin", ["swanctl", "--load-conns"])


def certificate():
    """Return a certificate, as text."""
    key, name, now = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([]),
        dt.datetime.now(dt.UTC),
    )
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(days=1)
    )
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


def load(lab, path):
    """Have swanctl load a connection that names a certificate by its path."""
    lab.run("berlin", ["sh", "-c", "cat > /etc/swanctl/conf.d/outside.conf"], input=CONNECTION.format(path=path))
    return lab.run("berlin", ["swanctl", "--load-conns"], check=False)
