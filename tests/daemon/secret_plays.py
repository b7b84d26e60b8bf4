# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks with secrets in them, run on a gateway in the sandbox, and the places where a secret must not be."""

from __future__ import annotations

import base64
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.swanfleet.ipsec.tests.daemon import pki
from ansible_collections.swanfleet.ipsec.tests.daemon.canary import Canary, KeyCanary, Search
from ansible_collections.swanfleet.ipsec.tests.daemon.module_programs import COLLECTIONS_PATH, TARGET_PYTHON
from ansible_collections.swanfleet.ipsec.tests.daemon.releases import ENVIRONMENT
from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import Sandbox, opened
from ansible_collections.swanfleet.ipsec.tests.daemon.syslog import syslog
from ansible_collections.swanfleet.ipsec.tests.daemon.tracing import SystemCall, Traced, traced

Task = dict[str, Any]
# A module, its arguments, and "ok" or "failed" as the task must end.
Call = tuple[str, dict[str, Any], str]

FIRST, SECOND = Canary("first3f0c"), Canary("second8a71")
AUTHORITY = pki.authority("Authority of the canary")
HOLDER = AUTHORITY.issue("gw.example.org")
KEY = KeyCanary(HOLDER.key_pem)
# What opens a container is of ASCII alone. The keys that passphrases open are open in no file at all.
WORD = Canary("third5b2e", ascii=True)
LOCKED, BOXED = AUTHORITY.issue("locked.example.org"), AUTHORITY.issue("boxed.example.org")
SEARCH = Search([FIRST, SECOND, WORD, KEY, KeyCanary(LOCKED.key_pem), KeyCanary(BOXED.key_pem)])
PROGRAMS = Path(sys.executable).parent


class Gateway:
    """A gateway in the sandbox, with the files of the controller beside it."""

    def __init__(self, sandbox: Sandbox, heard: list[bytes]) -> None:
        self.sandbox = sandbox
        self.heard = heard
        self.log = sandbox.directory / "ansible.log"
        self.results = sandbox.directory / "results"
        self.remote_tmp = sandbox.directory / "home" / "remote-tmp"
        secrets = {"first": FIRST.text, "second": SECOND.text, "word": WORD.text, "key": KEY.text}
        secrets["locked"] = pki.key_pem(LOCKED.key, passphrase=FIRST.text)
        secrets["box"] = base64.b64encode(pki.container(BOXED, passphrase=WORD.text)).decode()
        host = {"ansible_connection": "local", "ansible_python_interpreter": TARGET_PYTHON, **secrets}
        self.inventory = sandbox.directory / "inventory.json"
        self.inventory.touch(0o600)
        self.inventory.write_text(json.dumps({"all": {"hosts": {"gateway": host}}}), encoding="utf-8")

    def environment(self, settings: dict[str, str]) -> dict[str, str]:
        """Return settings under which Ansible tells and stores all it can, and more of them."""
        return {
            "PATH": f"{PROGRAMS}:{ENVIRONMENT['PATH']}",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS_PATH,
            # By default it is below the home of the user's entry in /etc/passwd, outside of the sandbox.
            "ANSIBLE_REMOTE_TMP": str(self.remote_tmp),
            "ANSIBLE_LOG_PATH": str(self.log),
            "ANSIBLE_CALLBACKS_ENABLED": "ansible.builtin.tree,ansible.builtin.junit",
            "ANSIBLE_CALLBACK_TREE_DIR": str(self.results),
            "JUNIT_OUTPUT_DIR": str(self.results),
            "ANSIBLE_DISPLAY_TRACEBACK": "always",
            **settings,
        }

    def write(self, tasks: Sequence[Task], *, facts: bool = False) -> Path:
        """Write a playbook, which is JSON, and return its path."""
        path = self.sandbox.directory / "play.json"
        play = {"hosts": "all", "gather_facts": facts, "gather_subset": ["!all"], "tasks": list(tasks)}
        path.write_text(json.dumps([play]), encoding="utf-8")
        return path

    def play(self, tasks: Sequence[Task], *options: str, **settings: str) -> Traced:
        """Run a playbook with the most that Ansible prints, under strace, and return all that could be seen of it."""
        argv = ["ansible-playbook", "-i", str(self.inventory), "-vvvv", "--diff", *options, str(self.write(tasks))]
        return self.watch(argv, self.environment(settings))

    def watch(self, argv: Sequence[str], environment: dict[str, str]) -> Traced:
        """Run a program under strace; it must succeed."""
        run = traced(self.sandbox, argv, environment=environment)
        assert run.status == 0, run.printed[-4000:]
        return run

    def files(self) -> dict[Path, str]:
        """Return the files that hold a secret, with their modes; the inventory, which must, is left out."""
        found = SEARCH.files(self.sandbox.directory, self.sandbox.inside("/run"))
        assert found.pop(self.inventory) == "0600", "the search does not find what is there"
        return found

    def forget(self, *more: Path) -> None:
        """Remove what a run that shows a secret on purpose has left behind."""
        self.heard.clear()
        for path in (*more, self.log):
            path.unlink()
        for directory in (self.results, self.remote_tmp):
            shutil.rmtree(directory)

    def leaks(self, run: Traced) -> list[str]:
        """Return where a secret was shown: printed, logged, given to a program, written to what others can read."""
        modes = run.modes()
        return [
            *(f"printed: {line}" for line in SEARCH.lines(run.printed)),
            *(f"in the system's log: {message!r}" for message in self.heard if SEARCH.found_in(message)),
            *(f"at a program's start: {call}" for call in run.programs() if SEARCH.found_in(call.arguments)),
            *(
                str(call)
                for call in run.carrying(SEARCH)
                if not (modes.get(call.target) == {"0600"} or _inner(call, run))
            ),
            *(f"{path} has mode {mode}" for path, mode in self.files().items() if mode != "0600"),
        ]


def _inner(call: SystemCall, run: Traced) -> bool:
    """Say whether a write leads from a worker of Ansible to its main process or to the module, or to charon.

    charon is told by the module, or by a swanctl that gives it what files hold, in pieces of its own.
    """
    if call.target.startswith("pipe:"):
        # Workers are forked from ansible-playbook; all others that write were started as programs of their own.
        return call.process not in {start.process for start in run.programs()}
    swanctls = {start.process for start in run.programs() if start.arguments.startswith('"/usr/sbin/swanctl"')}
    told = any(word in call.arguments for word in ("load-shared", "load-key", "load-token"))
    return call.target.startswith("socket:") and (told or call.process in swanctls)


@contextmanager
def gateway() -> Iterator[Gateway]:
    """Open a sandbox with a system log, and a charon that logs all but what it calls private."""
    with opened() as sandbox, syslog(sandbox) as heard:
        settings = sandbox.directory / "strongswan.conf"
        text = settings.read_text(encoding="utf-8")
        assert "default = 0" in text
        settings.write_text(text.replace("default = 0", "default = 3"), encoding="utf-8")
        sandbox.fresh()
        yield Gateway(sandbox, heard)


def told(*calls: Call, **more: Any) -> list[Task]:
    """Return tasks of our modules, and at the end one that prints all results and one that asserts how they ended."""
    tasks: list[Task] = [
        {f"swanfleet.ipsec.{module}": arguments, "register": f"told_{number}", "ignore_errors": True, **more}
        for number, (module, arguments, _end) in enumerate(calls)
    ]
    words = {"ok": "succeeded", "failed": "failed"}
    ends = [f"told_{number} is {words[call[2]]}" for number, call in enumerate(calls)]
    results = "{{ [" + ", ".join(f"told_{number}" for number in range(len(calls))) + "] }}"
    return [*tasks, {"ansible.builtin.debug": {"msg": results}}, {"ansible.builtin.assert": {"that": ends}}]
