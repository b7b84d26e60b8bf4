# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys that a passphrase opens: what we open is what swanctl opens, and a wrong passphrase is told of beforehand."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.swanctl import quote
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import dump_object
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import READING_COMMANDS
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release, pki, roundtrip
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import state, swanctl_all
from ansible_collections.swanfleet.ipsec.tests.daemon.releases import ENVIRONMENT
from ansible_collections.swanfleet.ipsec.tests.daemon.test_authentication import Ends
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import Config
from ansible_collections.swanfleet.ipsec.tests.proofs import proving
from cryptography.hazmat.primitives import serialization

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]

CA = pki.authority("Locked CA")
RSA, EC, ED = (CA.issue("gw1.example.org", key=pki.new_key(kind)) for kind in ("rsa", "ec", "ed25519"))
PEER = CA.issue("gw2.example.org")
# What swanctl.conf would take for something else: quotes, its own signs, and the mark of base64.
PASSPHRASE = '0sAA== "p\\ä#{=}'
PLAIN_PASSPHRASE = '0sAA== "p\\a#{=}'


def openssl(directory: Path, *argv: str, passphrase: str) -> bytes:
    """Run openssl with a passphrase in a file, and return what it writes."""
    (directory / "passphrase").write_text(passphrase + "\n", encoding="utf-8")
    done = subprocess.run(
        ["openssl", *argv], cwd=directory, env={**ENVIRONMENT, "LC_ALL": "C.UTF-8"}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def locked(directory: Path, holder: pki.Holder, *options: str) -> str:
    """Return the key of a holder as openssl encrypts it."""
    return _encrypted(directory, holder, "pkcs8", "-topk8", *options)


def traditional(directory: Path, holder: pki.Holder, *options: str) -> str:
    """Return the key of a holder as openssl once encrypted all."""
    return _encrypted(directory, holder, "pkey", "-traditional", *options)


def _encrypted(directory: Path, holder: pki.Holder, *argv: str) -> str:
    (directory / "key.pem").write_text(holder.key_pem, encoding="ascii")
    whole = [*argv, "-in", "key.pem", "-passout", "file:passphrase"]
    return openssl(directory, *whole, passphrase=words(argv)).decode()


def words(way: Sequence[str]) -> str:
    """Return the passphrase; strongSwan knows those of PKCS#12 in ASCII alone."""
    return PLAIN_PASSPHRASE if any("PBE-" in each or "PKCS" in each for each in way) else PASSPHRASE


KEYS: dict[str, tuple[pki.Holder, Callable[[Path, pki.Holder], str]]] = {
    "by cryptography": (RSA, lambda _directory, holder: pki.key_pem(holder.key, passphrase=PASSPHRASE)),
    "AES-128 and SHA-1": (EC, lambda *at: locked(*at, "-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1")),
    "AES-192 and SHA-512": (RSA, lambda *at: locked(*at, "-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA512")),
    "AES-256 and SHA-384": (EC, lambda *at: locked(*at, "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA384")),
    "Triple DES": (EC, lambda *at: locked(*at, "-v2", "des3")),
    "many rounds": (EC, lambda *at: locked(*at, "-iter", "600000")),
    "Ed25519": (ED, lambda *at: locked(*at, "-v2", "aes-256-cbc")),
    "PKCS#12's own": (RSA, lambda *at: locked(*at, "-v1", "PBE-SHA1-3DES")),
    "traditional, AES-256": (RSA, lambda *at: traditional(*at, "-aes256")),
    "traditional, Triple DES": (EC, lambda *at: traditional(*at, "-des3")),
}


@pytest.fixture
def ends(charon_pair: Pair, tmp_path: Path) -> Iterator[Ends]:
    made = Ends(charon_pair, tmp_path)
    yield made
    for host in made.hosts.values():
        host.charon.close()


def certified(holder: pki.Holder, **options: Any) -> Config:
    return {"auth_method": "certificate", **holder.options(CA), **options}


def started_again(ends: Ends) -> str:
    """Take everything out of a charon, and load what swanctl finds, as at charon's start; return what it says."""
    host = ends.hosts[1]
    host.charon.clear_credentials()
    assert host.charon.key_ids() == []
    said = swanctl_all(ends.pair[0], host)
    wrong = [line for line in said.splitlines() if "failed" in line and not line.startswith("opening directory")]
    assert wrong == []
    return said


def private(*kinds: str, by: str) -> list[pytest.MarkDecorator]:
    """Return the proofs of sections that are about a file with a key, whatever the directory is called."""
    options = {"file": f"{by}.private_key", "secret": f"{by}.passphrase"}
    return [
        pytest.mark.proves(key=f"secrets.{kind}<suffix>.{name}", option=option)
        for kind in kinds
        for name, option in options.items()
    ]


@proving(private("private", by="phase1"))
@pytest.mark.parametrize("way", KEYS)
def test_what_we_open_swanctl_opens_and_it_proves_who_we_are(ends: Ends, tmp_path: Path, way: str) -> None:
    holder, make = KEYS[way]
    mine = certified(holder, private_key=make(tmp_path, holder), passphrase=words([way]))
    ends.apply(2, **certified(PEER))
    ends.apply(1, **mine)
    ends.up(1)
    held = ends.hosts[1].charon.key_ids()
    file = next(Path(ends.hosts[1].paths.swanctl).glob("private/*"))
    assert "ENCRYPTED" in file.read_text("ascii")
    assert file.stat().st_mode & 0o777 == 0o600
    assert not ends.apply(1, **mine).changed
    assert set(ends.hosts[1].charon.commands) <= READING_COMMANDS
    started_again(ends)
    assert ends.hosts[1].charon.key_ids() == held
    assert not ends.apply(1, **mine).changed
    ends.up(2)


CONTAINERS: dict[str, tuple[str, ...]] = {
    "as openssl writes it": (),
    "by AES-128 and SHA-512": ("-keypbe", "aes-128-cbc", "-certpbe", "aes-128-cbc", "-macalg", "sha512"),
    "by Triple DES": ("-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"),
    "as it was long ago": ("-legacy",),
    "with open certificates": ("-certpbe", "NONE"),
}


def contained(directory: Path, holder: pki.Holder, *options: str) -> bytes:
    """Return a container with the key of a holder, its certificate and the authority's."""
    for name, text in (("key.pem", holder.key_pem), ("own.pem", holder.pem), ("ca.pem", CA.pem)):
        (directory / name).write_text(text, encoding="ascii")
    argv = ["pkcs12", "-export", "-inkey", "key.pem", "-in", "own.pem", "-certfile", "ca.pem", *options]
    return openssl(directory, *argv, "-passout", "file:passphrase", passphrase=PLAIN_PASSPHRASE)


def by_its_name(**remote: Any) -> Config:
    """Return an end whose certificate charon finds by the identity alone."""
    return {"local_auth": [{"id": "gw1.example.org"}], "remote_auth": [remote]}


@proving(
    [
        pytest.mark.proves(key=f"secrets.pkcs12<suffix>.{name}", option=f"private_key.{option}")
        for name, option in (("file", "pkcs12"), ("secret", "passphrase"))
    ]
)
@pytest.mark.parametrize("way", CONTAINERS)
def test_key_and_certificate_come_out_of_a_container(ends: Ends, tmp_path: Path, way: str) -> None:
    data = contained(tmp_path, RSA, *CONTAINERS[way])
    item = {"name": "box", "pkcs12": base64.b64encode(data).decode(), "passphrase": PLAIN_PASSPHRASE}
    mine = by_its_name(ca_certificates=[CA.pem])
    ends.apply(2, **certified(PEER))
    ends.apply(1, item, **mine)
    host = ends.hosts[1]
    # Later it has the peer's certificate, too.
    held = host.charon.key_ids(), sorted(host.charon.certificates())
    ends.up(1)
    ends.up(2)
    [file] = Path(host.paths.swanctl).glob("pkcs12/*")
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (data, 0o600)
    assert not ends.apply(1, item, **mine).changed
    started_again(ends)
    assert (host.charon.key_ids(), sorted(host.charon.certificates())) == held
    assert not ends.apply(1, item, **mine).changed
    # It goes as a whole, and what it said with it.
    ends.apply(1, psk="a key of both ends")
    assert (host.charon.key_ids(), list(Path(host.paths.swanctl).glob("pkcs12/*"))) == ([], [])


def other_box(directory: Path) -> Config:
    data = contained(directory, EC)
    return {"name": "box", "pkcs12": base64.b64encode(data).decode(), "passphrase": "not it"}


@pytest.mark.parametrize(
    ("keys", "option"),
    [
        pytest.param(lambda at: ([], {"private_key": locked(at, RSA), "passphrase": "not it"}), "phase1 t: passphrase: private_key",
                     id="of a phase 1"),
        pytest.param(lambda at: ([{"name": "own", "private_key": locked(at, RSA), "passphrase": "not it"}], {}),
                     "private_key own: passphrase: private_key", id="of a key"),
        pytest.param(lambda at: ([other_box(at)], {}), "private_key box: passphrase: pkcs12", id="of a container"),
    ],
)  # fmt: skip
def test_a_wrong_passphrase_is_told_of_before_anything_is_touched(
    ends: Ends, tmp_path: Path, keys: Callable[[Path], tuple[list[Config], Config]], option: str
) -> None:
    ends.apply(1, psk="a key of both ends")
    before = state(ends.hosts[1])
    objects, options = keys(tmp_path)
    with pytest.raises(ValidationError) as told:
        ends.apply(1, *objects, **certified(RSA, **options))
    assert str(told.value) == f"{option} does not open with it, or is damaged"
    assert state(ends.hosts[1]) == before
    assert set(ends.hosts[1].charon.commands) <= READING_COMMANDS


def test_a_file_that_is_der_is_read_as_well(ends: Ends, tmp_path: Path) -> None:
    file = tmp_path / "key.der"
    form = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(PASSPHRASE.encode())
    file.write_bytes(RSA.key.private_bytes(serialization.Encoding.DER, *form))
    mine = certified(RSA, private_key=str(file), passphrase=PASSPHRASE)
    ends.apply(2, **certified(PEER))
    ends.apply(1, **mine)
    started_again(ends)
    ends.up(1)


@proving(private("rsa", "ecdsa", "pkcs8", by="private_key"))
@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "pkcs8"])
def test_a_file_in_another_directory_is_taken_as_one_of_keys(ends: Ends, tmp_path: Path, kind: str) -> None:
    """What a hand-written section of that type opens, by its parsed objects, and charon holds the same key as before."""
    holder = RSA if kind == "rsa" else EC
    host = ends.hosts[1]
    directory = Path(host.paths.swanctl)
    (directory / kind).mkdir()
    (directory / kind / "own.pem").write_text(locked(tmp_path, holder), encoding="ascii")
    text = f"secrets {{ {kind}-own {{ file = own.pem\n secret = {quote(PASSPHRASE)} }} }}\n"
    (directory / "swanctl.conf").write_text(text, encoding="utf-8")
    assert f"loaded {'RSA' if kind == 'rsa' else 'ECDSA'} key from" in swanctl_all(ends.pair[0], host)
    held = host.charon.key_ids()
    parsed = roundtrip.read_file(directory / "swanctl.conf", directory=str(directory)).gateway.private_keys
    assert list(parsed) == ["own"]
    host.charon.clear_credentials()
    (directory / "swanctl.conf").write_text("include conf.d/*.conf\n", encoding="utf-8")
    mine = {"local_auth": [{"certificates": [holder.pem]}], "remote_auth": [{"ca_certificates": [CA.pem]}]}
    ends.apply(1, dump_object(parsed["own"], with_secrets=True), **mine)
    ends.apply(2, **certified(PEER))
    assert host.charon.key_ids() == held
    ends.up(1)
    (directory / kind / "own.pem").unlink()
    started_again(ends)
    assert host.charon.key_ids() == held
