# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading and unloading keys on tokens, and the record of what charon calls them."""

from __future__ import annotations

from ..artifacts.key_sections import token_name
from ..artifacts.values import Artifacts
from ..drivers.charon import DaemonRefused
from ..drivers.host import Host
from ..observed.tokens import encode_tokens, recorded_tokens


def load_token(section: str, wanted: Artifacts, host: Host) -> None:
    """Let charon have a key on a token; the record says that before, so that a run that is stopped leaves a trace."""
    token = wanted.tokens[section]
    known = recorded_tokens(host.files.read(host.paths.tokens_record))
    _record(host, {**known, section: known.get(section, "")})
    for other, key_id in known.items():
        # charon tries every PIN that it has for a key (vici_cred.c, load_token), and would take a wrong one beside the old.
        if key_id and other != section and token_name(other) == token.name:
            host.charon.unload_key(key_id)
    key_id = host.charon.load_token(token.tree)
    if not key_id:
        wanted_text = (
            "charon cannot tell its public key: the token must have that, or the certificate, with the same id"
        )
        raise DaemonRefused("load-token", token.name, wanted_text)
    _record(host, {**known, section: key_id})


def unload_token(section: str, wanted: Artifacts, host: Host) -> None:
    """Take a key on a token from charon, with the PIN that it keeps for it, unless the key is wanted in another way."""
    known = recorded_tokens(host.files.read(host.paths.tokens_record))
    key_id = known.pop(section, "")
    needed = {each.identity for each in wanted.credentials.values()} | {known.get(each) for each in wanted.tokens}
    if key_id and key_id not in needed:
        host.charon.unload_key(key_id)
    _record(host, known)


def _record(host: Host, tokens: dict[str, str]) -> None:
    if tokens:
        host.files.replace(host.paths.tokens_record, encode_tokens(tokens), 0o600)
    else:
        host.files.remove(host.paths.tokens_record)
