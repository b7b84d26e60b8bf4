# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: four gateways with a real kernel, a router between them, and captures that count as evidence."""

from __future__ import annotations

from .capture import CaptureError, Counts, Report
from .errors import LabError
from .lab import Lab

__all__ = ["CaptureError", "Counts", "Lab", "LabError", "Report"]
