# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A digest of a connection's tree: the same tree, the same digest, whatever order its keys have."""

from __future__ import annotations

import hashlib
import json

from .values import Tree


def tree_digest(tree: Tree) -> str:
    """Return 64 hexadecimal digits over a tree in canonical form."""
    return hashlib.sha256(
        json.dumps(tree, sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogateescape")
    ).hexdigest()
