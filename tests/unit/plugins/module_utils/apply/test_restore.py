# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restoring puts back all that goes: what fails is told, and keeps nothing else away."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.apply.restore import restore
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import (
    DaemonAbsent,
    DaemonHung,
    DaemonState,
    DaemonUnavailable,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.files import FileTrouble
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.iproute2 import KernelRefused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import LockBusy
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.daemon import loaded_parts
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, PARIS_LAN, apply, config
from ansible_collections.swanfleet.ipsec.tests.fakes.host import FakeHost, wan_host
from ansible_collections.swanfleet.ipsec.tests.fakes.kernel import FakeLink
from ansible_collections.swanfleet.ipsec.tests.fakes.units import STOPPED

NAMES = ("athens", "berlin", "cairo")


NUMBERS = dict(enumerate(NAMES, start=2))
THREE = config(
    [
        {**PARIS, "name": name, "remote_endpoints": [f"198.51.100.{n}"], "xfrm_interface": f"x-{name}", "psk": name}
        for n, name in NUMBERS.items()
    ],
    [{**PARIS_LAN, "phase1": name, "remote_networks": [f"10.{n}.0.0/24"]} for n, name in NUMBERS.items()],
    [
        {"name": f"x-{name}", "addresses": [f"10.255.{n}.1/30"], "parent": "wan1" if name == "berlin" else None}
        for n, name in NUMBERS.items()
    ],
)


@pytest.fixture
def host() -> FakeHost:
    """Return a gateway with three tunnels, each with a link of its own; berlin's has the parent wan1."""
    made = wan_host()
    made.kernel.links["wan1"] = FakeLink("veth", up=True)
    apply(made, THREE)
    made.reset()
    return made


def after_boot(host: FakeHost, *, parent: bool = True) -> FakeHost:
    """Take away what a reboot takes, and the parent of berlin's link if it is late."""
    for name in [name for name in host.kernel.links if name.startswith("x-")]:
        del host.kernel.links[name]
    if not parent:
        del host.kernel.links["wan1"]
    host.charon.restart()
    return host


def test_a_link_whose_parent_is_late_keeps_no_other_away(host: FakeHost) -> None:
    before = host.state()
    after_boot(host, parent=False)
    done = restore(host.host, with_daemon=False)
    [failure] = done.failures
    assert failure.startswith("add link x-berlin: ip link add dev x-berlin type xfrm dev wan1 if_id")
    assert failure.endswith('Cannot find device "wan1"')
    assert [str(step) for step in done.steps] == [
        "add link x-athens", "add address 10.255.2.1/30 on x-athens", "add route 10.2.0.0/24 by x-athens",
        "add link x-cairo", "add address 10.255.4.1/30 on x-cairo", "add route 10.4.0.0/24 by x-cairo",
    ]  # fmt: skip
    assert host.state()["links"] == {
        name: link for name, link in before["links"].items() if name not in ("x-berlin", "wan1")
    }
    assert len(host.kernel.batches) == 2, "one process more for each link that fails"

    host.kernel.links["wan1"] = FakeLink("veth", up=True)
    assert restore(host.host, with_daemon=False).failures == ()
    assert host.state()["links"] == before["links"]


def test_a_link_of_somebody_else_keeps_no_other_away(host: FakeHost) -> None:
    after_boot(host)
    host.kernel.links["x-athens"] = FakeLink("bridge")
    [failure] = restore(host.host, with_daemon=False).failures
    assert "xfrm_interface x-athens: name is 'x-athens': the host has a link of this name" in failure
    assert {"x-berlin", "x-cairo"} <= host.kernel.links.keys()
    assert host.kernel.links["x-athens"] == FakeLink("bridge")


@pytest.mark.parametrize(
    ("command", "step", "kept"),
    [
        pytest.param("load-conn", "load connection berlin", {"athens", "cairo"}, id="a connection"),
        pytest.param("load-shared", "load secret ike-berlin", set(NAMES), id="a secret"),
    ],
)
def test_what_charon_refuses_keeps_nothing_else_away(host: FakeHost, command: str, step: str, kept: set[str]) -> None:
    subject = "berlin" if command == "load-conn" else _secret(host)
    after_boot(host)
    host.charon.refuse[command, subject] = "it is full"
    done = restore(host.host, with_daemon=True)
    assert done.failures == (f"{step}: charon refused {command} '{subject}': it is full",)
    assert set(host.charon.loaded) == kept
    assert {"x-athens", "x-berlin", "x-cairo"} <= host.kernel.links.keys()

    host.charon.refuse.clear()
    assert restore(host.host, with_daemon=True).failures == ()
    assert (set(host.charon.loaded), len(host.charon.secrets)) == (set(NAMES), len(NAMES))
    assert not apply(host, THREE).changed


def _secret(host: FakeHost) -> str:
    return next(key for key in host.charon.secrets if key.startswith("ike-berlin"))


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        pytest.param(DaemonHung("charon did not answer"), "charon did not answer", id="hung"),
        pytest.param(DaemonAbsent("nobody listens"), "charon is not running", id="down"),
    ],
)
def test_without_charon_the_rest_is_put_back_and_its_absence_is_a_failure(
    host: FakeHost, trouble: DaemonUnavailable, told: str
) -> None:
    before = host.state()
    after_boot(host)
    host.charon.unavailable = trouble
    host.units.units["strongswan.service"] = STOPPED
    host.host.generations.write({"format": 1, "objects": {}, "if_ids": {}}, {})
    [failure] = restore(host.host, with_daemon=True).failures
    assert told in failure
    assert host.state()["links"] == before["links"]
    # What an unfinished run may have loaded into a charon that hangs must still be known when it answers.
    assert host.host.generations.unfinished() == ([2] if isinstance(trouble, DaemonHung) else [])


def test_a_charon_that_stops_answering_is_not_asked_for_each_tunnel(host: FakeHost) -> None:
    after_boot(host)
    asked: list[str] = []

    def hangs(name: str, _tree: object) -> None:
        asked.append(name)
        raise DaemonHung("charon did not answer 'load-conn'")

    host.charon.load_connection = hangs  # type: ignore[method-assign,assignment]
    [failure] = restore(host.host, with_daemon=True).failures
    assert (failure, asked) == ("load connection athens: charon did not answer 'load-conn'", ["athens"])


def test_a_disk_that_cannot_be_written_keeps_no_link_away_and_leaves_no_false_record(host: FakeHost) -> None:
    after_boot(host)
    host.files.remove(host.paths.connections_file)

    def full(*_anything: object) -> None:
        raise FileTrouble("cannot write: No space left on device")

    host.files.replace_all = host.files.replace = full  # type: ignore[method-assign,assignment]
    done = restore(host.host, with_daemon=False)
    assert done.failures == ("write file connections: cannot write: No space left on device",)
    assert done.notes == ("record what charon holds: cannot write: No space left on device",)
    assert {"x-athens", "x-berlin", "x-cairo"} <= host.kernel.links.keys()
    record, file = map(host.files.read, (host.paths.loaded_record, host.paths.connections_file))
    later = DaemonState("charon-systemd", "5.9.8", (), "", 0, start_id="later", started=4e9)
    assert loaded_parts(later, record, file, None) == {}


def test_a_hung_ip_is_not_asked_again(host: FakeHost) -> None:
    after_boot(host)
    batches: list[object] = []

    def hung(commands: object) -> None:
        batches.append(commands)
        raise KernelRefused("ip -batch - did not end within 60 seconds")

    host.kernel.run = hung  # type: ignore[method-assign]
    [failure] = restore(host.host, with_daemon=False).failures
    assert failure == "add link x-athens: ip -batch - did not end within 60 seconds"
    assert len(batches) == 1


def test_a_charon_that_hangs_is_not_asked_and_what_is_known_of_it_stays(host: FakeHost) -> None:
    del host.kernel.links["x-cairo"]
    host.files.append(host.paths.journal, b"berlin\n")
    host.charon.commands.clear()
    restored = restore(host.host, with_daemon=True, daemon_hangs=True)
    assert str(restored.steps[0]) == "add link x-cairo"
    assert restored.failures == ()
    assert not host.charon.commands
    # A run that was killed may have loaded this one; only charon itself could say.
    journal = host.files.read(host.paths.journal)
    assert journal is not None
    assert journal.content == b"berlin\n"


def test_a_generation_that_is_known_is_not_read_again(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    known = restore(host.host, with_daemon=True).stored
    assert known is not None
    objects = f"{host.paths.generations}/{known.number}/objects.json"
    read = host.files.read

    def unread(path: str) -> object:
        assert path != objects
        return read(path)

    monkeypatch.setattr(host.files, "read", unread)
    assert restore(host.host, with_daemon=True, known=known).stored == known


def test_the_lock_is_waited_for_as_long_as_the_caller_wants(host: FakeHost) -> None:
    host.files.locked_by = "process 7, ipsec_gateway"
    with pytest.raises(LockBusy, match=r"let go of it in 0 seconds"):
        restore(host.host, with_daemon=True, patience=0.0)
