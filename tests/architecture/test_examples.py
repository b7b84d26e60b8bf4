# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people copy from the documentation is accepted by the engine: examples of modules, README, guides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.swanfleet.ipsec.tests.architecture.examples import (
    blocks_of,
    claims,
    examples_of,
    parsed,
    trouble,
)

PHASE1 = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": "x"}

PAIR = {
    "nodes": ["a", "b"],
    "instances": [
        {
            "name": "wan",
            "interface": "wan0",
            "router_id": 1,
            "node_addresses": {"a": "192.0.2.2", "b": "192.0.2.3"},
            "addresses": ["192.0.2.9/24"],
        }
    ],
}


def test_examples_of_every_module_are_accepted(checkout: Path) -> None:
    modules = sorted((checkout / "plugins/modules").glob("*.py"))
    assert modules
    for module in modules:
        found = [pair for document in parsed(examples_of(module)) for pair in claims(document)]
        assert module.stem in {name for name, _value in found}, f"{module.name} shows no call of itself"
        assert [said for said in (trouble(*pair) for pair in found) if said] == [], module.name


def test_examples_of_plugins_are_yaml(checkout: Path) -> None:
    texts = [examples_of(file) for file in sorted((checkout / "plugins/lookup").glob("*.py"))]
    texts += [
        yaml.safe_load(file.read_text())["EXAMPLES"] for file in sorted((checkout / "plugins/filter").glob("*.yml"))
    ]
    assert texts
    for text in texts:
        assert all(isinstance(document, list) for document in parsed(text))


def test_examples_in_guides_are_accepted(checkout: Path) -> None:
    documents = [
        *sorted((checkout / "docs").rglob("*.md")),
        *checkout.glob("README.md"),
        *checkout.glob("roles/*/README.md"),
    ]
    found = []
    for document in documents:
        for block in blocks_of(document):
            for each in parsed(block):
                found += [(document.name, name, value) for name, value in claims(each)]
    assert len(found) >= 3
    refused = [(where, name, trouble(name, value)) for where, name, value in found]
    assert [entry for entry in refused if entry[2]] == []


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        pytest.param("ipsec_phase1", PHASE1, None, id="good"),
        pytest.param("ipsec_phase1", {**PHASE1, "ip_type": "ipv5"}, "must be one of", id="no such choice"),
        pytest.param("ipsec_phase1", {**PHASE1, "colour": "red"}, "colour", id="no such option"),
        pytest.param("ipsec_phase1", {"name": "paris"}, "remote_endpoints", id="demand not met"),
        pytest.param("ipsec_phase1", {**PHASE1, "ip_type": "ipv6"}, "an IPv6 address is needed", id="wrong family"),
        pytest.param("ipsec_phase1", {**PHASE1, "xfrm_interface": "x0"}, None, id="interface of another task"),
        pytest.param(
            "ipsec_gateway",
            {"config": {"phase1": [{**PHASE1, "xfrm_interface": "x0"}]}},
            "no XFRM interface",
            id="dangling",
        ),
        pytest.param("ipsec_gateway", {"config": {}, "state": "overridden"}, "hardly meant", id="nothing wanted"),
        pytest.param("ipsec_gateway", {"config": "{{ gateway_config }}"}, None, id="config from a variable"),
        pytest.param("ipsec_gateway", {"config": {"phase1": [{"name": "x"}]}, "state": "deleted"}, None, id="a name"),
        pytest.param("ipsec_gateway", {"state": "deleted"}, "the names of what is to go", id="no name"),
        pytest.param("ipsec_gateway", {"state": "gathered"}, None, id="only told"),
        pytest.param(
            "ipsec_gateway",
            {"state": "rendered", "config": {"phase1": [{"name": "x"}]}},
            "is required",
            id="half an object",
        ),
        pytest.param("ipsec_gateway", {"state": "parsed"}, "running_config", id="no text"),
        pytest.param("ipsec_info", {"gather": ["colours"]}, "must be one or more of", id="nothing to gather"),
        pytest.param("ipsec_phase3", {}, "there is no module", id="no such module"),
        pytest.param("gateway_config", {"phase1": [PHASE1]}, None, id="variable of the role"),
        pytest.param("ha", PAIR, None, id="pair"),
        pytest.param(
            "ha", {**PAIR, "advert_intervall": 1}, "no option advert_intervall", id="misspelt option of a pair"
        ),
        pytest.param("ha", {"nodes": PAIR["nodes"]}, "instances: None", id="pair without addresses"),
        pytest.param("gateway_config", {"phase_1": [PHASE1]}, "no such list", id="misspelt list"),
    ],
)
def test_a_bad_example_is_seen(name: str, value: Any, complaint: str | None) -> None:
    said = trouble(name, value)
    assert said is None if complaint is None else complaint in str(said)


def test_claims_are_found_wherever_they_stand(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("a\n```yaml\n- tasks:\n    - swanfleet.ipsec.x: 1\n```\n```text\nno: yaml\n```\n")
    assert [list(claims(each)) for block in blocks_of(document) for each in parsed(block)] == [[("x", 1)]]
