# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of the driver when a real charon hangs, dies, starts again or has too much to say."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonUnavailable, ViciCharon
from ansible_collections.swanfleet.ipsec.tests.daemon import charon_process, each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import CharonProcess

pytestmark = [pytest.mark.charon, pytest.mark.root]


@pytest.fixture
def own(release: str) -> Iterator[CharonProcess]:
    """Run a charon that the test may harm."""
    reason = charon_process.missing()
    if reason:
        pytest.fail(reason)
    with charon_process.running(release=release) as process:
        yield process


@each_release.EACH
def test_a_stopped_charon_ends_in_an_error_within_the_bound(own: CharonProcess) -> None:
    with own.client(timeout=0.5) as client:
        client.state()
        own.freeze()
        started = time.monotonic()
        with pytest.raises(DaemonUnavailable, match=r"did not answer 'version' .* within 0.5 s: it hangs, is stopped"):
            client.state()
        # Its socket takes some connections that nobody answers, then no more: both end in time.
        waiting = [own.client(timeout=0.2) for _number in range(6)]
        for each in waiting:
            with pytest.raises(DaemonUnavailable, match="did not answer"):
                each.state()
        assert time.monotonic() - started < 5

        own.thaw()
        client.session.timeout = 10
        assert client.state().daemon == "charon-systemd"


@each_release.EACH
def test_a_killed_charon_is_told_from_one_that_was_stopped_in_order(own: CharonProcess) -> None:
    with own.client() as client:
        client.state()
        own.kill()
        with pytest.raises(DaemonUnavailable, match="before it had answered 'version'"):
            client.state()
        with pytest.raises(DaemonUnavailable, match=r"left .*/vici behind and does not run"):
            client.state()
        own.start()
        own.stop()
        with pytest.raises(
            DaemonUnavailable, match=r"does not listen on .*/vici: start it with 'systemctl start strongswan'"
        ):
            client.state()


@each_release.EACH
def test_another_start_within_the_same_second_is_told_apart(own: CharonProcess) -> None:
    def start_id() -> str:
        with own.client() as client:
            return client.state().start_id

    first = start_id()
    assert first.split("/")[1] == str(own.pid)
    assert start_id() == first
    own.kill()
    own.start()
    assert start_id() not in ("", first)


@each_release.EACH
def test_the_time_of_the_start_is_within_two_seconds_and_does_not_count_for_equality(own: CharonProcess) -> None:
    # charon's own computation wavers; hundreds of answers over a second show both sides of it.
    with own.client() as client:
        first = client.state()
        end = time.monotonic() + 1.1
        while time.monotonic() < end:
            state = client.state()
            assert state == first
            started = time.mktime(time.strptime(state.since, "%b %d %H:%M:%S %Y"))
            assert abs(started - own.started_at) <= 2


@each_release.EACH
def test_names_over_512_kib_are_dropped_by_charon_and_end_in_an_error(own: CharonProcess) -> None:
    with own.client() as client:
        for number in range(2600):
            client.load_connection(f"{'n' * 195}{number:05d}", {})
        client.session.timeout = 0.5
        with pytest.raises(DaemonUnavailable, match="or its answer is over 512 KiB, which it drops"):
            client.connection_names()
        client.session.timeout = 10
        assert len(client.connections()) == 2600
    assert "exceeds maximum size of 524288, discarded" in own.log()


def test_a_thousand_connections_are_loaded_listed_and_unloaded_in_one_session(charon: ViciCharon) -> None:
    names = [f"c{number}" for number in range(1000)]
    for number, name in enumerate(names):
        child = {"local_ts": ["10.1.0.0/24"], "remote_ts": [f"10.{number // 250}.{number % 250}.0/24"]}
        charon.load_connection(name, {"remote_addrs": ["192.0.2.2"], "children": {"lan": child}})
    assert charon.connection_names() == names
    shown = charon.connections()
    assert list(shown) == names
    assert shown["c999"]["children"]["lan"]["remote-ts"] == ["10.3.249.0/24"]
    for name in names:
        charon.unload_connection(name)
    assert charon.connections() == {}
