# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file system refuses, as a sentence that says what to do."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from ..errors import IpsecError

_REMEDIES = {
    errno.ENOSPC: ": make room on its file system, see 'df' and 'df -i'",
    errno.EDQUOT: ": make room within the quota",
    errno.EROFS: ": mount it writable; where the kernel has made it read-only, 'dmesg' says why",
    errno.EACCES: ": run as root (become: true), and see whether a security policy forbids it",
    errno.EPERM: ": run as root (become: true), and see whether it is immutable ('lsattr')",
}


class FileTrouble(IpsecError):
    """The file system refused: the message names path, operation and reason."""


@contextlib.contextmanager
def told(path: str, operation: str) -> Iterator[None]:
    """Turn what the system refuses into `FileTrouble`."""
    try:
        yield
    except OSError as error:
        reason = f"{error.strerror or error}{_REMEDIES.get(error.errno or 0, '')}"
        raise FileTrouble(f"cannot {operation} {path}: {reason}") from error
