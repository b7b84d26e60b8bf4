# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that each stand for one key of swanctl.conf: one table, read forwards by connections and backwards by inverse.

What a key's text means is in `keys`: reading what is written here gives the option's value again.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Union

from ..desired.identities import swanctl_identity
from ..desired.options import options_of
from ..desired.phase1 import Phase1
from ..desired.phase2 import Phase2
from .keys import CHILD_KEYS, CONNECTION_KEYS, Given, Key, default_of

Text = Union[str, Sequence[str]]


def _plainly(value: Any) -> Text:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return list(value) if isinstance(value, tuple) else str(value)


def _in_bits(number: int) -> str:
    return format(number, "06b")


def _offload(word: str) -> str:
    # The word of releases before 5.9.10, which later ones still know.
    return "yes" if word == "crypto" else word


class PlainKeys:
    """Options of one class of objects that are keys of the same name; `special` are those that write their value otherwise."""

    def __init__(self, cls: type[Any], keys: Mapping[str, Key], names: str, **special: Callable[[Any], Text]) -> None:
        self.names = (*names.split(), *special)
        self._keys = keys
        self._write = {name: special.get(name, _plainly) for name in self.names}
        self._values = operator.attrgetter(*self.names)
        declared = {opt.name: opt.default for opt in options_of(cls)}
        self._unset = tuple(declared[name] for name in self.names)
        self._always = self._texts(self._unset)

    def written(self, item: Any) -> dict[str, Text]:
        """Return the keys of an object with their texts; one that nobody set is left out, unless our default is not charon's."""
        values = self._values(item)
        return self._always if values == self._unset else self._texts(values)

    def _texts(self, values: tuple[Any, ...]) -> dict[str, Text]:
        return {name: self._write[name](value) for name, value in zip(self.names, values) if value not in (None, ())}

    def read(self, given: Given) -> dict[str, Any]:
        """Return the options that the values of a section amount to, without those that charon would do anyway."""
        found = {}
        for name, always in zip(self.names, self._unset):
            default = default_of(self._keys, name, given)
            value = given.get(name, default)
            if value != (default if always is None else always):
                found[name] = value
        return found


PHASE1_KEYS = PlainKeys(
    Phase1,
    CONNECTION_KEYS,
    "keyingtries rand_time reauth_time mobike aggressive pull childless fragmentation local_port remote_port unique send_cert "
    "send_certreq ocsp vips pools ppk_required if_id_in if_id_out mediation mediated_by",
    dscp=_in_bits,
    ppk_id=swanctl_identity,
    mediation_peer=swanctl_identity,
)
PHASE2_KEYS = PlainKeys(
    Phase2,
    CHILD_KEYS,
    "rand_time life_bytes rand_bytes life_packets rand_packets inactivity ipcomp copy_df copy_ecn "
    "copy_dscp replay_window tfc_padding sha256_96 policies policies_fwd_out priority interface reqid if_id_in "
    "if_id_out mark_in mark_out set_mark_in set_mark_out mark_in_sa hostaccess updown label label_mode per_cpu_sas icmp",
    hw_offload=_offload,
)
