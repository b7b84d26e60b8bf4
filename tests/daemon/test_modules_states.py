# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of `ipsec_gateway` as Ansible runs them: what goes from a real charon, and what is only told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.tests.daemon.module_programs import ModulePrograms
from ansible_collections.swanfleet.ipsec.tests.daemon.sandbox import opened

pytestmark = [pytest.mark.charon, pytest.mark.root]

CANARY = "canary-93e1-never-shown"
PARIS: dict[str, Any] = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": CANARY, "init_type": "none"}
ROME: dict[str, Any] = {"name": "rome", "remote_endpoints": ["198.51.100.3"], "psk": CANARY + "-2", "init_type": "none"}
LAN: dict[str, Any] = {"name": "lan", "phase1": "paris", "remote_networks": ["10.2.0.0/24"]}
CONFIG: dict[str, Any] = {"phase1": [PARIS, ROME], "phase2": [LAN, {**LAN, "phase1": "rome"}]}
# As people write it: defaults that several connections refer to, lists with blanks, times with units, some of it elsewhere.
BYHAND = """
defaults {
    version = 2
    proposals = aes256-sha256-modp4096, aes256gcm16-prfsha256-x25519
    rekey_time = 432m      # nine tenths of 8 h
    over_time = 48m
    mobike = yes
    local { auth = psk }
    remote { auth = psk }
}
connections {
    byhand : defaults {
        remote_addrs = 198.51.100.7 , 198.51.100.8
        remote { id = @peer.example.org }
        children {
            net { esp_proposals = aes256gcm16
                  local_ts = 10.1.0.0/24
                  remote_ts = 10.7.0.0/24 , 10.8.0.0/24
                  rekey_time = 54m
                  life_time = 1h }
        }
    }
}
include more/*.conf
"""
SECRETS = f'secrets {{ ike-byhand {{\n id = peer.example.org\n secret = "{CANARY}"\n}} }}\n'


@pytest.fixture(scope="module")
def modules_once() -> Iterator[ModulePrograms]:
    with opened() as sandbox, ModulePrograms(sandbox) as programs:
        yield programs


@pytest.fixture
def modules(modules_once: ModulePrograms) -> ModulePrograms:
    """Return modules on a gateway that has nothing yet."""
    modules_once.sandbox.fresh()
    return modules_once


def gateway(modules: ModulePrograms, **arguments: Any) -> dict[str, Any]:
    """Run `ipsec_gateway`; no secret may be in what it prints."""
    result = modules.run("ipsec_gateway", special={"verbosity": 3, "diff": True}, **arguments)
    assert CANARY not in result["printed"]
    assert not result.get("failed"), result["msg"]
    return result


def loaded(modules: ModulePrograms) -> str:
    return modules.sandbox.run(["swanctl", "--list-conns"]).stdout


def test_what_is_named_goes_and_then_everything(modules: ModulePrograms) -> None:
    gateway(modules, config=CONFIG)
    assert gateway(modules, state="deleted", config={"phase1": [{"name": "paris"}]})["changed"]
    assert ("paris" in loaded(modules), "rome" in loaded(modules)) == (False, True)
    assert not gateway(modules, state="deleted", config={"phase1": [{"name": "paris"}]})["changed"]
    assert [step["action"] for step in gateway(modules, state="deleted", everything=True)["plan"]].count("unload") == 2
    assert loaded(modules) == ""
    assert gateway(modules, state="gathered")["gathered"] == {
        "phase1": [],
        "phase2": [],
        "xfrm_interfaces": [],
        "pools": [],
        "authorities": [],
        "shunts": [],
        "firewall": [],
        "private_keys": [],
        "fallbacks": [],
        "schedules": [],
        "uplinks": [],
    }


def test_what_is_only_told_needs_no_charon_and_leaves_no_trace(modules: ModulePrograms) -> None:
    gateway(modules, config=CONFIG)
    on_disk = {path.name: path.read_text("utf-8") for path in (modules.sandbox.swanctl / "conf.d").glob("swanfleet*")}
    modules.sandbox.stop_charon()
    modules.sandbox.run(["rm", "-r", "/run/swanfleet"])
    before = modules.sandbox.digest()
    for check in (False, True):
        special = {"check_mode": check}
        told = [
            modules.run("ipsec_gateway", state="gathered", special=special),
            modules.run("ipsec_gateway", state="rendered", config=CONFIG, special=special),
            modules.run("ipsec_gateway", state="parsed", running_config="\n".join(on_disk.values()), special=special),
        ]
        assert [(each["changed"], each.get("msg"), CANARY in each["printed"]) for each in told] == [
            (False, None, False)
        ] * 3
        gathered, rendered, parsed = told
        assert gathered["gathered"] == {**parsed["parsed"], "xfrm_interfaces": []}
        assert rendered["rendered"]["/etc/swanctl/conf.d/swanfleet.conf"] == on_disk["swanfleet.conf"]
        assert len(rendered["rendered"]["/etc/swanctl/conf.d/swanfleet-secrets.conf"].splitlines()) == len(
            on_disk["swanfleet-secrets.conf"].splitlines()
        )
    assert modules.sandbox.digest() == before
    assert modules.sandbox.run(["ls", "/run/swanfleet"]).returncode != 0


def test_a_file_by_hand_becomes_the_same_connection_of_ours(modules: ModulePrograms) -> None:
    main = modules.sandbox.swanctl / "swanctl.conf"
    shipped = main.read_text("utf-8")
    (modules.sandbox.swanctl / "more").mkdir(exist_ok=True)
    (modules.sandbox.swanctl / "more" / "secrets.conf").write_text(SECRETS, encoding="utf-8")
    main.write_text(shipped + BYHAND, encoding="utf-8")
    try:
        assert "loaded ike secret 'ike-byhand'" in modules.sandbox.run(["swanctl", "--load-all", "--noprompt"]).stdout
        by_hand = loaded(modules)
        told = gateway(modules, state="parsed", running_config=main.read_text("utf-8"))
    finally:
        main.write_text(shipped, encoding="utf-8")
        (modules.sandbox.swanctl / "more" / "secrets.conf").unlink()
    assert "phase1 byhand" in str(told["warnings"])
    modules.sandbox.run(["swanctl", "--load-all", "--noprompt"])
    assert loaded(modules) == ""

    config = told["parsed"]
    config["phase1"][0]["psk"] = CANARY
    assert gateway(modules, config=config)["changed"]
    assert "byhand" in by_hand
    assert loaded(modules) == by_hand
