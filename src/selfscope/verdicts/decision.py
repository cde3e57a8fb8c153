"""The decision table: the first row that holds is the verdict, and a claim without its controls is not supported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from selfscope.statistics import Estimate, below
from selfscope.verdicts.claims import Check, Settle
from selfscope.verdicts.controls_of import ABLATED, CAUSAL, COMPETENCE, EXCUSED, RIVALS
from selfscope.verdicts.measured import Measured
from selfscope.verdicts.settings import Settings
from selfscope.verdicts.settle import MISSING, settling
from selfscope.verdicts.splits import FULL, POOLED, TRACKING
from selfscope.verdicts.words import (
    ACCESS,
    ALARM,
    COPIES,
    FOLLOWS,
    FORMAT,
    NARRATIVE,
    NOT_SUPPORTED,
    PRIOR,
    PUBLIC,
    READS,
    elsewhere,
    share,
)


@dataclass(frozen=True)
class Decision:
    """verdict, basis, reason code and the sentence for people. split: the one that it rests on, "" for none of them.
    settle: what would decide the rest."""

    verdict: str
    sentence: str
    basis: str | None = None
    reason: str | None = None
    split: str = ""
    settle: tuple[Settle, ...] = ()


def f_star(e: Measured) -> float:
    """The tipping point: the claim fails if more than this part of what the rivals leave unexplained is habit."""
    if e.private is None or e.habit is None or e.private.low <= 0:
        return 0.0
    reach = min(1.0, max(0.0, e.habit.high))
    return e.private.low / reach if reach > 0 else float("inf")


YIELDS = {RIVALS: ["near twin"], NARRATIVE: [COMPETENCE]}
"""Claims that let a later row speak where just these controls are not met: what comparison alone would say if a twin
had been tried; and who cannot tell the property of a given text makes nothing up: it may not know what is asked."""


def decide(e: Measured, settings: Settings) -> Decision:
    """The first row of the table that holds, with what would settle what stays open."""
    decision, reason = _decided(e, settings)
    return replace(decision, settle=settling(e, decision.verdict, reason, settings))


def _decided(e: Measured, s: Settings) -> tuple[Decision, str]:
    """The decision, and what keeps it, or a stronger claim, from being made."""
    lacking = None
    stops = _stops(e, s)
    for claim, decision in _rows(e, s) if stops is None else ():
        got = _controlled(claim, decision, e.checks)
        if claim not in YIELDS or _unmet(claim, decision, e.checks) != YIELDS[claim]:
            return got, (got.reason or (lacking.reason if lacking else "") or "")
        lacking = lacking or got
    decision = stops or lacking or _undecided(e, s)
    return decision, decision.reason or ""


def _stops(e: Measured, s: Settings) -> Decision | None:
    """What stops any claim before the rows are read."""
    if e.answered < 1 - s.silent:
        return _not("too many non-answers", elsewhere(e.answered))
    if e.clusters < s.clusters:
        return _not("too few clusters", f"Only {e.clusters} groups of items; at least {s.clusters} are needed.")
    return next((_not(reason, sentence) for reason, sentence in e.blocks), None)


def _rows(e: Measured, s: Settings) -> Iterator[tuple[str, Decision]]:
    """The rows that hold, in the table's order: (claim, decision)."""
    if _moved(e):
        yield CAUSAL, _access_causal(e)
    flat = e.effect is not None and below(e.effect, s.margin_causal)
    if e.private is not None and not e.singular:
        if e.private.low > 0 and e.ablated is not None and e.ablated.low > 0 and not flat:
            yield ABLATED, _access_ablated(e.private)
        if _beyond_rivals(e, s) and not flat:
            yield RIVALS, _access_rivals(e)
    # What it does under turns is of turns: the slope beyond copying them is what must be flat.
    copies = e.copies is not None and e.copies.low > 0
    copies = copies and e.follows is not None and below(e.follows, s.margin_causal)
    if copies and e.copies is not None and e.copies.low > s.narrative:  # what it mostly does: more than made up
        yield COPIES, _copies(e.copies)
    if e.beyond_words is not None and e.beyond_words.low > 0 and e.do is not None and e.do.low <= 0:
        yield READS, _reads(e.beyond_words, e.do)
    if e.follows is not None and e.follows.low > 0:
        yield FOLLOWS, _follows(e.follows)
    if e.alarm is not None and e.alarm.low > 0 and flat:
        yield ALARM, Decision(ALARM, "Says that something was changed, and cannot say what.")
    yield from _composition(e, s)
    if copies and e.copies is not None and (e.goes is None or e.goes.low <= 0):
        yield COPIES, _copies(e.copies)


def _moved(e: Measured) -> bool:
    """Whether the report follows a state that it cannot read, when that is changed, and in its content."""
    content = e.identification is not None and e.identification.low > 0
    return e.do is not None and e.do.low > 0 and content


def _beyond_rivals(e: Measured, s: Settings) -> bool:
    """By observation: above 0 by more than the tipping point, beyond the near twin too. Where a state that it cannot
    read was changed, that decides."""
    assert e.private is not None
    least = min(e.private.low, e.private_twin.low) if e.private_twin is not None else e.private.low
    tip = least > max(s.tipping, 2 * e.f_hat) * (min(1.0, max(0.0, e.habit.high)) if e.habit else 1.0)
    return least > 0 and tip and e.kappa >= s.kappa and e.do is None


def _composition(e: Measured, s: Settings) -> Iterator[tuple[str, Decision]]:
    """What the plain report follows, by the most ambitious split that says anything."""
    if e.whole(s):
        assert e.private is not None
        flat = below(e.effect, s.margin_causal) if e.effect is not None else below(e.private, s.margin)
        full = {"habit": e.habit, "input": e.input, "public": e.public, "format": e.format, "unmoved": e.unmoved}
        yield from _shares_say(FULL, full, e, s, flat=flat, public=flat)
    low = e.goes is not None and e.goes.at(2 * e.goes.level - 1).high < s.tracking
    moves = any(x is not None and x.low > 0 for x in (e.do, e.follows))
    untouched = e.effect is not None and below(e.effect, s.margin_causal)
    smaller = {"flat": low and not moves, "public": untouched}
    if e.pooled is not None and e.pooled.tells(s.coarse):
        yield from _shares_say(POOLED, e.pooled.estimates, e, s, **smaller)
    anybody = e.pooled.estimates.get("public") if e.pooled is not None else None
    # It goes with what it does by more than its own state can account for.
    if untouched and e.goes is not None and e.goes.low > s.margin_causal:
        yield PUBLIC, Decision(PUBLIC, _not_by_its_state(e.goes, s), split=TRACKING)
    if e.tracking is not None and e.tracking.tells(s.coarse) and (anybody is None or anybody.low <= 0):
        yield from _shares_say(TRACKING, e.tracking.estimates, e, s, **smaller)


def _shares_say(
    kind: str, shares: Mapping[str, Estimate | None], e: Measured, s: Settings, *, flat: bool, public: bool
) -> Iterator[tuple[str, Decision]]:
    """flat: it does not go with what it does; public: a changed state leaves it alone."""
    unmoved, form = shares.get("unmoved"), shares.get("format")
    constant = flat and unmoved is not None and unmoved.low > s.narrative
    unearned = e.unearned is not None and e.unearned.value >= s.unearned and e.unearned.low > 0
    if constant and unearned:
        yield NARRATIVE, Decision(NARRATIVE, _made_up(kind, unmoved, e), split=kind)
    anybody = any(x is not None and x.low > 0 for x in (shares.get(k) for k in ("habit", "input", "public")))
    if public and anybody:
        yield PUBLIC, Decision(PUBLIC, _self_prediction(shares, e, s), split=kind)
    if constant:
        yield PRIOR, Decision(PRIOR, _the_same(kind, unmoved, e, unearned=unearned), split=kind)
    if flat and form is not None and form.low > 0:
        said = f"Goes by the form of the question: {share(form)} follows the place of an option, or the word “yes”."
        yield FORMAT, Decision(FORMAT, said, split=kind)


def _unmet(claim: str, decision: Decision, checks: Sequence[Check]) -> list[str]:
    """The controls that a claim demands and that did not run and pass. A smaller split needs fewer rivals."""
    excused = EXCUSED.get(decision.split, ())
    demanded = [c for c in checks if claim in c.needed_for and c.name not in excused]
    return [c.name for c in demanded if c.status != "passed"]


def _controlled(claim: str, decision: Decision, checks: Sequence[Check]) -> Decision:
    """A claim stands only if each control that it demands ran and passed."""
    unmet = _unmet(claim, decision, checks)
    for status in ("missing", "failed"):
        names = ", ".join(c.name for c in checks if c.status == status and c.name in unmet)
        if names:
            if status == "failed" and "truth ceiling" in unmet:
                return _not("no private variation", "What it does never differs from what the rivals expect: nothing "
                            "private is there to be known.")  # fmt: skip
            reason = f"{MISSING if status == 'missing' else 'control failed: '}{names}"
            return _not(reason, f"It looks like {claim}, but a required control {_WAS[status]}: {names}.")
    return decision


_WAS = {"missing": "was not run", "failed": "failed"}


def _undecided(e: Measured, s: Settings) -> Decision:
    """What is known all the same: how much goes with what it does, and what a changed state does to it."""
    known = []
    if e.goes is not None and e.goes.low > 0:
        known.append(f"Goes with what it does, {share(e.goes)} of it, but by which route is open")
    elif e.goes is not None:
        known.append(f"Open. {share(e.goes)} of it goes with what it does, by any route")
    if e.effect is not None and below(e.effect, s.margin_causal):
        known.append(f"a changed state moves it by less than {100 * s.margin_causal:.0f} %")
    elif e.effect is not None and e.effect.low > 0:
        known.append(f"{share(e.effect)} moves with a changed state; that it fits its own change best is not shown")
    if not known:
        return _not("rivals and truth cannot be told apart", "What the rivals expect and what it does move together.")
    return _not("undecided", f"{'; '.join(known)}.")


def _not(reason: str, sentence: str) -> Decision:
    return Decision(NOT_SUPPORTED, sentence, None, reason)


def _access_causal(e: Measured) -> Decision:
    assert e.do is not None
    said = (
        f"Reads its own state: when that is changed, {share(e.do)} of what it says moves along, beyond what the same "
        "words do elsewhere and what it says of anybody."
    )
    return Decision(ACCESS, said, "causal")


def _access_ablated(private: Estimate) -> Decision:
    said = f"Knows more with its state than without it: {share(private)} of what it says follows the state."
    return Decision(ACCESS, said, "ablated", split=FULL)


def _access_rivals(e: Measured) -> Decision:
    said = (
        "Says what none of the rivals tried could say. That fails if more than "
        f"{100 * min(f_star(e), 9.99):.0f} % of what they leave unexplained is habit that they did not learn."
    )
    return Decision(ACCESS, said, "rivals", split=FULL)


def _reads(beyond: Estimate, left: Estimate) -> Decision:
    said = (
        f"When its state was changed {share(beyond)} of its answer moved along, but its answer about somebody else "
        f"moved as much: whoever reads the changed text could say it. Left for itself: {share(left)}."
    )
    return Decision(READS, said)


def _follows(follows: Estimate) -> Decision:
    said = (
        f"Follows its context: where hidden turns change what it does, {share(follows)} of what it says goes along, "
        "beyond repeating them. It can read those turns, so this is no access to a state."
    )
    return Decision(FOLLOWS, said)


def _copies(copies: Estimate) -> Decision:
    said = f"Repeats an answer that stands in its context: {share(copies)} of the report, whatever it then does."
    return Decision(COPIES, said)


def _made_up(kind: str, unmoved: Estimate | None, e: Measured) -> str:
    return f"Made up: {_constant(kind, unmoved, e)}, and it is surer than it is right."


def _the_same(kind: str, unmoved: Estimate | None, e: Measured, *, unearned: bool) -> str:
    rest = "It is no surer than it is right."
    if unearned and any(c.name == COMPETENCE and c.status == "missing" for c in e.checks):
        rest = "Whether it can tell the property of a given text was not asked: it may not know what is asked."
    elif unearned:
        rest = "It cannot tell the property of a given text either: it may not know what is asked."
    return f"Says much the same whatever it does: {_constant(kind, unmoved, e)}. {rest}"


def _constant(kind: str, unmoved: Estimate | None, e: Measured) -> str:
    assert unmoved is not None
    most = f", at most {_percent(e.goes.high)} goes with what it then does" if e.goes else ""
    nothing = "goes with nothing that it does" if kind == TRACKING else "follows nothing that was measured"
    return f"at least {_percent(unmoved.low)} of what it says {nothing}{most}"


def _percent(x: float) -> str:
    return f"{100 * max(0.0, min(1.0, x)):.0f} %"


def _not_by_its_state(goes: Estimate, s: Settings) -> str:
    return (
        f"Goes with what it does, {share(goes)} of it, while a changed state moves it by less than "
        f"{100 * s.margin_causal:.0f} %: what anyone could say who reads the question or knows its past (not split)."
    )


def _self_prediction(shares: Mapping[str, Estimate | None], e: Measured, s: Settings) -> str:
    own = f"Its own state adds less than {100 * s.margin:.0f} %, as far as the rivals tell."
    if e.effect is not None:
        own = "A changed state leaves it alone."
    for name, who in (("habit", "knows its past"), ("input", "reads the question")):
        one = shares.get(name)
        if one is not None and one.low > 0:
            return f"Anyone who {who} could say it: {share(one)} of the report. {own}"
    together = shares.get("public")
    assert together is not None
    who = "Anyone who reads the question or knows its past"
    return f"{who} could say it (not split): {share(together)} of the report. {own}"
