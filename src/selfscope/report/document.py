"""What a card says, as data. Every number and every foreign text in it is already written out (format.py), so that
the HTML page and the terminal table cannot disagree. `card.json` is this document with the claims beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from selfscope.report.format import NOTHING, Number
from selfscope.report.self_document import SelfPicture
from selfscope.report.success_document import Success
from selfscope.tables import Table


@dataclass(frozen=True)
class AxisMark:
    """One point with its interval on a horizontal axis. colour: a rung of the ladder, or "" for neutral."""

    label: str
    note: str
    colour: str
    number: Number
    strong: bool = False
    gap: str = ""


@dataclass(frozen=True)
class Tick:
    """A vertical line of an axis: where, what it is called, and whether it is only an end of the axis."""

    at: float
    label: str
    kind: str = "line"


@dataclass(frozen=True)
class Axis:
    """Marks over one horizontal axis from low to high; what lies outside is drawn as an arrow at the edge. column: what
    its figures are."""

    low: float
    high: float
    ticks: tuple[Tick, ...]
    marks: tuple[AxisMark, ...]
    caption: str = ""
    column: str = "right, 95 %"


@dataclass(frozen=True)
class CalibrationBin:
    """One point of a calibration plot: stated against happened probability, binomial interval, items behind it."""

    stated: float
    happened: float
    low: float
    high: float
    items: int
    text: str


@dataclass(frozen=True)
class ChecklistItem:
    """One line of a list that is ticked off. status: passed | failed | missing."""

    name: str
    status: str
    detail: str
    run: str = ""


@dataclass(frozen=True)
class OptionCell:
    """A probability of an example: its text, and its size for the small bar."""

    size: float
    text: str


@dataclass(frozen=True)
class Example:
    """One trial: what was asked, what was true, what was said, what the rivals said."""

    why: str
    public: str
    hidden: str
    question: str
    said: str
    sources: tuple[tuple[str, str], ...]  # (name, colour) a column: truth, the report, rivals
    options: tuple[tuple[str, tuple[OptionCell | None, ...]], ...]
    score: str


@dataclass(frozen=True)
class Piece:
    """A part of a bar. size: drawn, of one. number: as computed, None for what is open. figures: text with interval."""

    key: str
    label: str
    colour: str
    size: float
    number: Number | None
    figures: str


@dataclass(frozen=True)
class Bar:
    """What a report follows. pieces: their sizes sum to one; "open" is what the evidence does not determine. split: in
    words. wide: shares that were left open, with their figures. spoken: the same words for who does not see it."""

    pieces: tuple[Piece, ...]
    split: str
    wide: str
    spoken: str


@dataclass(frozen=True)
class Advice:
    """What would settle the rest: what is lacking, the option that adds it and the whole command ("" where there is
    none), what it needs in words, what it costs, and what the command takes that asks it all again."""

    what: str
    option: str
    command: str
    needs: str
    cost: str
    again: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a card opens with, for one kind of question. says: what the report is, in plain words; badge: the verdict's
    code. bar: what it follows. sure: how sure that is. tracking: what goes with what it does. changed: what moves with
    a changed state; changed_by: "state" (that no report can read), "text" (that it can) or ""; copied: what repeats
    that text. rival_says: who could have said it. mass: what the listed answers held, in
    words; held: the figure. settle: the likeliest first."""

    anchor: str
    title: str
    asks: str
    badge: str
    says: str
    tone: str
    reason: str
    sentence: str
    bar: Bar | None
    sure: str
    tracking: Number | None
    changed: Number | None
    changed_by: str
    changed_says: str
    copied: Number | None
    best_rival: str
    rival: Number | None
    rival_says: str
    own: Number | None
    gap: str
    items: str
    clusters: str
    mass: str
    held: Number | None
    missing: tuple[str, ...]
    settle: tuple[Advice, ...]
    settled: str

    @property
    def skills(self) -> tuple[str, str]:
        """Skill of the self and of the best rival, a dash where there is none."""
        own, rival = (n.text if n else NOTHING for n in (self.own, self.rival))
        return own, rival


@dataclass(frozen=True)
class Section:
    """All there is to say on one claim. An empty part carries the reason in `absent`, and is drawn as that sentence.
    asides: tables that the phenomenon calls for; beside: a line for each of them."""

    verdict: Verdict
    reader: str
    ladder: Axis | None = None
    shares: Axis | None = None
    calibration: tuple[CalibrationBin, ...] = ()
    splits: tuple[Table, ...] = ()
    asides: tuple[Table, ...] = ()
    beside: tuple[str, ...] = ()
    effects: Table | None = None
    effects_note: str = ""
    headlines: Table | None = None
    conditions: Axis | None = None
    more_conditions: Table | None = None
    checks: tuple[ChecklistItem, ...] = ()
    examples: tuple[Example, ...] = ()
    rule: str = ""
    others: Table | None = None
    numbers: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    matched: tuple[Table, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    success: Success | None = None
    picture: SelfPicture | None = None


@dataclass(frozen=True)
class HeatCell:
    """One cell of a heat map: its size from 0 to 1, its text, and a mark: "chosen" on dev, "best" of the grid, ""."""

    size: float
    text: str
    mark: str = ""


@dataclass(frozen=True)
class Heat:
    """A sweep as a table whose cells are shaded by their size."""

    caption: str
    columns: tuple[str, ...]
    lines: tuple[str, ...]
    cells: tuple[tuple[HeatCell, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Inside:
    """All there is to say on one phenomenon that reads or writes activations."""

    anchor: str
    title: str
    asks: str
    says: str
    items: str
    ladder: Axis | None = None
    readers: Table | None = None
    heats: tuple[Heat, ...] = ()
    more: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document:
    """The whole card. facts: short name-value pairs of the head; methods: tables; limits, reading: paragraphs. before:
    another card's verdicts beside these."""

    subject: str
    facts: tuple[tuple[str, str], ...]
    summary: str
    verdicts: tuple[Verdict, ...]
    sections: tuple[Section, ...]
    methods: tuple[Table, ...]
    not_run: tuple[str, ...]
    limits: tuple[str, ...]
    reading: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...] = ()
    inside: tuple[Inside, ...] = ()
    before: Table | None = None
