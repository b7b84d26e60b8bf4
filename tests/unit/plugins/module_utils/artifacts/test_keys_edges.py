# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every key of swanctl.conf that is understood: what its texts mean, and what is told of those that mean nothing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.inverse import read_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.keys import (
    CHILD_KEYS,
    CONNECTION_KEYS,
    LOCAL_KEYS,
    REMOTE_KEYS,
    Key,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.plain_keys import PHASE1_KEYS, PHASE2_KEYS
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import parse_settings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

TEXT = """\
connections {
  paris {
    version = 2
    remote_addrs = 198.51.100.2
    proposals = aes256-sha256-modp4096
    rekey_time = 25920
    over_time = 2880
    keyingtries = 0
    local { auth = psk }
    remote {
      auth = psk
      id = 198.51.100.2
    }
    children {
      lan {
        esp_proposals = aes256gcm16
        local_ts = 10.1.0.0/24
        remote_ts = 10.2.0.0/24
        rekey_time = 3240
        life_time = 3600
      }
    }
  }
}
"""


def read(text: str) -> Gateway:
    return read_gateway(parse_settings(text, file="text")).gateway


def test_no_other_key_is_understood() -> None:
    taken = {
        "connection": "version local_addrs remote_addrs proposals rekey_time over_time dpd_delay dpd_timeout encap",
        "local": "auth id round eap_id certs pubkeys aaa_id xauth_id revocation",
        "remote": "auth id round eap_id certs pubkeys ca_id cacerts groups cert_policy revocation",
        "child": "local_ts remote_ts esp_proposals rekey_time life_time rekey_bytes rekey_packets start_action "
        "close_action dpd_action mode ah_proposals",
    }
    assert CONNECTION_KEYS.keys() == {*taken["connection"].split(), *PHASE1_KEYS.names}
    assert LOCAL_KEYS.keys() == set(taken["local"].split())
    assert REMOTE_KEYS.keys() == set(taken["remote"].split())
    assert CHILD_KEYS.keys() == {*taken["child"].split(), *PHASE2_KEYS.names}


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        *((CONNECTION_KEYS["mobike"], text, True) for text in ("yes", "true", "enabled", "1", "Yes")),
        *((CONNECTION_KEYS["mobike"], text, False) for text in ("no", "false", "disabled", "0", "NO")),
        *((CONNECTION_KEYS["version"], text, int(text)) for text in ("1", "2")),
        (CONNECTION_KEYS["dpd_delay"], "90", 90),
        (CONNECTION_KEYS["dpd_delay"], "90S", 90),
        (CONNECTION_KEYS["dpd_delay"], "2 m", 120),
        (CONNECTION_KEYS["dpd_delay"], "2h", 7200),
        (CONNECTION_KEYS["dpd_delay"], "2D", 172800),
        (CONNECTION_KEYS["dpd_delay"], "010", 8),
        (CONNECTION_KEYS["dscp"], "101110", 46),
        (CONNECTION_KEYS["dscp"], "1000001", 1),
        (CONNECTION_KEYS["dscp"], "0", 0),
        (CONNECTION_KEYS["local_port"], "0x1F", 31),
        (CONNECTION_KEYS["local_port"], "017", 15),
        (CONNECTION_KEYS["local_port"], "0", 0),
        *((CHILD_KEYS["life_bytes"], text, 2048) for text in ("2048", "2k", "2 K", "0x2k", "02k")),
        (CHILD_KEYS["life_bytes"], "3G", 3 * 2**30),
        (CHILD_KEYS["life_bytes"], "3m", 3 * 2**20),
        (CHILD_KEYS["tfc_padding"], "0x40", "64"),
        (CHILD_KEYS["tfc_padding"], "mtu", "mtu"),
        *((CHILD_KEYS["hw_offload"], text, "crypto") for text in ("yes", "Crypto")),
        (CONNECTION_KEYS["local_addrs"], "%any", ("%any",)),
        (CONNECTION_KEYS["local_addrs"], "%any4, %any6,0.0.0.0/0 ,::/0", ("0.0.0.0", "::", "0.0.0.0", "::")),  # noqa: S104
        (CONNECTION_KEYS["local_addrs"], ",192.0.2.1,,", ("192.0.2.1",)),
        (CONNECTION_KEYS["remote_addrs"], "%any4,gw.example.org", ("0.0.0.0", "gw.example.org")),  # noqa: S104
        (CONNECTION_KEYS["unique"], "Replace", "replace"),
        (CHILD_KEYS["start_action"], "trap|start", {"trap", "start"}),
        (CHILD_KEYS["start_action"], "Route | restart", {"trap", "start"}),
        (CHILD_KEYS["start_action"], "clear|none", set()),
        *((LOCAL_KEYS["auth"], text, text.lower()) for text in ("PSK", "PubKey", "EAP-TLS", "XAuth")),
    ],
)
def test_what_a_text_means(key: Key, text: str, value: Any) -> None:
    assert key.read(text) == value


TIME = "a time is needed: seconds, or a number with s, m, h or d"


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        *((CONNECTION_KEYS["dpd_delay"], text, TIME) for text in ("", "1w", "-1", "08", "1.5h", "1hs", "h")),
        *(
            (CONNECTION_KEYS["local_port"], text, "a number is needed")
            for text in ("", "1s", "-1", "08", "0x", "x", "1 ")
        ),
        *(
            (CONNECTION_KEYS["dscp"], text, "six bits are needed, such as 101110")
            for text in ("", "2", "0b1", "1 ", "1" * 16)
        ),
        *(
            (CHILD_KEYS["life_bytes"], text, "a number of bytes is needed, or one with k, m or g")
            for text in ("", "k", "1t", "1.5m", "-1", "1kk")
        ),
        *((CHILD_KEYS["tfc_padding"], text, "a number is needed") for text in ("", "MTU", "-1")),
        *((CONNECTION_KEYS["mobike"], text, "yes or no is needed") for text in ("", "2", "on", "yess")),
        *((CONNECTION_KEYS["version"], text, "1 or 2 is needed") for text in ("0", "3")),
        *(
            (CHILD_KEYS["start_action"], text, "none, trap, start or trap|start is needed")
            for text in ("trap,start", "trapstart", "trap|")
        ),
    ],
)
def test_what_means_nothing(key: Key, text: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole message is compared
        key.read(text)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("old", "new", "lifetime"),
    [
        pytest.param("25920\n    over_time = 2880\n", "90\n", (99, 3600), id="over_time is a tenth of rekey_time"),
        pytest.param("3240\n        life_time = 3600\n", "60\n", (28800, 66), id="life_time is a tenth more"),
        pytest.param("rekey_time = 3240\n", "\n", (28800, 3600), id="rekey_time is a tenth less"),
    ],
)
def test_a_lifetime_that_charon_computes(old: str, new: str, lifetime: tuple[int, int]) -> None:
    assert old in TEXT
    found = read(TEXT.replace(old, new))
    assert (found.phase1["paris"].lifetime, found.phase2["paris/lan"].lifetime) == lifetime


CHOICE = "charon's own choice depends on its release; name the algorithms"


@pytest.mark.parametrize(
    ("old", "option", "wanted"),
    [
        ("    version = 2\n", "version", "without it charon takes both versions; 1 or 2 is needed"),
        ("    proposals = aes256-sha256-modp4096\n", "proposals", CHOICE),
        ("        esp_proposals = aes256gcm16\n", "children.lan.esp_proposals", CHOICE),
    ],
)
def test_what_must_be_said(old: str, option: str, wanted: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read(TEXT.replace(old, "\n", 1))
    [problem] = refused.value.problems
    assert (problem.option, problem.wanted) == (f"connections.paris.{option}", f"is not given; {wanted}")
