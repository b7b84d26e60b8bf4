# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections that open private keys come out of objects, and objects come out of them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.inverse import read_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.key_sections import token_name
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.releases import unmet, unmet_by_keys
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import Section, parse_settings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import SECRETS_FILE, Artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.certificates import read_certificate
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import dump_object
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.generators import material

Config = dict[str, Any]
OPENED = {"passphrase": material.PASSPHRASE}
OTHER_ID = read_certificate(material.OTHER_CERTIFICATE).key_id
CARD = {"name": "card", "handle": "0A1b", "slot": 3, "module": "opensc", "pin": "1234"}


def wanted(*keys: Config, key: bytes = b"k", **more: Any) -> Artifacts:
    return artifacts(parse_gateway({"private_keys": list(keys), **more}), Situation(key))


def written(found: Artifacts) -> dict[str, dict[str, str | None]]:
    """Return the sections of secrets, as our own parser reads them."""
    text = found.files[SECRETS_FILE].text
    sections = parse_settings(text, file="secrets").sections["secrets"].sections
    return {name: {key: value.text for key, value in each.values.items()} for name, each in sections.items()}


def test_a_locked_key_stays_locked_in_its_file_and_is_open_to_charon() -> None:
    found = wanted({"name": "own", "private_key": material.OTHER_LOCKED_KEY, **OPENED})
    role = f"private/swanfleet-{OTHER_ID}.pem"
    assert (found.files[role].mode, found.files[role].text) == (0o600, material.OTHER_LOCKED_KEY)
    assert found.credentials[role].text.reveal() == material.OTHER_PRIVATE_KEY
    assert written(found) == {
        f"private-{OTHER_ID}": {"file": f"swanfleet-{OTHER_ID}.pem", "secret": material.PASSPHRASE}
    }
    assert found.files[SECRETS_FILE].mode == 0o600
    assert "PRIVATE" not in repr(found.credentials)


def test_an_open_key_needs_no_section() -> None:
    found = wanted({"name": "own", "private_key": material.OTHER_PRIVATE_KEY})
    assert not found.files[SECRETS_FILE].needed
    assert list(found.credentials) == [f"private/swanfleet-{OTHER_ID}.pem"]


def test_a_container_lies_there_as_it_is_and_all_in_it_is_for_charon() -> None:
    found = wanted({"name": "box", "pkcs12": material.CONTAINER, **OPENED})
    role = f"pkcs12/swanfleet-{OTHER_ID}.p12"
    assert found.files[role].encoded[:1] == b"\x30"
    assert [each.layer for each in found.credentials.values()] == ["key", "certificate", "certificate"]
    assert [each.flag for each in found.credentials.values()] == ["", "NONE", "NONE"]
    assert [name for name in found.files if "pkcs12" in name] == [role]
    assert written(found) == {
        f"pkcs12-{OTHER_ID}": {"file": f"swanfleet-{OTHER_ID}.p12", "secret": material.PASSPHRASE}
    }


def test_a_passphrase_is_written_as_it_is() -> None:
    """It is not decoded by swanctl, whatever it looks like."""
    found = wanted({"name": "own", "private_key": "/etc/own.pem", "passphrase": '0sYWJj "#{\\'})
    assert written(found) == {"private-own": {"file": "/etc/own.pem", "secret": '0sYWJj "#{\\'}}


def test_the_key_of_a_token_is_another_section_when_anything_about_it_changes() -> None:
    [(section, token)] = wanted(CARD).tokens.items()
    assert token.tree == {"handle": "0a1b", "slot": "3", "module": "opensc", "pin": "1234"}
    assert (token_name(section), written(wanted(CARD))) == ("card", {section: token.tree})
    others = [{**CARD, "pin": "1235"}, {**CARD, "slot": 4}, {**CARD, "module": None}, {**CARD, "handle": "0A1c"}]
    names = {next(iter(wanted(each).tokens)) for each in others} | {next(iter(wanted(CARD, key=b"j").tokens))}
    assert len(names | {section}) == 6
    assert "1234" not in section
    assert "1234" not in repr(token)


PHASE1 = {"name": "own", "remote_endpoints": ["198.51.100.2"], "local_id": "gw.example.org", "remote_id": "any"}
CERTIFIED = {"auth_method": "certificate", "certificate": material.CERTIFICATE, "ca_certificates": [material.AUTHORITY]}


def test_the_key_of_a_phase_1_has_its_section() -> None:
    found = wanted(phase1=[{**PHASE1, **CERTIFIED, "private_key": material.LOCKED_KEY, **OPENED}])
    key_id = read_certificate(material.CERTIFICATE).key_id
    assert written(found)[f"private-{key_id}"]["secret"] == material.PASSPHRASE
    unread = wanted(phase1=[{**PHASE1, **CERTIFIED, "private_key": "/etc/own.pem", **OPENED}])
    assert written(unread) == {"private-own-1": {"file": "/etc/own.pem", "secret": material.PASSPHRASE}}


def _read(root: Section) -> dict[str, Config]:
    found = read_gateway(root)
    assert found.opened_keys == tuple(
        n for n, each in found.gateway.private_keys.items() if each.passphrase or each.pin
    )
    return {name: dump_object(each, with_secrets=True) for name, each in found.gateway.private_keys.items()}


@pytest.mark.parametrize(
    ("section", "found"),
    [
        ("private-own { file = own.pem\n secret = 0sYQ== }",
         {"private_key": "/etc/swanctl/private/own.pem", "passphrase": "0sYQ=="}),
        ("private-own { file = own.pem }", {"private_key": "/etc/swanctl/private/own.pem"}),
        ("rsa_own { file = own.pem\n secret = x }", {"private_key": "/etc/swanctl/rsa/own.pem", "passphrase": "x"}),
        ("ecdsaown { file = own.pem\n secret-1 = x }", {"private_key": "/etc/swanctl/ecdsa/own.pem", "passphrase": "x"}),
        ("pkcs8-own { file = own.pem\n secret = x }", {"private_key": "/etc/swanctl/pkcs8/own.pem", "passphrase": "x"}),
        ("pkcs12-own { file = own.p12\n secret = x }", {"pkcs12": "/etc/swanctl/pkcs12/own.p12", "passphrase": "x"}),
        ("token-own { handle = 0a\n slot = 3\n module = opensc\n pin = 0s12 }",
         {"handle": "0a", "slot": 3, "module": "opensc", "pin": "0s12"}),
    ],
)  # fmt: skip
def test_a_section_is_read(section: str, found: Config) -> None:
    assert _read(parse_settings(f"secrets {{ {section} }}", file="text")) == {"own": {"name": "own", **found}}


def test_names_that_would_be_the_same_are_kept_apart() -> None:
    text = "secrets { rsa { file = a.pem }\n rsa-x { file = b.pem }\n private-x { file = c.pem }\n private-rsa { file = d.pem } }"
    assert list(_read(parse_settings(text, file="text"))) == ["rsa", "x", "private-x", "private-rsa"]


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("private-own { secret = hunter2 }", (
            "text:1: secrets.private-own.file: the name of a file in /etc/swanctl/private is needed, with no directory, as swanctl "
            "compares it with those")),
        ("rsa-own { file = /etc/own.pem\n secret = hunter2 }",
         "text:1: secrets.rsa-own.file is '/etc/own.pem': the name of a file in"),
        ("private-own { file = own.pem\n secret-1 = hunter2\n secret-2 = hunter3 }", (
            "text:1: secrets.private-own.secret-2: swanctl tries one after the other, and there is an option for one alone")),
        ("private-own { file = own.pem\n secret = \"hunter2\\n\" }",
         "secrets.private-own.secret: it must not contain a line break"),
        ("private-own { file = own.pem\n colour = green }", "secrets.private-own.colour: no option stands for this key yet"),
        ("pkcs12-own { file = own.p12 }", "text:1: secrets.pkcs12-own.passphrase: is required, as pkcs12 is protected by one"),
        ("token-own { pin = hunter2 }", "text:1: secrets.token-own.private_key: is required, or pkcs12, or handle"),
        ("token-own { handle = 0a\n colour = green }", "secrets.token-own.colour: no option stands for this key yet"),
        ("token-own { handle = xy }", "text:1: secrets.token-own.handle is 'xy': the id of an object of a token is needed"),
        ("token-own { handle = 0a\n more { } }", "secrets.token-own.more: no option stands for this section yet"),
    ],
)  # fmt: skip
def test_what_no_option_can_say_is_told(section: str, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        _read(parse_settings(f"secrets {{ {section} }}", file="text"))
    assert told in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_what_is_not_asked_about_stays_where_it_is() -> None:
    text = "connections { }\nsecrets { private-own { file = /x\n secret = hunter2 } }"
    assert read_gateway(parse_settings(text, file="text"), only=[]).gateway.private_keys == {}


PLUGINS = ("openssl", "pkcs11")


@pytest.mark.parametrize(
    ("key", "plugins", "told"),
    [
        ({"pkcs12": material.CONTAINER, **OPENED}, PLUGINS, []),
        ({"pkcs12": material.CONTAINER, **OPENED}, ("pkcs12",), []),
        ({"pkcs12": material.CONTAINER, **OPENED}, (), ["pkcs12: it needs charon's plugin pkcs12 or openssl, which is not loaded"]),
        ({"pkcs12": material.OLD_CONTAINER, **OPENED}, PLUGINS, ["pkcs12: it needs charon's plugin rc2, which is not loaded"]),
        ({"private_key": material.OTHER_LOCKED_KEY, **OPENED}, (), []),
        ({"private_key": material.LOCKED_BY_TRIPLE_DES, **OPENED}, (),
         ["private_key: it needs charon's plugin des or openssl or gcrypt or botan or wolfssl, which"]),
        ({"handle": "0a"}, PLUGINS, []),
        ({"handle": "0a"}, ("tpm",), []),
        ({"handle": "0a"}, (), ["handle is '0a': it needs charon's plugin pkcs11 or tpm, which is not loaded"]),
        ({"handle": "0a", "slot": 1}, ("tpm",), ["handle is '0a': it needs charon's plugin pkcs11, which is not loaded"]),
        ({"handle": "0a", "module": "x"}, ("tpm",), ["handle is '0a': it needs charon's plugin pkcs11, which is not loaded"]),
    ],
)  # fmt: skip
def test_what_a_key_needs_of_charon_is_told(key: Config, plugins: tuple[str, ...], told: list[str]) -> None:
    found = wanted({"name": "own", **key})
    problems = [str(each) for each in unmet_by_keys(found.credentials, found.tokens, plugins=plugins)]
    assert len(problems) == len(told)
    assert all(each.startswith(f"private_key own: {said}") for each, said in zip(problems, told))  # noqa: B905  # Python 3.9


def test_a_certificate_on_a_token_needs_the_plugin() -> None:
    rounds = {
        "local_auth": [{"token_certificates": [{"handle": "0a", "slot": 1}]}],
        "remote_auth": [{"token_ca_certificates": [{"file": "/etc/ca.pem"}]}],
    }
    found = wanted(phase1=[{**PHASE1, **rounds}])
    problems = unmet(found.connections, version="6.0.1", plugins=("openssl",))
    assert [str(each).partition(":")[2][:60] for each in problems] == [
        " local.cert-1.handle is '0a': it needs charon's plugin pkcs11"[:60]
    ]
    assert unmet(found.connections, version="6.0.1", plugins=PLUGINS) == []
