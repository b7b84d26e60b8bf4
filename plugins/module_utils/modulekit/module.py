# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's module object with a log, an echo and a search for secrets that cost little, however many objects it is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.warnings import get_deprecation_messages, get_warning_messages

# What Ansible itself echoes in the place of an option with secrets.
NOT_SHOWN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


class EngineModule(AnsibleModule):
    """An `AnsibleModule` that tells of `config` how many objects it has, not which, in its log and in its result.

    Ansible's own log of a thousand tunnels and their echo take longer than the work, and its search of a result for
    secrets takes time by the number of secrets times the number of texts.
    """

    def __init__(self, spec: dict[str, Any], *, required_if: Sequence[Any] = ()) -> None:
        AnsibleModule.__init__(self, argument_spec=spec, required_if=required_if, supports_check_mode=True)

    def _log_invocation(self) -> None:
        if isinstance(self.params.get("config"), Mapping):
            told = " ".join(f"{name}={value}" for name, value in short_arguments(self.params).items())
            AnsibleModule.log(self, f"Invoked with {told}")
        else:
            AnsibleModule._log_invocation(self)

    def exit_json(self, **kwargs: Any) -> NoReturn:
        """End the process with a result."""
        self._shorten(kwargs)
        super().exit_json(**kwargs)
        raise AssertionError("exit_json has come back")

    def fail_json(self, msg: str, **kwargs: Any) -> NoReturn:
        """End the process with an error."""
        self._shorten(kwargs, msg)
        super().fail_json(msg, **kwargs)
        raise AssertionError("fail_json has come back")

    def _shorten(self, result: dict[str, Any], message: str = "") -> None:
        if "config" in self.params:
            result.setdefault("invocation", {"module_args": short_arguments(self.params)})
            told = [message, result, get_warning_messages(), get_deprecation_messages()]
            self.no_log_values = occurring(self.no_log_values, told)


def short_arguments(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a module's parameters with the numbers of objects in the place of `config`, and no text of secrets."""
    config = params.get("config")
    lists = config if isinstance(config, Mapping) else {}
    counts = {str(kind): len(items) for kind, items in lists.items() if isinstance(items, (list, tuple))}
    hidden = {"running_config": NOT_SHOWN} if params.get("running_config") is not None else {}
    return {**params, "config": counts, **hidden}


def occurring(values: Iterable[str], result: Any) -> set[str]:
    """Return those of `values` that occur anywhere in a result: the only ones that Ansible has to replace in it."""
    text = "\n".join(set(_texts(result)))
    return {value for value in values if value in text}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _texts(item)
    else:
        yield str(value)
