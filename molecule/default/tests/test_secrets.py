# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key that is easy to find, after the playbook has put it on real gateways: it lies in 0600 files there, and nowhere else."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[3]
SEARCH = ROOT / "tests" / "daemon" / "canary.py"
GATEWAYS = ("berlin", "paris")
GENERATIONS = "/var/lib/swanfleet/generations"
SECRETS = "/etc/swanctl/conf.d/swanfleet-secrets.conf"
# All that a file system holds, and the file systems that live in memory; those of the kernel itself have no files of ours.
LOOK = """
search, names = Search([Canary(NAME)]), {}
for top in ("/", "/run", "/tmp", "/dev/shm"):
    if Path(top).is_dir():
        device = os.stat(top).st_dev
        for directory, below, files in os.walk(top):
            below[:] = [name for name in below if os.lstat(os.path.join(directory, name)).st_dev == device]
            for path in (Path(directory, name) for name in files):
                with contextlib.suppress(FileNotFoundError):
                    state = path.lstat()
                    if stat.S_ISREG(state.st_mode) and state.st_ctime >= SINCE and search.found_in(path.read_bytes()):
                        names[str(path)] = f"{stat.S_IMODE(state.st_mode):04o}"
print(json.dumps(names))
"""


@pytest.fixture(scope="module")
def tools():
    """Return what the native tests look for secrets with."""
    return SimpleNamespace(**runpy.run_path(str(SEARCH)))


def holding(lab, gateway, canary, since):
    """Return the files of a gateway that were changed since and hold a canary, with their modes."""
    program = "import contextlib, json, os\n" + SEARCH.read_text().replace("from __future__ import annotations\n", "")
    program += f"NAME, SINCE = {canary.name!r}, {since}\n{LOOK}"
    return json.loads(lab.run(gateway, ["python3", "-"], input=program, timeout=300).stdout)


def playbook(directory, *options):
    """Run the collection's playbook with the most that Ansible prints, and return that and all that it left in files."""
    program = str(Path(sys.executable).parent / "ansible-playbook")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "MOLECULE_"))}
    environment = {
        **kept,
        "ANSIBLE_COLLECTIONS_PATH": os.environ["ANSIBLE_COLLECTIONS_PATH"],
        "ANSIBLE_HOME": str(directory / "home"),
        "ANSIBLE_LOG_PATH": str(directory / "log"),
        "ANSIBLE_CALLBACKS_ENABLED": "ansible.builtin.tree",
        "ANSIBLE_CALLBACK_TREE_DIR": str(directory / "results"),
    }
    argv = [program, "-i", str(ROOT / "molecule" / "inventory" / "lab.py"), *options]
    done = subprocess.run(
        [*argv, "swanfleet.ipsec.site"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=900,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stdout[-4000:].decode(errors="replace")
    return [done.stdout, *(path.read_bytes() for path in directory.rglob("*") if path.is_file())]


def test_a_new_key_shows_itself_nowhere(lab, tools, tmp_path):
    canary = tools.Canary("lab5be0")
    search = tools.Search([canary])
    key = tmp_path / "key.json"
    key.touch(0o600)
    key.write_text(json.dumps({"site_psk": canary.text}))
    since = {name: int(lab.run(name, ["date", "+%s"]).stdout) for name in GATEWAYS}
    told = playbook(tmp_path / "canary", "-vvvv", "--diff", "-e", f"@{key}")
    try:
        assert b"psk: *** (new value)" in told[0]
        assert len(told) > 3, "Ansible has stored nothing"
        assert [each for each in told if search.found_in(each)] == []
        for name in GATEWAYS:
            current = lab.run(name, ["readlink", f"{GENERATIONS}/current"]).stdout.strip()
            assert holding(lab, name, canary, since[name]) == {
                SECRETS: "0600",
                f"{GENERATIONS}/{current}/secrets.json": "0600",
            }
            journal = lab.run(name, ["journalctl", "--all", "--no-pager", "--output=cat", f"--since=@{since[name]}"])
            told_of = re.search(r"(?m)^Invoked with .*\bstate=overridden\b", journal.stdout)
            assert told_of, "the journal does not tell of the run"
            assert not search.found_in(journal.stdout)
    finally:
        playbook(tmp_path / "back", "--start-at-task", "The tunnels")
    for name in GATEWAYS:
        # What docs/security.md says about a key that must not lie there any longer.
        keep = lab.run(name, ["readlink", f"{GENERATIONS}/current"]).stdout.strip()
        older = f"find {GENERATIONS} -mindepth 1 -maxdepth 1 -type d ! -name {keep} -exec rm -r {{}} +"
        lab.run(name, ["sh", "-c", older])
        assert holding(lab, name, canary, since[name]) == {}
