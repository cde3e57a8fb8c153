"""Which token comes next? Read at one token of an ordinary sentence: next-token identity (Ghandeharioun et al. 2024).

The options are what the subject itself finds likeliest there; the truth is the first of them. What surprisal needs
stands in `coordinates["logprobs"]`: -log p(answer), with p the source's own probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from selfscope.phenomena.contexts import contexts
from selfscope.phenomena.crossing import Item, crossed, dealt, drafted, generator, observation_key, shuffled
from selfscope.phenomena.inside import evidence, one_of, opened
from selfscope.phenomena.rollouts import by_key, distinct
from selfscope.quantities import packaged
from selfscope.records import Observation, Option, Prompt, Question, TokenDistribution, Trial, Truth
from selfscope.subjects.base import OpenSubject, Subject

OPTIONS = 10
LOOKED = 40
"""So many of the likeliest tokens are looked through for OPTIONS that differ as words."""
FIRST = 3
"""Words before the earliest column: the first tokens of a text are attention sinks."""
ONLY_TEST = ("notes",)
"""Sources that occur in the test split only."""


@dataclass(frozen=True)
class NextTokenIdentity:
    """Ten likely tokens, one of them the likeliest. A cluster is one sentence, read at the end of one of its words.

    An option's key is the token's id, its text the token without spaces: a reader may score exact ids. test, train,
    dev: clusters. rollouts: not used, truth is exact.
    """

    test: int = 220
    train: int = 60
    dev: int = 30
    rollouts: int = 0
    name: ClassVar[str] = "next_token_identity"
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "free")

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """Asks the subject for its likeliest next tokens. Raises Unsupported below the tier activations."""
        able = opened(subject, self.name)
        sizes = {"test": self.test, "train": self.train, "dev": self.dev}
        chosen = dealt(pools(seed), sizes, only_test=ONLY_TEST)
        cuts = [_cut(sentence, seed) for _, _, _, sentence in chosen]
        prompts = [Prompt(text=cut, tag={"role": "behave", "phenomenon": self.name, "state": "plain"}) for cut in cuts]
        trials = []
        for (split, source, _, sentence), prompt, after in zip(
            chosen, prompts, able.next_token(prompts, top=LOOKED), strict=True
        ):
            listed = _listed(after)
            if len(listed) == OPTIONS:
                item = Item(source, sentence, prompt)
                trials.append(_posed(able, split, item, shuffled(listed, "options", seed, sentence)))
        return crossed(trials, seed)

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """exact: {"logprobs": {id: log-probability, nats}} of the options."""
        able = opened(subject, self.name)
        first = distinct(trials)
        found = able.next_token([t.prompt for t in first.values()], top=LOOKED)
        return [
            Observation(key, exact={"logprobs": _logprobs(able, trial, after)})
            for (key, trial), after in zip(first.items(), found, strict=True)
        ]

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """The likeliest of the options. Grade exact."""
        seen = by_key(observations)
        out = []
        for trial in trials:
            logprobs = seen[trial.observation].exact["logprobs"]
            out.append(one_of(trial, max(logprobs, key=lambda k: logprobs[k]), "exact"))
        return out


def pools(seed: int) -> dict[str, list[str]]:
    """Different sentences of every source, in seeded order."""
    own = {source: list(many) for source, many in packaged("passages").items()}
    made = contexts(seed)
    own["news"] += [c.prefix for c in made["sentence"]]
    own["story"] += [c.prefix for c in made["fact"]]
    own["notes"] += [f"{c.text} {c.prefix}" for c in made["chat"]]
    return {source: shuffled(dict.fromkeys(many), "sentences", seed, source) for source, many in own.items()}


def _cut(sentence: str, seed: int) -> str:
    """The sentence up to the end of one of its words, drawn evenly from the third on; never the whole of it."""
    words = sentence.split()
    stop = int(generator("cut", seed, sentence).integers(min(FIRST, len(words) - 1), len(words)))
    return " ".join(words[:stop])


def _listed(after: TokenDistribution) -> list[tuple[int, str, float]]:
    """(id, text, log-probability) of the likeliest tokens that differ as words; empty where the first is blank."""
    found: dict[str, tuple[int, str, float]] = {}
    for token, text, logprob in zip(after.ids, after.tokens, after.logprobs, strict=True):
        shown = text.strip()
        if not shown and not found:
            return []
        # A broken character cannot be shown; "The" and " the" look alike in a list.
        if shown and "\ufffd" not in shown:
            found.setdefault(shown.casefold(), (token, shown, logprob))
    return list(found.values())[:OPTIONS]


def _posed(subject: OpenSubject, split: str, item: Item, listed: Sequence[tuple[int, str, float]]) -> Trial:
    prompt = item.prompt
    question = Question("next_token", tuple(Option(str(i), text) for i, text, _ in listed), shared=False)
    last = len(subject.encode(prompt)) - 1
    seen = evidence(subject, prompt, (last,), full=str(prompt.text))
    key = observation_key(NextTokenIdentity.name, prompt, [i for i, _, _ in listed])
    where = {"logprobs": tuple(x for _, _, x in listed)}
    return drafted(
        NextTokenIdentity.name, split, item, question, observation=key, evidence=seen, coordinates=where
    )  # fmt: skip


def _logprobs(subject: OpenSubject, trial: Trial, after: TokenDistribution) -> dict[str, float]:
    """Of the trial's options, by key; a subject that was changed since may hold others likelier."""
    keys = [option.key for option in trial.question.options]
    if not all(int(key) in after.ids for key in keys):
        after = subject.next_token([trial.prompt], ids=[int(key) for key in keys])[0]
    return {key: after.logprobs[after.ids.index(int(key))] for key in keys}
