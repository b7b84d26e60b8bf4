# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates that stay on a token, read by charon's plugin for PKCS#11 from SoftHSM."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError, ValidationError
from ansible_collections.swanfleet.ipsec.tests.daemon import charon_process, each_release, pki, softhsm
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import Extra
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.engine_host import state, swanctl_all
from ansible_collections.swanfleet.ipsec.tests.daemon.test_authentication import OUTCOME, Ends
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import Config, steps
from ansible_collections.swanfleet.ipsec.tests.proofs import F, proving

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]

CA = pki.authority("Token CA", "rsa")
OTHER_CA = pki.authority("Another CA", "rsa")
GW1 = CA.issue("gw1.example.org", key=pki.new_key("rsa"))
GW2 = CA.issue("gw2.example.org", key=pki.new_key("rsa"))
STRANGER = OTHER_CA.issue("gw2.example.org", key=pki.new_key("rsa"))
KEY, CA_ID, PEER = "0a0b", "0c0d", "0e0f"


@pytest.fixture(scope="module")
def token() -> Iterator[softhsm.Token]:
    # Below /tmp, which is shared with the other release.
    with tempfile.TemporaryDirectory(prefix="swf-token-", dir="/tmp") as directory:
        made = softhsm.Token(Path(directory))
        made.put_key(GW1, KEY)
        made.put_certificate(GW1, KEY)
        made.put_certificate(CA, CA_ID)
        made.put_certificate(GW2, PEER)
        yield made


@pytest.fixture(scope="module")
def pair_with_token(token: softhsm.Token, release: str) -> Iterator[Pair]:
    with charon_process.wired(Extra(softhsm.settings(), "pkcs11", token.environment), release=release) as pair:
        yield pair


@pytest.fixture
def ends(pair_with_token: Pair, tmp_path: Path) -> Iterator[Ends]:
    for process in pair_with_token:
        with process.client() as client:
            for key_id in client.key_ids():
                # With the key goes its PIN, which charon keeps apart from what it clears.
                client.unload_key(key_id)
            charon_process.clean(client)
    made = Ends(pair_with_token, tmp_path)
    yield made
    for host in made.hosts.values():
        host.charon.close()


def at(token: softhsm.Token, where: str, **options: Any) -> Config:
    """Return where something on the token is."""
    return {"handle": where, "slot": token.slot, "module": softhsm.MODULE, **options}


def card(token: softhsm.Token, **options: Any) -> Config:
    """Return our private key, as it is on the token."""
    return {"name": "card", **at(token, KEY), "pin": softhsm.PIN, **options}


def near(token: softhsm.Token, **options: Any) -> Config:
    """Return the end whose certificate is on the token."""
    mine = {"token_certificates": [at(token, KEY, **options)], "id": "gw1.example.org"}
    return {"local_auth": [mine], "remote_auth": [{"ca_certificates": [CA.pem]}]}


def trusting(**remote: Any) -> Config:
    """Return an end with a certificate of its own, and what it takes of the peer."""
    return {"local_auth": [{"certificates": [GW1.pem], "private_keys": [GW1.key_pem]}], "remote_auth": [remote]}


def far(holder: pki.Holder = GW2) -> Config:
    return {"auth_method": "certificate", **holder.options(CA)}


def proves(prefix: str, *names: str, option: str) -> Callable[[F], F]:
    return proving([pytest.mark.proves(key=f"{prefix}.{name}", option=option) for name in names])


def of_us(options: Config) -> Config:
    """Return options without those that would say to charon where to look."""
    return {name: value for name, value in options.items() if name not in ("slot", "module")}


@proving(
    [
        pytest.mark.proves(key=f"secrets.token<suffix>.{name}", option=f"private_key.{name}")
        for name in ("handle", "module", "pin", "slot")
    ]
)
@proves("connections.<conn>.local<suffix>.cert<suffix>", "handle", "module", "slot", option="phase1.local_auth")
def test_a_key_and_its_certificate_stay_on_the_token(ends: Ends, token: softhsm.Token) -> None:
    ends.apply(2, **far())
    outcome = ends.apply(1, card(token), **near(token))
    assert "load token card" in steps(outcome)
    ends.up(1)
    ends.up(2)
    held = Path(ends.hosts[1].paths.swanctl)
    assert not list(held.glob("private/*"))
    assert not ends.apply(1, card(token), **near(token)).changed
    # Without the key it cannot prove anything.
    assert "unload token card" in steps(ends.apply(1, **near(token)))
    assert ends.hosts[1].charon.key_ids() == []
    with pytest.raises(DaemonRefused, match=OUTCOME):
        ends.up(1)


def test_charons_start_brings_the_key_back(ends: Ends, token: softhsm.Token) -> None:
    ends.apply(2, **far())
    ends.apply(1, card(token), **near(token))
    process, host = ends.pair[0], ends.hosts[1]
    host.charon.close()
    process.stop()
    process.start()
    assert host.charon.key_ids() == []
    host.charon.close()
    said = swanctl_all(process, host)
    assert "from token" in said, said
    assert not ends.apply(1, card(token), **near(token)).changed
    ends.up(1)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"pin": "00000"}, id="another PIN"),
        pytest.param({"pin": None}, id="no PIN"),
        pytest.param({"handle": "ffff"}, id="no such object"),
        pytest.param({"module": "other"}, id="no such module"),
        pytest.param({"slot": 7}, id="no such slot"),
    ],
)
def test_what_is_not_on_the_token_leaves_everything_as_it_was(ends: Ends, token: softhsm.Token, wrong: Config) -> None:
    ends.apply(1, psk="a key of both ends")
    before = state(ends.hosts[1])
    with pytest.raises(ApplyError, match=r"load token card: .*loading private key from token failed") as told:
        ends.apply(1, card(token, **wrong), **near(token))
    assert told.value.restored
    assert softhsm.PIN not in str(told.value)
    assert state(ends.hosts[1]) == before
    assert not Path(ends.hosts[1].paths.tokens_record).exists()


def test_a_wrong_pin_in_the_place_of_a_right_one_is_noticed(ends: Ends, token: softhsm.Token) -> None:
    ends.apply(2, **far())
    ends.apply(1, card(token), **near(token))
    with pytest.raises(ApplyError, match=r"load token card: .*loading private key from token failed") as told:
        ends.apply(1, card(token, pin="00000"), **near(token))
    assert told.value.restored
    ends.up(1)


def test_without_slot_and_module_all_are_searched(ends: Ends, token: softhsm.Token) -> None:
    ends.apply(2, **far())
    mine = {"token_certificates": [of_us(at(token, KEY))], "id": "gw1.example.org"}
    ends.apply(1, of_us(card(token)), local_auth=[mine], remote_auth=[{"ca_certificates": [CA.pem]}])
    ends.up(1)


def test_another_pin_is_told_to_charon_and_the_key_stays(ends: Ends, token: softhsm.Token) -> None:
    ends.apply(2, **far())
    ends.apply(1, card(token), **near(token))
    # The same key in another way: the slot is searched now.
    outcome = ends.apply(1, card(token, slot=None), **near(token))
    assert [each for each in steps(outcome) if "token" in each] == ["load token card", "unload token card"]
    assert len(ends.hosts[1].charon.key_ids()) == 1
    ends.up(1)


@pytest.mark.parametrize(
    "wrong", [{"handle": "ffff"}, {"module": "other"}, {"slot": 7}], ids=lambda each: next(iter(each))
)
@pytest.mark.parametrize("option", ["token_certificates", "token_ca_certificates"])
def test_charon_refuses_certificates_that_are_not_on_the_token(
    ends: Ends, token: softhsm.Token, option: str, wrong: Config
) -> None:
    with pytest.raises(ApplyError, match="load connection t"):
        ends.apply(1, **trusting(**{option: [at(token, CA_ID, **wrong)]}))
    assert ends.hosts[1].charon.connection_names() == []


@proves("connections.<conn>.remote<suffix>.cacert<suffix>", "handle", "module", "slot", option="phase1.remote_auth")
def test_only_who_the_authority_on_the_token_has_certified_is_taken(ends: Ends, token: softhsm.Token) -> None:
    ends.apply(1, **trusting(token_ca_certificates=[at(token, CA_ID)]))
    ends.apply(2, **far())
    ends.up(1)
    ends.apply(2, **far(STRANGER))
    with pytest.raises(DaemonRefused, match=OUTCOME):
        ends.up(1)


@proves("connections.<conn>.remote<suffix>.cert<suffix>", "handle", "module", "slot", option="phase1.remote_auth")
def test_only_the_certificate_on_the_token_is_taken(ends: Ends, token: softhsm.Token) -> None:
    ends.apply(1, **trusting(token_certificates=[at(token, PEER)]))
    ends.apply(2, **far())
    ends.up(1)
    # Of the same authority, and with the same name.
    ends.apply(2, **far(CA.issue("gw2.example.org", key=pki.new_key("rsa"))))
    with pytest.raises(DaemonRefused, match=OUTCOME):
        ends.up(1)


def test_a_charon_without_the_plugin_is_told_of_before_anything_is_touched(
    charon_pair: Pair, tmp_path: Path, token: softhsm.Token
) -> None:
    plain = Ends(charon_pair, tmp_path)
    before = state(plain.hosts[1])
    with pytest.raises(ValidationError) as told:
        plain.apply(1, card(token), **near(token))
    said = str(told.value)
    assert "private_key card: handle is '0a0b': it needs charon's plugin pkcs11, which is not loaded" in said
    assert "phase1 t: local.cert-1.handle is '0a0b': it needs charon's plugin pkcs11" in said
    assert state(plain.hosts[1]) == before
    plain.hosts[1].charon.close()
