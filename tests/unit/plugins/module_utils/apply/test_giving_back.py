# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a takeover that came to nothing has taken is given back in whole, by as many runs as that needs."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.transaction import Outcome, run_transaction
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import (
    DaemonAbsent,
    DaemonHung,
    DaemonUnavailable,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileTrouble
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ApplyError
from ansible_collections.swanfleet.ipsec.tests.fakes.by_hand import MAIN, ROME_FILE, by_hand
from ansible_collections.swanfleet.ipsec.tests.fakes.faults import Killed
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost
from ansible_collections.swanfleet.ipsec.tests.fakes.units import STOPPED

HUNG = DaemonHung("charon did not answer")


def adopt(host: FakeHost) -> Outcome:
    return run_transaction(host.host, lambda gateway: gateway, check=False, adopting=())


def calls() -> list[str]:
    host = by_hand()
    adopt(host)
    return list(host.calls)


def told_secrets() -> list[int]:
    return [number for number, name in enumerate(calls()) if name in ("load_shared", "unload_shared")]


def killed_at(number: int, *, late: bool = False) -> FakeHost:
    host = by_hand()
    host.fail_at, host.late = (number, Killed()), late
    with pytest.raises(Killed):
        adopt(host)
    host.reset()
    return host


def killed_without_old_secrets() -> FakeHost:
    """Return a host whose takeover was killed when charon had just dropped the last secret of the files."""
    host = killed_at(told_secrets()[-1], late=True)
    assert not {"ike-paris", "ike-rome"} & host.charon.secrets.keys()
    return host


def files(host: FakeHost) -> dict[str, Any]:
    found = host.files.files.items()
    return {path: (each.content, each.mode, each.owner) for path, each in found if path.startswith("/etc/")}


def assert_as_before(host: FakeHost) -> None:
    before = by_hand()
    assert (files(host), host.state()) == (files(before), before.state())
    assert host.charon.secrets == before.charon.secrets
    assert [path for path in host.files.files if path.startswith("/var/lib/swanfleet")] == []


@pytest.mark.parametrize("number", told_secrets())
def test_a_charon_that_hangs_has_its_secrets_again_when_it_answers(number: int) -> None:
    host, before = by_hand(), by_hand()

    def hangs(name: str) -> None:
        if len(host.calls) > number and host.charon.unavailable is None:
            host.charon.unavailable = HUNG
            raise HUNG
        FakeHost._done(host, name)

    host._done = hangs  # type: ignore[method-assign,assignment]
    with pytest.raises(ApplyError) as failed:
        adopt(host)
    assert not failed.value.restored
    assert "files and links are as before the run, but charon could not be told" in str(failed.value)
    assert (files(host), host.kernel.links) == (files(before), before.kernel.links)
    assert restore(host.host, with_daemon=True).failures == ("charon did not answer",)
    del host._done
    host.charon.unavailable = None
    assert restore(host.host, with_daemon=True).failures == ()
    assert_as_before(host)


def test_no_secret_is_taken_from_a_charon_that_has_not_got_back_what_it_had() -> None:
    host = killed_without_old_secrets()
    ours, load = dict(host.charon.secrets), host.charon.load_shared

    def hangs(**_secret: Any) -> None:
        raise HUNG

    host.charon.load_shared = hangs  # type: ignore[method-assign]
    assert restore(host.host, with_daemon=True).failures == ("charon did not answer",)
    with pytest.raises(DaemonHung):
        adopt(host)
    assert host.charon.secrets == ours
    host.charon.load_shared = load  # type: ignore[method-assign]
    assert restore(host.host, with_daemon=True).failures == ()
    assert_as_before(host)


def test_a_charon_that_is_down_loads_its_secrets_itself() -> None:
    host, before = killed_without_old_secrets(), by_hand()
    host.charon.unavailable = DaemonAbsent("nobody listens")
    host.units.units["strongswan.service"] = STOPPED
    assert restore(host.host, with_daemon=False).failures == ()
    assert files(host) == files(before)
    assert host.host.files.names(host.paths.taken_over) == []


def test_a_charon_that_goes_while_it_gets_its_secrets_back_gets_them_when_it_has_come() -> None:
    host = by_hand()
    load, gone = host.charon.load_shared, [DaemonUnavailable("charon closed its socket")]

    def closes(**secret: Any) -> None:
        if secret["id"] == "ike-paris" and gone:
            raise gone.pop()
        load(**secret)

    host.charon.load_shared = closes  # type: ignore[method-assign]
    host.fail_at, host.late = (told_secrets()[-1], DaemonUnavailable("charon closed its socket")), True
    with pytest.raises(ApplyError) as failed:
        adopt(host)
    assert (failed.value.restored, gone) == (True, [])
    assert_as_before(host)


def edit(host: FakeHost, path: str, text: bytes) -> None:
    host.files.replace(path, text, 0o600)


@pytest.mark.parametrize(("path", "other"), [(MAIN, ROME_FILE), (ROME_FILE, MAIN)])
def test_a_file_that_somebody_has_edited_is_left_to_them(path: str, other: str) -> None:
    host, before = killed_without_old_secrets(), by_hand()
    mine = b"# nothing is here any more, I wonder why\n"
    edit(host, path, mine)
    [failure] = restore(host.host, with_daemon=True).failures
    kept = f"/var/lib/swanfleet/taken-over/1{path}"
    assert failure.startswith(f"{path} has been edited since ")
    assert kept in failure
    assert host.files.files[path].content == mine
    assert files(host)[other] == files(before)[other]
    assert host.charon.secrets.items() >= before.charon.secrets.items()
    for check in (True, False):
        held = (dict(host.files.files), dict(host.charon.secrets))
        with pytest.raises(FileTrouble, match="has been edited since"):
            run_transaction(host.host, lambda gateway: gateway, check=check, adopting=())
        assert not check or held == (host.files.files, host.charon.secrets)
    host.files.remove(kept)
    assert restore(host.host, with_daemon=True).failures == ()
    assert {**files(before), path: (mine, 0o600, (0, 0))} == files(host)
    assert host.charon.secrets == before.charon.secrets
    assert host.host.files.names(host.paths.taken_over) == []


def test_all_files_that_somebody_has_edited_are_told_together() -> None:
    host = killed_without_old_secrets()
    for path in (MAIN, ROME_FILE):
        edit(host, path, b"# gone\n")
    [failure] = restore(host.host, with_daemon=True).failures
    assert [line.split()[0] for line in failure.splitlines()] == [ROME_FILE, MAIN]
    for path in (MAIN, ROME_FILE):
        host.files.remove(f"/var/lib/swanfleet/taken-over/1{path}")
    assert restore(host.host, with_daemon=True).failures == ()
    assert [host.files.files[path].content for path in (MAIN, ROME_FILE)] == [b"# gone\n"] * 2


@pytest.mark.parametrize("path", [MAIN, ROME_FILE])
def test_a_file_that_is_absent_is_put_back(path: str) -> None:
    host = killed_without_old_secrets()
    host.files.remove(path)
    assert restore(host.host, with_daemon=True).failures == ()
    assert_as_before(host)


def test_an_edited_file_that_is_as_it_was_again_is_no_trouble() -> None:
    host = killed_without_old_secrets()
    for path in (MAIN, ROME_FILE):
        edit(host, path, files(by_hand())[path][0])
    assert restore(host.host, with_daemon=True).failures == ()
    assert_as_before(host)
