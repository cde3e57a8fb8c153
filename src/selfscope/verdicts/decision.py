"""The decision table: the first row that holds is the verdict, and a claim without its controls is not supported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from selfscope.statistics import Estimate, below
from selfscope.verdicts.claims import Check
from selfscope.verdicts.settings import Settings

ACCESS, PUBLIC, NARRATIVE, ALARM = "access", "self-prediction", "narrative", "alarm only"
CAUSAL, ABLATED, RIVALS = "access (causal)", "access (ablated)", "access (rivals only)"
MATTERS: Mapping[str, tuple[str, ...]] = {
    "format panel": (CAUSAL, ABLATED, RIVALS, PUBLIC, NARRATIVE, ALARM),
    "yes-bias panel": (CAUSAL, ABLATED, RIVALS, PUBLIC, NARRATIVE, ALARM),
    "prior": (CAUSAL, ABLATED, RIVALS, PUBLIC, NARRATIVE, ALARM),
    "input rival": (CAUSAL, ABLATED, RIVALS, PUBLIC, NARRATIVE),
    "history rival": (CAUSAL, ABLATED, RIVALS, PUBLIC, NARRATIVE),
    "reliable history": (RIVALS, PUBLIC, NARRATIVE),
    "near twin": (RIVALS,),
    "changed state": (CAUSAL, ALARM),
    "sham": (CAUSAL, ALARM),
    "control question": (CAUSAL, ALARM),
    "shuffled pairing": (CAUSAL, ABLATED, RIVALS, PUBLIC, NARRATIVE),
    "property competence": (NARRATIVE,),
    "truth ceiling": (ABLATED, RIVALS, PUBLIC),
    "third person": (PUBLIC,),
}
"""Control -> the claims that demand it (section 6 of the verdict's specification). The slope under do(state) needs no
rival's quality and no private variation in the unchanged state, so those two bind the other bases alone."""

RUN = {
    "format panel": "a card with option orders and polarity permuted (every shipped phenomenon)",
    "yes-bias panel": "--controls yes_bias (part of every profile)",
    "prior": "the reader prior (part of every profile)",
    "input rival": "--other MODEL, or a package with another subject's behaviour",
    "history rival": "the reader history_baseline (part of every profile)",
    "reliable history": "more train clusters: --profile full",
    "near twin": "--twin MODEL: a sibling fine-tune, another seed or an earlier checkpoint",
    "changed state": "the control changed (part of every profile)",
    "sham": "the control sham (part of every profile)",
    "control question": "the controls competence and changed_competence (part of every profile)",
    "shuffled pairing": "nothing: it is computed from the rows",
    "property competence": "the control competence (part of every profile)",
    "truth ceiling": "prompts whose answers vary, or more rollouts: --profile full",
    "third person": "the control third_person (part of every profile)",
}


@dataclass(frozen=True)
class Measured:
    """What the table looks at. None: was not run, or cannot be computed."""

    private: Estimate | None = None
    private_twin: Estimate | None = None  # with the near twin's forecast in place of the history rival's
    habit: Estimate | None = None
    input: Estimate | None = None
    format: Estimate | None = None
    unmoved: Estimate | None = None
    public: Estimate | None = None
    do: Estimate | None = None
    identification: Estimate | None = None
    ablated: Estimate | None = None
    alarm: Estimate | None = None
    unearned: Estimate | None = None
    kappa: float = 0.0
    f_hat: float = 0.0
    answered: float = 1.0
    clusters: int = 0
    singular: bool = False
    blocks: tuple[tuple[str, str], ...] = ()  # (reason, sentence) that stop before the table
    checks: tuple[Check, ...] = field(default=())


@dataclass(frozen=True)
class Decision:
    """verdict, basis, reason code and the sentence for people."""

    verdict: str
    sentence: str
    basis: str | None = None
    reason: str | None = None


def f_star(e: Measured) -> float:
    """The tipping point: the claim fails if more than this part of what the rivals leave unexplained is habit."""
    if e.private is None or e.habit is None or e.private.low <= 0:
        return 0.0
    reach = min(1.0, max(0.0, e.habit.high))
    return e.private.low / reach if reach > 0 else float("inf")


def decide(e: Measured, settings: Settings) -> Decision:
    """The first row of the table that holds."""
    if e.clusters < settings.clusters:
        return _not(
            "too few clusters", f"only {e.clusters} clusters of prompts; at least {settings.clusters} are needed"
        )
    if e.answered < 1 - settings.silent:
        return _not("too many non-answers", f"only {100 * e.answered:.0f} % of the questions were answered")
    for reason, sentence in e.blocks:
        return _not(reason, sentence)
    if e.singular or e.private is None:
        return _without_shares(e, settings)
    for holds, claim, decision in _rows(e, settings):
        if holds:
            return _controlled(claim, decision, e.checks)
    return _undecided(e, settings)


def _without_shares(e: Measured, s: Settings) -> Decision:
    """Where rivals and truth move together there are no shares; what changing the state shows needs no rival."""
    if _moved(e):
        return _controlled(CAUSAL, _access_causal(e), e.checks)
    if _alarmed(e, s):
        return _controlled(ALARM, _ALARM, e.checks)
    together = "the rivals' forecasts and the truth move together"
    if e.do is not None and below(e.do, s.margin_causal):
        together = f"follows the state by less than {100 * s.margin_causal:.0f} %; for the rest, {together}"
    return _not("rivals and truth cannot be told apart", together)


def _moved(e: Measured) -> bool:
    """Whether the report follows the state when that is changed, and in its content."""
    content = e.identification is not None and e.identification.low > 0
    return e.do is not None and e.do.low > 0 and content


def _alarmed(e: Measured, s: Settings) -> bool:
    """Whether it says that something changed, while its content does not follow the change."""
    return e.do is not None and e.alarm is not None and e.alarm.low > 0 and below(e.do, s.margin_causal)


_ALARM = Decision(ALARM, "notices that something changed, cannot say what")


def _rows(e: Measured, s: Settings) -> Sequence[tuple[bool, str, Decision]]:
    assert e.private is not None
    untouched = e.do is not None and below(e.do, s.margin_causal)  # where both exist the intervention decides
    ablated = e.private.low > 0 and e.ablated is not None and e.ablated.low > 0 and not untouched
    least = min(e.private.low, e.private_twin.low) if e.private_twin is not None else e.private.low
    tip = least > max(s.tipping, 2 * e.f_hat) * (min(1.0, max(0.0, e.habit.high)) if e.habit else 1.0)
    rivals = least > 0 and tip and e.kappa >= s.kappa and e.do is None
    flat = below(e.do, s.margin_causal) if e.do is not None else below(e.private, s.margin)
    unearned = e.unearned is not None and e.unearned.value >= s.unearned and e.unearned.low > 0
    narrative = e.unmoved is not None and e.unmoved.low > s.narrative and flat and unearned
    public = flat and any(x is not None and x.low > 0 for x in (e.habit, e.input, e.public))
    return (
        (_moved(e), CAUSAL, _access_causal(e)),
        (ablated, ABLATED, _access_ablated(e.private)),
        (rivals, RIVALS, _access_rivals(e)),
        (_alarmed(e, s), ALARM, _ALARM),
        (narrative, NARRATIVE, Decision(NARRATIVE, "confident, not moved by the state")),
        (public, PUBLIC, _self_prediction(e)),
    )


def _controlled(claim: str, decision: Decision, checks: Sequence[Check]) -> Decision:
    """A claim stands only if each control that it demands ran and passed."""
    for status in ("missing", "failed"):
        unmet = [c for c in checks if c.status == status and claim in c.needed_for]
        if unmet:
            names = ", ".join(c.name for c in unmet)
            if status == "failed" and "truth ceiling" in names:
                return _not("no private variation", "the truth does not vary beyond the rivals: nothing private here")
            reason = f"control {status}: {names}"
            return _not(reason, f"it looks like {claim}, but a required control {_WAS[status]}: {names}")
    return decision


_WAS = {"missing": "was not run", "failed": "failed"}


HOPELESS = 1000
"""Times the items there were: a number of items beyond this is no advice."""


def _undecided(e: Measured, s: Settings) -> Decision:
    assert e.private is not None
    flat = below(e.do, s.margin_causal) if e.do is not None else below(e.private, s.margin)
    if e.format is not None and e.format.low > 0 and flat:
        return _not("format", f"the report follows the format: {_share(e.format)} goes with position or with “yes”")
    if e.unmoved is not None and e.unmoved.low > s.narrative and flat:
        return _not("prior-like", "constant content, stated with no more confidence than it earns")
    margin = s.margin_causal if e.do is not None else s.margin
    if flat:
        why = "the history rival is mostly noise: more train prompts" if e.kappa < s.kappa else "too few items"
        return _not(
            "undecided", f"follows the state by less than {100 * margin:.0f} %; what else it follows is open ({why})"
        )
    size = e.do or e.private
    # Equivalence is reachable at se < margin / 2.6, and the standard error falls with the root of the clusters.
    needed = int(max(size.items + 1, size.items * (2.6 * size.se / margin) ** 2))
    if needed > HOPELESS * size.items:
        why = "what moves the report is not determined here, and more items of this kind would hardly help"
        return _not("undecided", f"too few items to tell: {why}")
    where = " in which the state is changed" if e.do is not None else ""
    return _not("undecided", f"too few items to tell: needs about {_rounded(needed)}{where}, not {size.items}")


def _rounded(n: int) -> int:
    step = 10 ** max(0, len(str(n)) - 2)
    return int(-(-n // step) * step)


def _not(reason: str, sentence: str) -> Decision:
    return Decision("not supported", sentence, None, reason)


def _share(x: Estimate) -> str:
    return f"{100 * x.value:.0f} % [{100 * max(0.0, x.low):.0f}, {100 * min(1.0, x.high):.0f}]"


def _access_causal(e: Measured) -> Decision:
    share = _share(e.do) if e.do is not None else ""
    return Decision(ACCESS, f"{share} of the report follows the state when the state is changed", "causal")


def _access_ablated(private: Estimate) -> Decision:
    return Decision(ACCESS, f"access, against itself without the state: {_share(private)}", "ablated")


def _access_rivals(e: Measured) -> Decision:
    return Decision(
        ACCESS,
        f"beyond the rivals tried: fails if more than {100 * min(f_star(e), 9.99):.0f} % of what they leave "
        "unexplained is in fact public habit",
        "rivals",
    )


def _self_prediction(e: Measured) -> Decision:
    if e.habit is not None and e.habit.low > 0:
        return Decision(PUBLIC, "anyone with the same history could say it")
    if e.input is not None and e.input.low > 0:
        return Decision(PUBLIC, "anyone with the same text could say it")
    return Decision(PUBLIC, "anyone with the same text or the same history could say it (not split)")
