# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only package that knows Ansible: argument specs, running a door, results. Importable on Pythons that are too old."""

from __future__ import annotations

import json
import sys

OLDEST_PYTHON = (3, 9)


def run(module: str) -> None:
    """Run the module `module` ("ipsec_phase1" …) and end the process with its result.

    The rest of the collection is imported only after the interpreter's age was checked: an old one would stop with a
    traceback that helps nobody.
    """
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(str(part) for part in sys.version_info[:3])
        needed = ".".join(str(part) for part in OLDEST_PYTHON)
        answer = {
            "failed": True,
            "changed": False,
            "msg": f"swanfleet.ipsec needs Python {needed} or newer on the target, and {sys.executable} is {found}: "
            "set ansible_python_interpreter to a newer one",
        }
        # JSON on standard output is what a module in any language answers. AnsibleModule would check the parameters
        # first, against a specification that this Python cannot import, and echo them with their secrets.
        sys.stdout.write(json.dumps(answer) + "\n")
        raise SystemExit(1)
    from ..drivers.compiled import use_compiled

    use_compiled(sys.modules[__package__.rpartition(".")[0]])
    if module == "ipsec_files":
        # Without the engine, of which it needs nothing.
        from .placing import run_files

        run_files()
    else:
        from .doors import run_door

        run_door(module)
