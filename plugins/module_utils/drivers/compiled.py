# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where this code lies compiled on a target: of what Ansible sends in an archive Python compiles each module anew, twice."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import stat
import sys
import time
import zipfile
from pathlib import Path
from types import ModuleType

CACHE = "/var/cache/swanfleet"
_COPY = re.compile("[0-9a-f]{32}")
_PATIENCE_S = 600


def use_compiled(package: ModuleType, cache: str = CACHE) -> None:
    """Have what is below `package`, which Ansible has sent in an archive, imported from its compiled copy in `cache`.

    A copy has the checksums of all its files in its name, is made where there is none, and is this user's alone. Where
    that cannot be, everything comes from the archive. It may be deleted at any time. Source: PEP 273, PEP 3147.
    """
    archive = getattr(package.__loader__, "archive", None)
    if archive is None or not _private(Path(cache)):
        return
    with contextlib.suppress(OSError, zipfile.BadZipFile):
        copy = _copy_of(archive, f"{package.__name__.replace('.', '/')}/", Path(cache))
        for name, module in list(sys.modules.items()):
            if f"{name}.".startswith(f"{package.__name__}.") and hasattr(module, "__path__"):
                module.__path__.insert(0, f"{copy}/{name.replace('.', '/')}")


def _private(directory: Path) -> bool:
    """Say whether a directory exists, or can be made, that nobody but this user can write to or look into."""
    with contextlib.suppress(OSError):
        directory.mkdir(0o700)
    try:
        found = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _copy_of(archive: str, inside: str, cache: Path) -> Path:
    with zipfile.ZipFile(archive) as payload:
        members = [each for each in payload.infolist() if each.filename.startswith(inside)]
        told = repr((sys.version, [(each.filename, each.CRC, each.file_size) for each in members]))
        copy = cache / hashlib.blake2b(told.encode(), digest_size=16).hexdigest()
        if not _complete(copy, members):
            _make(payload, [each.filename for each in members], copy)
    return copy


def _complete(copy: Path, members: list[zipfile.ZipInfo]) -> bool:
    """Say whether a copy has every file in its length: after a power cut files may be there and empty."""
    try:
        return all(each.is_dir() or os.stat(copy / each.filename).st_size == each.file_size for each in members)
    except OSError:
        return False


def _make(payload: zipfile.ZipFile, names: list[str], copy: Path) -> None:
    """Unpack and compile into a directory that gets its name when it is complete and on the disk; other copies go."""
    # These two are needed once for each release.
    import compileall
    import tempfile

    others = [each for each in copy.parent.iterdir() if _COPY.fullmatch(each.name) or _abandoned(each)]
    partial = tempfile.mkdtemp(dir=copy.parent)
    try:
        payload.extractall(partial, names)
        compileall.compile_dir(partial, quiet=2)
        os.sync()
        shutil.rmtree(copy, ignore_errors=True)
        Path(partial).rename(copy)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for other in others:
        if other != copy:
            shutil.rmtree(other, ignore_errors=True)


def _abandoned(partial: Path) -> bool:
    """Say whether what is no copy is none that another run is just making."""
    with contextlib.suppress(OSError):
        return time.time() - partial.stat().st_mtime > _PATIENCE_S
    return False
