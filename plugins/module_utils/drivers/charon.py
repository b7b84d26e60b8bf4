# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine asks of the IKE daemon, and how charon is asked: one vici session for everything.

Source: strongSwan, src/libcharon/plugins/vici/README.md, the commands; their behaviour was tried on 5.9.8.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Protocol

from .lookups import lookups
from .vici import ProtocolError, Section, Tree
from .vici_session import DEFAULT_URI, DaemonAbsent, DaemonHung, DaemonRefused, DaemonUnavailable, Session

__all__ = [
    "DEFAULT_URI",
    "READING_COMMANDS",
    "Charon",
    "DaemonAbsent",
    "DaemonHung",
    "DaemonRefused",
    "DaemonState",
    "DaemonUnavailable",
    "ProtocolError",
    "Section",
    "Tree",
    "ViciCharon",
]

READING_COMMANDS = frozenset(
    (
        *("version", "stats", "list-conns", "list-sas", "list-policies", "get-conns", "get-shared", "get-algorithms"),
        *("get-pools", "get-keys", "list-certs", "list-authorities"),
    )
)

# Asking for one connection costs charon a look at all of them, and about 1 ms of ours; the whole list costs 66 ms at
# a thousand connections. Up to this many names are asked for one by one.
_ASKED_ONE_BY_ONE = 32

# How long charon may look one name up: resolv.conf(5) lets the resolver wait 5 s for each of three servers, and then once
# more for a little less.
_LOOKUP_MS = 30_000


@dataclass(frozen=True)
class DaemonState:
    """The daemon as it runs now.

    `start_id` tells one start from another: boot, pid and the kernel's start time of that process; empty where the
    daemon's process cannot be seen from here. `since` cannot do that: charon computes it anew for each answer from two
    clocks in whole seconds (local time without a zone, "Nov 23 09:02:59 2026"), so it wavers by a second, moves when
    the clock is set, and stays when charon is back 20 ms after a crash. So it does not count when states are compared.
    `started` is the start in seconds since the epoch, by this host's clock; 0 where it cannot be seen.
    """

    daemon: str
    version: str
    plugins: tuple[str, ...]
    since: str = field(compare=False)
    ike_sas: int
    start_id: str = ""
    started: float = field(default=0.0, compare=False)


class Charon(Protocol):
    """The IKE daemon. Every call may raise DaemonUnavailable or ProtocolError; the writing ones DaemonRefused."""

    @property
    def commands(self) -> Counter[str]:
        """Count the commands sent to the daemon, by their vici names."""

    def state(self) -> DaemonState:
        """Read version, plugins and start of the daemon."""

    def connections(self, names: Sequence[str] | None = None) -> dict[str, Section]:
        """Read loaded connections by name, all or those of `names` that exist, as `list-conns` shows them."""

    def connection_names(self) -> list[str]:
        """Read the names of all connections loaded over vici, in the daemon's order."""

    def shared_ids(self) -> list[str]:
        """Read the ids of all shared secrets loaded over vici with an id, in the daemon's order."""

    def sas(self, names: Sequence[str] | None = None) -> list[tuple[str, Section]]:
        """Read the IKE_SAs, all or those of `names`, as (connection, tree of `list-sas`), in the daemon's order."""

    def load_connection(self, name: str, tree: Tree) -> None:
        """Load or replace one connection; `tree` is what stands in its section of swanctl.conf, lists as lists."""

    def unload_connection(self, name: str) -> None:
        """Unload one connection; its SAs stay up unless a child's start_action was start."""

    def load_shared(self, *, id: str, kind: str, owners: Sequence[str], data: bytes) -> None:  # noqa: A002  # vici's word
        """Load or replace the secret `id`; `kind` is ike, eap, xauth, ntlm or ppk, no `owners` means any."""

    def unload_shared(self, id: str) -> None:  # noqa: A002  # vici's word
        """Drop the secret `id`; charon takes one that is not loaded as done."""

    def key_ids(self) -> list[str]:
        """Read what charon calls the private keys that it holds: SHA-1 of their public keys, in hexadecimal."""

    def certificates(self) -> list[tuple[str, bytes]]:
        """Read the certificates and revocation lists that charon holds, as (type, DER); the type is X509 or X509_CRL."""

    def load_key(self, data: bytes) -> str:
        """Load a private key (PEM, not encrypted), and return what charon calls it."""

    def unload_key(self, id: str) -> None:  # noqa: A002  # vici's word
        """Drop a private key; one that is not loaded is no error."""

    def load_token(self, place: Mapping[str, str]) -> str:
        """Load a private key that stays on a token (handle, slot, module, pin), and return what charon calls it."""

    def load_certificate(self, *, kind: str, flag: str, data: bytes) -> None:
        """Load a certificate (X509, with the flag CA or NONE) or a revocation list (X509_CRL); there is no unloading."""

    def clear_credentials(self) -> None:
        """Drop all certificates, keys, revocation lists and shared secrets, whoever loaded them."""

    def pools(self) -> dict[str, Section]:
        """Read the pools loaded over vici by name: base, size, and how many of their addresses are in use (online)."""

    def load_pool(self, name: str, tree: Tree) -> None:
        """Load a pool, or replace one; refused where its addresses become others while some are in use."""

    def unload_pool(self, name: str) -> None:
        """Unload a pool; refused while some of its addresses are in use."""

    def authorities(self) -> dict[str, Section]:
        """Read the authorities loaded over vici by name: the certificate's subject, and where charon asks about it."""

    def load_authority(self, name: str, tree: Tree) -> None:
        """Load an authority, or replace one; `tree` is what stands in its section, the certificate (cacert) as PEM."""

    def unload_authority(self, name: str) -> None:
        """Unload an authority, with its certificate unless that was loaded by itself as well."""

    def initiate(self, *, ike: str, child: str, timeout_ms: int) -> None:
        """Bring a CHILD_SA up, and wait up to `timeout_ms`; -1 does not wait, 0 means no bound."""

    def terminate(
        self,
        *,
        ike: str | None = None,
        ike_id: int | None = None,
        child: str | None = None,
        child_id: int | None = None,
        timeout_ms: int,
        force: bool = False,
    ) -> int:
        """End the SAs that match all that is given, and return how many ended; none matching is 0, no error."""

    def rekey(self, *, ike: str | None = None, child: str | None = None, reauth: bool = False) -> int:
        """Have the matching SAs rekeyed, or an IKE_SA authenticated again; return how many matched, without waiting."""

    def algorithms(self) -> dict[str, dict[str, str]]:
        """Read what is implemented: kind of algorithm → name → plugin."""

    def traps(self) -> frozenset[tuple[str, str]]:
        """Read which (connection, child) have a trap policy, which starts them when traffic flows."""

    def shunts(self) -> dict[tuple[str, str], str]:
        """Read which (connection, child) have policies without an SA, whoever loaded them: "PASS" or "DROP" of each."""

    def install(self, *, ike: str, child: str) -> None:
        """Give the kernel the policies of a child again, a trap or a shunt; one that has them is left as it is."""

    def uninstall(self, *, ike: str, child: str) -> None:
        """Take the policies of a trap or a shunt from the kernel, and leave the connection and its SAs as they are."""

    def overheard(self) -> list[tuple[str, str]]:
        """Return what charon has said about its work since the last call, as (connection or empty, text), without waiting.

        The first call begins to listen, until the session ends. These are messages of vici (event log), no log file.
        """

    def close(self) -> None:
        """End the session; a later call opens another one."""


class ViciCharon:
    """charon over its vici socket; connects at the first call. `timeout` in seconds bounds connect and each answer.

    `obeyed` is called whenever it has done, or refused, what it was told to.
    """

    def __init__(
        self, uri: str = DEFAULT_URI, *, timeout: float = 10.0, obeyed: Callable[[], None] | None = None
    ) -> None:
        self.session = Session(uri, timeout=timeout)
        self._obeyed = obeyed or (lambda: None)

    def __enter__(self) -> ViciCharon:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def commands(self) -> Counter[str]:
        return self.session.commands

    def state(self) -> DaemonState:
        version = self.session.request("version")
        stats = self.session.request("stats")
        start_id, started = _start(self.session.daemon_pid())
        try:
            return DaemonState(
                daemon=version["daemon"],
                version=version["version"],
                plugins=tuple(stats["plugins"]),
                since=stats["uptime"]["since"],
                ike_sas=int(stats["ikesas"]["total"]),
                start_id=start_id,
                started=started,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ProtocolError(f"charon's answers to version and stats lack what they should have: {error}") from error

    def connections(self, names: Sequence[str] | None = None) -> dict[str, Section]:
        found: dict[str, Section] = {}
        if names is not None and len(names) <= _ASKED_ONE_BY_ONE:
            for name in names:
                for message in self.session.stream("list-conns", "list-conn", {"ike": name}):
                    found.update(message)
            return found
        for message in self.session.stream("list-conns", "list-conn"):
            found.update(message)
        if names is not None:
            return {name: found[name] for name in names if name in found}
        return found

    def connection_names(self) -> list[str]:
        return list(self.session.request("get-conns").get("conns", []))

    def shared_ids(self) -> list[str]:
        return list(self.session.request("get-shared").get("keys", []))

    def sas(self, names: Sequence[str] | None = None) -> list[tuple[str, Section]]:
        if names is not None and len(names) <= _ASKED_ONE_BY_ONE:
            return [pair for name in names for pair in self._sas({"ike": name})]
        return [pair for pair in self._sas({}) if names is None or pair[0] in names]

    def _sas(self, which: Tree) -> list[tuple[str, Section]]:
        return [pair for message in self.session.stream("list-sas", "list-sa", which) for pair in message.items()]

    def load_connection(self, name: str, tree: Tree) -> None:
        # charon installs traps before it answers, and looks the peer up for each: a silent name server takes its time.
        self._order("load-conn", name, {name: tree}, waits_ms=lookups(tree) * _LOOKUP_MS)

    def unload_connection(self, name: str) -> None:
        self._order("unload-conn", name, {"name": name})

    def load_shared(self, *, id: str, kind: str, owners: Sequence[str], data: bytes) -> None:  # noqa: A002  # vici's word
        self._order("load-shared", id, {"id": id, "type": kind, "data": data, "owners": list(owners)})

    def unload_shared(self, id: str) -> None:  # noqa: A002  # vici's word
        self._order("unload-shared", id, {"id": id})

    def key_ids(self) -> list[str]:
        return list(self.session.request("get-keys").get("keys", []))

    def certificates(self) -> list[tuple[str, bytes]]:
        told = self.session.stream("list-certs", "list-cert")
        return [(each["type"], each["data"].encode("utf-8", "surrogateescape")) for each in told if "data" in each]

    def load_key(self, data: bytes) -> str:
        return str(self._order("load-key", "a private key", {"type": "any", "data": data}).get("id", ""))

    def unload_key(self, id: str) -> None:  # noqa: A002  # vici's word
        if id in self.key_ids():
            self._order("unload-key", id, {"id": id})

    def load_token(self, place: Mapping[str, str]) -> str:
        # Without one charon cannot tell the key's public part, as where the token has neither that nor a certificate.
        return str(self._order("load-token", "a private key on a token", place).get("id", ""))

    def load_certificate(self, *, kind: str, flag: str, data: bytes) -> None:
        self._order("load-cert", f"a certificate ({kind}, {flag})", {"type": kind, "flag": flag, "data": data})

    def clear_credentials(self) -> None:
        self.session.request("clear-creds")

    def pools(self) -> dict[str, Section]:
        return dict(self.session.request("get-pools"))

    def load_pool(self, name: str, tree: Tree) -> None:
        self._order("load-pool", name, {name: tree})

    def unload_pool(self, name: str) -> None:
        self._order("unload-pool", name, {"name": name})

    def authorities(self) -> dict[str, Section]:
        told = self.session.stream("list-authorities", "list-authority")
        return {name: shown for message in told for name, shown in message.items()}

    def load_authority(self, name: str, tree: Tree) -> None:
        self._order("load-authority", name, {name: tree})

    def unload_authority(self, name: str) -> None:
        self._order("unload-authority", name, {"name": name})

    def initiate(self, *, ike: str, child: str, timeout_ms: int) -> None:
        message = {"ike": ike, "child": child, "timeout": str(timeout_ms)}
        self._order("initiate", f"{ike}/{child}", message, waits_ms=timeout_ms)

    def terminate(
        self,
        *,
        ike: str | None = None,
        ike_id: int | None = None,
        child: str | None = None,
        child_id: int | None = None,
        timeout_ms: int,
        force: bool = False,
    ) -> int:
        chosen = _chosen(ike=ike, ike_id=ike_id, child=child, child_id=child_id)
        message = {**chosen, "timeout": str(timeout_ms), "force": "yes" if force else "no"}
        return self._matching("terminate", chosen, message, waits_ms=timeout_ms)

    def rekey(self, *, ike: str | None = None, child: str | None = None, reauth: bool = False) -> int:
        chosen = _chosen(ike=ike, child=child)
        return self._matching("rekey", chosen, {**chosen, "reauth": "yes" if reauth else "no"})

    def algorithms(self) -> dict[str, dict[str, str]]:
        return self.session.request("get-algorithms")

    def traps(self) -> frozenset[tuple[str, str]]:
        return frozenset(self._policies({"trap": "yes"}))

    def shunts(self) -> dict[tuple[str, str], str]:
        return self._policies({"pass": "yes", "drop": "yes"})

    def _policies(self, kinds: Tree) -> dict[tuple[str, str], str]:
        found = self.session.stream("list-policies", "list-policy", kinds)
        told = [policy for message in found for policy in message.values()]
        return {(str(each.get("ike", "")), str(each.get("child", ""))): str(each.get("mode", "")) for each in told}

    def install(self, *, ike: str, child: str) -> None:
        self._order("install", f"{ike}/{child}", {"ike": ike, "child": child})

    def uninstall(self, *, ike: str, child: str) -> None:
        self._order("uninstall", f"{ike}/{child}", {"ike": ike, "child": child})

    def overheard(self) -> list[tuple[str, str]]:
        said = self.session.listen(["log"], timeout=0.0)
        return [(str(message.get("ikesa-name", "")), str(message.get("msg", ""))) for _event, message in said]

    def close(self) -> None:
        self.session.close()

    def _bound(self, waits_ms: int) -> float | None:
        """Return the bound for a command that waits itself: its own time and ours; none of its own means ours only."""
        return self.session.timeout + waits_ms / 1000 if waits_ms > 0 else None

    def _order(self, command: str, subject: str, message: Tree, waits_ms: int = 0) -> Section:
        answer = self.session.request(command, message, timeout=self._bound(waits_ms))
        self._obeyed()
        if answer.get("success") != "yes":
            raise DaemonRefused(command, subject, str(answer.get("errmsg", "")))
        return answer

    def _matching(self, command: str, chosen: dict[str, str], message: Tree, waits_ms: int = 0) -> int:
        answer = self.session.request(command, message, timeout=self._bound(waits_ms))
        self._obeyed()
        if answer.get("matches") == "0":
            return 0
        if answer.get("success") != "yes":
            raise DaemonRefused(command, "/".join(chosen.values()), str(answer.get("errmsg", "")))
        return int(answer.get("terminated") or answer.get("matches") or 0)


def _start(pid: int) -> tuple[str, float]:
    """Name one start of a process as no other is named, and tell its time; source: proc(5), /proc/pid/stat, starttime."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return "", 0.0
    # The name in field 2 is in parentheses and may hold blanks and parentheses itself; field 3 follows the last one.
    started = stat.rpartition(")")[2].split()[19]
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(started) / os.sysconf("SC_CLK_TCK")
    return f"{boot}/{pid}/{started}", time.time() - age


def _chosen(**criteria: str | int | None) -> dict[str, str]:
    """Turn what is given into vici's keys (ike_id is "ike-id" there)."""
    given = {name.replace("_", "-"): str(value) for name, value in criteria.items() if value is not None}
    if not given:
        raise TypeError("say which SAs: all of them is never meant")
    return given
