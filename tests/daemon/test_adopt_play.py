# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook that takes gateways over, run as people run it, on a host that was set up by hand."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.swanfleet.ipsec.tests.daemon.module_programs import COLLECTIONS_PATH, TARGET_PYTHON
from ansible_collections.swanfleet.ipsec.tests.daemon.releases import ENVIRONMENT
from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import Sandbox, opened
from ansible_collections.swanfleet.ipsec.tests.fakes import by_hand

pytestmark = [pytest.mark.charon, pytest.mark.root]

PROGRAMS = Path(sys.executable).parent
# Without an interface, which this computer's kernel may not have.
BY_HAND = {
    "swanctl.conf": by_hand.SWANCTL_CONF.replace("    if_id_in = 7\n    if_id_out = 7\n", ""),
    "conf.d/rome.conf": by_hand.ROME_CONF,
}
_RECAP = re.compile(r"byhand\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=0\s+failed=0")


@pytest.fixture
def host() -> Iterator[Sandbox]:
    with opened() as sandbox:
        for name, text in BY_HAND.items():
            (sandbox.swanctl / name).write_text(text, encoding="utf-8")
            (sandbox.swanctl / name).chmod(0o600)
        done = sandbox.run(["swanctl", "--load-all", "--noprompt"])
        assert "loaded 2 connections" in done.stdout, done.stderr
        yield sandbox


@pytest.fixture
def play(host: Sandbox) -> Callable[..., tuple[int, str]]:
    """Return a function that runs the playbook and returns how many tasks changed something, and all that was printed."""
    inventory = host.directory / "inventory.json"
    variables = {"ansible_connection": "local", "ansible_python_interpreter": TARGET_PYTHON, "ansible_become": False}
    inventory.write_text(json.dumps({"all": {"hosts": {"byhand": variables}}}), encoding="utf-8")

    def run(*options: str, **extra: Any) -> tuple[int, str]:
        more = json.dumps({"adopt_hosts": "byhand", **extra})
        argv = ["ansible-playbook", "-i", str(inventory), "-vvv", "-e", more, *options, "swanfleet.ipsec.adopt"]
        environment = {
            "PATH": f"{PROGRAMS}:{ENVIRONMENT['PATH']}",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS_PATH,
            "ANSIBLE_REMOTE_TMP": str(host.directory / "tmp"),
        }
        done = host.run(argv, timeout=120, environment=environment)
        recap = _RECAP.search(done.stdout)
        assert recap is not None, done.stdout[-3000:] + done.stderr
        return int(recap[2]), done.stdout + done.stderr

    return run


def held(host: Sandbox) -> dict[str, str]:
    return {name: host.run(["swanctl", f"--list-{name}"]).stdout for name in ("conns", "sas")}


def test_a_host_is_taken_over_by_the_playbook(host: Sandbox, play: Callable[..., tuple[int, str]]) -> None:
    before, files = held(host), {name: (host.swanctl / name).read_text(encoding="utf-8") for name in BY_HAND}

    changed, printed = play("--check")
    assert changed == 1
    assert "paris, rome; files as they were: none changed" in printed
    assert {name: (host.swanctl / name).read_text(encoding="utf-8") for name in BY_HAND} == files

    changed, more = play(adopt_into=str(host.directory))
    assert changed == 2
    assert "paris, rome; files as they were: /var/lib/swanfleet/taken-over/1" in more
    assert [secret for secret in ("s3cret", "another", "czNjcmV0", "YW5vdGhlcg") if secret in printed + more] == []

    config = yaml.safe_load((host.directory / "byhand.yml").read_text(encoding="utf-8"))["gateway_config"]
    assert [each["name"] for each in config["phase1"]] == ["paris", "rome"]
    assert "psk" not in config["phase1"][0]

    assert host.run(["swanctl", "--load-all", "--noprompt"]).stdout.count("loaded connection") == 2
    assert held(host) == before
    changed, again = play()
    assert changed == 0
    assert "nothing; files as they were: none changed" in again
