"""Material -> Document: the order of a card, its summary, its limits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from selfscope.records import RUNGS, Row
from selfscope.report import names, tables
from selfscope.report.document import Document, Material, Section
from selfscope.report.examples import RULE, asked_example, examples
from selfscope.report.figures import clean, count
from selfscope.report.sections import best_rival, section, verdict_line
from selfscope.verdicts.claims import Claim

LIMITS = (
    "Privileged is relative to the rivals that were tried. Only an arm that changes the state itself (causal, ablated) "
    "speaks without rivals; a claim on basis \u201crivals only\u201d is never counted as access in the summary.",
    "The shares say whom a report follows; the ladder says how good a forecast it is. A report can follow its own state "
    "in part and still forecast worse than a dull rival, because the rest of it is confident and wrong.",
    "A verdict holds for these items, these wordings and this decoding, and for exactly this model: weights, adapter, "
    "tokenizer, template and number format are its identity.",
    "\u201cNot supported\u201d is not \u201cno\u201d. It says that the evidence carries no claim, and what would be needed.",
)

READING = (
    ("Private", "the part of the report that follows the model\u2019s own state: what it will do on this very item, beyond what any "
     "rival could know."),
    ("Habit, input", "the parts that anyone could say who knows the model\u2019s past (habit) or has merely read the prompt (input)."),
    ("Format, unmoved", "the part that follows the position of an option or the word \u201cyes\u201d, and the part that follows nothing "
     "measured here."),
    ("Skill", "1 minus the Brier loss divided by that of always saying the base rate. 0 is the base rate, 1 is knowing the true "
     "probabilities; below 0 the base rate would have been better."),
    ("Interval", "95\u202f% over clusters of items (jackknife, t), including what the rival\u2019s limited training leaves open."),
)  # fmt: skip


def compose(material: Material) -> Document:
    """The whole card. Needs no model, computes no statistic: it arranges what claims and rows hold."""
    primary = _primary(material.claims)
    plain = _plain_rows(material)
    sections = tuple(_section(c, i, material, plain[c.phenomenon]) for i, c in enumerate(primary))
    meta = material.meta
    return Document(
        subject=clean(str(_subject(meta, material.rows)), 200),
        facts=_facts(meta, material),
        summary=summary(primary),
        verdicts=tuple(s.verdict for s in sections),
        sections=sections,
        methods=tables.methods(material),
        not_run=_not_run(material, primary),
        limits=LIMITS,
        reading=READING,
        warnings=tuple(clean(w, 300) for w in material.warnings),
    )


def _primary(claims: Sequence[Claim]) -> list[Claim]:
    """The primary claims; the first claim of a phenomenon that has none."""
    kept = [c for c in claims if c.primary]
    covered = {c.phenomenon for c in kept}
    for claim in claims:
        if claim.phenomenon not in covered:
            covered.add(claim.phenomenon)
            kept.append(claim)
    order = {name: i for i, name in enumerate(names.PHENOMENA)}
    return sorted(kept, key=lambda c: (order.get(c.phenomenon, len(order)), c.phenomenon, c.reader))


def _plain_rows(material: Material) -> Mapping[str, dict[str, list[Row]]]:
    found: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in material.rows:
        trial = material.trials.get(row.trial)
        if row.control == "plain" and (trial is None or (trial.split == "test" and trial.state == "plain")):
            found[row.phenomenon][row.reader].append(row)
    return found


def _section(claim: Claim, index: int, material: Material, rows: Mapping[str, Sequence[Row]]) -> Section:
    example = asked_example(rows.get(claim.reader, ()), material.trials)
    line = verdict_line(claim, f"claim-{index + 1}", example)
    siblings = [c for c in material.claims if c.phenomenon == claim.phenomenon]
    rival = best_rival(claim)
    beside = [rival.reader] if rival and rival.reader != "prior" else []
    beside += ["prior"] if rows.get("prior") else []
    told = examples(claim, rows, trials=material.trials, truths=material.truths, rivals=beside)
    return replace(section(claim, line, siblings), examples=told, rule=RULE if told else "")


def summary(claims: Sequence[Claim]) -> str:
    """One sentence in plain words; access on basis "rivals" is not counted as access."""
    if not claims:
        return "No claim has been estimated for this folder yet."
    kinds = Counter(_kind(c) for c in claims)
    total = len(claims)
    noun = "kind of question shows" if total == 1 else "kinds of question show"
    parts = [f"{kinds['access']} of {total} {noun} access to the model\u2019s own state"]
    said = {
        "beyond": ("goes beyond the rivals tried, which is not proof of access", "go beyond the rivals tried, which is not proof of access"),
        "alarm only": ("notices a change without knowing which", "notice a change without knowing which"),
        "narrative": ("is confident and not moved by the state", "are confident and not moved by the state"),
        "self-prediction": ("is what anyone with the same history or text could say", "are what anyone with the same history or text could say"),
        "few": ("has too few items to tell", "have too few items to tell"),
        "not supported": ("lacks what a claim would need", "lack what a claim would need"),
    }  # fmt: skip
    for kind, (one, many) in said.items():
        if kinds[kind]:
            parts.append(f"{kinds[kind]} {one if kinds[kind] == 1 else many}")
    return "; ".join(parts) + "."


def _kind(claim: Claim) -> str:
    if claim.verdict == "access" and claim.basis == "rivals":
        return "beyond"
    if claim.verdict == "not supported" and claim.reason in ("undecided", "too few clusters"):
        return "few"
    return claim.verdict


def _subject(meta: Mapping[str, Any], rows: Sequence[Row]) -> str:
    given = meta.get("subject") or meta.get("name") or meta.get("model")
    if isinstance(given, Mapping):
        given = given.get("name")
    return str(given or (rows[0].subject if rows else "unnamed subject"))


def _facts(meta: Mapping[str, Any], material: Material) -> tuple[tuple[str, str], ...]:
    """Short facts of the head. The date is the study's, never today's: the same folder gives the same bytes."""
    inner = meta.get("subject") if isinstance(meta.get("subject"), Mapping) else {}
    identity = str(meta.get("identity") or (inner or {}).get("identity") or "")
    date = str(meta.get("date") or meta.get("finished") or meta.get("started") or meta.get("created") or "")
    test = [t for t in material.trials.values() if t.split == "test" and t.control == "plain"]
    pairs = [
        ("identity", identity[:12]),
        ("date", date[:10]),
        ("profile", str(meta.get("profile") or "")),
        ("test items", f"{count(len(test))} in {count(len({t.cluster for t in test}))} clusters" if test else ""),
        ("readings", count(len(material.rows)) if material.rows else ""),
        ("made with", f"selfscope {meta['version']}" if meta.get("version") else ""),
    ]
    return tuple((name, clean(value, 80)) for name, value in pairs if value)


def _not_run(material: Material, claims: Sequence[Claim]) -> tuple[str, ...]:
    """Rungs without an observer, controls without rows, and what the study itself says it left out."""
    listed: list[str] = []
    given = material.meta.get("not_run")
    if isinstance(given, Mapping):
        listed += [f"{names.sentence_case(str(k))}: {v}" for k, v in sorted(given.items())]
    elif isinstance(given, Sequence) and not isinstance(given, str):
        listed += [str(g) for g in given]
    present = {r.rung for r in material.rows}
    if material.rows:
        listed += [f"{names.RUNGS[r]}: needs {tables.NEEDS[r]}." for r in RUNGS if r in tables.NEEDS and r not in present]
    missing: dict[tuple[str, str], list[str]] = defaultdict(list)
    for claim in claims:
        for check in claim.checks:
            if check.status == "missing":
                missing[check.name, check.run].append(names.title(claim.phenomenon))
    for (name, run), where in missing.items():
        listed.append(f"{names.sentence_case(name)} ({', '.join(where)})" + (f": {run}" if run else ""))
    return tuple(clean(names.sentence_case(x) if x[:1].islower() else x, 300) for x in dict.fromkeys(listed))
