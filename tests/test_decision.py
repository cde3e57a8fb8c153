"""The decision table by itself: its order, every cell of the required controls, what a smaller split excuses, and what
would settle the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfscope.statistics import Estimate, estimate
from selfscope.verdicts import Settings
from selfscope.verdicts.claims import Check
from selfscope.verdicts.controls_of import COMPETENCE, EXCUSED, MATTERS, RUN
from selfscope.verdicts.decision import Decision, decide
from selfscope.verdicts.measured import Measured
from selfscope.verdicts.splits import FULL, POOLED, TRACKING, Split
from selfscope.verdicts.words import ACCESS, VERDICTS

PASSED = tuple(Check(n, "passed", "", needed) for n, needed in MATTERS.items())


def about(value: float, half: float = 0.05) -> Estimate:
    return estimate(value, half / 2.06, 26, 200)


def smaller(kind: str, tracking: float = 0.0, public: float = 0.0, form: float = 0.0) -> Split:
    """A pooled or a tracking split; what its shares leave is unmoved."""
    shares = {"tracking": tracking, "format": form, "unmoved": 1 - tracking - form}
    if kind == POOLED:
        shares |= {"public": public, "unmoved": 1 - tracking - form - public}
    return Split(kind, {k: about(v) for k, v in shares.items()})


def evidence() -> dict[str, Measured]:
    """For each row of the table, numbers under which it holds when every control passed."""
    flat = Measured(
        private=about(0), habit=about(0), input=about(0), format=about(0), unmoved=about(0.2), public=about(0),
        kappa=0.8, clusters=26, unearned=about(0.3), checks=PASSED,
    )  # fmt: skip
    private = replace(flat, private=about(0.4), habit=about(0.2))
    return {
        "access (causal)": replace(private, do=about(0.4), beyond_words=about(0.5), identification=about(0.2)),
        "access (ablated)": replace(private, ablated=about(0.3)),
        "access (rivals only)": private,
        "reads the changed text": replace(flat, do=about(0.02), beyond_words=about(0.3)),
        "follows its context": replace(flat, follows=about(0.3), copies=about(0.2)),
        "alarm only": replace(flat, do=about(0.02), alarm=about(0.5)),
        "narrative": replace(flat, unmoved=about(0.9)),
        "self-prediction": replace(flat, habit=about(0.7), public=about(0.7)),
        "prior-like": replace(flat, unmoved=about(0.9), unearned=about(0)),
        "format": replace(flat, format=about(0.6)),
        "copies its context": replace(flat, follows=about(0), copies=about(0.4)),
    }


def test_the_words_of_the_verdicts_stand_in_the_order_of_the_table() -> None:
    words = list(dict.fromkeys(claim.split(" (")[0] for claim in evidence()))
    assert [*words, "not supported"] == list(VERDICTS)


@pytest.mark.parametrize("name", list(MATTERS))
@pytest.mark.parametrize("claim", list(evidence()))
def test_9_every_cell_of_the_table_of_required_controls(name: str, claim: str) -> None:
    e = evidence()[claim]
    word = claim.split(" (")[0]
    assert decide(e, Settings()).verdict == word
    for status in ("missing", "failed"):
        checks = tuple(replace(c, status=status) if c.name == name else c for c in e.checks)
        got = decide(replace(e, checks=checks), Settings())
        if claim == "narrative" and name == COMPETENCE:
            assert got.verdict == "prior-like"  # the weaker claim that needs it not, and why it is no more
            assert ("was not asked" in got.sentence) == (status == "missing")
            assert ("cannot tell the property" in got.sentence) == (status == "failed")
        elif claim in MATTERS[name]:
            assert got.verdict == "not supported"
            assert name in got.sentence or got.reason == "no private variation"
        else:
            assert got.verdict == word


def test_every_claim_demands_a_control_and_every_control_says_how_it_is_run() -> None:
    assert set(MATTERS) == set(RUN)
    assert {claim for claims in MATTERS.values() for claim in claims} == set(evidence())


def test_the_first_row_that_holds_decides() -> None:
    """Two rows that hold at once: the earlier one is the verdict."""
    e = evidence()
    claims = list(e)
    fields = {
        "access (causal)": ("do", "identification", "beyond_words", "private", "habit"),
        "access (ablated)": ("ablated", "private", "habit"), "follows its context": ("follows",),
        "reads the changed text": ("do", "beyond_words"), "narrative": ("unmoved", "unearned"),
        "self-prediction": ("habit", "public"), "prior-like": ("unmoved", "unearned"), "format": ("format",),
        "copies its context": ("copies",), "alarm only": ("alarm", "do"),
    }  # fmt: skip
    for first in fields:
        for later in claims[claims.index(first) + 1 :]:
            flat = later in ("reads the changed text", "alarm only", "copies its context")
            if later == "access (rivals only)" or (first == "access (ablated)" and flat):
                continue  # where a changed state leaves the report alone, observation is not access
            both = replace(e[later], **{f: getattr(e[first], f) for f in fields[first]})
            got = decide(both, Settings())
            assert got.verdict == first.split(" (")[0], (first, later, got)
    few = decide(replace(e["narrative"], clusters=19), Settings())
    assert few.reason == "too few clusters"
    quiet = decide(replace(e["narrative"], answered=0.6), Settings())
    assert quiet.reason == "too many non-answers"
    stopped = decide(replace(e["narrative"], blocks=(("format not crossed", "It never varied."),)), Settings())
    assert (stopped.verdict, stopped.reason) == ("not supported", "format not crossed")


def test_a_changed_state_needs_no_rivals_and_so_no_regular_moments() -> None:
    causal = replace(evidence()["access (causal)"], singular=True)
    assert decide(causal, Settings()).basis == "causal"
    missing = tuple(replace(c, status="missing") if c.name == "same words" else c for c in causal.checks)
    assert decide(replace(causal, checks=missing), Settings()).reason == "control missing: same words"
    together = "rivals and truth cannot be told apart"
    for lacking in ({"do": None}, {"do": about(0.1, 0.5)}):
        assert decide(replace(causal, beyond_words=None, **lacking), Settings()).reason == together
    unlike = decide(replace(causal, identification=None), Settings())
    assert unlike.reason == "undecided"
    assert "fits its own change best is not shown" in unlike.sentence
    still = decide(replace(causal, do=about(0.02), beyond_words=None), Settings())
    assert "less than 10 %" in still.sentence
    assert decide(replace(evidence()["access (ablated)"], singular=True), Settings()).reason == together
    assert decide(replace(evidence()["alarm only"], singular=True), Settings()).verdict == "alarm only"


def test_a_state_that_is_text_never_gives_access() -> None:
    """However strong it is: nothing removes copying that goes with persuasion."""
    for e in evidence().values():
        seen = replace(e, do=None, beyond_words=None, ablated=None, private=about(0), follows=about(0.95))
        assert decide(seen, Settings()).verdict != ACCESS
    assert "no access to a state" in decide(evidence()["follows its context"], Settings()).sentence


def test_intervention_decides_where_it_contradicts_observation() -> None:
    seen = replace(evidence()["access (rivals only)"], do=estimate(0.0, 0.02, 26, 200))
    assert decide(seen, Settings()).verdict != ACCESS


def test_above_the_words_and_not_above_the_third_person_is_reading() -> None:
    e = evidence()["access (causal)"]
    got = decide(replace(e, do=about(0.03), beyond_words=about(0.4)), Settings())
    assert got.verdict == "reads the changed text"
    assert "whoever reads the changed text could say it" in got.sentence


def test_who_mostly_copies_is_called_so_before_made_up() -> None:
    """What more than half of it does under hidden turns says more than that the plain report is constant."""
    for copied, verdict in ((0.6, "copies its context"), (0.4, "narrative")):
        both = replace(evidence()["narrative"], follows=about(0), copies=about(copied))
        assert decide(both, Settings()).verdict == verdict
        assert decide(replace(both, follows=about(0.2)), Settings()).verdict == "follows its context"


def without(e: Measured, *names: str) -> Measured:
    return replace(e, checks=tuple(replace(c, status="missing") if c.name in names else c for c in PASSED))


def test_a_rival_that_was_not_tried_does_not_hide_what_the_changed_state_shows() -> None:
    """A hosted model without a twin: access beyond the rivals is not supported, and that it follows its context is."""
    both = replace(evidence()["access (rivals only)"], follows=about(0.5))
    assert decide(both, Settings()).basis == "rivals"
    got = decide(without(both, "near twin"), Settings())
    assert got.verdict == "follows its context"
    assert "near twin" in [one.what for one in got.settle]
    for also in ("sham", "control question"):  # a claim without its own controls takes nobody's place
        assert decide(without(both, "near twin", also), Settings()).reason == f"control missing: {also}"
    assert decide(without(both, "near twin", "prior"), Settings()).reason == "control missing: prior, near twin"
    alone = without(evidence()["access (rivals only)"], "near twin")
    assert decide(alone, Settings()).reason == "control missing: near twin"
    causal = without(replace(evidence()["access (causal)"], follows=about(0.5)), "same words")
    assert decide(causal, Settings()).reason == "control missing: same words"


def noisy(kind: str, **shares: float) -> Measured:
    """What is left where the full split says a lot and its history rival is noise."""
    full = replace(evidence()["access (rivals only)"], kappa=0.3, unmoved=about(0.9), habit=about(0.9))
    track = smaller(TRACKING, shares.get("tracking", 0.0), form=shares.get("form", 0.0))
    return replace(full, tracking=track, pooled=smaller(POOLED, **shares) if kind == POOLED else None)


@pytest.mark.parametrize("kind", [POOLED, TRACKING])
def test_without_the_full_split_composition_is_read_from_a_smaller_one_and_access_never(kind: str) -> None:
    for e in (noisy(kind), replace(noisy(kind), singular=True, kappa=0.9)):
        got = decide(e, Settings())
        assert (got.verdict, got.split) == ("narrative", kind)
        assert decide(replace(e, unearned=about(0)), Settings()).verdict == "prior-like"
        goes = replace(noisy(kind, tracking=0.9), singular=e.singular, kappa=e.kappa)
        assert decide(goes, Settings()).verdict == "not supported"
        assert "Goes with what it does, 90 % [85, 95] of it" in decide(goes, Settings()).sentence
        crooked = replace(noisy(kind, form=0.6), singular=e.singular, kappa=e.kappa)
        assert decide(crooked, Settings()).verdict == "format"


def test_a_constant_report_by_a_smaller_split_must_not_go_with_what_it_does() -> None:
    """Unmoved above a half is not enough there: the upper end of the 90 % interval of tracking below 0.25."""
    for value, verdict in ((0.19, "narrative"), (0.23, "not supported")):
        assert decide(noisy(POOLED, tracking=value), Settings()).verdict == verdict
    follows = replace(noisy(POOLED), follows=about(0.15, 0.2), do=None)
    assert decide(follows, Settings()).verdict == "narrative"
    assert decide(replace(noisy(POOLED), do=about(0.2)), Settings()).verdict == "not supported"


def test_a_public_forecast_that_hardly_differs_between_items_splits_nothing() -> None:
    """Its interval is wider than the whole: tracking is read in its place, and is told less."""
    e = noisy(POOLED)
    assert e.pooled is not None
    for half, kind in ((0.45, POOLED), (0.55, TRACKING)):
        coarse = replace(e.pooled, estimates={**e.pooled.estimates, "public": about(0.0, half)})
        got = decide(replace(e, pooled=coarse), Settings())
        assert (got.verdict, got.split) == ("narrative", kind)


def test_public_by_the_pooled_split_needs_a_changed_state_that_leaves_it_alone() -> None:
    public = noisy(POOLED, tracking=0.3, public=0.6)
    assert decide(public, Settings()).verdict == "not supported"
    got = decide(replace(public, follows=about(0)), Settings())
    assert (got.verdict, got.split) == ("self-prediction", POOLED)
    assert "not split" in got.sentence
    assert "A changed state leaves it alone" in got.sentence
    seen = decide(evidence()["self-prediction"], Settings())
    assert "changed state" not in seen.sentence  # none was changed


@pytest.mark.parametrize("kind", [FULL, POOLED, TRACKING])
def test_a_smaller_split_does_without_the_controls_that_it_stands_in_for(kind: str) -> None:
    e = evidence()["narrative"] if kind == FULL else noisy(kind)
    for name in MATTERS:
        checks = tuple(replace(c, status="missing") if c.name == name else c for c in e.checks)
        demanded = "narrative" in MATTERS[name] and name not in (COMPETENCE, *EXCUSED.get(kind, ()))
        got = decide(replace(e, checks=checks), Settings())
        assert (got.reason == f"control missing: {name}") == demanded, (name, got)
    assert set(EXCUSED[POOLED]) < set(EXCUSED[TRACKING])


def test_undecided_says_what_is_known_all_the_same() -> None:
    public = decide(replace(noisy(TRACKING, tracking=0.5), follows=about(0.02)), Settings())
    assert (public.verdict, public.split) == ("self-prediction", TRACKING)  # more than its own state can account for
    assert "50 %" in public.sentence
    assert "less than 10 %" in public.sentence
    got: Decision = decide(noisy(TRACKING, tracking=0.5), Settings())  # no state was changed
    assert (got.verdict, got.reason) == ("not supported", "undecided")
    assert got.sentence.startswith("Goes with what it does, 50 % [45, 55] of it, but by which route is open")
    still = replace(noisy(TRACKING, tracking=0.02), unmoved=about(0.4), singular=True)
    assert still.tracking is not None
    split = replace(still.tracking, estimates={**still.tracking.estimates, "unmoved": about(0.4)})
    assert decide(replace(still, tracking=split), Settings()).sentence == (
        "Open. 2 % [-3, 7] of it goes with what it does, by any route."
    )
