# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of `ipsec_gateway` beside `merged` and `overridden`: what goes, and what is only told."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonUnavailable
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import (
    INTERFACE,
    ONE,
    PARIS,
    PARIS_LAN,
    ROME,
    ROME_LAN,
    TWO,
    Config,
    apply,
    config,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host

pytest.importorskip("ansible.module_utils.basic", reason="modules need Ansible")

from ansible.module_utils.testing import patch_module_args
from ansible_collections.swanfleet.ipsec.plugins.module_utils.modulekit import doors

Call = Callable[..., dict[str, Any]]
SECRETS = ("s3cret", "another", "hunter2")
CHECKS = pytest.mark.parametrize("check", [False, True], ids=["run", "check"])


@pytest.fixture
def host() -> FakeHost:
    return wan_host()


@pytest.fixture
def call(host: FakeHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs `ipsec_gateway` and returns its result; no secret may be in it."""

    def run(*, check: bool = False, **parameters: Any) -> dict[str, Any]:
        monkeypatch.setattr(doors, "local_host", lambda _paths: host.host)
        with patch_module_args({**parameters, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            doors.run_door("ipsec_gateway")
        written = capsys.readouterr().out
        assert [secret for secret in SECRETS if secret in written] == []
        result: dict[str, Any] = json.loads(written)
        return result

    return run


def untouchable(host: FakeHost) -> Any:
    """Make the lock and the daemon of a host fail from now on, forget its calls, and return all that it has."""
    host.reset()
    host.charon.unavailable = DaemonUnavailable("nobody may ask it")
    host.files.locked_by = "another run"
    return everything(host)


def everything(host: FakeHost) -> Any:
    return copy.deepcopy((host.calls, host.files, host.kernel.links, host.charon.loaded, host.charon.secrets))


# deleted


@pytest.mark.parametrize(
    ("named", "left"),
    [
        pytest.param({"phase1": [{"name": "paris"}]}, (["rome"], ["rome/lan"], ["ipsec-paris"]), id="a phase 1"),
        pytest.param(
            {"phase1": [{"name": "paris"}], "xfrm_interfaces": [{"name": "ipsec-paris"}]},
            (["rome"], ["rome/lan"], []),
            id="with its interface",
        ),
        pytest.param(
            {"phase2": [{"name": "lan", "phase1": "rome"}]},
            (["paris", "rome"], ["paris/lan"], ["ipsec-paris"]),
            id="a phase 2",
        ),
        pytest.param(TWO, ([], [], []), id="all, by the config that made it"),
        pytest.param(
            {"phase1": [{"name": "oslo"}], "phase2": [{"name": "lan", "phase1": "bern"}]},
            (["paris", "rome"], ["paris/lan", "rome/lan"], ["ipsec-paris"]),
            id="what is not there",
        ),
    ],
)
def test_what_is_named_goes(call: Call, host: FakeHost, named: Config, left: tuple[list[str], ...]) -> None:
    apply(host, TWO)
    planned = call(config=named, state="deleted", check=True)
    assert sorted(host.charon.loaded) == ["paris", "rome"]
    ran = call(config=named, state="deleted")
    assert (ran["changed"], ran["plan"]) == (planned["changed"], planned["plan"])
    found = call(state="gathered")["gathered"]
    assert (
        [each["name"] for each in found["phase1"]],
        [f"{each['phase1']}/{each['name']}" for each in found["phase2"]],
        [each["name"] for each in found["xfrm_interfaces"]],
    ) == left
    assert sorted(host.charon.loaded) == left[0]
    assert not call(config=named, state="deleted")["changed"]


def test_everything_goes_when_it_is_asked_for_by_that_word(call: Call, host: FakeHost) -> None:
    apply(host, TWO)
    planned = call(state="deleted", everything=True, check=True)
    assert call(state="deleted", everything=True)["plan"] == planned["plan"] != []
    assert (host.charon.loaded, host.charon.secrets, list(host.kernel.links)) == ({}, {}, ["lo", "wan0"])
    assert not call(state="deleted", everything=True)["changed"]


@CHECKS
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        pytest.param({}, "the names of what is to go are needed, such as phase1: [{name: paris}]; to remove all", id="no config"),
        pytest.param({"config": {}}, "everything: true", id="an empty config"),
        pytest.param({"config": {"phase1": [], "phase2": []}}, "everything: true", id="a config of empty lists"),
        pytest.param({"config": {"phase1": [{"name": "a b"}]}}, "phase1 a b: name is 'a b': a name of letters", id="no name"),
        pytest.param({"config": {"phase2": [{"name": "lan"}]}}, "phase2 lan: phase1: is required", id="half a name"),
        pytest.param(
            {"config": {"phase1": [{"name": "rome"}]}, "everything": True}, "either it, or the names", id="both"
        ),
        pytest.param(
            {"config": {"xfrm_interfaces": [{"name": "ipsec-paris"}]}},
            "phase1 paris: xfrm_interface is 'ipsec-paris': there is no XFRM interface of this name",
            id="an interface in use",
        ),
    ],
)  # fmt: skip
def test_a_deletion_is_refused(*, call: Call, host: FakeHost, check: bool, parameters: Config, message: str) -> None:
    apply(host, ONE)
    before = host.state()
    refused = call(state="deleted", check=check, **parameters)
    assert refused["failed"]
    assert message in refused["msg"]
    assert host.state() == before


def test_everything_is_for_deletion_alone(call: Call, host: FakeHost) -> None:
    apply(host, ONE)
    assert "it belongs to state deleted" in call(config=config([ROME], []), state="overridden", everything=True)["msg"]


@pytest.mark.parametrize("state", ["merged", "overridden", "rendered"])
def test_what_makes_objects_needs_them_whole(call: Call, state: str) -> None:
    told = call(config={"phase1": [{"name": "paris"}]}, state=state)["msg"]
    assert told.splitlines() == [
        "phase1 paris: remote_endpoints: is required",
    ]
    assert "state is " + state + " but all of the following are missing: config" in call(state=state)["msg"]


# gathered


@CHECKS
def test_gathered_is_what_config_accepts(call: Call, host: FakeHost, check: bool) -> None:
    apply(host, TWO)
    before = untouchable(host)
    told = call(state="gathered", check=check)
    assert (told["changed"], everything(host)) == (False, before)

    again = told["gathered"]
    assert again["xfrm_interfaces"] == [{"name": "ipsec-paris", "addresses": ["10.255.0.1/30"]}]
    for item, one in zip(again["phase1"], (PARIS, ROME), strict=True):
        assert "psk" not in item
        item["psk"] = one["psk"]
    host.charon.unavailable, host.files.locked_by = None, None
    assert not call(config=again, state="overridden")["changed"]


def test_nothing_is_gathered_on_a_fresh_host(call: Call, host: FakeHost) -> None:
    untouchable(host)
    assert call(state="gathered")["gathered"] == {
        "phase1": [],
        "phase2": [],
        "xfrm_interfaces": [],
        "pools": [],
        "authorities": [],
        "firewall": [],
        "shunts": [],
        "private_keys": [],
        "fallbacks": [],
        "schedules": [],
        "uplinks": [],
    }


# rendered


@CHECKS
def test_rendered_is_what_a_run_writes_but_for_secrets(call: Call, host: FakeHost, check: bool) -> None:
    other = wan_host()
    apply(other, TWO)
    before = untouchable(host)
    told = call(config=TWO, state="rendered", check=check)
    assert (told["changed"], everything(host)) == (False, before)

    paths = other.paths
    assert sorted(told["rendered"]) == sorted(paths.managed.values())
    written = {path: other.files.files[path].content.decode() for path in told["rendered"]}
    assert told["rendered"][paths.connections_file] == written[paths.connections_file]
    lines = told["rendered"][paths.secrets_file].splitlines()
    real = written[paths.secrets_file].splitlines()
    assert [line.partition(" = ")[0] for line in lines if "ike-" not in line] == [
        line.partition(" = ")[0] for line in real if "ike-" not in line
    ]
    assert [line.strip() for line in lines if "secret =" in line] == ['secret = "*** left out ***"'] * 2
    assert next(line.strip() for line in real if "secret =" in line).startswith('secret = "0s')


def test_rendered_shows_config_alone_with_the_numbers_of_this_host(call: Call, host: FakeHost) -> None:
    apply(host, config([PARIS], [PARIS_LAN], [{**INTERFACE, "if_id": 77}]))
    apply(host, ONE)
    told = call(config=config([PARIS], [], [INTERFACE]), state="rendered")["rendered"]
    text = told[host.paths.connections_file]
    assert 'if_id_in = "77"' in text
    assert "lan" not in text
    assert call(config={}, state="rendered")["rendered"] == {}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        pytest.param(config([{**ROME, "interfaces": ["wan7"]}], []), "this host has no such interface", id="interface"),
        pytest.param(config([], [ROME_LAN]), "there is no phase 1 of this name", id="reference"),
        pytest.param(config([{**ROME, "psk": "hunter2\n"}], []), "psk is ***: it must not contain", id="secret"),
    ],
)
def test_what_cannot_be_rendered_is_refused(call: Call, wanted: Config, message: str) -> None:
    assert message in call(config=wanted, state="rendered")["msg"]


# parsed

BYHAND = """\
connections {
  rome {
    version = 2
    remote_addrs = 198.51.100.3
    proposals = aes256-sha256-curve25519
    rekey_time = 25920
    over_time = 2880
    keyingtries = 0
    if_id_in = 7
    if_id_out = 7
    local { auth = psk }
    remote { auth = psk }
  }
}
"""
HELD = "secrets { ike-rome { id = 198.51.100.3\n secret = hunter2\n } }\n"


def warned(result: dict[str, Any]) -> str:
    return json.dumps(result["warnings"])


@CHECKS
def test_parsed_is_what_config_accepts(call: Call, host: FakeHost, check: bool) -> None:
    host.files.replace("/etc/swanctl/conf.d/secrets.conf", HELD.encode(), 0o600)
    before = untouchable(host)
    told = call(state="parsed", running_config=BYHAND + "include conf.d/*.conf\ninclude more/*.conf", check=check)
    assert (told["changed"], everything(host)) == (False, before)

    assert "secrets are left out of the result, since no result shows them: phase1 rome." in warned(told)
    assert "these names are made up, and addresses and routes are not known: xfrm-7" in warned(told)
    assert "include /etc/swanctl/more/*.conf: no file on this host matches" in warned(told)
    found = told["parsed"]
    assert found["xfrm_interfaces"] == [{"name": "xfrm-7", "if_id": 7}]
    assert "psk" not in found["phase1"][0]
    host.charon.unavailable, host.files.locked_by = None, None
    assert "psk: is required" in call(config=found)["msg"]
    found["phase1"][0]["psk"] = "hunter2"
    assert call(config=found)["changed"]
    assert host.charon.loaded["rome"]["if_id_in"] == "7"


def test_what_was_rendered_is_parsed(call: Call, host: FakeHost) -> None:
    apply(host, TWO)
    text = "\n".join(call(config=TWO, state="rendered")["rendered"].values())
    found = call(state="parsed", running_config=text)["parsed"]
    assert [item["name"] for item in found["phase1"]] == ["paris", "rome"]
    assert found["phase2"] == call(state="gathered")["gathered"]["phase2"]
    on_disk = call(state="parsed", running_config="include conf.d/*.conf")
    assert on_disk["parsed"] == found
    assert "phase1 paris, rome" in warned(on_disk)


@CHECKS
@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(None, "state is parsed but all of the following are missing: running_config", id="no text"),
        pytest.param(" \n", "running_config: text: the text of a swanctl.conf is needed", id="an empty text"),
        pytest.param('secrets { ike-1 { secret = "hunter2 } }', "running_config:1: a quoted text begins here", id="a broken text"),
        pytest.param(
            "a = 1\ninclude none.conf",
            "running_config:2: include /etc/swanctl/none.conf: there is no such file on this host",
            id="a missing file",
        ),
        pytest.param(
            "include bad.conf", "/etc/swanctl/bad.conf:2: connections.a.hunter: no option stands for this key", id="a key"
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_parsed_is_refused(
    *, call: Call, host: FakeHost, check: bool, text: str | None, message: str
) -> None:
    host.files.replace("/etc/swanctl/bad.conf", b"connections { a {\nhunter = hunter2\n} }", 0o600)
    refused = call(state="parsed", check=check, **({} if text is None else {"running_config": text}))
    assert refused["failed"]
    assert message in refused["msg"]
    if text is not None:
        assert refused["invocation"]["module_args"]["running_config"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
