# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authentication other than by one key comes back from swanctl.conf as the options that say it, with the secrets it needs."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.inverse import Parsed, read_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import parse_settings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    check_gateway,
    dump_gateway,
    dump_secrets,
    parse_gateway,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

Config = dict[str, Any]
HASH = "8846f7eaee8fb117ad06bdd830b7586c"
NAMES = {"local_id": "fqdn:here.example.org", "remote_id": "fqdn:there.example.org"}
CA = {"ca_certificates": ["/etc/ca.pem"]}
USER = {"username": "anna", "password": "s3cret 1"}
TOKENS = [{"handle": "0a", "slot": 1, "module": "card"}, {"file": "/etc/own.crt"}]
ROW = (
    "connections { t { version = 2\nremote_addrs = 198.51.100.2\nproposals = aes256-sha256-ecp256\nlocal { %s }\n"
    "remote { %s } } }\n"
)


def read(text: str) -> Parsed:
    return read_gateway(parse_settings(text, file="text"), directory="/s")


def phase1(**options: Any) -> Config:
    return {"name": "t", "remote_endpoints": ["198.51.100.2"], "init_type": "none", **options}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"auth_method": "eap_mschapv2", **USER, **CA, **NAMES}, id="client of EAP"),
        pytest.param({"auth_method": "eap_md5", **USER, **NAMES, "psk": "the key"}, id="client of EAP and a key"),
        pytest.param({"auth_method": "eap_md5", "eap_role": "server", **USER, **NAMES, "psk": "the key"}, id="server of EAP"),
        pytest.param({
            "auth_method": "eap_md5", "eap_role": "server", "password": "s3cret 1", **NAMES, "psk": "the key",
        }, id="server of anybody"),
        pytest.param({
            "auth_method": "psk", "psk": "the key", **NAMES, "second_authentication": {"auth_method": "eap_md5", **USER},
        }, id="a key and EAP"),
        pytest.param({
            "auth_method": "psk", "psk": "the key", "ike_version": 1, **NAMES,
            "second_authentication": {"auth_method": "xauth", **USER},
        }, id="client of XAuth"),
        pytest.param({
            "auth_method": "psk", "psk": "the key", "ike_version": 1, **NAMES,
            "second_authentication": {"auth_method": "xauth", "eap_role": "server", **USER},
        }, id="server of XAuth"),
        pytest.param({
            "local_auth": [{"certificates": ["/etc/own.pem"]}], "remote_auth": [{**CA, "revocation": "strict"}], **NAMES,
        }, id="certificates whose key lies where charon looks"),
        pytest.param({
            "local_auth": [{"certificates": ["/etc/own.pem"]}], "remote_auth": [CA], "remote_id": "any",
        }, id="the subject of a certificate"),
        pytest.param({
            "local_auth": [{"certificates": ["/etc/own.pem"]}],
            "remote_auth": [{"auth": "eap-mschapv2", "eap_id": "any", "users": [
                {"username": "anna", "password": "s3cret 1"}, {"username": "bert", "password": "s3cret 2"},
                {"username": "carol", "nt_hash": HASH},
            ]}], "local_id": "fqdn:here.example.org", "remote_id": "any",
        }, id="many users"),
        pytest.param({
            "local_auth": [{"auth": "eap-mschapv2", "eap_id": "anna", "nt_hash": HASH, "aaa_id": "fqdn:aaa.example.org"}],
            "remote_auth": [{"auth": "pubkey", "ca_id": "dn:C=DE, CN=CA"}], **NAMES,
        }, id="a hash and another server"),
        pytest.param({
            "local_auth": [{"auth": "pubkey", "public_keys": ["/etc/own.pub"]}],
            "remote_auth": [{"auth": "pubkey", "public_keys": ["/etc/peer.pub", "/etc/next.pub"]}], **NAMES,
        }, id="bare public keys"),
        pytest.param({
            "local_auth": [{"auth": "rsa-sha256", "token_certificates": TOKENS}],
            "remote_auth": [{
                "auth": "ike:rsa-3072-sha256", "certificates": ["/etc/peer.pem"], "token_certificates": TOKENS[:1],
                "token_ca_certificates": TOKENS[1:], "groups": ["staff"], "cert_policies": ["1.2.3"],
            }], **NAMES,
        }, id="tokens and what a certificate must have"),
        pytest.param({
            "local_auth": [{"auth": "psk"}, {"id": "fqdn:other.example.org", "certificates": ["/etc/own.pem"]}],
            "remote_auth": [{"auth": "psk", "psk": "the key"}, {"auth": "eap-tls", "id": "any", "eap_id": "any"}], **NAMES,
        }, id="rounds with identities of their own"),
        pytest.param({
            "local_auth": [{"auth": "psk", "id": "fqdn:here.example.org"}, {"certificates": ["/etc/own.pem"]}],
            "remote_auth": [{"auth": "psk", "psk": "the key"}, {"id": "dn:C=DE, CN=*"}],
            "remote_id": "fqdn:there.example.org",
        }, id="the first round only says who it is"),
    ],
)  # fmt: skip
def test_what_was_rendered_is_read_back(options: Config) -> None:
    config = phase1(**options)
    wanted = parse_gateway({"phase1": [config]})
    check_gateway(wanted)
    files = artifacts(wanted, Situation(b"k")).files.values()
    found = read("".join(each.text for each in files if each.needed))
    plain, again = dump_gateway(wanted)["phase1"][0], dump_gateway(found.gateway)["phase1"][0]
    # A text that names no phase 2 starts nothing and says nothing of what peers of each family are.
    assert {name: again.get(name) for name in plain if name in options} == {
        name: plain[name] for name in plain if name in options
    }
    assert dump_secrets(found.gateway) == dump_secrets(wanted)
    assert artifacts(found.gateway, Situation(b"k")).shared == artifacts(wanted, Situation(b"k")).shared
    assert found.without_secret == ()


@pytest.mark.parametrize(
    ("local", "remote", "wanted"),
    [
        pytest.param(
            "certs = a.pem, /etc/b.pem", "cacerts = ca.pem\n round = 3",
            {"local_auth": [{"certificates": ["/s/x509/a.pem", "/etc/b.pem"]}],
             "remote_auth": [{"ca_certificates": ["/s/x509ca/ca.pem"]}], "remote_id": "any"}, id="files below swanctl's directory",
        ),
        pytest.param(
            "auth = EAP-MSCHAPv2\n eap_id = anna\n id = anna@example.org", "auth = PubKey\n cacerts = /etc/ca.pem",
            {"local_auth": [{"auth": "eap-mschapv2", "eap_id": "anna"}], "remote_auth": [{"ca_certificates": ["/etc/ca.pem"]}],
             "local_id": "email:anna@example.org", "remote_id": "any"}, id="methods in any case, and a password elsewhere",
        ),
        pytest.param(
            "certs = a.pem", "auth = eap-radius\n eap_id = *",
            {"local_auth": [{"certificates": ["/s/x509/a.pem"]}], "remote_auth": [{"auth": "eap-radius", "eap_id": "any"}],
             "remote_id": "any"}, id="users of another server",
        ),
    ],
)  # fmt: skip
def test_a_text_by_hand_is_read(local: str, remote: str, wanted: Config) -> None:
    found = dump_gateway(read(ROW % (local, remote)).gateway)["phase1"][0]
    assert {name: found[name] for name in wanted} == wanted


def test_rounds_are_taken_in_their_order() -> None:
    text = ROW % ("auth = psk\n id = a.example.org", "auth = psk\n id = b.example.org\n round = 1")
    text = text.replace("remote {", "remote2 { auth = eap-tls\n eap_id = %any\n round = 2 } remote {")
    [found] = read(text).gateway.phase1.values()
    assert [each.auth for each in found.remote_auth or ()] == ["psk", "eap-tls"]


EAP = ROW % ("certs = a.pem", "auth = eap-mschapv2\n eap_id = %any")
SECOND = (
    "t2 { version = 2\nproposals = aes256-sha256-ecp256\nlocal { auth = eap-md5\n eap_id = anna }\n"
    "remote { auth = pubkey } } } }"
)


def secrets(*texts: str) -> str:
    return "secrets { " + " ".join(texts) + " }\n"


def test_a_password_belongs_to_the_client_that_names_its_user_and_the_rest_to_the_server() -> None:
    both = EAP.replace("} } }", "} } " + SECOND.removesuffix(" }"))
    text = both + secrets(
        "eap-1 { id-1 = Anna\n secret = hunter22 }",
        "xauth-2 { id-1 = bert\n id-2 = bert@example.org\n secret = 0sczNjcmV0IDI= }",
        f"ntlm-3 {{ id = carol\n secret = 0x{HASH} }}",
    )
    found = read(text)
    assert dump_secrets(found.gateway)["phase1"] == {
        "t": {
            "remote_auth[0].users[0].password": "s3cret 2",
            "remote_auth[0].users[1].password": "s3cret 2",
            "remote_auth[0].users[2].nt_hash": HASH,
        },
        "t2": {"local_auth[0].password": "hunter22"},
    }
    assert (found.with_secret, found.secrets) == (("t", "t2"), ("xauth-2", "ntlm-3", "eap-1"))


@pytest.mark.parametrize("owner", ["", 'id = ""\n', "id = %any\n", "id = *\n", "id-1 = bert\nid-2 = %any\n"])
def test_a_password_may_belong_to_anyone(owner: str) -> None:
    client = ROW % ("auth = eap-md5\n eap_id = anna", "auth = pubkey")
    found = read(client + secrets(f"eap-1 {{ {owner} secret = hunter22 }}"))
    assert dump_secrets(found.gateway)["phase1"] == {"t": {"local_auth[0].password": "hunter22"}}


def test_of_two_passwords_the_one_of_the_user_is_taken() -> None:
    client = ROW % ("auth = eap-md5\n eap_id = anna", "auth = pubkey")
    text = client + secrets("eap-1 { secret = hunter22 }", "eap-2 { id = anna\n secret = hunter23 }")
    found = read_gateway(parse_settings(text, file="text"), only=["t"])
    assert dump_secrets(found.gateway)["phase1"] == {"t": {"local_auth[0].password": "hunter23"}}
    assert found.secrets == ("eap-2",)


@pytest.mark.parametrize(
    ("method", "kept"),
    [
        *((each, {"password", "nt_hash"}) for each in ("eap-mschapv2", "eap", "eap-dynamic", "eap-peap", "eap-ttls")),
        *((each, {"password"}) for each in ("eap-md5", "eap-gtc")),
        ("eap-radius", set()),
    ],
)
def test_what_a_server_of_users_needs_depends_on_its_method(method: str, kept: set[str]) -> None:
    text = ROW % ("certs = a.pem", f"auth = {method}\n eap_id = %any")
    text += secrets("eap-1 { id = anna\n secret = hunter22 }", f"ntlm-2 {{ id = bert\n secret = 0x{HASH} }}")
    found = read_gateway(parse_settings(text, file="text"), only=["t"])
    assert {place.rpartition(".")[2] for place in dump_secrets(found.gateway).get("phase1", {}).get("t", {})} == kept


PPK = (ROW % ("auth = psk", "auth = psk")).replace("version = 2", "version = 2\nppk_id = fleet-2026")
KEY = "ike-x { secret = hunter22 }"


@pytest.mark.parametrize(
    "owned_by", ["id = fleet-2026\n", "", "id-1 = other\nid-2 = @Fleet-2026\n".replace("F", "f"), "id = %any\n"]
)
def test_a_postquantum_key_belongs_to_its_name(owned_by: str) -> None:
    found = read(PPK + secrets(KEY, f"ppk-1 {{ {owned_by}secret = hunter23 }}"))
    assert dump_secrets(found.gateway)["phase1"]["t"] == {"psk": "hunter22", "ppk": "hunter23"}
    assert "ppk-1" in found.secrets


def test_of_two_postquantum_keys_the_one_of_its_name_is_taken() -> None:
    text = PPK + secrets(KEY, "ppk-any { secret = hunter23 }", "ppk-1 { id = fleet-2026\n secret = hunter24 }")
    with pytest.raises(ValidationError, match="ppk-any: it belongs to no connection"):
        read(text)
    [found] = read_gateway(parse_settings(text, file="text"), only=["t"]).gateway.phase1.values()
    assert found.ppk is not None
    assert found.ppk.reveal() == "hunter24"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        pytest.param(
            ROW.replace("local { %s }", "") % "auth = psk",
            ["text:1: connections.t.local: at least one section local is needed"], id="an end without a round",
        ),
        pytest.param(
            ROW % ("certs = a.pem\n pubkey = x", "cacert { file = /x\n pin = 4711 } x { }"),
            ["text:5: connections.t.local.pubkey: no option stands for this key yet; did you mean pubkeys?",
             "text:7: connections.t.remote.cacert.pin: no option stands for this key yet",
             "text:7: connections.t.remote.x: no option stands for this section yet"], id="keys without an option",
        ),
        pytest.param(
            EAP + secrets("eap-x { id = anna\n secret = 0s/w== }", "ntlm-x { id = bert\n secret = hunter22 }"),
            ["text:8: secrets.eap-x.secret: password is a text in UTF-8, and the bytes of this key are none",
             "text:9: secrets.ntlm-x.secret: nt_hash cannot be this key: an NT hash is needed: 32 hexadecimal digits"],
            id="secrets that are none",
        ),
        pytest.param(
            ROW % ("auth = eap-md5\n eap_id = anna", "auth = pubkey")
            + secrets("eap-x { id = anna\n secret = hunter22 }", "xauth-y { id = anna\n secret = hunter23 }"),
            [("text:4: connections.t.local: secrets.eap-x and secrets.xauth-y fit it equally well, with different values: charon "
              "takes what was loaded first; take one out")], id="two passwords of one user",
        ),
        pytest.param(
            ROW % ("auth = eap-md5\n eap_id = anna", "auth = pubkey")
            + secrets("eap-x { id = anna\n secret = hunter22\n y { z = hunter23\n } }"),
            ["text:9: secrets.eap-x.y: no option stands for this section yet"], id="a section in a password",
        ),
        pytest.param(
            PPK + secrets(KEY, *(f"ppk-{one} {{ id = fleet-2026\n secret = hunter2{one} }}" for one in (3, 4))),
            [("text:1: connections.t.ppk_id: secrets.ppk-3 and secrets.ppk-4 have this name, and differ: charon takes what was "
              "loaded first; take one of them out")], id="two postquantum keys of one name",
        ),
        pytest.param(
            ROW % ("auth = psk", "auth = psk") + secrets("ike-x { secret = hunter22 }", "eap-y { id = anna\n secret = hunter23 }"),
            ["text:6: secrets.eap-y: it belongs to no connection of this text, so that there is no option for it: take it out"],
            id="a password of nobody",
        ),
    ],
)  # fmt: skip
def test_what_options_cannot_say_is_told(text: str, messages: list[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        read(text)
    assert str(refused.value).splitlines() == messages
    assert "hunter2" not in str(refused.value)
