"""The card: what it says, and that it stands with parts missing."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from report_material import (
    ASK,
    FREE,
    META,
    OTHER,
    PARTS,
    SHOWN,
    Page,
    card,
    claim_of,
    claims,
    e,
    material,
    rows_of,
    trials_of,
)
from selfscope.records import Option, Outcome, Parts, Question, Reading, reader_part
from selfscope.report.compose import compose, summary
from selfscope.report.examples import choose, reply_text, shown
from selfscope.report.labels import Labels
from selfscope.report.material import Material
from selfscope.report.sections import section
from selfscope.report.text import table
from selfscope.report.verdict_row import verdict_line
from selfscope.verdicts.claims import Claim

NAMES = Labels(PARTS)


def test_every_part_of_the_card_is_there() -> None:
    page = Page(card(material())[0])
    for part in (
        "Introspection card", "SmolLM2-135M-Instruct", "9f2c41d07ab3", "2026-01-15", "profile", "What was asked",
        "Who forecasts it best", "Whom the report follows", "Stated against happened", "When the state is changed",
        "Asked under other conditions", "Required controls", "Example trials", "Other ways of asking", "Methods",
        "Truth", "Observers", "Answers and non-answers", "Power and multiplicity", "Cost of the readings",
        "All calls to the subject", "Settings", "Environment", "What was not run", "How to read this card", "Limits",
        "ceiling 0.88", "Non-answers, counted three ways", "selfscope card MODEL --twin NAME", "access · causal",
        "What does its report follow?", "Could anyone have said it?", "What would settle it?", "reads its own state",
    ):  # fmt: skip
        assert part in page.text, part
    assert page.text.index("What would settle it?") < page.text.index("Who forecasts it best")  # verdicts first
    assert page.tags.count("section") == 5  # four claims and the methods


def test_the_summary_counts_kinds_and_never_counts_rivals_only_as_access() -> None:
    whole = compose(material(clusters=8)).summary
    assert whole.startswith("In 1 of 4 kinds of question it reads its own state")
    assert "in 1 the evidence does not decide yet" in whole
    beyond = claim_of("items", "access", basis="rivals")
    assert summary([beyond]).startswith("It does not show that it reads its own state")
    assert "no proof of access" in summary([beyond])
    assert summary([claim_of("items", "access", basis="causal")]) == "It reads its own state."
    lacking = claim_of("items", "not supported", reason="control missing")
    assert "in 1 something that a claim needs is lacking" in summary([lacking, *claims()[1:]])


def test_what_a_changed_state_shows_says_by_what_it_was_changed() -> None:
    by_title = {v.title: v for v in compose(material()).verdicts}
    causal, observed = by_title["Branches"], by_title["Word probabilities"]
    assert causal.changed is not None
    assert (causal.changed.both, causal.changed_by) == ("42\u202f% [30, 54]", "state")
    assert (observed.changed, observed.changed_by) == (None, "")
    turns = verdict_line(claim_of("items", causal=None, follows=e(0.3), copies=e(0.5)), "x", "", NAMES)
    assert (turns.changed_by, turns.copied and turns.copied.text) == ("text", "50\u202f%")


def test_the_best_rival_is_a_rival() -> None:
    """Behaviour (0.97) and few-shot self score higher than any rival here, and are none."""
    assert {v.best_rival for v in compose(material()).verdicts} == {"linear model of its history"}


def test_shares_are_quoted_only_where_they_may_be() -> None:
    """verdict section 9: a always; the split of the public part needs a reliable rival and narrow intervals."""

    def marks(claim: Claim) -> list[str]:
        axis = section(claim, verdict_line(claim, "x", "", NAMES), [], NAMES).shares
        assert axis is not None
        return [m.label.partition(" (")[2].rstrip(")") for m in axis.marks]

    narrow = {**claim_of("items").shares, "habit": e(0.41, 0.2)}
    assert marks(claim_of("items", shares=narrow)) == ["private", "habit", "input", "format", "unmoved"]
    wide = {**narrow, "habit": e(0.41, 0.31)}
    assert marks(claim_of("items", shares=wide)) == ["private", "public", "format", "unmoved"]
    assert marks(claim_of("items", shares=narrow, numbers={"kappa": 0.49})) == ["private", "format"]


def test_conditions_are_drawn_by_how_much_better_they_forecast() -> None:
    claim = claim_of("items")
    axis = section(claim, verdict_line(claim, "x", "", NAMES), [], NAMES).conditions
    assert axis is not None
    by_name = {m.label: m for m in axis.marks}
    assert by_name["Told that it can introspect"].number.both == "+0.01 [−0.04, 0.06]"
    assert by_name["Told that it can introspect"].note == "report moved by 5\u202f% [3, 7], 40 items, 2 silent"


def test_not_supported_looks_neutral_and_gives_its_reason() -> None:
    document = compose(material())
    line = next(v for v in document.verdicts if v.badge == "not supported")
    assert (line.tone, line.reason, line.says) == ("neutral", "the evidence does not decide", "open")
    css = Path(sys.modules["selfscope.report.html"].__file__ or "").parent / "templates" / "card.css"
    assert ".badge.neutral" not in css.read_text()  # it keeps the plain grey of .badge


def test_examples_are_the_best_the_median_the_worst_and_the_silent() -> None:
    made = material(clusters=8)
    rows = [r for r in made.rows if r.phenomenon == "confidence" and r.reader == ASK.id]
    scores = sorted(r.score.brier for r in rows if r.score)
    silent = replace(rows[0], reading=replace(rows[0].reading, outcome=Outcome.REFUSED), score=None, trial="zz")
    chosen = choose([*rows, silent])
    found = [row.score.brier if row.score else None for _, row in chosen]
    assert found[:3] == [scores[0], scores[len(scores) // 2], scores[-1]]
    assert chosen[-1][0] == "no answer: refused"
    assert choose([]) == []
    assert [why for why, _ in choose(rows[:1])] == ["best answer"]  # one row is not shown three times


def test_questions_are_shown_in_the_words_that_the_caller_gives() -> None:
    made = replace(material(clusters=8), words=lambda trial, format: f"WORDS {trial.phenomenon} {format}?")
    assert "WORDS self_prediction choice_lp?" in Page(card(made)[0]).text
    assert "First character (of its answer)?" in Page(card(material(clusters=8))[0]).text


def test_a_negated_question_is_shown_with_the_answers_that_it_got() -> None:
    """Readings are kept in the plain question's order; beside negated wording its "yes" has to be called "no"."""
    yes, no = Option("yes", "yes"), Option("no", "no")
    assert shown(Question("q", (yes, no))) == ("yes", "no")
    assert shown(Question("q", (yes, no), negated=True)) == ("no", "yes")
    found = reply_text(Reading(Outcome.ANSWERED, (0.9, 0.1)), Question("q", (yes, no), negated=True))
    assert found == "yes 10\u202f%, no 90\u202f%"
    assert shown(Question("q", (no, yes), negated=True)) == ("no", "yes")  # not a yes/no question: left alone


def test_rows_of_controls_and_of_train_are_no_examples() -> None:
    made = material(clusters=8)
    rows = [replace(r, control="third_person") for r in made.rows if r.phenomenon == "confidence"]
    document = compose(replace(made, rows=rows))
    assert all(not s.examples for s in document.sections)
    shown = compose(made).sections[0].examples
    assert shown
    assert {e_.public for e_ in shown} <= {t.public for t in made.trials.values() if t.split == "test"}


def test_reader_names() -> None:
    names = Labels(Parts({r.id: reader_part(r) for r in (SHOWN, OTHER, replace(OTHER, k=16))}))
    assert names.reader(SHOWN.id) == "asked, shown 4 examples (option probabilities)"
    assert names.reader(OTHER.id) == "gemma, not told about it"
    assert names.reader(replace(OTHER, k=16).id) == "gemma, shown 16 examples of it"
    assert names.reader("my.module:Reader") == "my.module:Reader"


# --- parts missing ---


def test_without_claims_there_is_a_card_and_no_verdict() -> None:
    made = replace(material(clusters=8), claims=())
    page = Page(card(made)[0])
    assert "No claim has been estimated" in page.text
    assert "Answers and non-answers" in page.text


def test_an_empty_study_gives_a_card() -> None:
    page = Page(card(Material({}, [], {}, {}, ()))[0])
    assert "unnamed subject" in page.text
    assert table(compose(Material({}, [], {}, {}, ())), 80)


@pytest.mark.parametrize("width", [40, 70, 88, 120])
def test_a_bare_claim_is_drawn_and_says_what_is_absent(width: int) -> None:
    bare = Claim("my_own", FREE.id, "not supported", "Nothing answered.", reason="control missing")
    made = Material(META, [], {}, {}, (bare,))
    page = Page(card(made)[0])
    for sentence in ("No observer could be scored", "cannot be told apart here", "The state was not changed"):
        assert sentence in page.text
    assert NAMES.phenomenon("my_own") in page.text
    assert "My own" in table(compose(made), width)


def test_all_refused_one_phenomenon() -> None:
    trials = trials_of("confidence", 6)
    rows, truths = rows_of(trials, refuse=1.0)
    claim = claim_of("confidence", "not supported", reason="non-answers", shares={}, ladder=(), ceiling=None)
    made = Material(META, rows, {t.id: t for t in trials}, {t.trial: t for t in truths}, (claim,))
    document = compose(made)
    assert [x.why for x in document.sections[0].examples] == ["no answer: refused"]
    assert document.sections[0].examples[0].said == "I cannot say."
    Page(card(made)[0])


def test_numbers_that_are_not_finite_are_dashes_and_null() -> None:
    nan = float("nan")
    shares = {"private": e(nan), "habit": e(0.3)}
    claim = claim_of("items", shares=shares, numbers={"kappa": nan, "items": nan}, causal=e(nan))
    html, data = card(Material(META, [], {}, {}, (claim,)))
    assert not re.search(r"\bnan\b|\binf\b", Page(html).text, re.I)
    assert json.loads(data, parse_constant=lambda name: pytest.fail(name))
