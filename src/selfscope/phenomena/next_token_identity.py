"""Which token comes next? Read at one token of an ordinary sentence: next-token identity (Ghandeharioun et al. 2024).

The options are what the subject itself finds likeliest there; the truth is the first of them. What was observed keeps
the TOP likeliest tokens with their log-probabilities, so that precision@1 and surprisal over the whole vocabulary are
computed afterwards (`verdicts.gaps`); no trial carries them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from selfscope.phenomena.counterbalance import Item, counterbalance, draft_trial, observation_key, shuffled, split_items
from selfscope.phenomena.evidence import evidence, point_truth, require_activations
from selfscope.phenomena.rollouts import by_key, distinct
from selfscope.phenomena.stimuli.contexts import contexts
from selfscope.quantities import load_table
from selfscope.records import Identified, Observation, Option, Prompt, Question, TokenDistribution, Trial, Truth
from selfscope.subjects.base import OpenSubject, Subject

OPTIONS = 10
LOOKED = 40
"""So many of the likeliest tokens are looked through for OPTIONS that differ as words."""
FIRST = 3
"""Words before the earliest position: the first tokens of a text are attention sinks."""
TOP = 200
"""Likeliest tokens whose log-probabilities are kept with the observation."""
TRIES = 4
RESERVE = 1.6
"""So many times the sentences that are needed are looked at: not every place has ten tokens that can be shown."""
Listed = tuple[int, str, float]
"""A token's id, its text without spaces, its log-probability (nats)."""
ONLY_TEST = ("notes",)
"""Sources that occur in the test split only."""


@dataclass(frozen=True)
class NextTokenIdentity(Identified):
    """Ten likely tokens, one of them the likeliest. A cluster is one sentence, read at the end of one of its words.

    An option's key is the token's id, its text the token without spaces: a reader may score exact ids.

    Parameters
    ----------
    test, train, dev
        Clusters of each split.
    rollouts
        Not used: the truth is exact.
    """

    test: int = 220
    train: int = 60
    dev: int = 30
    rollouts: int = 0
    kind: ClassVar[str] = "next_token_identity"
    title: ClassVar[str] = "Next word"
    asks: ClassVar[str] = "Which word will it say, read from an earlier layer?"
    family: ClassVar[str] = "activations"
    tier: ClassVar[str] = "activations"
    readers: ClassVar[tuple[str, ...]] = ("logit_lens", "patchscope[template=identity]")
    sweep: ClassVar[tuple[str, str]] = ("logit_lens", "")
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "free")

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """Asks the subject for its likeliest next tokens. Raises Unsupported below the tier activations."""
        able = require_activations(subject, self.kind)
        sizes = {"test": self.test, "train": self.train, "dev": self.dev}
        most = math.ceil(RESERVE * sum(sizes.values()) / (len(sources()) - len(ONLY_TEST)))
        near = {source: sentences[:most] for source, sentences in sentences_by_source(seed).items()}
        cut_of = self._listed(able, [sentence for sentences in near.values() for sentence in sentences], seed)
        usable = {source: [s for s in sentences if s in cut_of] for source, sentences in near.items()}
        trials = []
        for split, source, _, sentence in split_items(usable, sizes, only_test=ONLY_TEST):
            cut, listed = cut_of[sentence]
            prompt = Prompt(text=cut, tag={"role": "behave", "phenomenon": self.kind, "state": "plain"})
            options = shuffled(listed, "options", seed, sentence)
            trials.append(_posed(able, split, Item(source, sentence, prompt), options))
        return counterbalance(trials, seed)

    def _listed(self, subject: OpenSubject, sentences: Sequence[str], seed: int) -> dict[str, tuple[str, list[Listed]]]:
        """Where each sentence is cut, and the options there: at the first of TRIES places whose likeliest token can be
        shown, and that no sentence before it begins with."""
        cut_of: dict[str, tuple[str, list[Listed]]] = {}
        for turn in range(TRIES):
            earlier = {cut for cut, _ in cut_of.values()}
            cuts: dict[str, str] = {}
            for sentence in sentences:
                places = _cuts(sentence, seed)
                if sentence not in cut_of and turn < len(places) and places[turn] not in earlier:
                    cuts.setdefault(places[turn], sentence)
            for (cut, sentence), after in zip(
                cuts.items(), subject.next_token([Prompt(text=cut) for cut in cuts], top=LOOKED), strict=True
            ):
                listed = _showable(after)
                if len(listed) == OPTIONS:
                    cut_of[sentence] = (cut, listed)
        return cut_of

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """exact: {"logprobs": {id: log-probability, nats}} of the options, {"likeliest": {ids, logprobs}} of the TOP
        likeliest, the first of all first."""
        able = require_activations(subject, self.kind)
        first = distinct(trials)
        nexts = able.next_token([t.prompt for t in first.values()], top=TOP)
        return [
            Observation(key, exact={"logprobs": _logprobs(able, trial, after), "likeliest": _likeliest(after)})
            for (key, trial), after in zip(first.items(), nexts, strict=True)
        ]

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """The likeliest of the options. Grade exact."""
        observation_of = by_key(observations)
        out = []
        for trial in trials:
            logprobs = observation_of[trial.observation].exact["logprobs"]
            out.append(point_truth(trial, max(logprobs, key=lambda k: logprobs[k]), "exact"))
        return out


def sources() -> tuple[str, ...]:
    """Kinds of sentences."""
    return tuple(load_table("passages"))


def sentences_by_source(seed: int) -> dict[str, list[str]]:
    """Different sentences of every source, in seeded order."""
    own = {source: list(sentences) for source, sentences in load_table("passages").items()}
    beginnings = contexts(seed)
    own["news"] += [c.prefix for c in beginnings["sentence"]]
    own["story"] += [c.prefix for c in beginnings["fact"]]
    own["notes"] += [f"{c.text} {c.prefix}" for c in beginnings["chat"]]
    return {source: shuffled(dict.fromkeys(sentences), "sentences", seed, source) for source, sentences in own.items()}


def _cuts(sentence: str, seed: int) -> list[str]:
    """The sentence up to the end of one of its words, from the third on and never the whole of it, in drawn order."""
    words = sentence.split()
    stops = range(min(FIRST, len(words) - 1), len(words))
    return [" ".join(words[:stop]) for stop in shuffled(stops, "cut", seed, sentence)]


def _showable(after: TokenDistribution) -> list[Listed]:
    """The likeliest tokens that differ as words; empty where the first of all cannot be shown (blank, half a
    character)."""
    words: dict[str, Listed] = {}
    for token, text, logprob in zip(after.ids, after.tokens, after.logprobs, strict=True):
        shown = text.strip()
        if shown and "\ufffd" not in shown:
            words.setdefault(shown.casefold(), (token, shown, logprob))  # "The" and " the" look alike in a list
        elif not words:
            return []
    return list(words.values())[:OPTIONS]


def _posed(subject: OpenSubject, split: str, item: Item, listed: Sequence[Listed]) -> Trial:
    prompt = item.prompt
    question = Question("next_token", tuple(Option(str(i), text) for i, text, _ in listed), shared=False)
    last = len(subject.encode(prompt)) - 1
    state = evidence(subject, prompt, (last,), full=str(prompt.text))
    key = observation_key(NextTokenIdentity.kind, prompt, [i for i, _, _ in listed])
    return draft_trial(NextTokenIdentity.kind, split, item, question, observation=key, evidence=state)


def _likeliest(after: TokenDistribution) -> dict[str, list[Any]]:
    return {"ids": list(after.ids), "logprobs": [round(x, 5) for x in after.logprobs]}


def _logprobs(subject: OpenSubject, trial: Trial, after: TokenDistribution) -> dict[str, float]:
    """Of the trial's options, by key; a subject that was changed since may hold others likelier."""
    keys = [option.key for option in trial.question.options]
    if not all(int(key) in after.ids for key in keys):
        after = subject.next_token([trial.prompt], ids=[int(key) for key in keys])[0]
    return {key: after.logprobs[after.ids.index(int(key))] for key in keys}
