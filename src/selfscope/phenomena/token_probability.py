"""How likely is this next word; which of two is likelier; how open is the choice? Truth: exact log-probabilities.

"The next word is W" means that the text goes on with " W" as the subject's tokenizer writes it: its probability is the
product over those tokens at temperature 1. A longer word that begins with the same tokens is included.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np

from selfscope.errors import Unsupported
from selfscope.phenomena.contexts import Context, contexts
from selfscope.phenomena.crossing import (
    Item,
    crossed,
    dealt,
    drafted,
    generator,
    object_prompt,
    observation_key,
    shuffled,
)
from selfscope.phenomena.rollouts import by_key, distinct, known
from selfscope.quantities import ENTROPY_BINS, PROPERTIES, entropy_key
from selfscope.records import Cost, Observation, Option, Prompt, Question, TokenDistribution, Trial, Truth
from selfscope.subjects.base import ScoringSubject, Subject, reaches

TOP = 8
HELD_OUT = (("list", "likelier"), ("fact", "entropy_bin"))
"""Tasks (source, quantity) that occur in the test split only."""
ASKED = ("next_word", "next_word", "likelier", "entropy_bin")
SPACES = " \u0120\u2581"  # a plain space, and how two kinds of tokenizer write it


@dataclass(frozen=True)
class TokenProbability:
    """Exact probabilities of what comes next. A cluster is one unfinished text.

    test, train, dev: clusters. rollouts: not used, truth is exact. Words come from packaged lists and from the
    subject's own likeliest tokens; the words of a cluster are in `coordinates["words"]`.
    """

    test: int = 150
    train: int = 80
    dev: int = 30
    rollouts: int = 20
    name: ClassVar[str] = "token_probability"
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "prob_text", "prob_ev", "yesno_lp")

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """Scores the candidates of every context to pick words of different likelihood; two batched calls."""
        able = _scoring(subject)
        sizes = {"test": self.test, "train": self.train, "dev": self.dev}
        places = dealt(contexts(seed), sizes)
        prompts = [self._prompt(subject, source, context) for _, source, _, context in places]
        ranked = _ranked(able, prompts, [context for *_, context in places])
        trials = []
        for (split, source, _, context), prompt, words in zip(places, prompts, ranked, strict=True):
            item = Item(source, context.cluster, prompt)
            asked = _questions(words, seed, context.cluster)
            questions = [q for q in asked if split == "test" or (source, q.quantity) not in HELD_OUT]
            used = sorted({w for q in questions for w in _words_of(q)})
            key = observation_key(self.name, prompt, used)
            where = {"seed": seed, "words": used}
            trials += [drafted(self.name, split, item, q, observation=key, coordinates=where) for q in questions]
        return crossed(trials, seed)

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """exact: {"words": {word: log-probability of " word"}, "entropy": nats of the next token}."""
        able = _scoring(subject)
        first = distinct(trials)
        prompts = [trial.prompt for trial in first.values()]
        words = [list(trial.coordinates["words"]) for trial in first.values()]
        scores = able.score(prompts, [[f" {w}" for w in many] for many in words])
        nexts = able.next_token(prompts, top=1)
        return [
            Observation(key, exact={"words": _sums(many, got), "entropy": after.entropy}, cost=Cost(calls=2))
            for key, many, got, after in zip(first, words, scores, nexts, strict=True)
        ]

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """Exact probabilities; of two words, their shares of both together."""
        seen = by_key(observations)
        return [known(t, _mean(t.question, seen[t.observation].exact), "exact") for t in trials]

    def _prompt(self, subject: Subject, source: str, context: Context) -> Prompt:
        replies = [f" {word}" for word in context.candidates]
        tag = {"phenomenon": self.name, "source": source, "cluster": context.cluster, "replies": replies}
        return object_prompt(subject, context.text, tag=tag, prefix=context.prefix)


def _scoring(subject: Subject) -> ScoringSubject:
    if not reaches(subject, "logprobs"):
        raise Unsupported(
            f"token_probability needs exact log-probabilities, and {subject.name} gives only {subject.tier}: "
            "choose other phenomena with --phenomena"
        )
    return cast(ScoringSubject, subject)


def _ranked(subject: ScoringSubject, prompts: Sequence[Prompt], places: Sequence[Context]) -> list[list[str]]:
    """Words of every context, likeliest first: the packaged candidates and the subject's own whole-word tokens."""
    nexts = subject.next_token(prompts, top=TOP)
    own = map(_own_words, nexts)
    many = [list(dict.fromkeys([*place.candidates, *more])) for place, more in zip(places, own, strict=True)]
    scores = subject.score(prompts, [[f" {w}" for w in words] for words in many])
    out = []
    for words, got in zip(many, scores, strict=True):
        sums = _sums(words, got)
        out.append(sorted(words, key=lambda w: (-sums[w], w)))
    return out


def _own_words(after: TokenDistribution) -> list[str]:
    """The tokens that are a space and at least two letters."""
    found = [re.fullmatch(rf"[{SPACES}]([A-Za-z]{{2,}})", token) for token in after.tokens]
    return [match.group(1) for match in found if match]


def _questions(words: Sequence[str], seed: int, cluster: str) -> list[Question]:
    """One likely word, one of the others, a pair of the five likeliest, and the entropy."""
    rng = generator("words", seed, cluster)
    top, rest = list(words[:3]), list(words[3:]) or list(words)
    likely = top[int(np.searchsorted([0.6, 0.85], rng.random()))]
    other = rest[int(rng.integers(len(rest)))]
    pair = shuffled([words[int(i)] for i in rng.permutation(min(5, len(words)))[:2]], "pair", seed, cluster)
    yes_no = PROPERTIES["next_word"].options
    return [
        Question("next_word", yes_no, arguments={"word": likely}),
        Question("next_word", yes_no, arguments={"word": other}),
        Question("likelier", tuple(Option(word, word) for word in pair), shared=False),
        Question("entropy_bin", ENTROPY_BINS),
    ]


def _words_of(question: Question) -> list[str]:
    if question.quantity == "next_word":
        return [str(question.arguments["word"])]
    return [option.text for option in question.options] if question.quantity == "likelier" else []


def _sums(words: Sequence[str], scores: Sequence[Sequence[float]]) -> dict[str, float]:
    return {word: math.fsum(tokens) for word, tokens in zip(words, scores, strict=True)}


def _mean(question: Question, exact: Mapping[str, Any]) -> tuple[float, ...]:
    if question.quantity == "entropy_bin":
        key = entropy_key(float(exact["entropy"]))
        return tuple(float(option.key == key) for option in question.options)
    logs = [float(exact["words"][word]) for word in _words_of(question)]
    if question.quantity == "next_word":
        p = min(1.0, math.exp(logs[0]))
        return (p, 1 - p)
    top = max(logs)
    weights = [math.exp(x - top) for x in logs]
    return tuple(w / math.fsum(weights) for w in weights)
