# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a name that nothing has."""

from __future__ import annotations

import difflib


def nothing_named(name: str, what: str, known: list[str]) -> str:
    """Return what is wrong with a name: the one that may be meant, or those that there are."""
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"there is no {what} of this name; did you mean {close[0]}?"
    few = ", ".join(sorted(known)[:5]) + (", …" if len(known) > 5 else "")
    return f"there is no {what} of this name; " + (f"there are {few}" if known else f"add the {what} too, or first")
