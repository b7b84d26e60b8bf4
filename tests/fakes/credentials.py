# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates and keys of the charon in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.certificates import key_id_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.pem import decoded
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused


class FakeCredentials:
    """Holds keys by what charon calls them, and certificates by their DER, with their type.

    `tokens` is what there is beside it: what charon calls the key of a handle, empty where it cannot tell, and the PIN.
    """

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}
        self.held: dict[bytes, str] = {}
        self.tokens: dict[str, tuple[str, str | None]] = {}
        self.secrets: dict[str, tuple[str, tuple[str, ...], bytes]] = {}

    def _command(self, command: str, subject: str = "") -> None:
        raise NotImplementedError

    def authority_certificates(self) -> set[bytes]:
        raise NotImplementedError

    def key_ids(self) -> list[str]:
        self._command("get-keys")
        return list(self.keys)

    def certificates(self) -> list[tuple[str, bytes]]:
        self._command("list-certs")
        held = {**dict.fromkeys(self.authority_certificates(), "X509"), **self.held}
        return [(kind, data) for data, kind in held.items()]

    def load_key(self, data: bytes) -> str:
        self._command("load-key", "a private key")
        try:
            name = key_id_of(data.decode())
        except ValueError:
            raise DaemonRefused("load-key", "a private key", "parsing (null) private key failed") from None
        assert name is not None, "the fake knows RSA and ECDSA keys that hold their public keys"
        self.keys[name] = data
        return name

    def unload_key(self, id: str) -> None:  # noqa: A002  # vici's word
        self._command("unload-key", id)
        self.keys.pop(id, None)

    def load_token(self, place: Mapping[str, str]) -> str:
        self._command("load-token", "a private key on a token")
        name, pin = self.tokens.get(place["handle"], ("", None))
        if pin != place.get("pin", ""):
            raise DaemonRefused("load-token", "a private key on a token", "loading private key from token failed")
        if name:
            self.keys[name] = b""
        return name

    def load_certificate(self, *, kind: str, flag: str, data: bytes) -> None:
        self._command("load-cert", f"a certificate ({kind}, {flag})")
        self._hold(kind, data)

    def _hold(self, kind: str, data: bytes) -> None:
        self.held[decoded(data.decode())] = kind

    def hold_all(self, section: Mapping[str, Any]) -> None:
        """Keep the certificates that a connection names, as charon does."""
        for each in (*section.get("certs", ()), *section.get("cacerts", ())):
            self._hold("X509", each if isinstance(each, bytes) else str(each).encode())

    def clear_credentials(self) -> None:
        self._command("clear-creds")
        self.secrets, self.keys, self.held = {}, {}, {}
