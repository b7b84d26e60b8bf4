# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Examples as documents: find the YAML that people copy, and run what it says through the engine's own parsers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    Gateway,
    check_gateway,
    parse_gateway,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import IpsecError
from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit.doors import DOORS
from ansible_collections.swanfleet.ipsec.plugins.plugin_utils.vrrp import PairError, node_values
from ansible_collections.swanfleet.ipsec.tests.specs import BESIDE

OURS = "swanfleet.ipsec."
_BLOCK = re.compile(r"^```(?:yaml|yml)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What an object's example refers to and leaves to another one.
_REFERENCE = "there is no"


def examples_of(module: Path) -> str:
    """Return the text of EXAMPLES of a module or plugin."""
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "EXAMPLES" for target in node.targets
        ):
            text: str = ast.literal_eval(node.value)
            return text
    raise AssertionError(f"{module.name} has no EXAMPLES")


def blocks_of(document: Path) -> list[str]:
    """Return the blocks of YAML in a Markdown document."""
    return _BLOCK.findall(document.read_text())


def claims(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield (name, value) of everything of ours in a YAML document: calls of modules, `gateway_config`, and `ha_…`."""
    if isinstance(node, Mapping):
        pair = {str(key).removeprefix("ha_"): value for key, value in node.items() if str(key).startswith("ha_")}
        if pair:
            yield "ha", pair
        for key, value in node.items():
            if isinstance(key, str) and (key == "gateway_config" or key.removeprefix(OURS) != key):
                yield key.removeprefix(OURS), value
            yield from claims(value)
    elif isinstance(node, list):
        for item in node:
            yield from claims(item)


def trouble(name: str, value: Any) -> str | None:
    """Return what the engine says against one claim, None where it accepts it."""
    if isinstance(value, str) and value.startswith("{{"):
        return None
    try:
        if name == "gateway_config":
            check_gateway(parse_gateway(value))
            return None
        if name == "ha":
            _check_pair(value)
            return None
        if name in BESIDE:
            return _refused(BESIDE[name], (), value or {})
        if name not in DOORS:
            return f"there is no module {name}"
        return _through_the_door(name, value)
    except (IpsecError, PairError) as error:
        return str(error)


def _check_pair(options: dict[str, Any]) -> None:
    defaults = yaml.safe_load((Path(__file__).parents[2] / "roles/ha/defaults/main.yml").read_text())
    plain = {name.removeprefix("ha_"): value for name, value in defaults.items() if "{{" not in str(value)}
    whole = {**plain, "node": options["nodes"][0] if options.get("nodes") else None, **options}
    node_values({name: value for name, value in whole.items() if name not in ("install", "packages")})


def _through_the_door(name: str, arguments: dict[str, Any]) -> str | None:
    door = DOORS[name]
    if str(arguments.get("config", "")).startswith("{{"):
        arguments = {**arguments, "config": {}, "state": "merged"}
    refused = _refused(door.spec, door.required_if, arguments)
    if refused:
        return refused
    if arguments.get("state") in door.readings:
        if "config" in arguments:
            check_gateway(parse_gateway(arguments["config"]))
        return None
    after = door.change(_validated(door.spec, door.required_if, arguments).validated_parameters)(Gateway())
    try:
        check_gateway(after)
    except IpsecError as error:
        if name == "ipsec_gateway" or _REFERENCE not in str(error):
            raise
    return None


def _validated(spec: dict[str, Any], required_if: Any, arguments: dict[str, Any]) -> Any:
    return ArgumentSpecValidator(spec, required_if=required_if).validate(arguments)


def _refused(spec: dict[str, Any], required_if: Any, arguments: dict[str, Any]) -> str | None:
    return "; ".join(_validated(spec, required_if, arguments).error_messages) or None


def parsed(text: str) -> list[Any]:
    """Return the documents of a YAML text."""
    return list(yaml.safe_load_all(text))
