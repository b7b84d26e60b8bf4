# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""charon has the private keys that are wanted, and no others of ours, whatever happens on the way."""

from __future__ import annotations

import contextlib
import copy
import functools
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.certificates import read_certificate
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import READING_COMMANDS
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError, IpsecError, ValidationError
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.tokens import recorded_tokens
from ansible_collections.swanfleet.ipsec.tests.fakes.charon import FakeCharon
from ansible_collections.swanfleet.ipsec.tests.fakes.faults import Killed, Wires, errors_at, once
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import ROME, apply, steps, to
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host
from ansible_collections.swanfleet.ipsec.tests.fakes.worlds import raw
from ansible_collections.swanfleet.ipsec.tests.generators import material

Config = dict[str, Any]
ON_CARD = "aa" * 20
OTHER_CARD = "bb" * 20
OWN = read_certificate(material.CERTIFICATE).key_id
OTHER = read_certificate(material.OTHER_CERTIFICATE).key_id
OPENED = {"passphrase": material.PASSPHRASE}
FILE: Config = {"name": "file", "private_key": material.LOCKED_KEY, **OPENED}
BOX: Config = {"name": "box", "pkcs12": material.CONTAINER, **OPENED}
CARD: Config = {"name": "card", "handle": "0a", "slot": 3, "pin": "1234"}


def gateway(*keys: Config) -> Config:
    return {"phase1": [ROME], "private_keys": list(keys)}


def new_host() -> FakeHost:
    host = wan_host()
    host.charon = FakeCharon(plugins=("openssl", "pkcs11", "vici"))
    host.charon.tokens.update({"0a": (ON_CARD, "1234"), "0b": (OTHER_CARD, "1234")})
    return host


@pytest.fixture
def host() -> FakeHost:
    return new_host()


def record(host: FakeHost) -> dict[str, str]:
    return recorded_tokens(host.files.read(host.paths.tokens_record))


def told(outcome: Any) -> list[str]:
    return [each for each in steps(outcome) if each.split()[1] != "file"]


def test_keys_come_before_connections_and_are_loaded_once(host: FakeHost) -> None:
    outcome = apply(host, gateway(FILE, BOX, CARD))
    assert [each.split()[1] for each in told(outcome)] == [
        "secret",
        "key",
        "certificate",
        "certificate",
        "key",
        "token",
        "connection",
    ]
    assert sorted(host.charon.keys) == sorted((ON_CARD, OWN, OTHER))
    assert list(record(host).values()) == [ON_CARD]
    host.reset()
    assert not apply(host, gateway(FILE, BOX, CARD)).changed
    assert set(host.charon.commands) <= READING_COMMANDS


def test_what_charon_gets_is_open_and_what_lies_there_is_not(host: FakeHost) -> None:
    apply(host, gateway(FILE))
    assert host.charon.keys[OWN].decode() == material.PRIVATE_KEY
    held = [file for path, file in host.files.files.items() if "/private/" in path]
    assert [(file.content.decode(), file.mode) for file in held] == [(material.LOCKED_KEY, 0o600)]


def test_keys_go_with_their_objects_and_what_others_gave_charon_comes_back(host: FakeHost) -> None:
    apply(host, gateway(FILE, BOX, CARD))
    outcome = apply(host, gateway())
    assert told(outcome)[:3] == [
        "unload token card",
        f"unload key pkcs12/swanfleet-{OTHER}.p12",
        f"unload key private/swanfleet-{OWN}.pem",
    ]
    assert told(outcome)[-1] == "reload credentials of other files"
    assert (host.charon.keys, record(host)) == ({}, {})
    assert not [path for path in host.files.files if "/private/" in path or "/pkcs12/" in path]
    assert host.files.read(host.paths.tokens_record) is None


def test_another_passphrase_is_a_matter_of_files(host: FakeHost) -> None:
    apply(host, gateway({**FILE, "private_key": material.LOCKED_TRADITIONALLY}))
    outcome = apply(host, gateway(FILE))
    assert steps(outcome) == [f"write file private/swanfleet-{OWN}.pem"]


def test_another_place_on_a_token_is_loaded_and_the_key_stays(host: FakeHost) -> None:
    apply(host, gateway(CARD))
    outcome = apply(host, gateway({**CARD, "slot": 4}))
    assert told(outcome) == ["load token card", "unload token card", "reload credentials of other files"]
    assert list(host.charon.keys) == [ON_CARD]
    outcome = apply(host, gateway({**CARD, "handle": "0b"}))
    assert list(host.charon.keys) == [OTHER_CARD]
    assert list(record(host).values()) == [OTHER_CARD]


def test_a_wrong_pin_leaves_everything_as_it_was(host: FakeHost) -> None:
    apply(host, gateway(CARD))
    before = host.state()
    with pytest.raises(ApplyError, match=r"load token card: .*loading private key from token failed") as failed:
        apply(host, gateway({**CARD, "pin": "9999"}))
    assert failed.value.restored
    assert (host.state(), list(host.charon.keys), list(record(host).values())) == (before, [ON_CARD], [ON_CARD])


def test_a_token_that_does_not_say_which_key_it_has_is_refused(host: FakeHost) -> None:
    host.charon.tokens["0a"] = ("", "1234")
    with pytest.raises(ApplyError, match="charon cannot tell its public key"):
        apply(host, gateway(CARD))


def test_after_a_start_of_charon_what_it_could_not_load_is_loaded(host: FakeHost) -> None:
    apply(host, gateway(FILE, CARD))
    host.charon.restart()
    found = told(apply(host, gateway(FILE, CARD)))
    assert {"load token card", f"load key private/swanfleet-{OWN}.pem"} <= set(found)
    assert sorted(host.charon.keys) == sorted((ON_CARD, OWN))


def test_a_record_that_is_broken_or_lost_is_made_again(host: FakeHost) -> None:
    apply(host, gateway(CARD))
    for content in (b"nonsense", b"[]", None):
        host.files.remove(host.paths.tokens_record)
        if content is not None:
            host.files.replace(host.paths.tokens_record, content, 0o600)
        assert told(apply(host, gateway(CARD))) == ["load token card"]
        assert list(record(host).values()) == [ON_CARD]


def test_an_authority_that_goes_leaves_keys_on_tokens_to_charon(host: FakeHost) -> None:
    trust = {"authorities": [{"name": "fleet", "ca_certificate": material.AUTHORITY}]}
    apply(host, {**gateway(FILE, CARD), **trust})
    outcome = apply(host, gateway(FILE, CARD))
    assert "forget" in [each.split()[0] for each in told(outcome)]
    assert sorted(host.charon.keys) == sorted((ON_CARD, OWN))
    assert not apply(host, gateway(FILE, CARD)).changed


def test_without_its_plugin_nothing_is_touched() -> None:
    host = wan_host()
    before = host.state()
    with pytest.raises(ValidationError, match="private_key card: handle is '0a': it needs charon's plugin pkcs11"):
        apply(host, gateway(CARD))
    assert host.state() == before


BEFORE, AFTER = gateway(FILE, CARD), gateway(BOX, {**CARD, "handle": "0b"})
NEW = {OTHER, OTHER_CARD}
PLACES = 60


def swanctl(host: FakeHost) -> None:
    """Let charon have the keys that files speak of, and no others, as `swanctl --load-creds` does."""
    text = host.files.files[host.paths.secrets_file].content.decode()
    named = {path.rpartition("-")[2][:40] for path in host.files.files if "/private/" in path or "/pkcs12/" in path}
    named |= {key_id for handle, (key_id, _pin) in host.charon.tokens.items() if f'handle = "{handle}"' in text}
    for key_id in [each for each in host.charon.keys if each not in named]:
        del host.charon.keys[key_id]


def struck(host: FakeHost, strike: Any = None) -> Wires:
    host.load_credentials = functools.partial(swanctl, host)  # type: ignore[method-assign]
    wires = Wires(raw(host), strike)
    run_transaction(wires.host, to(AFTER), check=False)
    return wires


def test_a_run_that_is_struck_anywhere_ends_well_with_the_next(host: FakeHost) -> None:
    apply(host, BEFORE)
    places = struck(copy.deepcopy(host)).places
    assert len(places) > PLACES
    wrong = []
    for place, error in [(each, error) for each in places for error in [*errors_at(each), Killed()]]:
        one = copy.deepcopy(host)
        with contextlib.suppress(IpsecError, Killed):
            struck(one, once(place, error))
        restore(raw(one), with_daemon=True)
        kept = set(one.charon.keys) in ({OWN, ON_CARD}, NEW)
        struck(one)
        done = set(one.charon.keys) == NEW and list(record(one).values()) == [OTHER_CARD]
        again = apply(one, AFTER).changed
        if not kept or not done or again:
            wrong.append(f"{place}, {error!r}: {kept} {done} {again} {sorted(one.charon.keys)} {record(one)}")
    assert wrong == []
