# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway's own program as one file: module_utils without the part that knows Ansible; the same bytes each time."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
from pathlib import Path

from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.agent_needs import program_mark

_SHEBANG = b"#!/usr/bin/python3 -I\n"
_MAIN = "import sys\n\nfrom swanfleet.agent.cli import main\n\nsys.exit(main())\n"
_PACKAGE = "swanfleet"
_LEFT_OUT = "modulekit"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def program_bytes() -> bytes:
    """Return the program: a zip archive behind an interpreter line (PEP 441), with fixed times and sorted names.

    Its last bytes say which release of the collection it comes from.
    """
    root = Path(__file__).resolve().parent.parent / "module_utils"
    sources = {"__main__.py": _MAIN.encode(), f"{_PACKAGE}/__init__.py": b""}
    for path in root.rglob("*.py"):
        inside = path.relative_to(root)
        if inside.parts[0] != _LEFT_OUT and inside.as_posix() != "__init__.py":
            sources[f"{_PACKAGE}/{inside.as_posix()}"] = path.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(sources):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, sources[name])
        archive.comment = program_mark()
    return _SHEBANG + buffer.getvalue()


def program_file(directory: Path) -> Path:
    """Write the program into `directory` under a name that holds its digest, unless it is there; returns its path."""
    content = program_bytes()
    path = directory / f"swanfleet-{hashlib.sha256(content).hexdigest()[:16]}.pyz"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=directory)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
        Path(temporary).replace(path)
    return path
