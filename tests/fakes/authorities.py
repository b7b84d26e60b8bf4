# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The authorities of the fake charon."""

from __future__ import annotations

from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.pem import decoded
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.charon import DaemonRefused, Section, Tree

_PLAIN = frozenset("cacert file handle slot module cert_uri_base".split())
_LISTS = ("crl_uris", "ocsp_uris")


class FakeAuthorities:
    """Authorities by name as they were loaded."""

    def __init__(self) -> None:
        self.held_authorities: dict[str, Tree] = {}

    def _command(self, command: str, subject: str = "") -> None:
        raise NotImplementedError

    def authority_certificates(self) -> set[bytes]:
        """Return the certificates (DER) that authorities hold, whether they were loaded by themselves as well or not."""
        return {decoded(str(tree["cacert"])) for tree in self.held_authorities.values() if "cacert" in tree}

    def authorities(self) -> dict[str, Section]:
        self._command("list-authorities")
        found: dict[str, Section] = {}
        for name, tree in self.held_authorities.items():
            found[name] = {"cacert": "CN=whoever", **{key: list(tree.get(key, ())) for key in _LISTS}}
            if "cert_uri_base" in tree:
                found[name]["cert_uri_base"] = tree["cert_uri_base"]
        return found

    def load_authority(self, name: str, tree: Tree) -> None:
        self._command("load-authority", name)
        for key, value in tree.items():
            if key not in (_PLAIN if isinstance(value, str) else _LISTS):
                raise DaemonRefused("load-authority", name, f"unknown option: {key}, authority discarded")
        given = "-----BEGIN CERTIFICATE-----" in str(tree.get("cacert"))
        if not given and not {"file", "handle"} & tree.keys():
            raise DaemonRefused("load-authority", name, f"CA certificate missing: {name}")
        self.held_authorities[name] = dict(tree)

    def unload_authority(self, name: str) -> None:
        self._command("unload-authority", name)
        if name not in self.held_authorities:
            raise DaemonRefused("unload-authority", name, f"unload: authority '{name}' not found")
        del self.held_authorities[name]
