# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures as a picture: seconds over tunnels, both logarithmic, one panel for each work; SVG without any library."""

from __future__ import annotations

import math
from collections.abc import Iterator

from .measurements import Table
from .processes import WORKS

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 330, 300, 60, 40, 70
_COLOURS = ("#b00020", "#1f6feb", "#2da44e", "#9a6700", "#8250df", "#57606a")


def chart(table: Table) -> str:
    """Return the whole picture; dashes mark what was extrapolated."""
    sizes = [size for size in table.sizes() if size > 0]
    values = [sample.seconds for samples in table.samples.values() for sample in samples]
    scale = _Scale(sizes[0], max(sizes[-1], sizes[0] * 10), min(values), max(values))
    width = _LEFT + len(WORKS) * (_WIDTH + _GAP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_TOP + _HEIGHT + 80}">',
        "<style>text { font: 12px sans-serif }</style>",
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, work in enumerate(WORKS):
        lines += _panel(table, work, scale, _LEFT + number * (_WIDTH + _GAP))
    lines += _legend(table)
    return "\n".join([*lines, "</svg>"]) + "\n"


class _Scale:
    """Logarithmic axes that begin and end at powers of ten."""

    def __init__(self, first: float, last: float, low: float, high: float) -> None:
        self.x = (math.floor(math.log10(first)), math.ceil(math.log10(last)))
        self.y = (math.floor(math.log10(low)), math.ceil(math.log10(high)))

    def point(self, left: int, size: float, seconds: float) -> tuple[float, float]:
        x = (math.log10(size) - self.x[0]) / max(self.x[1] - self.x[0], 1)
        y = (math.log10(seconds) - self.y[0]) / max(self.y[1] - self.y[0], 1)
        return left + x * _WIDTH, _TOP + (1 - y) * _HEIGHT


def _panel(table: Table, work: str, scale: _Scale, left: int) -> Iterator[str]:
    yield f'<text x="{left}" y="{_TOP - 14}" font-weight="bold">{work}: seconds over tunnels</text>'
    for power in range(scale.y[0], scale.y[1] + 1):
        _x, y = scale.point(left, 10 ** scale.x[0], 10.0**power)
        yield f'<path d="M{left} {y:.1f}h{_WIDTH}" stroke="#ddd"/>'
        yield f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>'
    for power in range(scale.x[0], scale.x[1] + 1):
        x, _y = scale.point(left, 10.0**power, 10.0 ** scale.y[0])
        yield f'<path d="M{x:.1f} {_TOP}v{_HEIGHT}" stroke="#ddd"/>'
        yield f'<text x="{x:.1f}" y="{_TOP + _HEIGHT + 16}" text-anchor="middle">{10**power:,}</text>'
    for number, contender in enumerate(table.contenders()):
        found = [(size, table.median(contender, work, size)) for size in table.sizes()]
        points = [scale.point(left, size, seconds) for size, seconds in found if seconds]
        if points:
            colour = _COLOURS[number % len(_COLOURS)]
            dashes = ' stroke-dasharray="5 4"' if any(name == contender for name, _size in table.extrapolated) else ""
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
            yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)


def _legend(table: Table) -> Iterator[str]:
    for number, contender in enumerate(table.contenders()):
        x, y = _LEFT + number * 150, _TOP + _HEIGHT + 50
        colour = _COLOURS[number % len(_COLOURS)]
        yield f'<circle cx="{x}" cy="{y - 4}" r="5" fill="{colour}"/><text x="{x + 10}" y="{y}">{contender}</text>'
