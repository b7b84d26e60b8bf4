# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorities: who is trusted, and where charon learns which certificates are revoked."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.probe import probe
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import READING_COMMANDS
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.host import Host
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.read import read_stored
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.tunnels import look
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.why import why_down
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release, pki
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import engine_host, run, swanctl_all
from ansible_collections.swanfleet.ipsec.tests.daemon.releases import ENVIRONMENT
from ansible_collections.swanfleet.ipsec.tests.daemon.waiting import awaited
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import Config, config, steps
from ansible_collections.swanfleet.ipsec.tests.proofs import F, proving

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]

CA = pki.authority("Fleet CA")
GW1, GOOD, REVOKED = CA.issue("gw1.example.org"), CA.issue("gw2.example.org"), CA.issue("gw2.example.org")


def proves(*keys: tuple[str, str]) -> Callable[[F], F]:
    return proving(
        [pytest.mark.proves(key=f"authorities.<name>{key}", option=f"authority.{name}") for key, name in keys]
    )


def gateway(number: int, holder: pki.Holder, *authorities: Config, **remote: Any) -> Config:
    """Return one end, and what it asks of the other one's certificate; nothing says of which authority that must be."""
    other = 3 - number
    phase1 = {
        "name": "t", "interfaces": [f"192.0.2.{number}"], "remote_endpoints": [f"192.0.2.{other}"],
        "init_type": "on_demand" if number == 1 else "none",
        "local_id": f"gw{number}.example.org", "remote_id": f"gw{other}.example.org",
        "proposals": ["aes256-sha256-curve25519"],
        "local_auth": [{"certificates": [holder.pem], "private_keys": [holder.key_pem]}], "remote_auth": [remote],
    }  # fmt: skip
    phase2 = {
        "name": "lan", "phase1": "t", "local_networks": [f"10.{number}.0.0/24"], "remote_networks": [f"10.{other}.0.0/24"],
        "proposals": ["aes256gcm16"],
    }  # fmt: skip
    return {**config([phase1], [phase2]), "authorities": list(authorities)}


def fleet(**options: Any) -> Config:
    return {"name": "fleet", **({} if "token_ca_certificate" in options else {"ca_certificate": CA.pem}), **options}


@pytest.fixture
def hosts(charon_pair: Pair, tmp_path: Path) -> Iterator[list[Host]]:
    made = []
    for number, process in enumerate(charon_pair, start=1):
        root = tmp_path / str(number)
        root.mkdir()
        made.append(engine_host(root, process.uri, alerts=process.alerts))
    yield made
    for host in made:
        host.charon.close()


def why(host: Host) -> list[tuple[str | None, str]]:
    """Try the tunnel, tell why it does not come up, and end it if it did."""
    wanted = read_stored(host).gateway
    found = probe(host, wanted, look(host, wanted), seconds=5)
    host.charon.terminate(ike="t", timeout_ms=2000)
    return [(each.phase2, each.reason) for each in why_down(wanted, found.sight)]


def both(reason: str) -> list[tuple[str | None, str]]:
    return [(None, reason), ("lan", reason)]


def list_at(path: Path, *revoked: pki.Holder) -> str:
    """Write the authority's list of revoked certificates, and return its URI."""
    path.write_text(CA.crl(revoked), encoding="utf-8")
    return f"file://{path}"


@proves((".cacert", "ca_certificate"), (".crl_uris", "crl_uris"))
@pytest.mark.parametrize(
    ("theirs", "reason"),
    [pytest.param(GOOD, None, id="good"), pytest.param(REVOKED, "certificate_revoked", id="revoked")],
)
def test_a_list_tells_which_certificate_is_revoked(
    hosts: list[Host], tmp_path: Path, theirs: pki.Holder, reason: str | None
) -> None:
    run(hosts[1], gateway(2, theirs, fleet()))
    run(hosts[0], gateway(1, GW1, fleet(), revocation="strict"))
    # Nobody says anything of it yet.
    assert why(hosts[0]) == both("certificate_status_unknown")
    uri = list_at(tmp_path / "a.crl", REVOKED)
    run(hosts[0], gateway(1, GW1, fleet(crl_uris=[uri]), revocation="strict"))
    assert why(hosts[0]) == (both(reason) if reason else [])


@contextmanager
def responder(process: CharonProcess, directory: Path) -> Iterator[str]:
    """Run a service that says of our certificates whether they are revoked, beside a charon; give its URI."""
    rows = [("V", "", GOOD), ("R", "260101000000Z", REVOKED)]
    index = [
        f"{word}\t491231235959Z\t{when}\t{each.certificate.serial_number:040X}\tunknown\t/CN=x\n"
        for word, when, each in rows
    ]
    for name, text in (("index", "".join(index)), ("ca.pem", CA.pem), ("ca.key", CA.key_pem)):
        (directory / name).write_text(text, encoding="ascii")
    argv = [
        "ip",
        "netns",
        "exec",
        process.netns,
        "openssl",
        "ocsp",
        "-port",
        "8888",
        "-index",
        "index",
        "-CA",
        "ca.pem",
    ]
    argv += ["-rsigner", "ca.pem", "-rkey", "ca.key"]
    with subprocess.Popen(
        argv, cwd=directory, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as service:
        try:
            assert awaited(lambda: "8888" in process.inside("ss", "-Hltn"))
            yield "http://127.0.0.1:8888"
        finally:
            service.kill()


@proves((".ocsp_uris", "ocsp_uris"))
def test_a_service_tells_which_certificate_is_revoked(hosts: list[Host], charon_pair: Pair, tmp_path: Path) -> None:
    with responder(charon_pair[0], tmp_path) as uri:
        run(hosts[0], gateway(1, GW1, fleet(ocsp_uris=[uri]), revocation="strict"))
        for theirs, reasons in ((GOOD, []), (REVOKED, both("certificate_revoked"))):
            run(hosts[1], gateway(2, theirs, fleet()))
            assert why(hosts[0]) == reasons


@proves((".file", "token_ca_certificate"))
def test_a_certificate_that_charon_reads_itself_is_trusted_until_it_goes(hosts: list[Host], tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(CA.pem, encoding="ascii")
    run(hosts[1], gateway(2, GOOD, fleet()))
    run(hosts[0], gateway(1, GW1, fleet(token_ca_certificate={"file": str(file)})))
    assert why(hosts[0]) == []
    run(hosts[0], gateway(1, GW1))
    # Of no authority is a certificate asked for, and so the peer sends none.
    assert why(hosts[0]) == both("authentication_failed")
    assert len(hosts[0].charon.certificates()) == 1


@proves((".cert_uri_base", "cert_uri_base"))
def test_a_change_touches_no_tunnel_and_is_made_once(hosts: list[Host], charon_pair: Pair, tmp_path: Path) -> None:
    run(hosts[1], gateway(2, GOOD, fleet()))
    run(hosts[0], gateway(1, GW1, fleet()))
    hosts[0].charon.initiate(ike="t", child="lan", timeout_ms=5000)
    [(_name, before)] = hosts[0].charon.sas()
    uri = list_at(tmp_path / "a.crl", REVOKED)
    wanted = gateway(1, GW1, fleet(crl_uris=[uri], cert_uri_base="http://certs.example.org/"))
    outcome = run(hosts[0], wanted)
    assert steps(outcome) == ["write file connections", "load authority fleet", "unload authority fleet"]
    [shown] = hosts[0].charon.authorities().values()
    assert (shown["cacert"], shown["crl_uris"], shown["cert_uri_base"]) == (
        "CN=Fleet CA", [uri], "http://certs.example.org/",
    )  # fmt: skip
    [(_name, after)] = hosts[0].charon.sas()
    assert (after["uniqueid"], after["child-sas"].keys()) == (before["uniqueid"], before["child-sas"].keys())
    assert not run(hosts[0], wanted).changed
    assert set(hosts[0].charon.commands) <= READING_COMMANDS
    # swanctl reads the same out of our files, as it does when charon starts.
    held = hosts[0].charon.authorities(), sorted(hosts[0].charon.certificates())
    said = swanctl_all(charon_pair[0], hosts[0])
    assert "successfully loaded 1 authorities, 0 unloaded" in said
    assert (hosts[0].charon.authorities(), sorted(hosts[0].charon.certificates())) == held
    assert not run(hosts[0], wanted).changed


def test_an_authority_that_goes_is_trusted_no_more(hosts: list[Host], charon_pair: Pair) -> None:
    run(hosts[1], gateway(2, GOOD, fleet()))
    run(hosts[0], gateway(1, GW1, fleet()))
    assert why(hosts[0]) == []
    # Whatever its administrator does in between.
    swanctl_all(charon_pair[0], hosts[0])
    run(hosts[0], gateway(1, GW1, fleet(cert_uri_base="http://certs.example.org/")))
    run(hosts[0], gateway(1, GW1))
    # Of no authority is a certificate asked for, and so the peer sends none.
    assert why(hosts[0]) == both("authentication_failed")
    assert len(hosts[0].charon.certificates()) == 1
