# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A charon in memory that shows, refuses and forgets as 5.9.8 does; tests/contract/test_charon.py holds it to that."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import (
    DaemonRefused,
    DaemonState,
    DaemonUnavailable,
    Section,
    Tree,
)
from ansible_collections.swanfleet.ipsec.tests.fakes.authorities import FakeAuthorities
from ansible_collections.swanfleet.ipsec.tests.fakes.credentials import FakeCredentials
from ansible_collections.swanfleet.ipsec.tests.fakes.pools import FakePools
from ansible_collections.swanfleet.ipsec.tests.fakes.shunts import FakePolicies

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_VERSIONS = {"0": "IKEv1/2", "1": "IKEv1", "2": "IKEv2"}
_CLASSES = {
    "psk": "pre-shared key", "pubkey": "public key", "xauth": "XAuth",
    **dict.fromkeys(("eap", "eap-tls", "eap-md5", "eap-mschapv2"), "EAP"),
}  # fmt: skip
_ACTIONS = {
    "none": "none",
    "clear": "none",
    "trap": "trap",
    "start": "start",
    "restart": "start",
    "trap|start": "start",
}
_MODES = ("tunnel", "transport", "transport_proxy", "beet", "pass", "drop")
_UNIQUE = ("no", "never", "keep", "replace")
_ALGORITHM = re.compile(r"(aes|camellia|chacha20poly1305|3des|null|sha|md5|default)[a-z0-9-]*")


def _seconds(value: str) -> str:
    match = re.fullmatch(r"(\d+)\s*([smhd]?)", value)
    if match is None:
        raise ValueError(value)
    return str(int(match[1]) * _UNITS[match[2]])


def _one_of(*words: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in words:
            raise ValueError(value)
        return value

    return check


def _any(value: str) -> str:
    return value


def _proposal(value: str) -> str:
    if not _ALGORITHM.fullmatch(value):
        raise ValueError(value)
    return value


def _selector(value: str) -> str:
    network, bracket, rest = value.partition("[")
    if "-" in network:
        return "..".join(str(ipaddress.ip_address(each)) for each in network.split("-")) + bracket + rest
    return value if network == "dynamic" else str(ipaddress.ip_network(network, strict=False)) + bracket + rest


_yes_no = _one_of("yes", "no", "true", "false", "1", "0", "enabled", "disabled")
# What load-conn takes, and how it reads each: a plain value, or each item of a list.
_CONNECTION = {
    "version": _one_of("0", "1", "2"), "encap": _yes_no, "mobike": _yes_no, "aggressive": _yes_no, "pull": _yes_no,
    "send_certreq": _yes_no, "keyingtries": _seconds, "rekey_time": _seconds, "reauth_time": _seconds,
    "over_time": _seconds, "rand_time": _seconds, "dpd_delay": _seconds, "dpd_timeout": _seconds,
    "unique": _one_of(*_UNIQUE), "if_id_in": lambda value: str(int(value, 0)),
    "if_id_out": lambda value: str(int(value, 0)), "local_port": _seconds, "remote_port": _seconds, "dscp": _any,
    "childless": _any, "fragmentation": _any, "send_cert": _any,
}  # fmt: skip
_CONNECTION_LISTS = {"local_addrs": _any, "remote_addrs": _any, "proposals": _proposal, "vips": _any, "pools": _any}
_ROUND = {"auth": _one_of(*_CLASSES), "id": _any, "round": _seconds, "aaa_id": _any, "eap_id": _any, "xauth_id": _any}
_ROUND_LISTS = {"groups": _any, "certs": _any, "pubkeys": _any, "cacerts": _any, "cert_policy": _any}
_CHILD = {
    "mode": _one_of(*_MODES), "start_action": _one_of("none", "trap", "start", "trap|start"),
    "close_action": _one_of(*_ACTIONS), "dpd_action": _one_of(*_ACTIONS), "rekey_time": _seconds,
    "life_time": _seconds, "rand_time": _seconds, "updown": _any, "priority": _seconds, "policies": _yes_no,
    "if_id_in": _any, "if_id_out": _any, "mark_in": _any, "mark_out": _any, "hw_offload": _any, "replay_window": _any,
    "copy_df": _yes_no, "copy_ecn": _yes_no, "copy_dscp": _any, "ipcomp": _yes_no, "inactivity": _seconds,
    "interface": _any, "policies_fwd_out": _yes_no,
}  # fmt: skip
_CHILD_LISTS = {"local_ts": _selector, "remote_ts": _selector, "esp_proposals": _proposal, "ah_proposals": _proposal}
_Readers = Mapping[str, Callable[[str], str]]


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


class FakeCharon(FakeAuthorities, FakeCredentials, FakePools, FakePolicies):
    """Takes the place of `ViciCharon`.

    `reachable` says whether a peer answers an initiation, `declined` names (connection, child) pairs that it does not
    accept. `says` is what it says next about its work. `unavailable` set to an error makes every call raise it, and
    `refuse[command, subject]` makes one call be refused with that reason.
    """

    def __init__(self, *, version: str = "5.9.8", plugins: Sequence[str] = ("openssl", "vici"), since: int = 0) -> None:
        self.loaded: dict[str, Tree] = {}
        FakeCredentials.__init__(self)
        FakePools.__init__(self)
        FakeAuthorities.__init__(self)
        FakePolicies.__init__(self)
        self.commands: Counter[str] = Counter()
        self.reachable = True
        self.unavailable: DaemonUnavailable | None = None
        self.refuse: dict[tuple[str, str], str] = {}
        self.declined: set[tuple[str, str]] = set()
        self.says: list[tuple[str, str]] = []
        self._shown: dict[str, Section] = {}
        self._sas: list[tuple[str, Section]] = []
        self._made_of: dict[str, dict[str, Any]] = {}
        self._ids = 0
        self._daemon = ("charon-systemd", version, tuple(plugins))
        self._start = since

    def restart(self) -> None:
        """Forget everything, as a daemon does that starts again."""
        self.loaded, self.secrets, self._shown, self._sas = {}, {}, {}, []
        self.keys, self.held = {}, {}
        self.held_pools, self.leases = {}, {}
        self.held_authorities, self.taken_out = {}, set()
        self._start += 1

    @property
    def start_id(self) -> str:
        """Return the name of this start, also of a charon that does not answer."""
        return f"boot/{1000 + self._start}/1"

    def state(self) -> DaemonState:
        self._command("version")
        self._command("stats")
        daemon, version, plugins = self._daemon
        since = f"Jan 01 00:{self._start // 60 % 60:02d}:{self._start % 60:02d} 2026"
        return DaemonState(daemon, version, plugins, since, len(self._sas), start_id=self.start_id)

    def connections(self, names: Sequence[str] | None = None) -> dict[str, Section]:
        self._command("list-conns")
        return {name: shown for name, shown in self._shown.items() if names is None or name in names}

    def connection_names(self) -> list[str]:
        self._command("get-conns")
        return list(self.loaded)

    def shared_ids(self) -> list[str]:
        self._command("get-shared")
        return list(self.secrets)

    def sas(self, names: Sequence[str] | None = None) -> list[tuple[str, Section]]:
        self._command("list-sas")
        chosen = [(name, sa) for name, sa in self._sas if names is None or name in names]
        return [(name, {**sa, "child-sas": dict(sa["child-sas"])}) for name, sa in chosen]

    def load_connection(self, name: str, tree: Tree) -> None:
        self._command("load-conn", name)
        self._shown[name] = _shown_connection(name, tree)
        for section in tree.values():
            if isinstance(section, Mapping):
                self.hold_all(section)
        before, self.loaded[name] = self.loaded.get(name, {}), tree
        self.replace_policies(name, before, tree)
        whole = _ike_part(before) != _ike_part(tree)
        children = dict(_sections(tree, "children"))
        for child, what in _sections(before, "children"):
            if _starts(what) and (whole or children.get(child) != what):
                self._close(name, child)
        for child, what in children.items():
            if _starts(what) and (whole or dict(_sections(before, "children")).get(child) != what):
                self._establish(name, child)

    def unload_connection(self, name: str) -> None:
        self._command("unload-conn", name)
        if name not in self.loaded:
            raise DaemonRefused("unload-conn", name, f"unload: connection '{name}' not found")
        if any(_starts(what) for _child, what in _sections(self.loaded[name], "children")):
            self._sas = [(ike, sa) for ike, sa in self._sas if ike != name]
        self.replace_policies(name, self.loaded[name], {})
        del self.loaded[name], self._shown[name]

    def load_shared(self, *, id: str, kind: str, owners: Sequence[str], data: bytes) -> None:  # noqa: A002  # vici's word
        self._command("load-shared", id)
        if kind.lower() not in ("ike", "eap", "xauth", "ntlm"):
            raise DaemonRefused("load-shared", id, f"invalid shared key type: {kind}")
        if not data:
            raise DaemonRefused("load-shared", id, "shared key data missing")
        self.secrets[id] = (kind.lower(), tuple(owners), data)

    def unload_shared(self, id: str) -> None:  # noqa: A002  # vici's word
        self._command("unload-shared", id)
        self.secrets.pop(id, None)

    def initiate(self, *, ike: str, child: str, timeout_ms: int) -> None:
        self._command("initiate", f"{ike}/{child}")
        if child not in self._shown.get(ike, {}).get("children", {}):
            raise DaemonRefused("initiate", f"{ike}/{child}", f"CHILD_SA config '{child}' not found")
        self._establish(ike, child)
        if not self.reachable and timeout_ms >= 0:
            raise DaemonRefused(
                "initiate", f"{ike}/{child}", f"CHILD_SA '{child}' not established after {timeout_ms}ms"
            )

    def terminate(
        self,
        *,
        ike: str | None = None,
        ike_id: int | None = None,
        child: str | None = None,
        child_id: int | None = None,
        timeout_ms: int,  # noqa: ARG002  # ends at once
        force: bool = False,  # noqa: ARG002  # ends always
    ) -> int:
        _need(ike, ike_id, child, child_id)
        self._command("terminate")
        matching = list(self._matching(ike, ike_id))
        if child is None and child_id is None:
            self._sas = [entry for entry in self._sas if entry not in matching]
            return len(matching)
        ended = 0
        for _name, sa in matching:
            for key, what in list(sa["child-sas"].items()):
                if child in (None, what["name"]) and child_id in (None, int(what["uniqueid"])):
                    del sa["child-sas"][key]
                    ended += 1
        return ended

    def rekey(self, *, ike: str | None = None, child: str | None = None, reauth: bool = False) -> int:  # noqa: ARG002
        _need(ike, child)
        self._command("rekey")
        matching = list(self._matching(ike, None))
        if child is None:
            return len(matching)
        return sum(what["name"] == child for _name, sa in matching for what in sa["child-sas"].values())

    def algorithms(self) -> dict[str, dict[str, str]]:
        self._command("get-algorithms")
        return {
            "encryption": {"AES_CBC": "openssl"},
            "aead": {"AES_GCM_16": "openssl"},
            "prf": {"PRF_HMAC_SHA2_256": "openssl"},
        }

    def overheard(self) -> list[tuple[str, str]]:
        said, self.says = self.says, []
        return said

    def close(self) -> None:
        """Do nothing: there is no session."""

    def __enter__(self) -> FakeCharon:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _command(self, command: str, subject: str = "") -> None:
        if self.unavailable is not None:
            raise self.unavailable
        self.commands[command] += 1
        if (command, subject) in self.refuse:
            raise DaemonRefused(command, subject, self.refuse[command, subject])

    def _matching(self, ike: str | None, ike_id: int | None) -> Iterator[tuple[str, Section]]:
        for name, sa in self._sas:
            if ike in (None, name) and ike_id in (None, int(sa["uniqueid"])):
                yield name, sa

    def _establish(self, ike: str, child: str) -> None:
        """Set a CHILD_SA up, on the IKE_SA of this very configuration or a new one; the peer may decline it."""
        if not self.reachable or (ike, child) in self.declined:
            return
        self._ids += 1
        shown, mine = self._shown[ike], _ike_part(self.loaded[ike])
        sa = next((sa for name, sa in self._sas if name == ike and self._made_of[sa["uniqueid"]] == mine), None)
        if sa is None:
            sa = {"uniqueid": str(self._ids), "version": shown["version"][4:5], "state": "ESTABLISHED", "child-sas": {}}
            sa["established"] = "0"
            self._made_of[str(self._ids)] = mine
            self._sas.append((ike, sa))
        what = shown["children"][child]
        sa["child-sas"][f"{child}-{self._ids}"] = {
            "name": child,
            "uniqueid": str(self._ids),
            "state": "INSTALLED",
            "mode": what["mode"],
            "local-ts": what["local-ts"],
            "remote-ts": what["remote-ts"],
        }

    def _close(self, ike: str, child: str) -> None:
        """End the CHILD_SAs of a name, and every IKE_SA that carries nothing else."""
        for _name, sa in self._matching(ike, None):
            for key in [key for key, what in sa["child-sas"].items() if what["name"] == child]:
                del sa["child-sas"][key]
        self._sas = [(name, sa) for name, sa in self._sas if name != ike or sa["child-sas"]]


def _ike_part(tree: Tree) -> dict[str, Any]:
    return {key: value for key, value in tree.items() if key != "children"}


def _starts(child: Mapping[str, Any]) -> bool:
    return child.get("start_action") in ("start", "trap|start") and child.get("mode") not in ("pass", "drop")


def _need(*criteria: object) -> None:
    if all(each is None for each in criteria):
        raise TypeError("say which SAs: all of them is never meant")


def _sections(tree: Mapping[str, Any], name: str) -> list[tuple[str, Mapping[str, Any]]]:
    return list(tree.get(name, {}).items())


def _read(name: str, tree: Mapping[str, Any], plain: _Readers, lists: _Readers) -> dict[str, Any]:
    """Read the values of one section as charon does; it refuses a list for a plain value and the other way round."""
    read: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            continue
        readers = plain if isinstance(value, (str, bytes)) else lists
        if key not in readers:
            raise DaemonRefused("load-conn", name, f"unknown option: {key}, config discarded")
        try:
            many = [readers[key](_text(each)) for each in ([value] if readers is plain else value)]
        except ValueError:
            raise DaemonRefused("load-conn", name, f"invalid value for: {key}, config discarded") from None
        read[key] = many[0] if readers is plain else many
    return read


def _shown_connection(name: str, tree: Tree) -> Section:
    """Return what list-conns shows of a connection; raise DaemonRefused for what load-conn refuses."""
    read = _read(name, tree, _CONNECTION, _CONNECTION_LISTS)
    rounds: dict[str, list[Section]] = {"local": [], "remote": []}
    for key, value in tree.items():
        if isinstance(value, Mapping) and key != "children":
            side = next((side for side in rounds if key.startswith(side)), None)
            if side is None:
                raise DaemonRefused("load-conn", name, f"invalid section: {key}")
            rounds[side].append(_shown_round(_read(name, value, _ROUND, _ROUND_LISTS)))
    shown: Section = {
        "local_addrs": read.get("local_addrs") or ["%any"],
        "remote_addrs": read.get("remote_addrs") or ["%any"],
        "version": _VERSIONS[read.get("version", "0")],
        "reauth_time": read.get("reauth_time", "0"),
        "rekey_time": read.get("rekey_time", "0" if "reauth_time" in read else "14400"),
        "unique": "UNIQUE_" + read.get("unique", "no").upper(),
    }
    shown.update({key: read[key] for key in ("dpd_delay", "dpd_timeout") if read.get(key, "0") != "0"})
    for side, shown_rounds in rounds.items():
        shown.update({f"{side}-{n}": each for n, each in enumerate(shown_rounds or [_shown_round({})], start=1)})
    shown["children"] = {
        child: _shown_child(_read(name, what, _CHILD, _CHILD_LISTS)) for child, what in _sections(tree, "children")
    }
    return shown


def _shown_round(read: Mapping[str, Any]) -> Section:
    shown: Section = {}
    if "id" in read:
        shown["id"] = re.sub(r"^(fqdn|email|keyid|ipv4|ipv6):", "", read["id"])
    if "auth" in read:
        shown["class"] = _CLASSES[read["auth"]]
    return {**shown, **{key: read.get(key, []) for key in ("groups", "cert_policy", "certs", "cacerts")}}


def _shown_child(read: Mapping[str, Any]) -> Section:
    shown: Section = {
        "mode": read.get("mode", "tunnel").upper(),
        "rekey_time": read.get("rekey_time", "3600"),
        "rekey_bytes": "0",
        "rekey_packets": "0",
        "dpd_action": _ACTIONS[read.get("dpd_action", "none")],
        "close_action": _ACTIONS[read.get("close_action", "none")],
        "local-ts": read.get("local_ts") or ["dynamic"],
        "remote-ts": read.get("remote_ts") or ["dynamic"],
    }
    if read.get("priority", "0") != "0":
        shown["priority"] = read["priority"]
    return shown
