# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that was set up by hand is taken over: nothing is sent about its connections, and what fails gives it back."""

from __future__ import annotations

import base64
import copy
import re
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import Outcome, run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.tokens import SettingsError
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileTrouble
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.iproute2 import KernelRefused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import (
    ApplyError,
    IpsecError,
    ValidationError,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.by_hand import (
    MAIN,
    ROME_CONF,
    ROME_FILE,
    SWANCTL_CONF,
    by_hand,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.faults import Killed
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import ONE, apply, config, steps
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost

WRITTEN = frozenset({"load_connection", "unload_connection", "terminate", "initiate", "rekey"})
KEPT = "/var/lib/swanfleet/taken-over"


def adopt(host: FakeHost, *only: str, check: bool = False) -> Outcome:
    return run_transaction(host.host, lambda gateway: gateway, check=check, adopting=only)


def held(host: FakeHost) -> dict[str, Any]:
    """Return what must come back when a takeover fails: files by hand and ours, what charon holds, links."""
    files = {
        path: (each.content, each.mode, each.owner)
        for path, each in host.files.files.items()
        if path.startswith("/etc/swanctl/")
    }
    return copy.deepcopy({"files": files, **{part: value for part, value in host.state().items() if part != "files"}})


def test_a_host_is_taken_over_and_charon_is_told_of_secrets_only() -> None:
    host = by_hand()
    loaded = copy.deepcopy(host.charon.loaded)
    outcome = adopt(host)
    assert steps(outcome) == [
        "write file secrets",
        "write file connections",
        f"edit file {MAIN}",
        f"move aside file {ROME_FILE}",
        "change link to-paris",
        "load secret ike-paris",
        "load secret ike-rome",
        "unload secret ike-paris",
        "unload secret ike-rome",
    ]
    assert (outcome.disruption, outcome.kept_in) == ({}, f"{KEPT}/1")
    assert [call for call in host.calls if call in WRITTEN] == []
    assert host.charon.loaded == loaded
    again = adopt(host)
    assert (again.changed, steps(again), again.kept_in) == (False, [], "")


def test_what_is_left_of_the_files_is_what_was_not_taken_over() -> None:
    host = by_hand()
    adopt(host)
    assert ROME_FILE not in host.files.files
    left = host.files.files[MAIN]
    assert left.content.decode() == (
        "# Our tunnels. Ask Jean before you touch Paris.\nconnections {\n  # the head office\n}\ninclude conf.d/*.conf\n"
    )
    assert (left.mode, left.owner) == (0o640, (0, 42))


def test_the_texts_of_the_files_are_kept_for_root_alone() -> None:
    host = by_hand()
    adopt(host)
    copies = [host.files.files[f"{KEPT}/1{path}"] for path in (MAIN, ROME_FILE)]
    assert [(each.content.decode(), each.mode, each.owner) for each in copies] == [
        (SWANCTL_CONF, 0o600, (0, 0)),
        (ROME_CONF, 0o600, (0, 0)),
    ]
    assert (host.files.directories[KEPT], host.files.directories[f"{KEPT}/1"]) == (0o700, 0o700)
    adopt(host)
    apply(host, ONE)
    assert f"{KEPT}/1{MAIN}" in host.files.files


def test_a_link_by_hand_is_adopted_as_it_is() -> None:
    host = by_hand()
    after = adopt(host).after
    link = after.xfrm_interfaces["to-paris"]
    assert (link.if_id, link.addresses, link.mtu) == (7, ("10.255.0.1/30",), 1400)
    assert after.phase1["paris"].xfrm_interface == "to-paris"
    assert (after.phase2["paris/lan"].install_routes, after.phase2["rome/lan"].install_routes) == (False, True)
    found = host.kernel.links["to-paris"]
    assert (found.alias, found.addresses, found.routes) == ("swanfleet", ["10.255.0.1/30"], [])


def test_secrets_are_ours_afterwards_and_in_no_result() -> None:
    host = by_hand()
    outcome = adopt(host)
    assert {name: each.psk.reveal() for name, each in outcome.after.phase1.items() if each.psk} == {
        "paris": "s3cret",
        "rome": "another",
    }
    assert "s3cret" not in repr(outcome)
    assert "another" not in repr(outcome)
    assert b"czNjcmV0" in host.files.files["/etc/swanctl/conf.d/swanfleet-secrets.conf"].content


@pytest.mark.parametrize(
    ("text", "key"), [("0s/wDKCg==", b"\xff\x00\xca\x0a"), ("0x0d0a", b"\r\n"), ("0xc3:a4", b"\xc3\xa4")]
)
def test_a_key_that_is_no_text_is_taken_over_as_it_is(text: str, key: bytes) -> None:
    host = by_hand({MAIN: SWANCTL_CONF.replace('"s3cret"', text), ROME_FILE: ROME_CONF})
    adopt(host)
    assert key in [data for _kind, _owners, data in host.charon.secrets.values()]
    assert b"0s" + base64.b64encode(key) in host.files.files["/etc/swanctl/conf.d/swanfleet-secrets.conf"].content
    assert adopt(host).changed is False
    added = run_transaction(host.host, lambda gateway: gateway.without_all({"phase1": ["rome"]}), check=False)
    assert steps(added)[0] == "write file secrets"
    assert restore(host.host, with_daemon=True).steps == ()


def test_a_check_writes_nothing_and_plans_the_same() -> None:
    host, other = by_hand(), by_hand()
    before = held(host)
    planned = adopt(host, check=True)
    assert (host.calls, held(host), planned.changed) == ([], before, True)
    assert planned.plan == adopt(other).plan


def test_some_are_taken_over_and_others_stay() -> None:
    host = by_hand()
    outcome = adopt(host, "rome")
    assert sorted(outcome.after.phase1) == ["rome"]
    assert host.files.files[MAIN].content.decode() == SWANCTL_CONF
    assert (
        sorted(host.charon.secrets) == [host.charon.shared_ids()[0], "ike-paris"] or "ike-paris" in host.charon.secrets
    )
    assert "ike-rome" not in host.charon.secrets
    assert not adopt(host, *()).before.phase1.keys() - {"rome"}


def test_a_connection_that_is_not_loaded_is_loaded() -> None:
    host = by_hand()
    del host.charon.loaded["rome"]
    outcome = adopt(host)
    assert "load connection rome" in steps(outcome)
    assert [call for call in host.calls if call in WRITTEN] == ["load_connection"]
    assert adopt(host).changed is False


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("  rekey_time = 432m\n", "  rekey_time = 432m\n  colour = green\n"),
            f"{MAIN}:6: connections.paris.colour: no option stands for this key yet",
        ),
        (("id = 198.51.100.2\n    secret", "id = 198.51.100.9\n    secret"), "the files have no pre-shared key for it"),
        (("if_id_in = 7\n    if_id_out = 7", "if_id_in = 8\n    if_id_out = 8"), "no XFRM interface with this number"),
        (("include conf.d", "include missing.conf\ninclude conf.d"), f"{MAIN}:30: include "),
        (("  version = 2\n", "  version = 2\n}}\n"), "there is no open section"),
    ],
)
def test_what_cannot_be_taken_over_is_told_and_nothing_is_touched(change: tuple[str, str], message: str) -> None:
    host = by_hand()
    text = SWANCTL_CONF.replace(*change)
    assert text != SWANCTL_CONF
    host.files.replace(MAIN, text.encode(), 0o600)
    before = held(host)
    host.reset()
    with pytest.raises((ValidationError, SettingsError)) as refused:
        adopt(host)
    assert message in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert held(host) == before
    assert [call for call in host.calls if call not in ("make_directory", "remove")] == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("remote_addrs", ["198.51.100.99"]), ("local_addrs", ["192.0.2.1"]), ("version", "1"), ("children", {})],
)
def test_a_connection_of_which_charon_has_another_than_the_file_is_refused(key: str, value: Any) -> None:
    host = by_hand()
    host.charon.load_connection("rome", {**host.charon.loaded["rome"], key: value})
    host.reset()
    with pytest.raises(ValidationError) as refused:
        adopt(host)
    assert f"phase1 rome: {key} is" in str(refused.value)
    assert "charon has loaded another one than the files say" in str(refused.value)
    assert host.calls == []
    assert sorted(adopt(host, "paris").after.phase1) == ["paris"]


def test_a_name_that_the_files_do_not_have_is_told() -> None:
    with pytest.raises(ValidationError, match=r"only is .*|paris, rome") as refused:
        adopt(by_hand(), "roma")
    assert "they have paris, rome" in str(refused.value)


def test_a_symbolic_link_is_refused() -> None:
    host = by_hand()
    host.files.files["/srv/rome"] = host.files.files.pop(ROME_FILE)
    host.files.links[ROME_FILE] = "/srv/rome"
    with pytest.raises(ValidationError, match="it is a symbolic link"):
        adopt(host)


def test_a_connection_of_a_name_that_is_ours_is_refused() -> None:
    host = by_hand({MAIN: "include conf.d/*.conf\n"}, links=False)
    apply(host, config([{"name": "paris", "remote_endpoints": ["198.51.100.7"], "psk": "x"}], []))
    host.files.replace(MAIN, SWANCTL_CONF.encode(), 0o600)
    host.kernel.links["to-paris"] = by_hand().kernel.links["to-paris"]
    with pytest.raises(ValidationError, match="this collection manages a connection of this name already"):
        adopt(host)


def test_a_link_whose_alias_cannot_be_given_back_has_none_and_stays() -> None:
    host = by_hand()
    run = host.kernel.run

    def refusing(commands: Any) -> None:
        if any("to the head office" in words for words in commands):
            raise KernelRefused("ip cannot be given the word")
        run(commands)

    host.fail_at = (_calls(by_hand()).index("load_shared"), Killed())
    with pytest.raises(Killed):
        adopt(host)
    host.reset()
    host.kernel.run = refusing  # type: ignore[method-assign]
    assert restore(host.host, with_daemon=True).failures == ()
    assert host.kernel.links["to-paris"].alias is None


def test_the_host_is_as_before_when_charon_refuses_a_secret() -> None:
    host = by_hand()
    before = held(host)
    number = _calls(by_hand()).index("load_shared")
    host.fail_at = (number, DaemonRefused("load-shared", "ike-paris", "no"))
    with pytest.raises(ApplyError) as failed:
        adopt(host)
    assert failed.value.restored
    assert held(host) == before
    assert [path for path in host.files.files if path.startswith("/var/lib/swanfleet")] == []


def _calls(host: FakeHost) -> list[str]:
    adopt(host)
    return list(host.calls)


def strikes() -> list[tuple[int, bool]]:
    return [(number, late) for number in range(len(_calls(by_hand()))) for late in (False, True)]


def full() -> FileTrouble:
    return FileTrouble("cannot write: No space left on device")


@pytest.mark.parametrize(
    ("error", "recovery"),
    [(Killed, "the next run"), (Killed, "restore"), (Killed, "a check first"), (full, "the next run")],
)
def test_a_run_that_is_struck_at_any_call_gives_the_host_back_or_is_done(error: Any, recovery: str) -> None:
    done = by_hand()
    adopt(done)
    whole = {"old": compared(by_hand()), "new": compared(done)}
    ends = {"old": 0, "new": 0}
    for number, late in strikes()[:: 2 if recovery == "a check first" else 1]:
        host, what = by_hand(), f"call {number}, {'after' if late else 'before'} it"
        host.fail_at, host.late = (number, error()), late
        try:
            adopt(host)
        except (Killed, IpsecError):
            pass
        else:
            # What is only tidied up at the end may fail.
            assert compared(host) == whole["new"], what
        assert set(host.charon.loaded) == {"paris", "rome"}, what
        host.reset()
        if recovery == "a check first":
            planned = steps(adopt(host, check=True))
            assert [each for each in planned if " connection " in each or each == "remove link to-paris"] == [], what
        if recovery == "restore":
            assert restore(host.host, with_daemon=True).failures == (), what
            end = "new" if "/etc/swanctl/conf.d/swanfleet.conf" in host.files.files else "old"
            ends[end] += 1
            assert compared(host) == whole[end], what
        adopt(host)
        assert compared(host) == whole["new"], what
        assert set(host.calls) & WRITTEN == set(), what
        assert adopt(host).changed is False, what
    assert recovery != "restore" or min(ends.values()) > 0


def compared(host: FakeHost) -> dict[str, Any]:
    """Return what is held, but for numbers of generations and what depends on the host's random key."""
    found = held(host)
    files = {
        path: (re.sub(rb"-[0-9a-f]{16}(?= \{)", b"", text), *more) for path, (text, *more) in found["files"].items()
    }
    return {**found, "files": files, "generation": None}


def test_what_is_taken_over_is_managed_like_anything_else() -> None:
    host = by_hand()
    outcome = adopt(host)
    host.reset()
    gone = run_transaction(host.host, lambda gateway: gateway.without_all({"phase1": ["rome"]}), check=False)
    assert "unload connection rome" in steps(gone)
    assert "rome" not in host.charon.loaded
    assert outcome.after.phase1.keys() == {"paris", "rome"}
