"""Readers against a scripted subject: what it knows comes back through words, and rivals learn what they should."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from selfscope.errors import UnknownName
from selfscope.readers.ask import Ask, elicit
from selfscope.readers.base import Reader
from selfscope.readers.few_shot import FewShot, balanced
from selfscope.readers.history_baseline import HistoryBaseline
from selfscope.readers.input_baseline import InputBaseline, read_history, write_history
from selfscope.readers.other_model import OtherModel
from selfscope.readers.prior import Prior
from selfscope.records import (
    Decoding,
    Message,
    Option,
    Outcome,
    Prompt,
    Question,
    Reply,
    Trial,
    Truth,
    is_scored,
    reader_part,
)
from selfscope.wording import FORMATS

YES_NO = (Option("yes", "yes"), Option("no", "no"))
FOUR = tuple(Option(k, k) for k in ("red", "blue", "green", "other"))


@dataclass(frozen=True)
class Knower:
    """Answers every report prompt from a table of distributions, by the tag alone; counts its calls."""

    known: Mapping[str, Sequence[float]]
    name: str = "knower"
    identity: str = "knower-1"
    tier: str = "logprobs"
    chat: bool = True
    environment: Mapping[str, Any] = field(default_factory=dict)
    calls: list[Sequence[Prompt]] = field(default_factory=list)
    silent: str = ""

    def shown(self, prompt: Prompt) -> tuple[list[str], list[float], bool]:
        """The option texts in canonical order as they are worded, what is known, and whether yes means no."""
        assert prompt.tag["role"] == "report", "a reader showed the subject something that is no report"
        question = prompt.tag["question"]
        texts = [o["text"] for o in question["options"]]
        swapped = question["negated"] and texts == ["yes", "no"]
        return texts[::-1] if swapped else texts, list(self.known[prompt.tag["trial"]]), swapped

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        self.calls.append(prompts)
        return [[self._tokens(p, c, list(own)) for c in own] for p, own in zip(prompts, candidates, strict=True)]

    def _tokens(self, prompt: Prompt, candidate: str, own: list[str]) -> list[float]:
        texts, known, swapped = self.shown(prompt)
        format = prompt.tag["format"]
        yes = known[1] if swapped else known[0]
        if format == "prob_ev":
            low = min(99, int(100 * yes))
            at = {f" {low}%": low + 1 - 100 * yes, f" {low + 1}%": 100 * yes - low}
            p = at.get(candidate, 0.0)
        elif format == "yesno_lp":
            p = (yes if candidate.strip().lower() == "yes" else 1 - yes) / 2
        else:
            p = known[[f" {t}" for t in texts].index(candidate.rstrip("."))]
        # Two tokens a candidate: the reader must sum them, not take the first.
        return [math.log(0.5 * max(p, 1e-12)) + 1.0, -1.0]

    def sample(
        self, prompts: Sequence[Prompt], n: int, decoding: Decoding, on_done: object = None
    ) -> list[list[Reply]]:
        self.calls.append(prompts)
        return [[Reply(self.silent or self._say(p))] * n for p in prompts]

    def _say(self, prompt: Prompt) -> str:
        texts, known, swapped = self.shown(prompt)
        if prompt.tag["format"] == "prob_text":
            return f" {round(100 * (known[1] if swapped else known[0]))}%"
        if prompt.tag["format"] == "counts10":
            return "\n".join(f"{t}: {round(10 * p)}" for t, p in zip(texts, known, strict=True))
        return " " + texts[known.index(max(known))]


def make(n: int, split: str = "test", seed: int = 0, *, habit: float = 0.0) -> tuple[list[Trial], list[Truth]]:
    """n clusters of a yes/no, a four-option and a private-list trial; with a habit, a word of the text decides."""
    rng = np.random.default_rng([seed, len(split)])
    words = ["apple", "river", "stone", "cloud", "table", "green", "happy", "music", "light", "paper"]
    trials, truths = [], []
    for c in range(n):
        said = list(rng.choice(words, 4))
        private = tuple(Option(w, w) for w in rng.permutation(words)[:3])
        for q, (quantity, options) in enumerate(
            (("ends_with_vowel", YES_NO), ("option", FOUR), ("branch", private))
        ):  # fmt: skip
            k = len(options)
            shown = tuple(int(i) for i in rng.permutation(k))
            text = "Say something about " + " ".join(said)
            question = Question(
                quantity, options, shared=quantity != "branch", order=shown, template=(c + q) % 3, negated=bool(c % 2)
            )
            weight = np.full(k, 1.0)
            target = (1 if "river" in said else 0) if habit else int(rng.integers(k))
            weight[target] += 9 * (habit or 1)
            mean = rng.multinomial(20, weight / weight.sum()) / 20
            trial = Trial(
                f"{split}-{c}-{q}", "self_prediction", "src", f"{split}-{c}", split, split, question,
                Prompt(messages=(Message("user", text),), tag={"role": "behave"}), text, f"o-{c}",
            )  # fmt: skip
            trials.append(trial)
            halves = tuple(map(float, mean))
            truths.append(Truth(trial.id, halves, halves, halves, 20, "rollouts"))
    return trials, truths


def knower(trials: Sequence[Trial], truths: Sequence[Truth], **fields: Any) -> Knower:
    return Knower({t.id: truth.mean for t, truth in zip(trials, truths, strict=True)}, **fields)


def brier(readings: Sequence[Any], truths: Sequence[Truth]) -> float:
    pairs = [(np.array(r.distribution), np.array(t.mean)) for r, t in zip(readings, truths, strict=True)]
    return float(np.mean([((a - b) ** 2).sum() for a, b in pairs]))


@pytest.mark.parametrize("format", FORMATS)
def test_law_what_a_perfect_subject_knows_comes_back(format: str) -> None:
    trials, truths = make(12)
    subject = knower(trials, truths)
    readings = Ask(format).read(subject, trials)
    assert len(subject.calls) == 1, "all trials in one call"
    near = {"prob_text": 0.0051, "counts10": 0.051}.get(format, 1e-9)
    seen = 0
    for trial, truth, reading in zip(trials, truths, readings, strict=True):
        if FORMATS[format].binary and not trial.question.binary:
            assert reading.outcome == Outcome.UNSUPPORTED
            continue
        if reading.outcome != Outcome.ANSWERED:
            # Rounding each count may break the sum; the reply is then invalid, as it should be.
            assert format == "counts10"
            continue
        seen += 1
        assert sum(reading.distribution or ()) == pytest.approx(1)
        if format == "free":
            assert reading.kind == "class"
            assert (reading.distribution or ())[int(np.argmax(truth.mean))] == 1
        else:
            assert reading.distribution == pytest.approx(truth.mean, abs=near)
        if FORMATS[format].binary:
            assert reading.first == int(trial.question.negated)
        else:
            assert reading.first == trial.question.shown[0]
        if is_scored(format):
            assert reading.mass == pytest.approx(0.5)
    assert seen >= 12


def test_what_a_subject_cannot_be_asked_is_unsupported() -> None:
    trials, truths = make(3)
    hosted, base = knower(trials, truths, tier="text"), knower(trials, truths, chat=False)
    assert {r.outcome for r in Ask("choice_lp").read(hosted, trials)} == {Outcome.UNSUPPORTED}
    assert {r.outcome for r in Ask("free").read(base, trials)} == {Outcome.UNSUPPORTED}
    assert {r.outcome for r in Ask("choice_lp").read(base, trials)} == {Outcome.ANSWERED}
    assert base.calls[0][0].text is not None
    assert all(not p.prefix for p in hosted.calls[0]) if hosted.calls else True
    with pytest.raises(UnknownName, match="choice_lp"):
        Ask("choicelp")


def test_what_cannot_be_read_says_why() -> None:
    trials, truths = make(2)
    for said, outcome in (("I'm sorry, I cannot say", Outcome.REFUSED), ("blah", Outcome.UNREADABLE)):
        readings = Ask("free").read(knower(trials, truths, silent=said), trials)
        assert {(r.outcome, r.distribution, r.text) for r in readings} == {(outcome, None, said)}


def test_few_shot_uses_verified_examples_balanced_and_shared() -> None:
    trials, truths = make(20, "train")
    test, more = make(4, "test")
    subject = knower(trials + test, truths + more)
    # It is wrong about half of its train items: those must never be shown.
    wrong = {t.id: tuple(reversed(truth.mean)) for t, truth in zip(trials[::2], truths[::2], strict=True)}
    wrong = {k: v for k, v in wrong.items() if np.argmax(v) != np.argmax(v[::-1])}
    subject = replace(subject, known={**subject.known, **wrong}, calls=[])
    reader = FewShot(4, "choice_lp").fit(subject, trials + test, truths + more)
    assert len(reader.shots) == 4
    assert not {s.trial.id for s in reader.shots} & set(wrong)
    assert {s.trial.split for s in reader.shots} == {"train"}
    assert len({s.trial.cluster for s in reader.shots}) == 4
    assert len({s.trial.question.quantity for s in reader.shots}) == 3
    subject.calls.clear()
    got = reader.read(subject, test)
    heads = {tuple(m.content for m in p.messages[:8]) for p in subject.calls[0]}
    assert len(heads) == 1
    assert [r.extra["k"] for r in got] == [4] * len(test)
    assert FewShot(0, "choice_lp").fit(subject, trials, truths).read(subject, test)[0].distribution == pytest.approx(
        Ask("choice_lp").read(subject, test)[0].distribution
    )
    pairs = list(zip(trials, truths, strict=True))
    assert balanced(pairs, 6, 0) == balanced(pairs[::-1], 6, 0)


def test_other_model_is_asked_about_the_target_and_sees_no_state() -> None:
    trials, truths = make(20, "train")
    test, more = make(4, "test")
    secret = Message("system", "SECRET")
    hidden = [replace(t, prompt=replace(t.prompt, messages=(secret, *t.prompt.messages))) for t in test]
    target, observer = knower(trials + test, truths + more), knower(trials + test, truths + more, name="observer")
    plain = OtherModel(observer).fit(target, trials, truths)
    assert (reader_part(plain).observer, plain.rung) == ("observer", "input")
    plain.read(target, hidden)
    for prompt in observer.calls[0]:
        assert "SECRET" not in repr(prompt)
        assert prompt.tag["person"] == "target"
        assert "knower" in prompt.messages[0].content
    shown = OtherModel(observer, k=2, sets=3).fit(target, trials, truths)
    assert shown.rung == "history"
    assert OtherModel(observer, k=2, twin=True).rung == "twin"
    assert sorted(len(s) for s in shown.shots) == [2, 2, 2]
    assert len({s.trial.id for group in shown.shots for s in group}) == 6
    same = {s.trial.id for s in FewShot(6, "choice_lp").fit(target, trials, truths).shots}
    assert {s.trial.id for group in shown.shots for s in group} == same
    assert len(shown.read(target, test)[0].extra["sets"]) == 3


def test_prior_is_the_base_rate_and_ignores_the_text() -> None:
    trials, truths = make(60, "train", habit=1)
    test, _ = make(20, "test", habit=1)
    reader = Prior().fit(knower(trials, truths), trials, truths)
    own = [np.array(t.mean) for trial, t in zip(trials, truths, strict=True) if trial.question.quantity == "option"]
    options = [t for t in test if t.question.quantity == "option"]
    got = [r.distribution for r in reader.read(knower(trials, truths), options)]
    assert len(set(got)) == 1
    assert got[0] == pytest.approx((np.sum(own, axis=0) + 0.25) / (len(own) + 1))
    assert Prior().read(knower(trials, truths), test[:1])[0].distribution == (0.5, 0.5)


def test_text_rival_finds_a_planted_text_habit_and_nothing_at_chance() -> None:
    for habit, low, high in ((1.0, 0.0, 0.45), (0.0, 0.9, 1.15)):
        trials, truths = make(80, "train", habit=habit)
        test, more = make(60, "test", seed=1, habit=habit)
        someone = knower(trials, truths)
        rival = brier(HistoryBaseline().fit(someone, trials, truths).read(someone, test), more)
        prior = brier(Prior().fit(someone, trials, truths).read(someone, test), more)
        assert low <= rival / prior <= high, (habit, rival, prior)
    assert not someone.calls, "a rival asks nobody"


def test_text_rival_carries_its_refits_and_never_sees_test() -> None:
    trials, truths = make(60, "train", habit=1)
    test, more = make(5, "test", seed=1, habit=1)
    someone = knower(trials, truths)
    reader = HistoryBaseline().fit(someone, trials, truths)
    assert (reader.id, reader.rung) == ("history_baseline", "history")
    readings = reader.read(someone, test)
    for trial, reading in zip(test, readings, strict=True):
        k = len(trial.question.options)
        refits = np.array(reading.extra["jackknife"])
        assert refits.shape == (10, k)
        assert np.array(reading.extra["halves"]).shape == (2, k)
        assert refits.sum(axis=1) == pytest.approx(1, abs=1e-5)
        assert refits.std(axis=0).max() > 1e-4
        assert np.abs(refits.mean(axis=0) - reading.distribution).max() < 0.1
    again = HistoryBaseline().fit(someone, (trials + test)[::-1], (truths + more)[::-1]).read(someone, test)
    for one, two in zip(readings, again, strict=True):
        assert one.distribution == pytest.approx(two.distribution, abs=2e-3)
    unknown = replace(test[0], question=replace(test[0].question, quantity="parity"))
    assert reader.read(someone, [unknown])[0].outcome == Outcome.UNSUPPORTED
    # Hidden state never reaches a rival: only `public` does.
    moved = replace(test[0], prompt=Prompt(text="other"), state="changed:1")
    assert reader.read(someone, [moved])[0].distribution == pytest.approx(readings[0].distribution)


def test_history_files_come_back_and_the_input_rival_learns_from_them_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from selfscope.readers import input_baseline

    trials, truths = make(60, "train", habit=1)
    data = write_history("other", "other-1", trials, truths)
    assert data == write_history("other", "other-1", trials, truths)
    history = read_history(data)
    assert [t.question.options for t in history.trials] == [t.question.options for t in trials]
    monkeypatch.setattr(input_baseline, "histories", lambda: (history,))
    input_baseline._learnt_from.cache_clear()
    test, more = make(40, "test", seed=1, habit=1)
    someone = knower(trials, truths)
    nonsense = [replace(t, mean=tuple(reversed(t.mean))) for t in truths]
    reader = InputBaseline().fit(someone, trials, nonsense)
    assert (reader.id, reader.rung) == ("input_baseline", "input")
    prior = brier(Prior().fit(someone, trials, truths).read(someone, test), more)
    assert brier(reader.read(someone, test), more) < 0.5 * prior
    itself = replace(someone, identity="other-1")
    assert {r.outcome for r in InputBaseline().fit(itself, trials, truths).read(itself, test)} == {Outcome.UNSUPPORTED}
    assert InputBaseline.planned(itself, (), {}) == []
    assert InputBaseline.planned(replace(itself, identity="another dtype", name="other"), (), {}) == []
    assert [r.id for r in InputBaseline.planned(someone, (), {})] == ["input_baseline"]
    input_baseline._learnt_from.cache_clear()


def test_every_reader_is_a_reader() -> None:
    someone = knower(*make(1))
    for reader in (Ask(), FewShot(), OtherModel(someone), Prior(), HistoryBaseline(), InputBaseline()):
        assert isinstance(reader, Reader)
    assert elicit(someone, [], "choice_lp") == []
