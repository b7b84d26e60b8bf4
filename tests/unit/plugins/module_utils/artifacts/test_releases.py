# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What charon is too old for, or lacks a plugin for, is named with the release or the plugin."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.releases import unmet, unmet_by_authorities

NEEDS = "it needs strongSwan {} or newer, and charon on this host is {}"


def told(tree: dict[str, Any], child: dict[str, Any], version: str) -> list[tuple[str, str, str]]:
    found = unmet({"paris": {**tree, "children": {"lan": child}}}, version=version, plugins=("vici",))
    return [(each.where, each.option, each.wanted) for each in found]


@pytest.mark.parametrize(
    ("tree", "child", "version", "problems"),
    [
        ({}, {}, "5.9.8", []),
        ({"ocsp": "reply"}, {}, "5.9.13", [("phase1 paris", "ocsp", NEEDS.format("5.9.14", "5.9.13"))]),
        ({"ocsp": "reply"}, {}, "5.9.14", []),
        ({"ocsp": "reply"}, {}, "6.0.0beta6", []),
        ({"childless": "prefer"}, {}, "5.9.9rc1", [("phase1 paris", "childless", NEEDS.format("5.9.10", "5.9.9rc1"))]),
        ({"childless": "force"}, {}, "5.9.8", []),
        ({"childless": "prefer"}, {}, "5.9.10", []),
        ({}, {"icmp": "yes"}, "6.0.4", [("phase2 paris/lan", "icmp", NEEDS.format("6.0.5", "6.0.4"))]),
        ({}, {"icmp": "yes", "per_cpu_sas": "yes"}, "6.1.0", []),
        ({}, {"hw_offload": "packet"}, "5.9.8", [("phase2 paris/lan", "hw_offload", NEEDS.format("5.9.10", "5.9.8"))]),
        ({}, {"hw_offload": "auto"}, "5.9.8", []),
        ({}, {"updown": "/bin/x"}, "6.1.0",
         [("phase2 paris/lan", "updown", "it needs charon's plugin updown, which is not loaded on this host")]),
    ],
)  # fmt: skip
def test_what_is_told(tree: Any, child: Any, version: str, problems: Any) -> None:
    assert told(tree, child, version) == problems


NO_PLUGIN = (
    "it needs charon's plugin {}, which is not loaded on this host: on Debian it is in the package {}, and charon loads it when "
    "it starts"
)


@pytest.mark.parametrize(
    ("remote", "missing"),
    [
        pytest.param({"auth": "psk"}, [], id="nothing beside charon"),
        pytest.param({"eap_id": "%any"}, [("", "eap-identity", "libcharon-extra-plugins")], id="who asks for a name"),
        pytest.param({"auth": "eap-mschapv2", "eap_id": "anna"}, [
            ("eap-mschapv2", "eap-mschapv2", "libcharon-extauth-plugins")], id="a method"),
        pytest.param({"auth": "xauth-pam"}, [("xauth-pam", "xauth-pam", "libcharon-extra-plugins")], id="one of IKEv1"),
        pytest.param({"auth": "eap-tls:rsa-3072", "eap_id": "%any"}, [
            ("eap-tls", "eap-tls", "libcharon-extra-plugins"), ("eap-tls", "eap-identity", "libcharon-extra-plugins"),
        ], id="both"),
    ],
)  # fmt: skip
def test_a_way_to_authenticate_may_need_plugins(remote: Any, missing: list[tuple[str, str, str]]) -> None:
    found = unmet({"paris": {"remote": remote, "children": {}}}, version="6.1.0", plugins=("vici",))
    assert [(each.where, each.option, each.value, each.wanted) for each in found] == [
        ("phase1 paris", "remote.auth", method, NO_PLUGIN.format(plugin, package))
        for method, plugin, package in missing
    ]


def test_each_round_may_need_plugins() -> None:
    rounds: Any = {"remote-1": {"auth": "psk"}, "remote-2": {"auth": "xauth-pam"}, "children": {}}
    found = unmet({"paris": rounds}, version="6.1.0", plugins=("vici",))
    assert [(each.option, each.value) for each in found] == [("remote-2.auth", "xauth-pam")]


def test_a_plugin_that_is_there_is_enough() -> None:
    trees: Any = {"paris": {"children": {"lan": {"updown": "/bin/x"}}}}
    assert unmet(trees, version="5.9.8", plugins=("updown",)) == []


@pytest.mark.parametrize(
    ("tree", "option", "value", "plugin"),
    [
        ({"cacert": "ca.pem", "crl_uris": ["http://a/", "ldap://b/"]}, "crl_uris[1]", "ldap://b/", "ldap"),
        ({"handle": "0a"}, "token_ca_certificate", "0a", "pkcs11 or tpm"),
        ({"handle": "0a", "slot": "1"}, "token_ca_certificate", "0a", "pkcs11"),
    ],
)
def test_an_authority_may_need_plugins(tree: Any, option: str, value: str, plugin: str) -> None:
    [found] = unmet_by_authorities({"fleet": tree}, plugins=("curl",))
    assert (found.where, found.option, found.value) == ("authority fleet", option, value)
    assert found.wanted == NO_PLUGIN.format(plugin, "libstrongswan-extra-plugins")
