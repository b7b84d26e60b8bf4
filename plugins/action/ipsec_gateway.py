# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's part of every module of this collection; meta/runtime.yml leads them all here."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action.normal import ActionModule as RunOnTarget


class ActionModule(RunOnTarget):
    """Run the task's module on the target as Ansible does, but never as a job in the background.

    Such a job gets SIGKILL when its time is over, between any two steps. Its program, with the task's secrets, goes into
    a file even where pipelining is on, and its result into one that stays until somebody asks for it. By then a
    module has no say: only the controller can refuse before anything is sent.
    """

    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result; a task with `async` fails before the target is asked anything."""
        seconds = self._task.async_val
        if seconds:
            message = (
                f"{self._task.action}: async is {seconds}: this module cannot run in the background, where it would be "
                "killed between two steps when its time is over; remove async and poll from the task. "
                "Nothing was sent to the host"
            )
            return {"failed": True, "changed": False, "msg": message}
        return dict(RunOnTarget.run(self, tmp, task_vars))
