# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `ipsec_files` does: small files of root's, which all may read, put in place together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..drivers.files import Files, FileState, LocalFiles, NewFile
from ..errors import IpsecError, Problem, ValidationError
from .module import EngineModule

FILES_SPEC: dict[str, Any] = {
    "files": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"path": {"type": "str", "required": True}, "content": {"type": "str", "required": True}},
    },
}
_MODE, _OWNER = 0o644, (0, 0)


def run_files() -> None:
    """Run the module `ipsec_files` and end the process."""
    module = EngineModule(FILES_SPEC)
    try:
        result = place(LocalFiles(), module.params["files"], check=module.check_mode, diff=module._diff)
    except IpsecError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


def place(files: Files, given: Sequence[Mapping[str, str]], *, check: bool, diff: bool) -> dict[str, Any]:
    """Make files what they shall be, and return the module's result; none is written before all lie ready on the disk.

    Raises `ValidationError` for paths that cannot be meant, `FileTrouble` where the file system refuses.
    """
    _refuse_unfit([each["path"] for each in given])
    wanted = [NewFile(each["path"], _encoded(each["content"]), _MODE, _OWNER) for each in given]
    pairs = [(file, files.read(file.path)) for file in wanted]
    differing = [(file, found) for file, found in pairs if not _is_as_wanted(file, found)]
    if differing and not check:
        files.replace_all([file for file, _found in differing])
    result: dict[str, Any] = {"changed": bool(differing), "written": [file.path for file, _found in differing]}
    if diff:
        result["diff"] = [_difference(file, found) for file, found in differing]
    return result


def _refuse_unfit(paths: Sequence[str]) -> None:
    problems = []
    for index, path in enumerate(paths):
        if not path.startswith("/") or path.endswith("/") or "\0" in path:
            problems.append(
                Problem(f"files[{index}]", "path", path, "must be a file's absolute path, such as /etc/issue")
            )
        elif path in paths[:index]:
            problems.append(Problem(f"files[{index}]", "path", path, "stands in the list twice: leave one out"))
    if problems:
        raise ValidationError(problems)


def _is_as_wanted(file: NewFile, found: FileState | None) -> bool:
    return found is not None and (found.content, found.mode, found.owner) == (file.content, file.mode, file.owner)


def _difference(file: NewFile, found: FileState | None) -> dict[str, Any]:
    """Return Ansible's diff of a file; of one that has its content already, what else is to change."""
    headers = {"before_header": file.path, "after_header": file.path}
    if found is not None and found.content == file.content:
        was, becomes = ({"mode": f"{mode:04o}", "owner": owner} for mode, owner in _attributes(found, file))
        return {**headers, "before": was, "after": becomes}
    before = "" if found is None else found.content.decode(errors="replace")
    return {**headers, "before": before, "after": file.content.decode(errors="replace")}


def _attributes(*files: FileState | NewFile) -> list[tuple[int, str]]:
    return [(file.mode, "{}:{}".format(*(file.owner or _OWNER))) for file in files]


def _encoded(text: str) -> bytes:
    """Return a text as Ansible had it before it made a text of it, also where it is no UTF-8."""
    return text.encode("utf-8", "surrogateescape")
