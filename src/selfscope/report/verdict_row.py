"""One claim -> its line of the table that a card opens with."""

from __future__ import annotations

from selfscope.records import PLAIN
from selfscope.report import labels
from selfscope.report.document import Verdict
from selfscope.report.format import NOTHING, Number, clean, count, sentence, share, skill, triple
from selfscope.report.labels import Labels
from selfscope.verdicts.claims import Claim, Step

TONES = {"access": "access", "alarm only": "alarm", "narrative": "narrative", "self-prediction": "public"}


def verdict_line(claim: Claim, anchor: str, example: str, names: Labels) -> Verdict:
    """The line of the opening table for one claim."""
    own, rival = self_step(claim), best_rival(claim)
    basis = {"causal": " · causal", "ablated": " · ablated", "rivals": " · rivals only"}
    badge = clean(claim.verdict, 40) + (basis.get(claim.basis or "", "") if claim.verdict == "access" else "")
    missing = tuple(clean(c.name, 80) for c in claim.checks if c.status == "missing")
    gap = skill(rival.gap, change=True) if rival else None
    main, note = _private(claim)
    return Verdict(
        anchor=anchor,
        title=clean(names.phenomenon(claim.phenomenon), 80),
        asks=names.asks(claim.phenomenon) or example,
        badge=badge,
        tone=_tone(claim),
        reason=clean(labels.reason(claim.reason), 120),
        sentence=sentence(claim.sentence),
        share=main,
        share_note=note,
        best_rival=clean(names.reader(rival.reader), 80) if rival else "no rival scored",
        rival_skill=_text(skill(rival.skill)) if rival else NOTHING,
        self_skill=_text(skill(own.skill)) if own else NOTHING,
        gap=gap.both if gap else "",
        items=_number(claim, "items"),
        clusters=_number(claim, "clusters"),
        missing=missing,
    )


def _private(claim: Claim) -> tuple[Number | None, str]:
    """The private share that decides, and a line on the other one (verdict, section 5: the intervention decides)."""
    seen, moved = share(claim.shares.get("private")), share(claim.causal)
    if moved is None:
        return seen, "observed, state not changed" if seen else ""
    return moved, f"state changed; observed {seen.both}" if seen else "state changed"


def _tone(claim: Claim) -> str:
    if claim.verdict == "access" and claim.basis == "rivals":
        return "beyond"
    return TONES.get(claim.verdict, "neutral")


def _text(number: Number | None) -> str:
    return number.text if number else NOTHING


def _number(claim: Claim, key: str) -> str:
    value = claim.numbers.get(key)
    return count(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else NOTHING


def self_step(claim: Claim) -> Step | None:
    """The reader of the claim itself on its ladder."""
    own = [s for s in claim.ladder if s.reader == claim.reader and s.control == PLAIN]
    return own[0] if own else None


def best_rival(claim: Claim) -> Step | None:
    """The rival with the highest skill: not the model itself, not its probe, not its behaviour."""
    ours = ("self", "probe", "behaviour", "ablated")
    rivals = [s for s in claim.ladder if s.rung not in ours and s.reader != claim.reader and triple(s.skill)]
    rivals = [s for s in rivals if s.control == PLAIN]
    return max(rivals, key=lambda s: (s.skill.value, s.reader), default=None)
