"""A state that no report can read as text: its trials, that it moves what is done, and the verdict of each reporter."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import selfscope
from posed_trials import posed
from selfscope.controls.base import movable
from selfscope.controls.hidden_arms import CONDITIONS
from selfscope.controls.vector_state import VectorState
from selfscope.errors import BadInput, Unsupported
from selfscope.phenomena.self_prediction import SelfPrediction
from selfscope.records import Injection, Prompt, Trial
from selfscope.subjects.activations import Activations
from selfscope.subjects.open_phantom import OpenPhantom
from selfscope.verdicts.claims import Claim

SMALL = SelfPrediction(test=10, train=5, dev=5, rollouts=4)


def claim_of(model: str | OpenPhantom, **more: Any) -> Claim:
    return selfscope.card(model, phenomena=["self_prediction"], **more).claims[0]


def made(subject: OpenPhantom, trials: Sequence[Trial]) -> list[Trial]:
    return VectorState().prepared(subject, trials, 0).apply(trials, 0)


def test_five_trials_of_each_with_the_same_options_in_the_same_frame() -> None:
    plain = {t.id: t for t in posed(SMALL) if movable(t)}
    own = made(OpenPhantom(), list(plain.values()))
    assert Counter(t.arm for t in own) == dict.fromkeys(CONDITIONS, len(plain))
    assert len({t.id for t in own} | set(plain)) == len(own) + len(plain)
    for t in own:
        base = plain[t.base]
        changed = t.arm.endswith("changed")
        assert (t.question.options, t.question.order) == (base.question.options, base.question.order)
        assert (t.cluster, t.public) == (base.cluster, base.public)
        assert bool(t.prompt.interventions) == changed
        assert (t.observation != base.observation) == changed
        if t.arm.startswith("words"):
            assert t.coordinates["answer"] in [o.key for o in t.question.options]
        else:
            assert "answer" not in t.coordinates
            assert t.question.quantity == base.question.quantity
            assert (t.question.person != "self") == t.arm.startswith("person")
    written = {one for t in own for one in t.prompt.interventions}
    assert all(isinstance(one, Injection) and one.span_text in plain[t.base].public for t in own
               for one in t.prompt.interventions)  # fmt: skip
    assert len(written) > 5, "each item has the vector of its own reply"


def test_it_has_to_look_at_the_subject_first() -> None:
    trials = [t for t in posed(SMALL) if movable(t)]
    with pytest.raises(BadInput, match="prepared"):
        VectorState().apply(trials, 0)
    assert VectorState().prepared(OpenPhantom(), trials, 0).id == VectorState().id
    for wrong in ({"depth": 1.5}, {"strength": float("nan")}):
        with pytest.raises(BadInput):
            VectorState(**wrong)  # type: ignore[arg-type]
    with pytest.raises(Unsupported, match="activations"):
        selfscope.card("phantom", phenomena=["self_prediction"], controls=["vector_state[k=1]"])


@pytest.mark.parametrize(
    ("model", "verdict"),
    [
        ("open-phantom:access=0.7", "access"),
        ("open-phantom:anyone=0.8", "reads the changed text"),
        ("open-phantom:habit=0.8", None),
        ("open-phantom:input=0.8", None),
        ("open-phantom:copy=0.8", None),
        ("open-phantom:format=0.8", None),
    ],
)
def test_only_who_reads_the_state_has_access(model: str, verdict: str | None) -> None:
    claim = claim_of(model)
    checks = {c.name: c.status for c in claim.checks}
    assert [checks[k] for k in ("hidden state", "same words", "changed third person")] == ["passed"] * 3
    assert claim.verdict == verdict or (verdict is None and claim.verdict != "access")
    assert claim.causal is not None
    if verdict == "access":
        assert claim.basis == "causal"
        assert claim.causal.low < 0.7 < claim.causal.high
    else:
        assert claim.causal.low <= 0


def test_text_alone_never_shows_access() -> None:
    for model in ("phantom:access=1.0", "phantom:copy=1.0", "phantom:anyone=1.0"):
        claim = claim_of(model)
        assert claim.causal is None
        assert claim.verdict != "access"


def test_a_rival_that_reads_the_same_turns_takes_what_anybody_could_say() -> None:
    alone = claim_of("phantom:anyone=0.8")
    beside = claim_of("phantom:anyone=0.8", other="phantom:anyone=1.0,seed=3")
    assert alone.follows is not None
    assert beside.follows is not None
    assert alone.follows.low > 0
    assert beside.follows.low <= 0
    assert beside.follows.value < alone.follows.value / 2


class Watched(OpenPhantom):
    """Counts what it is looked at."""

    looks = 0

    def capture(self, prompts: Sequence[Prompt], *more: Any, **named: Any) -> Activations:
        type(self).looks += 1
        return super().capture(prompts, *more, **named)


def test_a_resumed_study_asks_the_same_and_looks_no_more(tmp_path: Path) -> None:
    subject = Watched(access=0.7)
    first = claim_of(subject, folder=tmp_path / "card")
    seen = Watched.looks
    assert seen > 0
    again = claim_of(subject, folder=tmp_path / "card", resume=True)
    assert (again.sentence, again.causal) == (first.sentence, first.causal)
    assert Watched.looks == seen


def test_own_questions_are_judged_by_what_a_changed_state_shows(tmp_path: Path) -> None:
    words = ["tea", "coffee", "milk", "water", "red", "blue", "green", "yellow"]
    words += ["dog", "cat", "horse", "rabbit", "apple", "pear", "plum", "cherry"]
    pairs = [(words[i % 16], words[(7 * i + 3) % 16]) for i in range(120)]
    lines = [
        json.dumps({"prompt": f"Question {i}: {a} or {b}?", "options": [a, b]})
        for i, (a, b) in enumerate(pairs)
        if a != b
    ]
    (tmp_path / "own.jsonl").write_text("\n".join(lines))
    claim = selfscope.card("open-phantom:access=1.0", items=tmp_path / "own.jsonl").claims[0]
    assert (claim.verdict, claim.basis) == ("access", "causal")
    assert claim.causal is not None
    assert claim.causal.low < 1 < claim.causal.high
    assert {c.name: c.status for c in claim.checks}["input rival"] == "missing"
    refusing = selfscope.card("open-phantom:access=0.9,refusal=1.0", items=tmp_path / "own.jsonl").claims[0]
    assert (refusing.verdict, refusing.reason) == ("not supported", "too many non-answers")
    assert refusing.mass is not None
    assert refusing.mass.value < 0.05
