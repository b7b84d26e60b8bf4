# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a phase 2 that each stand for one key of a child in swanctl.conf; not given, charon's own default holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import Problem
from . import key_kinds, kinds
from .options import option


@dataclass(frozen=True)
class ChildKeys:
    """What a CHILD_SA can be told beyond the page's fields; the names are those of swanctl.conf(5)."""

    rekey_time: int | None = option(
        kinds.DURATION,
        "Age at which the CHILD_SA is rekeyed, less than O(lifetime). Not given, nine tenths of O(lifetime).",
        "With V(0) this end never rekeys it, and it ends with O(lifetime).",
    )
    rand_time: int | None = option(
        kinds.DURATION,
        "Rekeying comes earlier by a random time of at most this. charon's default is what O(lifetime) is longer than"
        " O(rekey_time).",
    )
    rekey_bytes: int | None = option(
        key_kinds.BYTES,
        "Number of bytes after which the CHILD_SA is rekeyed, or with V(k), V(m), V(g). Not given, nine tenths of"
        " O(life_bytes), or never.",
    )
    life_bytes: int | None = option(
        key_kinds.BYTES,
        "Number of bytes after which the CHILD_SA ends, or with V(k), V(m), V(g). charon's default is a tenth more than"
        " O(rekey_bytes).",
    )
    rand_bytes: int | None = option(
        key_kinds.BYTES,
        "Rekeying comes earlier by a random number of bytes of at most this. charon's default is what O(life_bytes) is more"
        " than O(rekey_bytes).",
    )
    rekey_packets: int | None = option(
        key_kinds.PACKETS,
        "Number of packets after which the CHILD_SA is rekeyed. Not given, nine tenths of O(life_packets), or never.",
    )
    life_packets: int | None = option(
        key_kinds.PACKETS,
        "Number of packets after which the CHILD_SA ends. charon's default is a tenth more than O(rekey_packets).",
    )
    rand_packets: int | None = option(
        key_kinds.PACKETS,
        "Rekeying comes earlier by a random number of packets of at most this. charon's default is what O(life_packets) is"
        " more than O(rekey_packets).",
    )
    inactivity: int | None = option(
        kinds.DURATION,
        "Time without traffic after which the CHILD_SA is closed. charon's default is V(0), never.",
    )
    ipcomp: bool | None = option(
        kinds.BOOL, "Whether packets are compressed where the peer can (RFC 3173). charon's default is V(false)."
    )
    hw_offload: str | None = option(
        key_kinds.OFFLOAD,
        "Whether the network card does the work. V(crypto) needs a card that en- and decrypts; V(packet) one that does all,"
        " and strongSwan 5.9.10; V(auto) takes what there is. charon's default is V(no).",
    )
    copy_df: bool | None = option(
        kinds.BOOL, "Whether the outer header has the DF bit of the inner one. charon's default is V(true)."
    )
    copy_ecn: bool | None = option(
        kinds.BOOL, "Whether the ECN bits go from one header to the other (RFC 6040). charon's default is V(true)."
    )
    copy_dscp: str | None = option(
        key_kinds.COPY_DSCP,
        "In which direction the DSCP goes from one header to the other. charon's default is V(out), to the outer header only.",
    )
    replay_window: int | None = option(
        key_kinds.REPLAY_WINDOW,
        "How many packets one may be late and still be taken; with V(0) the kernel does not look for packets that were"
        " replayed. charon's default is 32, unless charon itself is set to another number.",
    )
    tfc_padding: str | None = option(
        key_kinds.PADDING,
        "Length that shorter packets are padded to, to hide how long they are (RFC 4303), or V(mtu). charon's default is"
        " V(0), none.",
    )
    sha256_96: bool | None = option(
        kinds.BOOL,
        "Whether HMAC-SHA-256 is cut to 96 bits, as some peers do against RFC 4868. charon's default is V(false).",
    )
    policies: bool | None = option(
        kinds.BOOL,
        "Whether charon installs policies in the kernel. charon's default is V(true); without them nothing is protected but"
        " what somebody else makes policies for.",
    )
    policies_fwd_out: bool | None = option(
        kinds.BOOL,
        "Whether charon installs policies for forwarded packets in the outbound direction too, as other policies that drop"
        " may need. charon's default is V(false).",
    )
    priority: int | None = option(
        key_kinds.PRIORITY,
        "Fixed priority of the policies in the kernel; the lower number wins. By default charon computes it from the selectors,"
        " so that the narrower ones win.",
    )
    interface: str | None = option(
        kinds.INTERFACE_NAME, "Interface that the outbound policies are for; by default any. The link must be there."
    )
    reqid: int | None = option(
        key_kinds.REQID,
        "Fixed number that ties policies and SAs together in the kernel; by default charon takes one itself.",
    )
    if_id_in: str | None = option(
        key_kinds.IF_ID,
        "Number of the XFRM interface that inbound traffic comes by, where somebody else makes that link; V(%unique) and"
        " V(%unique-dir) let charon take one for each SA. Not beside C(xfrm_interface) of the phase 1.",
    )
    if_id_out: str | None = option(key_kinds.IF_ID, "The same for outbound traffic.")
    mark_in: str | None = option(
        key_kinds.MARK,
        "Mark that packets must have to match the inbound policies, with or without a mask, as in V(0x2a/0xff). V(%unique) and"
        " V(%unique-dir) let charon take one for each SA.",
    )
    mark_out: str | None = option(key_kinds.MARK, "The same for the outbound policies and the outbound SA.")
    set_mark_in: str | None = option(
        key_kinds.SET_MARK,
        "Mark that packets get when they have been decrypted, with or without a mask. V(%same) is that of O(mark_in).",
    )
    set_mark_out: str | None = option(
        key_kinds.SET_MARK,
        "Mark that packets get when they have been encrypted, with or without a mask. V(%same) is that of O(mark_out).",
    )
    mark_in_sa: bool | None = option(
        kinds.BOOL,
        "Whether O(mark_in) is set on the inbound SA too, and not on policies alone. charon's default is V(false).",
    )
    hostaccess: bool | None = option(
        kinds.BOOL,
        "A word for O(updown), that the host itself is to be reached through the tunnel. charon's default is V(false).",
    )

    updown: str | None = option(
        key_kinds.COMMAND,
        "Program that is run when the CHILD_SA comes up or goes down, by its whole path, with or without words for it."
        " charon starts it by a shell, so nothing is taken that a shell would change. Needs charon's plugin C(updown).",
    )
    label: str | None = option(
        key_kinds.LABEL, "Security label that both ends must have, such as an SELinux context; IKEv2 only."
    )
    label_mode: str | None = option(
        key_kinds.LABEL_MODE,
        "How O(label) is used. V(simple) compares it as it is, V(selinux) asks SELinux, charon's default V(system) does what"
        " the system can.",
    )
    per_cpu_sas: str | None = option(
        key_kinds.PER_CPU,
        "Whether each CPU has a CHILD_SA of its own (RFC 9611); V(encap) gives each its own UDP port besides. Needs a trap,"
        " strongSwan 6.0.2 and Linux 6.13. charon's default is V(no).",
    )
    icmp: bool | None = option(
        kinds.BOOL,
        "Whether ICMP errors pass whose cause belongs to the CHILD_SA, wherever they come from. Needs strongSwan 6.0.5."
        " charon's default is V(false).",
    )

    def key_problems(self, where: str, *, lifetime: int) -> Iterator[Problem]:
        """Yield what is wrong about these options of the object named `where`."""
        if self.rekey_time is not None and self.rekey_time >= lifetime:
            yield Problem(where, "rekey_time", self.rekey_time, f"it must be less than lifetime, which is {lifetime}")
        for what, rekey, life in (
            ("bytes", self.rekey_bytes, self.life_bytes),
            ("packets", self.rekey_packets, self.life_packets),
        ):
            if rekey and life and rekey >= life:
                yield Problem(where, f"rekey_{what}", rekey, f"it must be less than life_{what}, which is {life}")
        for name in ("mark_in", "mark_out"):
            same = getattr(self, f"set_{name}")
            if same is not None and same.startswith("%same") and getattr(self, name) is None:
                yield Problem(where, f"set_{name}", same, f"there is no {name} that it could be the same as")
        if self.label_mode is not None and self.label is None:
            yield Problem(where, "label_mode", self.label_mode, "it belongs to label, which is missing")

    def rekeyed_after(self, what: str, life: int | None) -> int | None:
        """Return when the CHILD_SA is rekeyed that ends after `life` seconds, bytes or packets ("time" …); None: not by that."""
        after: int | None = getattr(self, f"rekey_{what}")
        return after if after is not None or life is None else life - life // 10
