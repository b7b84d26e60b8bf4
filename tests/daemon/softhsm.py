# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A token for tests: SoftHSM keeps it in files of a test's directory, and charon reads it by its plugin for PKCS#11."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.swanfleet.ipsec.tests.daemon import pki
from ansible_collections.swanfleet.ipsec.tests.daemon.charon_process import run
from cryptography.hazmat.primitives.serialization import Encoding

# Debian has a link to it at this place, whatever the architecture.
LIBRARY = "/usr/lib/softhsm/libsofthsm2.so"
MODULE = "softhsm"
PIN = "73914"
_SLOT = re.compile(r"reassigned to slot (\d+)")


class Token:
    """A token in a directory, with its PIN; `slot` is its number, which SoftHSM draws."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "tokens").mkdir(parents=True)
        configuration = directory / "softhsm2.conf"
        configuration.write_text(f"directories.tokendir = {directory}/tokens\nlog.level = ERROR\n", encoding="utf-8")
        self.environment = {"SOFTHSM2_CONF": str(configuration)}
        said = self._run("softhsm2-util", "--init-token", "--free", "--label", "test", "--so-pin", PIN, "--pin", PIN)
        found = _SLOT.search(said)
        assert found is not None, said
        self.slot = int(found[1])

    def _run(self, *argv: str) -> str:
        return run(*argv, environment=self.environment)

    def put_key(self, holder: pki.Holder, handle: str) -> None:
        """Put a private key and its public one on the token, by an id in hexadecimal."""
        file = self.directory / "key.pem"
        file.write_text(holder.key_pem, encoding="ascii")
        self._run(
            *("softhsm2-util", "--import", str(file), "--slot", str(self.slot), "--pin", PIN),
            *("--label", f"key-{handle}", "--id", handle),
        )

    def put_certificate(self, holder: pki.Holder, handle: str) -> None:
        """Put a certificate on the token, by an id in hexadecimal."""
        file = self.directory / "certificate.der"
        file.write_bytes(holder.certificate.public_bytes(Encoding.DER))
        self._run(
            *("pkcs11-tool", "--module", LIBRARY, "--slot", str(self.slot), "--login", "--pin", PIN),
            *("--write-object", str(file), "--type", "cert", "--id", handle, "--label", f"certificate-{handle}"),
        )


def settings() -> str:
    """Return charon's settings that let it read the token; certificates only when it is told to."""
    return f"plugins {{ pkcs11 {{ modules {{ {MODULE} {{ path = {LIBRARY}\n load_certs = no }} }} }} }}"
