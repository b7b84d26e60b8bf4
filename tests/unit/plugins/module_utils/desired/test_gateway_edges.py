# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of the value of a gateway: what is told together, and what is stored the same every time."""

from __future__ import annotations

import dataclasses
import json

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    dump_all_defaults,
    dump_gateway,
    dump_secrets,
    load_gateway,
    parse_gateway,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.secret import LEFT_OUT, Secret
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import (
    INTERFACE,
    PARIS,
    PARIS_LAN,
    ROME,
    TWO,
    Config,
    config,
)


@pytest.mark.parametrize(
    "wish", [config([PARIS], []), config([], [PARIS_LAN]), config([], [], [INTERFACE])], ids=lambda wish: str([*wish])
)
def test_one_object_is_not_nothing(wish: Config) -> None:
    assert not parse_gateway(wish).empty


def test_a_wrong_item_does_not_hide_those_after_it() -> None:
    items = ["paris", {**PARIS, "lifetime": 1}, {**ROME, "lifetime": 1}, None]
    with pytest.raises(ValidationError) as refused:
        parse_gateway({"phase1": items})
    assert [(problem.where, problem.option) for problem in refused.value.problems] == [
        ("config", "phase1[0]"), ("phase1 paris", "lifetime"), ("phase1 rome", "lifetime"), ("config", "phase1[3]"),
    ]  # fmt: skip


def test_what_is_stored_does_not_depend_on_the_order_in_which_it_was_written() -> None:
    turned = {name: list(reversed(items)) for name, items in TWO.items()}
    for dump in (dump_gateway, dump_secrets):
        assert json.dumps(dump(parse_gateway(turned))) == json.dumps(dump(parse_gateway(TWO)))


def test_what_is_kept_apart_comes_back_to_the_object_of_its_key() -> None:
    objects = dump_gateway(parse_gateway(config([PARIS], [PARIS_LAN, {**PARIS_LAN, "name": "dmz"}])))
    kept = {"phase1": {"paris": {"psk": "s3cret"}}, "phase2": {"paris/dmz": {"lifetime": 7200}}}
    found = load_gateway(objects, kept, {})
    assert {key: child.lifetime for key, child in found.phase2.items()} == {"paris/dmz": 7200, "paris/lan": 3600}


def test_what_nobody_set_is_read_with_the_defaults_of_the_release_that_stored_it() -> None:
    objects = dump_gateway(parse_gateway(config([PARIS, {**ROME, "lifetime": "4h"}], [PARIS_LAN])))
    assert "lifetime" not in objects["phase1"][0]
    then = dump_all_defaults()
    then["phase1"]["lifetime"] = 600
    found = load_gateway(objects, {}, then)
    assert {name: each.lifetime for name, each in found.phase1.items()} == {"paris": 600, "rome": 14400}


def test_what_an_earlier_release_took_is_read_though_this_one_would_refuse_it() -> None:
    objects = dump_gateway(parse_gateway(config([PARIS], [PARIS_LAN])))
    objects["phase1"][0]["lifetime"] = 59
    with pytest.raises(ValidationError, match="at least 60 seconds"):
        parse_gateway({**objects, "phase1": [{**objects["phase1"][0], "psk": "s3cret"}]})
    assert load_gateway(objects, {}, {}).phase1["paris"].lifetime == 59


def test_of_what_files_have_in_them_only_secrets_are_left_out() -> None:
    contents: dict[str, str | Secret] = {"/own.key": Secret("s3cret"), "/own.pem": "a certificate"}
    left = dataclasses.replace(parse_gateway(config([PARIS], [])), contents=contents).secrets_left_out()
    assert left.contents == {"/own.key": LEFT_OUT, "/own.pem": "a certificate"}
