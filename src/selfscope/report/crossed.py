"""What moved a subject's reports where a state and a record of its choices were crossed -> a section."""

from __future__ import annotations

from collections.abc import Sequence

from selfscope.report import labels
from selfscope.report.activation_format import anchor, asked, part
from selfscope.report.document import Axis, AxisMark, Inside, Tick
from selfscope.report.format import clean, decimal
from selfscope.report.labels import Labels
from selfscope.report.material import Material
from selfscope.statistics import Estimate
from selfscope.tables import Table
from selfscope.verdicts.crossed import COPIES, FOLLOWS, NEITHER, PREDICTS, PUSHED, READS, Crossing, Effects, Moved

SAYS = {
    FOLLOWS: "Follows its state: what it says it likes moves with the state by {liking}, beyond a random direction, "
    "the same words elsewhere, and what it says of a typical assistant",
    READS: "Reads the changed text: what it says it likes moves with the state by {liking}, and what it says of a "
    "typical assistant as far",
    PUSHED: "Repeats what is pushed: under the state it names the word ({word}), whether it is asked what it likes "
    "more or less",
    PREDICTS: "Predicts from its record: what it chose before moves what it says it likes by {beyond}, beyond what it "
    "moves in what it does",
    COPIES: "Copies its record: what it chose before it names, whether it is asked what it likes more or less "
    "({copied})",
    NEITHER: "Follows neither its state nor its record: {state} and {record} (from {least} on it would have been seen)",
}
ROWS = {
    "behaviour": "what it does", "direct": "says it likes more", "turned": "says it likes less",
    "elsewhere": "the same words, asked which stands last", "person": "says a typical assistant likes more",
    "liking": "liking: more and less move apart", "word": "mere word: both move together",
    "own": "liking, beyond what it says of a typical assistant",
}  # fmt: skip
CAPTION = (
    "Share of the first of two words: towards it less towards the other one, in points; 95\u202f% intervals over "
    "categories of words."
)
UNMOVED = (
    "The state does not move what it does ({moved}): nothing can be shown about a state that does nothing. What the "
    "record moves can."
)


def crossed(name: str, found: Sequence[Crossing], material: Material) -> Inside:
    """One section for all readers that were asked."""
    names = material.names
    return Inside(
        anchor=anchor(name), title=names.phenomenon(name), asks=names.asks(name), says=sentence(found[0].effects),
        items=asked(name, material), ladder=_axis(found, names), more=tuple(_table(one, names) for one in found),
        notes=tuple(note for one in found[:1] for note in _notes(one)),
    )  # fmt: skip


def sentence(one: Effects) -> str:
    """All that is shown of the primary reader."""
    fields = {
        "liking": _points(one.liking.state), "word": _points(one.word.state), "beyond": _points(one.beyond),
        "copied": f"{_points(one.turned.record)} the wrong way",
        "state": f"the state moves it by {_points(one.liking.state)}",
        "record": f"the record by {_points(one.liking.record)}",
        "least": f"{decimal(100 * max(one.least), 0)}\u202fpoints",
    }  # fmt: skip
    return " ".join(f"{SAYS[name].format(**fields)}." for name in one.found)


def _points(x: Estimate) -> str:
    return part(x, change=True).both


def _axis(found: Sequence[Crossing], names: Labels) -> Axis:
    marks = []
    for one in found:
        who = clean(names.reader(one.reader), 60)
        for moved, factor in ((one.effects.liking, "liking"), (one.effects.word, "mere word")):
            for kind, colour in (("state", "self"), ("record", "history"), ("random", "prior")):
                value = getattr(moved, kind)
                if value is None:
                    continue
                told = "a random direction" if kind == "random" else f"the {kind}"
                marks.append(AxisMark(f"{labels.sentence_case(factor)} by {told} ({who})", one.rung, colour,
                                      part(value, change=True), strong=kind == "state"))  # fmt: skip
    ticks = (Tick(-1.0, "−100"), Tick(0.0, "0"), Tick(1.0, "100 points"))
    return Axis(-1.02, 1.02, ticks, tuple(marks), CAPTION, "moved, 95\u202f%")


def _table(one: Crossing, names: Labels) -> Table:
    rows = []
    for name, told in ROWS.items():
        moved: Moved = getattr(one.effects, name)
        beside = "" if moved.random is None else _points(moved.random)
        rows.append((told, _points(moved.state), _points(moved.record), beside))
    rows.append(("liking that the record moves, beyond what it does", "", _points(one.effects.beyond), ""))
    head = ("moved by", "the state", "the record", "a random direction")
    return Table(f"What moves what, {clean(names.reader(one.reader), 60)}", head, tuple(rows), (1, 2, 3), CAPTION)


def _notes(one: Crossing) -> list[str]:
    moved = one.effects.behaviour.state
    notes = [] if one.effects.state_moves else [UNMOVED.format(moved=_points(moved))]
    if one.recalled is not None:
        notes.append(
            "Asked what it chose before, which stands in the conversation, it names it in "
            f"{part(one.recalled).both} of the cases (chance 50\u202f%)."
        )
    return notes
