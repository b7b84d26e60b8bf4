# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program on the gateway: what it did goes to standard output, what it could not do to standard error, with status 1."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent import cli
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, apply, config
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host
from ansible_collections.swanfleet.ipsec.tests.fakes.kernel import FakeLink

TWO_LINKS = config([PARIS], [PARIS_LAN], [{"name": "aside", "parent": "wan1"}, {"name": "ipsec-paris"}])


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """Return a gateway that has just booted."""
    made = wan_host()
    made.kernel.links["wan1"] = FakeLink("veth", up=True)
    apply(made, TWO_LINKS)
    for name in ("aside", "ipsec-paris"):
        del made.kernel.links[name]
    made.charon.restart()
    monkeypatch.setattr(cli, "local_host", lambda _paths, **_more: made.host)
    return made


def restored(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], list[str]]:
    status = cli.main(["restore", *arguments])
    written = capsys.readouterr()
    return status, written.out.splitlines(), written.err.splitlines()


@pytest.mark.usefixtures("host")
def test_what_is_put_back_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert restored(capsys, "--before-charon") == (
        0, ["add link aside", "add link ipsec-paris", "add route 10.2.0.0/24 by ipsec-paris"], [],
    )  # fmt: skip
    assert restored(capsys, "--before-charon") == (0, [], [])


def test_a_failure_is_told_with_the_exit_status_and_the_rest_is_done(
    host: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    del host.kernel.links["wan1"]
    status, done, told = restored(capsys, "--before-charon")
    assert (status, done) == (1, ["add link ipsec-paris", "add route 10.2.0.0/24 by ipsec-paris"])
    assert told[0].startswith("swanfleet: add link aside: ip link add dev aside type xfrm dev wan1")
    assert told[1:] == ["swanfleet: all else that could be done is done"]


def test_an_address_that_is_late_changes_nothing(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    host.kernel.links["wan0"].addresses.clear()
    status, done, told = restored(capsys, "--before-charon")
    assert (status, len(done), told) == (0, 3, [])


def test_a_lock_that_is_held_is_one_sentence(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    host.files.locked_by = "process 7, ipsec_gateway, since 2026-11-23 09:00:00"
    status, done, told = restored(capsys)
    assert (status, done) == (1, [])
    [sentence] = told
    assert sentence.startswith(
        "swanfleet: process 7, ipsec_gateway, since 2026-11-23 09:00:00 holds /run/swanfleet/lock"
    )
