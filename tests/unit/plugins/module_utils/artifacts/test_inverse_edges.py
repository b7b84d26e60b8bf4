# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of reading swanctl.conf: sections and values where none belong, times and identities that need no option."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.inverse import read_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import parse_settings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway, dump_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

TEXT = """\
connections {
  paris {
    version = 2
    remote_addrs = 198.51.100.2
    proposals = aes256-sha256-modp4096
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
FLEET = "authorities { fleet { cacert = /etc/fleet.pem } }\n"
SHUNT = """\
connections { clear { children { clear {
  mode = pass
  local_ts = 10.1.0.0/24
  remote_ts = 10.9.0.0/24
  start_action = trap
} } } }
"""


def read(text: str) -> Gateway:
    return read_gateway(parse_settings(text, file="text")).gateway


@pytest.mark.parametrize(
    ("text", "old", "new", "message"),
    [
        pytest.param(TEXT, "local_ts", "extra { }\n local_ts",
                     "text:14: connections.paris.children.lan.extra: no option stands for this section yet",
                     id="a section in a child"),
        pytest.param(TEXT, "local { auth", "local { cacert1 { handle = 0a }\n auth",
                     "text:6: connections.paris.local.cacert1: no option stands for this section yet; did you mean certs?",
                     id="an authority of our own end"),
        pytest.param(TEXT, "version = 2", "version = 2\n pools = rw",
                     ("phase1 paris: pools[0] is 'rw': there is no pool of this name, there are none yet; or dhcp or radius for "
                      "those sources"), id="what objects find wrong among them"),
        pytest.param(FLEET, "cacert", "extra { }\n cacert",
                     "text:1: authorities.fleet.extra: no option stands for this section yet", id="a section in an authority"),
        pytest.param(FLEET, "fleet {", "crl_uris = hunter2\n fleet {",
                     "text:1: authorities: a value stands here, and only sections can", id="a value among authorities"),
        pytest.param("secrets { ike-p { secret = hunter2 } }", "secret =", "extra { }\n secret =",
                     "text:1: secrets.ike-p.extra: no option stands for this section yet", id="a section in a secret"),
        pytest.param(SHUNT, "clear {", "clear { local-1 { auth = psk }\n",
                     "text:1: connections.clear.version: is not given; without it charon takes both versions; 1 or 2 is needed",
                     id="an end that is proven beside a shunt"),
        pytest.param(SHUNT, "children {", "children { lan { local_ts = 10.3.0.0/24 }\n",
                     "text:1: connections.clear.local: at least one section local is needed", id="a tunnel beside a shunt"),
    ],
)  # fmt: skip
def test_what_does_not_belong_there_is_told(text: str, old: str, new: str, message: str) -> None:
    assert old in text
    with pytest.raises(ValidationError) as refused:
        read(text.replace(old, new, 1))
    assert message in str(refused.value).splitlines()


def test_a_key_of_an_authority_that_is_taken_back_says_nothing() -> None:
    [fleet] = read(FLEET.replace("cacert", "ocsp_uris =\n cacert")).authorities.values()
    assert (fleet.ca_certificate, fleet.ocsp_uris) == ("/etc/fleet.pem", None)


def test_values_of_a_pools_attribute_are_texts_between_commas() -> None:
    pool = read("pools { rw { addrs = 10.9.0.0/24\n 28672 =  XX marks it X , b\n } }").pools["rw"]
    assert [(each.number, each.values) for each in pool.attributes or ()] == [(28672, ("XX marks it X", "b"))]


@pytest.mark.parametrize("action", ["trap", "Route", "TRAP"])
def test_a_shunt_is_installed_by_any_word_for_it(action: str) -> None:
    assert list(read(SHUNT.replace("= trap", f"= {action}")).shunts) == ["clear"]


def test_a_time_that_follows_from_the_lifetime_needs_no_option() -> None:
    [lan] = read(TEXT.replace("3240\n        life_time = 3600\n", "60\n")).phase2.values()
    assert (lan.lifetime, lan.rekey_time) == (66, None)


def test_a_user_of_xauth_has_no_identity_beside_the_name() -> None:
    text = TEXT.replace("version = 2", "version = 1").replace(
        "local { auth = psk }",
        "local { auth = psk }\n local-2 { auth = xauth\n xauth_id = anna\n id = other\n round = 1 }",
    )
    found: Any = dump_gateway(read(text))["phase1"][0]
    assert found["local_auth"] == [{"auth": "psk"}, {"auth": "xauth", "xauth_id": "anna"}]


@pytest.mark.parametrize(
    ("key", "other"),
    [("start_action", "trap"), ("close_action", "start"), ("dpd_action", "restart"), ("mode", "transport")],
)
def test_children_that_do_otherwise_are_told_whose_value_counts(key: str, other: str) -> None:
    second = "esp_proposals = aes256gcm16\n local_ts = 10.3.0.0/24\n remote_ts = 10.4.0.0/24\n life_time = 3600\n"
    text = TEXT.replace("      lan {", f"a {{\n {second} }}\n lan {{ {key} = {other}\n")
    with pytest.raises(ValidationError) as refused:
        read(text)
    [told] = [line for line in str(refused.value).splitlines() if f".{key}" in line]
    assert "one value holds for all children of a connection here, " in told
