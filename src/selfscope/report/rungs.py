"""Skill against rung as one SVG file: a panel for each thing asked, a point with its interval for each rung."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from selfscope.report.format import decimal
from selfscope.statistics import Estimate
from selfscope.terminal import shown

WIDTH, HEIGHT, LEFT, NAMES = 26, 220, 56, 190
"""Of a rung, of a panel, of the axis's numbers, of the rungs' names."""
LOWEST = -1.0
"""What lies below is drawn as an arrow: a report can be as bad as it likes."""
COLOURS: Mapping[str, str] = {"asked": "#4c72b0", "taught": "#c44e52", "twin": "#dd8452", "rival": "#8c8c8c"}


@dataclass(frozen=True)
class Mark:
    """One rung. kind: of COLOURS, others are drawn as asked."""

    name: str
    kind: str
    value: Estimate


def figure(title: str, panels: Mapping[str, Sequence[Mark]]) -> str:
    """An SVG file with one panel under another.

    Parameters
    ----------
    title : str
        Above all.
    panels : mapping of str to sequence of Mark
        By what was asked for; an empty one is left out.

    Returns
    -------
    str
        Text of the file. What is foreign is escaped.
    """
    own = {name: marks for name, marks in panels.items() if marks}
    wide = LEFT + WIDTH * max((len(marks) for marks in own.values()), default=1) + 20
    each = HEIGHT + NAMES + 30
    body = [f'<text x="8" y="20" font-weight="bold">{escape(shown(title))}</text>']
    for place, (name, marks) in enumerate(own.items()):
        body += [f'<g transform="translate(0,{34 + each * place})">', *_panel(name, marks, wide), "</g>"]
    high = 34 + each * len(own)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" '
        'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>'
        f"{''.join(body)}</svg>\n"
    )


def _panel(name: str, marks: Sequence[Mark], wide: int) -> list[str]:
    low = max(LOWEST, min(0.0, *(m.value.low for m in marks)) - 0.05)

    def y(value: float) -> float:
        inside = min(max(value, low), 1.0)
        return 10 + HEIGHT * (1 - inside) / (1 - low)

    out = [f'<text x="{LEFT}" y="4">{escape(shown(name))}</text>']
    for at in (-1.0, -0.5, 0.0, 0.5, 1.0):
        if at >= low:
            dark = "#444" if at == 0 else "#ddd"
            out.append(f'<line x1="{LEFT}" x2="{wide - 16}" y1="{y(at):.1f}" y2="{y(at):.1f}" stroke="{dark}"/>')
            out.append(f'<text x="{LEFT - 6}" y="{y(at) + 4:.1f}" text-anchor="end">{decimal(at, 1)}</text>')
    for place, mark in enumerate(marks):
        x, colour = LEFT + WIDTH * (place + 0.5), COLOURS.get(mark.kind, COLOURS["asked"])
        out += _point(x, mark, y, low, colour)
        turned = f'transform="rotate(-60 {x:.1f} {HEIGHT + 24})"'
        out.append(f'<text x="{x:.1f}" y="{HEIGHT + 24}" text-anchor="end" {turned}>{escape(shown(mark.name))}</text>')
    return out


def _point(x: float, mark: Mark, y: Callable[[float], float], low: float, colour: str) -> list[str]:
    value = mark.value
    spoken = f"{mark.name}: {decimal(value.value)} [{decimal(value.low)}, {decimal(value.high)}]"
    out = [f"<g><title>{escape(shown(spoken))}</title>"]
    if math.isfinite(value.low) and math.isfinite(value.high) and value.high > low:
        ends = f'y1="{y(value.low):.1f}" y2="{y(value.high):.1f}"'
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" {ends} stroke="{colour}" stroke-width="2"/>')
    if value.value < low:
        at = y(low)
        shape = f"M{x - 5:.1f} {at - 9:.1f} L{x + 5:.1f} {at - 9:.1f} L{x:.1f} {at:.1f} Z"
        out.append(f'<path d="{shape}" fill="{colour}"/>')
    else:
        out.append(f'<circle cx="{x:.1f}" cy="{y(value.value):.1f}" r="4" fill="{colour}"/>')
    return [*out, "</g>"]
