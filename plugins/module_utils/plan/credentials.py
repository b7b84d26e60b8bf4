# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that give certificates and keys to charon, and take back what is not needed any more."""

from __future__ import annotations

from ..artifacts.credentials import AUTHORITIES, certificate_in, key_id_in
from ..artifacts.values import Artifacts
from ..observed.values import Observed, ObservedDaemon
from .steps import Step
from .tokens import fresh_tokens, stale_tokens


def fresh_credentials(wanted: Artifacts, daemon: ObservedDaemon) -> list[Step]:
    """Return the steps that load what charon does not hold."""
    held = daemon.keys | daemon.certificates
    return [
        Step("load", each.layer, role)
        for role, each in wanted.credentials.items()
        if each.layer != "public key" and each.identity not in held
    ] + fresh_tokens(wanted, daemon)


def stale_credentials(wanted: Artifacts, observed: Observed) -> list[Step]:
    """Return the steps that take back keys and the trust in authorities, and remove the files of what is not needed.

    charon cannot unload a certificate, only all credentials at once; that is done for authorities, which make the
    certificates of others good, and not for what nothing hangs on. A key may be that of another file too. So, after ours
    have gone, other files are read again.
    """
    needed = {each.identity for each in wanted.credentials.values()}
    daemon = observed.daemon
    keys: list[Step] = [] if daemon is None else stale_tokens(wanted, daemon)
    files, trust = [], []
    for role, file in sorted(observed.files.items()):
        if "/" not in role or file is None or role in wanted.files:
            continue
        key_id = key_id_in(role)
        if daemon is not None and key_id in daemon.keys - needed:
            keys.append(Step("unload", "key", role, key=key_id))
        trusted = daemon is not None and certificate_in(file.content) in daemon.certificates - needed
        if role.startswith(f"{AUTHORITIES}/") and trusted:
            trust.append(Step("forget", "trust", role))
        else:
            files.append(Step("remove", "file", role))
    taken = bool(keys or trust or observed.owes_credentials)
    again = [Step("reload", "credentials", "of other files")] if daemon is not None and taken else []
    return keys + files + trust + again
