# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shunts that were written by hand are taken over: policies stay all the time, and connections with tunnels are not touched."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import Outcome, run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError, IpsecError, ValidationError
from ansible_collections.swanfleet.ipsec.tests.fakes.by_hand import MAIN, by_hand
from ansible_collections.swanfleet.ipsec.tests.fakes.faults import Killed
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import steps
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost

OFFICE_FILE = "/etc/swanctl/conf.d/office.conf"
# One shunt beside a tunnel, and connections that have nothing else.
SWANCTL_CONF = """\
child-defaults {
  esp_proposals = aes256gcm16
  life_time = 1h
  rekey_time = 54m
  start_action = trap
}
connections {
  everything {
    version = 2
    remote_addrs = 198.51.100.9
    keyingtries = 0
    rekey_time = 432m
    over_time = 48m
    proposals = aes256-sha256-curve25519
    local { auth = psk }
    remote { auth = psk
      id = 198.51.100.9 }
    children {
      all : child-defaults { local_ts = 10.9.0.0/24
        remote_ts = 0.0.0.0/0 }
      # They answer nobody from elsewhere.
      printers : child-defaults { local_ts = 10.9.0.0/24
        remote_ts = 10.9.1.1-10.9.1.9
        mode = pass }
    }
  }
}
secrets { ike-big { id = 198.51.100.9
  secret = "small but mighty" } }
include conf.d/*.conf
"""
OFFICE_CONF = """\
connections {
  local-net {
    remote_addrs = 127.0.0.1
    version = 2
    children { office { local_ts = 10.9.0.0/24
      remote_ts = 10.8.0.0/24, 10.7.0.0/24
      mode = pass
      start_action = trap }
      never { local_ts = 10.9.0.0/24
        remote_ts = 10.66.0.0/16
        mode = drop
        start_action = trap|start }
    }
  }
}
"""


def hand() -> FakeHost:
    host = by_hand({MAIN: SWANCTL_CONF, OFFICE_FILE: OFFICE_CONF}, links=False)
    host.charon.initiate(ike="everything", child="all", timeout_ms=1000)
    host.reset()
    return host


def adopt(host: FakeHost, *only: str, check: bool = False) -> Outcome:
    return run_transaction(host.host, lambda gateway: gateway, check=check, adopting=only)


def policies(host: FakeHost) -> dict[str, str]:
    return {child: mode for (_connection, child), mode in host.charon.held_shunts().items()}


ALL = {"printers": "PASS", "office": "PASS", "never": "DROP"}


def test_ours_come_first_and_connections_with_tunnels_are_not_touched() -> None:
    host = hand()
    everything, sas = copy.deepcopy(host.charon.loaded["everything"]), host.charon.sas()
    outcome = adopt(host)
    assert [each for each in steps(outcome) if "secret" not in each] == [
        "write file connections", f"edit file {MAIN}", f"move aside file {OFFICE_FILE}",
        "load shunt office", "load shunt printers", "load shunt never", "unload shunt local-net", "uninstall shunt printers",
    ]  # fmt: skip
    assert (outcome.disruption, policies(host)) == ({}, ALL)
    assert (host.charon.loaded["everything"], host.charon.sas()) == (everything, sas)
    assert "local-net" not in host.charon.loaded
    assert host.calls.count("load_connection") == 3
    again = adopt(host)
    assert (again.changed, steps(again)) == (False, [])
    # It had more to the kernel than what stands there.
    assert [note for note in outcome.warnings if "shunt" in note] == [
        (
            "shunt printers: to the kernel 10.9.1.1-10.9.1.9 was more than that, since it has prefixes and masks and no ranges; "
            "from now on it is just what is written"
        )
    ]


def test_what_they_are_afterwards() -> None:
    host = hand()
    after = adopt(host).after
    assert sorted(after.phase1) == ["everything"]
    assert sorted(after.phase2) == ["everything/all"]
    found = {name: (each.type, each.local_networks, each.remote_networks) for name, each in after.shunts.items()}
    assert found == {
        "printers": ("pass", ("10.9.0.0/24",), ("10.9.1.1-10.9.1.9",)),
        "office": ("pass", ("10.9.0.0/24",), ("10.8.0.0/24", "10.7.0.0/24")),
        "never": ("drop", ("10.9.0.0/24",), ("10.66.0.0/16",)),
    }
    assert host.files.files[MAIN].content.decode() == "include conf.d/*.conf\n"


def test_some_are_taken_over_and_others_stay() -> None:
    host = hand()
    outcome = adopt(host, "local-net")
    assert sorted(outcome.after.shunts) == ["never", "office"]
    assert host.files.files[MAIN].content.decode() == SWANCTL_CONF
    assert ("everything", "printers") in host.charon.held_shunts()
    assert sorted(adopt(host).after.shunts) == ["never", "office", "printers"]


def test_a_name_that_two_connections_have_becomes_two() -> None:
    host = by_hand({MAIN: SWANCTL_CONF, OFFICE_FILE: OFFICE_CONF.replace("office {", "printers {")}, links=False)
    assert sorted(adopt(host).after.shunts) == ["everything-printers", "local-net-printers", "never"]


def test_one_that_somebody_had_uninstalled_is_not_looked_for() -> None:
    host = hand()
    host.charon.uninstall(ike="everything", child="printers")
    assert "uninstall shunt printers" not in steps(adopt(host))
    assert policies(host) == ALL


def test_one_that_is_not_loaded_is_loaded() -> None:
    host = hand()
    host.charon.unload_connection("local-net")
    assert "unload shunt local-net" not in steps(adopt(host))
    assert policies(host) == ALL


PLACE = f"{MAIN}:22: connections.everything.children.printers"


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        (MAIN, ("mode = pass }", "mode = pass\n        color = red }"),
         f"{MAIN}:25: connections.everything.children.printers.color: no option stands for this key yet"),
        (MAIN, ("mode = pass }", "mode = pass\n        start_action = none }"),
         (f"{MAIN}:25: connections.everything.children.printers.start_action: charon installs a shunt where it is trap, and this "
         "one does nothing: write trap, or take the shunt out")),
        (MAIN, ("mode = pass }", "mode = pass\n        hw_offload = auto }"),
         (f"{MAIN}:25: connections.everything.children.printers.hw_offload is 'auto': charon 6.0.1 never takes the policies of a "
         "shunt that has it away again: no is needed")),
        (MAIN, ("mode = pass }", "mode = pass\n        mark_in = %unique }"), f"{PLACE}: mark_in is '%unique/0xffffffff': a mark"),
        (MAIN, ("10.9.1.1-10.9.1.9", "10.9.1.0/24[tcp/opaque]"), f"{PLACE}: remote_networks[0] is '10.9.1.0/24[6/opaque]': ports"),
        (MAIN, ("10.9.1.1-10.9.1.9", "10.9.1.1/24"), f"{MAIN}:23: connections.everything.children.printers.remote_ts is "),
        (OFFICE_FILE, ("version = 2", "verzion = 2"),
         f"{OFFICE_FILE}:4: connections.local-net.verzion: no option stands for this key yet; did you mean version?"),
        (OFFICE_FILE, ("version = 2", "remot { id = x }"),
         f"{OFFICE_FILE}:4: connections.local-net.remot: no option stands for this section yet"),
        (OFFICE_FILE, ("    children {", "    children { x = y\n"),
         f"{OFFICE_FILE}:5: connections.local-net.children: a value stands here"),
        # Where peers are to prove who they are, it is no connection for shunts alone.
        (OFFICE_FILE, ("version = 2", "remote { auth = psk }"), "connections.local-net.version: is not given; without it charon"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_over_is_told_with_its_place_and_nothing_is_touched(
    file: str, change: tuple[str, str], message: str
) -> None:
    host = hand()
    texts = {MAIN: SWANCTL_CONF, OFFICE_FILE: OFFICE_CONF}
    text = texts[file].replace(*change)
    assert text != texts[file]
    host.files.replace(file, text.encode(), 0o600)
    before = host.state()
    host.reset()
    with pytest.raises(ValidationError) as refused:
        adopt(host)
    assert message in str(refused.value)
    assert host.state() == before
    assert [call for call in host.calls if call not in ("make_directory", "remove")] == []


@pytest.mark.parametrize(
    ("name", "children"),
    [("local-net", {"office": {"mode": "drop", "start_action": "trap"}}), ("everything", {})],
)
def test_a_connection_of_which_charon_has_another_than_the_file_is_refused(name: str, children: Any) -> None:
    host = hand()
    host.charon.load_connection(name, {**host.charon.loaded[name], "children": children})
    host.reset()
    with pytest.raises(ValidationError, match=f"phase1 {name}: children is .*charon has loaded another one"):
        adopt(host)
    assert host.calls == []


def test_a_shunt_of_a_name_that_is_ours_is_refused() -> None:
    host = hand()
    adopt(host, "local-net")
    host.files.replace(OFFICE_FILE, OFFICE_CONF.encode(), 0o600)
    with pytest.raises(
        ValidationError, match="shunt office: name is 'office': this collection manages a shunt of this name"
    ):
        adopt(host)


def compared(host: FakeHost) -> dict[str, Any]:
    """Return what must come back when a takeover fails: files, what charon holds, policies, and the SAs."""
    files = {path: (each.content, each.mode) for path, each in host.files.files.items() if path in (MAIN, OFFICE_FILE)}
    sas = [(name, sa["uniqueid"]) for name, sa in host.charon._sas]
    state = {part: value for part, value in host.state().items() if part not in ("files", "generation")}
    ours = "/etc/swanctl/conf.d/swanfleet.conf" in host.files.files
    return copy.deepcopy({**state, "hand": files, "ours": ours, "sas": sas})


def test_the_host_is_as_before_when_a_policy_cannot_be_uninstalled() -> None:
    host = hand()
    before = compared(host)
    host.charon.refuse["uninstall", "everything/printers"] = "no"
    with pytest.raises(ApplyError) as failed:
        adopt(host)
    assert failed.value.restored
    assert compared(host) == before


def calls() -> list[str]:
    host = hand()
    adopt(host)
    return list(host.calls)


@pytest.mark.parametrize("recovery", ["the next run", "restore", "a check first"])
def test_a_run_that_is_struck_at_any_call_gives_the_host_back_or_is_done(recovery: str) -> None:
    done = hand()
    adopt(done)
    whole = {"old": compared(hand()), "new": compared(done)}
    ends = {"old": 0, "new": 0}
    for number in range(len(calls())):
        for late in (False, True):
            host, what = hand(), f"call {number}, {'after' if late else 'before'} it"
            host.fail_at, host.late = (number, Killed()), late
            try:
                adopt(host)
            except (Killed, IpsecError):
                pass
            else:
                assert compared(host) == whole["new"], what
            # At no moment is a shunt without its policies.
            assert policies(host) == ALL, what
            host.reset()
            if recovery == "a check first":
                adopt(host, check=True)
            if recovery == "restore":
                assert restore(host.host, with_daemon=True).failures == (), what
                end = "new" if compared(host)["ours"] else "old"
                ends[end] += 1
                assert compared(host) == whole[end], what
            adopt(host)
            assert compared(host) == whole["new"], what
            assert adopt(host).changed is False, what
    assert recovery != "restore" or min(ends.values()) > 0


def test_a_charon_that_starts_meanwhile_has_what_the_files_say() -> None:
    host = hand()
    before = compared(host)["hand"]
    host.fail_at, host.late = (calls().index("uninstall"), Killed()), True
    with pytest.raises(Killed):
        adopt(host)
    host.reset()
    host.charon.restart()
    assert restore(host.host, with_daemon=True).failures == ()
    assert compared(host)["hand"] == before
    # Its connection with tunnels comes with the files, which its unit loads.
    assert {key for key in host.charon.held_shunts() if key[0] == "local-net"} == {
        ("local-net", "office"), ("local-net", "never"),
    }  # fmt: skip
