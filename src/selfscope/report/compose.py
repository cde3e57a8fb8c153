"""Material -> Document: the order of a card, its summary, its limits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from selfscope.records import PLAIN, RUNGS, Row
from selfscope.report import labels, standing_text, tables
from selfscope.report.advice import advice, pace_of
from selfscope.report.before import beside
from selfscope.report.document import Advice, Document, Section, Verdict
from selfscope.report.examples import RULE, asked_example, examples
from selfscope.report.format import clean, count
from selfscope.report.labels import Labels
from selfscope.report.lies import lie_tables, lied
from selfscope.report.matched import treatment_tables
from selfscope.report.material import Material
from selfscope.report.preferences import preference_tables
from selfscope.report.sections import section
from selfscope.report.self_map import picture
from selfscope.report.success import success
from selfscope.report.verdict_row import best_rival, stays, verdict_line
from selfscope.report.white_box import inside
from selfscope.verdicts.claims import Claim

ONLY_INSIDE = "Its activations were read and written; nothing was asked here that a verdict on its reports needs."


def compose(material: Material) -> Document:
    """The whole card. Needs no model, computes no statistic: it arranges what claims and rows hold."""
    primary = primary_claims(material.claims, material.names)
    plain = _plain_rows(material)
    pace = pace_of(material)
    sections = tuple(
        _section(c, i, material, plain[c.phenomenon], advice(c, material, pace)) for i, c in enumerate(primary)
    )
    meta = material.meta
    lines = tuple(s.verdict for s in sections)
    return Document(
        subject=_noted(meta, "name", "subject") or "unnamed subject",
        facts=_facts(meta, material),
        summary=summary(primary) if primary or not material.gaps else ONLY_INSIDE,
        verdicts=lines,
        sections=sections,
        methods=tables.methods(material),
        not_run=_not_run(material, primary),
        limits=standing_text.LIMITS,
        reading=standing_text.READING,
        warnings=tuple(clean(w, 300) for w in material.warnings),
        inside=inside(material),
        before=beside(meta.get("before"), lines),
    )


def verdicts(claims: Sequence[Claim], names: Labels) -> tuple[Verdict, ...]:
    """What the first screen says of each kind of question, without examples and costs."""
    return tuple(verdict_line(c, f"claim-{i}", "", names) for i, c in enumerate(primary_claims(claims, names), 1))


def primary_claims(claims: Sequence[Claim], names: Labels) -> list[Claim]:
    """The primary claims; the first claim of a phenomenon that has none."""
    kept = [c for c in claims if c.primary]
    covered = {c.phenomenon for c in kept}
    for claim in claims:
        if claim.phenomenon not in covered:
            covered.add(claim.phenomenon)
            kept.append(claim)
    return sorted(kept, key=lambda c: (names.place(c.phenomenon), c.phenomenon, c.reader))


def _plain_rows(material: Material) -> Mapping[str, dict[str, list[Row]]]:
    plain: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in material.rows:
        trial = material.trials.get(row.trial)
        if row.control == PLAIN and (trial is None or (trial.split == "test" and trial.plain)):
            plain[row.phenomenon][row.reader].append(row)
    return plain


def _section(
    claim: Claim, index: int, material: Material, rows: Mapping[str, Sequence[Row]], settle: Sequence[Advice]
) -> Section:
    example = asked_example(rows.get(claim.reader, ()), material)
    line = verdict_line(claim, f"claim-{index + 1}", example, material.names, settle)
    siblings = [c for c in material.claims if c.phenomenon == claim.phenomenon]
    rival = best_rival(claim)
    readers = material.parts.readers
    base = [name for name, part in readers.items() if part.rung == "prior" and rows.get(name)][:1]
    shown = [rival.reader] if rival and rival.reader not in base else []
    trials = examples(claim, rows, material, shown + base)
    matched = treatment_tables(claim.phenomenon, claim.reader, material.treatments)
    matched += lie_tables(claim.phenomenon, material.told, material.lies, material.names)
    matched += preference_tables(claim.phenomenon, claim.reader, material.preferences, material.names)
    drawn = section(claim, line, siblings, material.names)
    said = success(claim, material)
    lines = (*drawn.beside, *lied(claim.phenomenon, material.told, material.lies, material.names))
    own = picture([m for m in material.self_maps if m.phenomenon == claim.phenomenon], claim.reader, material.names)
    return replace(
        drawn, examples=trials, rule=RULE if trials else "", matched=matched, success=said, beside=lines, picture=own
    )  # fmt: skip


def summary(claims: Sequence[Claim]) -> str:
    """One sentence in plain words; access on basis "rivals" is not counted as access."""
    if not claims:
        return "No claim has been estimated for this folder yet."
    kinds = Counter(_kind(c) for c in claims)
    total = len(claims)
    own = "it reads its own state" if kinds["access"] else "does it show that it reads its own state"
    parts = [f"In {kinds['access'] or 'none'} of {total} kinds of question {own}"]
    if total == 1:
        parts = ["It reads its own state" if kinds["access"] else "It does not show that it reads its own state"]
    for kind, says in standing_text.KINDS.items():
        if kinds[kind]:
            parts.append(says if total == 1 else f"in {kinds[kind]} {says}")
    return "; ".join(parts) + "."


def _kind(claim: Claim) -> str:
    if claim.verdict == "access" and claim.basis == "rivals":
        return "beyond"
    if stays(claim):
        return "unmoved"
    if claim.verdict == "not supported" and claim.reason in ("undecided", "too few clusters"):
        return "few"
    return claim.verdict


def _noted(meta: Mapping[str, Any], *keys: str) -> str:
    """The first of these keys that the study's record has, at its top or among its settings, as short text."""
    settings = meta.get("settings")
    for place in (meta, settings if isinstance(settings, Mapping) else {}):
        for key in keys:
            if isinstance(place.get(key), str | int | float) and not isinstance(place.get(key), bool):
                return clean(str(place[key]), 200)
    return ""


def _facts(meta: Mapping[str, Any], material: Material) -> tuple[tuple[str, str], ...]:
    """Short facts of the head. The date is the study's, never today's: the same folder gives the same bytes."""
    test = [t for t in material.trials.values() if t.split == "test" and t.plain]
    pairs = [
        ("identity", _noted(meta, "identity", "subject")[:12]),
        ("date", _noted(meta, "date", "started", "created")[:10]),
        ("profile", _noted(meta, "profile")),
        ("test items", f"{count(len(test))} in {count(len({t.cluster for t in test}))} clusters" if test else ""),
        ("readings", count(len(material.rows)) if material.rows else ""),
        ("made with", f"selfscope {_noted(meta, 'version')}" if _noted(meta, "version") else ""),
    ]
    return tuple((name, value) for name, value in pairs if value)


def _not_run(material: Material, claims: Sequence[Claim]) -> tuple[str, ...]:
    """Rungs without an observer, controls without rows, and what the study itself says it left out."""
    listed: list[str] = []
    notes = material.meta.get("not_run")
    if isinstance(notes, Mapping):
        listed += [f"{labels.sentence_case(str(k))}: {v}" for k, v in sorted(notes.items())]
    elif isinstance(notes, Sequence) and not isinstance(notes, str):
        listed += [str(note) for note in notes]
    present = {r.rung for r in material.rows}
    if material.rows:
        empty = [r for r in RUNGS if r in tables.NEEDS and r not in present]
        listed += [f"{labels.RUNGS[r]}: needs {tables.NEEDS[r]}." for r in empty]
    missing: dict[tuple[str, str], list[str]] = defaultdict(list)
    for claim in claims:
        for check in claim.checks:
            if check.status == "missing":
                missing[check.name, check.run].append(material.names.phenomenon(claim.phenomenon))
    for (name, run), where in missing.items():
        listed.append(f"{labels.sentence_case(name)} ({', '.join(where)})" + (f": {run}" if run else ""))
    return tuple(clean(labels.sentence_case(x) if x[:1].islower() else x, 300) for x in dict.fromkeys(listed))
