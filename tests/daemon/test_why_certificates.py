# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each reason that a certificate can be for a tunnel that is not up, made with two real charons.

The certificates are loaded by hand, into a connection of the name of a managed one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.probe import probe
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import ViciCharon
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.tunnels import look
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.why import why_down
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]

DAY = dt.timedelta(days=1)
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
VALID, PAST, FUTURE = (-1, 30), (-9, -1), (1, 9)
GATEWAY = parse_gateway(
    config(
        [{"name": "paris", "remote_endpoints": ["192.0.2.2"], "psk": "unused", "init_type": "on_demand"}],
        [{"name": "lan", "phase1": "paris", "local_networks": ["10.1.0.0/24"], "remote_networks": ["10.2.0.0/24"]}],
    )
)


@dataclass(frozen=True)
class Holder:
    """A certificate and its key."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, form, plain)


def issued(name: str, by: Holder | None = None, days: tuple[int, int] = VALID) -> Holder:
    """Issue a certificate with the subject CN=name: of an authority, or for a new one."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = by.key if by is not None else key
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = (
        x509.CertificateBuilder(by.certificate.subject if by is not None else subject, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + days[0] * DAY)
        .not_valid_after(NOW + days[1] * DAY)
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    return Holder(key, builder.sign(signer, hashes.SHA256()))


def revoking(authority: Holder, *revoked: Holder) -> bytes:
    """Return an authority's list of revoked certificates."""
    public = authority.key.public_key()
    builder = x509.CertificateRevocationListBuilder(authority.certificate.subject, NOW - DAY, NOW + 9 * DAY)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    builder = builder.add_extension(x509.CRLNumber(1), critical=False)
    for each in revoked:
        entry = x509.RevokedCertificateBuilder(each.certificate.serial_number, NOW - DAY)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


CA, OTHER_CA = issued("Right CA"), issued("Other CA")
GW1, GW2 = issued("gw1.example.org", CA), issued("gw2.example.org", CA)


@pytest.fixture
def host(charon_pair: Pair, tmp_path: Path) -> Iterator[Host]:
    made = engine_host(tmp_path, charon_pair[0].uri, alerts=charon_pair[0].alerts)
    yield made
    made.charon.close()


@pytest.fixture
def peer(charon_pair: Pair) -> Iterator[ViciCharon]:
    with charon_pair[1].client() as there:
        yield there


def load(
    charon: Any, number: int, holder: Holder, trusted: Holder, *, key: Holder | None = None, revoked: bytes = b""
) -> None:
    """Make a charon one end of a tunnel by certificates."""
    session, other = charon.session, 3 - number
    if revoked:
        session.request("load-cert", {"type": "x509_crl", "data": revoked})
    session.request("load-cert", {"type": "x509", "flag": "CA", "data": trusted.pem})
    session.request("load-key", {"type": "any", "data": (key or holder).key_pem})
    tree: dict[str, Any] = {
        "version": "2", "local_addrs": [f"192.0.2.{number}"], "remote_addrs": [f"192.0.2.{other}"],
        "proposals": ["aes256-sha256-curve25519"],
        "local": {"auth": "pubkey", "id": f"fqdn:gw{number}.example.org", "certs": [holder.pem]},
        "remote": {"auth": "pubkey", "id": f"fqdn:gw{other}.example.org"},
        "children": {
            "lan": {
                "local_ts": [f"10.{number}.0.0/24"], "remote_ts": [f"10.{other}.0.0/24"],
                "esp_proposals": ["aes256gcm16"],
            }
        },
    }  # fmt: skip
    charon.load_connection("paris", tree)


def told(host: Host) -> list[tuple[str | None, str]]:
    """Return what a probe tells, and end the tunnel if it came up."""
    found = probe(host, GATEWAY, look(host, GATEWAY), seconds=5)
    host.charon.terminate(ike="paris", timeout_ms=2000)
    return [(each.phase2, each.reason) for each in why_down(GATEWAY, found.sight)]


def both(reason: str) -> list[tuple[str | None, str]]:
    return [(None, reason), ("lan", reason)]


REFUSED = [
    pytest.param(issued("gw2.example.org", CA, PAST), CA, GW1, "certificate_expired", id="expired"),
    pytest.param(issued("gw2.example.org", CA, FUTURE), CA, GW1, "certificate_not_yet_valid", id="not-yet"),
    pytest.param(issued("gw2.example.org", OTHER_CA), CA, GW1, "certificate_untrusted", id="unknown-ca"),
    pytest.param(GW2, OTHER_CA, GW1, "authentication_refused", id="our-ca-unknown-there"),
    pytest.param(GW2, CA, issued("gw1.example.org", CA, PAST), "authentication_refused", id="ours-expired"),
]


@pytest.mark.parametrize(("theirs", "they_trust", "ours", "reason"), REFUSED)
def test_a_certificate_that_is_not_taken(
    host: Host, peer: ViciCharon, theirs: Holder, they_trust: Holder, ours: Holder, reason: str
) -> None:
    load(host.charon, 1, ours, CA)
    load(peer, 2, theirs, they_trust)
    assert told(host) == both(reason)


@pytest.mark.parametrize(("revoked", "reason"), [(GW1, None), (GW2, "certificate_revoked")])
def test_a_revoked_certificate(host: Host, peer: ViciCharon, revoked: Holder, reason: str | None) -> None:
    load(host.charon, 1, GW1, CA, revoked=revoking(CA, revoked))
    load(peer, 2, GW2, CA)
    assert told(host) == (both(reason) if reason else [])


def test_a_key_that_is_not_the_certificates(host: Host, peer: ViciCharon) -> None:
    load(host.charon, 1, GW1, CA)
    load(peer, 2, GW2, CA, key=issued("gw2.example.org", CA))
    assert told(host) == both("authentication_refused")


def test_a_status_that_nobody_knows_is_no_reason_where_it_is_not_asked_for(host: Host, peer: ViciCharon) -> None:
    load(host.charon, 1, GW1, CA)
    load(peer, 2, GW2, CA)
    assert told(host) == []
