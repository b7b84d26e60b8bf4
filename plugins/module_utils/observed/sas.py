# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live SAs as charon shows them, in one flat form for results and plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .values import LiveChild, LiveSa

# States of strongSwan's ike_sa_state_names and child_sa_state_names (src/libcharon/sa).
_ENDING = ("REKEYED", "DELETING", "DELETED", "DESTROYING")
_CARRYING = ("INSTALLED", "UPDATING", "REKEYING", "RETRYING")
# Tasks that set an SA up (task_type_names, the same directory).
_SETTING_UP = frozenset(
    "IKE_INIT IKE_AUTH IKE_CONFIG IKE_CERT_PRE IKE_CERT_POST CHILD_CREATE IKE_REAUTH IKE_REAUTH_COMPLETE "
    "ISAKMP_VENDOR MAIN_MODE AGGRESSIVE_MODE QUICK_MODE".split()
)
_NO_SPI = "0000000000000000"
_CHILD_COUNTERS = ("bytes-in", "packets-in", "bytes-out", "packets-out", "install-time", "rekey-time", "life-time")


def sas_as_data(listed: Sequence[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return IKE SAs with their CHILD_SAs, sorted by connection and unique id (vici, event list-sa)."""
    found = [_ike(name, tree) for name, tree in listed]
    return sorted(found, key=lambda sa: (sa["name"], sa["unique_id"]))


def _ike(name: str, tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "unique_id": int(tree.get("uniqueid", 0)),
        "ike_version": int(tree.get("version", 0)),
        "state": str(tree.get("state", "")),
        "initiator": tree.get("initiator") == "yes",
        "local": _end(tree, "local"),
        "remote": _end(tree, "remote"),
        "algorithms": _algorithms(tree, ("encr-alg", "encr-keysize", "integ-alg", "prf-alg", "dh-group")),
        "established_seconds": int(tree.get("established", 0)),
        "children": sorted(
            (_child(child) for child in tree.get("child-sas", {}).values()),
            key=lambda each: (each["name"], each["unique_id"]),
        ),
    }


def _end(tree: Mapping[str, Any], side: str) -> dict[str, Any]:
    return {
        "address": str(tree.get(f"{side}-host", "")),
        "port": int(tree.get(f"{side}-port", 0)),
        "id": str(tree.get(f"{side}-id", "")),
    }


def _child(tree: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": str(tree.get("name", "")),
        "unique_id": int(tree.get("uniqueid", 0)),
        "state": str(tree.get("state", "")),
        "mode": str(tree.get("mode", "")),
        "protocol": str(tree.get("protocol", "")),
        "encapsulated": tree.get("encap") == "yes",
        "spi_in": str(tree.get("spi-in", "")),
        "spi_out": str(tree.get("spi-out", "")),
        "algorithms": _algorithms(tree, ("encr-alg", "encr-keysize", "integ-alg", "dh-group")),
        "local_networks": sorted(tree.get("local-ts", ())),
        "remote_networks": sorted(tree.get("remote-ts", ())),
    }
    for counter in _CHILD_COUNTERS:
        found[counter.replace("-", "_")] = int(tree.get(counter, 0))
    return found


def _algorithms(tree: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return the negotiated algorithms in one text, such as AES_GCM_16-256-ECP_256."""
    return "-".join(str(tree[key]) for key in keys if tree.get(key))


def live_sas(listed: Sequence[tuple[str, Mapping[str, Any]]], *, ending: bool = False) -> dict[str, tuple[LiveSa, ...]]:
    """Return what decides about a change of live SAs, by connection; SAs that are ending already only if asked for."""
    found: dict[str, list[LiveSa]] = {}
    for name, tree in listed:
        if ending or tree.get("state") not in _ENDING:
            found.setdefault(name, []).append(_live(tree, ending=ending))
    return {name: tuple(sas) for name, sas in found.items()}


def _live(tree: Mapping[str, Any], *, ending: bool) -> LiveSa:
    children = [
        LiveChild(
            str(child.get("name", "")),
            int(child.get("uniqueid", 0)),
            child.get("state") in _CARRYING,
            tuple(child.get("local-ts", ())),
            tuple(child.get("remote-ts", ())),
        )
        for child in tree.get("child-sas", {}).values()
        if ending or child.get("state") not in _ENDING
    ]
    return LiveSa(
        unique_id=int(tree.get("uniqueid", 0)),
        established=tree.get("state") not in ("CREATED", "CONNECTING"),
        busy=any(task in _SETTING_UP for key in ("tasks-queued", "tasks-active") for task in tree.get(key, ())),
        children=tuple(children),
        answered=tree.get("responder-spi", "") != _NO_SPI,
    )
