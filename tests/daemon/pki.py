# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certification authorities for tests: certificates that are right, and wrong in one way each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
DAY = dt.timedelta(days=1)
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


def new_key(kind: str = "ec") -> Key:
    """Return a new key: "ec" (P-256), "rsa" (2048) or "ed25519"."""
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    return ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Key, *, passphrase: str = "", traditional: bool = False) -> str:
    """Return a private key as PEM, encrypted where there is a passphrase."""
    form = serialization.PrivateFormat.TraditionalOpenSSL if traditional else serialization.PrivateFormat.PKCS8
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


def container(holder: Holder, *, passphrase: str) -> bytes:
    """Return a PKCS#12 container with a certificate and its key."""
    encryption = serialization.BestAvailableEncryption(passphrase.encode())
    return pkcs12.serialize_key_and_certificates(b"own", holder.key, holder.certificate, None, encryption)


def public_pem(key: Key) -> str:
    """Return the public part of a key as PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


@dataclass(frozen=True)
class Holder:
    """A certificate with its private key."""

    key: Key
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        """Return the certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """Return the private key as PEM, not encrypted."""
        return key_pem(self.key)

    def options(self, authority: Holder) -> dict[str, object]:
        """Return the options of a phase 1 that has this certificate and takes peers of an authority."""
        return {"certificate": self.pem, "private_key": self.key_pem, "ca_certificates": [authority.pem]}


class Authority(Holder):
    """A certification authority."""

    def issue(
        self,
        name: str,
        *,
        key: Key | None = None,
        valid: tuple[dt.datetime, dt.datetime] = (NOW - DAY, NOW + 30 * DAY),
        ca: bool = False,
        crl_uri: str = "",
        ocsp_uri: str = "",
        names: Sequence[str] = (),
        policies: Sequence[str] = (),
    ) -> Holder:
        """Issue a certificate with the subject "CN=name", and the name as a subjectAltName, before any others.

        `policies` are object identifiers.
        """
        holder = key or new_key()
        extensions: list[x509.ExtensionType] = [x509.BasicConstraints(ca=ca, path_length=None)]
        if not ca:
            extensions.append(x509.SubjectAlternativeName([x509.DNSName(each) for each in (name, *names)]))
        extensions += _policies(policies)
        if crl_uri:
            where = [x509.UniformResourceIdentifier(crl_uri)]
            extensions.append(x509.CRLDistributionPoints([x509.DistributionPoint(where, None, None, None)]))
        if ocsp_uri:
            told = x509.AccessDescription(
                x509.oid.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp_uri)
            )
            extensions.append(x509.AuthorityInformationAccess([told]))
        made = _signed(name, holder, self.certificate.subject, self.key, valid, extensions)
        return Authority(holder, made) if ca else Holder(holder, made)

    def crl(self, revoked: Sequence[Holder] = (), *, number: int = 1) -> str:
        """Return a list of revoked certificates as PEM."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(NOW - DAY)
            .next_update(NOW + 30 * DAY)
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        for each in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(each.certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(NOW - DAY).build())
        return builder.sign(self.key, _hash(self.key)).public_bytes(serialization.Encoding.PEM).decode()


def _policies(policies: Sequence[str]) -> list[x509.ExtensionType]:
    told = [x509.PolicyInformation(x509.ObjectIdentifier(each), None) for each in policies]
    return [x509.CertificatePolicies(told)] if told else []


def authority(name: str = "Test CA", kind: str = "ec", policies: Sequence[str] = ()) -> Authority:
    """Return a new authority that nobody but itself has certified; it may certify by some policies, or says nothing of any."""
    key = new_key(kind)
    subject = _name(name)
    extensions: list[x509.ExtensionType] = [x509.BasicConstraints(ca=True, path_length=None), *_policies(policies)]
    return Authority(key, _signed(name, key, subject, key, (NOW - 2 * DAY, NOW + 60 * DAY), extensions))


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _hash(key: Key) -> hashes.SHA256 | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def _signed(
    name: str,
    key: Key,
    issuer: x509.Name,
    issuer_key: Key,
    valid: tuple[dt.datetime, dt.datetime],
    extensions: Sequence[x509.ExtensionType],
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(issuer_key, _hash(issuer_key))
