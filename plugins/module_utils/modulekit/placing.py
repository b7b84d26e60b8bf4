# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `ipsec_files` does: small files of root's, which all may read, put in place together."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..drivers.files import Files, FileState, LocalFiles, NewFile, heed_no_umask
from ..errors import IpsecError, Problem, ValidationError, wrong_shape
from .module import EngineModule

# Ansible would make a text of a dictionary, a truth value or a number, and another one than was written.
FILES_SPEC: dict[str, Any] = {
    "files": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"path": {"type": "str", "required": True}, "content": {"type": "raw", "required": True}},
    },
}
_MODE, _OWNER = 0o644, (0, 0)


def run_files() -> None:
    """Run the module `ipsec_files` and end the process."""
    module = EngineModule(FILES_SPEC)
    heed_no_umask()
    try:
        result = place(LocalFiles(), module.params["files"], check=module.check_mode, diff=module._diff)
    except IpsecError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


def place(files: Files, given: Sequence[Mapping[str, Any]], *, check: bool, diff: bool) -> dict[str, Any]:
    """Make files what they shall be, and return the module's result; none is written before all lie ready on the disk.

    Raises `ValidationError` for what cannot be meant, `FileTrouble` where the file system refuses.
    """
    problems = list(_problems(given))
    if problems:
        raise ValidationError(problems)
    wanted = [(each["path"], _encoded(each["content"])) for each in given]
    pairs = [(path, content, files.read(path)) for path, content in wanted]
    differing = [pair for pair in pairs if pair[2] is None or _state(pair[2]) != (pair[1], _MODE, _OWNER)]
    if differing and not check:
        files.replace_all([NewFile(path, content, _MODE, _OWNER) for path, content, _found in differing])
    result: dict[str, Any] = {"changed": bool(differing), "written": [path for path, _content, _found in differing]}
    if diff:
        result["diff"] = [each for path, content, found in differing for each in _differences(path, content, found)]
    return result


def _problems(given: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    seen = set()
    for index, each in enumerate(given):
        where, path, content = f"files[{index}]", each["path"], each["content"]
        if not _plain(path):
            yield Problem(where, "path", path, "must be a file's absolute path without detours, such as /etc/issue")
        elif path in seen:
            yield Problem(where, "path", path, "stands in the list twice: leave one out")
        seen.add(path)
        if not isinstance(content, str):
            yield wrong_shape(where, "content", content, "a text (quote it, or end its template in '| string')")
        elif not _writable(content):
            yield Problem(where, "content", None, "must be a text that UTF-8 can hold, without half a surrogate pair")


def _plain(path: str) -> bool:
    """Say whether there is but one way to write a path, and it can be one of a file."""
    absolute = path.startswith("/") and path[1:2] not in ("", "/")
    return absolute and posixpath.normpath(path) == path and "\0" not in path and _writable(path)


def _state(found: FileState) -> tuple[bytes, int, tuple[int, int]]:
    return found.content, found.mode, found.owner


def _differences(path: str, content: bytes, found: FileState | None) -> Iterator[dict[str, Any]]:
    """Yield Ansible's diffs of a file: of its content, and of its rights where it was there with others."""
    headers = {"before_header": path, "after_header": path}
    if found is None or found.content != content:
        before = b"" if found is None else found.content
        yield {**headers, "before": before.decode(errors="replace"), "after": content.decode(errors="replace")}
    if found is not None and (found.mode, found.owner) != (_MODE, _OWNER):
        yield {**headers, "before": _rights(found.mode, found.owner), "after": _rights(_MODE, _OWNER)}


def _rights(mode: int, owner: tuple[int, int]) -> dict[str, str]:
    return {"mode": f"{mode:04o}", "owner": f"{owner[0]}:{owner[1]}"}


def _writable(text: str) -> bool:
    try:
        _encoded(text)
    except UnicodeEncodeError:
        return False
    return True


def _encoded(text: str) -> bytes:
    """Return a text as Ansible had it before it made a text of it, also where it is no UTF-8."""
    return text.encode("utf-8", "surrogateescape")
