"""What it says that it is -> a map: statements by area, placed by agreement, coloured by whether they are so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from selfscope.report import labels
from selfscope.report.activation_format import part
from selfscope.report.format import NOTHING, clean, decimal
from selfscope.report.labels import Labels
from selfscope.report.self_document import MapGroup, MapMark, SelfPicture
from selfscope.statistics import Estimate
from selfscope.tables import Table
from selfscope.verdicts.self_model import NOT_SO, OPEN, SO, UNCHECKED, Placed, SelfMap
from selfscope.verdicts.self_moved import Change

KEYS = {SO: "so", NOT_SO: "not-so", OPEN: "undecided", UNCHECKED: "unchecked"}
SIGNS = {SO: "✓", NOT_SO: "✕", OPEN: "?", UNCHECKED: NOTHING}
WORDS = {
    SO: "is as it says", NOT_SO: "is not as it says", OPEN: "undecided: an interval holds one half",
    UNCHECKED: "nothing checks it",
}  # fmt: skip
CAPTION = (
    "Across: from what it says is not so to what it says is so, over five wordings, half of them reversed, with a "
    "95\u202f% interval over wordings; whoever says yes to all stands in the middle. Ring: what it says of a typical "
    "assistant. Bar: the part of its replies that are so, with its interval over messages."
)
HEAD = ("who", "slope on what it does", "AUROC", "again in other words")
RIVALS = (
    "Over the statements that its replies show. Slope: 1 says of each how far it is so, 0 has nothing to do with it. "
    "AUROC: how often what is so stands above what is not. Again in other words: ICC of disjoint halves of the "
    "wordings. 95\u202f% intervals over statements."
)


def picture(maps: Sequence[SelfMap], reader: str, names: Labels) -> SelfPicture | None:
    """The map of one reader, beside what everybody forecasts; None where it has none."""
    own = next((one for one in maps if one.reader == reader), None)
    if own is None:
        return None
    return SelfPicture("What it says it is", CAPTION, _legend(own), groups(own), _rivals(own, maps, names))


def groups(found: SelfMap, changes: Mapping[str, Change] | None = None) -> tuple[MapGroup, ...]:
    """Statements by area. changes: by statement, where two maps are compared."""
    by_area: dict[str, list[Placed]] = {}
    for one in found.statements:
        by_area.setdefault(one.area, []).append(one)
    return tuple(
        MapGroup(labels.sentence_case(area), tuple(
            _mark(one, (changes or {}).get(one.name)) for one in sorted(own, key=lambda p: -p.own.value)
        ))
        for area, own in by_area.items()
    )  # fmt: skip


def _mark(one: Placed, change: Change | None) -> MapMark:
    own, typical, true = (None if x is None else part(x) for x in (one.own, one.typical, one.true))
    assert own is not None
    spoken = [f"{clean(one.says, 200)} Says so: {own.both}"]
    spoken += [f"of a typical assistant: {typical.text}"] if typical else []
    spoken += [f"so in {true.both} of its replies", WORDS[one.so]] if true else [WORDS[one.so]]
    was = part(change.before) if change is not None else None
    moved = "" if change is None else f"moved by {part(change.said, change=True).both}"
    if was is not None:
        spoken += [f"said before: {was.text}", moved]
    return MapMark(
        clean(one.says, 200), KEYS[one.so], SIGNS[one.so], own, typical, true, "; ".join(spoken) + ".", was, moved
    )  # fmt: skip


def _legend(found: SelfMap) -> tuple[tuple[str, str, str], ...]:
    return tuple((KEYS[so], SIGNS[so], f"{words} ({found.counted(so)})") for so, words in WORDS.items())


def _rivals(own: SelfMap, maps: Sequence[SelfMap], names: Labels) -> Table:
    rows = [(clean(names.reader(own.reader), 60), _both(own.slope), _both(own.auroc), _both(own.stability))]
    typical = (_both(own.slope_typical), _both(own.auroc_typical), _both(own.stability_typical))
    rows.append(("the same, asked of a typical assistant", *typical))
    for one in maps:
        if one.reader != own.reader and one.phenomenon == own.phenomenon:
            told = "" if one.rung in ("prior", "history") else _both(one.stability)
            rows.append((clean(names.reader(one.reader), 60), _both(one.slope), _both(one.auroc), told))
    rows.append(("who agrees with everything", decimal(0.0), decimal(0.5), NOTHING))
    return Table("Who says what is so", HEAD, tuple(rows), (1, 2, 3), RIVALS)


def _both(x: Estimate | None) -> str:
    return NOTHING if x is None else f"{decimal(x.value)} [{decimal(x.low)}, {decimal(x.high)}]"
