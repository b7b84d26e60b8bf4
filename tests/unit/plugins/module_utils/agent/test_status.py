# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the program shows to people who come because a tunnel is down, with an agent or without."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent import cli
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import SWITCH, Action
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.keeping import read_overrides
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.telling import Telling
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.agent_needs import program_mark
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonHung
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, ROME, ROME_LAN, apply, config
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host

SITE = {"name": "site", "primary": "paris", "fallbacks": ["rome"]}


class Deaf:
    """A journal that nobody reads."""

    def say(self, *_arguments: Any) -> None:
        """Do nothing."""


@pytest.fixture
def host() -> FakeHost:
    """Return a gateway with two tunnels in a fallback, of which the primary is up; no agent runs."""
    made = wan_host()
    made.files.replace(made.paths.program, program_mark(), 0o755)
    apply(made, {**config([PARIS, ROME], [PARIS_LAN, ROME_LAN], [{"name": "ipsec-paris"}]), "fallbacks": [SITE]})
    return made


def ran(host: FakeHost, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = cli.main(arguments, host.host)
    written = capsys.readouterr()
    return status, written.out, written.err


def test_the_table_says_what_is_down_and_what_to_do_about_it(
    host: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = ran(host, capsys, "status")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "the agent does not run: start it with 'systemctl start swanfleet-agent'"
    assert "FALLBACK  IN USE  PRIMARY  CHECK  OVERRIDE" in lines
    assert "site      paris   paris    -      auto" in lines
    assert any(line.startswith("paris   ") and "active" in line for line in lines)
    assert any(line.startswith("rome    standby  standby  198.51.100.3") for line in lines)


def test_the_same_for_programs(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(ran(host, capsys, "status", "--json")[1])
    assert (told["agent"], told["trouble"]) == (None, None)
    assert [(each["name"], each["role"], each["fallback"]) for each in told["tunnels"]] == [
        ("paris", "active", "site"), ("rome", "standby", "site"),
    ]  # fmt: skip
    [fallback] = told["fallbacks"]
    assert fallback == {
        "name": "site", "mode": "cold", "primary": "paris", "in_use": "paris", "check": None, "override": "auto",
    }  # fmt: skip


def test_a_charon_that_is_down_is_one_sentence(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    host.charon.unavailable = DaemonHung("charon did not answer in time")
    lines = ran(host, capsys, "status")[1].splitlines()
    assert lines[1] == "charon did not answer in time"
    assert sum("charon" in line for line in lines) == 1
    assert any(line.startswith("paris   unknown  active") and line.endswith("daemon silent") for line in lines)


def test_a_host_without_tunnels_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no tunnels are configured here" in ran(wan_host(), capsys, "status")[1]


def test_the_story_of_a_tunnel_holds_that_of_its_fallback(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    Telling(host.host, Deaf()).decided([Action(SWITCH, "rome", "paris is down", "site", instead_of="paris")])
    for name in ("paris", "rome", "site"):
        status, out, err = ran(host, capsys, "explain", name)
        assert (status, out[19:]) == (0, "Z  site: switch to rome in place of paris: paris is down\n")
        assert "the agent does not run" in err
    assert json.loads(ran(host, capsys, "explain", "site", "--json")[1])[0]["kind"] == "switch"
    assert len(ran(host, capsys, "explain", "site", "--last", "1")[1].splitlines()) == 1


def test_an_override_is_kept_by_the_name_of_the_fallback_or_of_a_tunnel(
    host: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ran(host, capsys, "override", "rome", "fallback")[1]
    assert told == "override of site is fallback now, until 'swanfleet override site auto'\n"
    assert read_overrides(host.host) == {"site": "fallback"}
    assert "fallback" in ran(host, capsys, "status")[1].splitlines()[3]
    assert ran(host, capsys, "override", "site", "auto")[1] == "override of site is auto now\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ("override", "oslo", "auto"),
            "this gateway has no fallback or tunnel oslo; its fallbacks are site (paris, rome)",
        ),
        (("explain", "pari"), "pari: there is no tunnel of this name; did you mean paris?"),
    ],
)
def test_a_name_that_is_not_there(
    host: FakeHost, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], complaint: str
) -> None:
    assert ran(host, capsys, *arguments) == (1, "", f"swanfleet: {complaint}\n")


def test_a_tunnel_without_a_fallback_has_nothing_to_override(capsys: pytest.CaptureFixture[str]) -> None:
    made = wan_host()
    apply(made, config([ROME], [ROME_LAN]))
    _status, _out, err = ran(made, capsys, "override", "rome", "auto")
    assert "tunnel rome stands in no fallback" in err
    assert "it has no fallbacks" in err


@pytest.mark.parametrize("last", ["0", "-1", "x"])
def test_a_number_that_is_none_is_refused(host: FakeHost, capsys: pytest.CaptureFixture[str], last: str) -> None:
    with pytest.raises(SystemExit):
        cli.main(["explain", "paris", f"--last={last}"], host.host)
    assert "1 or more is possible" in capsys.readouterr().err
