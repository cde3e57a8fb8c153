"""How likely is this next word; which of two is likelier; how open is the choice? Truth: exact log-probabilities.

"The next word is W" means that the text goes on with " W" as the subject's tokenizer writes it: its probability is the
product over those tokens at temperature 1. A longer word that begins with the same tokens is included.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, cast

from selfscope.errors import BadInput, UnknownName, Unsupported
from selfscope.phenomena.counterbalance import (
    Item,
    counterbalance,
    draft_trial,
    generator,
    object_prompt,
    observation_key,
    split_items,
)
from selfscope.phenomena.rollouts import by_key, distinct, known
from selfscope.phenomena.stimuli.contexts import Context, contexts
from selfscope.quantities import ENTROPY_BINS, PROPERTIES, entropy_key, measure
from selfscope.records import Cost, Identified, Observation, Option, Prompt, Question, TokenDistribution, Trial, Truth
from selfscope.statistics import softmax
from selfscope.subjects.base import ScoringSubject, Subject, reaches

FIRST = 4
"""Two words, a pair, and how open the choice is."""
OF_NEXT = ("first_char", "first_word")
"""Properties that the first token of a word tells: a longer word that begins with the token is included."""
CARRIED = {"carrier": "continue"}
"""Asked of how a text goes on, not of a reply."""
LIKELIEST_TOKENS = 1000
LIKELIEST = 0.7
"""How often the likely word is the very first candidate."""
HELD_OUT = (("list", "likelier"), ("fact", "entropy_bin"))
"""Tasks (source, quantity) that occur in the test split only."""


@dataclass(frozen=True)
class TokenProbability(Identified):
    """Exact probabilities of what comes next. A cluster is one unfinished text.

    Words come from packaged lists; those of a cluster are in `coordinates["words"]`.

    Parameters
    ----------
    test, train, dev
        Clusters of each split.
    rollouts
        Not used: the truth is exact.
    each
        Questions about words a cluster, at most: beyond the first FIRST further words and further pairs take turns.
    properties
        Of the next word, which are asked for beside: some of OF_NEXT. Their truth is summed over the LIKELIEST_TOKENS
        likeliest tokens.

    Raises
    ------
    BadInput
        Less than one question a cluster.
    UnknownName
        A property that the beginning of a word does not tell.
    """

    test: int = 150
    train: int = 80
    dev: int = 30
    rollouts: int = 20
    each: int = 4
    properties: tuple[str, ...] = ()
    kind: ClassVar[str] = "token_probability"
    title: ClassVar[str] = "Word probabilities"
    asks: ClassVar[str] = "How likely is this next word, by its own reckoning?"
    tier: ClassVar[str] = "logprobs"
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "prob_text", "prob_ev", "yesno_lp")

    def __post_init__(self) -> None:
        if self.each < 1:
            raise BadInput(f"a text is asked about from 1 time on, not {self.each}")
        for name in self.properties:
            if name not in OF_NEXT:
                raise UnknownName("property of a next word", name, OF_NEXT)

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """The same words for every subject; the subject does not act."""
        _scoring(subject)
        trials = []
        sizes = {"test": self.test, "train": self.train, "dev": self.dev}
        for split, source, _, context in split_items(contexts(seed), sizes):
            prompt = self._prompt(subject, source, context)
            item = Item(source, context.cluster, prompt)
            every = _questions(context.candidates, seed, context.cluster)
            every = [*every, *_further(context.candidates, every, seed, context.cluster)][: self.each]
            every += [Question(name, PROPERTIES[name].options, arguments=CARRIED) for name in self.properties]
            questions = [q for q in every if split == "test" or (source, q.quantity) not in HELD_OUT]
            used = sorted({w for q in questions for w in _words_of(q)})
            key = observation_key(self.kind, prompt, used, *self.properties)
            where = {"seed": seed, "words": used, "replies": [f" {word}" for word in used]}
            trials += [draft_trial(self.kind, split, item, q, observation=key, coordinates=where) for q in questions]
        return counterbalance(trials, seed)

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """exact: {"words": {word: log-probability of " word"}, "entropy": nats of the next token, "shares": {property:
        (K,)}}."""
        able = _scoring(subject)
        first = distinct(trials)
        prompts = [trial.prompt for trial in first.values()]
        words = [list(trial.coordinates["words"]) for trial in first.values()]
        scores = able.score(prompts, [[f" {w}" for w in own] for own in words])
        nexts = able.next_token(prompts, top=LIKELIEST_TOKENS if self.properties else 1)
        found = []
        for key, own, scored, after in zip(first, words, scores, nexts, strict=True):
            exact: dict[str, Any] = {"words": _sums(own, scored), "entropy": after.entropy}
            if self.properties:
                exact["shares"] = {name: _shares(name, after) for name in self.properties}
            found.append(Observation(key, exact=exact, cost=Cost(calls=2)))
        return found

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """Exact probabilities; of two words, their shares of both together."""
        observation_of = by_key(observations)
        return [known(t, _mean(t.question, observation_of[t.observation].exact), "exact") for t in trials]

    def _prompt(self, subject: Subject, source: str, context: Context) -> Prompt:
        replies = [f" {word}" for word in context.candidates]
        tag = {"phenomenon": self.kind, "source": source, "cluster": context.cluster, "replies": replies}
        return object_prompt(subject, context.text, tag=tag, prefix=context.prefix)


def _scoring(subject: Subject) -> ScoringSubject:
    if not reaches(subject, "logprobs"):
        raise Unsupported(
            f"token_probability needs exact log-probabilities, and {subject.name} gives only {subject.tier}: "
            "choose other phenomena with --phenomena"
        )
    return cast(ScoringSubject, subject)


def _questions(words: Sequence[str], seed: int, cluster: str) -> list[Question]:
    """A word from the head of the candidates, one from the rest, a pair, and the entropy.

    Candidates stand likely ones first by the packaged lists, not by the subject: what a subject finds likely must not
    decide which words are asked about, or the question would tell a rival of the subject.
    """
    rng = generator("words", seed, cluster)
    likely = words[0 if rng.random() < LIKELIEST else 1]
    other = words[2 + int(rng.integers(len(words) - 2))]
    pair = [words[int(i)] for i in rng.permutation(min(5, len(words)))[:2]]
    yes_no = PROPERTIES["next_word"].options
    return [
        Question("next_word", yes_no, arguments={"word": likely}),
        Question("next_word", yes_no, arguments={"word": other}),
        Question("likelier", tuple(Option(word, word) for word in pair), shared=False),
        Question("entropy_bin", ENTROPY_BINS),
    ]


def _further(words: Sequence[str], asked: Sequence[Question], seed: int, cluster: str) -> list[Question]:
    """The other words, and other pairs of the first five, in turn."""
    rng = generator("further words", seed, cluster)
    known = [{option.text for option in q.options} for q in asked if q.quantity == "likelier"]
    pairs = [(a, b) for a, b in itertools.combinations(words[:5], 2) if {a, b} not in known]
    dealt = [pairs[int(i)] for i in rng.permutation(len(pairs))]
    turned = [pair[::-1] if rng.random() < 0.5 else pair for pair in dealt]
    others = [w for w in words if w not in {q.arguments.get("word") for q in asked}]
    yes_no = PROPERTIES["next_word"].options
    single = [Question("next_word", yes_no, arguments={"word": word}) for word in others]
    double = [Question("likelier", tuple(Option(w, w) for w in pair), shared=False) for pair in turned]
    return [q for both in itertools.zip_longest(single, double) for q in both if q is not None]


def _shares(name: str, after: TokenDistribution) -> list[float]:
    """(K,) probability that the next token falls under each option."""
    question = Question(name, PROPERTIES[name].options)
    sums = dict.fromkeys((option.key for option in question.options), 0.0)
    for text, logprob in zip(after.tokens, after.logprobs, strict=True):
        sums[_key(question.quantity, text)] += math.exp(logprob)
    total = math.fsum(sums.values())
    return [share / total for share in sums.values()]


@lru_cache(maxsize=1 << 17)
def _key(name: str, text: str) -> str:
    """The key of the option that a token's text falls under: the same of every text."""
    return str(measure(Question(name, PROPERTIES[name].options), text))


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
    if question.quantity in OF_NEXT:
        return tuple(exact["shares"][question.quantity])
    logs = [float(exact["words"][word]) for word in _words_of(question)]
    if question.quantity == "next_word":
        p = min(1.0, math.exp(logs[0]))
        return (p, 1 - p)
    return softmax(logs)
