# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From swanctl.conf back to objects: other words for the same are understood, what options cannot say is told with its place."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.inverse import Parsed, read_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import parse_settings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import dump_gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

Config = dict[str, Any]


def read(text: str) -> Parsed:
    return read_gateway(parse_settings(text, file="text"))


PARIS = """\
connections {
  paris {
    version = 2
    remote_addrs = 198.51.100.2
    proposals = aes256-sha256-modp4096
    rekey_time = 432m
    over_time = 2880
    keyingtries = 0
    local {
      auth = psk
    }
    remote {
      auth = psk
      id = 198.51.100.2
    }
    children {
      lan {
        esp_proposals = aes256gcm16
        local_ts = 10.1.0.0/24
        remote_ts = 10.2.0.0/24
        rekey_time = 54m
        life_time = 1h
        start_action = trap|start
      }
    }
  }
}
secrets {
  ike-paris {
    id = 198.51.100.2
    secret = hunter2
  }
}
"""
NAMED = {
    "name": "paris", "remote_endpoints": ["198.51.100.2"], "proposals": ["aes256-sha256-modp4096"], "psk": "x",
    "dpd": {"enabled": False},
}  # fmt: skip
LAN = {
    "name": "lan", "phase1": "paris", "local_networks": ["10.1.0.0/24"], "remote_networks": ["10.2.0.0/24"],
    "proposals": ["aes256gcm16"],
}  # fmt: skip


def test_a_text_by_hand_is_read() -> None:
    found = read(PARIS)
    wanted = parse_gateway({"phase1": [NAMED], "phase2": [LAN]})
    assert dump_gateway(found.gateway) == dump_gateway(wanted)
    assert (found.with_secret, found.without_secret, found.made_up_interfaces) == (("paris",), (), ())


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        pytest.param("432m", "0x6540", {}, id="a number in hexadecimal"),
        pytest.param("432m", "062500 s", {}, id="a number with a zero before it is octal"),
        pytest.param("trap|start", "Start|ROUTE", {}, id="actions in any case, by any name"),
        pytest.param("version = 2", "version = 2\nmobike = yes\ndpd_delay = 0s\nunique = NO", {}, id="keys that say their default"),
        pytest.param("remote_addrs = 198.51.100.2", "remote_addrs = 198.51.100.2 , gw.example.org,\n", {
            "remote_endpoints": ["198.51.100.2", "gw.example.org"], "remote_id": "198.51.100.2", "ip_type": "any",
        }, id="a list with blanks"),
        pytest.param("local {", "local-1 { round = 0", {}, id="a suffix"),
        pytest.param("local {", "local { revocation = relaxed", {}, id="a key that means nothing to this end"),
        pytest.param("id = 198.51.100.2", 'id = "%any"', {"remote_id": "any"}, id="anybody"),
        pytest.param("id = 198.51.100.2\n", "", {"remote_id": "any"}, id="anybody, unsaid"),
        pytest.param("id = 198.51.100.2", "id = @gw.example.org", {"remote_id": "fqdn:gw.example.org"}, id="an FQDN"),
        pytest.param("version = 2", "version = 2\nlocal_addrs = 192.0.2.1", {"interfaces": ["192.0.2.1"]}, id="an address"),
        pytest.param("432m", "8h", {"lifetime": 31680, "rekey_time": "8h"}, id="a lifetime in another proportion"),
        pytest.param("432m", "0", {"rekey_time": 0, "over_time": 2880}, id="no rekeying"),
        pytest.param("keyingtries = 0\n", "\n", {"keyingtries": 1}, id="giving up after the first try"),
        pytest.param("version = 2", "version = 2\nif_id_in = 0x7\nif_id_out = 7", {"xfrm_interface": "xfrm-7"}, id="if_id"),
        pytest.param("version = 2", "version = 2\nif_id_out = 0x7", {"if_id_out": "7"}, id="if_id of one direction"),
        pytest.param("version = 2", "version = 2\nif_id_in = 7\nif_id_out = 8", {"if_id_in": 7, "if_id_out": 8}, id="two if_ids"),
        pytest.param("version = 2", "version = 2\nif_id_in=%unique\nif_id_out=%Unique", {
            "if_id_in": "%unique", "if_id_out": "%unique",
        }, id="an if_id for each SA"),
        pytest.param("  paris {\n", "  paris {\n version = 1\nversion =\n", {}, id="a value taken back"),
    ],
)  # fmt: skip
def test_other_words_for_the_same(old: str, new: str, changes: Config) -> None:
    text = PARIS.replace(old, new)
    assert text != PARIS
    links = [{"name": "xfrm-7", "if_id": 7}] if "xfrm_interface" in changes else []
    wanted = parse_gateway({"phase1": [{**NAMED, **changes}], "phase2": [LAN], "xfrm_interfaces": links})
    assert dump_gateway(read(text).gateway) == dump_gateway(wanted)


def test_what_a_connection_refers_to_is_part_of_it() -> None:
    body = PARIS.partition("paris {\n")[2].partition("  }\n}\nsecrets")[0]
    secrets = "secrets" + PARIS.partition("secrets")[2]
    text = f"defaults {{\n{body}}}\nconnections {{ paris : defaults {{ }} }}\n{secrets}"
    assert dump_gateway(read(text).gateway) == dump_gateway(read(PARIS).gateway)
    with pytest.raises(ValidationError, match="text:1: defaults: no option stands for this section yet"):
        read(text.replace(" : defaults", ""))


IDENTITY = "an address, a host name, an e-mail address, a distinguished name, or fqdn:, email: or keyid: with its text is needed"


@pytest.mark.parametrize(
    ("old", "new", "messages"),
    [
        pytest.param(
            "keyingtries = 0", "keyingtrys = 0",
            ["text:8: connections.paris.keyingtrys: no option stands for this key yet; did you mean keyingtries?"],
            id="a misspelt key",
        ),
        pytest.param(
            "local_ts =", "updowns = /bin/x hunter2\nlocal_ts =",
            ["text:19: connections.paris.children.lan.updowns: no option stands for this key yet; did you mean updown?"],
            id="a key without an option",
        ),
        pytest.param(
            "version = 2", "",
            ["text:2: connections.paris.version: is not given; without it charon takes both versions; 1 or 2 is needed"],
            id="a default that no option says",
        ),
        pytest.param(
            "local {", "locol {\n}\nlocal {",
            ["text:9: connections.paris.locol: no option stands for this section yet; did you mean local?"],
            id="a misspelt section",
        ),
        pytest.param(
            "id = 198.51.100.2", 'id = 198.51.100.2\nca_id = "%any"',
            ["text:15: connections.paris.remote.ca_id is '%any': no option can keep it; it would become 'any:'"],
            id="an authority that is anybody",
        ),
        pytest.param(
            "version = 2", "version = 2\nversion =",
            ["text:4: connections.paris.version: is not given; without it charon takes both versions; 1 or 2 is needed"],
            id="a value that is taken away again",
        ),
        pytest.param(
            "remote_ts = 10.2.0.0/24", "remote_ts = 10.2.0.0/24[80/tcp]",
            [("text:20: connections.paris.children.lan.remote_ts is '10.2.0.0/24[80/tcp]': the protocol stands before the port; "
              "did you mean 10.2.0.0/24[6/80]?")],
            id="a selector turned around",
        ),
        pytest.param(
            "auth = psk", "auth = any",
            [("text:10: connections.paris.local.auth is 'any': psk, pubkey (or with what its signatures must be, such as "
              "rsa-3072-sha256 or ecdsa-sha384), eap, a method of it such as eap-mschapv2, or xauth is needed")],
            id="an authentication that no option says",
        ),
        pytest.param(
            "id = 198.51.100.2", "id = *.example.org",
            [("text:2: phase1 paris: remote_id is 'fqdn:*.example.org': init_type start_on_demand initiates, and the key is "
              "chosen before the peer shows itself, so its identity is needed in full; or set init_type: none")],
            id="a wildcard of a peer that we initiate to",
        ),
        pytest.param(
            "      lan {", "other {\nesp_proposals = aes256gcm16\nlife_time = 3600\nrekey_time = 3240\n}\nlan {",
            [("text:28: connections.paris.children.lan.start_action is 'trap|start': no option can keep it; one value holds for "
              "all children of a connection here, and what stands in the first one is taken")],
            id="children that start otherwise",
        ),
        pytest.param(
            "secrets {", "authority {\nrw {\nslot = 1\n}\n}\nsecrets {",
            ["text:28: authority: no option stands for this section yet; did you mean authorities?"],
            id="a section without an option",
        ),
        pytest.param(
            "secrets {", "authorities {\nrw {\ncacert = a.pem\ncrl_uri = http://a/\n}\n}\nsecrets {",
            ["text:31: authorities.rw.crl_uri: no option stands for this key yet; did you mean crl_uris?"],
            id="a key of an authority without an option",
        ),
        pytest.param(
            "secrets {", "pools {\nrw {\naddr = 10.9.0.0/24\n}\n}\nsecrets {",
            ["text:30: pools.rw.addr: no option stands for this key yet; did you mean addrs?",
             "text:29: pool rw: addrs: is required"], id="a key of a pool without an option",
        ),
        pytest.param(
            "secrets {", "secrets {\nbliss-x {\nsecret = hunter2\n}",
            [("text:29: secrets.bliss-x: only secrets in sections whose names begin with ike, eap, xauth, ntlm, ppk, private, rsa, "
              "ecdsa, pkcs8, pkcs12 or token have an option")],
            id="another kind of secret",
        ),
        pytest.param(
            "    id = 198.51.100.2\n    secret", "id = other.example.org\nsecret",
            [("text:29: secrets.ike-paris: it belongs to no connection of this text, so that there is no option for it: take it "
              "out")],
            id="a secret of nobody",
        ),
        pytest.param(
            "hunter2", "0xhunter2",
            ["text:31: secrets.ike-paris.secret: what follows 0s must be base64, what follows 0x hexadecimal"],
            id="a secret that is no hexadecimal",
        ),
        pytest.param(
            "hunter2", "0s/w==", ["text:31: secrets.ike-paris.secret: psk is a text in UTF-8, and the bytes of this key are none"],
            id="a secret in bytes",
        ),
        pytest.param(
            "hunter2", '"hunter2\nx"',
            [("text:31: secrets.ike-paris.secret: psk cannot be this key: it must not contain a line break or NUL (a file's last "
              "newline? use the trim filter)")],
            id="a secret with a line break",
        ),
        pytest.param(
            "secret = hunter2", "sekret = hunter2",
            ["text:31: secrets.ike-paris.sekret: no option stands for this key yet; did you mean secret?",
             "text:29: secrets.ike-paris.secret: is not given; the key is needed"],
            id="a secret by a misspelt key",
        ),
        pytest.param(
            "remote_addrs = 198.51.100.2", "remote_addrs = 192.0.2.0/24",
            [("text:2: phase1 paris: remote_endpoints is ['192.0.2.0/24']: init_type start_on_demand initiates, so an address or a "
              "host name is needed among them; or set init_type: none")],
            id="what the objects find wrong",
        ),
        pytest.param(
            "lan {", "l+n {",
            ["text:17: phase2 l+n: name is 'l+n': a name of letters, digits, '_' and '-' is needed, at most 100 characters"],
            id="a name",
        ),
    ],
)  # fmt: skip
def test_what_options_cannot_say_is_told(old: str, new: str, messages: list[str]) -> None:
    text = PARIS.replace(old, new, 1)
    assert text != PARIS
    with pytest.raises(ValidationError) as refused:
        read(text)
    assert str(refused.value).splitlines() == messages
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("rest", "messages"),
    [
        ("x}hunter2=y\n}\n", ["text:31: secrets: a value stands here, and only sections can"]),
        (
            "x}hunter2{a=b\n}}\n",
            [
                (
                    "text:31: secrets: only secrets in sections whose names begin with ike, eap, xauth, ntlm, ppk, private, rsa, "
                    "ecdsa, pkcs8, pkcs12 or token have an option"
                )
            ],
        ),
        ("x}}hunter2=y\n", ["text:31: outside of any section: a value stands here, and only sections can"]),
    ],
)
def test_the_rest_of_a_secret_that_had_a_brace_is_not_shown(rest: str, messages: list[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        read(PARIS.replace("hunter2\n  }\n}\n", rest))
    assert "hunter2" not in str(refused.value)
    assert str(refused.value).splitlines()[: len(messages)] == messages


def test_a_secret_is_nowhere_in_what_is_read() -> None:
    found = read(PARIS.replace("hunter2", "0saHVudGVyMg=="))
    assert "hunter2" not in repr(found)
    assert "aHVudGVyMg" not in repr(found)
    assert "hunter2" not in str(dump_gateway(found.gateway))


def test_a_connection_without_a_secret_is_told() -> None:
    found = read(PARIS.partition("secrets")[0])
    assert (found.with_secret, found.without_secret) == ((), ("paris",))


def test_many_problems_are_counted() -> None:
    text = "connections {\n" + "".join(f"n{number} {{\nfoo = 1\n}}\n" for number in range(60)) + "}\n"
    with pytest.raises(ValidationError) as refused:
        read(text)
    lines = str(refused.value).splitlines()
    assert len(lines) == 51
    assert lines[-1] == "and: 250 more: mend these first, they are often the same again"


@pytest.mark.parametrize(
    ("release", "rekey_time"), [((5, 9, 8), 3600), ((5, 9, 9), 6545), ((6, 0, 1), 6545), ((), 6545)]
)
def test_where_only_the_end_is_given_an_older_charon_rekeys_as_by_default(release: Any, rekey_time: int) -> None:
    text = PARIS.replace("        rekey_time = 54m\n", "").replace("life_time = 1h", "life_time = 2h")
    found = read_gateway(parse_settings(text, file="text"), release=release).gateway.phase2["paris/lan"]
    assert (found.lifetime, found.rekeyed_after("time", found.lifetime)) == (7200, rekey_time)


SERVER = """\
connections {
  server {
    version = 2
    remote_addrs = 203.0.113.9
    proposals = aes256-sha256-modp4096
    mediation = yes
    local { auth = psk }
    remote { auth = psk }
  }
}
"""


def test_a_mediated_peer_is_who_the_other_end_must_be_where_nobody_else_is_named() -> None:
    found = read(PARIS.replace("version = 2", "version = 2\nmediated_by = server") + SERVER)
    paris = found.gateway.phase1["paris"]
    assert (paris.mediated_by, paris.mediation_peer) == ("server", "address:198.51.100.2")


@pytest.mark.parametrize(
    ("owner", "told"),
    [
        ("198.51.100.2", "secrets.ike-paris.secret: what follows 0s must be base64, what follows 0x hexadecimal"),
        ("other.example.org", ""),
    ],
)
def test_secrets_of_others_are_no_matter_of_the_connection_that_is_asked_about(owner: str, told: str) -> None:
    connections, _section, secrets = PARIS.replace("hunter2", "0xhunter2").partition("secrets {")
    text = f"{connections}secrets {{{secrets.replace('198.51.100.2', owner)}"
    messages = ""
    try:
        read_gateway(parse_settings(text, file="text"), only={"paris"})
    except ValidationError as error:
        messages = str(error).partition(" ")[2]
    assert messages == told
