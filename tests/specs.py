# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument specs of the modules that set no objects, and so have no door."""

from __future__ import annotations

from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit.info import INFO_SPEC
from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit.placing import FILES_SPEC

BESIDE: dict[str, dict[str, Any]] = {"ipsec_info": INFO_SPEC, "ipsec_files": FILES_SPEC}
