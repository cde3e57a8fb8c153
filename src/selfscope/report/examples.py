"""Example trials of a card, chosen by a rule that the card states: never by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from selfscope.records import Outcome, Parts, Question, ReaderPart, Reading, Row, Trial, Truth
from selfscope.report import labels
from selfscope.report.document import Example, OptionCell
from selfscope.report.format import clean, decimal, percent, scalar
from selfscope.report.labels import Labels
from selfscope.report.material import Material, Words
from selfscope.verdicts.claims import Claim

RULE = (
    "Chosen by rule, not by hand: the best, the median and the worst scored answer of this reader on the test items, "
    "and the first item that it did not answer (ties: the smallest trial id)."
)
MOST_OPTIONS = 8


def choose(rows: Sequence[Row]) -> list[tuple[str, Row]]:
    """(why, row): best, median, worst by noise-corrected Brier loss, and the first that has no answer."""
    scored = sorted((r for r in rows if r.score is not None), key=lambda r: (r.score.brier, r.trial))  # type: ignore[union-attr]
    chosen: list[tuple[str, Row]] = []
    places = {"best answer": 0, "median answer": len(scored) // 2, "worst answer": len(scored) - 1}
    for why, place in places.items():
        if scored and all(scored[place].trial != row.trial for _, row in chosen):
            chosen.append((why, scored[place]))
    silent = sorted((r for r in rows if r.reading.outcome != Outcome.ANSWERED), key=lambda r: r.trial)
    silent = [r for r in silent if r.reading.outcome != Outcome.UNSUPPORTED]
    return chosen + ([(f"no answer: {silent[0].reading.outcome.value}", silent[0])] if silent else [])


def examples(
    claim: Claim, rows: Mapping[str, Sequence[Row]], material: Material, rivals: Sequence[str]
) -> tuple[Example, ...]:
    """rows: plain test rows by reader of the claim's phenomenon; rivals: reader ids shown beside, in this order."""
    others = {name: {r.trial: r.reading for r in rows.get(name, ())} for name in rivals}
    chosen = []
    for why, row in choose(rows.get(claim.reader, ())):
        trial = material.trials.get(row.trial)
        if trial is not None:
            beside = [(name, others[name].get(row.trial)) for name in rivals]
            question = asked(trial, material.parts.readers.get(row.reader), material.words)
            chosen.append(_example((why, question), row, trial, material.truths.get(row.trial), beside, material.parts))
    return tuple(chosen)


def _example(
    why: tuple[str, str], row: Row, trial: Trial, truth: Truth | None, beside: Sequence[tuple[str, Reading | None]],
    parts: Parts,
) -> Example:  # fmt: skip
    options, labels = trial.question.options, shown(trial.question)
    columns = _columns(row, truth, beside, len(options), parts)
    weight = [max((values[k] for _, _, values in columns[:2]), default=0.0) for k in range(len(options))]
    kept = sorted(sorted(range(len(options)), key=lambda k: -weight[k])[:MOST_OPTIONS])
    lines: list[tuple[str, tuple[OptionCell | None, ...]]] = [
        (labels[k], tuple(OptionCell(v[k], percent(v[k])) for _, _, v in columns))
        for k in kept
    ]
    if len(kept) < len(options):
        lines.append((f"and {len(options) - len(kept)} rarer", tuple(None for _ in columns)))
    hidden = [m.content if m.role == "system" else f"{m.role}: {m.content}" for m in trial.prompt.messages if m.hidden]
    return Example(
        why=why[0],
        public=clean(trial.public, 420),
        hidden=clean(" ".join(dict.fromkeys(hidden)), 200),
        question=why[1],
        said=reply_text(row.reading, trial.question),
        sources=tuple((name, colour) for name, colour, _ in columns),
        options=tuple(lines),
        score=f"Brier loss {decimal(row.score.brier)}" if row.score else "",
    )


def _columns(
    row: Row, truth: Truth | None, beside: Sequence[tuple[str, Reading | None]], size: int, parts: Parts
) -> list[tuple[str, str, tuple[float, ...]]]:
    """(name, colour, distribution) of the truth, the report and the rivals, where there is one over these options."""
    sources: list[tuple[str, str, tuple[float, ...] | None]] = [
        ("true", "behaviour", truth.mean if truth else None),
        ("said", "self", row.reading.distribution),
    ]
    for name, reading in beside:
        part = parts.readers.get(name)
        short = clean(Labels(parts).short(name), 40)
        sources.append((short, part.rung if part else "input", reading.distribution if reading else None))
    return [(name, colour, values) for name, colour, values in sources if values is not None and len(values) == size]


def asked(trial: Trial, reader: ReaderPart | None, words: Words | None = None) -> str:
    """The question in the words that were sent (given a `words`), else as the data that it is."""
    if words is not None and reader is not None and reader.format is not None:
        try:
            return clean(words(trial, reader.format), 420)
        except ValueError:  # a quantity of somebody's own that has no wording: it is shown as data
            pass
    question = trial.question
    arguments = {k: v for k, v in question.arguments.items() if isinstance(v, str | int | float)}
    inside = f" ({scalar(arguments)})" if arguments else ""
    negated = ", negated wording" if question.negated else ""
    return f"{labels.sentence_case(question.quantity)}{inside}{negated}?"


def shown(question: Question) -> tuple[str, ...]:
    """What each option, in canonical order, is called in the wording that was shown."""
    return tuple(clean(text or o.key, 60) for text, o in zip(question.shown_texts, question.options, strict=True))


def reply_text(reading: Reading, question: Question) -> str:
    """What was said: its words, else what it holds likely."""
    if reading.text:
        return clean(reading.text, 280)
    values = reading.distribution
    if values is None or len(values) != len(question.options):
        return clean(str(reading.extra.get("why", "")), 280)
    if question.binary:
        pairs = sorted(zip(shown(question), values, strict=True), reverse=True)
        return ", ".join(f"{name} {percent(value)}" for name, value in pairs)
    top = max(range(len(values)), key=lambda k: values[k])
    return f"most probable: {shown(question)[top]} ({percent(values[top])})"


def asked_example(rows: Sequence[Row], material: Material) -> str:
    """The question of the first trial by id, for phenomena that the card has no words for."""
    known = sorted((r for r in rows if r.trial in material.trials), key=lambda r: r.trial)
    if not known:
        return ""
    return asked(material.trials[known[0].trial], material.parts.readers.get(known[0].reader), material.words)
