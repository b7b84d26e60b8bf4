# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs are what the documentation says, and a Python too old is told so in one JSON answer."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="documentation is YAML")
pytest.importorskip("ansible.module_utils.basic", reason="modules need Ansible")

COLLECTION = "ansible_collections.swanfleet.ipsec"
MODULES = sorted(file.stem for file in (Path(__file__).resolve().parents[5] / "plugins/modules").glob("*.py"))


def documentation(name: str) -> dict[str, Any]:
    """Return a module's options with those of its fragments."""
    module = importlib.import_module(f"{COLLECTION}.plugins.modules.{name}")
    document = yaml.safe_load(module.DOCUMENTATION)
    options: dict[str, Any] = {}
    for fragment in document.get("extends_documentation_fragment", ()):
        _namespace, _collection, file, *part = fragment.split(".")
        fragments = importlib.import_module(f"{COLLECTION}.plugins.doc_fragments.{file}").ModuleDocFragment
        text = getattr(fragments, part[0].upper() if part else "DOCUMENTATION")
        options |= yaml.safe_load(text).get("options", {})
    return {**options, **document.get("options", {})}


def spec_of(name: str) -> dict[str, Any]:
    doors = importlib.import_module(f"{COLLECTION}.plugins.module_utils.modulekit.doors")
    beside = importlib.import_module(f"{COLLECTION}.tests.specs").BESIDE
    return dict(beside[name] if name in beside else doors.DOORS[name].spec)


def compared(options: dict[str, Any], nested: str) -> dict[str, Any]:
    """Return what of options both sides tell; `nested` is their word for options of an option."""
    kept = ("type", "elements", "required", "default", "choices")
    return {
        name: {key: option[key] for key in kept if key in option}
        | ({"options": compared(option[nested], nested)} if nested in option else {})
        for name, option in options.items()
    }


def secret_options(spec: dict[str, Any]) -> set[str]:
    found = {name for name, option in spec.items() if option.get("no_log")}
    return found.union(*(secret_options(option["options"]) for option in spec.values() if "options" in option))


@pytest.mark.parametrize("name", MODULES)
def test_the_documentation_is_the_argument_spec(name: str) -> None:
    documented = compared(documentation(name), "suboptions")
    assert documented == compared(spec_of(name), "options")
    assert documented


@pytest.mark.parametrize("name", MODULES)
def test_every_option_is_described(name: str) -> None:
    def check(options: dict[str, Any], path: str) -> None:
        for key, option in options.items():
            assert option.get("description"), f"{path}{key}"
            check(option.get("suboptions", {}), f"{path}{key}.")

    check(documentation(name), "")


SECRET = {"psk", "password", "nt_hash", "ppk", "private_key", "private_keys", "passphrase"}
OF_GATEWAY = {*SECRET, "pkcs12", "pin", "running_config"}


@pytest.mark.parametrize(("name", "secret"), [("ipsec_phase1", SECRET), ("ipsec_gateway", OF_GATEWAY)])
def test_secrets_are_known_to_ansible(name: str, secret: set[str]) -> None:
    assert secret_options(spec_of(name)) == secret


PROGRAM = """
import json, runpy, sys
sys.path.insert(0, sys.argv[1])
import ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit
sys.version_info = (3, 8, 20, "final", 0)
runpy.run_module("ansible_collections.swanfleet.ipsec.plugins.modules." + sys.argv[2], run_name="__main__")
"""


@pytest.mark.parametrize("name", MODULES)
def test_a_python_too_old_is_one_answer(name: str, collections_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(collections_path), name],
        input='{"ANSIBLE_MODULE_ARGS": {"psk": "s3cret"}}', capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    [line] = done.stdout.splitlines()
    answer = json.loads(line)
    assert (answer["failed"], answer["changed"]) == (True, False)
    assert answer["msg"] == (
        f"swanfleet.ipsec needs Python 3.9 or newer on the target, and {sys.executable} is 3.8.20: "
        "set ansible_python_interpreter to a newer one"
    )
