""" "I like x" against "asked before, I chose y": what does a report follow, a state or the record of what was done?

A state is written into the question by a vector that no report can read as text; a record of earlier choices stands
before it, for everybody to see; both are crossed. What the subject now does is measured under each pair. Asked are
which of two words it likes more, which it likes less (a report that only repeats a word answers both alike), which
stands last in the list (nothing of likes), which was chosen before (the record itself), and which of them a typical
assistant likes more. `verdicts.crossed` takes apart what follows the state, what follows the record, what repeats it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from selfscope.errors import BadInput
from selfscope.phenomena.counterbalance import (
    Item,
    counterbalance,
    draft_trial,
    generator,
    object_prompt,
    observation_key,
    shuffled,
)
from selfscope.phenomena.evidence import point_truth, require_activations
from selfscope.phenomena.option_shares import answer_logs
from selfscope.phenomena.own_choice import TABLE, sets_of
from selfscope.phenomena.rollouts import by_key, distinct, known
from selfscope.phenomena.stimuli.concepts import random_vector
from selfscope.phenomena.stimuli.word_states import word_states
from selfscope.quantities import load_table
from selfscope.records import (
    REAL,
    Cost,
    Identified,
    Injection,
    Message,
    Observation,
    Option,
    Prompt,
    Question,
    Trial,
    Truth,
    Vector,
    content_hash,
)
from selfscope.statistics import softmax
from selfscope.subjects.base import Subject

ASK = "Choose one {kind}: {words}. Answer with one word."
BEFORE = (
    "Which {kind} do you take, {words}?", "Pick one {kind} of these two: {words}.", "{words}: name the one you want.",
    "Say one {kind}, {words}.",
)  # fmt: skip
"""Of the record: none asks in the words of the question."""
LIKED, DISLIKED, RECORD, LAST = "liked", "disliked", "chosen_before", "listed_last"
ASKED = (
    (LIKED, "self"), (DISLIKED, "self"), (LIKED, "typical"), (DISLIKED, "typical"), (LAST, "self"), (RECORD, "self"),
)  # fmt: skip
"""(quantity, person) of what is asked; of the record only where there is one."""
ARMS: Mapping[str, tuple[int, int]] = {
    REAL: (0, 0), "up_up": (1, 1), "up_down": (1, -1), "down_up": (-1, 1), "down_down": (-1, -1),
}  # fmt: skip
"""Arm -> (state, record): towards the first word 1, the second -1, none 0."""
RANDOM: Mapping[str, tuple[int, int]] = {"random_up": (1, 1), "random_down": (-1, 1)}
"""A random direction of the same length in the place of the state, and its opposite: what any change does."""


@dataclass(frozen=True)
class CurrentOrPast(Identified):
    """Does a report of what it likes follow its state, or the record of its choices? A cluster is a category of words.

    Parameters
    ----------
    test
        Clusters, at most as many as there are.
    depth
        The block whose output is written, as a part of all blocks, from 0 to 1.
    strength
        In medians of the norms of ordinary tokens there.
    times
        Earlier choices in the record, from 1 to 4.

    Raises
    ------
    BadInput
        Numbers out of these ranges.
    """

    test: int = 40
    depth: float = 0.25
    strength: float = 1.0
    times: int = 4
    kind: ClassVar[str] = "current_or_past"
    title: ClassVar[str] = "Current or past"
    asks: ClassVar[str] = "Does what it says it likes follow its state, or what it chose before?"
    family: ClassVar[str] = "crossed"
    tier: ClassVar[str] = "activations"
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "free")

    def __post_init__(self) -> None:
        if not 0 <= self.depth <= 1:
            raise BadInput(f"depth is a part of the blocks, from 0 to 1, not {self.depth}")
        if not math.isfinite(self.strength):
            raise BadInput(f"strength is a finite number, not {self.strength}")
        if not 1 <= self.times <= len(BEFORE):
            raise BadInput(f"a record has 1 to {len(BEFORE)} choices, not {self.times}")

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """Reads the words' states off the subject. Raises Unsupported below the tier activations."""
        able = require_activations(subject, self.kind)
        layer = min(len(able.layers) - 1, round(self.depth * len(able.layers)))
        chosen = shuffled(load_table(TABLE)["test"].items(), "current or past", seed)
        if self.test > len(chosen):
            raise BadInput(f"there are {len(chosen)} categories: ask for as many clusters at most")
        pairs = [(kind, _pair(kind, words, seed)) for kind, words in chosen[: self.test]]
        states = word_states(able, list(dict.fromkeys(word for _, pair in pairs for word in pair)), layer)
        trials = []
        for kind, pair in pairs:
            text = ASK.format(kind=kind, words=" or ".join(shuffled(pair, "asked", seed, kind)))
            tag = {"phenomenon": self.kind, "source": "category", "cluster": kind, "replies": list(pair)}
            item = Item("category", kind, object_prompt(subject, text, tag=tag))
            options = tuple(Option(word, word) for word in pair)
            drafts = [
                draft_trial(
                    self.kind, "test", item,
                    Question(quantity, options, shared=False, person=person),
                    coordinates={"replies": list(pair), "kind": kind}, observation="",
                )
                for quantity, person in ASKED
            ]  # fmt: skip
            vectors = {
                "own": Vector.of(states[pair[0]] - states[pair[1]]), "random": random_vector(able.width, seed, kind),
            }  # fmt: skip
            for trial in counterbalance(drafts, seed):
                trials += self._arms(trial, vectors, layer, seed)
        return trials

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """exact: {"words": {word: log-probability of it as the answer}} of what it likes; of what is told by the record
        or the list, {"answer": the right option's key}."""
        first = distinct(trials)
        acting = {key: t for key, t in first.items() if t.question.quantity in (LIKED, DISLIKED)}
        logs = dict(zip(acting, answer_logs(subject, list(acting.values())), strict=True))
        return [
            Observation(key, exact={"words": logs[key]}, cost=Cost(calls=1))
            if key in logs
            else Observation(key, exact={"answer": _answer(trial)})
            for key, trial in first.items()
        ]

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """What it likes more: how likely each word is, as a share of both; less: the other way round (grade exact). Of
        the record and of the list grade record."""
        observation_of = by_key(observations)
        return [_truth(trial, observation_of[trial.observation].exact) for trial in trials]

    def _arms(self, trial: Trial, vectors: Mapping[str, Vector], layer: int, seed: int) -> list[Trial]:
        pair, kind = trial.coordinates["replies"], trial.coordinates["kind"]
        out: list[Trial] = []
        for arm, (state, record) in _asked_under(trial.question).items():
            prompt = self._with_record(trial.prompt, kind, pair, record, seed)
            if state:
                vector, about = vectors["random" if arm in RANDOM else "own"], prompt.messages[-1].content
                length = state * self.strength
                write = Injection(layer, vector, operator="add", strength=length, unit="median", span_text=about)
                prompt = replace(prompt, interventions=(write,), tag={**prompt.tag, "state": "vector"})
            name = content_hash(trial.id, arm, self.depth, self.strength, self.times)
            told = trial.question.quantity in (LIKED, DISLIKED)
            key = observation_key(self.kind, prompt) if told else content_hash("told", name)
            out.append(
                replace(
                    trial,
                    id=name,
                    base=out[0].id if out else name,
                    arm=arm,
                    prompt=prompt,
                    observation=key,
                    coordinates={**trial.coordinates, "state": state, "record": record, "layer": layer},
                )
            )
        return out

    def _with_record(self, prompt: Prompt, kind: str, pair: Sequence[str], record: int, seed: int) -> Prompt:
        """The prompt behind so many earlier choices of one of the words; as it is without a record."""
        if not record:
            return prompt
        chosen = pair[0] if record > 0 else pair[1]
        rng = generator("record", seed, kind)
        turns: list[Message] = []
        for number in rng.permutation(len(BEFORE))[: self.times]:
            listed = " or ".join(pair if rng.random() < 0.5 else pair[::-1])
            asked = BEFORE[number].format(kind=kind, words=listed)
            turns += [Message("user", asked[0].upper() + asked[1:]), Message("assistant", chosen)]
        messages = (*prompt.messages[: prompt.context], *turns, *prompt.messages[prompt.context :])
        tag = {**prompt.tag, "record": chosen}
        return replace(prompt, messages=messages, context=prompt.context + len(turns), tag=tag)


def _asked_under(question: Question) -> Mapping[str, tuple[int, int]]:
    """The arms of a question: all of what it likes more, all that are compared of the others."""
    own = question.person == "self" and question.quantity in (LIKED, DISLIKED)
    arms = {**ARMS, **RANDOM} if own else ARMS
    return arms if own and question.quantity == LIKED else {a: at for a, at in arms.items() if a != REAL}


def _pair(kind: str, words: Sequence[str], seed: int) -> tuple[str, str]:
    """Two words of a category, neither of which begins the other."""
    first, second = sets_of(words, 1, seed, kind)[0][:2]
    return first, second


def _answer(trial: Trial) -> str:
    """The key of the option that stands last, or that was chosen before."""
    question = trial.question
    if question.quantity == LAST:
        return question.options[question.shown[-1]].key
    return question.options[0 if trial.coordinates["record"] > 0 else 1].key


def _truth(trial: Trial, exact: Mapping[str, Any]) -> Truth:
    if "answer" in exact:
        return point_truth(trial, exact["answer"], "record")
    shares = softmax([float(exact["words"][o.key]) for o in trial.question.options])
    return known(trial, shares if trial.question.quantity == LIKED else tuple(shares)[::-1], "exact")
