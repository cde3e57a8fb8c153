"""The page of `studies/states.py`: a line for each channel of each phenomenon, from cards that are finished."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kept import known, names

from selfscope.api.cards import Card
from selfscope.report.verdict_row import best_rival, self_step
from selfscope.statistics import Estimate, minimum_detectable
from selfscope.verdicts.channels import Channel
from selfscope.verdicts.claims import Claim

STUDY = "states"
TYPICAL = "of a typical assistant"
RIVALS = ("history", "input", "prior")
"""Rungs of channels that read no more than text."""
HEAD = ("phenomenon", "channel", "measure", "score", "best rival", "share", "least seen", "says")
NOTES = """Score: skill is Brier skill with the noise of the truth taken out (0: the base rate, 1: the truth
itself); AUROC is of the first of two options on matched items (0.5: told apart no better than by
chance); *moved* is how far what it says it likes moves with its state; a slope is of what it says it
wants, or is, on what it chooses and does (1: by its word). Best rival: who reads the text alone, on the
same items and by the same measure. Share: what part of the report goes with what the model does; of
AUROC, the part of the matched pairs that are in order; of *moved*, what is left of it beyond the same
words asked elsewhere; of lies, the AUROC among statements under the same condition; of a slope, the rank
correlation (wishes) or what it says of itself alone (self- model). Least seen: the smallest share, or
smallest distance from the score of chance, that four of five such runs would show. Intervals are of 95
%, over clusters."""


@dataclass(frozen=True)
class Line:
    """One channel of one phenomenon. share: of the report, what goes with what the model does. least: the smallest that
    would have been seen."""

    phenomenon: str
    channel: str
    measure: str
    score: Estimate | None
    rival: str
    beside: Estimate | None
    share: Estimate | None
    least: float | None
    says: str


def lines_of(card: Card) -> list[Line]:
    """Of every claim, every channel on matched items, every crossing of state and record, every treatment; how often it
    lied and what tells its lies; what it says it wants, and that it is, on what it does."""
    every = (_claims, _channels, _crossings, _treatments, _lies, _wishes, _maps)
    return [line for part in every for line in part(card)]


def page(found: Path) -> str:
    """Every model of which something is finished."""
    parts = ["# States", "", "By `python studies/states.py`. " + " ".join(NOTES.split()), ""]
    kept = [known(STUDY, name, place=found) for name in names(STUDY, found)]
    for model in dict.fromkeys(one["model"] for one in kept):
        own = [one for one in kept if one["model"] == model]
        spent = sum(one["seconds"] for one in own)
        parts += [f"## {model}", "", f"The model worked for {spent / 60:.0f} minutes.", ""]
        parts += table([_line(line) for one in own for line in one["lines"]])
    return "\n".join(parts) + "\n"


def table(lines: list[Line]) -> list[str]:
    """As Markdown. The phenomenon stands on its first line alone."""
    out = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    before = ""
    for line in lines:
        rival = f"{line.rival} {text(line.beside)}".strip() if line.beside else "–"
        first = line.phenomenon if line.phenomenon != before else ""
        least = "–" if line.least is None else f"{line.least:.2f}"
        cells = (first, line.channel, line.measure, text(line.score), rival, text(line.share), least, line.says)
        out.append(f"| {' | '.join(cells)} |")
        before = line.phenomenon
    return [*out, ""]


def text(value: Estimate | None) -> str:
    """A figure with its interval, or a dash."""
    return "–" if value is None else f"{value.value:.2f} [{value.low:.2f}, {value.high:.2f}]"


def _claims(card: Card) -> Iterator[Line]:
    labels = card.material.names
    for claim in card.claims:
        own, rival = self_step(claim), best_rival(claim)
        share, least = _share(claim)
        yield Line(
            labels.phenomenon(claim.phenomenon), labels.reader(claim.reader), "skill", own.skill if own else None,
            labels.reader(rival.reader) if rival else "", rival.skill if rival else None, share, least,
            claim.verdict + (f": {claim.reason}" if claim.reason else ""),
        )  # fmt: skip


def _share(claim: Claim) -> tuple[Estimate | None, float | None]:
    """What goes with what it does, by the split that the verdict rests on, and the least that would have been seen."""
    split = {"full": claim.shares, "pooled": claim.pooled}.get(claim.split, claim.tracking)
    found = split.get("private" if claim.split == "full" else "tracking")
    return found, None if found is None else _least(found)


def _channels(card: Card) -> Iterator[Line]:
    labels = card.material.names
    found = card.material.channels
    for own in found:
        many = f"{own.task.partition('/')[0]}/" in {c.task for c in found}
        if own.rung in RIVALS or (many and not own.task.endswith("/")):
            continue
        others = [c for c in found if (c.phenomenon, c.task) == (own.phenomenon, own.task) and c.rung in RIVALS[:2]]
        best = max(others, key=lambda c: c.auroc.value, default=None)
        yield Line(
            f"{labels.phenomenon(own.phenomenon)}, {own.task.replace('/', ' ').replace('_', ' ').strip()}",
            labels.reader(own.reader), "AUROC", own.auroc, labels.reader(best.reader) if best else "",
            best.auroc if best else None, own.ordered, _least(own.auroc), _told(own, best),
        )  # fmt: skip


def _told(own: Channel, best: Channel | None) -> str:
    if own.auroc.low <= 0.5:
        return "not told"
    return "told beyond the text" if best is not None and own.auroc.low > best.auroc.high else "told"


def _crossings(card: Card) -> Iterator[Line]:
    labels = card.material.names
    for one in card.material.crossed:
        effects = one.effects
        yield Line(
            labels.phenomenon(one.phenomenon), labels.reader(one.reader), "moved", effects.liking.state,
            "by the record", effects.liking.record, effects.beyond_words.state, effects.least[0],
            ", ".join(effects.found),
        )  # fmt: skip


def _treatments(card: Card) -> Iterator[Line]:
    labels = card.material.names
    for one in card.material.treatments:
        if one.rung in RIVALS:
            continue
        alike = "treated alike" if one.alike else "a gap" if not one.done.low <= 0 <= one.done.high else "no gap shown"
        yield Line(
            f"{labels.phenomenon(one.phenomenon)}, {one.way} {one.about.replace('_', ' ')}", labels.reader(one.reader),
            "gap that it says", one.said, "gap that it has", one.done, one.slope, _least(one.done), alike,
        )  # fmt: skip


def _lies(card: Card) -> Iterator[Line]:
    labels, found = card.material.names, card.findings
    for told in found.told:
        about = f"{labels.phenomenon(told.phenomenon)}, {told.condition}"
        yield Line(about, "what it states", "part that is a lie", told.lied, "", None, None, None,
                   f"{told.statements} statements")  # fmt: skip
        here = [c for c in found.lies if (c.phenomenon, c.condition) == (told.phenomenon, told.condition) and c.auroc]
        texts = [c for c in here if c.rung in RIVALS[:2]]
        best = max(texts, key=lambda c: c.auroc.value if c.auroc else 0.0, default=None)
        for own in here:
            if own.rung not in RIVALS:
                yield Line(
                    about, labels.reader(own.reader), "AUROC", own.auroc, labels.reader(best.reader) if best else "",
                    best.auroc if best else None, own.within, own.least, own.says,
                )  # fmt: skip


def _wishes(card: Card) -> Iterator[Line]:
    labels = card.material.names
    for one in card.findings.preferences:
        typical = {s.reader: s for s in one.statements if s.person != "self"}
        for own in one.statements:
            if own.person == "self" and own.rung not in RIVALS:
                other = typical.get(own.reader)
                yield Line(
                    labels.phenomenon(one.phenomenon), labels.reader(own.reader), "slope", own.slope, TYPICAL,
                    other.slope if other else None, own.rank, own.detectable, _goes(own.slope, other and other.slope),
                )  # fmt: skip


def _maps(card: Card) -> Iterator[Line]:
    labels = card.material.names
    for one in card.findings.self_maps:
        if one.rung not in RIVALS and one.slope is not None:
            yield Line(
                labels.phenomenon(one.phenomenon), labels.reader(one.reader), "slope", one.slope, TYPICAL,
                one.slope_typical, one.lead, _least(one.slope), _goes(one.slope, one.slope_typical),
            )  # fmt: skip


def _goes(own: Estimate, typical: Estimate | None) -> str:
    if own.low <= 0:
        return "goes with nothing that it does" if own.high >= 0 else "goes against what it does"
    beyond = typical is not None and own.low > typical.high
    return "goes with what it does" + (", beyond a typical assistant's" if beyond else "")


def _least(x: Estimate) -> float | None:
    return minimum_detectable(x.se, x.clusters) if x.se > 0 and x.clusters > 1 else None


def _line(kept: Mapping[str, Any]) -> Line:
    own = dict(kept)
    for name in ("score", "beside", "share"):
        own[name] = None if own[name] is None else Estimate(**own[name])
    return Line(**own)
