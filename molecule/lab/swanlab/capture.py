# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gateways sent, as evidence: counts by kind, and the conditions under which they count."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from .errors import LabError
from .frames import KINDS, Classifier, PcapError, read_pcap
from .host import topology

#: A capture that saw less of what was sent proves nothing.
SHARE = 0.95


class CaptureError(LabError):
    """The capture is no evidence."""


def lan_networks() -> tuple[str, ...]:
    """Return the networks behind the gateways, which no packet on the wire may show."""
    lans = (lan for site in topology.SITES.values() for lan in (site.lan4, site.lan6))
    return tuple(str(ipaddress.ip_interface(lan).network) for lan in lans)


@dataclass(frozen=True)
class Counts:
    """Frames by kind, what tcpdump said about them, and whether the end marker came through."""

    frames: int = 0
    esp: int = 0
    ah: int = 0
    ike: int = 0
    clear: int = 0
    other: int = 0
    unreadable: int = 0
    dropped: int = 0
    drained: bool = True

    def __add__(self, more: Counts) -> Counts:
        numbers = {f.name: getattr(self, f.name) + getattr(more, f.name) for f in fields(Counts) if f.name != "drained"}
        return Counts(**numbers, drained=self.drained and more.drained)


@dataclass(frozen=True)
class Report:
    """Counts for each egress device, named `site-device`."""

    taps: Mapping[str, Counts]
    protected: tuple[str, ...]

    @property
    def total(self) -> Counts:
        """Return the sum over all devices."""
        return sum(self.taps.values(), Counts())

    @property
    def esp(self) -> int:
        """Return the frames in ESP, plain or in UDP."""
        return self.total.esp

    @property
    def ah(self) -> int:
        """Return the frames in AH."""
        return self.total.ah

    @property
    def clear(self) -> int:
        """Return the frames from or to protected networks outside ESP and AH."""
        return self.total.clear

    @property
    def dropped(self) -> int:
        """Return how many frames the kernel could not hand to tcpdump."""
        return self.total.dropped

    def faults(self, *, expected: int | Mapping[str, int] = 0) -> list[str]:
        """Return why this is no evidence; expected is how many traffic frames (ESP, AH or clear) were sent.

        A number is the sum of all sites; a mapping says it for each site, which is stricter: the answers of one
        site cannot stand in for what the other one lost.
        """
        faults = []
        for name, counts in sorted(self.taps.items()):
            if counts.dropped:
                faults.append(f"{name}: the kernel dropped {counts.dropped} frames")
            if counts.unreadable:
                faults.append(f"{name}: {counts.unreadable} frames could not be read")
            if not counts.drained:
                faults.append(f"{name}: the end marker did not come through")
        for site, number in (expected if isinstance(expected, Mapping) else {"": expected}).items():
            taps = [counts for name, counts in self.taps.items() if not site or name.startswith(f"{site}-")]
            seen = sum(counts.esp + counts.ah + counts.clear for counts in taps)
            if seen < number * SHARE:
                faults.append(f"{site or 'all'}: only {seen} of {number} expected frames were captured")
        return faults

    def require(self, *, expected: int | Mapping[str, int]) -> None:
        """Raise CaptureError unless the capture is whole and saw at least 95 % of the expected frames; see faults."""
        if faults := self.faults(expected=expected):
            raise CaptureError("the capture is no evidence: " + "; ".join(faults))

    def to_json(self) -> str:
        """Return the report as JSON, sorted."""
        data = {
            "protected": list(self.protected),
            "taps": {name: asdict(counts) for name, counts in self.taps.items()},
            "total": asdict(self.total),
            "faults": self.faults(),
        }
        return json.dumps(data, indent=2, sort_keys=True)

    def to_text(self) -> str:
        """Return the report as a table for people."""
        columns = ("frames", *KINDS, "dropped")
        rows: list[tuple[str, ...]] = [("device", *columns)]
        for name, counts in (*sorted(self.taps.items()), ("total", self.total)):
            rows.append((name, *(str(getattr(counts, column)) for column in columns)))
        widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines += [f"not trusted: {fault}" for fault in self.faults()]
        return "\n".join(lines)


def count_tap(pcap: Path, *, told: Mapping[str, Any], protected: Iterable[str]) -> Counts:
    """Count one capture file; told is what the lab host said: captured, dropped, drained."""
    classifier = Classifier(protected)
    try:
        frames = list(read_pcap(pcap))
    except PcapError as error:
        raise CaptureError(str(error)) from error
    if told["captured"] != len(frames):
        raise CaptureError(f"{pcap.name}: tcpdump captured {told['captured']} frames, the file holds {len(frames)}")
    if told["dropped"] < 0:
        raise CaptureError(f"{pcap.name}: tcpdump did not say how many frames were dropped")
    kinds = classifier.count(frames)
    return Counts(
        frames=sum(kinds.values()), dropped=told["dropped"], drained=told["drained"], **{k: kinds[k] for k in KINDS}
    )


def build_report(folder: Path, *, protected: Sequence[str] = ()) -> Report:
    """Read a stored capture (capture.json and its pcap files) and count it."""
    try:
        told = json.loads((folder / "capture.json").read_text())
    except FileNotFoundError as error:
        raise LabError("there is no finished capture", advice="lab capture start, then lab capture stop") from error
    networks = tuple(protected) or lan_networks()
    taps = {name: count_tap(folder / f"{name}.pcap", told=entry, protected=networks) for name, entry in told.items()}
    return Report(taps=taps, protected=networks)
