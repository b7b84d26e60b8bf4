# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the objects' options, derived from where they are declared."""

from __future__ import annotations

from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.fallback import Fallback
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import TYPES, Config
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.phase1 import Phase1
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.phase2 import Phase2
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.running import RunOptions
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.xfrm_interface import XfrmInterface
from ansible_collections.swanfleet.ipsec.plugins.plugin_utils.documentation import as_fragment, documented_options

_STATE = {
    "state": {
        "description": [
            "Whether the object is wanted on the host.",
            "The object is set as a whole: an option that is not given has its default, whatever it was before.",
        ],
        "type": "str",
        "choices": ["present", "absent"],
        "default": "present",
    }
}


def _config_options() -> dict[str, Any]:
    options = documented_options(Config, inside="config.")
    for kind in TYPES:
        options[kind.plural]["suboptions"] = documented_options(
            kind.cls,
            required=False,
            inside=f"config.{kind.plural}[].",
            demand="Required unless O(state=deleted).",
        )
    return options


class ModuleDocFragment:
    """Fragments: phase1, phase2, xfrm_interface, fallback (a module of one object), config (the whole gateway) and run.

    They are annotated because ansible-test's yamllint expects a literal in every plain assignment of this class.
    """

    PHASE1: str = as_fragment({**documented_options(Phase1, required=False), **_STATE})
    PHASE2: str = as_fragment({**documented_options(Phase2, required=False), **_STATE})
    XFRM_INTERFACE: str = as_fragment({**documented_options(XfrmInterface, required=False), **_STATE})
    FALLBACK: str = as_fragment({**documented_options(Fallback, required=False), **_STATE})
    CONFIG: str = as_fragment(
        {
            "config": {
                "description": [
                    "The objects of the gateway, as lists.",
                    "Required when O(state) is V(merged), V(overridden) or V(rendered).",
                    "With O(state=deleted) the names of what is to go are enough.",
                ],
                "type": "dict",
                "suboptions": _config_options(),
            }
        }
    )
    RUN: str = as_fragment(documented_options(RunOptions))
