# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's settings as keys of swanctl.conf, and back: what starts and restarts, who rekeys, how dead peers are found.

Where charon's default is what is wanted the key is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..desired.page_settings import Dpd, PageSettings
from ..desired.phase1 import Phase1
from ..desired.phase2 import Phase2

START_ACTION = {"start_on_demand": "trap|start", "on_demand": "trap", "start": "start", "none": "none"}
CLOSE_ACTION = {"none": "none", "connect": "start", "on_demand": "trap", "connect_on_demand": "trap|start"}
DPD_ACTION = {"none": "none", "restart": "start", "on_demand": "trap", "restart_on_demand": "trap|start"}


class Section(Protocol):
    """The values of a section that was read: what each key means, given or not."""

    def __getitem__(self, key: str) -> Any: ...


def connection_keys(connection: Phase1) -> dict[str, str]:
    """Return the keys of a connection's section that its page settings and its lifetime make."""
    rekey_time, over_time = connection.times(connection.lifetime)
    keys = {"rekey_time": str(rekey_time if connection.rekey else 0), "over_time": str(over_time)}
    if connection.dpd.enabled:
        keys["dpd_delay"] = str(connection.dpd.delay)
        if connection.ike_version == 1 and connection.dpd.timeout:
            keys["dpd_timeout"] = str(connection.dpd.timeout)
    if connection.nat_traversal == "force":
        keys["encap"] = "yes"
    return keys


def child_keys(child: Phase2, connection: Phase1) -> dict[str, str]:
    """Return the keys of a child's section that the page settings of its connection and its lifetime make."""
    # Where only an end by what was carried is said, 5.9.8 would not rekey before it, so that is always told.
    keys = {"life_time": str(child.lifetime), "start_action": START_ACTION[connection.start_type]}
    for what, life in (("time", child.lifetime), ("bytes", child.life_bytes), ("packets", child.life_packets)):
        after = child.rekeyed_after(what, life)
        if after is not None:
            keys[f"rekey_{what}"] = str(after if connection.rekey else 0)
            if not connection.rekey:
                # It is taken off, and is not 0 by itself: the time would come out below zero (child_cfg.c).
                keys[f"rand_{what}"] = "0"
    if connection.close_action != "none":
        keys["close_action"] = CLOSE_ACTION[connection.close_action]
    if connection.dpd_action != "none":
        keys["dpd_action"] = DPD_ACTION[connection.dpd_action]
    return keys


def at_rest(keys: Mapping[str, str]) -> dict[str, str]:
    """Return the keys of a child's section on standby: neither a start, nor a trap, nor an end, makes it initiate."""
    kept = {key: value for key, value in keys.items() if key not in ("close_action", "dpd_action")}
    return {**kept, "start_action": START_ACTION["none"]}


def page_options(connection: Section, child: Section | None) -> dict[str, Any]:
    """Return the options that the read keys of a connection and of its first child stand for."""
    init_type = _option(START_ACTION, child, "start_action")
    return {
        "init_type": None if init_type == PageSettings().start_type else init_type,
        "connection_type": "tunnel" if child is None else child["mode"],
        "encryption_type": "ah" if child is not None and child["ah_proposals"] else "esp",
        "close_action": _option(CLOSE_ACTION, child, "close_action"),
        "nat_traversal": "force" if connection["encap"] else "auto",
        "dpd": _dpd(connection, child, init_type),
    }


def _option(texts: Mapping[str, str], child: Section | None, key: str) -> str:
    """Return the option's value for a child's actions; a connection without children starts nothing."""
    values = {frozenset(text.split("|")) - {"none"}: value for value, text in texts.items()}
    return values[child[key] if child is not None else frozenset()]


def _dpd(connection: Section, child: Section | None, init_type: str) -> dict[str, Any]:
    delay, timeout = connection["dpd_delay"], connection["dpd_timeout"]
    action = _option(DPD_ACTION, child, "dpd_action")
    usual = PageSettings(init_type=init_type).dpd_action
    # Where it means nothing to charon it is not written, and one below the delay would mean nothing to anybody.
    silent = not (delay and connection["version"] == 1)
    if silent and timeout < max(delay, 1):
        timeout = Dpd.timeout if delay <= Dpd.timeout else 0
    return {
        "enabled": bool(delay),
        "delay": delay or Dpd.delay,
        "timeout": timeout,
        "action": None if action == usual else action,
    }


def meaningless(connection: Section) -> frozenset[str]:
    """Return the keys of a connection that mean nothing to charon beside its others, whatever they say."""
    heeded = connection["dpd_delay"] and connection["version"] == 1
    return frozenset() if heeded else frozenset({"dpd_timeout"})
