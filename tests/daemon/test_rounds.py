# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a round demands beside its method: who fulfils it comes in, and who does not stays out."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError, ValidationError
from ansible_collections.swanfleet.ipsec.tests.daemon import charon_process, each_release, pki, radius
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess, Extra
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import run
from ansible_collections.swanfleet.ipsec.tests.daemon.releases import ENVIRONMENT
from ansible_collections.swanfleet.ipsec.tests.daemon.test_authentication import OUTCOME, Ends, tunnel
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import Config
from ansible_collections.swanfleet.ipsec.tests.proofs import F, proving

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]

POLICY, OTHER_POLICY = "1.3.6.1.4.1.36906.1", "1.3.6.1.4.1.36906.2"
CA, OTHER_CA = pki.authority("First CA", policies=[POLICY, OTHER_POLICY]), pki.authority("Second CA")
GW1 = CA.issue("gw1.example.org")
GW2 = CA.issue("gw2.example.org", names=["aaa.example.org"])
KEY = "a key of both ends"
# Of the password "password".
HASH = "8846f7eaee8fb117ad06bdd830b7586c"


@pytest.fixture
def ends(charon_pair: Pair, tmp_path: Path) -> Iterator[Ends]:
    made = Ends(charon_pair, tmp_path)
    yield made
    for host in made.hosts.values():
        host.charon.close()


def certified(holder: pki.Holder, **remote: Any) -> Config:
    """Return an end with a certificate, and what it demands of the peer."""
    return {"local_auth": [own(holder)], "remote_auth": [{"ca_certificates": [CA.pem], **remote}]}


def own(holder: pki.Holder) -> Config:
    return {"certificates": [holder.pem], "private_keys": [holder.key_pem]}


def comes_up(ends: Ends) -> bool:
    """Say whether the first end brings the tunnel up."""
    try:
        ends.up(1)
    except DaemonRefused as error:
        if re.search(OUTCOME, str(error)) is None:
            raise
        return False
    return True


def proves(side: str, *names: str) -> Callable[[F], F]:
    keys = (f"connections.<conn>.{side}<suffix>.{name}" for name in names)
    return proving([pytest.mark.proves(key=key, option=f"phase1.{side}_auth") for key in keys])


@proves("remote", "cert_policy")
def test_only_a_certificate_with_the_policy_is_taken(ends: Ends) -> None:
    ends.apply(1, **certified(GW1, cert_policies=[POLICY]))
    for policies, good in (([POLICY], True), ([OTHER_POLICY, POLICY], True), ([], False), ([f"{POLICY}.1"], False)):
        ends.apply(2, **certified(CA.issue("gw2.example.org", policies=policies)))
        assert comes_up(ends) == good, policies
    ends.apply(1, **certified(GW1, cert_policies=[OTHER_POLICY, POLICY]))
    for policies in ([POLICY], [POLICY, OTHER_POLICY]):
        ends.apply(2, **certified(CA.issue("gw2.example.org", policies=policies)))
        assert comes_up(ends) == (len(policies) == 2)
    assert not ends.apply(1, **certified(GW1, cert_policies=[OTHER_POLICY, POLICY])).changed


def test_up_to_5_9_a_policy_that_the_root_does_not_have_counts_for_nothing(ends: Ends, release: str) -> None:
    of_other = {"ca_certificates": [OTHER_CA.pem], "cert_policies": [POLICY]}
    ends.apply(1, **certified(GW1, **of_other))
    ends.apply(2, **certified(OTHER_CA.issue("gw2.example.org", policies=[POLICY])))
    assert comes_up(ends) == (release == "13")


@proves("remote", "ca_id")
def test_only_a_certificate_of_the_named_authority_is_taken(ends: Ends) -> None:
    trusted = [{"name": f"ca{number}", "ca_certificate": each.pem} for number, each in enumerate((CA, OTHER_CA))]
    ends.apply(2, **certified(GW2))
    for name, good in (("dn:CN=First CA", True), ("dn:CN=Second CA", False)):
        mine = {"local_auth": [own(GW1)], "remote_auth": [{"ca_id": name}]}
        run(ends.hosts[1], {**tunnel(1, **mine), "authorities": trusted})
        assert comes_up(ends) == good, name


def test_beside_certificates_of_authorities_the_name_of_one_demands_nothing(ends: Ends) -> None:
    ends.apply(2, **certified(GW2))
    ends.apply(1, **certified(GW1, ca_id="dn:CN=Second CA"))
    assert comes_up(ends)


@proves("remote", "revocation")
def test_a_certificate_of_unknown_status_is_taken_as_it_is_said(ends: Ends) -> None:
    nowhere = CA.issue("gw2.example.org", crl_uri="http://127.0.0.1:1/none.crl")
    for revocation, plain, asking in (("relaxed", True, True), ("ifuri", True, False), ("strict", False, False)):
        ends.apply(1, **certified(GW1, revocation=revocation))
        for holder, good in ((GW2, plain), (nowhere, asking)):
            ends.apply(2, **certified(holder))
            assert comes_up(ends) == good, revocation


@proves("local", "aaa_id")
def test_the_server_of_eap_must_be_the_named_one(ends: Ends) -> None:
    ends.apply(2, auth_method="eap_tls", eap_role="server", **GW2.options(CA))
    for name, good in (("aaa.example.org", True), ("other.example.org", False), (None, True)):
        mine = {**own(GW1), "auth": "eap-tls", **({"aaa_id": name} if name else {})}
        ends.apply(1, local_auth=[mine], remote_auth=[{"ca_certificates": [CA.pem]}])
        assert comes_up(ends) == good, name


USER = {"auth": "eap-md5", "password": "s3cret of alice"}


@proves("local", "round")
@proves("remote", "round")
@pytest.mark.parametrize("numbers", [(1, 2), (2, 1)])
def test_the_order_of_rounds_follows_their_numbers(ends: Ends, numbers: tuple[int, int]) -> None:
    by_key = {"auth": "psk", "psk": KEY}
    ends.apply(
        1,
        local_auth=[{**USER, "eap_id": "alice", "round": numbers[1]}, {**by_key, "round": numbers[0]}],
        remote_auth=[by_key],
    )
    asked = {**USER, "eap_id": "any", "username": "alice"}
    ends.apply(
        2, local_auth=[by_key], remote_auth=[{**asked, "round": 2}, {**by_key, "id": "gw1.example.org", "round": 1}]
    )
    assert comes_up(ends) == (numbers == (1, 2))


@proving(
    [
        pytest.mark.proves(key=f"secrets.ntlm<suffix>.{name}", option="phase1.remote_auth")
        for name in ("id<suffix>", "secret")
    ]
)
def test_a_hash_stands_for_the_password_of_its_user(ends: Ends) -> None:
    mine = {"auth_method": "eap_mschapv2", "ca_certificates": [CA.pem]}
    for user, secret, good in (("alice", HASH, True), ("alice", HASH[::-1], False), ("bert", HASH, False)):
        asked = {"auth": "eap-mschapv2", "eap_id": "any", "username": "alice", "nt_hash": secret}
        ends.apply(2, local_auth=[own(GW2)], remote_auth=[asked])
        assert not ends.apply(2, local_auth=[own(GW2)], remote_auth=[asked]).changed
        ends.apply(1, **mine, username=user, password="password")
        assert comes_up(ends) == good, (user, secret)


def written(directory: Path, holder: pki.Holder) -> str:
    path = directory / "by-hand.pem"
    path.write_text(holder.pem, encoding="ascii")
    return str(path)


@proves("local", "cert<suffix>.file")
def test_a_certificate_of_ours_may_be_in_a_file_that_charon_reads(ends: Ends, tmp_path: Path) -> None:
    ends.apply(2, **certified(GW2))
    file = {"file": written(tmp_path, GW1)}
    mine = {"token_certificates": [file], "private_keys": [GW1.key_pem], "id": "gw1.example.org"}
    ends.apply(1, local_auth=[mine], remote_auth=[{"ca_certificates": [CA.pem]}])
    assert comes_up(ends)
    wrong = {**mine, "token_certificates": [{"file": str(tmp_path / "nowhere.pem")}]}
    with pytest.raises(ApplyError, match="load connection t"):
        ends.apply(1, local_auth=[wrong], remote_auth=[{"ca_certificates": [CA.pem]}])
    assert comes_up(ends)


@proves("remote", "cert<suffix>.file", "cacert<suffix>.file")
@pytest.mark.parametrize(("option", "holder"), [("token_certificates", GW2), ("token_ca_certificates", CA)])
def test_a_certificate_of_the_peer_may_be_in_a_file_that_charon_reads(
    ends: Ends, tmp_path: Path, option: str, holder: pki.Holder
) -> None:
    ends.apply(1, local_auth=[own(GW1)], remote_auth=[{option: [{"file": written(tmp_path, holder)}]}])
    stranger = OTHER_CA.issue("gw2.example.org")
    for theirs, good in ((GW2, True), (stranger, False)):
        ends.apply(2, **certified(theirs))
        assert comes_up(ends) == good


@contextmanager
def radius_server(process: CharonProcess) -> Iterator[None]:
    """Run a RADIUS server beside a charon, which tells of everybody that he is of the staff."""
    program = [sys.executable, radius.__file__, "1812", "between us", "s3cret of alice", "staff"]
    argv = ["ip", "netns", "exec", process.netns, *program]
    with subprocess.Popen(argv, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            yield
        finally:
            server.kill()


RADIUS = (
    'plugins { eap-radius { class_group = yes\n servers { one { address = 127.0.0.1\n secret = "between us" } } } }'
)

RADIUS_ASKED = {"auth": "eap-radius", "eap_id": "any"}


@proves("remote", "groups")
def test_only_who_is_in_the_group_is_taken(release: str, tmp_path: Path) -> None:
    with charon_process.wired(Extra(RADIUS, "eap-radius"), release=release) as pair, radius_server(pair[1]):
        ends = Ends(pair, tmp_path)
        mine = {"auth_method": "eap_md5", "username": "alice", "ca_certificates": [CA.pem]}
        ends.apply(1, **mine, password="s3cret of alice")
        for groups, good in ((["staff"], True), (["guests", "staff"], True), (["guests"], False)):
            ends.apply(2, local_auth=[own(GW2)], remote_auth=[{**RADIUS_ASKED, "groups": groups}])
            assert comes_up(ends) == good, groups
        ends.apply(2, local_auth=[own(GW2)], remote_auth=[{**RADIUS_ASKED, "groups": ["staff"]}])
        ends.apply(1, **mine, password="another one")
        assert not comes_up(ends)
        for host in ends.hosts.values():
            host.charon.close()


def test_a_method_without_its_plugin_is_told_of(ends: Ends) -> None:
    wanted = r"phase1 t: remote\.auth is 'eap-radius': it needs charon's plugin eap-radius"
    with pytest.raises(ValidationError, match=wanted):
        ends.apply(2, local_auth=[own(GW2)], remote_auth=[{"auth": "eap-radius", "groups": ["staff"]}])
