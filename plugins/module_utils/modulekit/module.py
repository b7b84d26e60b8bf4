# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's module object with a log, an echo and a search for secrets that cost little, however many objects it is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.warnings import get_deprecation_messages, get_warning_messages

from ..desired.secret import SHORTEST
from .arguments import accepted, secrets_given

# Ansible's own word for it.
_HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
# How much of a text is shown of a call.
_LONGEST = 128


class EngineModule(AnsibleModule):
    """An `AnsibleModule` that echoes its parameters without secrets, and of `config` the numbers of objects.

    Ansible's own log of a thousand tunnels and their echo take longer than the work, and its search of a result for
    secrets takes time by the number of secrets times the number of texts. Its echo and its log hide a secret by looking
    for its text, and so show one in a list or a dictionary, which has other quotes and backslashes when it is printed.

    Its check of arguments takes time by the number of options that there are, for every object, and the engine checks
    them all again. So it sees an empty `config`, and of the true one only what is given gets its type.
    """

    _accepted = False
    _config: Mapping[str, Any] | None = None

    def __init__(self, spec: dict[str, Any], *, required_if: Sequence[Any] = ()) -> None:
        AnsibleModule.__init__(self, argument_spec=spec, required_if=required_if, supports_check_mode=True)
        if self._config is not None:
            options = spec["config"]["options"]
            self.no_log_values.update(secrets_given(self._config, options))
            self.params["config"] = accepted(self._config, options)
        self._accepted = True

    def _load_params(self) -> None:
        AnsibleModule._load_params(self)
        config: object = self.params.get("config")
        if isinstance(config, Mapping):
            self._config = config
            self.params["config"] = {}

    def _log_invocation(self) -> None:
        told = " ".join(f"{name}={value}" for name, value in self._told_arguments().items() if value is not None)
        AnsibleModule.log(self, f"Invoked with {told}")

    def exit_json(self, **kwargs: Any) -> NoReturn:
        """End the process with a result."""
        self._prepare(kwargs)
        super().exit_json(**kwargs)
        raise AssertionError("exit_json has come back")

    def fail_json(self, msg: str, **kwargs: Any) -> NoReturn:
        """End the process with an error."""
        self._prepare(kwargs, msg)
        super().fail_json(msg, **kwargs)
        raise AssertionError("fail_json has come back")

    def _prepare(self, result: dict[str, Any], message: str = "") -> None:
        told = [message, result, get_warning_messages(), get_deprecation_messages()]
        found = occurring(self.no_log_values, told)
        # Before the parameters are accepted a message is Ansible's own, and may quote what was given.
        if found and self._accepted:
            found = hidden(found, shown_arguments(self.params, self.argument_spec))
        self.no_log_values = found
        result.setdefault("invocation", {"module_args": self._told_arguments()})

    def _told_arguments(self) -> dict[str, Any]:
        params = self.params if self._config is None else {**self.params, "config": self._config}
        return told_arguments(params, self.argument_spec)


def told_arguments(params: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a module's parameters without secrets, and with the numbers of objects in the place of `config`."""
    told = shown_arguments({name: value for name, value in params.items() if name != "config"}, spec)
    if "config" in params:
        lists = params["config"] if isinstance(params["config"], Mapping) else {}
        told["config"] = {str(kind): len(items) for kind, items in lists.items() if isinstance(items, (list, tuple))}
    return told


def shown_arguments(params: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters without secrets, nor what the spec does not know: it may be one under a mistyped name."""
    return {name: _shown(value, spec.get(name)) for name, value in params.items()}


def _shown(value: Any, argument: Mapping[str, Any] | None) -> Any:
    if value is None:
        return None
    if argument is None or argument.get("no_log"):
        return _HIDDEN
    if "options" not in argument:
        return [_short(each) for each in value] if isinstance(value, (list, tuple)) else _short(value)
    if isinstance(value, Mapping):
        return shown_arguments(value, argument["options"])
    return [_shown(item, argument) for item in value] if isinstance(value, (list, tuple)) else _HIDDEN


def _short(value: Any) -> Any:
    """Return a value, or the length of a text that is no name or number: a certificate, and maybe a key along with it."""
    long = isinstance(value, str) and (len(value) > _LONGEST or "\n" in value)
    return f"({len(value)} characters)" if long else value


def hidden(found: Iterable[str], shown: Any) -> set[str]:
    """Return those secrets that Ansible shall replace in a result of ours in which they were found.

    No result of ours has a secret in it, so this only guards against a mistake. A short text, or one that stands among
    the parameters that are shown, is there for another reason; to replace it would make the result wrong, and would
    tell that this very name is the secret.
    """
    public = "\n".join(set(_texts(shown)))
    return {secret for secret in found if len(secret) >= SHORTEST and secret not in public}


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
