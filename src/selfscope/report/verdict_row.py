"""One claim -> its answers to the three questions that a card opens with: what does its report follow, could anyone
have said it, what would settle it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from selfscope.records import PLAIN
from selfscope.report import labels
from selfscope.report.bar import bar_of
from selfscope.report.document import Advice, Verdict
from selfscope.report.format import NOTHING, Number, clean, count, percent, sentence, share, skill, triple
from selfscope.report.labels import Labels
from selfscope.statistics import Estimate, below
from selfscope.verdicts.claims import Claim, Step
from selfscope.verdicts.settings import Settings
from selfscope.verdicts.words import ACCESS, COPIES, FOLLOWS, NOT_SUPPORTED, READS

TONES = {
    "access": "access", "reads the changed text": "text", "follows its context": "text", "alarm only": "alarm",
    "narrative": "narrative", "self-prediction": "public", "prior-like": "narrative", "format": "narrative",
    "copies its context": "text",
}  # fmt: skip
SETTLED = "Nothing: its state was changed, and what it says moved along."
FEWEST = Settings().clusters
NO_ADVICE = "Nothing that this version knows of."
IS_SETTLED = "Nothing: the main thing is settled."


def verdict_line(
    claim: Claim, anchor: str, example: str, names: Labels, settle: Sequence[Advice] = ()
) -> Verdict:
    """What stands on the first screen for one claim."""
    own, rival = self_step(claim), best_rival(claim)
    basis = {"causal": " · causal", "ablated": " · ablated", "rivals": " · rivals only"}
    badge = clean(claim.verdict, 40) + (basis.get(claim.basis or "", "") if claim.verdict == ACCESS else "")
    gap = skill(rival.gap, change=True) if rival else None
    changed, by, says = changed_of(claim)
    copied = share(claim.copies) if by == "text" and claim.copies is not None and claim.copies.low > 0 else None
    return Verdict(
        anchor=anchor,
        title=clean(names.phenomenon(claim.phenomenon), 80),
        asks=names.asks(claim.phenomenon) or example,
        badge=badge,
        says=kind_of_report(claim),
        tone=_tone(claim),
        reason=clean(labels.reason(claim.reason), 120),
        sentence=sentence(claim.sentence),
        bar=bar_of(claim),
        sure=how_sure(claim),
        tracking=share(claim.tracking.get("tracking")),
        changed=changed,
        changed_by=by,
        changed_says=says,
        copied=copied,
        best_rival=clean(names.reader(rival.reader), 80) if rival else "no rival scored",
        rival=skill(rival.skill) if rival else None,
        rival_says=anyone(rival, knows=claim.verdict == ACCESS),
        own=skill(own.skill) if own else None,
        gap=gap.both if gap else "",
        items=_number(claim, "items"),
        clusters=_number(claim, "clusters"),
        mass=mass_line(claim),
        held=share(claim.mass),
        missing=tuple(clean(c.name, 80) for c in claim.checks if c.status == "missing"),
        settle=tuple(settle),
        settled="" if settle else _settled(claim),
    )


def kind_of_report(claim: Claim) -> str:
    """What the report is, in plain words."""
    if claim.verdict == ACCESS and claim.basis == "rivals":
        return labels.BEYOND
    if stays(claim):
        return labels.NOT_ITS_STATE
    return labels.VERDICTS[claim.verdict][0] if claim.verdict in labels.VERDICTS else clean(claim.verdict, 40)


def stays(claim: Claim) -> bool:
    """Whether nothing is decided but that a change of its state, which it cannot read as text, leaves it alone."""
    margin = claim.numbers.get("margin_causal")
    open_ = claim.verdict == NOT_SUPPORTED and claim.reason == "undecided"
    return open_ and margin is not None and _decides(claim.causal) and below(claim.causal, margin)


def _decides(effect: Estimate | None) -> TypeGuard[Estimate]:
    """Whether it stands on as many clusters as a claim needs; on fewer it is shown, and decides nothing."""
    return effect is not None and effect.clusters >= FEWEST


def changed_of(claim: Claim) -> tuple[Number | None, str, str]:
    """What moves when its state is changed, by what it was changed ("state", "text", ""), and that in words."""
    causal, follows = share(claim.causal), share(claim.follows)
    if causal is not None:
        return causal, "state", f"{causal.both} of what it says moves along{_clear(claim.causal)}.{_few(claim.causal)}"
    if follows is not None:
        said = f"{follows.both} of what it says goes along{_clear(claim.follows)}.{_few(claim.follows)}"
        return follows, "text", said
    return None, "", "Not done, or it moved nothing that it does."


def _clear(effect: Estimate | None) -> str:
    """In words, on which side of nothing the interval lies."""
    interval = triple(effect)
    if interval is None or interval[1] > 0:
        return ""
    return ", which may be nothing" if interval[1] < interval[2] or interval[0] else ": nothing"


def _few(effect: Estimate | None) -> str:
    return "" if _decides(effect) else " Too few groups to decide by."


def how_sure(claim: Claim) -> str:
    """The bound that the verdict rests on, in words."""
    over = f"95\u202f% interval, {_number(claim, 'items')} items in {_number(claim, 'clusters')} groups"
    bound = _bound(claim)
    if bound:
        return f"How sure: {bound} ({over})."
    return f"How sure: it decides nothing yet ({over})." if claim.numbers.get("items") else ""


def _bound(claim: Claim) -> str:
    unmoved, public, form = (_share(claim, k) for k in ("unmoved", "public", "format"))
    effect: tuple[object, str] = {
        ACCESS: (claim.causal if claim.basis == "causal" else claim.shares.get("private"), "follows its own state"),
        READS: (claim.beyond_words, "moves with the changed text"),
        FOLLOWS: (claim.follows, "follows its context"),
        COPIES: (claim.copies, "repeats its context"),
        "narrative": (unmoved, "follows nothing that was measured"),
        "prior-like": (unmoved, "follows nothing that was measured"),
        "self-prediction": (public, "is what anyone could say"),
        "format": (form, "goes by the form of the question"),
    }.get(claim.verdict, (None, ""))
    least, goes = triple(effect[0]), triple(claim.tracking.get("tracking"))
    if least is not None and effect[1] and least[1] > 0:
        return f"at least {percent(least[1])} of it {effect[1]}"
    if stays(claim) and claim.causal is not None:
        return f"at most {percent(max(0.0, claim.causal.high))} of it moves with its state"
    if claim.verdict == NOT_SUPPORTED and goes is not None and goes[2] < 1:
        return f"at most {percent(max(goes[2], 0.0))} of it can go with what it does"
    return ""


def _share(claim: Claim, key: str) -> object:
    """A share of the split that the verdict rests on: habit, or text, or both together, the surest of them."""
    shares = {"full": claim.shares, "pooled": claim.pooled, "tracking": claim.tracking}.get(claim.split, {})
    keys = ("habit", "input", "public") if key == "public" else (key,)
    found = [(t[1], shares[k]) for k in keys if (t := triple(shares.get(k)))]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def anyone(rival: Step | None, *, knows: bool = False) -> str:
    """Who could have said it, by the gap to the best rival. knows: part of it is access all the same."""
    gap = triple(rival.gap) if rival else None
    if rival is None or gap is None:
        return "Nobody else was asked the same."
    who = labels.KNOWS.get(rival.rung, "who was asked in its place")
    if gap[1] > 0:
        return f"No rival forecasts it as well: it beats anyone {who}."
    how = "better than it does itself" if gap[2] < 0 else "about as well, as far as can be told"
    return f"Anyone {who} forecasts it {how}" + (", but not what moves with its state." if knows else ".")


def mass_line(claim: Claim) -> str:
    """How much of the probability the listed answers held, and how often it went elsewhere."""
    parts = []
    if (held := share(claim.mass)) is not None:
        parts.append(f"the answers listed held {held.both} of the probability")
    asked, elsewhere = sum(claim.outcomes.values()), claim.outcomes.get("elsewhere", 0)
    if elsewhere:
        parts.append(f"{count(elsewhere)} of {count(asked)} questions were answered with something that was not listed")
    return "; ".join(parts)


def _tone(claim: Claim) -> str:
    if claim.verdict == ACCESS and claim.basis == "rivals":
        return "beyond"
    return TONES.get(claim.verdict, "neutral")


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


def _settled(claim: Claim) -> str:
    if claim.verdict == ACCESS and claim.causal is not None:
        return SETTLED
    return NO_ADVICE if claim.verdict == NOT_SUPPORTED else IS_SETTLED
