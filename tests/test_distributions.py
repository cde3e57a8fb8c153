"""Numbers from outside: what is no distribution is an error of that reading, counted and shown, wherever it enters."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from knower import Knower, knower, make
from selfscope.api.own_rows import rows_of
from selfscope.errors import BadInput
from selfscope.readers.ask import Ask
from selfscope.records import (
    Decoding,
    Identified,
    Outcome,
    Prompt,
    Reading,
    Reply,
    Row,
    Score,
    TokenDistribution,
    Trial,
    Truth,
    checked,
    checked_reply,
    fault_of,
    token_fault,
)
from selfscope.report.examples import reply_text
from selfscope.report.tables import outcomes
from selfscope.store import Store, read
from selfscope.store.export import Rows, as_text
from selfscope.study import PhenomenonPlan, Study, run
from selfscope.subjects.sealed import Log, MeteredSubject, SealedSubject, SealRegistry
from toys import Letters, ToySubject

NAN, INF = math.nan, math.inf
NONE: dict[str, Any] = {
    "sums to 2": (1.0, 1.0, 0.0, 0.0), "sums to 0": (0.0, 0.0, 0.0, 0.0), "NaN": (NAN, 0.5, 0.25, 0.25),
    "infinite": (INF, 0.0, 0.0, 0.0), "below zero": (1.5, -0.5, 0.0, 0.0), "short": (0.5, 0.5), "long": (0.2,) * 5,
    "empty": (), "log-probabilities": (-1.4, -1.4, -1.4, -1.4), "per cent": (25.0, 25.0, 25.0, 25.0),
    "texts": ("a", "b", "c", "d"), "truth values": (True, False, False, False), "nothing": (None,) * 4,
    "a text": "abcd",
}  # fmt: skip
"""What is no distribution over four options."""


@dataclass(frozen=True)
class Wild(Identified):
    """A reader of somebody's own that answers each trial with what it was given."""

    kind: ClassVar[str] = "wild"
    what: str = ""
    rung: str = "self"

    def fit(self, subject: Any, trials: Sequence[Trial], truths: Sequence[Truth]) -> Wild:
        return self

    def read(self, subject: Any, trials: Sequence[Trial]) -> list[Reading]:
        good = Reading(Outcome.ANSWERED, (0.25, 0.25, 0.25, 0.25))
        bad = replace(good, distribution=NONE[self.what])
        return [bad if k == 0 else good for k in range(len(trials))]


@pytest.mark.parametrize("what", NONE)
def test_a_readers_reading_that_is_none_is_an_error_with_the_reason(what: str, tmp_path: Path) -> None:
    plan = PhenomenonPlan(Letters(test=3, train=0, dev=0), (Wild(what),), (), primary="wild")
    study = Study(ToySubject(), (plan,))
    with Store(tmp_path / "s", study.settings()) as store:
        run(study, store)
    contents = read(tmp_path / "s")
    ended = [row.reading.outcome for row in contents.rows]
    assert ended.count(Outcome.ERROR) == 1
    assert ended.count(Outcome.ANSWERED) == len(ended) - 1
    row = next(r for r in contents.rows if r.reading.outcome == Outcome.ERROR)
    assert (row.reading.distribution, row.score) == (None, None)
    assert "its distribution is none: it" in reply_text(row.reading, contents.trials[row.trial].question)


@pytest.mark.parametrize("what", NONE)
def test_rows_of_ones_own_are_checked_alike(what: str) -> None:
    trials = Letters(test=2, train=0, dev=0).pose(None, 0)
    even = (0.25,) * 4
    truths = [Truth(t.id, even, even, even, 0, "exact") for t in trials]
    rows = rows_of({Wild(what): Wild(what).read(None, trials)}, trials, truths)
    assert [r.reading.outcome for r in rows] == [Outcome.ERROR] + [Outcome.ANSWERED] * (len(trials) - 1)
    assert rows[0].score is None
    counted = outcomes(tuple(rows), rows.trials, _Names())
    assert "error" in counted.head
    if NONE[what]:  # an empty truth is one that nobody knows
        with pytest.raises(BadInput, match=f"the truth of trial {trials[0].id} is no distribution: it"):
            rows_of({Wild(what): []}, trials, [replace(truths[0], mean=NONE[what]), *truths[1:]])


class _Names:
    def place(self, name: str) -> int:
        return 0

    def phenomenon(self, name: str) -> str:
        return name

    def reader(self, name: str) -> str:
        return name


def test_stored_rows_are_checked_when_they_are_read(tmp_path: Path) -> None:
    trials = Letters(test=2, train=0, dev=0).pose(None, 0)
    good = Reading(Outcome.ANSWERED, (0.25,) * 4)
    scores = [Score(0.0, 0.0, 0.25), Score(NAN, 0.0, 0.25), Score(0.0, 0.0, 0.25), None]
    readings = [good, good, replace(good, distribution=(1.0, 1.0, 0.0, 0.0)), replace(good, distribution=(0.5, 0.5))]
    with Store(tmp_path / "s", {"seed": 0}) as store:
        store.add_trials(trials)
        rows = [
            Row("c", "s", "letters", t.id, "r", "self", "plain", 0, reading, score)
            for t, reading, score in zip(trials, readings, scores, strict=True)
        ]
        store.finish("c", rows, step="read", phenomenon="letters", reader="r")
    contents = read(tmp_path / "s")
    assert [r.reading.outcome.value for r in contents.rows] == ["answered", "error", "error", "error"]
    assert [r.score is None for r in contents.rows] == [False, True, True, True]
    assert any("3 readings hold no distribution: they count as errors" in line for line in contents.warnings)


def test_what_is_nearly_a_distribution_is_one() -> None:
    thirds = np.full(3, 1 / 3, np.float32)
    written = ((1 / 3, 1 / 3, 1 / 3), (0.333, 0.333, 0.333), [1, 0, 0], (1 + 1e-9, 0.0, -1e-9))
    for fine in (*written, thirds, tuple(thirds)):
        assert fault_of(fine, 3) == ""
    for off in ((0.3, 0.3, 0.3), (0.34, 0.34, 0.34)):
        assert "it sums to" in fault_of(off, 3)


def test_what_a_reading_holds_besides_is_checked_too() -> None:
    good = Reading(Outcome.ANSWERED, (0.5, 0.5))
    assert checked(good, 2) is good
    for extra in ({"jackknife": [[0.5, 0.5], [NAN, 1.0]]}, {"halves": [[1.0, 1.0]] * 2}, {"prior_free": [2.0, 0.0]}):
        bad = checked(replace(good, extra={**extra, "layer": 3}), 2)
        assert bad.outcome == Outcome.ERROR
        assert bad.extra["layer"] == 3
        assert "holds no distribution" in bad.extra["why"]
    assert checked(replace(good, mass=NAN), 2).outcome == Outcome.ERROR
    assert checked(replace(good, mass=1.5), 2).outcome == Outcome.ERROR
    assert checked(replace(good, mass=True), 2).outcome == Outcome.ERROR
    assert checked(replace(good, first=2), 2).outcome == Outcome.ERROR
    assert checked(None, 2).extra["why"] == "it is no Reading but a NoneType"  # type: ignore[arg-type]
    assert checked(Reading(Outcome.ANSWERED), 2).outcome == Outcome.ERROR
    assert checked(Reading(Outcome.ANSWERED, None, "text", "so"), 0).outcome == Outcome.ANSWERED
    assert checked(Reading(Outcome.REFUSED, (0.5, 0.5)), 2).distribution is None


class Broken(Knower):
    """Scores that are none."""

    how: str = ""

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        scores = super().score(prompts, candidates)
        first = scores[0]
        scores[0] = {
            "NaN": [[NAN] * len(c) for c in first], "sum to 2": [[0.0] for _ in first], "few": first[:-1],
            "none at all": [[-INF] for _ in first],
        }[self.how]  # fmt: skip
        return scores


@pytest.mark.parametrize("how", ["NaN", "sum to 2", "few", "none at all"])
@pytest.mark.parametrize("format", ["choice_lp", "yesno_lp", "prob_ev"])
def test_scores_that_are_none_are_errors_of_their_reading_alone(how: str, format: str) -> None:
    trials, truths = make(3)
    trials = [t for t in trials if t.question.binary]
    known = knower(trials, [t for t in truths if t.trial in {x.id for x in trials}])
    subject = Broken(known.known)
    object.__setattr__(subject, "how", how)
    for asked in (subject, SealedSubject(subject, "reader", SealRegistry(), Log())):
        readings = Ask(format).read(asked, trials)
        assert [r.outcome for r in readings] == [Outcome.ERROR] + [Outcome.ANSWERED] * (len(trials) - 1)
        assert readings[0].extra["why"]


TOKENS = {
    "sums to 2": TokenDistribution((7, 8), (0.0, 0.0), 1.0, ("a", "b")),
    "NaN": TokenDistribution((7, 8), (NAN, -1.0), 1.0, ("a", "b")),
    "misses the token": TokenDistribution((8, 9), (-1.0, -1.0), 1.0, ("a", "b")),
    "above zero": TokenDistribution((7, 8), (1.0, -5.0), 1.0, ("a", "b")),
    "no entropy": TokenDistribution((7, 8), (-1.0, -1.0), NAN, ("a", "b")),
    "uneven": TokenDistribution((7, 8), (-1.0,), 1.0, ("a", "b")),
    "without the likeliest": TokenDistribution((7,), (-1.0,), 1.0, ("a",)),
}


class Guesser(ToySubject):
    """Next tokens as they are given."""

    after: TokenDistribution = TOKENS["NaN"]

    def next_token(self, prompts: Sequence[Prompt], *, top: Any = None, ids: Any = None) -> list[TokenDistribution]:
        return [self.after] * len(prompts)

    def unembed(self, states_ND: Any, *, ids: Any = None, top: Any = None) -> list[TokenDistribution]:
        return [self.after] * len(states_ND)


@pytest.mark.parametrize("what", TOKENS)
def test_next_tokens_that_are_none_reach_no_reader_and_no_truth(what: str) -> None:
    assert token_fault(TOKENS[what], (7,), 1)
    subject = Guesser()
    subject.after = TOKENS[what]
    sealed = SealedSubject(subject, "reader", SealRegistry(), Log())
    states = np.zeros((1, 2))
    for got in (sealed.next_token([Prompt(text="x")], ids=(7,), top=1), sealed.unembed(states, ids=(7,), top=1)):
        assert got[0].ids[0] == 7
        assert math.isnan(got[0].logprobs[0])
        assert math.isnan(got[0].entropy)
    with pytest.raises(BadInput, match=r"toy: what next_token gave to 'observe' is not what was asked for: it"):
        MeteredSubject(subject, "observe", Log()).next_token([Prompt(text="x")], ids=(7,), top=1)


def test_sound_next_tokens_pass() -> None:
    fine = TokenDistribution((7, 7), (-1.0, -1.0), 1.0, ("a", "a"))
    assert token_fault(fine, (7,), 1) == "", "the asked token may also be the likeliest"
    assert token_fault(TokenDistribution((1,), (0.0,), 0.0), None, None) == ""
    assert token_fault(TokenDistribution((1, 2), (-INF, 0.0), 0.0), (1, 2), None) == ""


@pytest.mark.parametrize(
    "reply",
    [
        Reply("a", ids=(1, 2), logprobs=(-1.0,)), Reply("a", ids=(1,), logprobs=(NAN,)),
        Reply("a", ids=(1,), logprobs=(0.5,)), Reply(None),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_a_reply_whose_log_probabilities_miss_its_tokens_is_an_error(reply: Reply) -> None:
    got = checked_reply(reply)
    assert (got.text, got.finish) == ("", "error")
    assert got.error
    fine = Reply("a", ids=(1,), logprobs=(-0.5,))
    assert checked_reply(fine) is fine


def test_a_number_of_answers_that_is_another_is_one_line() -> None:
    class Few(ToySubject):
        def sample(self, *rest: Any, **named: Any) -> Any:
            return super().sample(*rest, **named)[:-1]

        def score(self, *rest: Any) -> Any:
            return super().score(*rest)[:-1]

    sealed = SealedSubject(Few(), "reader", SealRegistry(), Log())
    prompts = [Prompt(text="x"), Prompt(text="y")]
    for call in (lambda: sealed.sample(prompts, 1, Decoding(1)), lambda: sealed.score(prompts, [["a"], ["a"]])):
        with pytest.raises(BadInput, match=r"toy: what .* gave to 'reader' is not what was asked for"):
            call()


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_numbers_of_any_library_become_floats_that_are_written(kind: type) -> None:
    given = Reading(Outcome.ANSWERED, np.array([0.25, 0.75], kind), mass=kind(0.5))  # type: ignore[arg-type]
    sound = checked(given, 2)
    assert (sound.distribution, sound.mass) == ((0.25, 0.75), 0.5)
    assert {type(p) for p in (*(sound.distribution or ()), sound.mass)} == {float}
    for reading in (given, sound):
        table = rows_in_memory(reading)
        line = json.loads(as_text(table, "jsonl"))
        assert (line["reading"], line["mass"]) == ([0.25, 0.75], 0.5)
        assert "[0.25, 0.75]" in as_text(table, "csv")


def rows_in_memory(reading: Reading) -> Rows:
    return Rows([(Row("c", "s", "p", "t", "r", "self", "plain", 0, reading), None, None)])
