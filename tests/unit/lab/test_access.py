# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How people, tests and Ansible reach the nodes."""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from swanlab import connection, inventory, machine
from swanlab.errors import LabError
from swanlab.image import Image
from swanlab.lab import Lab
from swanlab.state import State


def effective(state: State, host: str, tmp_path: Path) -> dict[str, str]:
    """Return what ssh itself makes of the configuration."""
    config = tmp_path / "config"
    config.write_text(connection.render_ssh_config(state))
    done = subprocess.run(
        ["ssh", "-G", "-F", str(config), host], capture_output=True, text=True, check=True, timeout=10
    )
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


def test_ssh_reads_the_configuration_as_meant(machine_state: State, tmp_path: Path) -> None:
    said = effective(machine_state, "berlin", tmp_path)
    assert (said["hostname"], said["port"], said["user"]) == ("127.0.0.1", "2001", "root")
    assert said["identityfile"] == "/cache/key with blank"
    assert said["stricthostkeychecking"] == "true"
    assert said["hostkeyalias"] == "lab"
    assert said["controlpath"].startswith(machine_state.sockets)


def test_a_direct_labs_gateways_have_their_own_addresses(direct_state: State, tmp_path: Path) -> None:
    said = effective(direct_state, "paris", tmp_path)
    assert (said["hostname"], said["port"]) == ("172.31.255.12", "22")


def test_the_inventory_is_yaml_with_all_gateways(machine_state: State) -> None:
    hosts = yaml.safe_load(inventory.render_inventory(machine_state))["gateways"]["hosts"]
    assert set(hosts) == {"berlin", "paris", "madrid", "rome"}
    paris = hosts["paris"]
    assert (paris["ansible_host"], paris["ansible_port"]) == ("127.0.0.1", 2002)
    assert paris["ansible_python_interpreter"] == "/usr/bin/python3"
    assert paris["ansible_pipelining"] is True
    assert shlex.split(paris["ansible_ssh_common_args"]) == ["-F", str(machine_state.ssh_config)]


def test_ansible_keeps_its_connections_where_a_reset_ends_them(machine_state: State) -> None:
    args = shlex.split(str(inventory.host_variables(machine_state, "berlin")["ansible_ssh_args"]))
    assert "ControlMaster=auto" in args
    assert f"ControlPath={machine_state.sockets}/%C" in args


def test_a_percent_sign_in_a_path_is_no_token(machine_state: State, tmp_path: Path) -> None:
    odd = dataclasses.replace(machine_state, private_key="/cache/100%h")
    assert effective(odd, "berlin", tmp_path)["identityfile"] in ("/cache/100%h", "/cache/100%%h")


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("machine", "echo 'a b'"),
        ("router", "nsenter --net=/run/netns/router -- echo 'a b'"),
        ("lan-paris", "nsenter --net=/run/netns/lan-paris -- echo 'a b'"),
        (
            "berlin",
            "nsenter -t \"$(cat /run/swanlab/gateways/berlin/pid)\" -m -u -i -n -p -C -- echo 'a b'",
        ),
    ],
)
def test_a_command_is_quoted_for_the_nodes_shell(machine_state: State, node: str, expected: str) -> None:
    assert Lab(machine_state).command(node, ["echo", "a b"]) == expected


def test_a_direct_labs_names_have_its_prefix(direct_state: State) -> None:
    assert "/run/netns/lab-default-router " in Lab(direct_state).command("router", ["true"])
    assert "/run/swanlab-default/gateways/berlin/pid" in Lab(direct_state).command("berlin", ["true"])


def test_an_unknown_node_is_one_clear_error(machine_state: State) -> None:
    with pytest.raises(LabError, match="no node lyon"):
        Lab(machine_state).command("lyon", ["true"])


def qemu(*, accelerator: str = "tcg", snapshot: str | None = None) -> list[str]:
    image = Image(key="k1", release="bookworm", folder=Path("/cache/images/x"))
    return machine.qemu_argv(
        image,
        disk=Path("disk.qcow2"),
        accelerator=accelerator,
        ports=dict(zip(connection.HOSTS, range(2000, 2005), strict=True)),
        monitor=Path("qmp"),
        serial=Path("serial.log"),
        snapshot=snapshot,
    )


def test_the_machine_is_reached_by_loopback_only_and_reaches_nothing() -> None:
    (net,) = [word for word in qemu() if word.startswith("user,")]
    assert "restrict=on" in net
    assert "hostfwd=tcp:127.0.0.1:2001-172.31.255.11:22" in net
    assert net.count("hostfwd=") == net.count("hostfwd=tcp:127.0.0.1:") == 5


def test_strongswan_sleeps_on_the_machine_itself_only() -> None:
    (arguments,) = [qemu()[at + 1] for at, word in enumerate(qemu()) if word == "-append"]
    assert "systemd.mask=strongswan.service" in arguments


def test_a_snapshot_is_loaded_only_where_there_is_one() -> None:
    assert "-loadvm" not in qemu()
    assert qemu(snapshot="pristine")[-2:] == ["-loadvm", "pristine"]


def test_kvm_and_emulation_differ_in_accelerator_and_processor() -> None:
    assert qemu(accelerator="kvm")[5:9] == ["-accel", "kvm", "-cpu", "host"]
    assert "tcg,thread=multi,tb-size=1024" in qemu()
