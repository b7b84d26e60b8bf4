# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that are easy to find, after playbook runs that tell all they can: they stand in 0600 files of the target only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.tests.daemon import secret_plays
from ansible_collections.swanfleet.ipsec.tests.daemon.secret_plays import (
    AUTHORITY,
    HOLDER,
    LOCKED,
    SEARCH,
    Call,
    Gateway,
    Task,
    told,
)

pytestmark = [pytest.mark.charon, pytest.mark.root]

ONE: dict[str, Any] = {
    "name": "paris",
    "remote_endpoints": ["198.51.100.2"],
    "psk": "{{ first }}",
    "init_type": "none",
}
ROME = {"name": "rome", "remote_endpoints": ["198.51.100.3"]}
CONFIG: dict[str, Any] = {
    "phase1": [{**ONE, "psk": "{{ second }}"}],
    "phase2": [{"name": "lan", "phase1": "paris"}],
}
CERTIFIED: dict[str, Any] = {
    "name": "berlin",
    "remote_endpoints": ["198.51.100.4"],
    "auth_method": "certificate",
    "certificate": HOLDER.pem,
    "private_key": "{{ key }}",
    "ca_certificates": [AUTHORITY.pem],
    "remote_id": "any",
    "second_authentication": {"auth_method": "eap_md5", "username": "alice", "password": "{{ second }}"},
    "ppk_id": "fqdn:ppk.example.org",
    "ppk": "{{ first }}",
    "init_type": "none",
}
IN_PHASE1: dict[str, Any] = {
    **{name: CERTIFIED[name] for name in ("auth_method", "ca_certificates", "remote_id", "init_type")},
    "name": "locked",
    "remote_endpoints": ["198.51.100.5"],
    "certificate": LOCKED.pem,
    "private_key": "{{ locked }}",
    "passphrase": "{{ first }}",
}
IN_BOX = {"name": "box", "pkcs12": "{{ box }}", "passphrase": "{{ word }}"}
# There is no token here, so that charon refuses it; what it is told of the PIN is in the trace all the same.
ON_TOKEN = {"name": "card", "handle": "0a", "pin": "{{ second }}"}
WRONG_KEYS: list[dict[str, Any]] = [
    {**IN_BOX, "passphrase": "{{ word }}x"},
    {**IN_BOX, "pkcs12": "{{ locked }}"},
    {**IN_BOX, "pin": "{{ second }}"},
    {"name": "own", "private_key": "{{ key }}", "passphrase": "{{ first }}"},
    {"name": "own", "private_key": "{{ locked }}"},
    {**ON_TOKEN, "passphrase": "{{ first }}"},
]
WRONG: list[dict[str, Any]] = [
    {**IN_PHASE1, "passphrase": "{{ second }}"},
    {**IN_PHASE1, "private_key": "{{ key }}"},
    {**ONE, "passphrase": "{{ first }}"},
    {**ONE, "name": "a b"},
    {**ONE, "pskk": "{{ second }}"},
    {**ONE, "psk": "{{ first }}\nx"},
    {**ONE, "psk": ["{{ first }}"], "lifetime": "1x"},
    {**ONE, "psk": {"of": "{{ first }}"}, "lifetime": "1x"},
    {**ONE, "psk": None, "preshared_key": "{{ first }}"},
    {**CERTIFIED, "certificate": AUTHORITY.pem, "lifetime": "1x"},
    {**CERTIFIED, "private_key": "x{{ key }}", "second_authentication": {"password": ["{{ second }}"]}},
]
MISPLACED: list[Any] = [
    {"phase1": {"psk": "{{ first }}"}},
    {"phase1": ["{{ first }}"]},
    {"phase1": ["name=paris psk={{ first }}"]},
    {"psk": "{{ first }}"},
]
BYHAND = """connections {{ rome {{
    version = 2\n proposals = aes256-sha256-modp2048\n rekey_time = 25920\n over_time = 2880\n remote_addrs = 198.51.100.3
    local {{ auth = psk }}\n remote {{ auth = psk }}
}} }} secrets {{ ike-1 {{ secret = {} }} }}""".format
BROKEN = "connections {{ }} secrets {{ ike-1 {{ secret = {} }} }}".format
PLAIN_WORD = "{{ word | regex_replace('[^A-Za-z0-9]', '_') }}"
OPENERS = f"secrets {{ private-a {{ file = a.pem\n secret = {PLAIN_WORD} }}\ntoken-b {{ handle = 0a\n pin = {PLAIN_WORD} }} }}"
RIGHT: list[Call] = [
    ("ipsec_phase1", ONE, "ok"),
    ("ipsec_gateway", {"config": CONFIG, "state": "overridden"}, "ok"),
    ("ipsec_gateway", {"config": CONFIG, "state": "overridden"}, "ok"),
    ("ipsec_gateway", {"config": {"phase1": [{**ONE, **ROME}]}, "state": "merged"}, "ok"),
    ("ipsec_gateway", {"config": CONFIG, "state": "rendered"}, "ok"),
    ("ipsec_gateway", {"state": "gathered"}, "ok"),
    ("ipsec_gateway", {"state": "parsed", "running_config": BYHAND("0s{{ first | b64encode }}")}, "ok"),
    ("ipsec_gateway", {"config": {"phase1": [{"name": "rome"}]}, "state": "deleted"}, "ok"),
    ("ipsec_gateway", {"config": {"phase1": [{**ONE, **ROME}]}, "state": "merged"}, "ok"),
    ("ipsec_info", {}, "ok"),
    ("ipsec_phase1", CERTIFIED, "ok"),
    ("ipsec_gateway", {"config": {"phase1": [{**CERTIFIED, "lifetime": "2h"}]}, "state": "merged"}, "ok"),
    ("ipsec_gateway", {"config": {"phase1": [CERTIFIED]}, "state": "rendered"}, "ok"),
    ("ipsec_gateway", {"state": "gathered"}, "ok"),
    ("ipsec_phase1", {"name": "paris", "state": "absent"}, "ok"),
    ("ipsec_phase1", IN_PHASE1, "ok"),
    ("ipsec_gateway", {"config": {"private_keys": [IN_BOX]}, "state": "merged"}, "ok"),
    ("ipsec_gateway", {"config": {"private_keys": [IN_BOX], "phase1": [IN_PHASE1]}, "state": "rendered"}, "ok"),
    ("ipsec_gateway", {"state": "gathered"}, "ok"),
    ("ipsec_gateway", {"state": "parsed", "running_config": OPENERS}, "ok"),
]
TEXTS: list[Any] = [
    BROKEN('"{{ first }}'),
    BROKEN("0s{{ first | b64encode }}"),
    BROKEN("x}{{ first }}=y {"),
    {"secrets": {"ike": "{{ first }}"}},
]
FEW = told(*RIGHT, *(("ipsec_phase1", each, "failed") for each in WRONG))
ALL = told(
    *RIGHT,
    *(("ipsec_phase1", each, "failed") for each in WRONG),
    *(("ipsec_gateway", {"config": {"phase1": [each]}}, "failed") for each in WRONG),
    *(("ipsec_gateway", {"config": each}, "failed") for each in MISPLACED),
    *(("ipsec_gateway", {"config": {"private_keys": [each]}}, "failed") for each in [*WRONG_KEYS, ON_TOKEN]),
    *(("ipsec_gateway", {"state": "parsed", "running_config": each}, "failed") for each in TEXTS),
)


@pytest.fixture(scope="module")
def opened_once() -> Iterator[Gateway]:
    with secret_plays.gateway() as opened:
        yield opened


@pytest.fixture
def gateway(opened_once: Gateway) -> Gateway:
    """Return a gateway on which nothing was ever applied."""
    opened_once.sandbox.fresh()
    return opened_once


def test_a_run_shows_no_secret_and_keeps_it_in_private_files_of_the_target(gateway: Gateway) -> None:
    run = gateway.play(ALL)
    assert "psk: ***" in run.printed, "the diff does not show that a secret changes"
    assert any(b"Invoked with" in message and b"name=paris" in message for message in gateway.heard)
    assert gateway.leaks(run) == []
    swanctl = gateway.sandbox.swanctl / "conf.d" / "swanfleet-secrets.conf"
    generations = set((gateway.sandbox.state / "generations").glob("*/secrets.json"))
    [key] = [path for path in (gateway.sandbox.swanctl / "private").iterdir() if SEARCH.found_in(path.read_bytes())]
    assert gateway.files().keys() - generations == {swanctl, key}
    # A key that a passphrase opens is open to charon alone.
    assert len(list((gateway.sandbox.swanctl / "private").iterdir())) == 2
    assert len(list((gateway.sandbox.swanctl / "pkcs12").iterdir())) == 1
    assert [call for call in run.carrying(SEARCH) if "load-token" in call.arguments]


def test_a_check_shows_no_secret_and_writes_none(gateway: Gateway) -> None:
    settings = {"ANSIBLE_PIPELINING": "true", "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml"}
    run = gateway.play(FEW, "--check", **settings, ANSIBLE_DISPLAY_ARGS_TO_STDOUT="true")
    assert "psk: ***" in run.printed
    assert gateway.leaks(run) == []
    assert gateway.files() == {}
    assert [call.target for call in run.carrying(SEARCH) if call.target.startswith("/")] == []


def test_a_run_in_which_a_step_fails_shows_no_secret(gateway: Gateway) -> None:
    place = "/etc/swanctl/conf.d"
    for argv in (["mount", "--bind", place, place], ["mount", "-o", "remount,ro,bind", place]):
        assert gateway.sandbox.run(argv).returncode == 0
    try:
        run = gateway.play(told(("ipsec_phase1", ONE, "failed"), ("ipsec_gateway", {"config": CONFIG}, "failed")))
    finally:
        gateway.sandbox.run(["umount", place])
    assert re.search(r'"step": "write file', run.printed), run.printed
    assert gateway.leaks(run) == []
    assert gateway.files() == {}


def test_a_run_without_charon_shows_no_secret(gateway: Gateway) -> None:
    gateway.sandbox.stop_charon()
    run = gateway.play(told(("ipsec_phase1", ONE, "failed"), ("ipsec_gateway", {"config": CONFIG}, "failed")))
    assert "systemctl start strongswan" in run.printed
    assert gateway.leaks(run) == []
    assert gateway.files() == {}


@pytest.mark.parametrize("wrong", ["{{ first }}", ["{{ first }}"], [{"psk": "{{ first }}"}]])
def test_a_configuration_that_the_role_refuses_is_not_shown(gateway: Gateway, wrong: Any) -> None:
    role = {"ansible.builtin.include_role": {"name": "swanfleet.ipsec.gateway"}, "vars": {"gateway_config": wrong}}
    run = gateway.play(
        [{"block": [role], "rescue": [{"ansible.builtin.debug": {"msg": "refused as it should be"}}]}], "--check"
    )
    assert "refused as it should be" in run.printed
    assert "argument 'gateway_config' is of type" in run.printed
    assert gateway.leaks(run) == []


@pytest.mark.parametrize("poll", [0, 1])
def test_no_module_runs_in_the_background(gateway: Gateway, poll: int) -> None:
    calls: list[Call] = [
        ("ipsec_phase1", ONE, "failed"),
        ("ipsec_phase2", {"name": "lan", "phase1": "paris"}, "failed"),
        ("xfrm_interface", {"name": "ipsec-paris"}, "failed"),
        ("ipsec_gateway", {"config": CONFIG}, "failed"),
        ("ipsec_info", {}, "failed"),
    ]
    before, heard = gateway.sandbox.digest(), len(gateway.heard)
    run = gateway.play(told(*calls, **{"async": 60, "poll": poll}))
    refused = re.findall(r'"msg": "(swanfleet\.ipsec\.\w+): async is 60: .*remove async and poll', run.printed)
    assert {f"swanfleet.ipsec.{call[0]}" for call in calls} == set(refused)
    assert "ansible_job_id" not in run.printed
    assert gateway.leaks(run) == []
    assert [call.target for call in run.carrying(SEARCH) if call.target.startswith("/")] == []
    assert gateway.heard[heard:] == [], "a module was started"
    assert not (gateway.sandbox.directory / "home" / ".ansible_async").exists()
    assert gateway.sandbox.digest() == before


def test_artifacts_and_events_of_ansible_runner_show_no_secret(gateway: Gateway) -> None:
    private = gateway.sandbox.directory / "runner"
    (private / "project").mkdir(parents=True)
    gateway.write(FEW, facts=True).rename(private / "project" / "play.json")
    argv = ["ansible-runner", "run", str(private), "-p", "play.json", "-i", "canary", "-vvvv", "--cmdline=--diff"]
    run = gateway.watch([*argv, f"--inventory={gateway.inventory}"], gateway.environment({}))
    artifacts = private / "artifacts" / "canary"
    events = [json.loads(path.read_text()) for path in (artifacts / "job_events").glob("*.json")]
    assert {event["event"] for event in events} >= {"runner_on_ok", "runner_on_failed", "playbook_on_stats"}
    assert {path.name for path in artifacts.iterdir()} >= {"stdout", "command", "fact_cache"}
    assert gateway.leaks(run) == []
    assert SEARCH.files(artifacts) == {}


def test_the_same_look_finds_a_secret_that_is_shown(gateway: Gateway) -> None:
    shown = gateway.sandbox.directory / "shown"
    tasks: list[Task] = [
        {"ansible.builtin.command": {"argv": ["echo", "{{ first }}"]}},
        {"ansible.builtin.copy": {"content": "{{ second | b64encode }}", "dest": str(shown), "mode": "0640"}},
        *told(("ipsec_phase1", ONE, "ok")),
    ]
    leaks = gateway.leaks(gateway.play(tasks, ANSIBLE_KEEP_REMOTE_FILES="true"))
    try:
        for beginning in (
            "printed: ",
            "in the system's log: ",
            "at a program's start: ",
            f"write to {gateway.log}: ",
            f"{gateway.log} has mode 06",
            f"{gateway.results}/",
            f"{shown} has mode 0640",
        ):
            assert any(leak.startswith(beginning) for leak in leaks), (beginning, leaks)
        assert any(path.name == "AnsiballZ_ipsec_phase1.py" for path in gateway.files())
    finally:
        gateway.forget(shown)
