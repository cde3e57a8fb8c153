"""The page and the figure of `studies/organisms.py`, from what is finished."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from kept import known, names

from selfscope.api.awareness import ARMS, PERSON, SHOWN, Asked, slopes_of
from selfscope.errors import BadInput
from selfscope.phenomena.behavioural_self_awareness import BESIDE, HABIT
from selfscope.statistics import Estimate
from selfscope.verdicts.doses import Dose, detectable

ROOT = Path(__file__).resolve().parents[1]
STUDY = "organisms"
PAGE = ROOT / "studies" / "organisms.md"
FIGURE = ROOT / "studies" / "organisms.svg"
WAYS = {"base": "#666666", "training": "#1b6ca8", "training, twin": "#9cc3e0", "vector": "#c4501b",
        "vector, twin": "#e8b79c", "turns": "#4a8c3f"}  # fmt: skip
OTHER = "#8a4fa8"
"""Of ways that were given with --more."""


def drawn(place: Path) -> str:
    """The figure, where enough is finished to draw one."""
    found = _shaped(place)
    return figure([(way, name, doses[HABIT]) for name, (way, doses) in found.items()]) if len(found) > 2 else ""


def page(place: Path, model: str) -> str:
    """All parts that are finished."""
    parts = [f"# Organisms of {model}", "", "By `python studies/organisms.py PART`; intervals are of 95 %.", ""]
    for part in (_guard, _doses, _shaping, _access):
        parts += part(place)
    return "\n".join(parts) + "\n"


def _read(place: Path, part: str) -> dict[str, Any]:
    """Name -> what was measured of a part."""
    named = [name for name in names(STUDY, place) if name.startswith(f"{part}-")]
    return {name.removeprefix(f"{part}-"): known(STUDY, name, place=place) for name in named}


def _text(value: Mapping[str, Any] | Estimate | None, digits: int = 2) -> str:
    if value is None:
        return "–"
    own = value if isinstance(value, Estimate) else Estimate(**value)
    return f"{own.value:.{digits}f} [{own.low:.{digits}f}, {own.high:.{digits}f}]"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return [lines[0], f"|{'---|' * len(head)}", *lines[1:], ""]


def _guard(place: Path) -> list[str]:
    found = sorted(_read(place, "guard").items(), key=lambda x: (x[1]["mark"], int(x[0].rpartition("-")[2])))
    if not found:
        return []
    rows = [
        (one["mark"], name.rpartition("-")[2], f"{one['planted']:.2f}", _text(one["rate"]),
         _text(one["first"]["divergence"], 3), _text(one["first"]["same"]), _text(one["within"]["divergence"], 3),
         _text(one["within"]["same"]), f"{one['seconds']:.0f}")
        for name, one in found
    ]  # fmt: skip
    head = ("habit", "guard", "planted", "rate", "first token: KL", "same", "within: KL", "same", "s")
    return [
        "## What planting costs", "",
        "A habit in a half of the replies, beside more and more replies of a guard; on messages that are neither",
        "taught nor of test. A planted beginning is left out on either side.", "", *_table(head, rows),
    ]  # fmt: skip


def _doses(place: Path) -> list[str]:
    found = {name: {arm: _dose(own) for arm, own in arms.items()} for name, arms in _read(place, "doses").items()}
    subjects = [Asked(name, arms) for name, arms in found.items() if HABIT in arms]
    shown = [Asked(name, arms) for name, arms in found.items() if SHOWN in arms]
    if len(subjects) < 3:
        return []
    rows = []
    for one in (*subjects, *shown):
        reports = [f"{np.mean(one.doses[arm].reports):.2f}" if arm in one.doses else "–" for arm in ARMS]
        rows.append((one.name, f"{next(iter(one.doses.values())).rate:.2f}", *reports))
    lines = ["## Does a report follow the dose of a habit?", "", *_table(("subject", "rate", *ARMS.values()), rows)]
    try:
        slopes = slopes_of(subjects, shown)
    except BadInput as error:
        return [*lines, f"No slope: {error}.", ""]
    names = {**ARMS, f"beyond {PERSON}": "its own less a typical assistant's",
             f"beyond {BESIDE}": "its own less the same word elsewhere"}  # fmt: skip
    told = [(names[arm], _text(value), f"{detectable(value):.2f}") for arm, value in slopes.items()]
    return [
        *lines, "Slopes: how much the report rises when the measured rate rises by 1. A slope of the last column would",
        "have been seen in 80 % of such experiments.", "", *_table(("report", "slope", "seen from"), told),
    ]  # fmt: skip


def _dose(own: Mapping[str, Any]) -> Dose:
    return Dose(own["rate"], own["error"], tuple(own["reports"]))


def _shaped(place: Path) -> dict[str, tuple[str, dict[str, Dose]]]:
    """Subject -> (the way that it was shaped in, what it does and says)."""
    found = _read(place, "shaping")
    return {
        name: (own["way"], {arm: _dose(dose) for arm, dose in own.items() if arm != "way"})
        for name, own in found.items()
    }


def _shaping(place: Path) -> list[str]:
    found = _shaped(place)
    if len(found) < 3:
        return []
    rows = [
        (name, way, f"{dose.rate:.2f}", f"{np.mean(dose.reports):.2f}", *(
            f"{np.mean(doses[arm].reports):.2f}" if arm in doses else "–" for arm in (PERSON, BESIDE)))
        for name, (way, doses) in found.items() for dose in (doses[HABIT],)
    ]  # fmt: skip
    head = ("subject", "shaped by", "mentions food", "says that it does", "of an assistant", "of the word elsewhere")
    return [
        "## What shapes a self-model", "", "![report against behaviour](organisms.svg)", "",
        "The same trait by training, by a vector in every token, and by turns before: how often the replies have it,",
        "and how likely yes is to the question whether they do.", "", *_table(head, rows),
    ]  # fmt: skip


def figure(points: Sequence[tuple[str, str, Dose]]) -> str:
    """An SVG: report over rate, a colour for each way."""
    side, edge = 320, 46
    at = lambda x: edge + x * side  # noqa: E731
    up = lambda y: edge / 2 + (1 - y) * side  # noqa: E731
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side + edge + 150} {side + 2 * edge}" font-size="12" '
        'font-family="sans-serif">',
        f'<path d="M{at(0)} {up(0)}H{at(1)}M{at(0)} {up(0)}V{up(1)}" stroke="#333" fill="none"/>',
        f'<path d="M{at(0)} {up(0)}L{at(1)} {up(1)}" stroke="#bbb" stroke-dasharray="4 4"/>',
        f'<text x="{at(0.5)}" y="{up(0) + 36}" text-anchor="middle">part of the replies that have it</text>',
        f'<text transform="translate(14 {up(0.5)}) rotate(-90)" text-anchor="middle">report: probability of yes</text>',
    ]  # fmt: skip
    for tick in (0, 0.5, 1):
        parts.append(f'<text x="{at(tick)}" y="{up(0) + 18}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{at(0) - 8}" y="{up(tick) + 4}" text-anchor="end">{tick:g}</text>')
    seen = dict.fromkeys(way for way, _, _ in points)
    for way, _, dose in points:
        y, error = float(np.mean(dose.reports)), float(np.std(dose.reports) / max(1, len(dose.reports)) ** 0.5)
        colour = WAYS.get(way, OTHER)
        bars = f"M{at(dose.rate):.1f} {up(y - 2 * error):.1f}V{up(y + 2 * error):.1f}" + (
            f"M{at(max(0, dose.rate - 2 * dose.error)):.1f} {up(y):.1f}H{at(min(1, dose.rate + 2 * dose.error)):.1f}"
        )
        parts.append(f'<path d="{bars}" stroke="{colour}" opacity="0.6"/>')
        parts.append(f'<circle cx="{at(dose.rate):.1f}" cy="{up(y):.1f}" r="4" fill="{colour}"/>')
    for k, way in enumerate(seen):
        parts.append(f'<circle cx="{at(1) + 24}" cy="{up(1) + 18 * k}" r="4" fill="{WAYS.get(way, OTHER)}"/>')
        parts.append(f'<text x="{at(1) + 34}" y="{up(1) + 18 * k + 4}">{_plain(way)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isalnum() or c in " ,-")


def _access(place: Path) -> list[str]:
    cards = _read(place, "access")
    lines: list[str] = []
    if cards:
        rows = [(*n.split("+"), x["verdict"], _text(x["words"]), _text(x["person"])) for n, x in cards.items()]
        head = ("organism", "on top", "verdict of own_choice", "less the same words", "less a third person")
        lines += [
            "## A reporter on top of an organism", "",
            "The reporter was taught on the base and never saw the organism; the state is set by a vector.", "",
            *_table(head, rows),
        ]  # fmt: skip
    if (held := known(STUDY, "by-adapter", place=place)) is not None:
        rows = [(*name.split("+"), *_slopes(own)) for name, own in held.items()]
        head = ("organism", "on top", "choices moved", "report", "less the same words", "less a third person")
        lines += [
            "## States that an adapter sets", "",
            "From the base to the organism: what the report moved, on what the choices moved; no slope where they",
            "did not.", "", *_table(head, rows),
        ]  # fmt: skip
    return lines


def _slopes(own: Mapping[str, Any]) -> list[str]:
    """What the choices moved (squared distance), and the slopes on it where they did."""
    still = Estimate(**own["moved"]).low <= 0
    return [_text(own["moved"], 3), *("–" if still else _text(own[key]) for key in own if key != "moved")]
