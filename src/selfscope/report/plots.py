"""Inline SVG, drawn in percent of its own width: it needs no script, keeps its text size on a phone, and takes its
colours from the page's style. Only numbers enter here; a text that is spoken is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from selfscope.report.document import Axis, AxisMark, Bar, CalibrationBin
from selfscope.report.format import Number
from selfscope.report.self_document import MapMark
from selfscope.report.success_document import RiskPlot

SIDE = 100.0


def _at(axis: Axis, value: float) -> float:
    """Where a value stands on the axis, in percent, cut to the axis."""
    cut = min(max(value, axis.low), axis.high)
    return SIDE * (cut - axis.low) / (axis.high - axis.low)


def _pct(value: float) -> str:
    return f"{value:.2f}%"


def lines(axis: Axis) -> str:
    """The vertical lines of an axis, for the background of one row."""
    places = [(tick.kind, _pct(_at(axis, tick.at))) for tick in axis.ticks]
    return "".join(f'<line class="tick {kind}" x1="{x}" x2="{x}" y1="0" y2="100%"/>' for kind, x in places)


def track(axis: Axis, mark: AxisMark) -> str:
    """One row of an axis: its lines, the interval and the point; an arrow where the point lies outside."""
    number = mark.number
    left, right, point = _at(axis, number.low), _at(axis, number.high), _at(axis, number.value)
    colour = f"k-{mark.colour}" if mark.colour else "k-none"
    parts = [lines(axis)]
    if number.value < axis.low or number.value > axis.high:
        parts.append(_arrow(colour, down=number.value < axis.low))
    else:
        if number.high > number.low:
            span = f'x1="{_pct(left)}" x2="{_pct(right)}" y1="50%" y2="50%"'
            parts.append(f'<line class="span {colour}" {span}/>')
        radius = 6 if mark.strong else 4.5
        parts.append(f'<circle class="point {colour}" cx="{_pct(point)}" cy="50%" r="{radius}"/>')
    return f'<svg class="track" aria-hidden="true" focusable="false">{"".join(parts)}</svg>'


def map_row(mark: MapMark) -> str:
    """One statement of a map: what is so as a bar with its interval, what is said of a typical assistant as a ring,
    what is said as a point with its interval; on a comparison a line from what was said before."""
    parts = [
        f'<line class="tick {kind}" x1="{x}%" x2="{x}%" y1="0" y2="100%"/>'
        for x, kind in ((0, "faint"), (50, "line"), (100, "faint"))
    ]  # fmt: skip
    if mark.true is not None:
        left, right, at = (_pct(SIDE * v) for v in (mark.true.low, mark.true.high, mark.true.value))
        parts.append(f'<line class="done reach" x1="{left}" x2="{right}" y1="78%" y2="78%"/>')
        parts.append(f'<line class="done" x1="{at}" x2="{at}" y1="58%" y2="98%"/>')
    if mark.typical is not None:
        parts.append(f'<circle class="ring" cx="{_pct(SIDE * mark.typical.value)}" cy="40%" r="4"/>')
    left, right, at = (_pct(SIDE * v) for v in (mark.own.low, mark.own.high, mark.own.value))
    if mark.was is not None:
        parts.append(f'<line class="was" x1="{_pct(SIDE * mark.was.value)}" x2="{at}" y1="40%" y2="40%"/>')
    elif mark.own.high > mark.own.low:
        parts.append(f'<line class="span s-{mark.so}" x1="{left}" x2="{right}" y1="40%" y2="40%"/>')
    parts.append(f'<circle class="said s-{mark.so}" cx="{at}" cy="40%" r="5"/>')
    return f'<svg class="track" role="img" aria-label="{escape(mark.spoken)}">{"".join(parts)}</svg>'


def _arrow(colour: str, *, down: bool) -> str:
    shape = "M11 -5 L2 0 L11 5 Z" if down else "M-11 -5 L-2 0 L-11 5 Z"
    x = "0" if down else "100%"
    return f'<svg x="{x}" y="50%" overflow="visible"><path class="point {colour}" d="{shape}"/></svg>'


def ticks(axis: Axis) -> list[tuple[str, str, str]]:
    """(label, left in percent, alignment class) of the tick labels that stand above the rows."""
    placed = []
    for tick in axis.ticks:
        at = _at(axis, tick.at)
        side = "left" if at < 12 else "right" if at > 84 else "middle"
        placed.append((tick.label, _pct(at), f"{side} up" if tick.kind == "dashed" else side))
    return placed


def stack(bar: Bar) -> str:
    """What a report follows as one stacked bar; what is open is hatched. The words beneath it say the same."""
    parts = [
        f'<span class="fill k-{piece.colour}" style="width:{_pct(SIDE * piece.size)}"></span>'
        for piece in bar.pieces
        if piece.size > 0.0005
    ]
    return f'<div class="stack" role="img" aria-label="{escape(bar.spoken)}">{"".join(parts)}</div>'


def moved(number: Number, copied: Number | None, kind: str) -> str:
    """How much moved with a changed state, as a bar of the same length, with the interval of the larger part. kind:
    "state", or "text", where some of it may only repeat that text (copied)."""
    parts = [("self" if kind == "state" else "tracking", number)] + ([("prior", copied)] if copied else [])
    sizes = [(colour, SIDE * min(max(n.value, 0.0), 1.0)) for colour, n in parts]
    whole = max(SIDE, sum(size for _, size in sizes))
    drawn = "".join(
        f'<span class="fill k-{colour}" style="width:{_pct(SIDE * size / whole)}"></span>'
        for colour, size in sizes
        if size > 0.05
    )
    if len(parts) == 1 and number.high > number.low:
        start, end = (SIDE * min(max(v, 0.0), 1.0) for v in (number.low, number.high))
        drawn += f'<i class="reach" style="left:{_pct(start)};width:{_pct(end - start)}"></i>'
    return f'<div class="stack" aria-hidden="true">{drawn}</div>'


def bar(size: float, colour: str) -> str:
    """A probability as a small bar, for example trials."""
    width = SIDE * min(max(size, 0.0), 1.0)
    return (
        '<svg class="bar" aria-hidden="true" focusable="false">'
        '<rect class="ground" width="100%" height="100%"/>'
        f'<rect class="fill k-{colour}" width="{_pct(width)}" height="100%"/></svg>'
    )


def calibration(bins: Sequence[CalibrationBin]) -> str:
    """Stated (across) against happened (up), 0..1 both, with binomial intervals and areas by number of items."""
    edge, size = 34, 220

    def x(v: float) -> str:
        return f"{edge + size * v:.1f}"

    def y(v: float) -> str:
        return f"{12 + size * (1 - v):.1f}"

    parts = [f'<rect class="frame" x="{edge}" y="12" width="{size}" height="{size}"/>']
    parts += [f'<line class="tick faint" x1="{x(v)}" x2="{x(v)}" y1="{y(0)}" y2="{y(1)}"/>' for v in (0.25, 0.5, 0.75)]
    parts += [f'<line class="tick faint" x1="{x(0)}" x2="{x(1)}" y1="{y(v)}" y2="{y(v)}"/>' for v in (0.25, 0.5, 0.75)]
    parts.append(f'<line class="tick dashed" x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}"/>')
    for v, label in ((0, "0"), (0.5, "50"), (1, "100")):
        parts.append(f'<text x="{x(v)}" y="{size + 28}" text-anchor="middle">{label}</text>')
        parts.append(f'<text x="{edge - 6}" y="{float(y(v)) + 4:.1f}" text-anchor="end">{label}</text>')
    largest = max((b.items for b in bins), default=1) or 1
    for each in bins:
        at, radius = x(each.stated), 3 + 3 * (each.items / largest) ** 0.5
        parts.append(f'<line class="span k-self" x1="{at}" x2="{at}" y1="{y(each.low)}" y2="{y(each.high)}"/>')
        parts.append(f'<circle class="point k-self" cx="{at}" cy="{y(each.happened)}" r="{radius:.1f}"/>')
    box = f"0 0 {edge + size + 14} {size + 36}"
    spoken = 'role="img" aria-label="calibration plot, numbers beneath"'
    return f'<svg class="calibration" viewBox="{box}" {spoken}>{"".join(parts)}</svg>'


def risks(plot: RiskPlot) -> str:
    """Risk (up) at each coverage (across), 0..1 both, a line for each reader; the claim's own is the thickest."""
    edge, size = 34, 220

    def at(point: tuple[float, float]) -> str:
        return f"{edge + size * point[0]:.1f},{12 + size * (1 - point[1]):.1f}"

    parts = [f'<rect class="frame" x="{edge}" y="12" width="{size}" height="{size}"/>']
    for v, label in ((0.0, "0"), (0.5, "50"), (1.0, "100")):
        x, y = at((v, v)).split(",")
        parts.append(f'<line class="tick faint" x1="{edge}" x2="{edge + size}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{x}" y="{size + 28}" text-anchor="middle">{label}</text>')
        parts.append(f'<text x="{edge - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{label}</text>')
    for line in sorted(plot.lines, key=lambda one: one.strong):
        # A score that many items share lets them through at once: up to there the risk is that of all of them.
        points = [(0.0, line.points[0][1]), *line.points]
        drawn = " ".join(map(at, points))
        parts.append(f'<polyline class="span risk k-{line.colour}{" own" * line.strong}" points="{drawn}"/>')
    box = f"0 0 {edge + size + 14} {size + 36}"
    spoken = 'role="img" aria-label="risk at each coverage, areas beneath"'
    return f'<svg class="calibration" viewBox="{box}" {spoken}>{"".join(parts)}</svg>'
