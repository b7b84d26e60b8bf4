# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of `ipsec_gateway`: those that ask for a change, and those that only tell, without the lock and the daemon."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ..apply.planning import with_numbers
from ..apply.takeover import adoptable
from ..apply.transaction import Change
from ..artifacts.compute import artifacts
from ..desired.gateway import CONFIG, TYPES, Gateway, check_gateway, dump_gateway, parse_gateway, parse_names
from ..desired.kept_secrets import with_kept_secrets
from ..desired.situation import interface_problems
from ..desired.spec import argument_spec, kind_spec
from ..drivers.host import Host
from ..errors import IpsecError, Problem, ValidationError
from ..observed.read import observe

Params = Mapping[str, Any]
# From a module's parameters and the host to a result, and warnings.
Reading = Callable[[Params, Host], "tuple[dict[str, Any], Sequence[str]]"]


def _config_spec() -> dict[str, Any]:
    """Return the argument spec of `config`; what identifies an object is demanded, the rest by the engine where needed."""
    spec = kind_spec(CONFIG)
    for kind in TYPES:
        spec["options"][kind.plural]["options"] = argument_spec(kind.cls, required=False)
    return spec


GATEWAY_SPEC: dict[str, Any] = {
    "config": _config_spec(),
    "state": {
        "type": "str",
        "choices": ["merged", "overridden", "deleted", "adopted", "gathered", "rendered", "parsed"],
        "default": "merged",
    },
    "everything": {"type": "bool", "default": False},
    "only": {"type": "list", "elements": "str"},
    "keep_secrets": {"type": "bool", "default": False, "no_log": False},
    "running_config": {"type": "str", "no_log": True},
}
CONFIG_NEEDED = (
    ("state", "merged", ("config",)),
    ("state", "overridden", ("config",)),
    ("state", "rendered", ("config",)),
    ("state", "parsed", ("running_config",)),
)


def gateway_change(params: Params) -> Change:
    """Return the change that `merged`, `overridden` or `deleted` asks for; raises `ValidationError`."""
    state = params["state"]
    config = params["config"] or {}
    if params["only"] is not None and state != "adopted":
        raise _refusal("only", params["only"], f"it belongs to state adopted, and this is state {state}")
    if params["keep_secrets"] and state not in ("merged", "overridden"):
        raise _refusal("keep_secrets", True, f"it belongs to state merged or overridden, and this is state {state}")
    if state == "deleted":
        return _deletion(config, everything=params["everything"])
    if state == "adopted":
        if params["everything"] or params["config"] is not None:
            raise _refusal(
                "state", state, "what is taken over stands in the files of the host: leave config and everything out"
            )
        return lambda gateway: gateway
    if params["everything"]:
        raise _refusal("everything", True, f"it belongs to state deleted, and this is state {state}")
    # What is left out is known only when the gateway in force is.
    parsed = None if params["keep_secrets"] else parse_gateway(config)

    def wanted(before: Gateway) -> Gateway:
        return with_kept_secrets(config, before) if parsed is None else parsed

    if state == "merged":
        return lambda gateway: gateway.merged(wanted(gateway))
    if not any(config.values()):
        raise _refusal(
            "state",
            state,
            "an empty config would remove every tunnel of this host; that is hardly meant, so it is refused "
            "(state deleted with everything: true removes all)",
        )
    return wanted


def adopting(params: Params) -> tuple[str, ...] | None:
    """Return the hand-written connections to take over: none named means all; None where nothing is taken over."""
    return tuple(params["only"] or ()) if params.get("state") == "adopted" else None


def _deletion(config: Mapping[str, Any], *, everything: bool) -> Change:
    names = parse_names(config)
    if everything:
        if names:
            raise _refusal("everything", True, "either it, or the names of what is to go")
        return lambda _gateway: Gateway()
    if not names:
        raise _refusal(
            "state",
            "deleted",
            "the names of what is to go are needed, such as phase1: [{name: paris}]; to remove all that this collection "
            "has on the host, set everything: true instead of config",
        )
    return lambda gateway: gateway.without_all(names)


def _refusal(option: str, value: object, wanted: str) -> ValidationError:
    return ValidationError([Problem("config", option, value, wanted)])


def _gathered(_params: Params, host: Host) -> tuple[dict[str, Any], Sequence[str]]:
    observed = observe(host, host_key=b"", with_daemon=False)
    told = {"gathered": dump_gateway(observed.stored.gateway)}
    try:
        found, refused = adoptable(host, observed)
    except IpsecError as error:
        return told, [f"what was written by hand cannot be read: {error}"]
    if found.empty and not refused:
        return told, ()
    return {**told, "by_hand": {"config": dump_gateway(found), "refused": refused}}, ()


def _rendered(params: Params, host: Host) -> tuple[dict[str, Any], Sequence[str]]:
    """Return the files of `config` alone, in the situation of this host, with a placeholder for each secret."""
    gateway = parse_gateway(params["config"] or {})
    # No key of the host: it would only make the ids of placeholders look like those of the secrets.
    observed = observe(host, host_key=b"", with_daemon=False)
    check_gateway(gateway, interface_problems(gateway, observed.stored.gateway, observed.situation))
    # What is rendered says what is wanted, and not that an address is on the other node of a pair just now.
    situation = dataclasses.replace(with_numbers(observed, gateway), present=None)
    found = artifacts(gateway.secrets_left_out(), situation)
    texts = {host.paths.path_of(role): file.text for role, file in found.files.items() if file.needed}
    return {"rendered": texts}, found.warnings


def _parsed(params: Params, host: Host) -> tuple[dict[str, Any], Sequence[str]]:
    # Only this state needs the parser.
    from ..artifacts.inverse import read_gateway
    from ..artifacts.settings import parse_settings
    from ..observed.by_hand import including

    text = params["running_config"]
    if not text or text.isspace():
        raise ValidationError([Problem("running_config", "text", None, "the text of a swanctl.conf is needed")])
    warnings: list[str] = []
    include = including(host.files, warnings)
    root = parse_settings(text, file="running_config", directory=host.paths.swanctl, include=include)
    found = read_gateway(root, directory=host.paths.swanctl)
    if found.with_secret:
        warnings.append(
            f"secrets are left out of the result, since no result shows them: {_names(found.with_secret)}. Add them before "
            "using the result as config; where the text has them in the form 0s… or 0x…, decoded"
        )
    if found.opened_keys:
        warnings.append(
            "passphrases and PINs are left out of the result too, those of private_key "
            f"{', '.join(found.opened_keys)}; add them before using it as config"
        )
    if found.without_secret:
        warnings.append(f"the text has no pre-shared key for these: {_names(found.without_secret)}")
    if found.made_up_interfaces:
        warnings.append(
            "swanctl.conf knows XFRM interfaces by their numbers only, so these names are made up, and addresses and "
            f"routes are not known: {', '.join(found.made_up_interfaces)}"
        )
    return {"parsed": dump_gateway(found.gateway)}, warnings


def _names(phase1: Sequence[str]) -> str:
    return "phase1 " + ", ".join(phase1)


GATEWAY_READINGS: Mapping[str, Reading] = {"gathered": _gathered, "rendered": _rendered, "parsed": _parsed}
