# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of swanctl.conf that are understood: what their texts mean, and what charon takes where they are not given.

Two texts that mean the same to charon are read to equal values. Source of defaults and of what a text means: strongSwan,
src/libcharon/plugins/vici/vici_config.c, and src/swanctl/commands/load_conns.c for lists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple

from ..desired import key_kinds, kinds, proposals, rounds
from ..desired.identities import ANY, parse_swanctl_identity
from ..desired.options import Kind
from ..desired.selectors import parse_selector

Given = Mapping[str, Any]

_TIME = re.compile(r"(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*) *([sSmMhHdD]?)")
_NO_MARK = "0x0/0x00000000"
_VOLUME = re.compile(r"(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*) *([kKmMgG]?)")
_BITS = re.compile(r"[01]{1,15}")
_SHIFTS = {"": 0, "k": 10, "m": 20, "g": 30}
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_TRUTH = {
    **dict.fromkeys(("yes", "true", "enabled", "1"), True),
    **dict.fromkeys(("no", "false", "disabled", "0"), False),
}
_ACTIONS = {"none": "", "clear": "", "start": "start", "restart": "start", "trap": "trap", "route": "trap"}


class Key(NamedTuple):
    """What a key's text means, and its default.

    `read` raises `ValueError` that says what would be right. `default` may be computed from the other values of the
    section. `needed` says why a key must be given, `hint` what to write where no option keeps the value.
    """

    read: Callable[[str], Any]
    default: Any = None
    needed: str = ""
    hint: str = ""


def default_of(keys: Mapping[str, Key], name: str, given: Given) -> Any:
    """Return what charon takes for a key that is not among the values of its section."""
    default = keys[name].default
    return default(given) if callable(default) else default


def value_of(keys: Mapping[str, Key], name: str, given: Given) -> Any:
    """Return the value of a key, given or not."""
    return given[name] if name in given else default_of(keys, name, given)


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError("a number is needed")
    # As strtoul with base 0: a leading 0 means octal.
    return int("0o" + text if text[0] == "0" and text[1:2].isdigit() else text, 0)


def _seconds(text: str) -> int:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError("a time is needed: seconds, or a number with s, m, h or d")
    return _number(found[1]) * _UNITS[found[2].lower()]


def _truth(text: str) -> bool:
    try:
        return _TRUTH[text.lower()]
    except KeyError:
        raise ValueError("yes or no is needed") from None


def _bits(text: str) -> int:
    if not _BITS.fullmatch(text):
        raise ValueError("six bits are needed, such as 101110")
    return int(text, 2) & 0x3F


def _bytes(text: str) -> int:
    found = _VOLUME.fullmatch(text)
    if found is None:
        raise ValueError("a number of bytes is needed, or one with k, m or g")
    return _number(found[1]) << _SHIFTS[found[2].lower()]


def _padding(text: str) -> str:
    return text if text == "mtu" else str(_number(text))


def _word(text: str) -> str:
    return text.lower()


def _offload(text: str) -> str:
    return "crypto" if text.lower() == "yes" else text.lower()


def _actions(text: str) -> frozenset[str]:
    try:
        return frozenset(_ACTIONS[part.strip().lower()] for part in text.split("|")) - {""}
    except KeyError:
        raise ValueError("none, trap, start or trap|start is needed") from None


def _version(text: str) -> int:
    if _number(text) not in (1, 2):
        raise ValueError("1 or 2 is needed")
    return _number(text)


def _auth(text: str) -> str:
    # Our own words are in lower case; what else there is, such as algorithms, stays as it is written.
    found = text.lower() if text.lower() in ("psk", "pubkey") or text.lower().startswith(("eap", "xauth")) else text
    return str(rounds.AUTH.parse(found))


def _user(text: str) -> str:
    return ANY if text in (ANY_ADDRESS, "*") else text


def _per_cpu(text: str) -> str:
    return "encap" if text.lower() == "encap" else "yes" if _truth(text) else "no"


def _if_id(text: str) -> str:
    return text.lower() if text.lower() in ("%unique", "%unique-dir") else str(_number(text))


def _mark(kind: Kind) -> Callable[[str], str]:
    def read(text: str) -> str:
        value, slash, mask = text.partition("/")
        # charon reads a number as C does, and takes what the mask leaves of it.
        bits = _number(mask) if slash else 0xFFFFFFFF
        if value.startswith("%"):
            return str(kind.parse(f"{value}/{bits}"))
        number = _number(value) & bits
        return _NO_MARK if number == bits == 0 else str(kind.parse(f"{number}/{bits}"))

    return read


def _listed(read: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    def parse(text: str) -> tuple[Any, ...]:
        items = [item.strip(" ") for item in text.split(",")]
        return tuple(read(item) for item in items if item)

    return parse


ANY_ADDRESS = "%any"
_ANYONE = {"%any4": "0.0.0.0", "0.0.0.0/0": "0.0.0.0", "%any6": "::", "::/0": "::"}  # noqa: S104  # no address to bind to


def _local_address(text: str) -> str:
    return text if text == ANY_ADDRESS else kinds.parse_address(_ANYONE.get(text, text))


def _remote_address(text: str) -> str:
    return text if text == ANY_ADDRESS else kinds.parse_endpoint(_ANYONE.get(text, text))


def _rekey_time(given: Given) -> int:
    return 0 if "reauth_time" in given else 4 * 3600


def _over_time(given: Given) -> int:
    longest = max(value_of(CONNECTION_KEYS, "rekey_time", given), value_of(CONNECTION_KEYS, "reauth_time", given))
    return int(longest // 10)


def _rand_time(given: Given) -> int:
    rekey, reauth = (value_of(CONNECTION_KEYS, name, given) for name in ("rekey_time", "reauth_time"))
    longest = min(rekey, reauth) if rekey and reauth else max(rekey, reauth)
    return int(min(value_of(CONNECTION_KEYS, "over_time", given), longest // 2))


def _rekey(what: str, otherwise: int) -> Callable[[Given], int]:
    # As documented, from 5.9.9 on; charon divides by 1.1 and cuts off, which makes 3599 of 3960.
    return lambda given: int(given[f"life_{what}"] / 1.1) if f"life_{what}" in given else otherwise


def as_before_5_9_9(given: dict[str, Any]) -> None:
    """Give a child the rekeying that an older charon takes where only the hard lifetime is given."""
    for what, otherwise in (("time", 3600), ("bytes", 0), ("packets", 0)):
        if f"life_{what}" in given:
            given.setdefault(f"rekey_{what}", otherwise)


def _life(what: str) -> Callable[[Given], int]:
    return lambda given: int(value_of(CHILD_KEYS, f"rekey_{what}", given) * 110 // 100)


def _rand(what: str) -> Callable[[Given], int]:
    def rest(given: Given) -> int:
        life, rekey = (value_of(CHILD_KEYS, f"{each}_{what}", given) for each in ("life", "rekey"))
        return int(life - min(life, rekey))

    return rest


_OF_CONNECTION = "one value holds for all children of a connection here, and what stands in the first one is taken"

# First the keys that options stand for, then those that are understood as long as they say their default.
CONNECTION_KEYS: dict[str, Key] = {
    "version": Key(_version, needed="without it charon takes both versions; 1 or 2 is needed"),
    "local_addrs": Key(_listed(_local_address), (ANY_ADDRESS,)),
    "remote_addrs": Key(_listed(_remote_address), (ANY_ADDRESS,)),
    "proposals": Key(
        _listed(proposals.parse_ike_proposal), needed="charon's own choice depends on its release; name the algorithms"
    ),
    "rekey_time": Key(_seconds, _rekey_time),
    "over_time": Key(_seconds, _over_time),
    "rand_time": Key(_seconds, _rand_time),
    "keyingtries": Key(_number, 1),
    "if_id_in": Key(_if_id, "0"),
    "if_id_out": Key(_if_id, "0"),
    "aggressive": Key(_truth, False),
    "childless": Key(_word, "allow"),
    "dpd_delay": Key(_seconds, 0),
    "dpd_timeout": Key(_seconds, 0),
    "dscp": Key(_bits, 0),
    "encap": Key(_truth, False),
    "fragmentation": Key(_word, "yes"),
    "local_port": Key(_number, 500),
    "mediation": Key(_truth, False),
    "mediated_by": Key(str),
    "mediation_peer": Key(parse_swanctl_identity),
    "ocsp": Key(_word, "reply"),
    "pools": Key(_listed(str), ()),
    "vips": Key(_listed(kinds.parse_address), ()),
    "ppk_id": Key(parse_swanctl_identity),
    "mobike": Key(_truth, True),
    "ppk_required": Key(_truth, False),
    "pull": Key(_truth, True),
    "reauth_time": Key(_seconds, 0),
    "remote_port": Key(_number, 500),
    "send_cert": Key(_word, "ifasked"),
    "send_certreq": Key(_truth, True),
    "unique": Key(_word, "no"),
}
# What stands in the sections local and remote; charon itself takes each of these keys in both.
_EITHER_KEYS: dict[str, Key] = {
    "auth": Key(_auth, "pubkey"),
    "id": Key(parse_swanctl_identity, ANY),
    "eap_id": Key(_user),
    "certs": Key(_listed(str), ()),
    "pubkeys": Key(_listed(str), ()),
    "round": Key(_number, 0),
}
LOCAL_KEYS: dict[str, Key] = {
    **_EITHER_KEYS,
    "aaa_id": Key(parse_swanctl_identity),
    "xauth_id": Key(str),
    "revocation": Key(_word, "relaxed"),
}
REMOTE_KEYS: dict[str, Key] = {
    **_EITHER_KEYS,
    "ca_id": Key(parse_swanctl_identity),
    "cacerts": Key(_listed(str), ()),
    "groups": Key(_listed(str), ()),
    "cert_policy": Key(_listed(str), ()),
    "revocation": Key(_word, "relaxed"),
}
# Sections in these whose names begin so: certificates that charon reads itself.
TOKEN_KEYS: dict[str, Key] = {
    "handle": Key(rounds.HANDLE.parse),
    "slot": Key(_number),
    "module": Key(str),
    "file": Key(str),
}
CHILD_KEYS: dict[str, Key] = {
    "mode": Key(_word, "tunnel", hint="one value holds for all children of a connection here, tunnel or transport"),
    "local_ts": Key(_listed(parse_selector), ("dynamic",)),
    "remote_ts": Key(_listed(parse_selector), ("dynamic",)),
    "esp_proposals": Key(
        _listed(proposals.parse_esp_proposal), needed="charon's own choice depends on its release; name the algorithms"
    ),
    "ah_proposals": Key(_listed(proposals.parse_ah_proposal), ()),
    "rekey_time": Key(_seconds, _rekey("time", 3600)),
    "life_time": Key(_seconds, _life("time")),
    "rand_time": Key(_seconds, _rand("time")),
    "start_action": Key(_actions, frozenset(), hint=_OF_CONNECTION),
    "close_action": Key(_actions, frozenset(), hint=_OF_CONNECTION),
    "copy_df": Key(_truth, True),
    "copy_dscp": Key(_word, "out"),
    "copy_ecn": Key(_truth, True),
    "dpd_action": Key(_actions, frozenset(), hint=_OF_CONNECTION),
    "hostaccess": Key(_truth, False),
    "hw_offload": Key(_offload, "no"),
    "if_id_in": Key(_if_id, "0"),
    "if_id_out": Key(_if_id, "0"),
    "mark_in": Key(_mark(key_kinds.MARK), _NO_MARK),
    "mark_out": Key(_mark(key_kinds.MARK), _NO_MARK),
    "set_mark_in": Key(_mark(key_kinds.SET_MARK), _NO_MARK),
    "set_mark_out": Key(_mark(key_kinds.SET_MARK), _NO_MARK),
    "updown": Key(str),
    "label": Key(str),
    "label_mode": Key(_word, "system"),
    "per_cpu_sas": Key(_per_cpu, "no"),
    "icmp": Key(_truth, False),
    "inactivity": Key(_seconds, 0),
    "ipcomp": Key(_truth, False),
    "mark_in_sa": Key(_truth, False),
    "policies": Key(_truth, True),
    "policies_fwd_out": Key(_truth, False),
    "priority": Key(_number, 0),
    "rekey_bytes": Key(_bytes, _rekey("bytes", 0)),
    "life_bytes": Key(_bytes, _life("bytes")),
    "rand_bytes": Key(_bytes, _rand("bytes")),
    "rekey_packets": Key(_number, _rekey("packets", 0)),
    "life_packets": Key(_number, _life("packets")),
    "rand_packets": Key(_number, _rand("packets")),
    "replay_window": Key(_number),
    "interface": Key(str),
    "reqid": Key(_number, 0),
    "sha256_96": Key(_truth, False),
    "tfc_padding": Key(_padding, "0"),
}
