# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the objects' options, derived from where they are declared."""

from __future__ import annotations

from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Config
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


class ModuleDocFragment:
    """Fragments: phase1, phase2, xfrm_interface (a module of one object), config (the whole gateway) and run.

    They are annotated because ansible-test's yamllint expects a literal in every plain assignment of this class.
    """

    PHASE1: str = as_fragment(
        {**documented_options(Phase1, required=False), "name": documented_options(Phase1)["name"], **_STATE}
    )
    PHASE2: str = as_fragment(
        {
            **documented_options(Phase2, required=False),
            **{key: documented_options(Phase2)[key] for key in ("name", "phase1")},
            **_STATE,
        }
    )
    XFRM_INTERFACE: str = as_fragment(
        {
            **documented_options(XfrmInterface, required=False),
            "name": documented_options(XfrmInterface)["name"],
            **_STATE,
        }
    )
    CONFIG: str = as_fragment(
        {
            "config": {
                "description": ["The objects of the gateway, as lists."],
                "type": "dict",
                "required": True,
                "suboptions": documented_options(Config, inside="config."),
            }
        }
    )
    RUN: str = as_fragment(documented_options(RunOptions))
