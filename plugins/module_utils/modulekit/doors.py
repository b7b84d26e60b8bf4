# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doors: one for each module that needs the engine, from its parameters to that and back to a result."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable

from ..apply.transaction import Change, Outcome, run_transaction
from ..desired.advice import advice
from ..desired.gateway import FALLBACKS, PHASE1, PHASE2, XFRM_INTERFACES, ObjectType, dump_gateway, parse_one
from ..desired.options import options_of, parse_object
from ..desired.running import RunOptions
from ..desired.spec import argument_spec
from ..drivers.host import Host, local_host
from ..drivers.paths import Paths
from ..errors import ApplyError, IpsecError, Problem, ValidationError
from .module import EngineModule
from .states import CONFIG_NEEDED, GATEWAY_READINGS, GATEWAY_SPEC, Reading, adopting, gateway_change

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Door:
    """A module that changes the gateway: its arguments, and the change that they ask for.

    `readings` are the states in which it changes nothing and only tells. `partial`: it sets one object of several.
    """

    spec: dict[str, Any]
    change: Callable[[Params], Change]
    required_if: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    readings: Mapping[str, Reading] = dataclasses.field(default_factory=dict)
    partial: bool = False


def run_door(name: str) -> None:
    """Run the module `name` and end the process."""
    # It ends before unreachable cycles could add up, and to look for them took a third of a run with 10,000 tunnels.
    gc.disable()
    try:
        _run(name)
    finally:
        gc.enable()


def _run(name: str) -> None:
    if name == "ipsec_info":
        from .info import INFO_SPEC, gather

        module = EngineModule(INFO_SPEC)
        _told(
            module,
            lambda host: _read(module, lambda params, on: gather(on, params, check=module.check_mode), host),
        )
    else:
        door = DOORS[name]
        module = EngineModule(door.spec, required_if=door.required_if)
        reading = door.readings.get(module.params["state"])
        if reading is None:
            _told(module, lambda host: _transact(module, door, host, name))
        else:
            _told(module, lambda host: _read(module, reading, host))


def _told(module: EngineModule, work: Callable[[Host], dict[str, Any]]) -> None:
    """Run, and turn every error that a person can mend into `fail_json`; bugs keep their traceback."""
    host = local_host(Paths())
    try:
        result = work(host)
    except ApplyError as error:
        module.fail_json(msg=str(error), step=error.step, restored=error.restored)
    except IpsecError as error:
        module.fail_json(msg=str(error))
    finally:
        host.charon.close()
    module.exit_json(**result)


def _read(module: EngineModule, reading: Reading, host: Host) -> dict[str, Any]:
    result, warnings = reading(module.params, host)
    for warning in warnings:
        module.warn(warning)
    return {"changed": False, **result}


def _transact(module: EngineModule, door: Door, host: Host, name: str) -> dict[str, Any]:
    problems: list[Problem] = []
    raw = {opt.name: module.params[opt.name] for opt in options_of(RunOptions)}
    demands = parse_object(RunOptions, raw, where="the run", problems=problems)
    if demands is None:
        raise ValidationError(problems)
    change = door.change(module.params)
    outcome = run_transaction(
        host,
        change,
        check=module.check_mode,
        demands=demands,
        program=name,
        partial=door.partial,
        adopting=adopting(module.params),
    )
    for warning in (*outcome.warnings, *advice(outcome.after)):
        module.warn(warning)
    result = _result(outcome, diff_limit=demands.diff_limit if module._diff else None)
    if module.params["state"] == "adopted":
        result["adopted"] = dump_gateway(outcome.taken_over.gateway)
        if outcome.kept_in:
            result["kept_in"] = outcome.kept_in
    return result


def _result(outcome: Outcome, *, diff_limit: int | None) -> dict[str, Any]:
    result: dict[str, Any] = {
        "changed": outcome.changed,
        "plan": [step.as_data() for step in outcome.plan.steps],
        "disruption": dict(sorted(outcome.disruption.items())),
    }
    if diff_limit is not None:
        from .diff import object_diff

        result["diff"] = object_diff(outcome.before, outcome.after, outcome.plan, limit=diff_limit)
    return result


def _object_door(kind: ObjectType, keys: tuple[str, ...]) -> Door:
    options = options_of(kind.cls)
    spec = argument_spec(kind.cls, required=False)
    spec["state"] = {"type": "str", "choices": ["present", "absent"], "default": "present"}
    spec.update(argument_spec(RunOptions))
    needed = tuple(opt.name for opt in options if opt.required and opt.name not in keys)

    def change(params: Params) -> Change:
        raw = {opt.name: params[opt.name] for opt in options}
        if params["state"] == "absent":
            key = "/".join(str(params[name]) for name in reversed(keys))
            return lambda gateway: gateway.without(kind, key)
        problems: list[Problem] = []
        item = parse_one(kind, raw, where=f"{kind.singular} {params['name']}", problems=problems)
        if problems:
            raise ValidationError(problems)
        return lambda gateway: gateway.with_object(kind, item)

    return Door(spec, change, required_if=(("state", "present", needed),) if needed else (), partial=True)


DOORS: dict[str, Door] = {
    "ipsec_phase1": _object_door(PHASE1, ("name",)),
    "ipsec_phase2": _object_door(PHASE2, ("name", "phase1")),
    "xfrm_interface": _object_door(XFRM_INTERFACES, ("name",)),
    "ipsec_fallback": _object_door(FALLBACKS, ("name",)),
    "ipsec_gateway": Door(
        {**GATEWAY_SPEC, **argument_spec(RunOptions)}, gateway_change, CONFIG_NEEDED, GATEWAY_READINGS
    ),
}
