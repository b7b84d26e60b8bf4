# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an image or a snapshot of the cache is still the right one."""

from __future__ import annotations

from pathlib import Path

import pytest
from swanlab import connection, image, lifecycle, machine
from swanlab.errors import LabError


def built(key: str = "k1") -> image.Image:
    return image.Image(key=key, release="bookworm", folder=Path("cache/images/x"))


def snapshot(key: str = "k1", *, accelerator: str = "tcg", qemu: str = "QEMU 7.2") -> str:
    return lifecycle.snapshot_key(built(key), accelerator=accelerator, qemu=qemu)


def test_the_same_recipe_has_the_same_key() -> None:
    assert image.image_key("bookworm") == image.image_key("bookworm")


def test_each_release_has_its_key() -> None:
    assert image.image_key("bookworm") != image.image_key("trixie")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MACHINE_PACKAGES", ("systemd",)),
        ("GATEWAY_PACKAGES", ("systemd",)),
        ("INSTALLABLE", ("nftables",)),
        ("RIVALS", ()),
        ("IMAGE_SIZE", "9G"),
        ("DISK_SCRIPT", "true"),
    ],
)
def test_a_changed_recipe_has_another_key(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    before = image.image_key("bookworm")
    monkeypatch.setattr(image, name, value)
    assert image.image_key("bookworm") != before


def test_a_changed_customisation_has_another_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = image.image_key("bookworm")
    changed = tmp_path / "customise.sh"
    changed.write_text(image.CUSTOMISE.read_text() + "true\n")
    monkeypatch.setattr(image, "CUSTOMISE", changed)
    assert image.image_key("bookworm") != before


def test_the_key_knows_nothing_of_this_computers_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    before = image.image_key("bookworm")
    monkeypatch.setenv("SWANFLEET_CACHE", "elsewhere")
    assert image.image_key("bookworm") == before


def test_the_bootstrap_names_no_mirror() -> None:
    argv = image.bootstrap_argv("trixie", image.GATEWAY_PACKAGES, folder=Path("folder"))
    assert argv[-2:] == ["trixie", "folder/trixie.tar"]
    assert not [word for word in argv if "://" in word]


def test_an_unknown_release_is_one_clear_error() -> None:
    with pytest.raises(LabError, match="'buster' is not known"):
        image.image("buster")


def test_a_snapshot_depends_on_image_accelerator_and_qemu() -> None:
    keys = {snapshot(), snapshot("k2"), snapshot(accelerator="kvm"), snapshot(qemu="QEMU 10.0")}
    assert len(keys) == 4
    assert snapshot() == snapshot()


@pytest.mark.parametrize(
    ("name", "value"),
    [("MEMORY", 8192), ("MASKED_ON_MACHINE", ()), ("GUEST_ADDRESSES", dict.fromkeys(connection.HOSTS, "a"))],
)
def test_a_snapshot_depends_on_the_machine(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    before = snapshot()
    monkeypatch.setattr(machine, name, value)
    assert snapshot() != before


def test_a_snapshot_of_a_moved_cache_is_not_found() -> None:
    elsewhere = image.Image(key="k1", release="bookworm", folder=Path("elsewhere"))
    assert lifecycle.snapshot_key(elsewhere, accelerator="tcg", qemu="QEMU 7.2") != snapshot()


def test_a_snapshot_depends_on_the_program_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot()
    monkeypatch.setattr(lifecycle, "program_text", lambda: {"host/topology.py": "other"})
    assert snapshot() != before


def test_the_program_travels_as_one_package() -> None:
    assert {"host/__init__.py", "host/__main__.py", "host/topology.py"} <= set(lifecycle.program_text())
